//! Kubernetes: a deployment is objects of its API, whose own controllers start, probe and replace pods. What there is is
//! watched, so that a look at a target costs one call however much runs there.

mod cluster;
mod drift;
mod kinds;
mod nodes;
mod objects;
mod pods;
mod quantity;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use kube::api::DynamicObject;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::SqlitePool;
use tokio::sync::OnceCell;

use super::endpoints::{self, Key};
use super::replicas::{self, Handle, Row};
use super::{Desired, Drift, Engine, LogTail, Outcome, ReplicaState, Surroundings, placement};
use crate::plan::{EngineKind, Facts, Plan, Restart, RuntimeKind, Workload, WorkloadKind};
use crate::targets::Spec;
use crate::{Error, metering};
use cluster::{Cluster, Conflict, Refusal};
use kinds::Kind;
use nodes::Node;
use objects::{
    APPLIED, CHOICE, Choice, DEPLOYMENT, HOST, MANAGED_BY, Object, REPLICA, REVISION, Site, WORKLOAD,
};
use pods::{Seen, see};

/// How many deployments are looked after at once.
const AT_ONCE: usize = 8;
/// How much is shown of what a program wrote before it ended.
const LAST_LINES: usize = 5;
const LAST_CHARACTERS: usize = 400;

/// How a Kubernetes target is used.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Where objects are made; none: `chandlery-` and the target's name. It is made where it is not there.
    namespace: Option<String>,
    /// Which of the kubeconfig's contexts; none: its current one.
    context: Option<String>,
    /// For what one pod at a time uses; none: the cluster's default.
    storage_class: Option<String>,
    /// For what pods on several nodes use at once; none: there is none, and each replica keeps a cache of its own.
    shared_storage_class: Option<String>,
    /// How Services are reached.
    #[serde(default)]
    service_type: ServiceType,
    /// The Secret that opens the registry of images.
    image_pull_secret: Option<String>,
    priority_class: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum ServiceType {
    #[default]
    ClusterIP,
    NodePort,
    LoadBalancer,
}

/// The engine for a Kubernetes target.
pub(crate) async fn open(
    spec: &Spec,
    db: SqlitePool,
    surroundings: &Surroundings,
) -> Result<Arc<dyn Engine>, Error> {
    let settings: Settings = match &spec.settings {
        Value::Null => Settings::default(),
        given => serde_json::from_value(given.clone())
            .map_err(|error| Error::Target { target: spec.name.clone(), reason: error.to_string() })?,
    };
    let host = surroundings.host_id.get(..8).unwrap_or(&surroundings.host_id).to_owned();
    let selector = format!("{}={},{HOST}={host}", MANAGED_BY.0, MANAGED_BY.1);
    let cluster = Cluster::open(&spec.name, &settings, spec.credential.as_deref(), &selector).await?;
    Ok(Arc::new(Kubernetes {
        db,
        target: spec.name.clone(),
        host,
        settings,
        cluster,
        last_words: Mutex::default(),
    }))
}

struct Kubernetes {
    db: SqlitePool,
    target: String,
    /// Tells this host's objects from others'.
    host: String,
    settings: Settings,
    cluster: Cluster,
    /// What each pod's program wrote last, by the pod and how often it was started again.
    last_words: Mutex<HashMap<(String, i64), String>>,
}

/// The cluster at one glance.
struct Sight {
    /// What is there of each deployment.
    objects: BTreeMap<String, Vec<(Kind, Arc<DynamicObject>)>>,
    pods: BTreeMap<String, Vec<Arc<DynamicObject>>>,
    /// The last warning about each object, by its uid.
    warnings: HashMap<String, String>,
    /// Nodes are looked at where something new is to be placed, once.
    nodes: OnceCell<Vec<Node>>,
}

/// A label of an object.
fn label<'a>(object: &'a DynamicObject, name: &str) -> &'a str {
    object.metadata.labels.as_ref().and_then(|labels| labels.get(name)).map_or("", String::as_str)
}

