//! How pods become replicas: one, or one for each node that a replica spans, with what keeps others from being made.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kube::api::DynamicObject;

use super::Kubernetes;
use super::kinds::Kind;
use super::object::{JOB_INDEX, POD_INDEX, REPLICA, WORKLOAD};
use super::pods::{Seen, see};
use super::snapshot::{Hindrance, Snapshot, label, name, revision, uid};
use crate::Desired;
use crate::replicas::{self, Handle, ReplicaRow};
use crate::{Error, usage};
use chandlery_package::plan::{Workload, WorkloadKind};
use chandlery_package::wire::host::ReplicaState;

/// How much is shown of what a program wrote before it ended.
const LAST_LINES: usize = 5;
const LAST_CHARACTERS: usize = 400;

impl Kubernetes {
    /// Writes down how the replicas fare; says whether everything of the revision runs, and nothing else.
    pub(super) async fn record(
        &self,
        desired: &Desired,
        rows: Vec<ReplicaRow>,
        snapshot: &Snapshot,
        hindrance: &Hindrance,
    ) -> Result<bool, Error> {
        let pods = snapshot.pods.get(&desired.name).map(Vec::as_slice).unwrap_or_default();
        let live = snapshot.objects.get(&desired.name).map(Vec::as_slice).unwrap_or_default();
        // A replica keeps its number as long as its pod is there.
        let is_there = |row: &&ReplicaRow| pods.iter().any(|pod| uid(pod) == row.id);
        let mut numbers: BTreeSet<_> = rows.iter().filter(is_there).map(number).collect();
        let mut found: Vec<ReplicaRow> = Vec::new();
        for pods in group(pods) {
            let mut row = self.replica(desired, &pods, live, snapshot, &rows, &numbers).await;
            if let Some(reason) = &hindrance.leaves {
                let said = [row.detail.as_str(), reason.as_str()];
                row.detail = said.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join("; ");
            }
            numbers.insert(number(&row));
            found.push(row);
        }
        for workload in &desired.plan.workloads {
            let is_it = |row: &&ReplicaRow| row.workload == workload.name && row.revision == desired.revision;
            let are = found.iter().filter(is_it).count();
            for _ in are..workload.scale.replicas_min as usize {
                let index = free(&numbers, &workload.name, desired.revision);
                let row = self.awaited(desired, workload, index, live, snapshot, hindrance);
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
        let well = |row: &ReplicaRow| {
            let done = matches!(row.state, ReplicaState::Ready | ReplicaState::Succeeded);
            done && row.revision == desired.revision
        };
        let in_plan = |row: &ReplicaRow| desired.plan.workloads.iter().any(|it| it.name == row.workload);
        Ok(found.iter().filter(|row| in_plan(row)).all(well))
    }

    /// A replica that Kubernetes has not made yet.
    fn awaited(
        &self,
        desired: &Desired,
        workload: &Workload,
        index: i64,
        live: &[(Kind, Arc<DynamicObject>)],
        snapshot: &Snapshot,
        hindrance: &Hindrance,
    ) -> ReplicaRow {
        let Hindrance { refused, waits, .. } = hindrance;
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
            message.or_else(|| snapshot.warnings.get(uid(object)).cloned())
        });
        let (state, detail) = match refused.get(&workload.name).or_else(|| refused.get("")) {
            Some(reason) => (ReplicaState::Failed, reason.clone()),
            None => {
                let detail = waits.clone().or(told.map(|told| format!("its pod is not made: {told}")));
                (ReplicaState::Preparing, detail.unwrap_or_else(|| "its pod is being made".into()))
            }
        };
        ReplicaRow {
            id: format!("{}.{}.r{}.{index}", desired.name, workload.name, desired.revision),
            deployment: desired.name.clone(),
            revision: desired.revision,
            workload: workload.name.clone(),
            index,
            state,
            detail,
            ..ReplicaRow::default()
        }
    }

    /// The replica that these pods are: one, or one for each node that it spans.
    async fn replica(
        &self,
        desired: &Desired,
        pods: &[&Arc<DynamicObject>],
        live: &[(Kind, Arc<DynamicObject>)],
        snapshot: &Snapshot,
        rows: &[ReplicaRow],
        numbers: &BTreeSet<Number>,
    ) -> ReplicaRow {
        let newest = newest_of_each_rank(pods);
        let first = newest[0];
        let revision = revision(first);
        let workload = desired.workload(revision, label(first, WORKLOAD));
        let former = pods.len() - newest.len();
        let mut seen: Vec<(&DynamicObject, Seen)> = Vec::new();
        for pod in &newest {
            let mut it = see(pod, snapshot.warnings.get(uid(pod)).map(String::as_str));
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
        ReplicaRow {
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
            ..ReplicaRow::default()
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

    async fn save(&self, row: &ReplicaRow, before: Option<&ReplicaRow>) -> Result<(), Error> {
        let is_same = before.is_some_and(|before| {
            *before == ReplicaRow { metered_until: before.metered_until, ..row.clone() }
        });
        if !is_same {
            replicas::save(&self.db, row).await?;
        }
        let runs = |row: &ReplicaRow| matches!(row.state, ReplicaState::Starting | ReplicaState::Ready);
        if row.state == ReplicaState::Stopping && before.is_some_and(runs) {
            usage::meter_now(&self.db, &row.id).await?;
        }
        let is_over = matches!(row.state, ReplicaState::Succeeded | ReplicaState::Failed);
        let is_metered = before.is_none_or(|before| before.metered_until.is_some());
        if is_over && is_metered && row.handle.is_some() {
            usage::meter_until(&self.db, &row.id, row.not_before.unwrap_or_else(Timestamp::now)).await?;
            replicas::close_meter(&self.db, &row.id).await?;
        }
        Ok(())
    }

    pub(super) async fn forget(&self, row: &ReplicaRow) -> Result<(), Error> {
        usage::meter_until(&self.db, &row.id, Timestamp::now()).await?;
        replicas::delete(&self.db, &row.id).await?;
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner).retain(|(pod, _), _| *pod != row.id);
        Ok(())
    }
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
    let by_label = [JOB_INDEX, POD_INDEX].into_iter().find_map(|it| label(pod, it).parse().ok());
    by_label.unwrap_or(0)
}

/// A workload, a revision, and which of its replicas.
type Number = (String, i64, i64);

fn number(row: &ReplicaRow) -> Number {
    (row.workload.clone(), row.revision, row.index)
}

/// The first number that no replica has.
fn free(numbers: &BTreeSet<Number>, workload: &str, revision: i64) -> i64 {
    (0..).find(|index| !numbers.contains(&(workload.to_owned(), revision, *index))).unwrap_or(0)
}

/// Which of its workload's replicas a pod is.
fn index(pod: &DynamicObject, before: Option<&ReplicaRow>, numbers: &BTreeSet<Number>) -> i64 {
    let by_label = [REPLICA, POD_INDEX].into_iter().find_map(|it| label(pod, it).parse().ok());
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
