//! The host's pages, rendered here, that work without JavaScript: signing in, what the host has, and what may be done, by the functions
//! and the rights of its interface: plans are shown, approved and rolled out.

mod account;
mod actions;
mod activity;
mod address;
mod approvers;
mod consent;
mod deploy;
mod deployment;
mod deployments;
mod device;
mod door;
mod draft;
mod install;
mod integrations;
mod layout;
mod logs;
mod plan;
mod plugins;
mod problem;
mod refusals;
mod rollback;
mod rollout;
mod scale;
mod secrets;
mod set_up;
mod sign_in;
mod sso;
mod targets;
mod users;
mod values;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::error::Error;
use crate::host::Host;
use actions::Act;

pub(crate) use door::{to_sign_in_for, who};
pub(crate) use problem::not_allowed;

/// Where programs ask, whom a bare status tells enough.
const OF_PROGRAMS: &str = "/api/";

/// The routes of pages that look after themselves.
pub(crate) fn routes(host: &Host) -> Router<Host> {
    let routes = Router::new()
        .route("/", get(|| async { Redirect::to(door::HOME) }))
        .route("/style.css", get(layout::style))
        .route("/logs.js", get(logs::script))
        .route("/deployments", get(deployments::page))
        .route("/deployments/{name}", get(deployment::page))
        .route("/deployments/{name}/logs", get(logs::page))
        .route("/targets", get(targets::page))
        .route("/plugins", get(plugins::page))
        .route("/integrations", get(integrations::page))
        .route("/secrets", get(secrets::page))
        .route("/activity", get(activity::page))
        .route("/users", get(users::page))
        .route("/rollout.js", get(rollout::script))
        .route("/login", get(sign_in::form).post(sign_in::sign_in))
        .route("/login/sso", get(sso::begin))
        .route("/login/sso/callback", get(sso::complete))
        .route("/logout", post(sign_in::sign_out))
        .route("/set-up", get(set_up::form).post(set_up::set_up))
        .route("/device", get(device::form).post(device::confirm))
        .route("/account", get(account::page))
        .route("/account/password", post(account::change_password))
        .route("/account/sessions", post(account::end_session))
        .route("/account/tokens", post(account::end_token));
    minded(routes, host)
}

/// The routes of pages that do what routes of the interface do. Whoever may use those may use these: that is looked at before.
pub(crate) fn acts() -> Router<Host> {
    Router::new()
        .route("/deploy", get(deploy::page).post(deploy::deploy))
        .route("/deployments/{name}/rollout", get(rollout::page))
        .route("/deployments/{name}/upgrade", get(deploy::upgrade_page).post(deploy::upgrade))
        .route("/deployments/{name}/rollback", get(rollback::page).post(rollback::roll_back))
        .route("/deployments/{name}/scale", get(scale::page).post(scale::scale))
        .route(
            "/deployments/{name}/restart",
            get(actions::ask).post(actions::act).layer(Extension(Act::Restart)),
        )
        .route("/deployments/{name}/pause", get(actions::ask).post(actions::act).layer(Extension(Act::Pause)))
        .route(
            "/deployments/{name}/resume",
            get(actions::ask).post(actions::act).layer(Extension(Act::Resume)),
        )
        .route(
            "/deployments/{name}/repair",
            get(actions::ask).post(actions::act).layer(Extension(Act::Repair)),
        )
        .route(
            "/deployments/{name}/remove",
            get(actions::ask).post(actions::act).layer(Extension(Act::Remove)),
        )
        .route("/plugins/install", get(install::page).post(install::install))
}

/// The same routes, which take forms from the host's own pages alone, and whose answers are kept nowhere.
pub(crate) fn minded(routes: Router<Host>, host: &Host) -> Router<Host> {
    routes.layer(from_fn_with_state(host.clone(), mind))
}

/// Takes forms from the host's own pages alone: a browser sends a session's cookie with those of every port of a machine. What is refused
/// is told on a page, and what the pages show is kept nowhere.
async fn mind(State(host): State<Host>, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    let mut answer = match host.site.must_be_own(&headers) {
        Err(said) if is_change => Error::CrossSite(said).into_response(),
        _ => next.run(request).await,
    };
    if refusals::is_bare(&answer) {
        let who = door::who(&host, &headers).await.ok().flatten();
        answer = refusals::as_page(answer, who.as_ref()).await;
    }
    let kept = answer.headers_mut().entry(header::CACHE_CONTROL);
    kept.or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// What is nowhere, as a page for people.
pub(crate) async fn lost(State(host): State<Host>, uri: Uri, headers: HeaderMap) -> Response {
    let nothing = StatusCode::NOT_FOUND.into_response();
    if uri.path().starts_with(OF_PROGRAMS) {
        return nothing;
    }
    let who = door::who(&host, &headers).await.ok().flatten();
    let page = refusals::as_page(nothing, who.as_ref()).await;
    ([(header::CACHE_CONTROL, "no-store")], page).into_response()
}
