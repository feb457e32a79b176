//! Replicas that have no pod: one is being made, cannot be made, or is needed no more.

use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::Value;

use super::object::WORKLOAD;
use super::pods::{condition, see, time};
use super::snapshot::{Hindrance, applied_at, label, revision, uid};
use super::view::{View, end};
use crate::replicas::ReplicaRow;
use chandlery_package::plan::{Workload, WorkloadKind};
use chandlery_package::wire::host::ReplicaState;

/// Why a pod is not let in where waiting does not help, by what the API server says of it; and what does.
const REFUSALS: [(&str, &str); 5] = [
    (
        "violates PodSecurity",
        "the target's setting 'pod_security=restricted' makes pods that the strictest level lets in",
    ),
    ("exceeded quota", "fewer or smaller replicas fit it; `kubectl describe quota` shows what is used"),
    ("failed quota", "fewer or smaller replicas fit it; `kubectl describe quota` shows what is used"),
    (
        " usage per ",
        "a LimitRange of the namespace says so: `kubectl describe limitrange` shows what is allowed",
    ),
    ("denied the request", "a policy of the cluster says so; whoever runs the cluster knows what it wants"),
];

/// What becomes of a job of which nothing is left.
const LOST: &str = "its Job is gone, and nobody saw how it ended; it is not run a second time unasked: `chandlery restart` runs it \
                    again";

impl View<'_> {
    /// The replicas of jobs that have ended and of which nothing is left on the cluster, as they were recorded.
    pub fn ended<'a>(
        &'a self,
        rows: &'a [ReplicaRow],
        hindrance: &'a Hindrance,
    ) -> impl Iterator<Item = ReplicaRow> + 'a {
        let jobs = rows.iter().filter(|row| self.is_job_without_object(row));
        jobs.filter_map(|row| {
            // Its pods are gone: it holds nothing.
            let ended = row.not_before.unwrap_or_else(Timestamp::now);
            let row = ReplicaRow { not_before: Some(ended), ..row.clone() };
            match hindrance.lost.contains(&row.id) {
                true => Some(ReplicaRow { state: ReplicaState::Failed, detail: LOST.into(), ..row }),
                false => has_ended(&row).then_some(row),
            }
        })
    }

    /// Whether every replica of a job has run to its end.
    pub fn has_run(&self, workload: &Workload, rows: &[ReplicaRow]) -> bool {
        let ran = |index| {
            let is_it = |row: &&ReplicaRow| row.workload == workload.name && row.index == i64::from(index);
            rows.iter().filter(is_it).any(|row| row.revision == self.desired.revision && has_ended(row))
        };
        workload.kind == WorkloadKind::Job && (0..workload.scale.replicas_min).all(ran)
    }

    fn is_job_without_object(&self, row: &ReplicaRow) -> bool {
        let mut workloads = self.desired.plan.workloads.iter();
        let is_of_plan = |workload: &&Workload| {
            let is_job = workload.kind == WorkloadKind::Job && workload.name == row.workload;
            // Where none runs at the moment, those that have ended need not run again when some do.
            let wanted = workload.scale.replicas_min;
            is_job && (wanted == 0 || row.index < i64::from(wanted))
        };
        let workload = workloads.find(is_of_plan).filter(|_| row.revision == self.desired.revision);
        workload.is_some_and(|workload| self.job(workload, row.revision, row.index).is_none())
    }

    /// A replica that Kubernetes has not made yet, or of which only its Job is left.
    pub fn awaited(&self, workload: &Workload, index: i64, hindrance: &Hindrance) -> ReplicaRow {
        let job = Some(workload)
            .filter(|it| it.kind == WorkloadKind::Job)
            .and_then(|it| self.job(it, self.desired.revision, index));
        let status = job.map_or(&Value::Null, |job| &job.data["status"]);
        let (state, detail) = match job.and_then(end) {
            Some((true, _)) => (ReplicaState::Succeeded, "exit status: 0".into()),
            Some((false, why)) => {
                let why = why["message"].as_str().or_else(|| why["reason"].as_str()).unwrap_or("it failed");
                (ReplicaState::Failed, why.to_owned())
            }
            None => self.why_not(workload, hindrance),
        };
        ReplicaRow {
            id: format!("{}.{}.r{}.{index}", self.desired.name, workload.name, self.desired.revision),
            deployment: self.desired.name.clone(),
            revision: self.desired.revision,
            workload: workload.name.clone(),
            index,
            state,
            detail,
            started_at: time(&status["startTime"]),
            ..ReplicaRow::default()
        }
    }

    /// Why a workload has no pod yet.
    fn why_not(&self, workload: &Workload, hindrance: &Hindrance) -> (ReplicaState, String) {
        let Hindrance { refused, waits, .. } = hindrance;
        if let Some(reason) = refused.get(&workload.name).or_else(|| refused.get("")) {
            return (ReplicaState::Failed, reason.clone());
        }
        if let Some(waits) = waits {
            return (ReplicaState::Preparing, waits.clone());
        }
        if let Some(why) = self.of_workload(&workload.name).find_map(|object| self.refusal(object)) {
            let remedy = REFUSALS.iter().find(|(said, _)| why.contains(said));
            // Pods that are on their way out hold what is counted against a quota.
            let is_in_turn = why.contains("quota") && self.pods.iter().any(is_going);
            let said = format!("its pod is not made: {why}");
            return match remedy.filter(|_| !is_in_turn) {
                Some((_, remedy)) => (ReplicaState::Failed, format!("{said}; {remedy}")),
                None => (ReplicaState::Preparing, said),
            };
        }
        let told =
            || self.of_workload(&workload.name).find_map(|it| self.snapshot.events.of(uid(it)).warning());
        let detail = match (self.taken_away(workload), told()) {
            (Some(why), _) => format!("its pod was taken away, and another is made: {why}"),
            (None, Some(told)) => format!("its pod is not made: {told}"),
            (None, None) => "its pod is being made".into(),
        };
        (ReplicaState::Preparing, detail)
    }

    /// Why no pod of an object was made, as far as it is still so: Deployments say it as a condition, others by events.
    fn refusal(&self, object: &DynamicObject) -> Option<String> {
        let applied = applied_at(object)?;
        let failure = condition(&object.data["status"], "ReplicaFailure").filter(|it| {
            it["status"] == "True" && time(&it["lastTransitionTime"]).is_none_or(|at| at >= applied)
        });
        let said = failure.and_then(|it| it["message"].as_str());
        said.or_else(|| self.snapshot.events.of(uid(object)).refused_after(applied)).map(String::from)
    }

    /// Why the pod is gone in whose place another is made.
    fn taken_away(&self, workload: &Workload) -> Option<String> {
        let mut of_it = self
            .replaced
            .iter()
            .filter(|pod| label(pod, WORKLOAD) == workload.name && revision(pod) == self.desired.revision);
        of_it.find_map(|pod| {
            let seen = see(pod, self.snapshot.events.of(uid(pod)), Timestamp::now());
            seen.taken_away.then_some(seen.detail)
        })
    }
}

fn is_going(pod: &&std::sync::Arc<DynamicObject>) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Whether a job's replica ran to its end: it is not run again, whatever becomes of its Job and its pods.
pub(super) fn has_ended(row: &ReplicaRow) -> bool {
    match row.state {
        ReplicaState::Succeeded => true,
        // What could not be made has not begun.
        ReplicaState::Failed => row.started_at.is_some(),
        _ => false,
    }
}
