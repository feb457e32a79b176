//! What is installed: releases whose whole chain of trust was checked, written to `chandlery.lock`.

mod advice;
mod advisories;
mod audit;
mod chain;
mod choose;
mod consent;
mod distrust;
mod error;
mod follow;
mod install;
mod lock;
mod origin;
mod price;
mod progress;
mod refusal;
mod registry;
mod ruled;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chandlery_package::log::Objection;
use chandlery_package::wire::host::Locked;
use chandlery_package::{Component, Digest, Kind, Permission, PluginId, Release};
use tokio::sync::{Mutex, MutexGuard};

use crate::rules::Rules;
use crate::system::{self, blocking};
use advisories::Advisories;
use chandlery_sandbox::{Plugin, Sandbox};
use follow::Followed;
use progress::pass;

pub use audit::{Audit, audit, audit_heads, usage_roots};
pub use chain::Trust;
pub use consent::{meters_in_words, permissions_in_words};
pub use distrust::Distrust;
pub use error::{Error, Refusal, RegistryError};
pub(crate) use error::{ORDER_NEEDED, kinds};
pub use install::Prospect;
use lock::LockFile;
pub use lock::{Lock, RegistryPin};
pub(crate) use origin::Origin;
pub use progress::Progress;
pub use registry::RegistryClient;

/// The installed plugins of a host.
#[derive(Clone)]
pub struct Installs {
    components: PathBuf,
    lock: LockFile,
    sandbox: Sandbox,
    trust: Arc<Trust>,
    rules: Rules,
    followed: Followed,
    advisories: Advisories,
    /// Held while the registry is asked: one installation, verification or reading of the log at a time, so that what
    /// is remembered of the log only grows.
    asking: Arc<Mutex<()>>,
    /// Held while the lock file is changed; reading it needs nothing, since it is replaced whole.
    changing: Arc<Mutex<()>>,
}

impl Installs {
    /// The plugins installed in this data directory, by a host that believes a log on these terms and has these rules.
    pub(crate) fn open(data: &Path, sandbox: Sandbox, trust: Trust, rules: Rules) -> Result<Self, Error> {
        let components = data.join("components");
        std::fs::create_dir_all(&components).map_err(system::Error::io(components.display().to_string()))?;
        let lock = LockFile::open(data.join("chandlery.lock"));
        let followed = Followed::open(data.join("log"))?;
        let advisories = Advisories::open(data.join("advisories"))?;
        // Whoever asks for something is told of a lock that cannot be read.
        if let Ok(known) = lock.read() {
            followed.adopt(&known.registries)?;
        }
        Ok(Self {
            components,
            lock,
            sandbox,
            trust: Arc::new(trust),
            rules,
            followed,
            advisories,
            asking: Arc::default(),
            changing: Arc::default(),
        })
    }

