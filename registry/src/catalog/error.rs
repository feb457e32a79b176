//! Why the catalog did not do what it was asked, and the words for it.

use axum::response::{IntoResponse, Response};
use chandlery_package::artifact::ArtifactError;
use chandlery_package::problem::{CONFLICT, Explain, Explanation, INVALID, Kind, NOT_FOUND};
use chandlery_package::signature::signature_tag;
use chandlery_package::{ComponentError, Digest, DigestError, KeyError, MoneyError, NameError, Release};

use crate::kinds::kinds;
use crate::oci::{self, VERSION_EXISTS};

kinds! {
    MANIFEST_MISMATCH: "manifest-mismatch", 422, "The component says it is another release",
        "the manifest inside the component has another name or version than it is published as",
        Some("publish it under its own name and version, or change chandlery.toml and build again");
    UNSIGNED: "unsigned", 422, "The release is not signed",
        "no signature was pushed beside the artifact",
        Some("`chandlery publish` signs; with other tools, push cosign's signature first");
    UNTRUSTED_SIGNATURE: "untrusted-signature", 422, "Signed by a key that may not sign this",
        "the signature is by no key of the namespace, or by one that was revoked",
        Some("add the key with `chandlery keys add NAMESPACE`");
}

/// Why the catalog did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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
    /// Who asks may not, or is not known.
    #[error(transparent)]
    Accounts(#[from] chandlery_accounts::Error),
    /// The transparency log.
    #[error(transparent)]
    Log(#[from] chandlery_log::Error),
    /// The database, the blobs, the clock or a file.
    #[error(transparent)]
    Store(#[from] chandlery_store::Error),
    /// Something that cannot be.
    #[error("the registry's state is damaged: {0}")]
    Damaged(String),
    /// An amount that a search is bounded by.
    #[error(transparent)]
    Amount(#[from] MoneyError),
    /// What was pushed cannot be read back.
    #[error(transparent)]
    Pushed(#[from] oci::Error),
}

impl Error {
    /// A release without a signature.
    pub fn unsigned(release: &Release, artifact: Digest) -> Self {
        Self::Unsigned { release: release.clone(), tag: signature_tag(artifact) }
    }
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::Name(error) => return error.explain(),
            Self::Digest(error) => return error.explain(),
            Self::Key(error) => return error.explain(),
            Self::Artifact(error) => return error.explain(),
            Self::Component(error) => return error.explain(),
            Self::ManifestMismatch { found, .. } => {
                return MANIFEST_MISMATCH
                    .remedied(format!("publish it as {found}, or change chandlery.toml and build again"));
            }
            Self::UntrustedSignature { release } => {
                let namespace = &release.plugin.namespace;
                return UNTRUSTED_SIGNATURE
                    .remedied(format!("add the key with `chandlery keys add {namespace}`"));
            }
            Self::Accounts(error) => return error.explain(),
            Self::Log(error) => return error.explain(),
            Self::Store(error) => return error.explain(),
            Self::Amount(error) => return error.explain(),
            Self::Pushed(error) => return error.explain(),
            Self::NotFound(_) => &NOT_FOUND,
            Self::Invalid(_) => &INVALID,
            Self::Conflict(_) => &CONFLICT,
            Self::Unsigned { .. } => &UNSIGNED,
            Self::VersionExists { .. } => &VERSION_EXISTS,
            Self::Damaged(_) => &chandlery_store::INTERNAL,
        };
        kind.into()
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
