//! A small stand-in for Kubernetes' API server: it keeps objects with resource versions and the fields that each manager has
//! applied, answers apply, list, watch and delete, runs what stands for the controllers and nodes, and injects faults.
//! What a pod comes to is read from its container: an image that says `unpullable`, or a command that says `exit 3`, `hog`,
//! or `nowhere`.

mod fields;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use fields::{Fields, flatten, managed, remove, set, text};

/// Group, version, plural, kind, and whether it lives in a namespace.
const RESOURCES: [(&str, &str, &str, &str, bool); 12] = [
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
const GPUS_OF_NODE: u64 = 8;

/// The API server of a cluster with two nodes of eight H100 each.
pub struct ApiServer {
    pub address: String,
    cluster: Arc<Mutex<Cluster>>,
    changed: watch::Sender<u64>,
    runtime: Option<Runtime>,
}

type Key = (String, String, String);

struct Cluster {
    objects: BTreeMap<Key, Object>,
    version: u64,
    /// Changes since `oldest`: version, kind of change, plural and object.
    changes: Vec<(u64, &'static str, String, Value)>,
    oldest: u64,
    /// Streams of an earlier epoch end.
    epoch: u64,
    token: String,
    forbidden: BTreeSet<String>,
    calls: Vec<String>,
    addresses: u32,
}

#[derive(Clone, Default)]
struct Object {
    body: Value,
    /// What each manager has applied, by field.
    applied: BTreeMap<String, Fields>,
}

impl ApiServer {
    pub fn start() -> Self {
        let cluster = Cluster {
            objects: BTreeMap::new(),
            version: 1,
            changes: Vec::new(),
            oldest: 0,
            epoch: 0,
            token: "first-token".into(),
            forbidden: BTreeSet::new(),
            calls: Vec::new(),
            addresses: 1,
        };
        let (changed, _) = watch::channel(1);
        let mut server = Self {
            address: "127.0.0.1:0".into(),
            cluster: Arc::new(Mutex::new(cluster)),
            changed,
            runtime: None,
        };
        server.lock().add_nodes();
        server.come_back();
        server
    }

    /// Nobody listens any more, and every connection is gone.
    pub fn go_away(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    pub fn come_back(&mut self) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = self.address.clone();
        let listener = crate::world::until("the API server's address is free", || {
            runtime.block_on(tokio::net::TcpListener::bind(&address)).ok()
        });
        self.address = listener.local_addr().unwrap().to_string();
        let state = (self.cluster.clone(), self.changed.clone());
        let router = Router::new().fallback(answer).with_state(state);
        runtime.spawn(async move { axum::serve(listener, router).await });
        self.runtime = Some(runtime);
    }

    pub fn kubeconfig(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: 'http://{}'}}}}]\nusers: [{{name: u, user: {{token: {}}}}}]\n",
            self.address,
            self.lock().token
        )
    }

    /// The token that was good is good no more; another one is.
    pub fn expire_token(&self) {
        let mut cluster = self.lock();
        cluster.token = "second-token".into();
        cluster.epoch += 1;
        drop(cluster);
        self.changed.send_modify(|version| *version += 1);
    }

    /// Writes of these resources are forbidden.
    pub fn forbid(&self, plurals: &[&str]) {
        self.lock().forbidden = plurals.iter().map(|plural| (*plural).to_owned()).collect();
    }

    /// What happened so far is forgotten: who has not heard of it is told 410 Gone.
    pub fn compact(&self) {
        let mut cluster = self.lock();
        cluster.version += 1;
        cluster.oldest = cluster.version;
        cluster.changes.clear();
        cluster.epoch += 1;
        let version = cluster.version;
        drop(cluster);
        self.changed.send_replace(version);
    }

    /// Sets fields as another manager, by force.
    pub fn set_as(&self, manager: &str, plural: &str, name: &str, fields: &Value) {
        let mut cluster = self.lock();
        let key = cluster.objects.keys().find(|key| key.0 == plural && key.2 == name).cloned().unwrap();
        assert!(cluster.apply(&key, manager, true, fields).is_ok());
        cluster.control();
        let version = cluster.version;
        drop(cluster);
        self.changed.send_replace(version);
    }

    /// Everything of a resource that is there.
    pub fn all(&self, plural: &str) -> Vec<Value> {
        let cluster = self.lock();
        cluster
            .objects
            .iter()
            .filter(|(key, _)| key.0 == plural)
            .map(|(_, object)| object.body.clone())
            .collect()
    }

    /// Everything that somebody has applied.
    pub fn applied(&self) -> Vec<Value> {
        let cluster = self.lock();
        let applied = cluster.objects.values().filter(|object| object.applied.contains_key("chandlery"));
        applied.map(|object| object.body.clone()).collect()
    }

    /// What was asked since this was asked last.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().calls)
    }

    fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

