//! Installing a release: what it takes, shown before anybody agrees to it, and done once somebody has.

use std::collections::BTreeSet;

use chandlery_package::log::History;
use chandlery_package::wire::host::{Locked, NewInstall, Step};
use chandlery_package::wire::{Advised, Quote, ReleaseRecord};
use chandlery_package::{Component, Digest, Kind, Meter, Offer, Permission, Release, Requirement};
use jiff::Timestamp;

use super::progress::{Progress, pass};
use super::{
    Distrust, Error, Installs, Lock, RegistryClient, advice, chain, choose, consent, meters_in_words,
    permissions_in_words, price,
};
use crate::system::{blocking, write_whole};

/// A release that would be installed, as far as it can be proved before anybody has agreed to it.
#[derive(Debug, Clone)]
pub struct Prospect {
    /// The newest release that satisfies the requirement.
    pub release: Release,
    /// The world of the contract that it implements.
    pub kind: Kind,
    /// A few words.
    pub title: String,
    /// A sentence or two.
    pub description: String,
    /// The digest of its component, as the log has it.
    pub component: Digest,
    /// The digest of the artifact that was signed.
    pub artifact: Digest,
    /// The log's entry of the release.
    pub log_index: u64,
    /// What it asks for: as its manifest says or, where the component was not read, as the registry does.
    pub asks: BTreeSet<Permission>,
    /// What is read of its workloads and reported.
    pub meters: Vec<Meter>,
    /// Whether the component itself was read and checked: one that costs something is not to be had before it is ordered.
    pub is_read: bool,
    /// What is installed of the plugin; none: nothing.
    pub installed: Option<Locked>,
    /// The advisories that are about it.
    pub advised: Vec<Advised>,
    /// What it costs; none: nothing.
    pub offer: Option<Offer>,
    /// What it costs the host's account, where that has not ordered it, or its order does not hold.
    pub quote: Option<Quote>,
}

/// A release that was chosen and proved, all but its content.
struct Chosen<'a> {
    log: chain::Log<'a>,
    record: ReleaseRecord,
    history: History,
    /// The release that it is the fix of, where it does not wait for its age because of that.
    fixes: Option<Release>,
}

impl Installs {
    /// Installs the newest release that satisfies the requirement, if it asks for nothing that nobody has decided
    /// about, now or for a former release, and costs nothing that nobody has agreed to. Where a digest was shown to whoever agrees,
    /// nothing but that component is installed. Until every check has passed nothing is changed; then the lock changes at once.
    pub async fn install(
        &self,
        client: &RegistryClient,
        NewInstall { requirement, consent, acceptance, accept_advisories }: &NewInstall,
        shown: Option<Digest>,
        progress: Progress<'_>,
    ) -> Result<Locked, Error> {
        let _held = self.asking.lock().await;
        let lock = self.read()?;
        let Chosen { log, record, history, fixes } =
            self.choose(client, requirement, &lock, progress).await?;
        if let Some(expected) = shown.filter(|shown| *shown != record.component) {
            return Err(Distrust::DigestMismatch { expected, found: record.component }.into());
        }
        let advised = self.advisories.about(&history, &record.release);
        advice::accepted(&record.release, advised, accept_advisories, progress)?;
        price::must_be_ordered(client, &record, acceptance.as_ref(), progress).await?;
        let (component, bytes) = chain::fetch(client, self.sandbox.worker(), &record, progress).await?;
        self.rules.must_allow(&record.release, &component.manifest.permissions).await?;
        consent::agreed(&component, lock.installed(requirement), consent)?;
        let component = self.load(component, bytes, progress).await?;

        if let Some(fixes) = fixes {
            self.rules.note_fix(log.key(), &record.release, &fixes).await?;
        }
        let pin = log.pin();
        let locked = self
            .change(|lock| {
                // What was granted may have been revoked meanwhile.
                let (permissions, revoked) =
                    consent::agreed(&component, lock.installed(requirement), consent)?;
                let locked = Locked {
                    release: record.release.clone(),
                    registry: client.url().to_owned(),
                    log_key: pin.log_key.clone(),
                    component: record.component,
                    artifact: record.artifact,
                    key: record.key,
                    key_log_index: record.key_log_index,
                    log_index: record.log_index,
                    kind: component.manifest.kind,
                    permissions,
                    revoked,
                    installed_at: Timestamp::now(),
                    price: record.price.as_ref().map(|offer| offer.price.to_string()),
                };
                lock.put(pin, Some(locked.clone()));
                Ok(locked)
            })
            .await?;
        pass(progress, "permissions", permissions_in_words(locked.kind, &locked.permissions));
        if let Some(words) = meters_in_words(&component.manifest.meters) {
            pass(progress, "meters", words);
        }
        Ok(locked)
    }

