//! The one error of the registry, and its one mapping to HTTP: RFC 9457 problems with a remedy.

use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chandlery_package::artifact::ArtifactError;
use chandlery_package::log::LogError;
use chandlery_package::problem::{Explain as _, Explanation, PROBLEM_MEDIA_TYPE, Problem};
use chandlery_package::signature::signature_tag;
use chandlery_package::{
    ComponentError, Digest, DigestError, KeyError, Money, MoneyError, NameError, Namespace, PolicyError,
    PriceError, Release,
};

/// Why the registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database, the blobs, the clock or a file.
    #[error(transparent)]
    Store(#[from] chandlery_store::Error),
    /// Who asks is not known.
    #[error("this needs an account, and the request carries no valid token or password")]
    Unauthenticated,
    /// Who asks may not.
    #[error("account '{account}' may not {action}")]
    Forbidden {
        /// Who asked.
        account: Namespace,
        /// For what.
        action: String,
    },
    /// What was asked for is not here.
    #[error("there is no {0}")]
    NotFound(String),
    /// What was sent cannot be read or is not allowed.
    #[error("{0}")]
    Invalid(String),
    /// What was sent contradicts what is here.
    #[error("{0}")]
    Conflict(String),
    /// A name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// An amount.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The artifact is not of the right form.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The component was refused.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// More than is accepted.
    #[error("{what} has at most {bytes_max} bytes here")]
    TooLarge {
        /// What was sent.
        what: String,
        /// How much of it is accepted.
        bytes_max: u64,
    },
    /// More than somebody may have.
    #[error("{0}")]
    Quota(String),
    /// More often than somebody may ask.
    #[error("too many requests: the next one may come in {seconds} s")]
    TooMany {
        /// How long to wait.
        seconds: u64,
    },
    /// An answer that did not come in time.
    #[error("the answer was not ready after {seconds} s")]
    TooSlow {
        /// How long was waited.
        seconds: u64,
    },
    /// A range that the content does not have.
    #[error("the content has {bytes} bytes, and none of those asked for")]
    Range {
        /// How many there are.
        bytes: u64,
    },
    /// A chunk that does not continue its upload.
    #[error("upload {id} has {bytes} bytes so far: the next chunk must begin there")]
    UploadMoved {
        /// Which.
        id: uuid::Uuid,
        /// How much has arrived.
        bytes: u64,
    },
    /// A manifest that cannot be stored.
    #[error("the manifest is refused: {0}")]
    BadManifest(String),
    /// A manifest whose content was not pushed.
    #[error("there is no {0}")]
    MissingContent(String),
    /// A name that no repository can have.
    #[error("'{name}' is not a repository: {reason}")]
    BadRepository {
        /// What was given.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that others need.
    #[error("{0}")]
    InUse(String),
    /// A method that a path does not have.
    #[error("{method} cannot be done to /v2/{path}")]
    NoSuchMethod {
        /// Which method.
        method: Method,
        /// To what.
        path: String,
    },
    /// The component's own manifest says another name or version.
    #[error("it was published as {claimed}, but the manifest inside the component says {found}")]
    ManifestMismatch {
        /// What the request says.
        claimed: Release,
        /// What the component says.
        found: Release,
    },
    /// No signature was pushed.
    #[error("{release} is not signed: there is no tag {tag}")]
    Unsigned {
        /// What was to be published.
        release: Release,
        /// Where the signature should be.
        tag: String,
    },
    /// A signature, but by no key of the namespace.
    #[error("{release} is signed, but not by a key of namespace '{}'", .release.plugin.namespace)]
    UntrustedSignature {
        /// What was to be published.
        release: Release,
    },
    /// The version is taken.
    #[error("{release} is published already, with other content ({artifact})")]
    VersionExists {
        /// What was to be published.
        release: Release,
        /// What is published under this version.
        artifact: Digest,
    },
    /// The same key with another body.
    #[error("'{key}' was used before for something else")]
    KeyReused {
        /// The idempotency key.
        key: String,
    },
    /// Postings that do not sum to zero.
    #[error("the postings of '{key}' do not balance: they sum to {sum}")]
    Unbalanced {
        /// The transaction's key.
        key: String,
        /// What is left over.
        sum: Money,
    },
    /// A posting in a month that is closed.
    #[error("'{key}' is before {open_from}: the months before are closed")]
    Closed {
        /// The transaction's key.
        key: String,
        /// From when on months are open.
        open_from: String,
    },
    /// A price.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// A policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A payment's processor.
    #[error("the processor of payments did not do it: {0}")]
    Processor(String),
    /// A mail that could not be sent.
    #[error("mail could not be sent: {0}")]
    Mail(String),
    /// The log's own key or hashes are unusable.
    #[error("the transparency log failed: {0}")]
    Log(#[from] LogError),
    /// A witness did not cosign.
    #[error("the witness did not cosign: {0}")]
    Witness(String),
    /// A log that another key began.
    #[error("{path} is not the key that this log was begun with, {begun_with}")]
    OtherLogKey {
        /// The key's file.
        path: String,
        /// The verifier key of the log.
        begun_with: String,
    },
    /// Something that cannot be.
    #[error("the registry's state is damaged: {0}")]
    Damaged(String),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Error {
    /// A request that this account may not make.
    pub fn forbidden(account: &Namespace, action: impl Into<String>) -> Self {
        Self::Forbidden { account: account.clone(), action: action.into() }
    }

    /// The HTTP status, a stable word, a title and a remedy.
    fn kind(&self) -> (StatusCode, &'static str, &'static str, Option<String>) {
        use StatusCode as S;
        match self {
            Self::Unauthenticated => (
                S::UNAUTHORIZED,
                "unauthenticated",
                "Log in first",
                Some("run `chandlery login`, or `chandlery register` to open an account".into()),
            ),
            Self::Forbidden { .. } => (
                S::FORBIDDEN,
                "forbidden",
                "Not allowed",
                Some("ask an owner of the namespace, or an operator of the registry".into()),
            ),
            Self::NotFound(_) => (S::NOT_FOUND, "not-found", "Not found", None),
            Self::Invalid(_) => (S::BAD_REQUEST, "invalid", "Not valid", None),
            Self::Conflict(_) => (S::CONFLICT, "conflict", "Contradicts what is here", None),
            Self::Name(_) => (S::BAD_REQUEST, "invalid-name", "Not a valid name", None),
            Self::Digest(_) => (S::BAD_REQUEST, "invalid-digest", "Not a digest", None),
            Self::Key(_) => (S::BAD_REQUEST, "invalid-key", "Not a valid key or proof", None),
            Self::Money(_) => (S::BAD_REQUEST, "invalid-amount", "Not a valid amount", None),
            Self::Artifact(_) => (S::UNPROCESSABLE_ENTITY, "invalid-artifact", "Not a Wasm artifact", None),
            Self::Component(ComponentError::Contract { .. }) => (
                S::UNPROCESSABLE_ENTITY,
                "unknown-contract",
                "Made for another chandlery",
                Some("build it against a contract that this registry knows".into()),
            ),
            Self::Component(_) => (
                S::UNPROCESSABLE_ENTITY,
                "invalid-component",
                "The component was refused",
                Some("build it with `chandlery build`, which refuses the same before publishing".into()),
            ),
            Self::TooLarge { .. } => (S::PAYLOAD_TOO_LARGE, "too-large", "Too large", None),
            Self::Quota(_) => (
                S::FORBIDDEN,
                "quota",
                "No more fits",
                Some("delete what is not needed, or ask the registry's operator for more".into()),
            ),
            Self::TooMany { .. } => (S::TOO_MANY_REQUESTS, "too-many", "Too many requests", None),
            Self::TooSlow { .. } => {
                (S::GATEWAY_TIMEOUT, "too-slow", "Took too long", Some("try again in a moment".into()))
            }
            Self::Range { .. } => (S::RANGE_NOT_SATISFIABLE, "range", "No such bytes", None),
            Self::UploadMoved { .. } => (
                S::RANGE_NOT_SATISFIABLE,
                "upload-moved",
                "Not the next chunk",
                Some("ask with GET how much has arrived, and go on from there".into()),
            ),
            Self::BadManifest(_) => (S::BAD_REQUEST, "invalid-manifest", "Not a manifest", None),
            Self::MissingContent(_) => (S::NOT_FOUND, "missing-content", "Content is missing", None),
            Self::BadRepository { .. } => (S::BAD_REQUEST, "invalid-name", "Not a repository", None),
            Self::InUse(_) => (S::CONFLICT, "in-use", "Others need it", None),
            Self::NoSuchMethod { .. } => (S::METHOD_NOT_ALLOWED, "no-such-method", "Not done here", None),
            Self::ManifestMismatch { found, .. } => (
                S::UNPROCESSABLE_ENTITY,
                "manifest-mismatch",
                "The component says it is another release",
                Some(format!("publish it as {found}, or change chandlery.toml and build again")),
            ),
            Self::Unsigned { .. } => (
                S::UNPROCESSABLE_ENTITY,
                "unsigned",
                "The release is not signed",
                Some("`chandlery publish` signs; with other tools, push cosign's signature first".into()),
            ),
            Self::UntrustedSignature { release } => (
                S::UNPROCESSABLE_ENTITY,
                "untrusted-signature",
                "Signed by a key that may not sign this",
                Some(format!("add the key with `chandlery keys add {}`", release.plugin.namespace)),
            ),
            Self::VersionExists { .. } => (
                S::CONFLICT,
                "version-exists",
                "The version is taken",
                Some("a release never changes; raise the version in chandlery.toml".into()),
            ),
            Self::KeyReused { .. } => (
                S::UNPROCESSABLE_ENTITY,
                "key-reused",
                "The idempotency key was used for something else",
                Some("repeat the first request unchanged, or use a new key".into()),
            ),
            Self::Closed { .. } => (
                S::CONFLICT,
                "month-closed",
                "The month is closed",
                Some("date it in the month that is open: what is late is an adjustment".into()),
            ),
            Self::Price(_) => (S::BAD_REQUEST, "invalid-price", "Not a price", None),
            Self::Policy(_) => (S::BAD_REQUEST, "invalid-policy", "Not a policy", None),
            Self::Processor(_) => (
                S::BAD_GATEWAY,
                "processor",
                "The processor of payments failed",
                Some("try again: what was done is not done twice".into()),
            ),
            Self::OtherLogKey { .. } => (
                S::INTERNAL_SERVER_ERROR,
                "other-log-key",
                "Not this log's key",
                Some("copy log.key from the registry that began the log, or from its backup".into()),
            ),
            Self::Store(error) => {
                let Explanation { kind, remedy, .. } = error.explain();
                let status = S::from_u16(kind.status).unwrap_or(S::INTERNAL_SERVER_ERROR);
                (status, kind.word, kind.title, remedy)
            }
            Self::Unbalanced { .. } | Self::Log(_) | Self::Witness(_) | Self::Mail(_) | Self::Damaged(_) => (
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "The registry failed",
                Some("nothing was changed; try again, and tell the registry's operator if it stays".into()),
            ),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.kind().0
    }

    /// The error as clients read it. What failed inside stays in the server's own log.
    pub fn problem(&self) -> Problem {
        let (status, word, title, remedy) = self.kind();
        let detail = match status {
            StatusCode::INTERNAL_SERVER_ERROR => "the registry could not complete the request".into(),
            _ => self.to_string(),
        };
        Problem { r#type: word.into(), title: title.into(), status: status.as_u16(), detail, remedy }
    }

    /// A release without a signature.
    pub fn unsigned(release: &Release, artifact: Digest) -> Self {
        Self::Unsigned { release: release.clone(), tag: signature_tag(artifact) }
    }
}

impl Error {
    /// What goes beside the error in the answer's headers.
    pub fn headers(&self) -> Option<(HeaderName, HeaderValue)> {
        let (name, text) = match self {
            Self::Unauthenticated => (header::WWW_AUTHENTICATE, "Basic realm=\"chandlery\"".into()),
            Self::Range { bytes } => (header::CONTENT_RANGE, format!("bytes */{bytes}")),
            Self::UploadMoved { bytes, .. } => (header::RANGE, format!("0-{}", bytes.saturating_sub(1))),
            Self::TooMany { seconds } => (header::RETRY_AFTER, seconds.to_string()),
            _ => return None,
        };
        Some((name, HeaderValue::from_str(&text).ok()?))
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if self.status().is_server_error() {
            tracing::error!(error = %self, "request failed");
        }
        let body = serde_json::json!(self.problem()).to_string();
        let mut response =
            (self.status(), [(header::CONTENT_TYPE, PROBLEM_MEDIA_TYPE)], body).into_response();
        response.headers_mut().extend(self.headers());
        response
    }
}
