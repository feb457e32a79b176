//! The same errors in OCI's own form.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use chandlery_edge::Error as Shared;
use chandlery_package::problem::Explain as _;
use chandlery_store::Error as StoreError;
use serde_json::json;

use super::error::Error;
use super::http::header as header_value;
use super::path::{Target, percent_decoded};
use super::repository::Repository;
use super::state::Oci;

/// An error on an OCI path.
pub struct OciError {
    error: Error,
    asked: Option<Asked>,
}

/// What a client needs to know to authenticate: where, and for what.
#[derive(Clone)]
pub struct Asked {
    realm: String,
    scope: Option<String>,
}

impl FromRequestParts<Oci> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, oci: &Oci) -> Result<Self, Infallible> {
        let realm = format!("{}/token", oci.url(&parts.headers, &parts.extensions));
        Ok(Self { realm, scope: scope(&parts.uri) })
    }
}

impl Asked {
    /// As in RFC 6750, with the realm and service of the token specification.
    fn challenge(&self) -> String {
        let scope = self.scope.as_ref().map(|scope| format!(",scope=\"{scope}\"")).unwrap_or_default();
        format!("Bearer realm=\"{}\",service=\"chandlery\"{scope}", self.realm)
    }
}

impl OciError {
    /// What went wrong with what was asked.
    pub fn new(error: impl Into<Error>, asked: Asked) -> Self {
        Self { error: error.into(), asked: Some(asked) }
    }

    /// Why something was refused before anybody looked at what it asks.
    pub fn unasked(error: impl Into<Error>) -> Self {
        Self { error: error.into(), asked: None }
    }

    fn code(&self) -> &'static str {
        match &self.error {
            Error::Shared(error) => code_of(error),
            Error::VersionExists { .. }
            | Error::InUse(_)
            | Error::SignaturesLost { .. }
            | Error::OrderNeeded(_)
            | Error::Quarantined { .. }
            | Error::Quota(_) => "DENIED",
            Error::BadRepository { .. } => "NAME_INVALID",
            Error::UploadMoved { .. } | Error::Range { .. } => "BLOB_UPLOAD_INVALID",
            Error::MissingContent(_) => "MANIFEST_BLOB_UNKNOWN",
            Error::WrongSize { .. } => "SIZE_INVALID",
            Error::BadManifest(_) | Error::Artifact(_) => "MANIFEST_INVALID",
            Error::NoSuchMethod { .. } | Error::Money(_) => "UNSUPPORTED",
        }
    }

    /// The specification gives some of them their own statuses.
    fn status(&self) -> StatusCode {
        match &self.error {
            Error::Shared(Shared::Store(StoreError::ContentMismatch { .. }))
            | Error::Artifact(_)
            | Error::BadManifest(_) => StatusCode::BAD_REQUEST,
            Error::MissingContent(_) => StatusCode::NOT_FOUND,
            Error::VersionExists { .. } | Error::InUse(_) => StatusCode::FORBIDDEN,
            other => StatusCode::from_u16(other.kind().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

fn code_of(error: &Shared) -> &'static str {
    match error {
        Shared::Unauthenticated
        | Shared::WrongLogIn
        | Shared::WrongPassword
        | Shared::WrongCode
        | Shared::SecondFactorNeeded(_)
        | Shared::SecondFactorOwed(_) => "UNAUTHORIZED",
        Shared::Forbidden { .. }
        | Shared::Suspended { .. }
        | Shared::Ended(_)
        | Shared::PasskeyRefused(_)
        | Shared::PasskeyDoubted(_)
        | Shared::SsoRequired { .. } => "DENIED",
        Shared::Busy | Shared::TooMany { .. } => "TOOMANYREQUESTS",
        Shared::NotFound(what) if what.starts_with("blob") => "BLOB_UNKNOWN",
        Shared::NotFound(what) if what.starts_with("upload") => "BLOB_UPLOAD_UNKNOWN",
        Shared::NotFound(what) if what.starts_with("manifest") => "MANIFEST_UNKNOWN",
        Shared::NotFound(_) => "NAME_UNKNOWN",
        Shared::Name(_) => "NAME_INVALID",
        Shared::Store(StoreError::ContentMismatch { .. } | StoreError::Digest(_)) => "DIGEST_INVALID",
        Shared::TooLarge { .. } => "SIZE_INVALID",
        Shared::Invalid(_)
        | Shared::Conflict(_)
        | Shared::Reserved(_)
        | Shared::NoPasskeys
        | Shared::SignOnFailed(_)
        | Shared::AuthorizationPending
        | Shared::Store(_) => "UNSUPPORTED",
    }
}

/// The scope that a client should ask a token for, to do what it was refused.
fn scope(uri: &Uri) -> Option<String> {
    let path = percent_decoded(uri.path().strip_prefix("/v2/")?).ok()?;
    let (name, _) = Target::parse(&path).ok()?;
    let repository: Repository = name.parse().ok()?;
    Some(format!("repository:{repository}:pull,push"))
}

impl IntoResponse for OciError {
    fn into_response(self) -> Response {
        let (status, code) = (self.status(), self.code());
        if status.is_server_error() {
            tracing::error!(error = %self.error, "request failed");
        }
        let mut problem = self.error.problem();
        if problem.status == 500 {
            problem.detail = "the registry could not complete the request".into();
        }
        problem.status = status.as_u16();
        let body = json!({ "errors": [{ "code": code, "message": problem.detail, "detail": problem }] });
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.extend(self.error.explain().http_header());
        if status == StatusCode::UNAUTHORIZED
            && let Some(asked) = &self.asked
            && let Ok(challenge) = header_value(asked.challenge())
        {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
