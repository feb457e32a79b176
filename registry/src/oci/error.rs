//! Why the distribution API did not do what it was asked, and the words for it.

use axum::http::Method;
use chandlery_package::artifact::ArtifactError;
use chandlery_package::problem::{Explain, Explanation, INVALID_NAME};
use chandlery_package::wire::Quote;
use chandlery_package::{Digest, Namespace, Release, Subject};

chandlery_edge::kinds! {
    QUOTA: "quota", 403, "No more fits",
        "the namespace has as many bytes as it may have",
        Some("delete what is not needed, or ask the registry's operator for more");
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
    WRONG_SIZE: "wrong-size", 400, "Not the size that it says",
        "a manifest says of content that it has another size than it has",
        None;
    IN_USE: "in-use", 409, "Others need it",
        "what a release or a tag needs cannot be moved or deleted",
        None;
    SIGNATURES_LOST: "signatures-lost", 409, "Signatures would be lost",
        "what is pushed under the tag of a release's signatures lacks some of those that are there",
        Some("pull the tag, add to what is there, and push that");
    NO_SUCH_METHOD: "no-such-method", 405, "Not done here",
        "the path has no such method",
        None;
    ORDER_NEEDED: "order-needed", 402, "Costs something",
        "a component that costs something is pulled by an account without an order of its plugin that holds",
        Some("`chandlery orders place PLUGIN` orders it; `chandlery orders list` shows what was ordered");
    QUARANTINED: "quarantined", 403, "Quarantined",
        "a component is pulled whose release, or all of whose plugin, an operator has quarantined",
        Some("wait until the quarantine is lifted, or use something else");
    VERSION_EXISTS: "version-exists", 409, "The version is taken",
        "the version is published already, with other content",
        Some("a release never changes; raise the version in chandlery.toml");
}

/// Why the distribution API did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The artifact is not of the right form.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// More than somebody may have.
    #[error("{0}")]
    Quota(String),
    /// A range that the content does not have.
    #[error("the content has {bytes} bytes, and none of those asked for")]
    Range {
        /// How many there are.
        bytes: u64,
    },
    /// A chunk that does not continue its upload.
    #[error("upload {id} has {bytes} bytes so far: the next chunk must begin there")]
    UploadMoved {
        /// The upload that it was sent for.
        id: uuid::Uuid,
        /// How many bytes of it have arrived.
        bytes: u64,
    },
    /// A manifest that cannot be stored.
    #[error("the manifest is refused: {0}")]
    BadManifest(String),
    /// A manifest whose content was not pushed.
    #[error("there is no {0}")]
    MissingContent(String),
    /// A manifest that is wrong about the size of its content.
    #[error("{what} has {bytes} bytes, and the manifest says {said}")]
    WrongSize {
        /// The content, with its digest.
        what: String,
        /// How many bytes it has.
        bytes: i64,
        /// What the manifest says of that.
        said: String,
    },
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
    /// Fewer signatures of a release than before.
    #[error("{lost} of the signatures of {release} would be lost: they may be added to, and stay")]
    SignaturesLost {
        /// What is signed.
        release: String,
        /// How many layers are lacking.
        lost: usize,
    },
    /// A method that a path does not have.
    #[error("{method} cannot be done to /v2/{path}")]
    NoSuchMethod {
        /// The method that was tried.
        method: Method,
        /// The path below `/v2/`.
        path: String,
    },
    /// A component that costs something, and what it costs whoever asked for it.
    #[error("{}", .0.why_not())]
    OrderNeeded(Box<Quote>),
    /// A component that nobody else pulls while it is looked into.
    #[error("{subject} is quarantined: {reason}")]
    Quarantined {
        /// The release, or all of its plugin.
        subject: Subject,
        /// Why, in the operator's words.
        reason: String,
    },
    /// What it costs cannot be found out.
    #[error(transparent)]
    Money(#[from] chandlery_money::Error),
    /// The version is taken.
    #[error("{release} is published already, with other content ({artifact})")]
    VersionExists {
        /// What was to be published.
        release: Release,
        /// What is published under this version.
        artifact: Digest,
    },
    /// What any room may say.
    #[error(transparent)]
    Shared(#[from] chandlery_edge::Error),
}

chandlery_edge::shares_errors!(Error);

impl Error {
    /// A request that this account may not make. `action` follows "may not".
    pub fn forbidden(account: &Namespace, action: impl Into<String>) -> Self {
        chandlery_edge::Error::forbidden(account, action).into()
    }

    /// A request that says nothing of who asks.
    pub fn unauthenticated() -> Self {
        chandlery_edge::Error::Unauthenticated.into()
    }

    /// More than a namespace may keep.
    pub fn full(namespace: &Namespace, bytes_max: u64) -> Self {
        Self::Quota(format!("'{namespace}' may keep {bytes_max} bytes here, unfinished uploads included"))
    }

    /// More than is accepted of `what`, in bytes.
    pub fn too_large(what: &str, bytes_max: u64) -> Self {
        chandlery_edge::Error::TooLarge { what: what.into(), bytes_max }.into()
    }
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::Artifact(error) => return error.explain(),
            Self::Shared(error) => return error.explain(),
            Self::Range { bytes } => return RANGE.with_header("content-range", format!("bytes */{bytes}")),
            Self::UploadMoved { bytes, .. } => {
                return UPLOAD_MOVED.with_header("range", format!("0-{}", bytes.saturating_sub(1)));
            }
            Self::Money(error) => return error.explain(),
            Self::OrderNeeded(quote) => return ORDER_NEEDED.remedied(quote.remedy()),
            Self::Quarantined { .. } => &QUARANTINED,
            Self::Quota(_) => &QUOTA,
            Self::BadManifest(_) => &INVALID_MANIFEST,
            Self::MissingContent(_) => &MISSING_CONTENT,
            Self::WrongSize { .. } => &WRONG_SIZE,
            Self::BadRepository { .. } => &INVALID_NAME,
            Self::InUse(_) => &IN_USE,
            Self::SignaturesLost { .. } => &SIGNATURES_LOST,
            Self::NoSuchMethod { .. } => &NO_SUCH_METHOD,
            Self::VersionExists { .. } => &VERSION_EXISTS,
        };
        kind.into()
    }
}
