//! A host: its rooms, opened and put together in one data directory.

use std::fs::{File, TryLockError};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chandlery_package::wire::host::{HostAccount, Locked, NewHostAccount, NewInstall};
use chandlery_package::{Digest, Manifest};
use chandlery_sandbox::{Limits, Sandbox, Worker};
use chandlery_tasks::Supervisor;

use crate::db::Db;
use crate::deployments::Deployments;
use crate::engines::{self, EngineContext, Isolate, Isolation};
use crate::error::Error;
use crate::installs::{self, Installs, Progress, RegistryClient, Trust};
use crate::integrations::Integrations;
use crate::licence::Licences;
use crate::metering::Reporter;
use crate::models::Models;
use crate::owner::{self, Kept, Owner};
use crate::rules::Rules;
use crate::secrets::Secrets;
use crate::site::Site;
use crate::system;
use crate::targets::Targets;
use crate::tasks::Loops;
use crate::users::{self, FirstToken, SignIn, Users};

/// How a host is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it keeps everything.
    pub data: PathBuf,
    /// The registry that plugins come from and usage goes to.
    pub registry: Option<String>,
    /// The registry's account that the host belongs to, by its token; none: whoever claims it.
    pub registry_token: Option<String>,
    /// What the host asks of the registry's log before it believes it.
    pub trust: Trust,
    /// How often usage is metered and sent.
    pub meter_every: Duration,
    /// How often the registry's log is read for withdrawals and revocations.
    pub follow_every: Duration,
    /// Who compiles plugins.
    pub worker: Worker,
    /// What a plugin may use.
    pub limits: Limits,
    /// Where the ports of deployments are reached that the host forwards requests to.
    pub expose: IpAddr,
    /// Whether the programs of plans are kept from the data directory and from `hidden`.
    pub isolate: Isolate,
    /// Folders and files beside the data directory that hold secrets of whoever runs the host.
    pub hidden: Vec<PathBuf>,
    /// How users sign in, beside tokens.
    pub sign_in: SignIn,
}

/// A running host, shared by all requests.
#[derive(Clone)]
pub struct Host {
    pub(crate) db: Db,
    pub(crate) users: Users,
    pub(crate) site: Site,
    registry: Option<RegistryClient>,
    reporter: Option<Reporter>,
    pub(crate) sandbox: Sandbox,
    pub(crate) installs: Installs,
    pub(crate) secrets: Secrets,
    pub(crate) models: Models,
    pub(crate) targets: Targets,
    licences: Licences,
    owner: Option<Owner>,
    pub(crate) deployments: Deployments,
    pub(crate) integrations: Integrations,
    pub(crate) tasks: Supervisor,
    /// Held for as long as the host lives, so that no other one uses its data directory.
    _in_use: Arc<File>,
}

