//! What is installed: releases whose whole chain of trust was checked, written to `chandlery.lock`.

mod chain;
mod lock;
mod registry;

use std::path::PathBuf;
use std::sync::Arc;

use chandlery_package::component::allowed_imports;
use chandlery_package::wire::ReleaseRecord;
use chandlery_package::{Component, Digest, PluginId, Release, Requirement};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::Error;
use crate::sandbox::{Sandbox, Template};

pub use lock::{Lock, Locked, RegistryPin};
pub use registry::RegistryClient;

/// One check that was passed on the way, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// What was checked.
    pub check: String,
    /// What was found.
    pub found: String,
}

/// Told of every check as it is passed.
pub type Progress<'a> = &'a (dyn Fn(Passed) + Sync);

/// The installed plugins of a host.
#[derive(Clone)]
pub struct Installs {
    data: PathBuf,
    sandbox: Sandbox,
    /// Held while the lock file is read, changed and written.
    lock: Arc<Mutex<()>>,
}

impl Installs {
    /// The plugins installed in this data directory.
    pub fn open(data: PathBuf, sandbox: Sandbox) -> Result<Self, Error> {
        let components = data.join("components");
        std::fs::create_dir_all(&components).map_err(Error::system(components.display().to_string()))?;
        Ok(Self { data, sandbox, lock: Arc::default() })
    }

    /// Installs the newest release that satisfies the requirement. Until every check has passed nothing is changed;
    /// then the lock changes at once.
    pub async fn install(
        &self,
        client: &RegistryClient,
        requirement: &Requirement,
        progress: Progress<'_>,
    ) -> Result<Locked, Error> {
        let _held = self.lock.lock().await;
        let mut lock = Lock::read(&self.lock_path())?;
        let mut log = chain::open_log(client, lock.pin(client.url()), progress).await?;
        let record = newest(client.releases(&requirement.plugin).await?, requirement)?;
        let (component, bytes) = chain::prove(&mut log, &record, progress).await?;
        let component = self.load(component, bytes, progress).await?;

        let locked = Locked {
            release: record.release.clone(),
            registry: client.url().to_owned(),
            component: record.component,
            artifact: record.artifact,
            key: record.key,
            key_log_index: record.key_log_index,
            log_index: record.log_index,
            permissions: allowed_imports(component.manifest.kind, &component.manifest.contract)
                .into_iter()
                .filter(|import| component.imports.contains(import))
                .collect(),
            installed_at: Timestamp::now(),
        };
        lock.put(log.pin(), Some(locked.clone()));
        lock.write(&self.lock_path())?;
        Ok(locked)
    }

    /// Compiles the component and stores its bytes. A component that is stored but not locked is never run.
    async fn load(
        &self,
        component: Component,
        bytes: Vec<u8>,
        progress: Progress<'_>,
    ) -> Result<Component, Error> {
        let (sandbox, path) = (self.sandbox.clone(), self.component_path(component.digest));
        let started = std::time::Instant::now();
        let component = blocking(move || {
            sandbox.load(&component, &bytes)?;
            write_whole(&path, &bytes)?;
            Ok(component)
        })
        .await?;
        let found =
            format!("in {} ms; it may {}", started.elapsed().as_millis(), permissions_in_words(&component));
        progress(Passed { check: "compiled".into(), found });
        Ok(component)
    }

    /// Everything that is installed.
    pub async fn list(&self) -> Result<Vec<Locked>, Error> {
        let _held = self.lock.lock().await;
        Ok(Lock::read(&self.lock_path())?.plugins)
    }

    /// What is installed under a full name, or a short one that is not ambiguous.
    pub async fn find(&self, name: &str) -> Result<Locked, Error> {
        let found = self.list().await?;
        let matches = |locked: &&Locked| {
            let plugin = &locked.release.plugin;
            plugin.to_string() == name || plugin.name.as_str() == name || locked.release.to_string() == name
        };
        let found: Vec<_> = found.iter().filter(matches).collect();
        match found.as_slice() {
            [] => Err(Error::NotInstalled(name.into())),
            [one] => Ok((*one).clone()),
            several => {
                let found: Vec<PluginId> =
                    several.iter().map(|locked| locked.release.plugin.clone()).collect();
                Err(Error::Ambiguous { name: name.into(), found })
            }
        }
    }

