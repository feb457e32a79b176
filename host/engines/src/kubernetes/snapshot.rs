//! What a look at a cluster has found, and what is read from each of its objects.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kube::api::DynamicObject;
use tokio::sync::OnceCell;

use super::kinds::Kind;
use super::nodes::Node;
use super::object::{APPLIED, Object, REVISION};

/// The cluster at one moment.
pub(super) struct Snapshot {
    /// What is there of each deployment.
    pub objects: BTreeMap<String, Vec<(Kind, Arc<DynamicObject>)>>,
    pub pods: BTreeMap<String, Vec<Arc<DynamicObject>>>,
    /// The last warning about each object, by its uid.
    pub warnings: HashMap<String, String>,
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

/// What keeps pods from being made.
#[derive(Default)]
pub(super) struct Hindrance {
    /// What the API server refused, by workload; under no name what concerns all of them.
    pub refused: BTreeMap<String, String>,
    pub waits: Option<String>,
    /// Why what runs already is left as it is.
    pub leaves: Option<String>,
}

impl Hindrance {
    pub fn waits(reason: String) -> Self {
        Self { waits: Some(reason), ..Self::default() }
    }

    pub fn leaves(reason: String) -> Self {
        Self { leaves: Some(reason.clone()), ..Self::waits(reason) }
    }
}
