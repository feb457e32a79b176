//! Which pods are one replica, and which of its workload's replicas it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::api::DynamicObject;

use super::object::{JOB_INDEX, POD_INDEX, REPLICA, WORKLOAD};
use super::pods::is_over;
use super::snapshot::{label, name, revision};
use crate::replicas::ReplicaRow;

/// Pods by the replica that they are, or are a part of.
pub(super) fn group<'a>(pods: &[&'a Arc<DynamicObject>]) -> Vec<Vec<&'a Arc<DynamicObject>>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for pod in pods {
        let part = match label(pod, REPLICA) {
            "" => name(pod),
            replica => replica,
        };
        groups.entry((label(pod, WORKLOAD), revision(pod), part)).or_default().push(*pod);
    }
    groups.into_values().collect()
}

/// Of pods that were made in each other's place the one that runs, or else the last; the first node's before the others.
pub(super) fn newest_of_each_rank<'a>(pods: &[&'a Arc<DynamicObject>]) -> Vec<&'a Arc<DynamicObject>> {
    let mut newest: BTreeMap<i64, &Arc<DynamicObject>> = BTreeMap::new();
    for pod in pods {
        let made = |pod: &DynamicObject| (!is_over(pod), pod.metadata.creation_timestamp.clone());
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
pub(super) type Number = (String, i64, i64);

pub(super) fn number(row: &ReplicaRow) -> Number {
    (row.workload.clone(), row.revision, row.index)
}

/// The first number that no replica has.
pub(super) fn free(numbers: &BTreeSet<Number>, workload: &str, revision: i64) -> i64 {
    (0..).find(|index| !numbers.contains(&(workload.to_owned(), revision, *index))).unwrap_or(0)
}

/// Which of its workload's replicas a pod is.
pub(super) fn index(pod: &DynamicObject, before: Option<&ReplicaRow>, numbers: &BTreeSet<Number>) -> i64 {
    let by_label = [REPLICA, POD_INDEX].into_iter().find_map(|it| label(pod, it).parse().ok());
    let known = by_label.or(before.map(|before| before.index));
    known.unwrap_or_else(|| free(numbers, label(pod, WORKLOAD), revision(pod)))
}
