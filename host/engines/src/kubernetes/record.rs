//! How pods become replicas: one, or one for each node that a replica spans, with what keeps others from being made.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kube::api::DynamicObject;
use sqlx::SqlitePool;

use super::Kubernetes;
use super::grouping::{Number, free, group, index, newest_of_each_rank, number};
use super::object::{REPLICA, WORKLOAD};
use super::pods::{Seen, finished_at, has_ended, image, is_over, see};
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
            if is_former(&row, &rows) {
                row.metered_until = None;
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
                // Of a pod that is still told of, its node says when it ended.
                let pod = view.pods.iter().chain(&view.replaced).find(|pod| uid(pod) == row.id);
                let ended = pod.filter(|pod| has_ended(pod)).and_then(|pod| finished_at(pod));
                self.forget(row, ended.unwrap_or_else(Timestamp::now)).await?;
            }
        }
        for row in &found {
            save(&self.db, row, rows.iter().find(|before| before.id == row.id)).await?;
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
            not_before: end_of(&seen, before),
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

    /// Forgets a replica that is metered until then.
    pub(super) async fn forget(&self, row: &ReplicaRow, until: Timestamp) -> Result<(), Error> {
        usage::meter_until(&self.db, &row.id, until).await?;
        replicas::delete(&self.db, &row.id).await?;
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner).retain(|(pod, _), _| *pod != row.id);
        Ok(())
    }
}

/// Writes a replica down. It is metered while its pods are there, however they fare: until `not_before`, and no more.
async fn save(db: &SqlitePool, row: &ReplicaRow, before: Option<&ReplicaRow>) -> Result<(), Error> {
    let is_same = before
        .is_some_and(|before| *before == ReplicaRow { metered_until: before.metered_until, ..row.clone() });
    if !is_same {
        replicas::save(db, row).await?;
    }
    let runs = |row: &ReplicaRow| matches!(row.state, ReplicaState::Starting | ReplicaState::Ready);
    if row.state == ReplicaState::Stopping && before.is_some_and(runs) {
        usage::meter_now(db, &row.id).await?;
    }
    let is_metered = before.is_none_or(|before| before.metered_until.is_some());
    if let Some(ended) = row.not_before.filter(|_| is_metered && row.handle.is_some()) {
        usage::meter_until(db, &row.id, ended).await?;
        replicas::close_meter(db, &row.id).await?;
    }
    Ok(())
}

/// When the last of a replica's pods ended, once all have: their GPUs are free from then on, even where a job is tried again. Where no
/// node says when, it is when that was first seen.
fn end_of(seen: &[(&DynamicObject, Seen)], before: Option<&ReplicaRow>) -> Option<Timestamp> {
    if seen.iter().any(|(_, it)| !it.ended) {
        return None;
    }
    let said = seen.iter().filter_map(|(_, it)| it.finished_at).max();
    said.or_else(|| before.and_then(|before| before.not_before)).or_else(|| Some(Timestamp::now()))
}