fn annotation<'a>(object: &'a DynamicObject, name: &str) -> Option<&'a str> {
    object.metadata.annotations.as_ref()?.get(name).map(String::as_str)
}

fn name(object: &DynamicObject) -> &str {
    object.metadata.name.as_deref().unwrap_or_default()
}

fn uid(object: &DynamicObject) -> &str {
    object.metadata.uid.as_deref().unwrap_or_default()
}

fn revision(object: &DynamicObject) -> i64 {
    label(object, REVISION).parse().unwrap_or(0)
}

impl Kubernetes {
    fn look(&self) -> Sight {
        let mut objects: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for kind in Kind::APPLIED {
            for object in self.cluster.all(kind) {
                objects.entry(label(&object, DEPLOYMENT).to_owned()).or_default().push((kind, object));
            }
        }
        let mut pods: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for pod in self.cluster.all(Kind::Pod) {
            pods.entry(label(&pod, DEPLOYMENT).to_owned()).or_default().push(pod);
        }
        Sight { objects, pods, warnings: self.warnings(), nodes: OnceCell::new() }
    }

    fn warnings(&self) -> HashMap<String, String> {
        let mut found: HashMap<String, (String, String)> = HashMap::new();
        for event in self.cluster.all(Kind::Event) {
            let data = &event.data;
            let Some(uid) = data["involvedObject"]["uid"].as_str().filter(|_| data["type"] == "Warning")
            else {
                continue;
            };
            let times = [&data["series"]["lastObservedTime"], &data["lastTimestamp"], &data["eventTime"]];
            let at = times.into_iter().find_map(Value::as_str).unwrap_or_default().to_owned();
            let said = data["message"].as_str().unwrap_or_default().trim().to_owned();
            // What kubelets tell of a back-off says less than what they back off from.
            let is_later = found.get(uid).is_none_or(|(before, _)| *before <= at);
            if is_later && !said.starts_with("Back-off") {
                found.insert(uid.into(), (at, said));
            }
        }
        found.into_iter().map(|(uid, (_, said))| (uid, said)).collect()
    }

