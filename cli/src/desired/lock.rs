//! The lock beside a file of deployments: which release of each plugin was deployed from it, and from which component, so that the same
//! is deployed everywhere until somebody renews it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chandlery_package::{Digest, PluginId, Release, Requirement};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

const ENDING: &str = "lock";
const HEAD: &str = "# What the deployments beside it were deployed from. Written by `chandlery apply`, renewed with `--update`.\n\n";

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// One release of each plugin.
    #[serde(default, rename = "plugin")]
    pins: Vec<Pin>,
}

/// A release that was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Its name and version.
    pub release: Release,
    /// The digest of its component.
    pub component: Digest,
}

/// Where the lock of a file is: it is called like the file, and ends otherwise.
pub fn beside(file: &Path) -> Result<PathBuf> {
    match file.extension().is_some_and(|ending| ending == ENDING) {
        true => Err(Failure::of(format!(
            "{}: a file that is called like a lock would be written over",
            file.display()
        ))
        .remedy("name the file of deployments; its lock is found beside it")),
        false => Ok(file.with_extension(ENDING)),
    }
}

impl Lock {
    /// A lock of these.
    pub fn of(pins: BTreeMap<PluginId, Pin>) -> Self {
        Self { pins: pins.into_values().collect() }
    }

    /// Reads a lock; one that nobody has written is empty.
    pub fn read(path: &Path) -> Result<Self> {
        let at = |error: String| Failure::of(format!("{}: {error}", path.display()));
        match fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).map_err(|error| {
                at(error.to_string()).remedy("take it back from version control, or remove it")
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(at(error.to_string())),
        }
    }

    /// Writes it, whole or not at all.
    pub fn write(&self, path: &Path) -> Result {
        let text = toml::to_string(self).map_err(|error| Failure::of(error.to_string()))?;
        let draft = path.with_extension("lock-draft");
        let written = fs::write(&draft, format!("{HEAD}{text}")).and_then(|()| fs::rename(&draft, path));
        written.map_err(|error| Failure::of(format!("{}: {error}", path.display())))
    }

    /// What it holds of a plugin, as long as that satisfies what is asked for.
    pub fn pin(&self, requirement: &Requirement) -> Option<&Pin> {
        self.pins
            .iter()
            .find(|pin| pin.release.plugin == requirement.plugin && requirement.matches(&pin.release.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_holds_a_release_as_long_as_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = beside(&folder.path().join("deployments.toml")).unwrap();
        assert!(path.ends_with("deployments.lock") && beside(&path).is_err());
        assert_eq!(Lock::read(&path).unwrap(), Lock::default());
        let pin = Pin { release: "acme:x@1.2.0".parse().unwrap(), component: Digest::of("component") };
        let lock = Lock::of([(pin.release.plugin.clone(), pin.clone())].into());
        lock.write(&path).unwrap();
        assert_eq!(Lock::read(&path).unwrap(), lock);
        let held = |requirement: &str| lock.pin(&requirement.parse().unwrap());
        assert_eq!((held("acme:x@^1"), held("acme:x")), (Some(&pin), Some(&pin)));
        assert_eq!((held("acme:x@^2"), held("acme:y")), (None, None));
        fs::write(&path, "[[plugin]]\nrelease = 'acme'\n").unwrap();
        assert!(Lock::read(&path).unwrap_err().detail().contains("deployments.lock"));
    }
}
