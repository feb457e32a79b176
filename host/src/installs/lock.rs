//! `chandlery.lock`: what is installed and why it was believed. Plain TOML, to be read, compared and kept.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use chandlery_package::wire::host::Locked;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::system::{self, blocking, write_whole};

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

impl Lock {
    /// Reads the text of the file, whichever version wrote it.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text).map(Self::know_logs)
    }

    /// What is remembered of a registry.
    pub fn pin(&self, url: &str) -> Option<&RegistryPin> {
        self.registries.iter().find(|pin| pin.url == url)
    }

    /// What is remembered of the log with this verifier key, wherever it was.
    pub fn pin_of(&self, log_key: &str) -> Option<&RegistryPin> {
        self.registries.iter().find(|pin| pin.log_key == log_key)
    }

    /// Fills in by which log each plugin was believed, where the file is older than that.
    fn know_logs(mut self) -> Self {
        for locked in self.plugins.iter_mut().filter(|locked| locked.log_key.is_empty()) {
            let pin = self.registries.iter().find(|pin| pin.url == locked.registry);
            locked.log_key = pin.map(|pin| pin.log_key.clone()).unwrap_or_default();
        }
        self
    }

    /// Replaces what is said of an installed release.
    pub fn put_plugin(&mut self, locked: Locked) {
        self.plugins.retain(|known| known.release.plugin != locked.release.plugin);
        self.plugins.push(locked);
        self.plugins.sort_by(|a, b| a.release.cmp(&b.release));
    }

    /// Puts the pin in the place of the log's former one, and a release in that of the plugin's.
    pub fn put(&mut self, pin: RegistryPin, locked: Option<Locked>) {
        self.registries.retain(|known| known.url != pin.url && known.log_key != pin.log_key);
        self.registries.push(pin);
        if let Some(locked) = locked {
            self.put_plugin(locked);
        }
    }
}

/// The file, read once and remembered for as long as it stays as it was: whoever replaces or edits it is noticed.
#[derive(Clone)]
pub(super) struct LockFile {
    path: Arc<Path>,
    known: Arc<RwLock<Option<Known>>>,
}

/// The state of the file when it was read, and what it said then.
type Known = (Stamp, Arc<Lock>);

/// What tells one state of the file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            bytes: metadata.len(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl LockFile {
    pub(super) fn open(path: PathBuf) -> Self {
        Self { path: path.into(), known: Arc::default() }
    }

    /// What the file says; an empty lock, where there is none. It is small, and mostly only its state is looked at.
    pub(super) fn read(&self) -> Result<Arc<Lock>, Error> {
        let now = self.path.metadata().map(|metadata| Stamp::of(&metadata));
        if let (Some((stamp, lock)), Ok(now)) =
            (&*self.known.read().unwrap_or_else(PoisonError::into_inner), &now)
            && stamp == now
        {
            return Ok(Arc::clone(lock));
        }
        let mut text = String::new();
        let read = File::open(&self.path).and_then(|mut file| {
            let stamp = Stamp::of(&file.metadata()?);
            file.read_to_string(&mut text).map(|_| stamp)
        });
        let stamp = match read {
            Ok(stamp) => stamp,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Arc::default()),
            Err(error) => return Err(self.damaged(error.to_string())),
        };
        let lock = Lock::parse(&text).map_err(|error| self.damaged(error.to_string()))?;
        let lock = Arc::new(lock);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some((stamp, Arc::clone(&lock)));
        Ok(lock)
    }

    /// Replaces the file, whole or not at all.
    pub(super) async fn write(&self, lock: &Lock) -> Result<(), Error> {
        let text = toml::to_string_pretty(lock).map_err(|error| system::Error::Damaged(error.to_string()))?;
        let text =
            format!("# What is installed here, and why it was believed. Written by chandlery.\n\n{text}");
        let path = Arc::clone(&self.path);
        blocking(move || Ok(write_whole(&path, text.as_bytes())?)).await
    }

    fn damaged(&self, reason: String) -> Error {
        Error::Lock { path: self.path.display().to_string(), reason }
    }
}

#[cfg(test)]
mod tests {
    use chandlery_package::{Digest, PrivateKey};

    use super::*;

    /// As it was written before a log was known by its key.
    #[test]
    fn an_older_file_learns_of_the_logs() {
        let digest = Digest::of("x");
        let plugin = |name: &str, url: &str| {
            format!(
                "[[plugin]]\nrelease = \"acme:{name}@1.0.0\"\nregistry = \"{url}\"\ncomponent = \"{digest}\"\n\
                 artifact = \"{digest}\"\nkey = '''\n{}'''\nkey_log_index = 0\nlog_index = 1\nkind = \"template\"\n\
                 installed_at = \"2026-01-01T00:00:00Z\"\n\n",
                PrivateKey::generate().public()
            )
        };
        let pin = "[[registry]]\nurl = \"http://a\"\nlog_key = \"log+1+k\"\ncheckpoint = \"c\"\n\n";
        let text = format!("{pin}{}{}", plugin("one", "http://a"), plugin("two", "http://b"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chandlery.lock");
        std::fs::write(&path, text).unwrap();
        let mut lock = Lock::clone(&*LockFile::open(path).read().unwrap());
        let keys: Vec<_> = lock.plugins.iter().map(|locked| locked.log_key.as_str()).collect();
        assert_eq!(keys, ["log+1+k", ""]);
        // A log that is found elsewhere is the same log.
        let moved = RegistryPin { url: "http://c".into(), log_key: "log+1+k".into(), checkpoint: "d".into() };
        lock.put(moved.clone(), None);
        assert_eq!((lock.pin("http://a"), lock.pin_of("log+1+k")), (None, Some(&moved)));
    }

    #[tokio::test]
    async fn the_file_is_read_again_when_it_was_changed_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chandlery.lock");
        let file = LockFile::open(path.clone());
        assert_eq!(*file.read().unwrap(), Lock::default());
        let pin = |url: &str| RegistryPin { url: url.into(), log_key: "k".into(), checkpoint: "c".into() };
        let lock = |url| Lock { registries: vec![pin(url)], plugins: Vec::new() };
        file.write(&lock("a")).await.unwrap();
        let first = file.read().unwrap();
        assert_eq!(*first, lock("a"));
        assert!(Arc::ptr_eq(&first, &file.read().unwrap()), "it was remembered");
        // By this host, by a copy that is put back, by an editor that writes into the same file.
        file.write(&lock("b")).await.unwrap();
        assert_eq!(*file.read().unwrap(), lock("b"));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(folder.path().join("copy"), text.replace("\"b\"", "\"c\"")).unwrap();
        std::fs::rename(folder.path().join("copy"), &path).unwrap();
        assert_eq!(*file.read().unwrap(), lock("c"));
        std::fs::write(&path, text.replace("\"b\"", "\"longer\"")).unwrap();
        assert_eq!(*file.read().unwrap(), lock("longer"));
        std::fs::write(&path, "registry = 1").unwrap();
        assert!(matches!(file.read(), Err(Error::Lock { .. })));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(*file.read().unwrap(), Lock::default());
    }
}
