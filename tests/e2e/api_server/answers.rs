//! What the API server answers: discovery, refusals, lists, watches and changes.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::cluster::{Cluster, Key, RESOURCES, Refused};

type Shared = (Arc<Mutex<Cluster>>, watch::Sender<u64>);

/// Answers whatever is asked.
pub(super) async fn answer(
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
    if let Some(said) = held.review(uri.path(), &body) {
        return axum::Json(said).into_response();
    }
    let Some(asked) = Asked::parse(uri.path()) else {
        return status(404, "NotFound", "the server could not find the requested resource", Value::Null);
    };
    if let Some(refused) = held.forbids(&method, &asked) {
        return refused;
    }
    if asked.sub == "log" {
        return held.log(&asked, query.get("container").map(String::as_str));
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
    let answer = match headers.get("content-type").is_some_and(|it| it == "application/merge-patch+json") {
        true => held.merge(&asked, &body),
        false => held.respond(&method, &asked, &query, &body),
    };
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
    /// Who may not do this. Server-side apply needs `create` beside `patch` where the object is not there:
    /// <https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb>.
    fn forbids(&self, method: &Method, asked: &Asked) -> Option<Response> {
        let verbs: &[&str] = match *method {
            Method::PATCH if self.objects.contains_key(&asked.key()) => &["patch"],
            Method::PATCH => &["patch", "create"],
            Method::DELETE => &["delete"],
            _ => &[],
        };
        let verb = verbs.iter().find(|verb| self.may_not(verb, &asked.plural))?;
        let message = format!(
            "{} is forbidden: User \"robot\" cannot {verb} resource \"{}\" in the namespace \"{}\"",
            asked.plural, asked.plural, asked.namespace
        );
        Some(status(403, "Forbidden", &message, Value::Null))
    }

    fn may_not(&self, verb: &str, plural: &str) -> bool {
        self.forbidden.contains(&(verb.to_owned(), plural.to_owned()))
    }

    /// What somebody may who asks, and who they are.
    fn review(&self, path: &str, body: &[u8]) -> Option<Value> {
        match path.rsplit('/').next()? {
            "selfsubjectaccessreviews" => {
                let asked: Value = serde_json::from_slice(body).unwrap();
                let asked = &asked["spec"]["resourceAttributes"];
                let (verb, resource) = (asked["verb"].as_str().unwrap(), asked["resource"].as_str().unwrap());
                Some(json!({ "metadata": {}, "status": { "allowed": !self.may_not(verb, resource) } }))
            }
            "selfsubjectreviews" => {
                Some(json!({ "metadata": {}, "status": { "userInfo": { "username": "robot" } } }))
            }
            _ => None,
        }
    }

    /// A patch of `managedFields`, the only one that is sent but to apply.
    fn merge(&mut self, asked: &Asked, body: &[u8]) -> Response {
        let patch: Value = serde_json::from_slice(body).unwrap();
        let entries = patch["metadata"]["managedFields"].as_array().unwrap();
        let managers: Vec<_> = entries.iter().map(|it| it["manager"].as_str().unwrap().to_owned()).collect();
        self.rename_managers(&asked.key(), &managers);
        axum::Json(self.objects[&asked.key()].body.clone()).into_response()
    }

    /// What a container wrote; of several, one has to be named (LogLocation in pkg/registry/core/pod).
    fn log(&self, asked: &Asked, container: Option<&str>) -> Response {
        let Some(pod) = self.objects.get(&asked.key()) else {
            return status(404, "NotFound", "pods not found", Value::Null);
        };
        let containers = pod.body["spec"]["containers"].as_array().unwrap();
        match (container, containers.as_slice()) {
            (None, [_, _, ..]) => {
                let message = "a container name must be specified for the pod, choose one of its containers";
                status(400, "BadRequest", message, Value::Null)
            }
            (Some(name), _) if self.sidecar.as_deref() == Some(name) => {
                "a request was passed on\n".into_response()
            }
            _ => "it began\nand these are its last words\n".into_response(),
        }
    }

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
                let rehearses = query.get("dryRun").is_some_and(|dry_run| dry_run == "All");
                match self.apply(&asked.key(), (&manager, force, rehearses), &fields) {
                    Ok(object) => {
                        self.control();
                        axum::Json(object).into_response()
                    }
                    Err(Refused::Invalid(why)) => status(422, "Invalid", &why, Value::Null),
                    Err(Refused::Conflict(causes)) => {
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
}
