//! The host's HTTP interface, `/api/v1`, for the command line: one token opens it.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use chandlery_package::problem::Problem;
use chandlery_package::wire::Page;
use chandlery_package::{Kind, Manifest, Permission, Release, Requirement, SecretName, TargetName};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq as _;
use tower_http::trace::TraceLayer;

use crate::audit::{self, Entry};
use crate::deployments::{Deployment, NewDeployment, Planned, Replayed, Revision};
use crate::engines::{Drift, LogTail};
use crate::installs::{Consent, Locked, RegistryClient, Step};
use crate::integrations::{Standing, Tried};
use crate::licence::Entitlement;
use crate::metering::{self, Metered};
use crate::secrets::SecretInfo;
use crate::targets::{NewTarget, Target};
use crate::{Error, Host, settings, tasks};
use chandlery_package::plan::Facts;

/// Asks for a plugin to be installed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewInstall {
    /// Which releases would do.
    pub requirement: Requirement,
    /// What was decided about what it asks for.
    #[serde(flatten)]
    pub consent: Consent,
}

/// What is told while an installation or a verification goes on, one JSON text a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Something was begun, or a check was passed.
    Step(Step),
    /// It asks for what nobody has agreed to, and was not installed.
    Asks(Asked),
    /// It is installed.
    Installed(Box<Locked>),
    /// These were verified.
    Verified(Vec<Release>),
    /// It ended here.
    Refused(Problem),
}

/// What a release asks for that nobody has agreed to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The release.
    pub release: Release,
    /// What it is.
    pub kind: Kind,
    /// What it asks for.
    pub permissions: Vec<Permission>,
    /// The same as a problem, for whoever cannot be asked.
    pub problem: Problem,
}

/// What is installed, and what it was granted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewPermission {
    /// Whether it is granted from now on.
    pub granted: bool,
}

/// How many replicas of a workload should run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewScale {
    /// Which workload.
    pub workload: String,
    /// How many.
    pub replicas: u32,
}

/// Which revision should run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// Its number; none: the last one before that was ready.
    pub revision: Option<i64>,
}

/// A secret's value.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewSecret {
    /// The value.
    pub value: String,
}

/// A plugin's settings: what was set, and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What was set.
    pub given: Map<String, Value>,
    /// The same with defaults; none: it does not fit the manifest yet.
    pub complete: Option<Value>,
    /// What stands in the way.
    pub problem: Option<String>,
}

/// The routes, behind the token.
pub(crate) fn router(host: Host) -> Router {
    let token: Arc<str> = host.token.as_str().into();
    Router::new()
        .route("/api/v1/plugins", get(installed).post(install))
        .route("/api/v1/plugins/{name}", delete(uninstall))
        .route("/api/v1/plugins/{name}/manifest", get(manifest))
        .route("/api/v1/plugins/{name}/permissions/{permission}", put(set_permission))
        .route("/api/v1/plugins/{name}/settings", get(get_settings).patch(set_settings))
        .route("/api/v1/plugins/{name}/uses", get(uses))
        .route("/api/v1/plugins/{name}/try", post(try_out))
        .route("/api/v1/integrations", get(list_integrations))
        .route("/api/v1/secrets", get(secrets))
        .route("/api/v1/secrets/{name}", put(set_secret).delete(remove_secret))
        .route("/api/v1/verify", post(verify))
        .route("/api/v1/plans", post(plan))
        .route("/api/v1/deployments", get(deployments).post(deploy))
        .route("/api/v1/deployments/{name}", get(deployment).delete(remove))
        .route("/api/v1/deployments/{name}/revisions", get(revisions))
        .route("/api/v1/deployments/{name}/rollback", post(rollback))
        .route("/api/v1/deployments/{name}/restart", post(restart))
        .route("/api/v1/deployments/{name}/scale", put(scale))
        .route("/api/v1/deployments/{name}/paused", put(pause))
        .route("/api/v1/deployments/{name}/heal", post(heal))
        .route("/api/v1/deployments/{name}/logs", get(logs))
        .route("/api/v1/deployments/{name}/replay", get(replay))
        .route("/api/v1/entitlement", get(entitlement))
        .route("/api/v1/targets", get(targets))
        .route("/api/v1/targets/{name}", put(put_target).delete(remove_target))
        .route("/api/v1/targets/{name}/inventory", get(inventory))
        .route("/api/v1/usage", get(usage))
        .layer(from_fn_with_state(token, authenticate))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .layer(TraceLayer::new_for_http())
        .with_state(host)
}

