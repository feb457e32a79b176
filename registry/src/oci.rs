//! The OCI Distribution API below `/v2/`. A repository's name begins with a namespace, whose publishers may push any
//! artifact; only releases that were verified enter the catalog. A tag that is a published version never moves.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>

mod answer;
mod blobs;
mod cache;
mod collect;
mod descriptors;
mod error;
mod manifests;
mod referrers;
mod repository;
mod tags;
mod token;
mod uploads;

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::Response;
use axum::routing::{any, get};
use axum::{Json, Router};
use futures::StreamExt as _;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::Registry;
use chandlery_accounts::Principal;
use chandlery_store::content::ContentDigest;

pub use answer::{Asked, OciError};
pub use blobs::{Downloads, read_blob};
pub use cache::Cache;
pub use collect::{Collected, collect};
pub use error::{Error, KINDS, VERSION_EXISTS};
pub use manifests::{read_manifest, read_tag};
pub use repository::Repository;

/// How much of a refused body is taken in, and for how long.
const DRAINED_BYTES_MAX: usize = 16 << 20;
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// The routes of this room. Below `/v2/` the path's own grammar decides, since a repository's name has slashes in it.
pub fn routes() -> Router<Registry> {
    Router::new()
        .route("/v2", get(version))
        .route("/v2/", get(version))
        .route("/v2/{*path}", any(serve))
        .route("/token", get(token::get).post(token::post))
        .route("/.well-known/wasm-pkg/registry.json", get(wasm_packages))
}

/// The routes of this room that are no part of the OCI standards.
pub fn api() -> OpenApiRouter<Registry> {
    OpenApiRouter::new().routes(routes!(collect::post))
}

/// Clients learn here that they may authenticate, and how.
async fn version(
    principal: Result<Principal, chandlery_accounts::Error>,
    asked: Asked,
) -> Result<&'static str, OciError> {
    match principal {
        Ok(principal) if principal.has_token => Ok("{}"),
        Ok(_) => Err(OciError::new(Error::unauthenticated(), asked)),
        Err(error) => Err(OciError::new(error, asked)),
    }
}

/// Tells the Bytecode Alliance's package tools that packages are OCI artifacts here: `acme:ocr` is `acme/ocr`.
///
/// <https://github.com/bytecodealliance/wasm-pkg-tools/blob/main/docs/registry-metadata.md>
async fn wasm_packages(State(registry): State<Registry>, headers: HeaderMap) -> Json<Value> {
    let url = registry.url(&headers);
    let host = url.split_once("://").map_or(url.as_str(), |(_, host)| host);
    Json(json!({ "preferredProtocol": "oci", "oci": { "registry": host } }))
}

/// What a path below `/v2/` names.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Uploads,
    Upload(Uuid),
    Blob(ContentDigest),
    Manifest(Reference),
    Tags,
    Referrers(ContentDigest),
}

/// How a manifest is named.
#[derive(Debug, PartialEq, Eq)]
enum Reference {
    Digest(ContentDigest),
    Tag(String),
}

impl Reference {
    fn parse(text: &str) -> Result<Self, Error> {
        match text.contains(':') {
            true => Ok(Self::Digest(text.parse()?)),
            false => Ok(Self::Tag(tags::parse(text)?)),
        }
    }
}

impl Target {
    /// Splits a path into the repository's name and what is meant in it.
    fn parse(path: &str) -> Result<(&str, Self), Error> {
        let unknown = || Error::NotFound(format!("such path: /v2/{path}"));
        if let Some(name) = path.strip_suffix("/tags/list") {
            return Ok((name, Self::Tags));
        }
        if let Some(name) = path.strip_suffix("/blobs/uploads/").or(path.strip_suffix("/blobs/uploads")) {
            return Ok((name, Self::Uploads));
        }
        let (rest, last) = path.rsplit_once('/').ok_or_else(unknown)?;
        if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            let upload = last.parse().map_err(|_| Error::NotFound(format!("upload {last}")))?;
            return Ok((name, Self::Upload(upload)));
        }
        let (name, kind) = rest.rsplit_once('/').ok_or_else(unknown)?;
        match kind {
            "blobs" => Ok((name, Self::Blob(last.parse()?))),
            "manifests" => Ok((name, Self::Manifest(Reference::parse(last)?))),
            "referrers" => Ok((name, Self::Referrers(last.parse()?))),
            _ => Err(unknown()),
        }
    }
}

