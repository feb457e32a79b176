//! What the log says: one JSON text per entry, hashed as it stands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::LogError;
use crate::{
    AdvisoryId, Currency, Digest, Identity, KeyId, Month, Namespace, PluginId, PublicKey, Release, Subject,
    TrustedPublisher,
};

/// Something that trust depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Entry {
    /// From now on this key may sign releases of this namespace.
    KeyAdded {
        /// The namespace that the key signs for.
        namespace: Namespace,
        /// The key, as SPKI in PEM.
        key: PublicKey,
        /// When, in UTC.
        at: Timestamp,
    },
    /// A release was accepted.
    Released {
        /// The release that this is about.
        release: Release,
        /// The digest of the component's bytes.
        component: Digest,
        /// The digest of the OCI manifest that was signed.
        artifact: Digest,
        /// The key that signed it.
        key: KeyId,
        /// When, in UTC.
        at: Timestamp,
    },
    /// A key is not to be trusted from a moment on, which may lie in the past.
    KeyRevoked {
        /// The namespace that the key signs for.
        namespace: Namespace,
        /// The id of the revoked key.
        key: KeyId,
        /// From when on.
        from: Timestamp,
        /// When it was said, in UTC.
        at: Timestamp,
    },
    /// A release is not to be chosen for new installs.
    Yanked {
        /// The release that this is about.
        release: Release,
        /// When, in UTC.
        at: Timestamp,
    },
    /// A yanked release may be chosen again.
    Unyanked {
        /// The release that this is about.
        release: Release,
        /// When, in UTC.
        at: Timestamp,
    },
    /// A partner's month was closed with this statement.
    Statement {
        /// The partner whose statement it is.
        partner: Namespace,
        /// Of which month, such as `2026-11`.
        month: Month,
        /// In which currency.
        currency: Currency,
        /// The digest of the statement's bytes.
        statement: Digest,
        /// When, in UTC.
        at: Timestamp,
    },
    /// A release is not to be run by anybody, for ever.
    Withdrawn {
        /// The release that this is about.
        release: Release,
        /// Why, for everybody who runs it.
        reason: String,
        /// When, in UTC.
        at: Timestamp,
    },
    /// Nobody is to install or deploy a plugin, or one release of it, while it is looked into.
    Quarantined {
        /// The plugin or release that this is about.
        subject: Subject,
        /// Why, for everybody who runs it.
        reason: String,
        /// When, in UTC.
        at: Timestamp,
    },
    /// What was quarantined may be installed and deployed again.
    QuarantineLifted {
        /// The plugin or release that was quarantined.
        subject: Subject,
        /// What was found, for everybody who runs it.
        reason: String,
        /// When, in UTC.
        at: Timestamp,
    },
    /// An advisory about a plugin was published, or says something else from now on.
    Advised {
        /// The plugin that it is about.
        plugin: PluginId,
        /// What the advisory is called.
        id: AdvisoryId,
        /// The digest of what it says, as JSON.
        advisory: Digest,
        /// When, in UTC.
        at: Timestamp,
    },
    /// An advisory does not hold any more.
    AdvisoryWithdrawn {
        /// The plugin that it was about.
        plugin: PluginId,
        /// What the advisory was called.
        id: AdvisoryId,
        /// When, in UTC.
        at: Timestamp,
    },
    /// A namespace belongs to somebody else: whoever signs for it from now on does so with another key.
    NamespaceTransferred {
        /// The namespace that this is about.
        namespace: Namespace,
        /// Why, for everybody who uses what it has published.
        reason: String,
        /// When, in UTC.
        at: Timestamp,
    },
    /// How far the registry's audit trail had come at the end of a month, and what binds all of it.
    AuditHead {
        /// Of which month, such as `2026-11`.
        month: Month,
        /// The number of the trail's last entry.
        number: i64,
        /// That entry's hash.
        head: Digest,
        /// When it was said, in UTC.
        at: Timestamp,
    },
    /// The root of an account's records of use in a month: what it is invoiced for can be checked against them.
    UsageRoot {
        /// Whose use it is.
        account: Namespace,
        /// Of which month, such as `2026-11`.
        month: Month,
        /// The root of the Merkle tree of its records' digests, in the order of their ids.
        root: Digest,
        /// When, in UTC.
        at: Timestamp,
    },
    /// From now on the registry's operator vouches for this plugin, whichever release of it.
    Certified {
        /// The plugin that was looked at.
        plugin: PluginId,
        /// When, in UTC.
        at: Timestamp,
    },
    /// The registry's operator no longer vouches for this plugin.
    Decertified {
        /// The plugin that was certified.
        plugin: PluginId,
        /// When, in UTC.
        at: Timestamp,
    },
    /// From now on a workload may publish releases of this plugin, each signed by a key of its own.
    PublisherTrusted {
        /// Of which plugin.
        plugin: PluginId,
        /// Who may, by what its issuer vouches for.
        publisher: TrustedPublisher,
        /// When, in UTC.
        at: Timestamp,
    },
    /// A workload may not publish releases of this plugin any more.
    PublisherRemoved {
        /// Of which plugin.
        plugin: PluginId,
        /// Who may not.
        publisher: TrustedPublisher,
        /// When, in UTC.
        at: Timestamp,
    },
    /// A workload has shown who it is, and holds this key, which signs this one artifact as this one release and nothing else.
    KeyBound {
        /// The release that the key signs.
        release: Release,
        /// The digest of the OCI manifest that the key signs.
        artifact: Digest,
        /// The key, as SPKI in PEM.
        key: PublicKey,
        /// Who has shown itself, as its issuer vouched for it.
        identity: Identity,
        /// When, in UTC.
        at: Timestamp,
    },
    /// A kind of entry that was thought of later. It counts, and nothing that this version knows of depends on it; nobody appends one.
    #[serde(other)]
    Unknown,
}