    async fn nodes<'a>(&self, sight: &'a Sight) -> Result<&'a [Node], Error> {
        let nodes = sight.nodes.get_or_try_init(|| async {
            let (nodes, pods) = self.cluster.nodes_and_pods().await?;
            Ok::<_, Error>(nodes::nodes(&nodes, &pods))
        });
        Ok(nodes.await?)
    }

    fn site(&self) -> Site<'_> {
        Site { settings: &self.settings, namespace: &self.cluster.namespace, host: &self.host }
    }

    async fn take_steps(&self, all: &[Desired]) -> Result<Vec<Outcome>, Error> {
        self.cluster.greet().await?;
        self.cluster.must_be_complete()?;
        let sight = self.look();
        let mut rows: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for row in replicas::of_target(&self.db, &self.target).await? {
            rows.entry(row.deployment.clone()).or_default().push(row);
        }
        let mut steps = Vec::new();
        for desired in all {
            let rows = rows.remove(&desired.name).unwrap_or_default();
            steps.push(self.step(desired, rows, &sight));
        }
        Ok(futures::stream::iter(steps).buffer_unordered(AT_ONCE).collect().await)
    }

    /// The next steps of one deployment; what goes wrong with one does not hold up the others.
    async fn step(&self, desired: &Desired, rows: Vec<Row>, sight: &Sight) -> Outcome {
        let mut outcome = Outcome { deployment: desired.name.clone(), ..Outcome::default() };
        let taken = match desired.removing {
            true => self.remove(desired, rows, sight, &mut outcome).await,
            false => self.make(desired, rows, sight, &mut outcome).await,
        };
        if let Err(error) = taken {
            tracing::error!(%error, deployment = desired.name, "a deployment could not be reconciled");
        }
        outcome
    }

    async fn remove(
        &self,
        desired: &Desired,
        rows: Vec<Row>,
        sight: &Sight,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let there = sight.objects.get(&desired.name).map(Vec::as_slice).unwrap_or_default();
        for (kind, object) in there {
            if let Err(refusal) = self.cluster.delete(*kind, name(object)).await {
                return Err(self.refused(refusal));
            }
        }
        if !there.is_empty() || sight.pods.contains_key(&desired.name) {
            return Ok(());
        }
        // What was applied a moment ago may not have been heard of yet.
        let left =
            self.cluster.list_of(&format!("{DEPLOYMENT}={},{HOST}={}", desired.name, self.host)).await?;
        for (kind, name) in &left {
            if let Err(refusal) = self.cluster.delete(*kind, name).await {
                return Err(self.refused(refusal));
            }
        }
        if left.is_empty() {
            for row in &rows {
                self.forget(row).await?;
            }
            for (key, _) in endpoints::of(&self.db, &desired.name).await? {
                endpoints::forget(&self.db, &key).await?;
            }
            outcome.gone = true;
        }
        Ok(())
    }

    fn refused(&self, refusal: Refusal) -> Error {
        let reason = match refusal {
            Refusal::Away(error) => return error,
            Refusal::Refused(reason) => reason,
            Refusal::Conflict(conflicts) => say(&conflicts),
        };
        Error::TargetAway { target: self.target.clone(), reason }
    }

    async fn make(
        &self,
        desired: &Desired,
        rows: Vec<Row>,
        sight: &Sight,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let live = sight.objects.get(&desired.name).map(Vec::as_slice).unwrap_or_default();
        let pods = sight.pods.get(&desired.name).map(Vec::as_slice).unwrap_or_default();
        let missing = desired.plan.workloads.iter().flat_map(Workload::secrets);
        let missing = missing.into_iter().find(|name| desired.secrets.get(name).is_none());
        let mut refused = BTreeMap::new();
        if let Some(missing) = missing {
            let reason = format!("it waits for the secret '{missing}', which is not set or not granted");
            return self.observe(desired, rows, sight, &Hindrance::waits(reason)).await.map(drop);
        }
        let choices = self.choices(desired, live, sight).await?;
        let wanted =
            self.site().objects(desired, |workload| choices.get(&workload.name).cloned().unwrap_or_default());
        self.prune(desired, &wanted, live, Prune::Superseded).await?;
        for object in &wanted {
            let is = live.iter().find(|(kind, live)| *kind == object.kind && name(live) == object.name);
            if object.kind == Kind::Job && is.is_none() && has_former(desired, object, pods) {
                continue;
            }
            self.apply(desired, object, is.map(|(_, live)| &**live), outcome, &mut refused).await?;
        }
        let settled = self.observe(desired, rows, sight, &Hindrance { refused, waits: None }).await?;
        if settled {
            self.prune(desired, &wanted, live, Prune::Dropped).await?;
        }
        self.publish(desired, &wanted, live, pods).await
    }

    /// What each workload was given when its revision was applied first; chosen now, where it was not applied yet.
    async fn choices(
        &self,
        desired: &Desired,
        live: &[(Kind, Arc<DynamicObject>)],
        sight: &Sight,
    ) -> Result<BTreeMap<String, Choice>, Error> {
        let mut choices = BTreeMap::new();
        for workload in desired.plan.workloads.iter().filter(|workload| workload.scale.replicas_min > 0) {
            let made = live.iter().find_map(|(_, object)| {
                let is_it = label(object, WORKLOAD) == workload.name && revision(object) == desired.revision;
                serde_json::from_str(annotation(object, CHOICE).filter(|_| is_it)?).ok()
            });
            let choice = match made {
                Some(choice) => choice,
                None => nodes::choose(workload, self.nodes(sight).await?),
            };
            choices.insert(workload.name.clone(), choice);
        }
        Ok(choices)
    }

    /// Makes one object what it should be, or finds what is not as it was made.
    async fn apply(
        &self,
        desired: &Desired,
        object: &Object,
        live: Option<&DynamicObject>,
        outcome: &mut Outcome,
        refused: &mut BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let is_applied = live.is_some_and(|live| {
            annotation(live, APPLIED) == object.body["metadata"]["annotations"][APPLIED].as_str()
        });
        if let Some(live) = live.filter(|_| is_applied) {
            let found = drift::drift(object, live);
            if found.is_empty() {
                return Ok(());
            }
            outcome.drift.extend(found);
            if !desired.healing {
                return Ok(());
            }
        }
        let what = format!("{} '{}'", object.kind.resource().kind, object.name);
        match self.cluster.apply(object, desired.healing).await {
            Ok(()) => {}
            Err(Refusal::Away(error)) => return Err(error),
            Err(Refusal::Refused(reason)) => {
                refused
                    .insert(object.runs.clone().unwrap_or_default(), format!("{what} is refused: {reason}"));
            }
            Err(Refusal::Conflict(conflicts)) => {
                outcome.drift.extend(conflicts.iter().map(|conflict| Drift {
                    path: format!("{} {} {}", object.kind.resource().kind, object.name, conflict.field),
                    should: "as planned".into(),
                    is: format!("set by {}", conflict.manager),
                }));
                let reason = format!(
                    "{what} is not as planned: {}; `chandlery heal {}` takes it back",
                    say(&conflicts),
                    desired.name
                );
                refused.insert(object.runs.clone().unwrap_or_default(), reason);
            }
        }
        Ok(())
    }

    /// Removes what this revision does not have.
    async fn prune(
        &self,
        desired: &Desired,
        wanted: &[Object],
        live: &[(Kind, Arc<DynamicObject>)],
        which: Prune,
    ) -> Result<(), Error> {
        for (kind, object) in live {
            let is_wanted = wanted.iter().any(|it| it.kind == *kind && it.name == name(object));
            let workload = label(object, WORKLOAD);
            let is_of_plan = desired.plan.workloads.iter().any(|it| it.name == workload);
            let is_due = match which {
                Prune::Superseded => is_of_plan,
                Prune::Dropped => !is_of_plan,
            };
            if !is_wanted && is_due && !kind.is_kept() {
                tracing::info!(kind = ?kind, name = name(object), "an object that no revision has is removed");
                self.cluster.delete(*kind, name(object)).await.map_err(|refusal| self.refused(refusal))?;
            }
        }
        Ok(())
    }

    /// Writes down how the replicas fare; says whether everything of the revision runs, and nothing else.
    async fn observe(
        &self,
        desired: &Desired,
        rows: Vec<Row>,
        sight: &Sight,
        hindrance: &Hindrance,
    ) -> Result<bool, Error> {
        let pods = sight.pods.get(&desired.name).map(Vec::as_slice).unwrap_or_default();
        let live = sight.objects.get(&desired.name).map(Vec::as_slice).unwrap_or_default();
        // A replica keeps its number as long as its pod is there.
        let is_there = |row: &&Row| pods.iter().any(|pod| uid(pod) == row.id);
        let mut numbers: BTreeSet<_> = rows.iter().filter(is_there).map(number).collect();
        let mut found: Vec<Row> = Vec::new();
        for pods in group(pods) {
            let row = self.replica(desired, &pods, live, sight, &rows, &numbers).await;
            numbers.insert(number(&row));
            found.push(row);
        }
        for workload in &desired.plan.workloads {
            let is_it = |row: &&Row| row.workload == workload.name && row.revision == desired.revision;
            let are = found.iter().filter(is_it).count();
            for _ in are..workload.scale.replicas_min as usize {
                let index = free(&numbers, &workload.name, desired.revision);
                let row = self.awaited(desired, workload, index, live, sight, hindrance);
                numbers.insert(number(&row));
                found.push(row);
            }
        }
        for row in &rows {
            if !found.iter().any(|it| it.id == row.id) {
                self.forget(row).await?;
            }
        }
        for row in &found {
            self.save(row, rows.iter().find(|before| before.id == row.id)).await?;
        }
        let well = |row: &Row| {
            let done = matches!(row.state, ReplicaState::Ready | ReplicaState::Succeeded);
            done && row.revision == desired.revision
        };
        let in_plan = |row: &Row| desired.plan.workloads.iter().any(|it| it.name == row.workload);
        Ok(found.iter().filter(|row| in_plan(row)).all(well))
    }

    /// A replica that Kubernetes has not made yet.
    fn awaited(
        &self,
        desired: &Desired,
        workload: &Workload,
        index: i64,
        live: &[(Kind, Arc<DynamicObject>)],
        sight: &Sight,
        hindrance: &Hindrance,
    ) -> Row {
        let Hindrance { refused, waits } = hindrance;
        let of_it = live.iter().filter(|(_, object)| {
            label(object, WORKLOAD) == workload.name && revision(object) == desired.revision
        });
        let told = of_it.clone().find_map(|(_, object)| {
            let conditions = object.data["status"]["conditions"].as_array();
            let failure = conditions.into_iter().flatten().find(|it| {
                it["status"] == "True"
                    && ["ReplicaFailure", "FailureTarget"].iter().any(|kind| it["type"] == *kind)
            });
            let message = failure.and_then(|it| it["message"].as_str()).map(String::from);
            message.or_else(|| sight.warnings.get(uid(object)).cloned())
        });
        let (state, detail) = match refused.get(&workload.name).or_else(|| refused.get("")) {
            Some(reason) => (ReplicaState::Failed, reason.clone()),
            None => {
                let detail = waits.clone().or(told.map(|told| format!("its pod is not made: {told}")));
                (ReplicaState::Preparing, detail.unwrap_or_else(|| "its pod is being made".into()))
            }
        };
        Row {
            id: format!("{}.{}.r{}.{index}", desired.name, workload.name, desired.revision),
            deployment: desired.name.clone(),
            revision: desired.revision,
            workload: workload.name.clone(),
            index,
            state,
            detail,
            ..Row::default()
        }
    }

    /// The replica that these pods are: one, or one for each node that it spans.
    async fn replica(
        &self,
        desired: &Desired,
        pods: &[&Arc<DynamicObject>],
        live: &[(Kind, Arc<DynamicObject>)],
        sight: &Sight,
        rows: &[Row],
        numbers: &BTreeSet<Number>,
    ) -> Row {
        let newest = newest_of_each_rank(pods);
        let first = newest[0];
        let revision = revision(first);
        let workload = desired.workload(revision, label(first, WORKLOAD));
        let former = pods.len() - newest.len();
        let mut seen: Vec<(&DynamicObject, Seen)> = Vec::new();
        for pod in &newest {
            let mut it = see(pod, sight.warnings.get(uid(pod)).map(String::as_str));
            it.restarts += i64::try_from(former).unwrap_or(0);
            if workload.is_some_and(|workload| workload.kind == WorkloadKind::Job) {
                judge_job(pod, live, &mut it);
            }
            seen.push((pod, it));
        }
        let wanted = workload.map_or(1, |workload| workload.scale.nodes_per_replica as usize);
        // A replica fares as the worst of its pods does.
        let worst = seen.iter().min_by_key(|(_, it)| rank(it.state)).unwrap_or(&seen[0]);
        let (mut state, mut detail) = (worst.1.state, worst.1.detail.clone());
        if state == ReplicaState::Ready && seen.len() < wanted {
            (state, detail) =
                (ReplicaState::Preparing, format!("{} of its {wanted} pods are there", seen.len()));
        }
        if worst.1.crashed
            && let Some(words) = self.last_words(worst.0, &worst.1).await
        {
            detail = format!("{detail}; it last wrote: {words}");
        }
        let (pod, it) = &seen[0];
        let id = uid(pod).to_owned();
        let before = rows.iter().find(|row| row.id == id);
        let address = pod.data["status"]["podIP"].as_str().unwrap_or_default();
        let ports = workload.filter(|_| !address.is_empty()).map(|workload| &workload.ports);
        Row {
            deployment: desired.name.clone(),
            revision,
            workload: label(first, WORKLOAD).to_owned(),
            index: index(pod, before, numbers),
            ports: ports.into_iter().flatten().map(|port| (port.name.clone(), port.number)).collect(),
            node: address.into(),
            handle: Some(Handle::Pod(name(pod).into())),
            gpu_count: workload.map_or(0, |workload| i64::from(workload.gpus())),
            program: pod.data["spec"]["containers"][0]["image"].as_str().map(String::from),
            restarts: seen.iter().map(|(_, it)| it.restarts).max().unwrap_or(0),
            started_at: it.started_at,
            ready_at: it.ready_at.filter(|_| state == ReplicaState::Ready),
            was_ready: state == ReplicaState::Ready || before.is_some_and(|row| row.was_ready),
            // A program that has ended is metered until then, and no more.
            not_before: match state {
                ReplicaState::Succeeded | ReplicaState::Failed => it.finished_at,
                _ => None,
            },
            metered_until: it.started_at,
            state,
            detail,
            id,
            ..Row::default()
        }
    }

    /// What a pod's program wrote before it ended, read once for each end.
    async fn last_words(&self, pod: &DynamicObject, it: &Seen) -> Option<String> {
        let key = (uid(pod).to_owned(), it.restarts);
        let known = |words: &Mutex<HashMap<_, String>>| {
            words.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
        };
        if let Some(words) = known(&self.last_words) {
            return Some(words).filter(|words| !words.is_empty());
        }
        let previous = it.state == ReplicaState::BackingOff && it.restarts > 0;
        let lines = self.cluster.logs(name(pod), LAST_LINES, previous).await.ok()?;
        let words = lines.join(" ⏎ ");
        let from = words.char_indices().rev().nth(LAST_CHARACTERS).map_or(0, |(at, _)| at);
        let words = words[from..].to_owned();
        let mut all = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key, words.clone());
        Some(words).filter(|words| !words.is_empty())
    }

    async fn save(&self, row: &Row, before: Option<&Row>) -> Result<(), Error> {
        let is_same = before
            .is_some_and(|before| *before == Row { metered_until: before.metered_until, ..row.clone() });
        if !is_same {
            replicas::save(&self.db, row).await?;
        }
        let is_over = matches!(row.state, ReplicaState::Succeeded | ReplicaState::Failed);
        let is_metered = before.is_none_or(|before| before.metered_until.is_some());
        if is_over && is_metered && row.handle.is_some() {
            metering::meter_until(&self.db, &row.id, row.not_before.unwrap_or_else(Timestamp::now)).await?;
            replicas::close_meter(&self.db, &row.id).await?;
        }
        Ok(())
    }

    async fn forget(&self, row: &Row) -> Result<(), Error> {
        metering::meter_until(&self.db, &row.id, Timestamp::now()).await?;
        replicas::delete(&self.db, &row.id).await?;
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner).retain(|(pod, _), _| *pod != row.id);
        Ok(())
    }

    /// Writes down where ports are reached.
    async fn publish(
        &self,
        desired: &Desired,
        wanted: &[Object],
        live: &[(Kind, Arc<DynamicObject>)],
        pods: &[Arc<DynamicObject>],
    ) -> Result<(), Error> {
        let before: BTreeMap<_, _> = endpoints::of(&self.db, &desired.name).await?.into_iter().collect();
        let mut keys = BTreeSet::new();
        for service in wanted.iter().filter(|object| object.kind == Kind::Service) {
            let is = live.iter().find(|(kind, it)| *kind == Kind::Service && name(it) == service.name);
            let Some((_, is)) = is else { continue };
            let workload = label(is, WORKLOAD);
            let ports =
                desired.plan.workloads.iter().filter(|it| it.name == workload).flat_map(|it| &it.ports);
            for port in ports {
                let Some(address) = self.address(is, &port.name, pods) else { continue };
                let (deployment, workload) = (desired.name.clone(), workload.to_owned());
                let key = Key { deployment, workload, port: port.name.clone() };
                if before.get(&key) != Some(&address) {
                    endpoints::set(&self.db, &key, port.number, &address).await?;
                }
                keys.insert(key);
            }
        }
        for key in before.keys().filter(|key| !keys.contains(*key)) {
            endpoints::forget(&self.db, key).await?;
        }
        Ok(())
    }

    /// Where a port of a Service is reached, as far as it is known by now.
    fn address(&self, service: &DynamicObject, port: &str, pods: &[Arc<DynamicObject>]) -> Option<String> {
        let spec = &service.data["spec"];
        if spec["clusterIP"] == "None" {
            return None;
        }
        let port = spec["ports"].as_array()?.iter().find(|known| known["name"] == port)?;
        match self.settings.service_type {
            ServiceType::ClusterIP => {
                Some(format!("{}.{}.svc:{}", name(service), self.cluster.namespace, port["port"]))
            }
            ServiceType::LoadBalancer => {
                let given = &service.data["status"]["loadBalancer"]["ingress"][0];
                let place = given["ip"].as_str().or_else(|| given["hostname"].as_str())?;
                Some(format!("{place}:{}", port["port"]))
            }
            ServiceType::NodePort => {
                let node = pods.iter().find_map(|pod| pod.data["status"]["hostIP"].as_str())?;
                Some(format!("{node}:{}", port["nodePort"].as_i64()?))
            }
        }
    }

    async fn tails(&self, deployment: &str, lines: usize) -> Result<Vec<LogTail>, Error> {
        let rows = replicas::of(&self.db, deployment).await?;
        let mut tails = Vec::new();
        for pod in self.cluster.all(Kind::Pod) {
            if label(&pod, DEPLOYMENT) != deployment {
                continue;
            }
            let row = rows.iter().find(|row| row.id == uid(&pod));
            let replica =
                row.map_or_else(|| name(&pod).to_owned(), |row| format!("{}.r{}", row.label(), row.revision));
            let mut written = self.cluster.logs(name(&pod), lines, false).await?;
            if written.is_empty() {
                written = self.cluster.logs(name(&pod), lines, true).await?;
            }
            tails.push(LogTail { replica, lines: written });
        }
        tails.sort_by(|a, b| a.replica.cmp(&b.replica));
        Ok(tails)
    }
}

