//! What the requests and answers of this room share.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use futures::StreamExt as _;

use super::error::Error;

/// How much of a refused body is taken in, and for how long.
const DRAINED_BYTES_MAX: usize = 16 << 20;
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);
/// The header that names what is served by its digest.
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Takes in some of a body that is refused: a client that is still sending would not see the answer.
pub(super) async fn drain(body: Body) {
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

/// A header's value.
pub(super) fn header(text: impl ToString) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(&text.to_string()).map_err(|error| Error::invalid(error.to_string()))
}

/// The query of a request.
pub(super) fn query<T: serde::de::DeserializeOwned>(request: &Request) -> Result<T, Error> {
    let query = axum::extract::Query::<T>::try_from_uri(request.uri());
    query.map(|query| query.0).map_err(|rejection| chandlery_edge::Error::from(rejection).into())
}
