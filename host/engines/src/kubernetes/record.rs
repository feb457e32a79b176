//! How pods become replicas: one, or one for each node that a replica spans, with what keeps others from being made.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kube::api::DynamicObject;

use super::Kubernetes;
use super::grouping::{Number, free, group, index, newest_of_each_rank, number};
use super::object::{REPLICA, WORKLOAD};
use super::pods::{Seen, image, is_over, see};
use super::snapshot::{Hindrance, label, name, revision, uid};
use super::view::{View, end};
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
        view: &View<'_>,
        rows: Vec<ReplicaRow>,
        hindrance: &Hindrance,
    ) -> Result<bool, Error> {
        let desired = view.desired;
        // A replica keeps its number as long as its pod is there.
        let is_there = |row: &&ReplicaRow| view.pods.iter().any(|pod| uid(pod) == row.id);
        let mut numbers: BTreeSet<_> = rows.iter().filter(is_there).map(number).collect();
        let mut found: Vec<ReplicaRow> = Vec::new();
        for pods in group(&view.pods) {
            let mut row = self.replica(view, &pods, &rows, &numbers).await;
            let refused = hindrance.refused.get(&row.workload).filter(|_| row.revision == desired.revision);
            for reason in hindrance.leaves.iter().chain(refused) {
                let said = [row.detail.as_str(), reason.as_str()];
                row.detail = said.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join("; ");
            }
            numbers.insert(number(&row));
            found.push(row);
        }
        for row in view.ended(&rows, hindrance) {
            if numbers.insert(number(&row)) {
                found.push(row);
            }
        }
        for workload in &desired.plan.workloads {
            let is_it = |row: &&ReplicaRow| row.workload == workload.name && row.revision == desired.revision;
            let are = found.iter().filter(is_it).count();
            for _ in are..workload.scale.replicas_min as usize {
                let index = free(&numbers, &workload.name, desired.revision);
                let row = view.awaited(workload, index, hindrance);
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

    /// The replica that these pods are: one, or one for each node that it spans.
    async fn replica(
        &self,
        view: &View<'_>,
        pods: &[&Arc<DynamicObject>],
        rows: &[ReplicaRow],
        numbers: &BTreeSet<Number>,
    ) -> ReplicaRow {
        let newest = newest_of_each_rank(pods);
        let first = newest[0];
        let revision = revision(first);
        let workload = view.desired.workload(revision, label(first, WORKLOAD));
        let now = Timestamp::now();
        let look = |pod: &DynamicObject| see(pod, view.snapshot.events.of(uid(pod)), now);
        // Who was taken from its node did not have to be started again for what it did.
        let is_former = |pod: &&&Arc<DynamicObject>| newest.iter().all(|it| uid(it) != uid(pod));
        let former = pods.iter().filter(is_former).filter(|pod| !look(pod).taken_away).count();
        let mut seen: Vec<(&DynamicObject, Seen)> = Vec::new();
        for pod in &newest {
            let mut it = look(pod);
            it.restarts += i64::try_from(former).unwrap_or(0);
            if let Some(workload) = workload.filter(|workload| workload.kind == WorkloadKind::Job) {
                judge_job(view, workload, pod, &mut it);
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
            deployment: view.desired.name.clone(),
            revision,
            workload: label(first, WORKLOAD).to_owned(),
            index: index(pod, before, numbers),
            ports: ports.into_iter().flatten().map(|port| (port.name.clone(), port.number)).collect(),
            node: address.into(),
            handle: Some(Handle::Pod(name(pod).into())),
            gpu_count: workload.map_or(0, |workload| i64::from(workload.gpus())),
            program: image(pod),
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
        let lines = self.cluster.logs(name(pod), label(pod, WORKLOAD), LAST_LINES, previous).await.ok()?;
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

/// A job's pod that has failed is tried again until its Job has failed. One that was taken from its node is no try.
fn judge_job(view: &View<'_>, workload: &Workload, pod: &DynamicObject, it: &mut Seen) {
    let index = label(pod, REPLICA).parse().ok();
    let job = index.and_then(|index| view.job(workload, revision(pod), index));
    let has_failed = job.and_then(end).is_some_and(|(succeeded, _)| !succeeded);
    if it.state != ReplicaState::Failed || !is_over(pod) || has_failed {
        return;
    }
    let (state, next) = match it.taken_away {
        true => (ReplicaState::Preparing, "another pod is made in its place"),
        false => (ReplicaState::BackingOff, "tried again in a while"),
    };
    it.state = state;
    it.detail = format!("{}; {next}", it.detail);
}