type Shared = (Arc<Mutex<Cluster>>, watch::Sender<u64>);

async fn answer(
    State((cluster, changed)): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let mut held = cluster.lock().unwrap_or_else(PoisonError::into_inner);
    held.calls.push(format!("{method} {}", uri.path()));
    // What there is may be asked without a token, and kubectl sends none over plain HTTP.
    if let Some(found) = discovery(uri.path()) {
        return axum::Json(found).into_response();
    }
    let expected = format!("Bearer {}", held.token);
    if headers.get("authorization").is_none_or(|given| given.as_bytes() != expected.as_bytes()) {
        return status(401, "Unauthorized", "Unauthorized", Value::Null);
    }
    let Some(asked) = Asked::parse(uri.path()) else {
        return status(404, "NotFound", "the server could not find the requested resource", Value::Null);
    };
    if method != Method::GET && held.forbidden.contains(&asked.plural) {
        let message = format!(
            "{} is forbidden: User \"robot\" cannot {} resource \"{}\" in the namespace \"{}\"",
            asked.plural,
            if method == Method::PATCH { "patch" } else { "delete" },
            asked.plural,
            asked.namespace
        );
        return status(403, "Forbidden", &message, Value::Null);
    }
    if asked.sub == "log" {
        return "it began\nand these are its last words\n".into_response();
    }
    let wants_watch = query.get("watch").is_some_and(|watch| watch == "true" || watch == "1");
    if method == Method::GET && asked.name.is_empty() && wants_watch {
        let from = query.get("resourceVersion").and_then(|text| text.parse().ok()).unwrap_or(0);
        if from < held.oldest {
            // Some say so at once, others as the first event of the watch.
            let gone = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired",
                "message": "too old resource version",
            });
            return match asked.plural == "deployments" {
                true => status(410, "Expired", "too old resource version", Value::Null),
                false => format!("{}\n", json!({ "type": "ERROR", "object": gone })).into_response(),
            };
        }
        drop(held);
        return stream(cluster, changed, asked, query, from);
    }
    let answer = held.respond(&method, &asked, &query, &body);
    let version = held.version;
    drop(held);
    changed.send_replace(version);
    answer
}

fn status(code: u16, reason: &str, message: &str, details: Value) -> Response {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message,
        "details": if details.is_null() { json!({}) } else { details },
    });
    (StatusCode::from_u16(code).unwrap(), axum::Json(body)).into_response()
}

/// What a path names.
struct Asked {
    plural: String,
    namespace: String,
    name: String,
    sub: String,
}

impl Asked {
    fn parse(path: &str) -> Option<Self> {
        let mut parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        parts.drain(..if parts.first() == Some(&"api") { 2 } else { 3 }.min(parts.len()));
        let part = |at: usize| parts.get(at).copied().unwrap_or_default().to_owned();
        let asked = match (part(0).as_str(), parts.len()) {
            ("namespaces", 3..) => Self { plural: part(2), namespace: part(1), name: part(3), sub: part(4) },
            _ => Self { plural: part(0), namespace: String::new(), name: part(1), sub: part(2) },
        };
        RESOURCES.iter().any(|known| known.2 == asked.plural).then_some(asked)
    }

