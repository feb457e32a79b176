//! What of a registry was not believed: each link of the chain of trust can break, and nothing is installed then.

use chandlery_package::artifact::ArtifactError;
use chandlery_package::log::LogError;
use chandlery_package::problem::{Explain, Explanation, Kind};
use chandlery_package::provenance::ProvenanceError;
use chandlery_package::signature::SignatureError;
use chandlery_package::{ComponentError, Digest, DigestError, Release};

const ASK_ITS_OPERATOR: Option<&str> =
    Some("nothing was installed; do not use this registry before its operator has explained it");

/// A log with another key.
pub const LOG_KEY_CHANGED: Kind = Kind {
    word: "log-key-changed",
    status: 409,
    title: "Another log",
    when: "the key of the registry's log is another one than when this host first saw the registry",
    remedy: ASK_ITS_OPERATOR,
};
/// A checkpoint that too few witnesses have seen.
pub const TOO_FEW_WITNESSES: Kind = Kind {
    word: "too-few-witnesses",
    status: 409,
    title: "Not witnessed",
    when: "fewer of the witnesses that this host asks for have cosigned the log than it needs",
    remedy: ASK_ITS_OPERATOR,
};
/// A log that does not continue what was seen of it.
pub const LOG_FORKED: Kind = Kind {
    word: "log-forked",
    status: 409,
    title: "The registry has rewritten its history",
    when: "the registry's log lacks entries that this host has seen, or has others in their place",
    remedy: ASK_ITS_OPERATOR,
};
/// A log with fewer entries than were seen of it.
pub const LOG_ROLLBACK: Kind = Kind {
    word: "log-rollback",
    status: 409,
    title: "The registry has gone back",
    when: "the registry's log has fewer entries than this host has seen, as in a rollback to releases that were fixed since",
    remedy: ASK_ITS_OPERATOR,
};
/// A log of which nobody says that it is new.
pub const LOG_FREEZE: Kind = Kind {
    word: "log-freeze",
    status: 409,
    title: "The log stands still",
    when: "nobody has vouched for the registry's newest checkpoint for as long as this host allows, as in a freeze that hides withdrawals",
    remedy: Some(
        "nothing was installed; is this machine's clock right, and the registry reached without a cache between? otherwise ask its \
         operator why its log is old; the host's `--checkpoint-seconds` says how old it may be",
    ),
};
/// A log with a signature or a proof that does not hold.
pub const LOG_REFUSED: Kind = Kind {
    word: "log-refused",
    status: 409,
    title: "The log was not believed",
    when: "a signature or a proof of the registry's log does not hold, or it cannot be read",
    remedy: ASK_ITS_OPERATOR,
};
/// A catalog that contradicts the log.
pub const LOG_DIFFERS: Kind = Kind {
    word: "log-differs",
    status: 409,
    title: "The log says something else",
    when: "the registry's log does not say of a release what its catalog says",
    remedy: ASK_ITS_OPERATOR,
};
/// A release that a registry keeps to itself.
pub const RELEASE_HIDDEN: Kind = Kind {
    word: "release-hidden",
    status: 409,
    title: "A release is hidden",
    when: "the registry does not show a release that its log tells of, and that would be installed",
    remedy: ASK_ITS_OPERATOR,
};
/// Another release than was asked for.
pub const OTHER_RELEASE: Kind = Kind {
    word: "other-release",
    status: 409,
    title: "Asked for another release",
    when: "the registry answers with another release than the one that it was asked for",
    remedy: ASK_ITS_OPERATOR,
};
/// A release that nobody of its namespace has signed.
pub const SIGNATURE_REFUSED: Kind = Kind {
    word: "signature-refused",
    status: 409,
    title: "The signature was refused",
    when: "a release has no signature by the key that the log names for it",
    remedy: ASK_ITS_OPERATOR,
};
/// A release of a workload that does not say where it comes from.
pub const PROVENANCE_REFUSED: Kind = Kind {
    word: "provenance-refused",
    status: 409,
    title: "The provenance was refused",
    when: "a release that a workload has published carries no provenance by its key, or one that differs from what the log tells",
    remedy: ASK_ITS_OPERATOR,
};
/// Content with another digest.
pub const DIGEST_MISMATCH: Kind = Kind {
    word: "digest-mismatch",
    status: 409,
    title: "The content was changed",
    when: "content from the registry, or stored here, has another digest than the one by which it was asked for",
    remedy: ASK_ITS_OPERATOR,
};
/// An artifact that cannot be a release.
pub const INVALID_ARTIFACT: Kind = Kind {
    word: "invalid-artifact",
    status: 409,
    title: "Not a release",
    when: "what the registry keeps under a release's digest has not the form of a Wasm component's artifact",
    remedy: ASK_ITS_OPERATOR,
};
/// A component for a contract that this host does not serve.
pub const UNKNOWN_CONTRACT: Kind = Kind {
    word: "unknown-contract",
    status: 422,
    title: "Made for another chandlery",
    when: "the component imports or exports interfaces of a contract that this host does not serve",
    remedy: Some(
        "nothing was installed: install an older release, or use a chandlery that serves its contract",
    ),
};
/// A component that breaks a rule that every release keeps.
pub const INVALID_COMPONENT: Kind = Kind {
    word: "invalid-component",
    status: 422,
    title: "The component was refused",
    when: "the component or the manifest inside it breaks a rule that every release keeps",
    remedy: Some("nothing was installed: tell the plugin's publisher"),
};
/// A component that says that it is another release.
pub const MANIFEST_MISMATCH: Kind = Kind {
    word: "manifest-mismatch",
    status: 409,
    title: "Another release",
    when: "the manifest inside the component has another name or version than the release",
    remedy: ASK_ITS_OPERATOR,
};

