//! When a Job is applied: once. Its template cannot be changed, and what it ran is never run a second time unasked.

use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

use kube::api::DynamicObject;

use super::Kubernetes;
use super::answers::Refusal;
use super::awaited::has_ended;
use super::kinds::Kind;
use super::object::{Object, REPLICA, WORKLOAD};
use super::snapshot::{Hindrance, is_applied, label, revision};
use super::view::{View, replica};
use crate::Error;
use crate::replicas::ReplicaRow;

impl Kubernetes {
    /// Whether a Job may be applied. Where it had begun and nothing is left of it, that is noted as a hindrance.
    pub(super) async fn may_run(
        &self,
        view: &View<'_>,
        job: &Object,
        live: Option<&DynamicObject>,
        rows: &[ReplicaRow],
        hindrance: &mut Hindrance,
    ) -> Result<bool, Error> {
        if let Some(live) = live {
            self.withdrawn().remove(&job.name);
            return Ok(is_applied(job, live));
        }
        let workload = job.runs.as_deref().unwrap_or_default();
        let index = replica(&job.body["spec"]);
        let is_it = |row: &&ReplicaRow| {
            let is_of_it = row.workload == workload && Some(row.index) == index;
            is_of_it && row.revision == view.desired.revision
        };
        let row = rows.iter().find(is_it).filter(|row| row.started_at.is_some() || has_ended(row));
        let is_there = |pod: &DynamicObject| {
            let is_own = revision(pod) == view.desired.revision && label(pod, REPLICA).parse().ok() == index;
            // A job never runs beside its former self.
            label(pod, WORKLOAD) == workload && (is_own || revision(pod) != view.desired.revision)
        };
        let is_there = view.pods.iter().any(|pod| is_there(pod));
        let row = match row {
            Some(row) if !self.is_withdrawn(&job.name) => row,
            _ => return Ok(!is_there),
        };
        if !has_ended(row) && !is_there {
            // What has begun was made, though it may not have been heard of yet.
            match self.cluster.labels(Kind::Job, &job.name).await {
                Ok(None) => {
                    hindrance.lost.insert(row.id.clone());
                }
                Ok(Some(_)) => {}
                Err(Refusal::Away(error)) => return Err(error),
                Err(refusal) => return Err(self.refused(refusal)),
            }
        }
        Ok(false)
    }

    /// Notes that a Job was removed because nobody wanted it.
    pub(super) fn withdraw(&self, job: &str) {
        self.withdrawn().insert(job.to_owned());
    }

    fn is_withdrawn(&self, job: &str) -> bool {
        self.withdrawn().contains(job)
    }

    fn withdrawn(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
