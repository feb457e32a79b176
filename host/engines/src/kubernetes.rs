//! Kubernetes: a deployment is objects of its API, whose own controllers start, probe and replace pods. What there is is
//! watched, so that a look at a target costs one call however much runs there.

mod answers;
mod awaited;
mod cluster;
mod drift;
mod events;
mod foreign;
mod grouping;
mod jobs;
mod kinds;
mod managed;
mod nodes;
mod object;
mod objects;
mod part;
mod pod;
mod pods;
mod probes;
mod quantity;
mod record;
mod rehearsal;
mod rights;
mod security;
mod settings;
mod site;
mod snapshot;
mod taints;
mod view;
mod watching;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::Value;
use sqlx::SqlitePool;
use tokio::sync::OnceCell;

use super::endpoints::{self, Key};
use super::replicas::{self, ReplicaRow};
use super::{Desired, Engine, EngineContext, Outcome, TargetSpec, placement};
use crate::{Error, usage};
use answers::Refusal;
use chandlery_package::plan::{EngineKind, Facts, Plan, Restart, RuntimeKind, Workload, WorkloadKind};
use chandlery_package::wire::host::{Drift, LogTail, ReplicaState};
use cluster::Cluster;
use events::Events;
use kinds::Kind;
use nodes::Node;
use object::{CHOICE, Choice, DEPLOYMENT, HOST, Object, WORKLOAD};
use settings::{KubernetesSettings, ServiceType};
use site::Site;
use snapshot::{Hindrance, Snapshot, annotation, is_applied, label, name, revision, uid};
use view::{View, end};

/// How many deployments are looked after at once.
const AT_ONCE: usize = 8;

/// The engine for a Kubernetes target.
pub(crate) async fn open(
    spec: &TargetSpec,
    db: SqlitePool,
    context: &EngineContext,
) -> Result<Arc<dyn Engine>, Error> {
    let settings: KubernetesSettings = match &spec.settings {
        Value::Null => KubernetesSettings::default(),
        given => serde_json::from_value(given.clone())
            .map_err(|error| Error::Target { target: spec.name.clone(), reason: error.to_string() })?,
    };
    let host = context.host_id.get(..8).unwrap_or(&context.host_id).to_owned();
    let cluster = Cluster::open(&spec.name, &settings, spec.credential.as_deref(), &host).await?;
    Ok(Arc::new(Kubernetes {
        db,
        target: spec.name.clone(),
        host,
        settings,
        cluster,
        last_words: Mutex::default(),
        withdrawn: Mutex::default(),
    }))
}

struct Kubernetes {
    db: SqlitePool,
    target: String,
    /// Tells this host's objects from others'.
    host: String,
    settings: KubernetesSettings,
    cluster: Cluster,
    /// What each pod's program wrote last, by the pod and how often it was started again.
    last_words: Mutex<HashMap<(String, i64), String>>,
    /// The Jobs that were removed before they had ended, because nobody wanted them any more: they may be made again.
    withdrawn: Mutex<BTreeSet<String>>,
}

impl Kubernetes {
    fn observe(&self) -> Snapshot {
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
        let events = Events::read(&self.cluster.all(Kind::Event));
        Snapshot { objects, pods, events, nodes: OnceCell::new() }
    }