/// What keeps pods from being made.
struct Hindrance {
    /// What the API server refused, by workload; under no name what concerns all of them.
    refused: BTreeMap<String, String>,
    waits: Option<String>,
}

impl Hindrance {
    fn waits(reason: String) -> Self {
        Self { refused: BTreeMap::new(), waits: Some(reason) }
    }
}

/// What is removed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prune {
    /// What workloads of the plan have no more: at once.
    Superseded,
    /// What belongs to no workload of the plan: once what it has instead runs.
    Dropped,
}

fn say(conflicts: &[Conflict]) -> String {
    let each = conflicts.iter().map(|conflict| format!("{} has set {}", conflict.manager, conflict.field));
    each.collect::<Vec<_>>().join(", ")
}

/// Whether pods of another revision of a job are there: a job never runs beside its former self.
fn has_former(desired: &Desired, job: &Object, pods: &[Arc<DynamicObject>]) -> bool {
    let workload = job.runs.as_deref().unwrap_or_default();
    pods.iter().any(|pod| label(pod, WORKLOAD) == workload && revision(pod) != desired.revision)
}

/// Pods by the replica that they are, or are a part of.
fn group(pods: &[Arc<DynamicObject>]) -> Vec<Vec<&Arc<DynamicObject>>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for pod in pods {
        let part = match label(pod, REPLICA) {
            "" => name(pod),
            replica => replica,
        };
        groups.entry((label(pod, WORKLOAD), revision(pod), part)).or_default().push(pod);
    }
    groups.into_values().collect()
}

