//! The OCI Distribution API below `/v2/`. A repository's name begins with a namespace, whose publishers may push any
//! artifact; only releases that were verified enter the catalog. A tag that is a published version never moves.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>

mod answer;
mod blobs;
mod bodies;
mod cache;
mod chunks;
mod collect;
mod descriptors;
mod downloads;
mod error;
mod http;
mod keeping;
mod manifests;
mod media;
mod paid;
mod path;
mod pushing;
mod quarantine;
mod referrers;
mod releases;
mod repository;
mod state;
mod tags;
#[cfg(test)]
mod tests;
mod token;
mod uploads;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::{any, get};
use axum::{Json, Router};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use chandlery_accounts::Principal;

use path::{Target, percent_decoded};
use state::At;

pub use answer::{Asked, OciError};
pub use blobs::read_blob;
pub use cache::Cache;
pub use collect::{Collected, collect};
pub use descriptors::Described;
pub use downloads::{Downloads, Pulled};
pub use error::{Error, KINDS};
pub use manifests::{read_bundles, read_manifest, read_tag};
pub use pushing::{must_have_room, push, sign};
pub use releases::release;
pub use repository::Repository;
pub use state::Oci;

/// The routes of this room.
pub fn routes<S>(oci: Oci) -> Router<S> {
    Router::new()
        .route("/v2", get(version))
        .route("/v2/", get(version))
        .route("/v2/{*path}", any(serve))
        .route("/token", get(token::get).post(token::post))
        .route("/.well-known/wasm-pkg/registry.json", get(wasm_packages))
        .with_state(oci)
}

/// Whether what asks for this path expects errors in OCI's form.
pub fn speaks(path: &str) -> bool {
    path == "/v2" || path.starts_with("/v2/") || path == "/token"
}

/// The routes of this room that are no part of the OCI standards.
pub fn api<S>(oci: Oci) -> OpenApiRouter<S> {
    OpenApiRouter::new().routes(routes!(collect::post)).with_state(oci)
}

/// Clients learn here that they may authenticate, and how.
async fn version(
    principal: Result<Principal, chandlery_accounts::Error>,
    asked: Asked,
) -> Result<&'static str, OciError> {
    match principal {
        Ok(principal) if principal.has_credential() => Ok("{}"),
        Ok(_) => Err(OciError::new(Error::unauthenticated(), asked)),
        Err(error) => Err(OciError::new(error, asked)),
    }
}

/// Tells the Bytecode Alliance's package tools that packages are OCI artifacts here: `acme:ocr` is `acme/ocr`.
///
/// <https://github.com/bytecodealliance/wasm-pkg-tools/blob/main/docs/registry-metadata.md>
async fn wasm_packages(State(oci): State<Oci>, request: Request) -> Json<Value> {
    let url = oci.url(request.headers(), request.extensions());
    let host = url.split_once("://").map_or(url.as_str(), |(_, host)| host);
    Json(json!({ "preferredProtocol": "oci", "oci": { "registry": host } }))
}

async fn serve(
    State(oci): State<Oci>,
    principal: Result<Principal, chandlery_accounts::Error>,
    asked: Asked,
    request: Request,
) -> Result<Response, OciError> {
    dispatch(oci, principal, request).await.map_err(|error| OciError::new(error, asked))
}

async fn dispatch(
    oci: Oci,
    principal: Result<Principal, chandlery_accounts::Error>,
    request: Request,
) -> Result<Response, Error> {
    let principal = principal?;
    let path = percent_decoded(request.uri().path().strip_prefix("/v2/").unwrap_or_default())?;
    let (name, target) = Target::parse(&path)?;
    let repository: Repository = name.parse()?;
    let method = request.method().clone();
    let to = At { oci, principal, repository };
    match (method, target) {
        (Method::GET | Method::HEAD, Target::Blob(digest)) => blobs::get(to, digest, request).await,
        (Method::GET | Method::HEAD, Target::Manifest(reference)) => manifests::get(to, reference).await,
        (Method::GET | Method::HEAD, Target::Tags) => tags::list(to, request).await,
        (Method::GET | Method::HEAD, Target::Referrers(digest)) => referrers::list(to, digest, request).await,
        (Method::POST, Target::Uploads) => uploads::begin(to, request).await,
        (Method::GET | Method::HEAD, Target::Upload(upload)) => uploads::progress(to, upload).await,
        (Method::PATCH, Target::Upload(upload)) => uploads::append(to, upload, request).await,
        (Method::PUT, Target::Upload(upload)) => uploads::finish(to, upload, request).await,
        (Method::DELETE, Target::Upload(upload)) => uploads::cancel(to, upload).await,
        (Method::PUT, Target::Manifest(reference)) => manifests::put(to, reference, request).await,
        (Method::DELETE, Target::Manifest(reference)) => manifests::delete(to, reference).await,
        (Method::DELETE, Target::Blob(digest)) => blobs::delete(to, digest).await,
        (method, _) => Err(Error::NoSuchMethod { method, path }),
    }
}
