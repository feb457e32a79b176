//! The host's HTTP interface, `/api/v1`, for the command line: one token opens it.

mod deployments;
mod extract;
mod plugins;
mod rules;
mod secrets;
mod targets;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chandlery_package::browser;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use subtle::ConstantTimeEq as _;
use tower_http::trace::TraceLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::error::Error;
use crate::host::Host;
use crate::{system, tasks};

const TITLE: &str = "Chandlery host";
const DESCRIPTION: &str = "Everything that a host does: it installs plugins, deploys what they plan, and keeps it running. \
    A problem (RFC 9457) says by a stable word what went wrong, and what to do next.";

/// The routes of all chapters, and the document that was collected from them.
fn interface() -> (Router<Host>, OpenApi) {
    let (routes, collected) = OpenApiRouter::new()
        .merge(plugins::routes())
        .merge(rules::routes())
        .merge(secrets::routes())
        .merge(deployments::routes())
        .merge(targets::routes())
        .split_for_parts();
    (routes, chandlery_openapi::describe(collected, TITLE, DESCRIPTION))
}

/// The routes, behind the token but for the document, health and metrics.
pub(crate) fn router(host: Host) -> Router {
    let token: Arc<str> = host.token.as_str().into();
    let (routes, document) = interface();
    routes
        .layer(from_fn_with_state(token, authenticate))
        .merge(chandlery_openapi::routes(&document))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .layer(map_response(browser::protected))
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
    encode(&mut text, &registry).map_err(|error| system::Error::Damaged(error.to_string()))?;
    Ok(([(CONTENT_TYPE, TEXT)], text).into_response())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chandlery_openapi::snapshot;

    #[test]
    fn the_interface_is_as_its_copy_in_the_repository_has_it() {
        let (_, document) = super::interface();
        assert_eq!(snapshot::gaps(&document), Vec::<String>::new());
        let copy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi/host.json");
        snapshot::compare(&document, &copy).unwrap_or_else(|complaint| panic!("{complaint}"));
    }
}
