//! The OCI Distribution API below `/v2/`, for repositories named `namespace/name`. Anyone may pull; owners of the
//! namespace push. A tag that is a published version never moves.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>

mod blobs;
mod error;
mod manifests;
mod uploads;

use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use axum::routing::{get, patch, post};
use chandlery_package::{Namespace, PluginId, PluginName};
use serde::Deserialize;

use crate::accounts::Caller;
use crate::{Error, Registry};

pub use blobs::read_blob;
pub use error::OciError;
pub use manifests::{read_manifest, read_tag};

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// The routes of this room.
pub fn routes() -> Router<Registry> {
    Router::new()
        .route("/v2/", get(version))
        .route("/v2", get(version))
        .route("/v2/{namespace}/{name}/blobs/uploads/", post(uploads::begin))
        .route(
            "/v2/{namespace}/{name}/blobs/uploads/{upload}",
            patch(uploads::append).put(uploads::finish).get(uploads::progress).delete(uploads::cancel),
        )
        .route("/v2/{namespace}/{name}/blobs/{digest}", get(blobs::get))
        .route("/v2/{namespace}/{name}/manifests/{reference}", get(manifests::get).put(manifests::put))
        .route("/v2/{namespace}/{name}/tags/list", get(manifests::tags))
}

/// Clients learn here that they may authenticate, and how.
async fn version(caller: Option<Caller>) -> Result<&'static str, OciError> {
    caller.map(|_| "{}").ok_or(OciError(Error::Unauthenticated))
}

/// A repository in a request's path.
#[derive(Deserialize)]
struct Repository {
    namespace: Namespace,
    name: PluginName,
}

impl Repository {
    fn name(&self) -> String {
        PluginId { namespace: self.namespace.clone(), name: self.name.clone() }.repository()
    }

    async fn must_push(&self, registry: &Registry, caller: Option<Caller>) -> Result<(), Error> {
        let caller = caller.ok_or(Error::Unauthenticated)?;
        caller.must_own(registry, &self.namespace, "push to").await
    }
}

fn header(text: impl ToString) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(&text.to_string()).map_err(|error| Error::Invalid(error.to_string()))
}