/// Whether another try had taken the place of one that had ended, and is gone itself: what is seen again was metered when it was there.
fn is_former(row: &ReplicaRow, rows: &[ReplicaRow]) -> bool {
    let began_later = |it: &ReplicaRow| match (row.not_before, it.started_at) {
        (Some(ended), Some(began)) => ended <= began,
        _ => false,
    };
    let is_new = rows.iter().all(|it| it.id != row.id);
    is_new && rows.iter().any(|it| number(it) == number(row) && began_later(it))
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sqlx::Executor as _;
    use sqlx::sqlite::SqlitePoolOptions;

    use super::super::events::Events;
    use super::*;

    const BEGAN: &str = "2026-01-01T00:00:00Z";
    const ENDED: &str = "2026-01-01T01:00:00Z";

    fn seen(policy: &str, phase: &str, state: Value) -> (DynamicObject, Seen) {
        let status = json!({
            "phase": phase, "startTime": BEGAN, "containerStatuses": [{ "name": "w", "state": state }],
        });
        let metadata = json!({ "name": "p", "uid": "u", "labels": { WORKLOAD: "w" } });
        let pod = json!({ "metadata": metadata, "spec": { "restartPolicy": policy }, "status": status });
        let pod: DynamicObject = serde_json::from_value(pod).unwrap();
        let it = see(&pod, Events::read(&[]).of("u"), ENDED.parse().unwrap());
        (pod, it)
    }

    fn end_of_all(pods: &[(DynamicObject, Seen)], before: Option<&ReplicaRow>) -> Option<Timestamp> {
        let seen: Vec<_> = pods.iter().map(|(pod, it)| (pod, it.clone())).collect();
        end_of(&seen, before)
    }

    #[test]
    fn a_replica_has_ended_when_all_of_its_pods_have() {
        let terminated = |code: i64| json!({ "terminated": { "exitCode": code, "finishedAt": ENDED } });
        let ended: Option<Timestamp> = Some(ENDED.parse().unwrap());
        let failed = seen("Never", "Failed", terminated(1));
        let runs = seen("Never", "Running", json!({ "running": {} }));
        assert_eq!(end_of_all(std::slice::from_ref(&failed), None), ended);
        assert_eq!(end_of_all(&[failed, runs], None), None);
        for (policy, phase, state, expected) in [
            // What is beside it runs on.
            ("Never", "Running", terminated(1), ended),
            ("OnFailure", "Running", terminated(0), ended),
            // It is started again in the same pod.
            ("OnFailure", "Running", terminated(1), None),
            ("Always", "Running", terminated(0), None),
            // A name that is none may become one: its pod is there, and holds what it was given.
            ("Always", "Pending", json!({ "waiting": { "reason": "InvalidImageName" } }), None),
        ] {
            assert_eq!(end_of_all(&[seen(policy, phase, state)], None), expected, "{policy} {phase}");
        }
        // Its node does not say when: what was written down when it was seen first stands.
        let evicted = [seen("Always", "Failed", Value::Null)];
        let before = ReplicaRow { not_before: ended, ..ReplicaRow::default() };
        assert_eq!(end_of_all(&evicted, Some(&before)), ended);
        assert!(end_of_all(&evicted, None).is_some());
    }

    #[test]
    fn a_try_that_is_seen_again_after_the_next_was_removed_is_not_metered_twice() {
        let row = |id: &str, began: &str, ended: Option<&str>| ReplicaRow {
            id: id.into(),
            started_at: Some(began.parse().unwrap()),
            not_before: ended.map(|ended| ended.parse().unwrap()),
            ..ReplicaRow::default()
        };
        let first = row("first", BEGAN, Some(ENDED));
        let next = row("next", "2026-01-01T01:00:10Z", None);
        assert!(is_former(&first, std::slice::from_ref(&next)));
        assert!(!is_former(&first, &[first.clone(), next.clone()]), "its meter is closed already");
        assert!(!is_former(&next, std::slice::from_ref(&first)));
        // The host was away while it ran, and knows of one before it alone.
        assert!(!is_former(&first, &[row("before", "2025-12-31T00:00:00Z", None)]));
        let other = ReplicaRow { index: 1, ..next };
        assert!(!is_former(&first, &[other]), "another replica");
    }

    async fn kept(db: &SqlitePool) -> Option<ReplicaRow> {
        replicas::rows_of(db, "d").await.unwrap().pop()
    }

    #[tokio::test]
    async fn a_replica_is_metered_while_its_pods_are_there_and_no_longer() {
        let db = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        sqlx::migrate!("../../migrations/host").run(&db).await.unwrap();
        db.execute(
            "insert into deployments (name, target, revision, desired, created_at, updated_at)
                 values ('d', 'lab', 1, 'running', '', '');
             insert into revisions (deployment, revision, cause, release, component, artifact, log_index, given,
                                    parameters, facts, plan, plan_digest, reviews, state, created_at, meters)
                 values ('d', 1, 'deployed', 'acme:x@1.0.0', '', '', 0, '{}', '{}', '{}', '{}', '', '[]',
                         'rolling-out', '', '[]');",
        )
        .await
        .unwrap();
        let (began, ended): (Timestamp, Timestamp) = (BEGAN.parse().unwrap(), ENDED.parse().unwrap());
        let mut row = ReplicaRow {
            id: "u".into(),
            deployment: "d".into(),
            revision: 1,
            workload: "w".into(),
            handle: Some(Handle::Pod("p".into())),
            gpu_count: 8,
            started_at: Some(began),
            metered_until: Some(began),
            ..ReplicaRow::default()
        };
        // Its image could not be pulled, and then was, in the same pod.
        for state in [ReplicaState::Failed, ReplicaState::Ready] {
            row.state = state;
            save(&db, &row, kept(&db).await.as_ref()).await.unwrap();
            assert_eq!(replicas::running(&db).await.unwrap(), ["u"], "{state:?}");
        }
        // A try of a job has failed: its pod has ended, and the next one is made in a while.
        (row.state, row.not_before) = (ReplicaState::BackingOff, Some(ended));
        for _ in 0..2 {
            save(&db, &row, kept(&db).await.as_ref()).await.unwrap();
            assert_eq!(replicas::running(&db).await.unwrap(), [""; 0]);
        }
        let metered = usage::waiting(&db, 10).await.unwrap();
        let spans: Vec<_> = metered.iter().map(|event| (event.from, event.to, event.gpu_millis)).collect();
        assert_eq!(spans, [(began, ended, 8 * 3_600_000)]);
    }
}
