//! Refusals as SCIM tells them (RFC 7644, 3.12).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chandlery_edge::answer;
use chandlery_package::words;
use serde_json::json;

use super::MEDIA_TYPE;

const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

words! {
    /// Why a request is refused, for programs.
    pub(super) enum Kind: "scimType" {
        /// A filter that cannot be read, or compares what is not compared here.
        InvalidFilter = "invalidFilter",
        /// A path of a change that cannot be read.
        InvalidPath = "invalidPath",
        /// A body that is not what the request needs.
        InvalidSyntax = "invalidSyntax",
        /// A value that cannot be.
        InvalidValue = "invalidValue",
        /// Something that directories do not change.
        Mutability = "mutability",
        /// A change that names nothing.
        NoTarget = "noTarget",
        /// More than there may be.
        TooMany = "tooMany",
        /// A name that another one has.
        Uniqueness = "uniqueness",
    }
}

/// Why a directory's request was refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// What SCIM has a word for.
    #[error("{detail}")]
    Refused {
        /// The word that programs compare.
        kind: Kind,
        /// What is wrong, in a sentence.
        detail: String,
    },
    /// A body in another format.
    #[error("send {MEDIA_TYPE}")]
    MediaType,
    /// Another version of a resource than the request names.
    #[error("the resource was changed since: ask for it again, and change what it is now")]
    Changed,
    /// What SCIM has and this registry does not.
    #[error("{0} is not supported")]
    NotSupported(&'static str),
    /// What any room may say.
    #[error(transparent)]
    Shared(#[from] crate::Error),
}

impl Error {
    /// What SCIM has a word for, and what is wrong in a sentence.
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self::Refused { kind, detail: detail.into() }
    }

    /// A value that cannot be.
    pub(super) fn value(detail: impl Into<String>) -> Self {
        Self::new(Kind::InvalidValue, detail)
    }

    /// A body that is not what the request needs.
    pub(super) fn syntax(detail: impl Into<String>) -> Self {
        Self::new(Kind::InvalidSyntax, detail)
    }

    /// What an organisation's directory does not have. `what` follows "there is no".
    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self::Shared(crate::Error::NotFound(what.into()))
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Refused { kind: Kind::Uniqueness | Kind::Mutability, .. } => StatusCode::CONFLICT,
            Self::Refused { .. } => StatusCode::BAD_REQUEST,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Changed => StatusCode::PRECONDITION_FAILED,
            Self::NotSupported(_) => StatusCode::NOT_IMPLEMENTED,
            // Writes into the server's own log what failed inside.
            Self::Shared(error) => answer(error).status(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Shared(error.into())
    }
}

impl From<chandlery_store::Error> for Error {
    fn from(error: chandlery_store::Error) -> Self {
        Self::Shared(error.into())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        let detail = match status {
            StatusCode::INTERNAL_SERVER_ERROR => "the registry could not complete the request".into(),
            _ => self.to_string(),
        };
        let mut body = json!({ "schemas": [SCHEMA], "status": status.as_str(), "detail": detail });
        if let Self::Refused { kind, .. } = &self {
            body["scimType"] = json!(kind);
        }
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        match &self {
            Self::Shared(crate::Error::Unauthenticated) => {
                headers
                    .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"chandlery\""));
            }
            Self::Shared(crate::Error::TooMany { seconds, .. }) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
            }
            Self::Shared(crate::Error::Busy) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            }
            _ => {}
        }
        response
    }
}
