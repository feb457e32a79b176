//! The chain of trust, link by link: the log's key, its checkpoint, its history, the key's and the release's entries,
//! the signature, the content, the manifest inside. Nothing that the registry says is used before it is proved.

use chandlery_package::artifact::ImageManifest;
use chandlery_package::log::{Checkpoint, Entry, LogError, Proof, Quorum, ReleaseState, Tiles, Tree};
use chandlery_package::provenance::{BUNDLE_BYTES_MAX, BUNDLES_MAX, Built, ProvenanceError};
use chandlery_package::signature::SignedPayload;
use chandlery_package::wire::ReleaseRecord;
use chandlery_package::wire::host::Locked;
use chandlery_package::{Component, Digest, Identity, PublicKey, Release};
use chandlery_sandbox::{Worker, inspect};
use jiff::{SignedDuration, Timestamp};

use super::progress::{Progress, pass};
use super::{Distrust, Error, RegistryClient, RegistryPin};
use crate::system::blocking;

/// How far another clock may be ahead of this machine's.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(10);

/// What a host asks of a log before it believes it.
#[derive(Debug, Clone)]
pub struct Trust {
    /// Who must have cosigned its checkpoint.
    pub quorum: Quorum,
    /// How long ago they, or the log where nobody must, may have vouched for it.
    pub age_max: SignedDuration,
}

impl Trust {
    /// How old a checkpoint may be unless its host says otherwise.
    pub const AGE_MAX: SignedDuration = SignedDuration::from_hours(24);
}

impl Default for Trust {
    fn default() -> Self {
        Self { quorum: Quorum::default(), age_max: Self::AGE_MAX }
    }
}

/// A registry's log, at a checkpoint that continues the history seen before.
pub(super) struct Log<'a> {
    client: &'a RegistryClient,
    key: String,
    checkpoint: Checkpoint,
    tiles: Tiles,
}

/// Opens the log: first of all, since nothing that is not in it counts. The key is the one that was pinned.
pub(super) async fn open_log<'a>(
    client: &'a RegistryClient,
    pinned_key: Option<&str>,
    quorum: &Quorum,
    progress: Progress<'_>,
) -> Result<Log<'a>, Error> {
    let key = log_key(client, pinned_key).await?;
    let checkpoint = Checkpoint::open(&client.checkpoint().await?, &key)?;
    pass(progress, "checkpoint signed", format!("{} entries, by {}", checkpoint.size(), short(&key)));
    let witnesses = quorum.check(&checkpoint)?;
    if !quorum.witnesses.is_empty() {
        pass(progress, "witnessed", format!("by {}", witnesses.join(", ")));
    }
    Ok(Log { client, key, checkpoint, tiles: Tiles::default() })
}

/// Proves a release that the catalog tells of, all but its content.
pub(super) async fn vouch(
    log: &mut Log<'_>,
    record: &ReleaseRecord,
    progress: Progress<'_>,
) -> Result<(), Error> {
    log.prove_key(record).await?;
    let (key, namespace) = (record.key.id(), &record.release.plugin.namespace);
    let whose = match &record.identity {
        None => format!("a key of '{namespace}'"),
        Some(identity) => format!("bound to {}, for {identity}", record.release),
    };
    pass(progress, "key logged", format!("{key} is {whose}, entry {}", record.key_log_index));
    log.prove_release(record).await?;
    pass(progress, "release logged", format!("entry {}", record.log_index));

    prove_signature(log.client, &record.release, record.artifact, &record.key).await?;
    pass(progress, "signature", format!("over {} by {key}", record.artifact));
    if let Some(identity) = &record.identity {
        let (release, artifact, component) = (&record.release, record.artifact, record.component);
        let built = Built { release, artifact, component, identity };
        prove_provenance(log.client, built, &record.key).await?;
        pass(progress, "provenance", format!("it was built by {identity}"));
    }
    Ok(())
}

/// Fetches the component of a release that was proved, and proves that it is.
pub(super) async fn fetch(
    client: &RegistryClient,
    worker: &Worker,
    record: &ReleaseRecord,
    progress: Progress<'_>,
) -> Result<(Component, Vec<u8>), Error> {
    let (component, bytes) =
        fetch_component(client, worker, &record.release, record.artifact, record.component).await?;
    pass(progress, "content", format!("{} ({} KiB)", component.digest, bytes.len() >> 10));
    pass(progress, "manifest", format!("it says {}", component.manifest.release()));
    Ok((component, bytes))
}

