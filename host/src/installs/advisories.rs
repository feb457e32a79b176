//! What advisories say: the log has the digest of each, and the registry shows what has this digest. It is kept beside the log, so
//! that the host knows it without the registry, too.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use chandlery_package::advisory::ADVISORIES_MAX;
use chandlery_package::log::History;
use chandlery_package::wire::Advised;
use chandlery_package::{Advisory, AdvisoryId, Digest, PluginId, Release};

use super::{Distrust, Error, RegistryClient};
use crate::system::{self, blocking, write_whole};

/// What is known of advisories, by the digests that logs have of them.
#[derive(Clone)]
pub(super) struct Advisories {
    folder: PathBuf,
    known: Arc<RwLock<HashMap<Digest, Arc<Advisory>>>>,
}

impl Advisories {
    pub(super) fn open(folder: PathBuf) -> Result<Self, Error> {
        let known = read_all(&folder).map_err(system::Error::io(folder.display().to_string()))?;
        Ok(Self { folder, known: Arc::new(RwLock::new(known)) })
    }

    fn get(&self, digest: Digest) -> Option<Arc<Advisory>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned()
    }

    /// Fetches what is not known yet of what a log's advisories about a plugin say. What the registry does not show is told of in this
    /// host's log, and stays unknown.
    pub(super) async fn fetch(
        &self,
        client: &RegistryClient,
        history: &History,
        plugin: &PluginId,
    ) -> Result<(), Error> {
        for (id, digest) in history.advisories(plugin).take(ADVISORIES_MAX) {
            if self.get(*digest).is_none()
                && let Err(error) = self.fetch_one(client, id, *digest).await
            {
                match error {
                    Error::System(_) => return Err(error),
                    _ => tracing::warn!(%plugin, %id, %error, "what an advisory says is not known here"),
                }
            }
        }
        Ok(())
    }

    async fn fetch_one(&self, client: &RegistryClient, id: &AdvisoryId, digest: Digest) -> Result<(), Error> {
        let bytes = client.advisory(id).await?;
        let found = Digest::of(&bytes);
        if found != digest {
            return Err(Distrust::DigestMismatch { expected: digest, found }.into());
        }
        let advisory = Advisory::parse(&bytes).map_err(|error| client.answer(error.to_string()))?;
        let path = self.path(digest);
        blocking(move || Ok::<_, Error>(write_whole(&path, &bytes)?)).await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(digest, Arc::new(advisory));
        Ok(())
    }

    /// Forgets all but these.
    pub(super) async fn keep(&self, needed: BTreeSet<Digest>) -> Result<(), Error> {
        let gone: Vec<Digest> = {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            let gone = known.keys().filter(|digest| !needed.contains(*digest)).copied().collect();
            known.retain(|digest, _| needed.contains(digest));
            gone
        };
        let paths: Vec<PathBuf> = gone.into_iter().map(|digest| self.path(digest)).collect();
        blocking(move || {
            for path in paths {
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(Error::from(system::Error::io(path.display().to_string())(error)));
                    }
                    _ => {}
                }
            }
            Ok(())
        })
        .await
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{}.json", digest.hex()))
    }

    /// The advisories of a log that are about a release; one of which nobody knows what it says may be.
    pub(super) fn about(&self, history: &History, release: &Release) -> Vec<Advised> {
        let about = history.advisories(&release.plugin).filter_map(|(id, digest)| match self.get(*digest) {
            Some(advisory) => advisory.affects(&release.version).then(|| Advised::of(&advisory)),
            None => Some(Advised {
                id: id.clone(),
                severity: None,
                summary: "the registry's log has it, and the registry does not show what it says".into(),
            }),
        });
        about.collect()
    }
}

/// What was kept, as far as it is what it is called.
fn read_all(folder: &Path) -> std::io::Result<HashMap<Digest, Arc<Advisory>>> {
    std::fs::create_dir_all(folder)?;
    let mut known = HashMap::new();
    for entry in std::fs::read_dir(folder)? {
        let bytes = std::fs::read(entry?.path())?;
        if let Ok(advisory) = Advisory::parse(&bytes) {
            // By what it is, and not by the name of the file.
            known.insert(Digest::of(&bytes), Arc::new(advisory));
        }
    }
    Ok(known)
}