    fn key(&self) -> Key {
        (self.plural.clone(), self.namespace.clone(), self.name.clone())
    }

    fn holds(&self, plural: &str, object: &Value, query: &BTreeMap<String, String>) -> bool {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        let labels = &object["metadata"]["labels"];
        let selects = query.get("labelSelector").is_none_or(|selector| {
            selector.split(',').all(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                labels[name].as_str() == Some(value.trim_start_matches('='))
            })
        });
        let lives = query.get("fieldSelector").is_none_or(|selector| {
            let phase = object["status"]["phase"].as_str().unwrap_or_default();
            !selector.contains(&format!("status.phase!={phase}")) || phase.is_empty()
        });
        plural == self.plural
            && (self.namespace.is_empty() || namespace == self.namespace)
            && selects
            && lives
    }
}

/// What is there for clients that ask before they act.
fn discovery(path: &str) -> Option<Value> {
    let versions = || -> BTreeSet<(&str, &str)> {
        RESOURCES.iter().filter(|known| !known.0.is_empty()).map(|known| (known.0, known.1)).collect()
    };
    match path.trim_matches('/') {
        "version" => Some(json!({ "major": "1", "minor": "37", "gitVersion": "v1.37.0" })),
        "api" => Some(json!({ "kind": "APIVersions", "versions": ["v1"] })),
        "apis" => {
            let group = |(group, version): (&str, &str)| {
                let this = json!({ "groupVersion": format!("{group}/{version}"), "version": version });
                json!({ "name": group, "versions": [this], "preferredVersion": this })
            };
            let groups: Vec<_> = versions().into_iter().map(group).collect();
            Some(json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }))
        }
        path => {
            let group_version = path.strip_prefix("apis/").or_else(|| path.strip_prefix("api/"))?;
            let of_it = RESOURCES.iter().filter(|known| {
                let own =
                    if known.0.is_empty() { known.1.into() } else { format!("{}/{}", known.0, known.1) };
                own == group_version
            });
            let resource = |known: &(&str, &str, &str, &str, bool)| {
                json!({
                    "name": known.2, "singularName": known.3.to_lowercase(), "namespaced": known.4, "kind": known.3,
                    "verbs": ["create", "delete", "get", "list", "patch", "watch"],
                })
            };
            let resources: Vec<_> = of_it.map(resource).collect();
            (!resources.is_empty()).then(|| {
                json!({ "kind": "APIResourceList", "groupVersion": group_version, "resources": resources })
            })
        }
    }
}

/// A watch: what changes from now on, a line each.
fn stream(
    cluster: Arc<Mutex<Cluster>>,
    changed: watch::Sender<u64>,
    asked: Asked,
    query: BTreeMap<String, String>,
    mut from: u64,
) -> Response {
    let (lines, body) = tokio::sync::mpsc::channel::<Result<Bytes, Infallible>>(64);
    let mut changes = changed.subscribe();
    tokio::spawn(async move {
        let epoch = cluster.lock().unwrap_or_else(PoisonError::into_inner).epoch;
        loop {
            let news: Vec<String> = {
                let cluster = cluster.lock().unwrap_or_else(PoisonError::into_inner);
                if cluster.epoch != epoch {
                    return;
                }
                let new = cluster.changes.iter().filter(|change| change.0 > from);
                let told = new.filter(|(_, _, plural, object)| asked.holds(plural, object, &query));
                let told =
                    told.map(|(_, kind, _, object)| json!({ "type": kind, "object": object }).to_string());
                let told = told.collect();
                from = cluster.version;
                told
            };
            for line in news {
                if lines.send(Ok(Bytes::from(line + "\n"))).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = lines.closed() => return,
            }
        }
    });
    let body = futures::stream::unfold(body, |mut body| async move { Some((body.recv().await?, body)) });
    Body::from_stream(body).into_response()
}

