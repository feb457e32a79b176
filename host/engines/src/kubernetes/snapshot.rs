//! What a look at a cluster has found, and what is read from each of its objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use kube::api::DynamicObject;
use tokio::sync::OnceCell;

use super::events::Events;
use super::kinds::Kind;
use super::nodes::Node;
use super::object::{APPLIED, Object, REVISION};

/// The cluster at one moment.
pub(super) struct Snapshot {
    /// What is there of each deployment.
    pub objects: BTreeMap<String, Vec<(Kind, Arc<DynamicObject>)>>,
    pub pods: BTreeMap<String, Vec<Arc<DynamicObject>>>,
    pub events: Events,
    /// Nodes are looked at where something new is to be placed, once.
    pub nodes: OnceCell<Vec<Node>>,
}

/// A label of an object.
pub(super) fn label<'a>(object: &'a DynamicObject, name: &str) -> &'a str {
    object.metadata.labels.as_ref().and_then(|labels| labels.get(name)).map_or("", String::as_str)
}

pub(super) fn annotation<'a>(object: &'a DynamicObject, name: &str) -> Option<&'a str> {
    object.metadata.annotations.as_ref()?.get(name).map(String::as_str)
}

pub(super) fn name(object: &DynamicObject) -> &str {
    object.metadata.name.as_deref().unwrap_or_default()
}

pub(super) fn uid(object: &DynamicObject) -> &str {
    object.metadata.uid.as_deref().unwrap_or_default()
}

pub(super) fn revision(object: &DynamicObject) -> i64 {
    label(object, REVISION).parse().unwrap_or(0)
}

/// Whether an object is there as it was applied last.
pub(super) fn is_applied(object: &Object, live: &DynamicObject) -> bool {
    let applied = object.body["metadata"]["annotations"][APPLIED].as_str();
    name(live) == object.name && annotation(live, APPLIED) == applied
}

/// When somebody last made an object what it should be.
pub(super) fn applied_at(object: &DynamicObject) -> Option<Timestamp> {
    let entries = object.metadata.managed_fields.iter().flatten();
    let applied = entries.filter(|entry| entry.operation.as_deref() == Some("Apply"));
    applied.filter_map(|entry| entry.time.as_ref().map(|time| time.0)).max()
}

/// What keeps pods from being made.
#[derive(Default)]
pub(super) struct Hindrance {
    /// What the API server refused, by workload; under no name what concerns all of them.
    pub refused: BTreeMap<String, String>,
    pub waits: Option<String>,
    /// Why what runs already is left as it is.
    pub leaves: Option<String>,
    /// The replicas of jobs that had begun, and of which nothing is left that could say how they ended.
    pub lost: BTreeSet<String>,
}

impl Hindrance {
    pub fn waits(reason: String) -> Self {
        Self { waits: Some(reason), ..Self::default() }
    }

    pub fn leaves(reason: String) -> Self {
        Self { leaves: Some(reason.clone()), ..Self::waits(reason) }
    }
}
