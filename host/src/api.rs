//! The host's HTTP interface, `/api/v1`, for the command line: one token opens it.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chandlery_package::wire::{Page, Problem};
use chandlery_package::{Manifest, Release, Requirement};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use tower_http::trace::TraceLayer;

use crate::deployments::{Deployment, Planned, Replayed};
use crate::engines::LogTail;
use crate::installs::{Locked, Passed, RegistryClient};
use crate::metering::{self, Metered};
use crate::{Error, Host};

/// Asks for a plugin to be installed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewInstall {
    /// Which releases would do.
    pub requirement: Requirement,
}

/// What is told while an installation or a verification goes on, one JSON text a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A check was passed.
    Passed(Passed),
    /// It is installed.
    Installed(Box<Locked>),
    /// These were verified.
    Verified(Vec<Release>),
    /// It ended here.
    Refused(Problem),
}

/// Asks for a plan, or for a deployment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewDeployment {
    /// The plugin, by its full or short name.
    pub plugin: String,
    /// The deployment's name; none: the plugin's.
    pub name: Option<String>,
    /// The parameters, as a JSON object.
    pub parameters: Value,
}

/// The routes, behind the token.
pub(crate) fn router(host: Host) -> Router {
    let token: Arc<str> = host.token.as_str().into();
    Router::new()
        .route("/api/v1/plugins", get(installed).post(install))
        .route("/api/v1/plugins/{name}/manifest", get(manifest))
        .route("/api/v1/verify", post(verify))
        .route("/api/v1/plans", post(plan))
        .route("/api/v1/deployments", get(deployments).post(deploy))
        .route("/api/v1/deployments/{name}", get(deployment).delete(remove))
        .route("/api/v1/deployments/{name}/logs", get(logs))
        .route("/api/v1/deployments/{name}/replay", get(replay))
        .route("/api/v1/usage", get(usage))
        .layer(from_fn_with_state(token, authenticate))
        .route("/healthz", get(|| async { "ok\n" }))
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
    let locked = host.installs.find(&name).await?;
    let (component, _) = host.installs.template(&locked).await?;
    Ok(Json(component.manifest))
}

async fn install(State(host): State<Host>, Json(new): Json<NewInstall>) -> Result<Response, Error> {
    let registry = host.registry()?;
    Ok(stream(move |progress| async move {
        let locked = host.installs.install(&registry, &new.requirement, &progress).await?;
        Ok(Event::Installed(Box::new(locked)))
    }))
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
    W: FnOnce(Box<dyn Fn(Passed) + Send + Sync>) -> F + Send + 'static,
    F: Future<Output = Result<Event, Error>> + Send + 'static,
{
    let (send, receive) = tokio::sync::mpsc::unbounded_channel();
    let passed = send.clone();
    let progress: Box<dyn Fn(Passed) + Send + Sync> = Box::new(move |check| {
        // Whoever asked may be gone; the work goes on to its end.
        let _ = passed.send(Event::Passed(check));
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
    Ok(Json(host.deployments.plan(&new.plugin, new.name.as_deref(), &new.parameters).await?))
}

async fn deploy(State(host): State<Host>, Json(new): Json<NewDeployment>) -> Result<Json<Deployment>, Error> {
    Ok(Json(host.deployments.deploy(&new.plugin, new.name.as_deref(), &new.parameters).await?))
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
    Ok(Json(metering::metered(&host.db).await?))
}
