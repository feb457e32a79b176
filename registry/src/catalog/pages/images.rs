//! Images of listings, as they were sent: each says what it is, is nothing else to any browser, and never changes.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::{Principal, is_public};
use chandlery_edge::Path;
use chandlery_package::browser::CONTENT_POLICY;
use chandlery_package::{Digest, Namespace, PluginId, PluginName};

use crate::catalog::error::Error;
use crate::catalog::listing::image_type;
use crate::catalog::state::Catalog;
use crate::catalog::visibility::must_see;

/// The image is its digest's for ever. Of what is private nobody keeps it for others.
const OF_ALL: &str = "public, max-age=31536000, immutable";
const OF_ITS_VISITOR: &str = "private, max-age=31536000, immutable";

/// Answers `/images/{namespace}/{name}/{digest}`, with an image as it was sent.
pub(super) async fn get(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path((namespace, name, digest)): Path<(Namespace, PluginName, Digest)>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    must_see(&catalog.db, &principal, &plugin).await?;
    let media_type = image_type(&catalog.db, &plugin, digest).await?;
    let bytes = catalog.oci.storage.get(&digest.into()).await?;
    let kept = match is_public(&catalog.db, &plugin.namespace).await? {
        true => OF_ALL,
        false => OF_ITS_VISITOR,
    };
    let headers = [
        (header::CONTENT_TYPE, media_type.as_str()),
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::CACHE_CONTROL, kept),
    ];
    Ok((headers, bytes).into_response())
}