async fn authenticate(State(token): State<Arc<str>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    match given.as_bytes().ct_eq(token.as_bytes()).into() {
        true => next.run(request).await,
        false => Error::Unauthenticated.into_response(),
    }
}

async fn installed(State(host): State<Host>) -> Result<Json<Page<Locked>>, Error> {
    Ok(Json(Page { items: host.installs.list().await?, next: None }))
}

async fn manifest(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Manifest>, Error> {
    Ok(Json(Manifest::clone(&*host.manifest(&name).await?)))
}

async fn install(State(host): State<Host>, Json(new): Json<NewInstall>) -> Result<Response, Error> {
    let registry = host.registry()?;
    Ok(stream(move |progress| async move {
        match host.installs.install(&registry, &new.requirement, &new.consent, &progress).await {
            Ok(locked) => Ok(Event::Installed(Box::new(locked))),
            Err(error) => {
                let problem = error.problem();
                match error {
                    Error::Consent { release, kind, missing: permissions, .. } => {
                        Ok(Event::Asks(Asked { release, kind, permissions, problem }))
                    }
                    error => Err(error),
                }
            }
        }
    }))
}

async fn uninstall(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Locked>, Error> {
    Ok(Json(host.uninstall(&name).await?))
}

async fn set_permission(
    State(host): State<Host>,
    Path((name, permission)): Path<(String, Permission)>,
    Json(new): Json<NewPermission>,
) -> Result<Json<Locked>, Error> {
    Ok(Json(host.installs.set_permission(&name, &permission, new.granted).await?))
}

async fn get_settings(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Settings>, Error> {
    let manifest = host.manifest(&name).await?;
    let given = settings::given(host.db.pool(), &manifest.name).await?;
    let complete = settings::complete(host.db.pool(), &manifest).await;
    let problem = complete.as_ref().err().map(ToString::to_string);
    Ok(Json(Settings { given, complete: complete.ok(), problem }))
}

async fn set_settings(
    State(host): State<Host>,
    Path(name): Path<String>,
    Json(changes): Json<Map<String, Value>>,
) -> Result<Json<Value>, Error> {
    let locked = host.installs.find(&name).await?;
    let manifest = host.installs.plugin(&locked).await?.manifest;
    Ok(Json(settings::set(&host.db, &host.installs, (&locked, &manifest), &changes).await?))
}

async fn uses(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Page<Entry>>, Error> {
    let locked = host.installs.find(&name).await?;
    Ok(Json(Page { items: audit::read(host.db.pool(), &locked.release).await?, next: None }))
}

async fn try_out(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Tried>, Error> {
    Ok(Json(host.integrations.attempt(&name).await?))
}

async fn list_integrations(State(host): State<Host>) -> Result<Json<Page<Standing>>, Error> {
    Ok(Json(Page { items: host.integrations.list().await?, next: None }))
}

async fn secrets(State(host): State<Host>) -> Result<Json<Page<SecretInfo>>, Error> {
    Ok(Json(Page { items: host.secrets.list().await?, next: None }))
}

async fn set_secret(
    State(host): State<Host>,
    Path(name): Path<SecretName>,
    Json(new): Json<NewSecret>,
) -> Result<Json<Value>, Error> {
    host.secrets.set(&name, &new.value).await?;
    Ok(Json(json!({})))
}

async fn remove_secret(State(host): State<Host>, Path(name): Path<SecretName>) -> Result<Json<Value>, Error> {
    host.secrets.remove(&name).await?;
    Ok(Json(json!({})))
}

/// Whether all that goes on beside requests goes on.
async fn readyz(State(host): State<Host>) -> Result<&'static str, Error> {
    match host.tasks.down().as_slice() {
        [] => Ok("ready\n"),
        down => Err(Error::NotReady(down.join(", "))),
    }
}

/// The calls of plugins and the restarts of tasks, in the text format of OpenMetrics.
async fn metrics(State(host): State<Host>) -> Result<Response, Error> {
    const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let mut registry = Registry::with_prefix("chandlery");
    host.sandbox.register_metrics(&mut registry);
    tasks::register_metrics(&host.tasks, &mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| Error::Damaged(error.to_string()))?;
    Ok(([(CONTENT_TYPE, TEXT)], text).into_response())
}

async fn verify(State(host): State<Host>) -> Result<Response, Error> {
    let registry: RegistryClient = host.registry()?;
    Ok(stream(move |progress| async move {
        Ok(Event::Verified(host.installs.verify(&registry, &progress).await?))
    }))
}

/// Answers with events as they happen; the last one says how it ended.
fn stream<F, W>(work: W) -> Response
where
    W: FnOnce(Box<dyn Fn(Step) + Send + Sync>) -> F + Send + 'static,
    F: Future<Output = Result<Event, Error>> + Send + 'static,
{
    let (send, receive) = tokio::sync::mpsc::unbounded_channel();
    let steps = send.clone();
    let progress: Box<dyn Fn(Step) + Send + Sync> = Box::new(move |step| {
        // Whoever asked may be gone; the work goes on to its end.
        let _ = steps.send(Event::Step(step));
    });
    let done = work(progress);
    tokio::spawn(async move {
        let last = done.await.unwrap_or_else(|error| Event::Refused(error.problem()));
        let _ = send.send(last);
    });
    let lines = futures::stream::unfold(receive, |mut receive| async {
        let event = receive.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(format!("{}\n", json!(event)))), receive))
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

async fn plan(State(host): State<Host>, Json(new): Json<NewDeployment>) -> Result<Json<Planned>, Error> {
    Ok(Json(host.deployments.plan(&new).await?))
}

async fn deploy(State(host): State<Host>, Json(new): Json<NewDeployment>) -> Result<Json<Deployment>, Error> {
    Ok(Json(host.deployments.deploy(&new).await?))
}

async fn deployments(State(host): State<Host>) -> Result<Json<Page<Deployment>>, Error> {
    Ok(Json(Page { items: host.deployments.list().await?, next: None }))
}

async fn deployment(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Deployment>, Error> {
    Ok(Json(host.deployments.get(&name).await?))
}

async fn remove(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Value>, Error> {
    host.deployments.remove(&name).await?;
    Ok(Json(json!({})))
}

async fn revisions(
    State(host): State<Host>,
    Path(name): Path<String>,
) -> Result<Json<Page<Revision>>, Error> {
    Ok(Json(Page { items: host.deployments.history(&name).await?, next: None }))
}

async fn rollback(
    State(host): State<Host>,
    Path(name): Path<String>,
    Json(to): Json<Rollback>,
) -> Result<Json<Deployment>, Error> {
    Ok(Json(host.deployments.rollback(&name, to.revision).await?))
}

async fn restart(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Deployment>, Error> {
    host.deployments.restart(&name).await?;
    Ok(Json(host.deployments.get(&name).await?))
}

async fn scale(
    State(host): State<Host>,
    Path(name): Path<String>,
    Json(to): Json<NewScale>,
) -> Result<Json<Deployment>, Error> {
    host.deployments.scale(&name, &to.workload, to.replicas).await?;
    Ok(Json(host.deployments.get(&name).await?))
}

async fn pause(
    State(host): State<Host>,
    Path(name): Path<String>,
    Json(paused): Json<bool>,
) -> Result<Json<Deployment>, Error> {
    Ok(Json(host.deployments.pause(&name, paused).await?))
}

async fn heal(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Page<Drift>>, Error> {
    Ok(Json(Page { items: host.deployments.heal(&name).await?, next: None }))
}

async fn entitlement(State(host): State<Host>) -> Result<Json<Entitlement>, Error> {
    Ok(Json(host.deployments.entitlement().await?))
}

async fn targets(State(host): State<Host>) -> Result<Json<Page<Target>>, Error> {
    Ok(Json(Page { items: host.targets.list().await?, next: None }))
}

async fn put_target(
    State(host): State<Host>,
    Path(name): Path<TargetName>,
    Json(new): Json<NewTarget>,
) -> Result<Json<Facts>, Error> {
    Ok(Json(host.targets.put(&name, &new).await?))
}

async fn remove_target(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Value>, Error> {
    host.targets.remove(&name).await?;
    Ok(Json(json!({})))
}

async fn inventory(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Facts>, Error> {
    Ok(Json(host.targets.engine(&name).await?.inventory().await?))
}

async fn replay(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Replayed>, Error> {
    Ok(Json(host.deployments.replay(&name).await?))
}

#[derive(Deserialize)]
struct Tail {
    lines: Option<usize>,
}

async fn logs(
    State(host): State<Host>,
    Path(name): Path<String>,
    Query(query): Query<Tail>,
) -> Result<Json<Page<LogTail>>, Error> {
    let items = host.deployments.logs(&name, query.lines.unwrap_or(100)).await?;
    Ok(Json(Page { items, next: None }))
}

async fn usage(State(host): State<Host>) -> Result<Json<Metered>, Error> {
    Ok(Json(metering::metered(host.db.pool()).await?))
}