/// Of pods that were made in each other's place the last one, the first node's before the others.
fn newest_of_each_rank<'a>(pods: &[&'a Arc<DynamicObject>]) -> Vec<&'a Arc<DynamicObject>> {
    let mut newest: BTreeMap<i64, &Arc<DynamicObject>> = BTreeMap::new();
    for pod in pods {
        let made = |pod: &DynamicObject| pod.metadata.creation_timestamp.clone();
        let held = newest.entry(node_rank(pod)).or_insert(pod);
        if made(held) < made(pod) {
            *held = pod;
        }
    }
    newest.into_values().collect()
}

/// Which of its replica's nodes a pod runs on.
fn node_rank(pod: &DynamicObject) -> i64 {
    let by_label =
        [objects::JOB_INDEX, objects::POD_INDEX].into_iter().find_map(|it| label(pod, it).parse().ok());
    by_label.unwrap_or(0)
}

/// A workload, a revision, and which of its replicas.
type Number = (String, i64, i64);

fn number(row: &Row) -> Number {
    (row.workload.clone(), row.revision, row.index)
}

/// The first number that no replica has.
fn free(numbers: &BTreeSet<Number>, workload: &str, revision: i64) -> i64 {
    (0..).find(|index| !numbers.contains(&(workload.to_owned(), revision, *index))).unwrap_or(0)
}

