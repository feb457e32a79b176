//! A deployment as it is on the cluster: its objects, and its pods as their controllers count them.

use std::sync::Arc;

use kube::api::DynamicObject;
use serde_json::Value;

use super::kinds::Kind;
use super::object::{REPLICA, WORKLOAD};
use super::pods::{condition, is_over};
use super::snapshot::{Snapshot, label, revision};
use crate::Desired;
use chandlery_package::plan::{Workload, WorkloadKind};

/// A deployment as it is on the cluster.
pub(super) struct View<'a> {
    pub desired: &'a Desired,
    pub snapshot: &'a Snapshot,
    pub live: &'a [(Kind, Arc<DynamicObject>)],
    /// The pods that are replicas, or parts of them.
    pub pods: Vec<&'a Arc<DynamicObject>>,
    /// Those for which another is made: Deployments and StatefulSets count no pod that has ended, whatever ended it. Jobs count theirs.
    pub replaced: Vec<&'a Arc<DynamicObject>>,
}

impl<'a> View<'a> {
    pub fn of(desired: &'a Desired, snapshot: &'a Snapshot) -> Self {
        let is_job = |pod: &DynamicObject| {
            let workload = desired.workload(revision(pod), label(pod, WORKLOAD));
            workload.is_some_and(|workload| workload.kind == WorkloadKind::Job)
        };
        let all = snapshot.pods.get(&desired.name).map(Vec::as_slice).unwrap_or_default();
        let (replaced, pods) = all.iter().partition(|pod| is_over(pod) && !is_job(pod));
        let live = snapshot.objects.get(&desired.name).map(Vec::as_slice).unwrap_or_default();
        Self { desired, snapshot, live, pods, replaced }
    }

    /// What runs a workload's pods, or scales or serves them, as the revision that should run has it.
    pub fn of_workload(&self, workload: &str) -> impl Iterator<Item = &'a DynamicObject> {
        let revision_wanted = self.desired.revision;
        let of_it = self.live.iter().map(|(_, object)| &**object);
        of_it.filter(move |it| label(it, WORKLOAD) == workload && revision(it) == revision_wanted)
    }

    /// The Job of a revision's replica.
    pub fn job(&self, workload: &Workload, of: i64, index: i64) -> Option<&'a DynamicObject> {
        let mut jobs = self.live.iter().filter(|(kind, _)| *kind == Kind::Job).map(|(_, object)| &**object);
        jobs.find(|job| {
            let is_of_it = label(job, WORKLOAD) == workload.name && revision(job) == of;
            is_of_it && replica(&job.data["spec"]) == Some(index)
        })
    }
}

/// Which of its workload's replicas a Job is, by its specification.
pub(super) fn replica(job: &Value) -> Option<i64> {
    job["template"]["metadata"]["labels"][REPLICA].as_str()?.parse().ok()
}

/// How a Job has ended, and what its controller says of it: what the pods were that it had may be forgotten by then.
pub(super) fn end(job: &DynamicObject) -> Option<(bool, &Value)> {
    let status = &job.data["status"];
    let is_true = |kind| condition(status, kind).filter(|it| it["status"] == "True");
    is_true("Complete").map(|it| (true, it)).or_else(|| is_true("Failed").map(|it| (false, it)))
}