/// The pinned key or, at first sight, the one that the registry names.
async fn log_key(client: &RegistryClient, pinned: Option<&str>) -> Result<String, Error> {
    let found = client.log_info().await?.verifier_key;
    match pinned {
        Some(pinned) if pinned != found => {
            Err(Distrust::LogKeyChanged { pinned: pinned.into(), found }.into())
        }
        _ => Ok(found),
    }
}

/// A moment that a cosignature names, in seconds since 1970.
fn moment(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_second(seconds.try_into().ok()?).ok()
}

fn short(log_key: &str) -> &str {
    log_key.rsplitn(2, '+').last().unwrap_or(log_key)
}

impl Log<'_> {
    /// How many entries it has.
    pub(super) fn size(&self) -> u64 {
        self.checkpoint.size()
    }

    /// The log's verifier key, which tells it from every other.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Refuses a log for whose checkpoint nobody who must has vouched lately: it may hide what was said since.
    pub(super) fn must_be_new(&self, Trust { quorum, age_max }: &Trust) -> Result<(), Error> {
        let at = quorum.vouched(&self.checkpoint, &self.key)?.and_then(moment);
        let now = Timestamp::now();
        match at {
            // Who vouches for a time to come would be believed for too long.
            Some(at) if now.duration_since(at) <= *age_max && at.duration_since(now) <= CLOCKS_APART => {
                Ok(())
            }
            at => Err(LogError::Frozen { at }.into()),
        }
    }

    /// When its checkpoint was there: as enough witnesses have said or, where nobody must, as this host sees it; none: they have not.
    pub(super) fn seen(&self, quorum: &Quorum) -> Option<Timestamp> {
        match quorum.threshold {
            0 => Some(Timestamp::now()),
            _ => quorum.seen(&self.checkpoint).and_then(moment),
        }
    }

    /// The size of the first checkpoint that the registry has kept and that covers an entry, and when enough witnesses had seen it. It
    /// counts where this log continues it. None: nothing like that was kept.
    pub(super) async fn first_seen(
        &mut self,
        quorum: &Quorum,
        index: u64,
    ) -> Result<Option<(u64, Timestamp)>, Error> {
        let Some(note) = self.client.first_checkpoint(index).await? else { return Ok(None) };
        let kept = Checkpoint::open(&note, &self.key)?;
        // It may be newer than what was read of the log.
        if !(index + 1..=self.size()).contains(&kept.size()) {
            return Ok(None);
        }
        self.prove(|tiles, now| tiles.prove_consistent(&kept, now)).await?;
        Ok(quorum.seen(&kept).and_then(moment).map(|at| (kept.size(), at)))
    }

    /// Refuses a log that does not continue what was seen of it; gives how many entries that were.
    pub(super) async fn continues(&mut self, seen: &RegistryPin) -> Result<u64, Error> {
        let seen = Checkpoint::open(&seen.checkpoint, &self.key)?;
        self.prove(|tiles, now| tiles.prove_consistent(&seen, now)).await?;
        Ok(seen.size())
    }

    /// Refuses a plugin that another log tells of: a name means something else there.
    pub(super) fn must_be_of(&self, locked: &Locked) -> Result<(), Error> {
        match locked.log_key == self.key {
            true => Ok(()),
            false => {
                let (release, registry) = (locked.release.clone(), locked.registry.clone());
                Err(Error::OtherRegistry { release, registry })
            }
        }
    }

    /// Whether it is the log with this tree.
    pub(super) fn is_built_from(&self, tree: &Tree) -> Result<bool, Error> {
        Ok(tree.is_of(&self.checkpoint)?)
    }

    /// The entries from this one on to the end of their bundle, not yet proved.
    pub(super) async fn bundle(&mut self, first: u64) -> Result<Vec<Vec<u8>>, Error> {
        self.client.entries(first, self.size()).await
    }

    /// Proves that these bytes are the entry at this index.
    pub(super) async fn prove_entry(&mut self, index: u64, bytes: &[u8]) -> Result<(), Error> {
        self.prove(|tiles, checkpoint| tiles.prove_included(checkpoint, index, bytes)).await
    }

    /// All entries from this one on, each proved to be in its place.
    pub(super) async fn entries_from(&mut self, first: u64) -> Result<Vec<Vec<u8>>, Error> {
        if first > self.size() {
            return Err(LogError::Shrunk { seen: first, now: self.size() }.into());
        }
        let mut entries = Vec::new();
        while first + (entries.len() as u64) < self.size() {
            for bytes in self.bundle(first + entries.len() as u64).await? {
                self.prove_entry(first + entries.len() as u64, &bytes).await?;
                entries.push(bytes);
            }
        }
        Ok(entries)
    }

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
        let missing = || LogError::Entry { index, reason: "its bundle is too short".into() };
        let bytes = self.client.entries(index, self.size()).await?.into_iter().next().ok_or_else(missing)?;
        self.prove_entry(index, &bytes).await?;
        Ok(Entry::parse(index, &bytes)?)
    }

    async fn prove_key(&mut self, record: &ReleaseRecord) -> Result<(), Error> {
        let index = record.key_log_index;
        match self.entry(index).await? {
            Entry::KeyAdded { namespace, key, .. }
                if namespace == record.release.plugin.namespace
                    && key == record.key
                    && record.identity.is_none() =>
            {
                Ok(())
            }
            // That whoever holds it may publish was looked at when the log was followed: else it would tell of no such release.
            Entry::KeyBound { release, artifact, key, identity, .. }
                if release == record.release
                    && artifact == record.artifact
                    && key == record.key
                    && record.identity.as_ref() == Some(&identity) =>
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
    Distrust::LogDiffers { index, release: record.release.clone(), what }.into()
}

/// Checks the signature and the content of a release that the log tells of and, where a workload has published it, what it says of
/// where it was built.
pub(super) async fn check_release(
    client: &RegistryClient,
    worker: &Worker,
    release: &Release,
    state: &ReleaseState,
    (key, identity): (&PublicKey, Option<&Identity>),
) -> Result<(), Error> {
    prove_signature(client, release, state.artifact, key).await?;
    if let Some(identity) = identity {
        let built = Built { release, artifact: state.artifact, component: state.component, identity };
        prove_provenance(client, built, key).await?;
    }
    fetch_component(client, worker, release, state.artifact, state.component).await.map(drop)
}

async fn prove_signature(
    client: &RegistryClient,
    release: &Release,
    artifact: Digest,
    key: &PublicKey,
) -> Result<(), Error> {
    let mut refused = Distrust::Unsigned(release.clone());
    let Some(manifest) = client.signatures(&release.plugin, artifact).await? else {
        return Err(refused.into());
    };
    // The first that holds is enough, whatever others have added.
    for (payload, signature) in manifest.signatures()? {
        let payload = client.payload(&release.plugin, payload.digest).await?;
        let signed = SignedPayload { payload, signature: signature.into() };
        match signed.verify(key, artifact) {
            Ok(()) => return Ok(()),
            Err(error) => refused = Distrust::Signature { release: release.clone(), error },
        }
    }
    Err(refused.into())
}

/// Proves that the key of a workload says of the release what the log says of the workload.
async fn prove_provenance(client: &RegistryClient, built: Built<'_>, key: &PublicKey) -> Result<(), Error> {
    let release = built.release;
    let mut error = ProvenanceError::Missing;
    // The first that holds is enough, whatever others have added.
    for manifest in client.bundles(&release.plugin, built.artifact, BUNDLES_MAX).await? {
        let Some(layer) = manifest.bundle(BUNDLE_BYTES_MAX) else { continue };
        let bundle = client.bundle(&release.plugin, layer.digest).await?;
        match built.check(&bundle, key) {
            Ok(()) => return Ok(()),
            Err(refused) => error = refused,
        }
    }
    Err(Distrust::Provenance { release: release.clone(), error }.into())
}

async fn fetch_component(
    client: &RegistryClient,
    worker: &Worker,
    release: &Release,
    artifact: Digest,
    expected: Digest,
) -> Result<(Component, Vec<u8>), Error> {
    let manifest = client.manifest(&release.plugin, artifact).await?;
    let layer = ImageManifest::parse(&manifest)?.component()?.digest;
    if layer != expected {
        return Err(Distrust::DigestMismatch { expected, found: layer }.into());
    }
    let bytes = client.component(&release.plugin, expected).await?;
    let named = release.clone();
    let worker = worker.clone();
    let (component, bytes) = blocking(move || match inspect(&worker, &bytes) {
        Ok(component) => Ok((component, bytes)),
        Err(error) => Err(Error::from(Distrust::Component { release: named, error })),
    })
    .await?;
    match component.manifest.release() {
        found if found == *release => Ok((component, bytes)),
        found => Err(Distrust::ManifestMismatch { claimed: release.clone(), found }.into()),
    }
}