    async fn nodes<'a>(&self, snapshot: &'a Snapshot) -> Result<&'a [Node], Error> {
        let nodes = snapshot.nodes.get_or_try_init(|| async {
            let (nodes, pods) = self.cluster.nodes_and_pods().await?;
            Ok::<_, Error>(nodes::nodes(&nodes, &pods, &self.settings))
        });
        Ok(nodes.await?)
    }

    fn site<'a>(&'a self, live: &'a [(Kind, Arc<DynamicObject>)]) -> Site<'a> {
        Site { settings: &self.settings, namespace: &self.cluster.namespace, host: &self.host, live }
    }

    async fn take_steps(&self, all: &[Desired]) -> Result<Vec<Outcome>, Error> {
        self.cluster.greet().await?;
        self.cluster.must_be_complete()?;
        let snapshot = self.observe();
        let mut rows: BTreeMap<String, Vec<ReplicaRow>> = BTreeMap::new();
        for row in replicas::of_target(&self.db, &self.target).await? {
            rows.entry(row.deployment.clone()).or_default().push(row);
        }
        let mut steps = Vec::new();
        for desired in all {
            let rows = rows.remove(&desired.name).unwrap_or_default();
            steps.push(self.step(desired, rows, &snapshot));
        }
        Ok(futures::stream::iter(steps).buffer_unordered(AT_ONCE).collect().await)
    }

    /// The next steps of one deployment; what goes wrong with one does not hold up the others.
    async fn step(&self, desired: &Desired, rows: Vec<ReplicaRow>, snapshot: &Snapshot) -> Outcome {
        let mut outcome = Outcome { deployment: desired.name.clone(), ..Outcome::default() };
        let taken = match desired.removing {
            true => self.remove(desired, rows, snapshot, &mut outcome).await,
            false => self.make(desired, rows, snapshot, &mut outcome).await,
        };
        if let Err(error) = taken {
            tracing::error!(%error, deployment = desired.name, "a deployment could not be reconciled");
        }
        outcome
    }

    async fn remove(
        &self,
        desired: &Desired,
        rows: Vec<ReplicaRow>,
        snapshot: &Snapshot,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let there = snapshot.objects.get(&desired.name).map(Vec::as_slice).unwrap_or_default();
        for row in rows.iter().filter(|row| !there.is_empty() && row.state == ReplicaState::Ready) {
            usage::meter_now(&self.db, &row.id).await?;
        }
        for (kind, object) in there {
            if let Err(refusal) = self.cluster.delete(*kind, name(object)).await {
                return Err(self.refused(refusal));
            }
        }
        if !there.is_empty() || snapshot.pods.contains_key(&desired.name) {
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
                self.forget(row, Timestamp::now()).await?;
            }
            for (key, _) in endpoints::of(&self.db, &desired.name).await? {
                endpoints::forget(&self.db, &key).await?;
            }
            outcome.gone = true;
        }
        Ok(())
    }

    fn refused(&self, refusal: Refusal) -> Error {
        match refusal.reason() {
            Ok(reason) => Error::TargetAway { target: self.target.clone(), reason },
            Err(error) => error,
        }
    }

    async fn make(
        &self,
        desired: &Desired,
        rows: Vec<ReplicaRow>,
        snapshot: &Snapshot,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let view = View::of(desired, snapshot);
        let live = view.live;
        if let Some(reason) = self.not_allowed(&desired.plan) {
            // What runs was allowed when it was deployed; nothing new mounts what is not allowed any more.
            return self.record(&view, rows, &Hindrance::leaves(reason)).await.map(drop);
        }
        let missing = desired.plan.workloads.iter().flat_map(Workload::secrets);
        let missing = missing.into_iter().find(|name| desired.secrets.get(name).is_none());
        if let Some(missing) = missing {
            let reason = format!("it waits for the secret '{missing}', which is not set or not granted");
            return self.record(&view, rows, &Hindrance::waits(reason)).await.map(drop);
        }
        let choices = self.choices(&view, &rows).await?;
        if let Some((without, _)) = choices.iter().find(|(_, choice)| choice.is_none()) {
            let reason = format!("no node has the GPUs that workload '{without}' wishes for at the moment");
            return self.record(&view, rows, &Hindrance::waits(reason)).await.map(drop);
        }
        let wanted = objects::objects(&self.site(live), desired, |workload| {
            choices.get(&workload.name).cloned().flatten().unwrap_or_default()
        });
        let mut hindrance = Hindrance::default();
        let mut due = Vec::new();
        for object in &wanted {
            let is = live.iter().find(|(kind, live)| *kind == object.kind && name(live) == object.name);
            let is = is.map(|(_, live)| &**live);
            if object.kind != Kind::Job || self.may_run(&view, object, is, &rows, &mut hindrance).await? {
                due.push((object, is));
            }
        }
        let applied: Vec<&Object> = due.iter().map(|(object, _)| *object).collect();
        if let Some(reason) = self.taken(&applied, live).await? {
            hindrance.refused.insert(String::new(), reason);
            return self.record(&view, rows, &hindrance).await.map(drop);
        }
        self.prune(desired, &wanted, live, Prune::Superseded).await?;
        for (object, is) in due {
            self.apply(desired, object, is, outcome, &mut hindrance.refused).await?;
        }
        let settled = self.record(&view, rows, &hindrance).await?;
        if settled {
            self.prune(desired, &wanted, live, Prune::Dropped).await?;
        }
        self.publish(&view, &wanted).await
    }

    /// What each workload was given when its revision was applied first; chosen now, where it was not applied yet, if it can be.
    async fn choices(
        &self,
        view: &View<'_>,
        rows: &[ReplicaRow],
    ) -> Result<BTreeMap<String, Option<Choice>>, Error> {
        let mut choices = BTreeMap::new();
        let workloads = view.desired.plan.workloads.iter().filter(|workload| workload.scale.replicas_min > 0);
        for workload in workloads.filter(|workload| !view.has_run(workload, rows)) {
            let made = view
                .of_workload(&workload.name)
                .find_map(|object| serde_json::from_str(annotation(object, CHOICE)?).ok());
            let choice = match made {
                Some(choice) => Some(choice),
                None => nodes::choose(workload, self.nodes(view.snapshot).await?),
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
        if let Some(live) = live.filter(|live| is_applied(object, live)) {
            let found = drift::drift(object, live, &self.cluster.manager);
            if found.is_empty() {
                return Ok(());
            }
            outcome.drift.extend(found);
            if !desired.repairing {
                return Ok(());
            }
        }
        if let Some(live) = live {
            match self.cluster.take_over(object.kind, live).await {
                Ok(()) => {}
                Err(Refusal::Away(error)) => return Err(error),
                // It has changed since it was looked at, and is looked at again.
                Err(_) => return Ok(()),
            }
        }
        match self.cluster.apply(object, desired.repairing).await {
            Ok(()) => {}
            Err(Refusal::Away(error)) => return Err(error),
            Err(Refusal::Refused(reason)) => {
                let reason = format!("{} is refused: {reason}", object.called());
                refused.insert(object.runs.clone().unwrap_or_default(), reason);
            }
            Err(Refusal::Conflict(conflicts)) => {
                outcome.drift.extend(conflicts.iter().map(|conflict| Drift {
                    path: format!("{} {} {}", object.kind.resource().kind, object.name, conflict.field),
                    should: "as planned".into(),
                    is: format!("set by {}", conflict.manager),
                }));
                let reason = rehearsal::in_the_way(object, &conflicts, &desired.name);
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
            // A Job that has ended holds nothing, and says that it need not be run again.
            let is_done = revision(object) == desired.revision && end(object).is_some();
            if !is_wanted && is_due && !kind.is_kept() && !is_done {
                if *kind == Kind::Job {
                    self.withdraw(name(object));
                }
                tracing::info!(kind = ?kind, name = name(object), "an object that no revision has is removed");
                self.cluster.delete(*kind, name(object)).await.map_err(|refusal| self.refused(refusal))?;
            }
        }
        Ok(())
    }

    /// Writes down where ports are reached.
    async fn publish(&self, view: &View<'_>, wanted: &[Object]) -> Result<(), Error> {
        let View { desired, live, pods, .. } = view;
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
    fn address(&self, service: &DynamicObject, port: &str, pods: &[&Arc<DynamicObject>]) -> Option<String> {
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
        let rows = replicas::rows_of(&self.db, deployment).await?;
        let mut tails = Vec::new();
        for pod in self.cluster.all(Kind::Pod) {
            if label(&pod, DEPLOYMENT) != deployment {
                continue;
            }
            let row = rows.iter().find(|row| row.id == uid(&pod));
            let replica =
                row.map_or_else(|| name(&pod).to_owned(), |row| format!("{}.r{}", row.label(), row.revision));
            let container = label(&pod, WORKLOAD);
            let mut written = self.cluster.logs(name(&pod), container, lines, false).await?;
            if written.is_empty() {
                written = self.cluster.logs(name(&pod), container, lines, true).await?;
            }
            tails.push(LogTail { replica, lines: written });
        }
        tails.sort_by(|a, b| a.replica.cmp(&b.replica));
        Ok(tails)
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

impl Engine for Kubernetes {
    fn pace(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn inventory(&self) -> BoxFuture<'_, Result<Facts, Error>> {
        Box::pin(async move {
            self.cluster.greet().await?;
            let (nodes, pods) = self.cluster.nodes_and_pods().await?;
            let nodes = nodes::nodes(&nodes, &pods, &self.settings);
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
            if let Some(reason) = self.settings.refuses(workload) {
                return refuse(workload, &reason);
            }
        }
        Ok(())
    }

    fn must_be_allowed(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            self.cluster.greet().await?;
            self.cluster.must_allow().await
        })
    }

    fn rehearse<'a>(&'a self, desired: &'a Desired) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.must_take(desired))
    }

    fn pass<'a>(&'a self, desired: &'a [Desired]) -> BoxFuture<'a, Result<Vec<Outcome>, Error>> {
        Box::pin(self.take_steps(desired))
    }

    fn logs<'a>(&'a self, deployment: &'a str, lines: usize) -> BoxFuture<'a, Result<Vec<LogTail>, Error>> {
        Box::pin(self.tails(deployment, lines))
    }
}
