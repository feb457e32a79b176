//! The host's pages, rendered here, that work without JavaScript: signing in, and everything that the host has, by the functions and the
//! rights of its interface.

mod account;
mod activity;
mod address;
mod deployment;
mod deployments;
mod device;
mod door;
mod integrations;
mod layout;
mod logs;
mod plugins;
mod refusals;
mod secrets;
mod set_up;
mod sign_in;
mod sso;
mod targets;
mod users;
mod values;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};

use crate::error::Error;
use crate::host::Host;

/// The routes of this room.
pub(crate) fn routes(host: &Host) -> Router<Host> {
    Router::new()
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
        .route("/login", get(sign_in::form).post(sign_in::sign_in))
        .route("/login/sso", get(sso::begin))
        .route("/login/sso/callback", get(sso::complete))
        .route("/logout", post(sign_in::sign_out))
        .route("/set-up", get(set_up::form).post(set_up::set_up))
        .route("/device", get(device::form).post(device::confirm))
        .route("/account", get(account::page))
        .route("/account/password", post(account::change_password))
        .route("/account/sessions", post(account::end_session))
        .route("/account/tokens", post(account::end_token))
        .layer(from_fn_with_state(host.clone(), mind))
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
