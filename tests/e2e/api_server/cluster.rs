//! The objects of a cluster: their versions, their changes, and the fields that each manager has applied.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::fields::{Fields, flatten, managed, remove, set, text};
use super::immutable;

/// Group, version, plural, kind, and whether it lives in a namespace.
pub(super) const RESOURCES: [(&str, &str, &str, &str, bool); 12] = [
    ("", "v1", "namespaces", "Namespace", false),
    ("", "v1", "nodes", "Node", false),
    ("", "v1", "pods", "Pod", true),
    ("", "v1", "events", "Event", true),
    ("", "v1", "secrets", "Secret", true),
    ("", "v1", "services", "Service", true),
    ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true),
    ("apps", "v1", "deployments", "Deployment", true),
    ("apps", "v1", "statefulsets", "StatefulSet", true),
    ("batch", "v1", "jobs", "Job", true),
    ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true),
    ("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true),
];

pub(super) type Key = (String, String, String);

pub(super) struct Cluster {
    pub(super) objects: BTreeMap<Key, Object>,
    pub(super) version: u64,
    /// Changes since `oldest`: version, kind of change, plural and object.
    pub(super) changes: Vec<(u64, &'static str, String, Value)>,
    pub(super) oldest: u64,
    /// Streams of an earlier epoch end.
    pub(super) epoch: u64,
    pub(super) token: String,
    /// Verbs and resources that the token may not.
    pub(super) forbidden: BTreeSet<(String, String)>,
    pub(super) calls: Vec<String>,
    pub(super) addresses: u32,
    /// What a webhook puts before the containers of every pod.
    pub(super) sidecar: Option<String>,
    pub(super) refusing: Option<Refusing>,
}

/// What keeps pods from being made, as the API server says it of each.
#[derive(Clone)]
pub struct Refusing(pub String);

/// Why something is not applied.
#[derive(Debug)]
pub(super) enum Refused {
    /// Others hold these fields.
    Conflict(Vec<Value>),
    /// It may not become this.
    Invalid(String),
}

#[derive(Clone, Default)]
pub(super) struct Object {
    pub(super) body: Value,
    /// What each manager has applied, by field.
    pub(super) applied: BTreeMap<String, Fields>,
    /// When each manager has changed what it applies.
    pub(super) times: BTreeMap<String, Value>,
}

impl Cluster {
    /// Without any object.
    pub(super) fn new() -> Self {
        Self {
            objects: BTreeMap::new(),
            version: 1,
            changes: Vec::new(),
            oldest: 0,
            epoch: 0,
            token: "first-token".into(),
            forbidden: BTreeSet::new(),
            calls: Vec::new(),
            addresses: 1,
            sidecar: None,
            refusing: None,
        }
    }

    /// Applies fields as a manager, or rehearses it; or says why not.
    pub(super) fn apply(
        &mut self,
        key: &Key,
        (manager, force, rehearses): (&str, bool, bool),
        fields: &Value,
    ) -> Result<Value, Refused> {
        let mut fields = fields.clone();
        for part in ["apiVersion", "kind"] {
            fields.as_object_mut().unwrap().remove(part);
        }
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|name, _| name == "labels" || name == "annotations");
        }
        let new = flatten(&fields);
        let mut object = self.objects.get(key).cloned().unwrap_or_default();
        let is = flatten(&object.body);
        let mut causes = Vec::new();
        for (path, value) in &new {
            for (other, held) in object.applied.iter_mut().filter(|(other, _)| *other != manager) {
                if held.contains_key(path) && is.get(path) != Some(value) {
                    if force {
                        held.remove(path);
                    } else {
                        causes.push(json!({
                            "reason": "FieldManagerConflict",
                            "message": format!("conflict with \"{other}\""),
                            "field": text(path),
                        }));
                    }
                }
            }
        }
        if !causes.is_empty() {
            return Err(Refused::Conflict(causes));
        }
        let was = object.body.clone();
        let before = object.applied.insert(manager.into(), new.clone()).unwrap_or_default();
        if before != new {
            object.times.insert(manager.into(), now());
        }
        for path in before.keys().filter(|path| !new.contains_key(*path)) {
            let held = object.applied.iter().any(|(other, held)| other != manager && held.contains_key(path));
            if !held {
                remove(&mut object.body, path);
            }
        }
        for (path, value) in &new {
            set(&mut object.body, path, value);
        }
        let managed: Vec<_> = object
            .applied
            .iter()
            .map(|(manager, held)| {
                json!({
                    "manager": manager, "operation": "Apply", "time": object.times.get(manager),
                    "fieldsType": "FieldsV1", "fieldsV1": managed(held),
                })
            })
            .collect();
        object.body["metadata"]["managedFields"] = managed.into();
        let known = RESOURCES.iter().find(|known| known.2 == key.0).unwrap();
        object.body["kind"] = known.3.into();
        object.body["apiVersion"] =
            if known.0.is_empty() { known.1.into() } else { format!("{}/{}", known.0, known.1).into() };
        object.body["metadata"]["name"] = key.2.clone().into();
        if let Some(why) = immutable::change(&key.0, &key.2, &was, &object.body) {
            return Err(Refused::Invalid(why));
        }
        Ok(if rehearses { object.body } else { self.put(key, object) })
    }

    /// Gives the fields of managers to others, in the order in which they are listed: what a patch of `managedFields` alone does.
    pub(super) fn rename_managers(&mut self, key: &Key, managers: &[String]) {
        let mut object = self.objects[key].clone();
        let applied: Vec<_> = std::mem::take(&mut object.applied).into_values().collect();
        let times: Vec<_> = std::mem::take(&mut object.times).into_values().collect();
        object.applied = managers.iter().cloned().zip(applied).collect();
        object.times = managers.iter().cloned().zip(times).collect();
        let entries = object.body["metadata"]["managedFields"].as_array_mut().unwrap();
        for (entry, manager) in entries.iter_mut().zip(managers) {
            entry["manager"] = manager.clone().into();
        }
        self.put(key, object);
    }

    /// Stores an object; what did not change has no new version.
    pub(super) fn put(&mut self, key: &Key, mut object: Object) -> Value {
        let before = self.objects.get(key).map(|object| object.body.clone());
        if before.as_ref() == Some(&object.body) {
            self.objects.insert(key.clone(), object.clone());
            return object.body;
        }
        self.version += 1;
        let metadata = &mut object.body["metadata"];
        if metadata["uid"].is_null() {
            metadata["uid"] = uuid::Uuid::new_v4().to_string().into();
            metadata["creationTimestamp"] = now();
        }
        if !key.1.is_empty() {
            metadata["namespace"] = key.1.clone().into();
        }
        metadata["resourceVersion"] = self.version.to_string().into();
        let kind = if before.is_some() { "MODIFIED" } else { "ADDED" };
        self.changes.push((self.version, kind, key.0.clone(), object.body.clone()));
        self.objects.insert(key.clone(), object.clone());
        object.body
    }

    pub(super) fn delete(&mut self, key: &Key) {
        if let Some(mut object) = self.objects.remove(key) {
            self.version += 1;
            object.body["metadata"]["resourceVersion"] = self.version.to_string().into();
            self.changes.push((self.version, "DELETED", key.0.clone(), object.body));
        }
    }
}

/// This moment, as objects tell it.
pub(super) fn now() -> Value {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    jiff::Timestamp::from_second(seconds as i64).unwrap().to_string().into()
}