    /// The component and compiled code of what is installed; the stored bytes are checked against the lock.
    pub async fn template(&self, locked: &Locked) -> Result<(Component, Template), Error> {
        let (sandbox, path) = (self.sandbox.clone(), self.component_path(locked.component));
        let (release, expected) = (locked.release.clone(), locked.component);
        blocking(move || {
            let component = read_component(&path, &release, expected)?;
            let template = match sandbox.loaded(expected) {
                Some(template) => template,
                None => sandbox.load(&component.0, &component.1)?,
            };
            Ok((component.0, template))
        })
        .await
    }

    /// Checks the whole chain of everything that is installed again, against the registry as it is now.
    pub async fn verify(
        &self,
        client: &RegistryClient,
        progress: Progress<'_>,
    ) -> Result<Vec<Release>, Error> {
        let _held = self.lock.lock().await;
        let mut lock = Lock::read(&self.lock_path())?;
        let mut log = chain::open_log(client, lock.pin(client.url()), progress).await?;
        let mut verified = Vec::new();
        for locked in &lock.plugins {
            let path = self.component_path(locked.component);
            let (release, expected) = (locked.release.clone(), locked.component);
            blocking(move || read_component(&path, &release, expected)).await?;
            progress(Passed { check: "stored component".into(), found: locked.component.to_string() });
            let record = client.release(&locked.release).await?;
            let (component, _) = chain::prove(&mut log, &record, progress).await?;
            if component.digest != locked.component {
                return Err(Error::DigestMismatch { expected: locked.component, found: component.digest });
            }
            verified.push(locked.release.clone());
        }
        lock.put(log.pin(), None);
        lock.write(&self.lock_path())?;
        Ok(verified)
    }

    fn lock_path(&self) -> PathBuf {
        self.data.join("chandlery.lock")
    }

    fn component_path(&self, digest: Digest) -> PathBuf {
        self.data.join("components").join(format!("{}.wasm", digest.hex()))
    }
}

fn read_component(
    path: &std::path::Path,
    release: &Release,
    expected: Digest,
) -> Result<(Component, Vec<u8>), Error> {
    let bytes = std::fs::read(path).map_err(Error::system(path.display().to_string()))?;
    let found = Digest::of(&bytes);
    if found != expected {
        return Err(Error::DigestMismatch { expected, found });
    }
    match Component::parse(&bytes) {
        Ok(component) => Ok((component, bytes)),
        Err(error) => Err(Error::Component { release: release.clone(), error }),
    }
}

fn newest(records: Vec<ReleaseRecord>, requirement: &Requirement) -> Result<ReleaseRecord, Error> {
    let published: Vec<_> = records.iter().map(|record| record.release.clone()).collect();
    let fits = |record: &ReleaseRecord| {
        record.release.plugin == requirement.plugin && requirement.matches(&record.release.version)
    };
    let newest = records.into_iter().filter(fits).max_by(|a, b| a.release.version.cmp(&b.release.version));
    newest.ok_or_else(|| Error::NoRelease { requirement: requirement.clone(), published })
}

/// What a plugin may do, for people.
pub fn permissions_in_words(component: &Component) -> &'static str {
    match component.imports.iter().any(|import| import.contains("/logging@")) {
        true => "write to this host's log, and nothing else",
        false => "do nothing but answer",
    }
}

pub(crate) fn write_whole(path: &std::path::Path, bytes: &[u8]) -> Result<(), Error> {
    use std::io::Write as _;
    let directory = path.parent().unwrap_or(std::path::Path::new("."));
    let write = || {
        let mut draft = tempfile::NamedTempFile::new_in(directory)?;
        draft.write_all(bytes)?;
        draft.as_file().sync_all()?;
        draft.persist(path).map(|_| ()).map_err(|error| error.error)
    };
    write().map_err(Error::system(path.display().to_string()))
}

/// Work that blocks, away from the threads that serve requests.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Damaged(error.to_string()))?
}
