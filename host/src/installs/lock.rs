//! `chandlery.lock`: what is installed and why it was believed. Plain TOML, to be read, compared and kept.

use std::collections::BTreeSet;
use std::path::Path;

use chandlery_package::{Digest, Kind, Permission, PublicKey, Release};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::write_whole;
use crate::Error;

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// The registries that were seen.
    #[serde(default, rename = "registry")]
    pub registries: Vec<RegistryPin>,
    /// What is installed: one release of each plugin.
    #[serde(default, rename = "plugin")]
    pub plugins: Vec<Locked>,
}

/// What is remembered of a registry's log, so that it cannot show another history later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryPin {
    /// Where it is.
    pub url: String,
    /// The log's verifier key, as it was at first sight.
    pub log_key: String,
    /// The newest checkpoint that was seen, as its signed note.
    pub checkpoint: String,
}

/// An installed release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Locked {
    /// Which.
    pub release: Release,
    /// Where it came from.
    pub registry: String,
    /// The digest of the component.
    pub component: Digest,
    /// The digest of the OCI manifest that was signed.
    pub artifact: Digest,
    /// The key that signed it.
    pub key: PublicKey,
    /// The log's entry that added the key.
    pub key_log_index: u64,
    /// The log's entry of the release.
    pub log_index: u64,
    /// What it is.
    pub kind: Kind,
    /// What it may do, as somebody agreed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub permissions: BTreeSet<Permission>,
    /// What it asks for and may not do any more, as somebody decided.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub revoked: BTreeSet<Permission>,
    /// When.
    pub installed_at: Timestamp,
}

impl Lock {
    /// Reads the file; none is an empty lock.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let damaged = |reason: String| Error::Lock { path: path.display().to_string(), reason };
        match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).map_err(|error| damaged(error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(damaged(error.to_string())),
        }
    }

    /// Replaces the file, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let text = toml::to_string_pretty(self).map_err(|error| Error::Damaged(error.to_string()))?;
        let text =
            format!("# What is installed here, and why it was believed. Written by chandlery.\n\n{text}");
        write_whole(path, text.as_bytes())
    }

    /// What is remembered of a registry.
    pub fn pin(&self, url: &str) -> Option<&RegistryPin> {
        self.registries.iter().find(|pin| pin.url == url)
    }

    /// Replaces what is said of an installed release.
    pub fn put_plugin(&mut self, locked: Locked) {
        self.plugins.retain(|known| known.release.plugin != locked.release.plugin);
        self.plugins.push(locked);
        self.plugins.sort_by(|a, b| a.release.cmp(&b.release));
    }

    /// Puts the pin in the place of the registry's former one, and a release in that of the plugin's.
    pub fn put(&mut self, pin: RegistryPin, locked: Option<Locked>) {
        self.registries.retain(|known| known.url != pin.url);
        self.registries.push(pin);
        if let Some(locked) = locked {
            self.put_plugin(locked);
        }
    }
}