/// Which of its workload's replicas a pod is.
fn index(pod: &DynamicObject, before: Option<&Row>, numbers: &BTreeSet<Number>) -> i64 {
    let by_label = [REPLICA, objects::POD_INDEX].into_iter().find_map(|it| label(pod, it).parse().ok());
    let known = by_label.or(before.map(|before| before.index));
    known.unwrap_or_else(|| free(numbers, label(pod, WORKLOAD), revision(pod)))
}

/// States from the worst to the best.
fn rank(state: ReplicaState) -> u8 {
    match state {
        ReplicaState::Failed => 0,
        ReplicaState::Stopping => 1,
        ReplicaState::BackingOff => 2,
        ReplicaState::Preparing => 3,
        ReplicaState::Starting => 4,
        ReplicaState::Ready => 5,
        ReplicaState::Succeeded => 6,
    }
}

/// A job's pod that has failed is tried again until its Job has failed.
fn judge_job(pod: &DynamicObject, live: &[(Kind, Arc<DynamicObject>)], it: &mut Seen) {
    let owner = label(pod, "batch.kubernetes.io/job-name");
    let job = live.iter().find(|(kind, object)| *kind == Kind::Job && name(object) == owner);
    let conditions = job.and_then(|(_, job)| job.data["status"]["conditions"].as_array());
    let has_failed =
        conditions.into_iter().flatten().any(|it| it["type"] == "Failed" && it["status"] == "True");
    if it.state == ReplicaState::Failed && !has_failed {
        it.state = ReplicaState::BackingOff;
        it.detail = format!("{}; tried again in a while", it.detail);
    }
}

