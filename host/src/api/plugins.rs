//! What is installed: plugins with their permissions and settings, integrations, and proof of all of it.

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use chandlery_package::problem::Explain as _;
use chandlery_package::wire::host::{
    Asked, Costs, Entry, Event, Locked, NewInstall, NewPermission, Settings, Standing, Step, Tried,
};
use chandlery_package::wire::{Page, Paging, Quote};
use chandlery_package::{Manifest, Permission};
use serde_json::{Map, Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::audit;
use crate::error::Error;
use crate::extract::{Json, Path, Query};
use crate::host::Host;
use crate::installs::{self, RegistryClient};
use crate::settings;
use crate::users::{About, Begun, GoesOn};

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
    // The lock is one file, which is read whole.
    Ok(Json(Page::whole(host.installs.list().await?)))
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
async fn install(
    State(host): State<Host>,
    Extension(Begun(entry)): Extension<Begun>,
    Json(new): Json<NewInstall>,
) -> Result<Response, Error> {
    let registry = host.registry()?;
    let about = About(new.requirement.to_string());
    let told = stream(move |progress| async move {
        let ended = match host.install(&registry, &new, None, &progress).await {
            Ok(locked) => Ok(Event::Installed(Box::new(locked))),
            Err(
                ref error @ Error::Installs(installs::Error::Consent {
                    ref release, kind, ref missing, ..
                }),
            ) => {
                let (release, permissions) = (release.clone(), missing.clone());
                Ok(Event::Asks(Asked { release, kind, permissions, problem: error.problem() }))
            }
            Err(ref error @ Error::Installs(installs::Error::Costs { ref release, ref quote })) => {
                let (release, quote) = (release.clone(), Quote::clone(quote));
                Ok(Event::Costs(Box::new(Costs { release, quote, problem: error.problem() })))
            }
            Err(error) => Err(error),
        };
        let status = status_of(&ended);
        if let Err(error) = host.users.conclude(entry, Some(status), None).await {
            tracing::error!(%error, entry, "the trail does not tell how it was answered");
        }
        ended
    });
    Ok((Extension(about), Extension(GoesOn), told).into_response())
}

/// How an installation would have been answered, had it been known before its steps were told.
fn status_of(ended: &Result<Event, Error>) -> u16 {
    match ended {
        Ok(Event::Asks(asked)) => asked.problem.status,
        Ok(Event::Costs(costs)) => costs.problem.status,
        Ok(_) => StatusCode::OK.as_u16(),
        Err(error) => error.problem().status,
    }
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
    params(("name" = String, Path), Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<Entry>))
)]
async fn uses(
    State(host): State<Host>,
    Path(name): Path<String>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<Entry>>, Error> {
    let locked = host.installs.find(&name).await?;
    Ok(Json(audit::read(host.db.pool(), &locked.release, &paging).await?))
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
    // As many as are installed, which is one file.
    Ok(Json(Page::whole(host.integrations.list().await?)))
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