/// The kinds of what was not believed.
pub(super) const KINDS: [&Kind; 16] = [
    &LOG_KEY_CHANGED,
    &TOO_FEW_WITNESSES,
    &LOG_FORKED,
    &LOG_ROLLBACK,
    &LOG_FREEZE,
    &LOG_REFUSED,
    &LOG_DIFFERS,
    &RELEASE_HIDDEN,
    &OTHER_RELEASE,
    &SIGNATURE_REFUSED,
    &PROVENANCE_REFUSED,
    &DIGEST_MISMATCH,
    &INVALID_ARTIFACT,
    &UNKNOWN_CONTRACT,
    &INVALID_COMPONENT,
    &MANIFEST_MISMATCH,
];

/// What was not believed, and why.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// The log's key is not the one that was pinned.
    #[error("the log's key is {found}, but {pinned} was pinned when this host first saw the registry")]
    LogKeyChanged {
        /// The verifier key that was pinned.
        pinned: String,
        /// The one that the registry names now.
        found: String,
    },
    /// A checkpoint, a proof or an entry of the log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log's entry says something else than the catalog.
    #[error("log entry {index} does not say what the catalog says of {release}: {what}")]
    LogDiffers {
        /// The entry's index, from 0.
        index: u64,
        /// The release as the catalog has it.
        release: Release,
        /// What the entry says, in words.
        what: String,
    },
    /// The registry does not show what the log tells of.
    #[error("{0} is in the registry's log, and the registry does not show it")]
    Hidden(Release),
    /// The registry answers with another release.
    #[error("{asked} was asked for, and the registry answers with {found}")]
    OtherRelease {
        /// The release that it was asked for.
        asked: Release,
        /// The one that it tells of.
        found: Release,
    },
    /// None of the signatures is by the release's key; this is what the last one lacks.
    #[error("the signature of {release} was refused: {error}")]
    Signature {
        /// The release whose artifact was signed.
        release: Release,
        /// Why the signature does not hold.
        error: SignatureError,
    },
    /// No signature is kept beside the artifact.
    #[error("{0} carries no signature")]
    Unsigned(Release),
    /// None of the statements beside the artifact says of it what it must; this is what the last one lacks.
    #[error("the provenance of {release} was refused: {error}")]
    Provenance {
        /// The release that a workload has published.
        release: Release,
        /// Why the statement does not hold.
        error: ProvenanceError,
    },
    /// Content that is not what it is called.
    #[error("content named {expected} is really {found}")]
    DigestMismatch {
        /// The digest by which it was asked for.
        expected: Digest,
        /// The digest of what came.
        found: Digest,
    },
    /// A digest in the artifact that cannot be read.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The artifact is not of the right form.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The component breaks a rule.
    #[error("{release}: {error}")]
    Component {
        /// The release that it was fetched for.
        release: Release,
        /// The rule that it breaks.
        error: ComponentError,
    },
    /// The component's own manifest says another release.
    #[error("{claimed} was asked for, but the manifest inside the component says {found}")]
    ManifestMismatch {
        /// The release that was asked for.
        claimed: Release,
        /// The one that the component says it is.
        found: Release,
    },
}

impl Explain for Distrust {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::LogKeyChanged { .. } => &LOG_KEY_CHANGED,
            Self::Log(LogError::TooFewWitnesses { .. }) => &TOO_FEW_WITNESSES,
            Self::Log(LogError::Forked { .. }) => &LOG_FORKED,
            Self::Log(LogError::Shrunk { .. }) => &LOG_ROLLBACK,
            Self::Log(LogError::Frozen { .. }) => &LOG_FREEZE,
            Self::Log(_) => &LOG_REFUSED,
            Self::LogDiffers { .. } => &LOG_DIFFERS,
            Self::Hidden(_) => &RELEASE_HIDDEN,
            Self::OtherRelease { .. } => &OTHER_RELEASE,
            Self::Signature { .. } | Self::Unsigned(_) => &SIGNATURE_REFUSED,
            Self::Provenance { .. } => &PROVENANCE_REFUSED,
            Self::DigestMismatch { .. } => &DIGEST_MISMATCH,
            Self::Digest(_) | Self::Artifact(_) => &INVALID_ARTIFACT,
            Self::Component { error: ComponentError::Contract { .. }, .. } => &UNKNOWN_CONTRACT,
            Self::Component { .. } => &INVALID_COMPONENT,
            Self::ManifestMismatch { .. } => &MANIFEST_MISMATCH,
        };
        kind.into()
    }
}
