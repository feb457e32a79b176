//! What is installed: plugins with their permissions and settings, integrations, and proof of all of it.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use chandlery_package::problem::{Explain as _, Problem};
use chandlery_package::wire::Page;
use chandlery_package::{Kind, Manifest, Permission, Release, Requirement};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Path};
use crate::audit::{self, Entry};
use crate::error::Error;
use crate::host::Host;
use crate::installs::{self, Consent, Locked, RegistryClient, Step};
use crate::integrations::{Standing, Tried};
use crate::settings;

/// Asks for a plugin to be installed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewInstall {
    /// Which releases would do.
    pub requirement: Requirement,
    /// What was decided about what it asks for.
    #[serde(flatten)]
    pub consent: Consent,
}

/// What is told while an installation or a verification goes on, one JSON text a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewPermission {
    /// Whether it is granted from now on.
    pub granted: bool,
}

/// A plugin's settings: what was set, and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// What was set.
    #[schema(value_type = Object)]
    pub given: Map<String, Value>,
    /// The same with defaults; none: it does not fit the manifest yet.
    pub complete: Option<Value>,
    /// What stands in the way.
    pub problem: Option<String>,
}

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Host> {
    OpenApiRouter::new()
        .routes(routes!(installed, install))
        .routes(routes!(uninstall))
        .routes(routes!(manifest))
        .routes(routes!(set_permission))
        .routes(routes!(get_settings, set_settings))
        .routes(routes!(uses))
        .routes(routes!(try_out))
        .routes(routes!(list_integrations))
        .routes(routes!(verify))
}

/// Lists what is installed.
#[utoipa::path(
    get,
    path = "/api/v1/plugins",
    responses((status = 200, description = "Done.", body = Page<Locked>))
)]
async fn installed(State(host): State<Host>) -> Result<Json<Page<Locked>>, Error> {
    Ok(Json(Page { items: host.installs.list().await?, next: None }))
}

/// Shows what an installed plugin says of itself.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{name}/manifest",
    params(("name" = String, Path)),
    responses((status = 200, description = "Done.", body = Manifest))
)]
async fn manifest(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Manifest>, Error> {
    Ok(Json(Manifest::clone(&*host.manifest(&name).await?)))
}

/// Installs a release, and tells each step as it is taken, one JSON text a line.
#[utoipa::path(
    post,
    path = "/api/v1/plugins",
    request_body = NewInstall,
    responses((status = 200, description = "What happens, as it happens; the last line tells how it ended.", content_type = "application/x-ndjson", body = Event))
)]
async fn install(State(host): State<Host>, Json(new): Json<NewInstall>) -> Result<Response, Error> {
    let registry = host.registry()?;
    Ok(stream(move |progress| async move {
        match host.installs.install(&registry, &new.requirement, &new.consent, &progress).await {
            Ok(locked) => Ok(Event::Installed(Box::new(locked))),
            Err(error) => match Error::from(error) {
                ref error @ Error::Installs(installs::Error::Consent {
                    ref release,
                    kind,
                    ref missing,
                    ..
                }) => {
                    let (release, permissions) = (release.clone(), missing.clone());
                    Ok(Event::Asks(Asked { release, kind, permissions, problem: error.problem() }))
                }
                error => Err(error),
            },
        }
    }))
}

/// Removes an installed plugin that nothing is deployed of.
#[utoipa::path(
    delete,
    path = "/api/v1/plugins/{name}",
    params(("name" = String, Path)),
    responses((status = 200, description = "Done.", body = Locked))
)]
async fn uninstall(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Locked>, Error> {
    Ok(Json(host.uninstall(&name).await?))
}

/// Grants or revokes a permission that a plugin asks for.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{name}/permissions/{permission}",
    params(("name" = String, Path), ("permission" = Permission, Path)),
    request_body = NewPermission,
    responses((status = 200, description = "Done.", body = Locked))
)]
async fn set_permission(
    State(host): State<Host>,
    Path((name, permission)): Path<(String, Permission)>,
    Json(new): Json<NewPermission>,
) -> Result<Json<Locked>, Error> {
    Ok(Json(host.installs.set_permission(&name, &permission, new.granted).await?))
}

/// Shows a plugin's settings, with their defaults.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{name}/settings",
    params(("name" = String, Path)),
    responses((status = 200, description = "Done.", body = Settings))
)]
async fn get_settings(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Settings>, Error> {
    let manifest = host.manifest(&name).await?;
    let given = settings::given(host.db.pool(), &manifest.name).await?;
    let complete = settings::complete(host.db.pool(), &manifest).await;
    let problem = complete.as_ref().err().map(ToString::to_string);
    Ok(Json(Settings { given, complete: complete.ok(), problem }))
}

/// Changes some of a plugin's settings: those that are named, `null` for the default.
#[utoipa::path(
    patch,
    path = "/api/v1/plugins/{name}/settings",
    params(("name" = String, Path)),
    request_body = Object,
    responses((status = 200, description = "Done.", body = Value))
)]
async fn set_settings(
    State(host): State<Host>,
    Path(name): Path<String>,
    Json(changes): Json<Map<String, Value>>,
) -> Result<Json<Value>, Error> {
    let locked = host.installs.find(&name).await?;
    let manifest = host.installs.plugin(&locked).await?.manifest;
    Ok(Json(settings::set(&host.db, &host.installs, (&locked, &manifest), &changes).await?))
}

/// Lists what a plugin did with what it was granted.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{name}/uses",
    params(("name" = String, Path)),
    responses((status = 200, description = "Done.", body = Page<Entry>))
)]
async fn uses(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Page<Entry>>, Error> {
    let locked = host.installs.find(&name).await?;
    Ok(Json(Page { items: audit::read(host.db.pool(), &locked.release).await?, next: None }))
}

/// Tells an integration of an event that never was, to see whether it works.
#[utoipa::path(
    post,
    path = "/api/v1/plugins/{name}/try",
    params(("name" = String, Path)),
    responses((status = 200, description = "Done.", body = Tried))
)]
async fn try_out(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Tried>, Error> {
    Ok(Json(host.integrations.attempt(&name).await?))
}

/// Lists the integrations and how their deliveries fare.
#[utoipa::path(
    get,
    path = "/api/v1/integrations",
    responses((status = 200, description = "Done.", body = Page<Standing>))
)]
async fn list_integrations(State(host): State<Host>) -> Result<Json<Page<Standing>>, Error> {
    Ok(Json(Page { items: host.integrations.list().await?, next: None }))
}

/// Proves all that is installed again, and tells each step as it is taken, one JSON text a line.
#[utoipa::path(
    post,
    path = "/api/v1/verify",
    responses((status = 200, description = "What happens, as it happens; the last line tells how it ended.", content_type = "application/x-ndjson", body = Event))
)]
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