impl Engine for Kubernetes {
    fn pace(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn inventory(&self) -> BoxFuture<'_, Result<Facts, Error>> {
        Box::pin(async move {
            self.cluster.greet().await?;
            let (nodes, pods) = self.cluster.nodes_and_pods().await?;
            let nodes = nodes::nodes(&nodes, &pods);
            let architecture = nodes.first().map(|node| node.architecture.clone());
            Ok(Facts {
                name: self.target.clone(),
                engine: EngineKind::Kubernetes,
                runtimes: vec![RuntimeKind::Container],
                gpu_pools: nodes::pools(&nodes),
                architecture: architecture.unwrap_or_else(|| "x86_64".into()),
            })
        })
    }

    fn check(&self, plan: &Plan, facts: &Facts) -> Result<(), Error> {
        placement::fit(plan, facts)?;
        let refuse = |workload: &Workload, reason: &str| {
            let reason = format!("workload '{}' {reason}", workload.name);
            Err(Error::CannotRun { target: self.target.clone(), reason })
        };
        for workload in &plan.workloads {
            if workload.kind == WorkloadKind::Service && workload.restart != Restart::Always {
                return refuse(
                    workload,
                    "is a service that is not always restarted, which Kubernetes does not have",
                );
            }
        }
        Ok(())
    }

    fn pass<'a>(&'a self, desired: &'a [Desired]) -> BoxFuture<'a, Result<Vec<Outcome>, Error>> {
        Box::pin(self.take_steps(desired))
    }

    fn logs<'a>(&'a self, deployment: &'a str, lines: usize) -> BoxFuture<'a, Result<Vec<LogTail>, Error>> {
        Box::pin(self.tails(deployment, lines))
    }
}
