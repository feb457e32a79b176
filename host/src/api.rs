//! The host's HTTP interface, `/api/v1`, for the command line: tokens of its users open it, and programs that they have signed in with.

mod access;
mod account;
mod deployments;
mod models;
mod plugins;
mod rules;
mod secrets;
mod sign_in;
mod targets;
mod users;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chandlery_package::browser;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tower_http::trace::TraceLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::error::Error;
use crate::host::Host;
use crate::{pages, system, tasks};

const TITLE: &str = "Chandlery host";
const DESCRIPTION: &str = "Everything that a host does: it installs plugins, deploys what they plan, and keeps it running. \
    A problem (RFC 9457) says by a stable word what went wrong, and what to do next.";

/// The routes of all chapters, and the document that was collected from them.
fn interface() -> (Router<Host>, OpenApi) {
    let (routes, collected) = OpenApiRouter::new()
        .merge(plugins::routes())
        .merge(rules::routes())
        .merge(secrets::routes())
        .merge(models::routes())
        .merge(deployments::routes())
        .merge(targets::routes())
        .merge(users::routes())
        .merge(sign_in::routes())
        .merge(account::routes())
        .split_for_parts();
    (routes, chandlery_openapi::describe(collected, TITLE, DESCRIPTION))
}

/// The routes, behind tokens but for the pages, the document, health and metrics.
pub(crate) fn router(host: Host) -> Router {
    let (routes, document) = interface();
    routes
        .layer(from_fn_with_state(host.clone(), access::guard))
        .merge(pages::routes(&host))
        .merge(pages::minded(
            pages::acts().layer(from_fn_with_state(host.clone(), access::guard_page)),
            &host,
        ))
        .merge(chandlery_openapi::routes(&document))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(pages::lost)
        .layer(map_response(browser::protected))
        .layer(TraceLayer::new_for_http())
        .with_state(host)
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
    use std::collections::BTreeSet;
    use std::path::Path;

    use chandlery_openapi::snapshot;

    use super::access::RIGHTS;

    #[test]
    fn every_route_has_a_row_and_every_row_a_route() {
        let (_, document) = super::interface();
        let document = serde_json::to_value(&document).unwrap();
        let mut routed = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
                if item.get(method.to_lowercase()).is_some() {
                    routed.insert((method, path.as_str()));
                }
            }
        }
        let rows: BTreeSet<_> = RIGHTS.iter().map(|right| (right.method, right.path)).collect();
        assert_eq!(rows.len(), RIGHTS.len(), "each route has one row");
        assert_eq!(rows, routed);
    }

    #[test]
    fn the_interface_is_as_its_copy_in_the_repository_has_it() {
        let (_, document) = super::interface();
        assert_eq!(snapshot::gaps(&document), Vec::<String>::new());
        let copy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi/host.json");
        snapshot::compare(&document, &copy).unwrap_or_else(|complaint| panic!("{complaint}"));
    }
}