    /// What would be installed, proved as far as that can be before anybody has agreed to it. Nothing is installed.
    pub async fn look(
        &self,
        client: &RegistryClient,
        requirement: &Requirement,
        progress: Progress<'_>,
    ) -> Result<Prospect, Error> {
        let _held = self.asking.lock().await;
        let lock = self.read()?;
        let Chosen { record, history, .. } = self.choose(client, requirement, &lock, progress).await?;
        let quote = price::quote(client, &record).await?.filter(|quote| !quote.entitled);
        let read = match quote {
            Some(_) => None,
            None => Some(chain::fetch(client, self.sandbox.worker(), &record, progress).await?.0.manifest),
        };
        let manifest = read.as_ref().or(record.manifest.as_ref());
        let asks = manifest.map(|manifest| manifest.permissions.clone()).unwrap_or_default();
        let meters = manifest.map(|manifest| manifest.meters.clone()).unwrap_or_default();
        self.rules.must_allow(&record.release, &asks).await?;
        Ok(Prospect {
            advised: self.advisories.about(&history, &record.release),
            installed: lock.installed(requirement).cloned(),
            kind: read.as_ref().map_or(record.kind, |manifest| manifest.kind),
            is_read: read.is_some(),
            release: record.release,
            title: record.title,
            description: record.description,
            component: record.component,
            artifact: record.artifact,
            log_index: record.log_index,
            offer: record.price,
            asks,
            meters,
            quote,
        })
    }

    /// The newest release that satisfies the requirement, with what the log says of it, where the host's rules let it be installed.
    async fn choose<'a>(
        &self,
        client: &'a RegistryClient,
        requirement: &Requirement,
        lock: &Lock,
        progress: Progress<'_>,
    ) -> Result<Chosen<'a>, Error> {
        let mut log = self.open_log(client, lock, progress).await?;
        let locked = lock.installed(requirement);
        if let Some(locked) = locked {
            log.must_be_of(locked)?;
        }
        let history = self.followed.history(log.key())?;
        let record = choose::choose(client, &history, requirement, locked).await?;
        chain::vouch(&mut log, &record, progress).await?;
        let installed = locked.map(|locked| &locked.release);
        self.learn_age(&mut log, &history, &record.release).await?;
        let fixes = self.must_fit_new((log.key(), &history), &record, installed, progress).await?;
        self.advisories.fetch(client, &history, &requirement.plugin).await?;
        Ok(Chosen { log, record, history, fixes })
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
        progress(Step::Began(format!("compiling {} KiB", bytes.len() >> 10)));
        let component = blocking(move || {
            sandbox.load(&component, &bytes)?;
            write_whole(&path, &bytes)?;
            Ok::<_, Error>(component)
        })
        .await?;
        pass(progress, "compiled", format!("in {} ms", started.elapsed().as_millis()));
        Ok(component)
    }
}

impl Lock {
    /// What is installed of the plugin that a requirement is about.
    fn installed(&self, requirement: &Requirement) -> Option<&Locked> {
        self.plugins.iter().find(|locked| locked.release.plugin == requirement.plugin)
    }
}