impl Entry {
    /// The bytes that are hashed into the tree; at most 65,535 of them fit a tile of entries.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::json!(self).to_string().into_bytes()
    }

    /// What it says, in words.
    pub fn describe(&self) -> String {
        match self {
            Self::KeyAdded { namespace, key, .. } => format!("it adds key {} to '{namespace}'", key.id()),
            Self::KeyRevoked { namespace, key, .. } => format!("it revokes key {key} of '{namespace}'"),
            Self::Released { release, artifact, .. } => format!("it tells of {release}, {artifact}"),
            Self::Yanked { release, .. } => format!("it yanks {release}"),
            Self::Unyanked { release, .. } => format!("it lets {release} be chosen again"),
            Self::Withdrawn { release, .. } => format!("it withdraws {release}"),
            Self::Quarantined { subject, .. } => format!("it quarantines {subject}"),
            Self::QuarantineLifted { subject, .. } => format!("it lifts the quarantine of {subject}"),
            Self::Advised { plugin, id, .. } => format!("it has advisory {id} about {plugin}"),
            Self::AdvisoryWithdrawn { plugin, id, .. } => {
                format!("it withdraws advisory {id} about {plugin}")
            }
            Self::NamespaceTransferred { namespace, .. } => {
                format!("it gives '{namespace}' to somebody else")
            }
            Self::Statement { partner, month, currency, .. } => {
                format!("it has the statement of '{partner}' for {month} in {currency}")
            }
            Self::AuditHead { month, number, .. } => {
                format!("it has the head of the audit trail for {month}, entry {number} there")
            }
            Self::UsageRoot { account, month, .. } => {
                format!("it has the root of the use of '{account}' in {month}")
            }
            Self::Certified { plugin, .. } => format!("it certifies {plugin}"),
            Self::Decertified { plugin, .. } => format!("it certifies {plugin} no longer"),
            Self::PublisherTrusted { plugin, publisher, .. } => {
                format!("it trusts {publisher} to publish {plugin}")
            }
            Self::PublisherRemoved { plugin, publisher, .. } => {
                format!("it no longer trusts {publisher} to publish {plugin}")
            }
            Self::KeyBound { release, key, identity, .. } => {
                format!("it binds key {} to {release}, for {identity}", key.id())
            }
            Self::Unknown => "it is of a kind that this version does not know".into(),
        }
    }

    /// Reads an entry.
    pub fn parse(index: u64, bytes: &[u8]) -> Result<Self, LogError> {
        serde_json::from_slice(bytes).map_err(|error| LogError::Entry { index, reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entries_read_back() {
        let key = crate::PrivateKey::generate().public();
        let at = Timestamp::UNIX_EPOCH;
        let entry = Entry::KeyAdded { namespace: "acme".parse().unwrap(), key, at };
        assert_eq!(Entry::parse(0, &entry.to_bytes()), Ok(entry));
    }

    /// What is in a log already is hashed as it stands.
    #[test]
    fn entries_are_written_as_they_always_were() {
        let digest = "ab".repeat(32);
        for (text, says) in [
            (
                format!(
                    r#"{{"type":"statement","partner":"acme","month":"2026-11","currency":"USD","statement":"sha256:{digest}","at":"2026-12-01T00:00:00Z"}}"#
                ),
                "it has the statement of 'acme' for 2026-11 in USD",
            ),
            (
                format!(
                    r#"{{"type":"audit-head","month":"2026-11","number":7,"head":"sha256:{digest}","at":"2026-12-01T00:00:00Z"}}"#
                ),
                "it has the head of the audit trail for 2026-11, entry 7 there",
            ),
            (
                format!(
                    r#"{{"type":"usage-root","account":"globex","month":"2026-11","root":"sha256:{digest}","at":"2026-12-01T00:00:00Z"}}"#
                ),
                "it has the root of the use of 'globex' in 2026-11",
            ),
            (
                r#"{"type":"yanked","release":"acme:serving@1.0.0-rc.1","at":"2026-12-01T00:00:00Z"}"#
                    .to_owned(),
                "it yanks acme:serving@1.0.0-rc.1",
            ),
            (
                r#"{"type":"certified","plugin":"acme:serving","at":"2026-12-01T00:00:00Z"}"#.to_owned(),
                "it certifies acme:serving",
            ),
            (
                r#"{"type":"decertified","plugin":"acme:serving","at":"2026-12-01T00:00:00Z"}"#.to_owned(),
                "it certifies acme:serving no longer",
            ),
            (
                r#"{"type":"quarantined","subject":"acme:serving","reason":"r","at":"2026-12-01T00:00:00Z"}"#
                    .to_owned(),
                "it quarantines acme:serving",
            ),
            (
                r#"{"type":"quarantine-lifted","subject":"acme:serving@1.0.0","reason":"r","at":"2026-12-01T00:00:00Z"}"#
                    .to_owned(),
                "it lifts the quarantine of acme:serving@1.0.0",
            ),
            (
                format!(
                    r#"{{"type":"advised","plugin":"acme:serving","id":"ACME-1","advisory":"sha256:{digest}","at":"2026-12-01T00:00:00Z"}}"#
                ),
                "it has advisory ACME-1 about acme:serving",
            ),
            (
                r#"{"type":"advisory-withdrawn","plugin":"acme:serving","id":"ACME-1","at":"2026-12-01T00:00:00Z"}"#
                    .to_owned(),
                "it withdraws advisory ACME-1 about acme:serving",
            ),
            (
                r#"{"type":"namespace-transferred","namespace":"acme","reason":"r","at":"2026-12-01T00:00:00Z"}"#
                    .to_owned(),
                "it gives 'acme' to somebody else",
            ),
        ] {
            let entry = Entry::parse(7, text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(entry.to_bytes()).unwrap(), text);
            assert_eq!(entry.describe(), says);
        }
        let other = r#"{"type":"statement","partner":"acme","month":"2026-13","currency":"USD","statement":"x","at":"2026-12-01T00:00:00Z"}"#;
        assert!(Entry::parse(7, other.as_bytes()).is_err());
    }

    #[test]
    fn a_kind_that_is_not_known_is_no_fault_and_a_known_one_must_be_whole() {
        for text in [
            r#"{"type":"released-in-bulk"}"#,
            r#"{"type":"next","release":"acme:serving@1.0.0","more":[{"type":"yanked"}],"at":7}"#,
            r#"{"at":"2026-12-01T00:00:00Z","type":"next"}"#,
        ] {
            assert_eq!(Entry::parse(7, text.as_bytes()), Ok(Entry::Unknown), "{text}");
        }
        for text in [
            r#"{"type":"yanked"}"#,
            r#"{"type":"certified"}"#,
            r#"{"type":"audit-head","month":"2026-11"}"#,
            r#"{"release":"acme:serving@1.0.0"}"#,
            r#"{"type":"next""#,
            "null",
        ] {
            assert!(Entry::parse(7, text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Entry::parse(7, &bytes).is_err());
        }
    }
}
