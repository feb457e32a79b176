//! A deployment as objects of Kubernetes. Nothing here asks a cluster: the same deployment is always the same objects.
//!
//! | in a plan | in Kubernetes |
//! | --- | --- |
//! | a service | a Deployment; a StatefulSet where each replica keeps a cache of its own |
//! | a service whose replicas span nodes | for each replica a StatefulSet of its first pod, and one of the others |
//! | a job | a Job for each replica and revision, indexed where it spans nodes |
//! | ports | a Service |
//! | more than one replica | a PodDisruptionBudget, and topology spread |
//! | a range of replicas with a metric | a HorizontalPodAutoscaler |
//! | a model cache | a PersistentVolumeClaim |
//! | secrets | a Secret, named by the environment |

use std::collections::BTreeSet;

use chandlery_package::Digest;
use chandlery_package::plan::{VolumeKind, Workload};

use super::object::{APPLIED, Choice, Object};
use super::part::Part;
use super::site::{Cache, Site};
use crate::Desired;

/// Everything that a deployment is, in an order in which it can be applied.
pub(super) fn objects(
    site: &Site<'_>,
    desired: &Desired,
    choice: impl Fn(&Workload) -> Choice,
) -> Vec<Object> {
    let mut objects = Vec::new();
    objects.extend(site.secret(desired));
    let mut claims = BTreeSet::new();
    for workload in &desired.plan.workloads {
        for volume in &workload.volumes {
            if let VolumeKind::ModelCache(size_mib) = volume.kind
                && site.cache_of(workload) == Cache::Claim
                && claims.insert(&volume.name)
            {
                objects.push(site.claim(desired, &volume.name, size_mib));
            }
        }
    }
    for workload in &desired.plan.workloads {
        let part = Part { site, desired, workload };
        if workload.scale.replicas_min > 0 {
            objects.extend(part.services());
            objects.extend(part.controllers(&choice(workload)));
            objects.extend(part.budget());
            objects.extend(part.autoscaler());
        }
    }
    for object in &mut objects {
        let digest = Digest::of(object.body.to_string()).to_string();
        object.body["metadata"]["annotations"][APPLIED] = digest.into();
    }
    objects
}
