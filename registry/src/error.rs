//! What the registry's own rooms and its server refuse, and what those below refuse, in one type.

use axum::http::Method;
use axum::response::{IntoResponse, Response};
use chandlery_package::artifact::ArtifactError;
use chandlery_package::log::LogError;
use chandlery_package::problem::{CONFLICT, Explain, Explanation, INVALID, INVALID_NAME, Kind, NOT_FOUND};
use chandlery_package::signature::signature_tag;
use chandlery_package::{
    ComponentError, Digest, DigestError, KeyError, MoneyError, NameError, Namespace, Release,
};

macro_rules! kinds {
    ($($name:ident: $word:literal, $status:literal, $title:literal, $when:literal, $remedy:expr;)*) => {
        $(
            const $name: Kind =
                Kind { word: $word, status: $status, title: $title, when: $when, remedy: $remedy };
        )*
        /// The kinds of this crate.
        pub const KINDS: &[&Kind] = &[$(&$name),*];
    };
}
kinds! {
    QUOTA: "quota", 403, "No more fits",
        "the namespace has as many bytes as it may have",
        Some("delete what is not needed, or ask the registry's operator for more");
    TOO_MANY: "too-many", 429, "Too many requests",
        "an address or a token has asked more often than it may, or tried too many wrong secrets",
        None;
    TOO_SLOW: "too-slow", 504, "Took too long",
        "the answer was not ready in time",
        Some("try again in a moment");
    RANGE: "range", 416, "No such bytes",
        "none of the bytes asked for is in the content",
        None;
    UPLOAD_MOVED: "upload-moved", 416, "Not the next chunk",
        "a chunk does not begin where its upload has got to",
        Some("ask with GET how much has arrived, and go on from there");
    INVALID_MANIFEST: "invalid-manifest", 400, "Not a manifest",
        "an OCI manifest cannot be read, or says what is not allowed",
        None;
    MISSING_CONTENT: "missing-content", 404, "Content is missing",
        "a manifest names content that was not pushed",
        None;
    IN_USE: "in-use", 409, "Others need it",
        "what a release or a tag needs cannot be moved or deleted",
        None;
    NO_SUCH_METHOD: "no-such-method", 405, "Not done here",
        "the path has no such method",
        None;
    MANIFEST_MISMATCH: "manifest-mismatch", 422, "The component says it is another release",
        "the manifest inside the component has another name or version than it is published as",
        Some("publish it under its own name and version, or change chandlery.toml and build again");
    UNSIGNED: "unsigned", 422, "The release is not signed",
        "no signature was pushed beside the artifact",
        Some("`chandlery publish` signs; with other tools, push cosign's signature first");
    UNTRUSTED_SIGNATURE: "untrusted-signature", 422, "Signed by a key that may not sign this",
        "the signature is by no key of the namespace, or by one that was revoked",
        Some("add the key with `chandlery keys add NAMESPACE`");
    VERSION_EXISTS: "version-exists", 409, "The version is taken",
        "the version is published already, with other content",
        Some("a release never changes; raise the version in chandlery.toml");
}

/// Why the registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database, the blobs, the clock or a file.
    #[error(transparent)]
    Store(#[from] chandlery_store::Error),
    /// Who asks may not, or is not known.
    #[error(transparent)]
    Accounts(#[from] chandlery_accounts::Error),
    /// The transparency log.
    #[error(transparent)]
    Log(#[from] chandlery_log::Error),
    /// A request that cannot be read.
    #[error(transparent)]
    Edge(#[from] chandlery_edge::Error),
    /// The money.
    #[error(transparent)]
    Money(#[from] chandlery_money::Error),
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
    /// Something that cannot be.
    #[error("the registry's state is damaged: {0}")]
    Damaged(String),
}

impl Error {
    /// A request that this account may not make. `action` follows "may not".
    pub fn forbidden(account: &Namespace, action: impl Into<String>) -> Self {
        chandlery_accounts::Error::forbidden(account, action).into()
    }

    /// A request that says nothing of who asks.
    pub fn unauthenticated() -> Self {
        chandlery_accounts::Error::Unauthenticated.into()
    }

    /// A release without a signature.
    pub fn unsigned(release: &Release, artifact: Digest) -> Self {
        Self::Unsigned { release: release.clone(), tag: signature_tag(artifact) }
    }
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::Store(error) => return error.explain(),
            Self::Accounts(error) => return error.explain(),
            Self::Log(error) => return error.explain(),
            Self::Edge(error) => return error.explain(),
            Self::Money(error) => return error.explain(),
            Self::Name(error) => return error.explain(),
            Self::Digest(error) => return error.explain(),
            Self::Key(error) => return error.explain(),
            Self::Artifact(error) => return error.explain(),
            Self::Component(error) => return error.explain(),
            Self::TooMany { seconds } => return TOO_MANY.with_header("retry-after", seconds.to_string()),
            Self::Range { bytes } => return RANGE.with_header("content-range", format!("bytes */{bytes}")),
            Self::UploadMoved { bytes, .. } => {
                return UPLOAD_MOVED.with_header("range", format!("0-{}", bytes.saturating_sub(1)));
            }
            Self::ManifestMismatch { found, .. } => {
                return MANIFEST_MISMATCH
                    .remedied(format!("publish it as {found}, or change chandlery.toml and build again"));
            }
            Self::UntrustedSignature { release } => {
                let namespace = &release.plugin.namespace;
                return UNTRUSTED_SIGNATURE
                    .remedied(format!("add the key with `chandlery keys add {namespace}`"));
            }
            Self::NotFound(_) => &NOT_FOUND,
            Self::Invalid(_) => &INVALID,
            Self::Conflict(_) => &CONFLICT,
            Self::TooLarge { .. } => &chandlery_edge::TOO_LARGE,
            Self::Quota(_) => &QUOTA,
            Self::TooSlow { .. } => &TOO_SLOW,
            Self::BadManifest(_) => &INVALID_MANIFEST,
            Self::MissingContent(_) => &MISSING_CONTENT,
            Self::BadRepository { .. } => &INVALID_NAME,
            Self::InUse(_) => &IN_USE,
            Self::NoSuchMethod { .. } => &NO_SUCH_METHOD,
            Self::Unsigned { .. } => &UNSIGNED,
            Self::VersionExists { .. } => &VERSION_EXISTS,
            Self::Damaged(_) => &chandlery_store::INTERNAL,
        };
        kind.into()
    }
}

impl From<LogError> for Error {
    fn from(error: LogError) -> Self {
        Self::Log(error.into())
    }
}

impl From<MoneyError> for Error {
    fn from(error: MoneyError) -> Self {
        Self::Money(error.into())
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        chandlery_edge::answer(&self)
    }
}
