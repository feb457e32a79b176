//! The chain of trust, link by link: the log's key, its checkpoint, its history, the key's and the release's entries,
//! the signature, the content, the manifest inside. Nothing that the registry says is used before it is proved.

use chandlery_package::artifact::ImageManifest;
use chandlery_package::log::{Checkpoint, Entry, LogError, Proof, Tiles};
use chandlery_package::wire::ReleaseRecord;
use chandlery_package::{Component, Digest};

use super::{Passed, Progress, RegistryClient, RegistryPin, blocking};
use crate::Error;

/// A registry's log, at a checkpoint that continues the history seen before.
pub(super) struct Log<'a> {
    client: &'a RegistryClient,
    key: String,
    checkpoint: Checkpoint,
    tiles: Tiles,
}

/// Opens the log: first of all, since nothing that is not in it counts.
pub(super) async fn open_log<'a>(
    client: &'a RegistryClient,
    pin: Option<&RegistryPin>,
    progress: Progress<'_>,
) -> Result<Log<'a>, Error> {
    let key = log_key(client, pin).await?;
    let checkpoint = Checkpoint::open(&client.checkpoint().await?, &key)?;
    pass(progress, "checkpoint signed", format!("{} entries, by {}", checkpoint.size(), short(&key)));
    let mut log = Log { client, key, checkpoint, tiles: Tiles::default() };
    if let Some(pin) = pin {
        let seen = Checkpoint::open(&pin.checkpoint, &log.key)?;
        log.prove(|tiles, now| tiles.prove_consistent(&seen, now)).await?;
        pass(progress, "history kept", format!("the {} entries seen before are unchanged", seen.size()));
    }
    Ok(log)
}

/// Proves a release that the catalog tells of, and fetches its component.
pub(super) async fn prove(
    log: &mut Log<'_>,
    record: &ReleaseRecord,
    progress: Progress<'_>,
) -> Result<(Component, Vec<u8>), Error> {
    log.prove_key(record).await?;
    let (key, namespace) = (record.key.id(), &record.release.plugin.namespace);
    pass(progress, "key logged", format!("{key} is a key of '{namespace}', entry {}", record.key_log_index));
    log.prove_release(record).await?;
    pass(progress, "release logged", format!("entry {}", record.log_index));

    prove_signature(log.client, record).await?;
    pass(progress, "signature", format!("over {} by {key}", record.artifact));
    let (component, bytes) = fetch_component(log.client, record).await?;
    pass(progress, "content", format!("{} ({} KiB)", component.digest, bytes.len() >> 10));
    pass(progress, "manifest", format!("it says {}", component.manifest.release()));
    Ok((component, bytes))
}

fn pass(progress: Progress<'_>, check: &str, found: String) {
    progress(Passed { check: check.into(), found });
}

/// The pinned key or, at first sight, the one that the registry names.
async fn log_key(client: &RegistryClient, pin: Option<&RegistryPin>) -> Result<String, Error> {
    let found = client.log_info().await?.verifier_key;
    match pin {
        Some(pin) if pin.log_key != found => Err(Error::LogKeyChanged { pinned: pin.log_key.clone(), found }),
        _ => Ok(found),
    }
}

fn short(log_key: &str) -> &str {
    log_key.rsplitn(2, '+').last().unwrap_or(log_key)
}

impl Log<'_> {
    /// What to remember of the registry from now on.
    pub(super) fn pin(&self) -> RegistryPin {
        RegistryPin {
            url: self.client.url().into(),
            log_key: self.key.clone(),
            checkpoint: self.checkpoint.note().into(),
        }
    }

    /// Asks until the tiles that a proof needs are here.
    async fn prove(
        &mut self,
        ask: impl Fn(&Tiles, &Checkpoint) -> Result<Proof, LogError>,
    ) -> Result<(), Error> {
        while let Proof::Needs(paths) = ask(&self.tiles, &self.checkpoint)? {
            for path in paths {
                let bytes = self.client.tile(&path).await?;
                self.tiles.add(path, bytes);
            }
        }
        Ok(())
    }

    /// The entry at this index, proved to be there.
    async fn entry(&mut self, index: u64) -> Result<Entry, Error> {
        let bytes = self.client.entry(index, self.checkpoint.size()).await?;
        self.prove(|tiles, checkpoint| tiles.prove_included(checkpoint, index, &bytes)).await?;
        Ok(Entry::parse(index, &bytes)?)
    }

    async fn prove_key(&mut self, record: &ReleaseRecord) -> Result<(), Error> {
        let index = record.key_log_index;
        match self.entry(index).await? {
            Entry::KeyAdded { namespace, key, .. }
                if namespace == record.release.plugin.namespace && key == record.key =>
            {
                Ok(())
            }
            other => Err(differs(index, record, &other)),
        }
    }

    async fn prove_release(&mut self, record: &ReleaseRecord) -> Result<(), Error> {
        let index = record.log_index;
        match self.entry(index).await? {
            Entry::Released { release, component, artifact, key, .. }
                if release == record.release
                    && component == record.component
                    && artifact == record.artifact
                    && key == record.key.id() =>
            {
                Ok(())
            }
            other => Err(differs(index, record, &other)),
        }
    }
}

fn differs(index: u64, record: &ReleaseRecord, entry: &Entry) -> Error {
    let what = entry.describe();
    Error::LogDiffers { index, release: record.release.clone(), what }
}

async fn prove_signature(client: &RegistryClient, record: &ReleaseRecord) -> Result<(), Error> {
    let signatures = client.signatures(&record.release.plugin, record.artifact).await?;
    let mut refused = Error::Unsigned(record.release.clone());
    for signed in signatures {
        match signed.verify(&record.key, record.artifact) {
            Ok(()) => return Ok(()),
            Err(error) => refused = Error::Signature { release: record.release.clone(), error },
        }
    }
    Err(refused)
}

async fn fetch_component(
    client: &RegistryClient,
    record: &ReleaseRecord,
) -> Result<(Component, Vec<u8>), Error> {
    let plugin = &record.release.plugin;
    let manifest = client.manifest(plugin, record.artifact).await?;
    let layer = ImageManifest::parse(&manifest)?.component()?.digest;
    if layer != record.component {
        return Err(Error::DigestMismatch { expected: record.component, found: layer });
    }
    let bytes = client.blob(plugin, record.component).await?;
    let release = record.release.clone();
    let (component, bytes) = blocking(move || match Component::parse(&bytes) {
        Ok(component) => Ok((component, bytes)),
        Err(error) => Err(Error::Component { release, error }),
    })
    .await?;
    match component.manifest.release() {
        found if found == record.release => Ok((component, bytes)),
        found => Err(Error::ManifestMismatch { claimed: record.release.clone(), found }),
    }
}

/// Bytes, if they are what they are called.
pub(super) fn expect(expected: Digest, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    match Digest::of(&bytes) {
        found if found == expected => Ok(bytes),
        found => Err(Error::DigestMismatch { expected, found }),
    }
}