    /// Opens a registry's log where it continues what was seen of it, and takes in what is new there.
    async fn open_log<'a>(
        &self,
        client: &'a RegistryClient,
        lock: &Lock,
        progress: Progress<'_>,
    ) -> Result<chain::Log<'a>, Error> {
        let key = lock.pin(client.url()).map(|pin| pin.log_key.as_str());
        let mut log = chain::open_log(client, key, &self.trust.quorum, progress).await?;
        // A log is the same wherever it is found.
        if let Some(pin) = lock.pin_of(log.key()) {
            let size = log.continues(pin).await?;
            pass(progress, "history kept", format!("the {size} entries seen before are unchanged"));
        }
        self.followed.catch_up(&mut log).await?;
        log.must_be_new(&self.trust)?;
        if let Some(at) = log.seen(&self.trust.quorum) {
            let (log_key, size) = (log.key().to_owned(), log.size());
            self.rules.saw(&log_key, size, at).await?;
        }
        Ok(log)
    }

    /// The key of a registry's log, as it was pinned at first sight; none: it was not seen yet.
    pub async fn log_key(&self, url: &str) -> Result<Option<String>, Error> {
        Ok(self.read()?.pin(url).map(|pin| pin.log_key.clone()))
    }

    /// Takes in what a registry's log says by now, and tells of what is installed and not to be run any more.
    pub async fn follow(&self, client: &RegistryClient) -> Result<(), Error> {
        let _held = self.asking.lock().await;
        let lock = self.read()?;
        if lock.pin(client.url()).is_none() {
            return Ok(());
        }
        let log = self.open_log(client, &lock, &|_| ()).await;
        // What an old log says is known by now, too.
        for locked in &lock.plugins {
            if let Some(objection) = self.followed.objection(&locked.log_key, &locked.release)? {
                tracing::warn!(release = %locked.release, %objection, "installed, and not to be run");
            }
        }
        let log = log?;
        self.learn_advisories(client, log.key(), &lock).await?;
        let pin = log.pin();
        self.change(|lock| {
            lock.put(pin, None);
            Ok(())
        })
        .await
    }

    /// Why a release is not to be run, as far as the logs of the registries in use were followed; none: nothing is known
    /// against it.
    pub async fn objection(&self, release: &Release) -> Result<Option<Objection>, Error> {
        let lock = self.read()?;
        // Of what is installed, its own log has the say.
        let installed = lock.plugins.iter().find(|locked| locked.release.plugin == release.plugin);
        let of = installed.map(|locked| &locked.log_key);
        for pin in lock.registries.iter().filter(|pin| of.is_none_or(|of| *of == pin.log_key)) {
            if let Some(objection) = self.followed.objection(&pin.log_key, release)? {
                return Ok(Some(objection));
            }
        }
        Ok(None)
    }

    fn must_be_sound(&self, Locked { log_key, release, .. }: &Locked) -> Result<(), Error> {
        match self.followed.objection(log_key, release)? {
            Some(objection) => Err(Error::objection(release, objection)),
            None => Ok(()),
        }
    }

    /// Refuses a release that is not to be run.
    pub async fn must_be_without_objection(&self, release: &Release) -> Result<(), Error> {
        match self.objection(release).await? {
            Some(objection) => Err(Error::objection(release, objection)),
            None => Ok(()),
        }
    }

    /// Everything that is installed.
    pub async fn list(&self) -> Result<Vec<Locked>, Error> {
        Ok(self.read()?.plugins.clone())
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

    /// The same, refused where it is of another kind than is needed.
    pub async fn find_of(&self, needed: Kind, name: &str) -> Result<Locked, Error> {
        let locked = self.find(name).await?;
        match locked.kind {
            is if is == needed => Ok(locked),
            is => Err(Error::OtherKind { release: locked.release, is, needed }),
        }
    }

    /// A component that was installed once, whether or not it still is.
    pub(crate) async fn stored(
        &self,
        release: &Release,
        digest: Digest,
    ) -> Result<(Component, Vec<u8>), Error> {
        let (path, release) = (self.component_path(digest), release.clone());
        blocking(move || read_component(&path, &release, digest)).await
    }

    /// Everything of a kind that is installed, by name.
    pub async fn of_kind(&self, kind: Kind) -> Result<Vec<Locked>, Error> {
        Ok(self.list().await?.into_iter().filter(|locked| locked.kind == kind).collect())
    }

    /// The integrations that are installed.
    pub(crate) fn integrations(&self) -> Result<Vec<PluginId>, Error> {
        let lock = self.read()?;
        let integrations = lock.plugins.iter().filter(|locked| locked.kind == Kind::Integration);
        Ok(integrations.map(|locked| locked.release.plugin.clone()).collect())
    }

    /// The rules of this host.
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Keeps what is installed as it is, until this is dropped.
    pub(crate) async fn hold(&self) -> Held<'_> {
        Held { installs: self, _held: self.changing.lock().await }
    }

    /// Takes a permission from a plugin, or gives it back one that it asks for.
    pub async fn set_permission(
        &self,
        name: &str,
        permission: &Permission,
        granted: bool,
    ) -> Result<Locked, Error> {
        let release = self.find(name).await?.release;
        if granted {
            self.rules.must_allow(&release, &[permission.clone()].into()).await?;
        }
        let plugin = release.plugin;
        self.change(|lock| {
            let found = lock.plugins.iter_mut().find(|locked| locked.release.plugin == plugin);
            let locked = found.ok_or_else(|| Error::NotInstalled(name.into()))?;
            let (from, to) = match granted {
                true => (&mut locked.revoked, &mut locked.permissions),
                false => (&mut locked.permissions, &mut locked.revoked),
            };
            if from.take(permission).is_none() && !to.contains(permission) {
                let (release, permission) = (locked.release.clone(), permission.clone());
                return Err(Error::NotAsked { release, permission });
            }
            to.insert(permission.clone());
            Ok(locked.clone())
        })
        .await
    }

    fn read(&self) -> Result<Arc<Lock>, Error> {
        self.lock.read()
    }

    /// Changes the lock, or leaves it as it is where that fails.
    async fn change<T>(&self, change: impl FnOnce(&mut Lock) -> Result<T, Error>) -> Result<T, Error> {
        let _held = self.changing.lock().await;
        let mut lock = Lock::clone(&*self.read()?);
        let changed = change(&mut lock)?;
        self.lock.write(&lock).await?;
        Ok(changed)
    }

    /// Compiles what is installed and not compiled yet, as after an update of this program.
    pub async fn compile_all(&self) -> Result<(), Error> {
        for locked in self.list().await? {
            if !self.sandbox.is_compiled(locked.component) {
                tracing::info!(release = %locked.release, "compiling for this version of chandlery");
                self.plugin(&locked).await?;
            }
        }
        Ok(())
    }

    /// What is installed, compiled: from memory, or from the stored bytes, which are checked against the lock.
    pub async fn plugin(&self, locked: &Locked) -> Result<Plugin, Error> {
        self.must_be_sound(locked)?;
        if let Some(plugin) = self.sandbox.loaded(locked.component) {
            return Ok(plugin);
        }
        let (sandbox, path) = (self.sandbox.clone(), self.component_path(locked.component));
        let (release, expected) = (locked.release.clone(), locked.component);
        blocking(move || {
            let (component, bytes) = read_component(&path, &release, expected)?;
            Ok(sandbox.load(&component, &bytes)?)
        })
        .await
    }

    /// Checks the whole chain of everything that is installed again, against the registry as it is now.
    pub async fn verify(
        &self,
        client: &RegistryClient,
        progress: Progress<'_>,
    ) -> Result<Vec<Release>, Error> {
        let _held = self.asking.lock().await;
        let lock = self.read()?;
        let mut log = self.open_log(client, &lock, progress).await?;
        let history = self.followed.history(log.key())?;
        let mut verified = Vec::new();
        for locked in &lock.plugins {
            log.must_be_of(locked)?;
            self.must_be_sound(locked)?;
            let path = self.component_path(locked.component);
            let (release, expected) = (locked.release.clone(), locked.component);
            blocking(move || read_component(&path, &release, expected)).await?;
            pass(progress, "stored component", locked.component.to_string());
            let record = choose::record(client, &history, &locked.release).await?;
            chain::vouch(&mut log, &record, progress).await?;
            self.learn_age(&mut log, &history, &locked.release).await?;
            if record.component != locked.component {
                let (expected, found) = (locked.component, record.component);
                return Err(Distrust::DigestMismatch { expected, found }.into());
            }
            match chain::fetch(client, self.sandbox.worker(), &record, progress).await {
                // What is stored is what the log says.
                Err(error) if record.price.is_some() && error.is_about_an_order() => {
                    pass(progress, "content", "it costs something, and is not to be had again".into());
                }
                fetched => drop(fetched?),
            }
            verified.push(locked.release.clone());
        }
        let pin = log.pin();
        self.change(|lock| {
            lock.put(pin, None);
            Ok(())
        })
        .await?;
        Ok(verified)
    }

    fn component_path(&self, digest: Digest) -> PathBuf {
        self.components.join(format!("{}.wasm", digest.hex()))
    }
}