impl Host {
    /// Opens a host in its data directory, making what is not there yet. The token of its first admin is in the file
    /// `host.token`.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        let data = &settings.data;
        create_private_dir(data)?;
        // Replicas are told paths below it, and run elsewhere.
        let data = &data.canonicalize().map_err(system::Error::io(data.display().to_string()))?;
        let in_use = must_be_alone(&data.join("host.in-use"))?;
        let db = Db::open(&data.join("host.db")).await?;
        let sandbox = Sandbox::new(&data.join("compiled"), settings.limits.clone(), settings.worker.clone())
            .map_err(|error| system::Error::Damaged(format!("the sandbox could not be made: {error:#}")))?;
        let rules = Rules::new(db.clone(), settings.trust.quorum.threshold > 0);
        let installs = Installs::open(data, sandbox.clone(), settings.trust.clone(), rules)?;
        let owner_path = data.join(owner::FILE_NAME);
        let (registry, kept) = open_registry(settings, &owner_path)?;
        let secrets = Secrets::open(db.clone(), &data.join("secrets.key"))?;
        let models = Models::new(db.clone());
        let first = FirstToken::read_or_make(&data.join("host.token"))?;
        let token = Digest::of(&*first.text());
        let site = Site::at(settings.sign_in.url.as_deref()).map_err(users::Error::Invalid)?;
        let sign_in = SignIn { url: site.told().map(str::to_owned), ..settings.sign_in.clone() };
        let users = Users::new(db.clone(), first, sign_in)?;
        let hidden = settings.hidden.iter().chain([data]).cloned().collect();
        let context = EngineContext {
            isolation: Isolation::find(settings.isolate, hidden)?,
            data: data.clone(),
            host_id: engines::local::host_id(data)?,
            expose: settings.expose,
            token,
        };
        let targets = Targets::open(db.clone(), secrets.clone(), context).await?;
        let host_id = engines::local::host_id(data)?;
        let reporter = registry.clone().map(|registry| {
            Reporter::open(db.pool().clone(), registry, host_id.clone(), &data.join("usage.key"))
        });
        let reporter = reporter.transpose()?;
        let licences =
            Licences::new(db.clone(), installs.clone(), registry.clone(), reporter.clone(), host_id);
        let owner = registry.clone().zip(reporter.clone()).map(|(registry, reporter)| {
            let fixed = settings.registry_token.is_some();
            Owner::new((registry, reporter, licences.clone()), owner_path, fixed, kept)
        });
        let deployments = Deployments::new(
            db.clone(),
            sandbox.clone(),
            installs.clone(),
            secrets.clone(),
            models.clone(),
            targets.clone(),
            licences.clone(),
        );
        let integrations = Integrations::new(
            db.clone(),
            sandbox.clone(),
            installs.clone(),
            secrets.clone(),
            deployments.clone(),
        );
        Ok(Self {
            sandbox,
            secrets,
            models,
            targets,
            licences,
            owner,
            deployments,
            integrations,
            tasks: Supervisor::default(),
            users,
            site,
            _in_use: Arc::new(in_use),
            registry,
            reporter,
            installs,
            db,
        })
    }

    /// What an installed plugin says of itself.
    pub(crate) async fn manifest(&self, name: &str) -> Result<Arc<Manifest>, Error> {
        let locked = self.installs.find(name).await?;
        Ok(self.installs.plugin(&locked).await?.manifest)
    }

    /// Installs a release; where a digest was shown to whoever agrees, nothing but that component.
    pub(crate) async fn install(
        &self,
        registry: &RegistryClient,
        new: &NewInstall,
        shown: Option<Digest>,
        progress: Progress<'_>,
    ) -> Result<Locked, Error> {
        let locked = self.installs.install(registry, new, shown, progress).await?;
        if locked.price.is_some() {
            // From now on it can be deployed without the registry, too.
            self.deployments.renew_licence().await?;
        }
        Ok(locked)
    }

    /// Takes a plugin out of use, with its settings and what it kept. One that something is deployed of stays.
    pub(crate) async fn uninstall(&self, name: &str) -> Result<Locked, Error> {
        let plugin = self.installs.find(name).await?.release.plugin;
        let _idle = self.integrations.turn(&plugin).await;
        let held = self.installs.hold().await;
        let installed = held.list()?.into_iter().find(|locked| locked.release.plugin == plugin);
        let locked = installed.ok_or_else(|| installs::Error::NotInstalled(name.into()))?;
        let deployments = self.deployments.of(&plugin).await?;
        if !deployments.is_empty() {
            return Err(Error::Deployed { release: locked.release, deployments });
        }
        held.uninstall(&plugin).await?;
        self.integrations.forget(&plugin).await?;
        Ok(locked)
    }

    /// Starts what goes on beside requests.
    pub(crate) fn start(&self, settings: &Settings) {
        let loops = Loops {
            db: self.db.pool().clone(),
            registry: self.registry.clone(),
            reporter: self.reporter.clone(),
            installs: self.installs.clone(),
            licences: self.licences.clone(),
            deployments: self.deployments.clone(),
            integrations: self.integrations.clone(),
            meter_every: settings.meter_every,
            follow_every: settings.follow_every,
        };
        loops.start(&self.tasks);
    }

    pub(crate) fn registry(&self) -> Result<RegistryClient, Error> {
        self.registry.clone().ok_or(Error::NoRegistry)
    }

    /// Whose the host is.
    pub async fn account(&self) -> Result<HostAccount, Error> {
        match &self.owner {
            Some(owner) => Ok(owner.show().await?),
            None => Ok(HostAccount { registry: None, account: None, fixed: true }),
        }
    }

    /// Says in the log whose the host is and, while it is nobody's, how it is claimed.
    pub async fn announce_owner(&self) {
        if let Some(owner) = &self.owner {
            owner.announce().await;
        }
    }

    /// Lets the host belong to the account of a token.
    pub(crate) async fn claim(&self, new: NewHostAccount) -> Result<HostAccount, Error> {
        let owner = self.owner.clone().ok_or(Error::NoRegistry)?;
        let here = self.deployments.count().await?;
        // It is gone through with or taken back, whether or not somebody still waits: the host speaks by the token meanwhile.
        let claimed = tokio::spawn(async move { owner.claim(new, here).await });
        Ok(claimed.await.map_err(|error| system::Error::Damaged(error.to_string()))??)
    }
}

/// A client of the registry, with the token that was named or, where none was, the one that was kept for it.
fn open_registry(settings: &Settings, kept: &Path) -> Result<(Option<RegistryClient>, Option<Kept>), Error> {
    let Some(url) = &settings.registry else { return Ok((None, None)) };
    let client = RegistryClient::new(url, settings.registry_token.clone())?;
    if client.has_account() {
        return Ok((Some(client), None));
    }
    let kept = Kept::read(kept, client.url())?;
    client.show(kept.as_ref().map(|kept| kept.token.clone()));
    Ok((Some(client), kept))
}

/// Two hosts with one data directory would undo each other's work. The system gives the lock back when a host dies.
fn must_be_alone(path: &Path) -> Result<File, Error> {
    let file = File::create(path).map_err(system::Error::io(path.display().to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(path.display().to_string())),
        Err(TryLockError::Error(error)) => {
            Err(system::Error::Io { what: path.display().to_string(), error }.into())
        }
    }
}

fn create_private_dir(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    Ok(made.map_err(system::Error::io(path.display().to_string()))?)
}
