//! Why the catalog did not do what it was asked, and the words for it.

use chandlery_package::artifact::ArtifactError;
use chandlery_package::problem::{Explain, Explanation, NOT_FOUND};
use chandlery_package::signature::signature_tag;
use chandlery_package::{ComponentError, Digest, KeyError, MoneyError, PluginId, Release, Unit};

use crate::{oci, trusted};

chandlery_edge::kinds! {
    MANIFEST_MISMATCH: "manifest-mismatch", 422, "The component says it is another release",
        "the manifest inside the component has another name or version than it is published as",
        Some("publish it under its own name and version, or change chandlery.toml and build again");
    NOT_METERED: "not-metered", 422, "The release does not meter its price",
        "the plugin's price is by a unit that the manifest of the new release does not meter",
        Some("meter the unit in chandlery.toml, or set another price with `chandlery orders price` first");
    UNPROVEN: "no-provenance", 422, "It does not say where it comes from",
        "a workload publishes a release without its provenance, or with one that differs from what its issuer vouched for",
        Some("`chandlery publish --oidc` pushes it");
    UNSIGNED: "unsigned", 422, "The release is not signed",
        "no signature was pushed beside the artifact",
        Some("`chandlery publish` signs; with other tools, push cosign's signature first");
    UNTRUSTED_SIGNATURE: "untrusted-signature", 422, "Signed by a key that may not sign this",
        "the signature is by no key of the namespace, or by one that was revoked",
        Some("as an owner, add the key with `chandlery keys add NAMESPACE`; otherwise ask the owners with `chandlery keys request NAMESPACE`");
}

/// Why the catalog did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key, or the proof that its owner has it.
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
    /// What the plugin costs is by what the release does not report.
    #[error("{} costs so much per {unit}, and {release} does not meter that", .release.plugin)]
    NotMetered {
        /// What was to be published.
        release: Release,
        /// What the price is by.
        unit: Unit,
    },
    /// No signature was pushed.
    #[error("{release} is not signed: there is no tag {tag}")]
    Unsigned {
        /// What was to be published.
        release: Release,
        /// Where the signature should be.
        tag: String,
    },
    /// A workload's release without provenance that holds.
    #[error("no provenance was pushed that says of {release} what its workload's issuer vouched for")]
    Unproven {
        /// What was to be published.
        release: Release,
    },
    /// A signature, but by no key of the namespace.
    #[error("{release} is signed, but not by a key of namespace '{}'", .release.plugin.namespace)]
    UntrustedSignature {
        /// What was to be published.
        release: Release,
    },
    /// A plugin that is not there, or may not be known of, where another one is called nearly so.
    #[error("there is no plugin '{plugin}'")]
    NoSuchPlugin {
        /// What was asked for.
        plugin: PluginId,
        /// What may have been meant.
        closest: PluginId,
    },
    /// An amount that a search is bounded by.
    #[error(transparent)]
    Amount(#[from] MoneyError),
    /// The transparency log.
    #[error(transparent)]
    Log(#[from] chandlery_log::Error),
    /// What was pushed cannot be read back, or is published already.
    #[error(transparent)]
    Pushed(#[from] oci::Error),
    /// Whoever published with a token that was exchanged.
    #[error(transparent)]
    Trusted(#[from] trusted::Error),
    /// What any room may say.
    #[error(transparent)]
    Shared(#[from] chandlery_edge::Error),
}

chandlery_edge::shares_errors!(Error);

impl Error {
    /// A release without a signature.
    pub fn unsigned(release: &Release, artifact: Digest) -> Self {
        Self::Unsigned { release: release.clone(), tag: signature_tag(artifact) }
    }

    /// Whether what was asked for is not here, or may not be known of.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Shared(chandlery_edge::Error::NotFound(_)))
    }
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        match self {
            Self::Key(error) => error.explain(),
            Self::Artifact(error) => error.explain(),
            Self::Component(error) => error.explain(),
            Self::Amount(error) => error.explain(),
            Self::Log(error) => error.explain(),
            Self::Pushed(error) => error.explain(),
            Self::Trusted(error) => error.explain(),
            Self::Shared(error) => error.explain(),
            Self::NoSuchPlugin { closest, .. } => NOT_FOUND.remedied(format!("did you mean '{closest}'?")),
            Self::NotMetered { .. } => (&NOT_METERED).into(),
            Self::Unproven { .. } => (&UNPROVEN).into(),
            Self::Unsigned { .. } => (&UNSIGNED).into(),
            Self::ManifestMismatch { found, .. } => MANIFEST_MISMATCH
                .remedied(format!("publish it as {found}, or change chandlery.toml and build again")),
            Self::UntrustedSignature { release } => {
                let namespace = &release.plugin.namespace;
                UNTRUSTED_SIGNATURE.remedied(format!(
                    "as an owner, add the key with `chandlery keys add {namespace}`; otherwise ask the owners with `chandlery keys request \
                     {namespace}`"
                ))
            }
        }
    }
}
