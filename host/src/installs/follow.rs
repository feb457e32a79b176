//! Following a registry's log: every entry, each proved to be in it, is kept beside the lock. From them the host knows by
//! itself what was withdrawn and which keys were revoked; the catalog cannot keep it silent.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use chandlery_package::log::{Entry, History, Objection};
use chandlery_package::{Digest, Release};

use super::chain::Log;
use super::{Error, RegistryPin};
use crate::system::{self, blocking, write_whole};

/// What is known of all logs, by their verifier keys.
#[derive(Clone)]
pub(super) struct Followed {
    folder: PathBuf,
    histories: Arc<RwLock<HashMap<String, History>>>,
}

impl Followed {
    pub(super) fn open(folder: PathBuf) -> Result<Self, Error> {
        std::fs::create_dir_all(&folder).map_err(system::Error::io(folder.display().to_string()))?;
        Ok(Self { folder, histories: Arc::default() })
    }

    fn path(&self, log_key: &str) -> PathBuf {
        self.folder.join(format!("{}.jsonl", Digest::of(log_key).hex()))
    }

    /// Takes over what was kept by the address of a registry, before a log was known by its key.
    pub(super) fn adopt(&self, pins: &[RegistryPin]) -> Result<(), Error> {
        for RegistryPin { url, log_key, .. } in pins {
            let (old, new) = (self.path(url), self.path(log_key));
            if old.exists() && !new.exists() {
                std::fs::rename(&old, new).map_err(system::Error::io(old.display().to_string()))?;
            }
        }
        Ok(())
    }

    /// Takes in what the log says beyond what is known.
    pub(super) async fn catch_up(&self, log: &mut Log<'_>) -> Result<(), Error> {
        let log_key = log.key().to_owned();
        let path = self.path(&log_key);
        let mut history = self.history(&log_key)?;
        let entries = log.entries_from(history.size).await?;
        if entries.is_empty() {
            return Ok(());
        }
        for bytes in &entries {
            let index = history.size;
            // What an honest log would not say is for its auditors; it changes nothing here.
            match Entry::parse(index, bytes) {
                Ok(entry) => {
                    if let Err(fault) = history.apply(&entry) {
                        tracing::warn!(log = log_key, %fault, "the log is faulty");
                    }
                }
                Err(error) => {
                    history.size += 1;
                    tracing::warn!(log = log_key, %error, "the log says something that this host does not know");
                }
            }
        }
        blocking(move || {
            Ok::<_, Error>(append(&path, &entries).map_err(system::Error::io(path.display().to_string()))?)
        })
        .await?;
        self.histories.write().unwrap_or_else(PoisonError::into_inner).insert(log_key, history);
        Ok(())
    }

    /// What is known of a log.
    pub(super) fn history(&self, log_key: &str) -> Result<History, Error> {
        if let Some(known) = self.histories.read().unwrap_or_else(PoisonError::into_inner).get(log_key) {
            return Ok(known.clone());
        }
        let path = self.path(log_key);
        let mut history = History::default();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(system::Error::io(path.display().to_string())(error).into()),
        };
        // A line without an end was being written when the host died: it is fetched again.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        if whole.len() + 1 < text.len() {
            write_whole(&path, format!("{whole}\n").as_bytes())?;
        }
        for line in whole.lines() {
            match Entry::parse(history.size, line.as_bytes()) {
                Ok(entry) => drop(history.apply(&entry)),
                Err(_) => history.size += 1,
            }
        }
        let mut histories = self.histories.write().unwrap_or_else(PoisonError::into_inner);
        histories.insert(log_key.to_owned(), history.clone());
        Ok(history)
    }

    /// What somebody asks of all that is known of a log.
    pub(super) fn ask<T>(&self, log_key: &str, question: impl FnOnce(&History) -> T) -> Result<T, Error> {
        if let Some(known) = self.histories.read().unwrap_or_else(PoisonError::into_inner).get(log_key) {
            return Ok(question(known));
        }
        Ok(question(&self.history(log_key)?))
    }

    /// Why a release that a log tells of is not to be run; none: nothing is known against it.
    pub(super) fn objection(&self, log_key: &str, release: &Release) -> Result<Option<Objection>, Error> {
        self.ask(log_key, |history| history.objection(release))
    }
}

fn append(path: &Path, entries: &[Vec<u8>]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    let mut lines = Vec::new();
    for entry in entries {
        // Entries are JSON texts, which have no line breaks of their own; what has is not one, and only counts.
        let broken = entry.contains(&b'\n');
        lines.extend_from_slice(if broken { b"null" } else { entry });
        lines.push(b'\n');
    }
    file.write_all(&lines)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_by_an_address_is_kept_by_the_key_of_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Followed::open(folder.path().into()).unwrap();
        let pin = RegistryPin { url: "http://a".into(), log_key: "log+1+k".into(), checkpoint: "c".into() };
        append(&open().path(&pin.url), &[b"null".to_vec()]).unwrap();
        for _ in 0..2 {
            let followed = open();
            followed.adopt(std::slice::from_ref(&pin)).unwrap();
            assert_eq!(followed.history(&pin.log_key).unwrap().size, 1);
            assert_eq!(followed.history(&pin.url).unwrap().size, 0);
        }
    }
}
