//! Signing in at the provider: the way there, by a link, and back.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::sign_in::{Next, page};
use super::{door, layout};
use crate::error::Error;
use crate::extract::Query;
use crate::host::Host;

const NOT_BEGUN: &str =
    "This sign-in was not begun in this browser, or took longer than ten minutes: sign in again.";
const REFUSED: &str = "The provider has not signed you in.";

/// What a provider sends a browser back with.
#[derive(Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    state: String,
    code: Option<String>,
    iss: Option<String>,
}

/// The way to the provider.
pub(super) async fn begin(State(host): State<Host>, Query(query): Query<Next>) -> Result<Response, Error> {
    match host.users.begin_sign_on(door::own_path(&query.next)).await {
        Ok(sent) => Ok(door::to_provider(&host, &sent.url, sent.state)),
        Err(error) => layout::again(error, |fault| page(&host, &query.next, Some(fault))),
    }
}

/// The way back.
pub(super) async fn complete(
    State(host): State<Host>,
    headers: HeaderMap,
    Query(back): Query<Back>,
) -> Result<Response, Error> {
    let refused = |fault: &str| (StatusCode::BAD_REQUEST, page(&host, "", Some(fault))).into_response();
    if !door::was_sent(&host, &headers, &back.state) {
        return Ok(refused(NOT_BEGUN));
    }
    let Some(code) = back.code else { return Ok(refused(REFUSED)) };
    match host.users.complete_sign_on(&back.state, &code, back.iss.as_deref()).await {
        Ok(Some(back)) => Ok(door::let_in(&host, back.opened.token, &back.goes_to)),
        Ok(None) => Ok(refused(NOT_BEGUN)),
        Err(error) => layout::again(error, |fault| page(&host, "", Some(fault))),
    }
}