impl Cluster {
    fn respond(
        &mut self,
        method: &Method,
        asked: &Asked,
        query: &BTreeMap<String, String>,
        body: &[u8],
    ) -> Response {
        let not_found = || {
            let message = format!("{} \"{}\" not found", asked.plural, asked.name);
            status(404, "NotFound", &message, Value::Null)
        };
        match *method {
            Method::GET if asked.name.is_empty() => {
                let items: Vec<_> = self
                    .objects
                    .iter()
                    .filter(|(key, object)| asked.holds(&key.0, &object.body, query))
                    .map(|(_, object)| object.body.clone())
                    .collect();
                let metadata = json!({ "resourceVersion": self.version.to_string() });
                axum::Json(
                    json!({ "kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items }),
                )
                .into_response()
            }
            Method::GET => match self.objects.get(&asked.key()) {
                Some(object) => axum::Json(object.body.clone()).into_response(),
                None => not_found(),
            },
            Method::PATCH => {
                let Ok(fields) = serde_json::from_slice::<Value>(body) else {
                    return status(400, "BadRequest", "the body is no object", Value::Null);
                };
                let manager = query.get("fieldManager").cloned().unwrap_or_default();
                let force = query.get("force").is_some_and(|force| force == "true");
                match self.apply(&asked.key(), &manager, force, &fields) {
                    Ok(object) => {
                        self.control();
                        axum::Json(object).into_response()
                    }
                    Err(causes) => {
                        let message = format!("Apply failed with {} conflict", causes.len());
                        status(409, "Conflict", &message, json!({ "causes": causes }))
                    }
                }
            }
            Method::DELETE => {
                if !self.objects.contains_key(&asked.key()) {
                    return not_found();
                }
                self.delete(&asked.key());
                self.control();
                axum::Json(json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" }))
                    .into_response()
            }
            _ => status(405, "MethodNotAllowed", "not here", Value::Null),
        }
    }

    /// Applies fields as a manager; or says which others hold them.
    fn apply(&mut self, key: &Key, manager: &str, force: bool, fields: &Value) -> Result<Value, Vec<Value>> {
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
            return Err(causes);
        }
        let before = object.applied.insert(manager.into(), new.clone()).unwrap_or_default();
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
                json!({ "manager": manager, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": managed(held) })
            })
            .collect();
        object.body["metadata"]["managedFields"] = managed.into();
        let known = RESOURCES.iter().find(|known| known.2 == key.0).unwrap();
        object.body["kind"] = known.3.into();
        object.body["apiVersion"] =
            if known.0.is_empty() { known.1.into() } else { format!("{}/{}", known.0, known.1).into() };
        object.body["metadata"]["name"] = key.2.clone().into();
        Ok(self.put(key, object))
    }

    /// Stores an object; what did not change has no new version.
    fn put(&mut self, key: &Key, mut object: Object) -> Value {
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

    fn delete(&mut self, key: &Key) {
        if let Some(mut object) = self.objects.remove(key) {
            self.version += 1;
            object.body["metadata"]["resourceVersion"] = self.version.to_string().into();
            self.changes.push((self.version, "DELETED", key.0.clone(), object.body));
        }
    }

    fn add_nodes(&mut self) {
        for name in ["gpu-1", "gpu-2"] {
            let body = json!({
                "kind": "Node", "apiVersion": "v1",
                "metadata": { "name": name, "labels": {
                    "kubernetes.io/arch": "amd64",
                    "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
                    "nvidia.com/gpu.memory": "81559",
                } },
                "status": {
                    "allocatable": { "cpu": "1024", "memory": "8192Gi", "nvidia.com/gpu": GPUS_OF_NODE.to_string() },
                    "conditions": [{ "type": "Ready", "status": "True" }],
                },
            });
            self.put(&("nodes".into(), String::new(), name.into()), Object { body, ..Object::default() });
        }
    }

    /// What controllers and nodes do after a change.
    fn control(&mut self) {
        let owners: Vec<(Key, Value)> = self
            .objects
            .iter()
            .filter(|(key, _)| ["deployments", "statefulsets", "jobs"].contains(&key.0.as_str()))
            .map(|(key, object)| (key.clone(), object.body.clone()))
            .collect();
        let uids: BTreeSet<_> = owners.iter().map(|(_, owner)| uid(owner)).collect();
        for (key, pod) in self.pods() {
            if !uids.contains(pod["metadata"]["annotations"]["owner"].as_str().unwrap_or_default()) {
                self.delete(&key);
            }
        }
        for (key, owner) in owners {
            self.run(&key, &owner);
        }
    }

    fn pods(&self) -> Vec<(Key, Value)> {
        let pods = self.objects.iter().filter(|(key, _)| key.0 == "pods");
        pods.map(|(key, object)| (key.clone(), object.body.clone())).collect()
    }

    /// Makes the pods of one controller's object, and removes those of a former template once the new ones are ready.
    fn run(&mut self, key: &Key, owner: &Value) {
        let spec = &owner["spec"];
        let is_job = key.0 == "jobs";
        let template = &spec["template"];
        let hash = hex::encode(Sha256::digest(template.to_string()))[..8].to_owned();
        let count = if is_job { &spec["completions"] } else { &spec["replicas"] }.as_u64().unwrap_or(1);
        let first = spec["ordinals"]["start"].as_u64().unwrap_or(0);
        let mut wanted = BTreeSet::new();
        for ordinal in first..first + count {
            let name = match key.0.as_str() {
                "deployments" => format!("{}-{hash}-{ordinal}", key.2),
                _ => format!("{}-{ordinal}", key.2),
            };
            let pod_key = ("pods".to_owned(), key.1.clone(), name.clone());
            let is =
                self.objects.get(&pod_key).map(|pod| pod.body["metadata"]["annotations"]["hash"].clone());
            if is.is_some_and(|is| is != hash.as_str()) {
                self.delete(&pod_key);
            }
            if !self.objects.contains_key(&pod_key) {
                let mut pod = template.clone();
                pod["kind"] = "Pod".into();
                pod["apiVersion"] = "v1".into();
                pod["metadata"]["name"] = name.into();
                pod["metadata"]["annotations"] = json!({ "owner": uid(owner), "hash": hash });
                let labels = &mut pod["metadata"]["labels"];
                match key.0.as_str() {
                    "statefulsets" => labels["apps.kubernetes.io/pod-index"] = ordinal.to_string().into(),
                    "jobs" => {
                        labels["batch.kubernetes.io/job-name"] = key.2.clone().into();
                        if spec["completionMode"] == "Indexed" {
                            labels["batch.kubernetes.io/job-completion-index"] = ordinal.to_string().into();
                        }
                    }
                    _ => {}
                }
                pod["metadata"]["uid"] = uuid::Uuid::new_v4().to_string().into();
                pod["metadata"]["creationTimestamp"] = now();
                self.place(&mut pod, is_job);
                self.put(&pod_key, Object { body: pod, ..Object::default() });
            }
            wanted.insert(pod_key);
        }
        let all_ready = wanted.iter().all(|key| is_ready(&self.objects[key].body));
        for (pod_key, pod) in self.pods() {
            let is_own = pod["metadata"]["annotations"]["owner"] == uid(owner);
            let is_former = pod["metadata"]["annotations"]["hash"] != hash.as_str();
            if is_own && !wanted.contains(&pod_key) && (all_ready || !is_former) {
                self.delete(&pod_key);
            }
        }
        if is_job {
            let phase =
                |phase: &str| wanted.iter().all(|key| self.objects[key].body["status"]["phase"] == phase);
            let kind = if phase("Succeeded") { "Complete" } else { "Failed" };
            let mut object = self.objects[key].clone();
            object.body["status"] = json!({ "conditions": [{ "type": kind, "status": "True" }] });
            self.put(key, object);
        }
    }

    /// A node takes the pod, if there is one that can, and runs it.
    fn place(&mut self, pod: &mut Value, is_job: bool) {
        let container = pod["spec"]["containers"][0].clone();
        let gpus = |container: &Value| {
            let asked = container["resources"]["requests"]["nvidia.com/gpu"].as_str();
            asked.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0)
        };
        let wanted = gpus(&container);
        let holds = |node: &str| -> u64 {
            let pods = self.pods();
            let on_it = pods.iter().filter(|(_, pod)| pod["spec"]["nodeName"] == node);
            on_it.map(|(_, pod)| gpus(&pod["spec"]["containers"][0])).sum()
        };
        let node = ["gpu-1", "gpu-2"].into_iter().find(|node| holds(node) + wanted <= GPUS_OF_NODE);
        let Some(node) = node else {
            pod["status"] = json!({ "phase": "Pending", "conditions": [{
                "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                "message": "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.",
            }] });
            return;
        };
        pod["spec"]["nodeName"] = node.into();
        let says = container.to_string();
        let waiting = |reason: &str, last: Value| {
            json!({ "phase": "Running", "startTime": now(), "containerStatuses": [{
                "restartCount": if last.is_null() { 0 } else { 3 },
                "state": { "waiting": { "reason": reason, "message": "it is waited" } },
                "lastState": if last.is_null() { json!({}) } else { json!({ "terminated": last }) },
            }] })
        };
        let ended = |phase: &str, code: u64| {
            json!({ "phase": phase, "startTime": now(), "containerStatuses": [{ "restartCount": 0, "state": {
                "terminated": { "exitCode": code, "reason": "Done", "finishedAt": now() },
            } }] })
        };
        self.addresses += 1;
        pod["status"] = match () {
            () if says.contains("unpullable") => {
                self.warn(pod, "Failed to pull image: manifest unknown");
                waiting("ImagePullBackOff", Value::Null)
            }
            () if is_job && says.contains("exit 3") => ended("Failed", 3),
            () if is_job => ended("Succeeded", 0),
            () if says.contains("exit 3") => {
                waiting("CrashLoopBackOff", json!({ "exitCode": 3, "reason": "Error" }))
            }
            () if says.contains("hog") => {
                waiting("CrashLoopBackOff", json!({ "exitCode": 137, "reason": "OOMKilled" }))
            }
            () => json!({
                "phase": "Running", "startTime": now(), "hostIP": "192.0.2.1",
                "podIP": format!("10.0.{}.{}", self.addresses / 250, self.addresses % 250),
                "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": now() }],
                "containerStatuses": [{ "restartCount": 0, "state": { "running": { "startedAt": now() } } }],
            }),
        };
    }

    fn warn(&mut self, pod: &Value, message: &str) {
        let name = format!("{}.1", pod["metadata"]["name"].as_str().unwrap());
        let body = json!({
            "kind": "Event", "apiVersion": "v1", "metadata": { "name": name }, "type": "Warning",
            "reason": "Failed", "message": message, "lastTimestamp": now(),
            "involvedObject": { "kind": "Pod", "uid": pod["metadata"]["uid"] },
        });
        let namespace = self.objects.keys().find(|key| key.0 == "deployments").map(|key| key.1.clone());
        self.put(
            &("events".into(), namespace.unwrap_or_default(), name),
            Object { body, ..Object::default() },
        );
    }
}

fn is_ready(pod: &Value) -> bool {
    pod["status"]["conditions"][0]["type"] == "Ready"
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

fn now() -> Value {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    jiff::Timestamp::from_second(seconds as i64).unwrap().to_string().into()
}