/// What is installed, which nothing but this changes as long as it is there.
pub(crate) struct Held<'a> {
    installs: &'a Installs,
    _held: MutexGuard<'a, ()>,
}

impl Held<'_> {
    /// Everything that is installed.
    pub fn list(&self) -> Result<Vec<Locked>, Error> {
        Ok(self.installs.read()?.plugins.clone())
    }

    /// The integrations that are installed.
    pub fn integrations(&self) -> Result<Vec<PluginId>, Error> {
        self.installs.integrations()
    }

    /// Takes a plugin out of the lock, whichever release of it is installed. What it left behind is for others to remove.
    pub async fn uninstall(&self, plugin: &PluginId) -> Result<(), Error> {
        let mut lock = Lock::clone(&*self.installs.read()?);
        lock.plugins.retain(|locked| locked.release.plugin != *plugin);
        self.installs.lock.write(&lock).await
    }
}

fn read_component(path: &Path, release: &Release, expected: Digest) -> Result<(Component, Vec<u8>), Error> {
    let bytes = std::fs::read(path).map_err(system::Error::io(path.display().to_string()))?;
    let found = Digest::of(&bytes);
    if found != expected {
        return Err(Distrust::DigestMismatch { expected, found }.into());
    }
    match Component::parse(&bytes) {
        Ok(component) => Ok((component, bytes)),
        Err(error) => Err(Distrust::Component { release: release.clone(), error }.into()),
    }
}