async fn serve(
    State(registry): State<Registry>,
    principal: Result<Principal, chandlery_accounts::Error>,
    asked: Asked,
    request: Request,
) -> Result<Response, OciError> {
    dispatch(registry, principal, request).await.map_err(|error| OciError::new(error, asked))
}

async fn dispatch(
    registry: Registry,
    principal: Result<Principal, chandlery_accounts::Error>,
    request: Request,
) -> Result<Response, Error> {
    let principal = principal?;
    let path = percent_decoded(request.uri().path().strip_prefix("/v2/").unwrap_or_default())?;
    let (name, target) = Target::parse(&path)?;
    let repository: Repository = name.parse()?;
    let method = request.method().clone();
    let to = At { registry, principal, repository };
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

/// A repository, and who is at it.
struct At {
    registry: Registry,
    principal: Principal,
    repository: Repository,
}

impl At {
    /// Refuses whoever may not pull from the repository.
    async fn must_pull(&self) -> Result<(), Error> {
        let Self { registry, principal, repository } = self;
        if repository::is_public(registry, &repository.namespace).await? {
            return Ok(());
        }
        if principal.may_see(&registry.db, &repository.namespace, repository.name()).await? {
            return Ok(());
        }
        match &principal.account {
            None => Err(Error::unauthenticated()),
            Some(account) => Err(Error::forbidden(&account.name, format!("pull from {repository}"))),
        }
    }

    /// Refuses whoever may not push to the repository.
    async fn must_push(&self) -> Result<&chandlery_accounts::Account, Error> {
        let Self { registry, principal, repository } = self;
        Ok(principal.must_push(&registry.db, &repository.namespace, repository.name()).await?)
    }
}

fn percent_decoded(path: &str) -> Result<String, Error> {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8();
    decoded.map(Into::into).map_err(|_| Error::Invalid("the path is not UTF-8".into()))
}

/// Takes in some of a body that is refused: a client that is still sending would not see the answer.
async fn drain(body: Body) {
    let mut pieces = body.into_data_stream();
    let mut bytes = 0;
    let drained = async {
        while let Some(Ok(piece)) = pieces.next().await {
            bytes += piece.len();
            if bytes > DRAINED_BYTES_MAX {
                break;
            }
        }
    };
    // Whoever sends more, or too slowly, is cut off.
    let _ = tokio::time::timeout(DRAIN_PATIENCE, drained).await;
}

fn header(text: impl ToString) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(&text.to_string()).map_err(|error| Error::Invalid(error.to_string()))
}

/// The query of a request.
fn query<T: serde::de::DeserializeOwned>(request: &Request) -> Result<T, Error> {
    let query = axum::extract::Query::<T>::try_from_uri(request.uri());
    query.map(|query| query.0).map_err(|rejection| chandlery_edge::Error::from(rejection).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_one_thing() {
        let digest = ContentDigest::of(chandlery_store::content::Algorithm::Sha256, b"x");
        let upload = Uuid::nil();
        for (path, name, target) in [
            ("acme/ocr/tags/list", "acme/ocr", Target::Tags),
            ("acme/ocr/blobs/uploads/", "acme/ocr", Target::Uploads),
            (&format!("a/b/c/blobs/uploads/{upload}"), "a/b/c", Target::Upload(upload)),
            (&format!("a/blobs/blobs/{digest}"), "a/blobs", Target::Blob(digest.clone())),
            (&format!("a/b/referrers/{digest}"), "a/b", Target::Referrers(digest.clone())),
            (&format!("a/b/manifests/{digest}"), "a/b", Target::Manifest(Reference::Digest(digest.clone()))),
            ("a/b/manifests/v1", "a/b", Target::Manifest(Reference::Tag("v1".into()))),
        ] {
            assert_eq!(Target::parse(path).unwrap(), (name, target), "{path}");
        }
        for wrong in
            ["", "a", "a/b", "a/b/manifests/sha256:bad", "a/blobs/x", "a/b/else/c", "a/b/manifests/.x"]
        {
            assert!(Target::parse(wrong).is_err(), "{wrong}");
        }
    }
}
