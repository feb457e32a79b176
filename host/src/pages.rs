//! The host's pages, rendered here, that work without JavaScript: signing in, and what whoever is signed in has.

mod account;
mod device;
mod door;
mod layout;
mod set_up;
mod sign_in;
mod sso;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Redirect, Response};
use axum::routing::{get, post};

use crate::error::Error;
use crate::host::Host;

/// The routes of this room.
pub(crate) fn routes(host: &Host) -> Router<Host> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/account") }))
        .route("/style.css", get(layout::style))
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

/// Takes forms from the host's own pages alone: a browser sends a session's cookie with those of every port of a machine. What the pages
/// show is kept nowhere.
async fn mind(State(host): State<Host>, request: Request, next: Next) -> Result<Response, Error> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        host.site.must_be_own(request.headers()).map_err(Error::CrossSite)?;
    }
    let mut response = next.run(request).await;
    let kept = response.headers_mut().entry(header::CACHE_CONTROL);
    kept.or_insert(HeaderValue::from_static("no-store"));
    Ok(response)
}
