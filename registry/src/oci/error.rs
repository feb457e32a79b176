//! The same errors in OCI's own form.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::Error;

/// An error on an OCI path.
pub struct OciError(pub Error);

impl<E: Into<Error>> From<E> for OciError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl OciError {
    fn code(&self) -> &'static str {
        match &self.0 {
            Error::Unauthenticated => "UNAUTHORIZED",
            Error::Forbidden { .. } | Error::VersionExists { .. } => "DENIED",
            Error::NotFound(what) if what.starts_with("blob") => "BLOB_UNKNOWN",
            Error::NotFound(what) if what.starts_with("upload") => "BLOB_UPLOAD_UNKNOWN",
            Error::NotFound(what) if what.starts_with("manifest") => "MANIFEST_UNKNOWN",
            Error::NotFound(_) => "NAME_UNKNOWN",
            Error::Name(_) => "NAME_INVALID",
            Error::Digest(_) | Error::DigestMismatch { .. } => "DIGEST_INVALID",
            Error::Conflict(_) => "BLOB_UPLOAD_INVALID",
            Error::Artifact(_) | Error::Invalid(_) => "MANIFEST_INVALID",
            _ => "UNSUPPORTED",
        }
    }
}

impl IntoResponse for OciError {
    fn into_response(self) -> Response {
        let code = self.code();
        let problem = self.0.problem();
        // The specification gives these two their own statuses.
        let status = match &self.0 {
            Error::DigestMismatch { .. } | Error::Artifact(_) => StatusCode::BAD_REQUEST,
            Error::Conflict(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            other => other.status(),
        };
        if status.is_server_error() {
            tracing::error!(error = %self.0, "request failed");
        }
        let body = json!({ "errors": [{ "code": code, "message": problem.detail, "detail": problem }] });
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"chandlery\""));
        }
        response
    }
}
