//! An audit: the whole log of a registry from its first entry, its tree built again, every release fetched and checked,
//! and the catalog compared with what the log says.

use std::collections::{BTreeMap, BTreeSet};

use chandlery_package::log::{AuditHead, Entry, History, LoggedUsage, Tree};
use chandlery_package::wire::ReleaseRecord;
use chandlery_package::{PluginId, Release};
use chandlery_sandbox::Worker;
use serde::{Deserialize, Serialize};

use super::chain::{self, Log};
use super::progress::pass;
use super::{Distrust, Error, Progress, RegistryClient, RegistryError, RegistryPin, Trust};

/// How often the catalog is compared anew with a log that goes on meanwhile.
const ATTEMPTS_MAX: usize = 5;

/// What an audit found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Audit {
    /// How many entries the log has.
    pub entries: u64,
    /// How many releases were checked.
    pub releases: u64,
    /// How many of them cost something that the auditor has not ordered, or are quarantined: their signature was checked, and not their
    /// content.
    #[serde(default)]
    pub guarded: u64,
    /// Everything that is wrong, in words; empty: the registry is as it says.
    pub faults: Vec<String>,
    /// What to remember of the log for the next audit.
    pub pin: RegistryPin,
}

/// Audits a registry. `seen` is what was remembered of its log.
pub async fn audit(
    client: &RegistryClient,
    worker: &Worker,
    seen: Option<&RegistryPin>,
    trust: &Trust,
    progress: Progress<'_>,
) -> Result<Audit, Error> {
    let mut faults = Vec::new();
    let key = seen.map(|pin| pin.log_key.as_str());
    let mut log = chain::open_log(client, key, &trust.quorum, progress).await?;
    match log.must_be_new(trust) {
        Ok(()) => pass(progress, "checkpoint new", "vouched for lately".into()),
        Err(error) => faults.push(error.to_string()),
    }
    if let Some(seen) = seen {
        match log.continues(seen).await {
            Ok(size) => {
                pass(progress, "history kept", format!("the {size} entries seen before are unchanged"));
            }
            Err(Error::Distrust(Distrust::Log(error))) => faults.push(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    let history = read_log(&mut log, &mut faults).await?;
    let unknown = match history.unknown {
        0 => String::new(),
        unknown => format!(", {unknown} of a kind that this version does not know"),
    };
    pass(progress, "log read", format!("{} of {} entries{unknown}", history.size, log.size()));
    let (mut releases, mut guarded, mut quarantined) = (0, 0, 0);
    for (release, state) in history.releases() {
        releases += 1;
        let Some(key) = history.signer(release) else { continue };
        if let Err(error) =
            chain::check_release(client, worker, release, state, (key, history.identity(release))).await
        {
            if matches!(error, Error::Registry(RegistryError::Away { .. })) {
                return Err(error);
            }
            if error.is_about_an_order() && costs(client, release).await {
                guarded += 1;
                continue;
            }
            // Its signature was checked; its content is kept from everybody, as the log says.
            if error.is_about_a_quarantine() && history.quarantine(release).is_some() {
                quarantined += 1;
                continue;
            }
            faults.push(format!("{release}: {error}"));
        }
    }
    pass(
        progress,
        "releases checked",
        format!("signature and content of {}", releases - guarded - quarantined),
    );
    if guarded > 0 {
        pass(progress, "signatures checked", format!("of {guarded} more, which cost something"));
    }
    if quarantined > 0 {
        pass(progress, "signatures checked", format!("of {quarantined} more, which are quarantined"));
    }
    faults.extend(compare_catalog_meanwhile(client, trust, &log, history).await?);
    pass(progress, "catalog compared", "with what the log says".into());
    Ok(Audit { entries: log.size(), releases, guarded: guarded + quarantined, faults, pin: log.pin() })
}

/// Whether the catalog says openly that a release costs something: of what does not, no content is kept back.
async fn costs(client: &RegistryClient, release: &Release) -> bool {
    client.release(release).await.is_ok_and(|record| record.price.is_some())
}

/// The heads of the registry's audit trail that its log tells of, each proved to be in it. `seen` is what was remembered of the log.
pub async fn audit_heads(
    client: &RegistryClient,
    seen: Option<&RegistryPin>,
    trust: &Trust,
) -> Result<Vec<AuditHead>, Error> {
    Ok(proved_history(client, seen, trust).await?.audit_heads().to_vec())
}

/// The roots of accounts' use that the registry's log tells of, each proved to be in it. `seen` is what was remembered of the log.
pub async fn usage_roots(
    client: &RegistryClient,
    seen: Option<&RegistryPin>,
    trust: &Trust,
) -> Result<Vec<LoggedUsage>, Error> {
    Ok(proved_history(client, seen, trust).await?.usage_roots().to_vec())
}

/// What the log says, each entry proved to be in it.
async fn proved_history(
    client: &RegistryClient,
    seen: Option<&RegistryPin>,
    trust: &Trust,
) -> Result<History, Error> {
    let key = seen.map(|pin| pin.log_key.as_str());
    let mut log = chain::open_log(client, key, &trust.quorum, &|_| ()).await?;
    log.must_be_new(trust)?;
    if let Some(seen) = seen {
        log.continues(seen).await?;
    }
    let mut history = History::default();
    for bytes in log.entries_from(0).await? {
        match Entry::parse(history.size, &bytes) {
            // What else is wrong with the log is for `audit` to tell.
            Ok(entry) => drop(history.apply(&entry)),
            Err(_) => history.size += 1,
        }
    }
    Ok(history)
}

/// Reads every entry and builds the tree from them; one that does not belong there is named.
async fn read_log(log: &mut Log<'_>, faults: &mut Vec<String>) -> Result<History, Error> {
    let (mut tree, mut history) = (Tree::default(), History::default());
    let mut entries = Vec::new();
    while history.size + (entries.len() as u64) < log.size() {
        match log.bundle(entries.len() as u64).await {
            Ok(bundle) => entries.extend(bundle),
            Err(error @ Error::Registry(RegistryError::Away { .. })) => return Err(error),
            Err(error) => {
                faults.push(format!("the log's entries from {} on cannot be read: {error}", entries.len()));
                break;
            }
        }
    }
    for bytes in &entries {
        tree.push(bytes)?;
        match Entry::parse(history.size, bytes) {
            Ok(entry) => faults.extend(history.apply(&entry).err().map(|fault| fault.to_string())),
            Err(error) => {
                faults.push(error.to_string());
                history.size += 1;
            }
        }
    }
    if log.is_built_from(&tree)? {
        return Ok(history);
    }
    let before = faults.len();
    for (index, bytes) in entries.iter().enumerate() {
        match log.prove_entry(index as u64, bytes).await {
            Ok(()) => {}
            Err(error @ Error::Registry(RegistryError::Away { .. })) => return Err(error),
            Err(error) => faults.push(format!("entry {index}: {error}")),
        }
    }
    if faults.len() == before {
        faults.push("the log's entries do not make the tree that its checkpoint signs".into());
    }
    Ok(history)
}

/// Compares the catalog with what the log says. The catalog may show what was done since the log was read: where they differ and the log
/// has gone on, what it says by now is compared.
async fn compare_catalog_meanwhile(
    client: &RegistryClient,
    trust: &Trust,
    log: &Log<'_>,
    mut history: History,
) -> Result<Vec<String>, Error> {
    let (mut faults, mut size) = (compare_catalog(client, &history).await?, log.size());
    for _ in 1..ATTEMPTS_MAX {
        if faults.is_empty() {
            break;
        }
        let Some(later) = later(client, trust, log, size, &mut history).await else { break };
        size = later;
        faults = compare_catalog(client, &history).await?;
    }
    Ok(faults)
}

/// Takes in what a log says beyond so many entries, and gives how many they are by then; nothing, where they are no more, or are not
/// what continues it: that is for the next audit to tell.
async fn later(
    client: &RegistryClient,
    trust: &Trust,
    log: &Log<'_>,
    size: u64,
    history: &mut History,
) -> Option<u64> {
    let mut now = chain::open_log(client, Some(log.key()), &trust.quorum, &|_| ()).await.ok()?;
    if now.size() <= size || history.size != size {
        return None;
    }
    now.continues(&log.pin()).await.ok()?;
    for bytes in now.entries_from(size).await.ok()? {
        match Entry::parse(history.size, &bytes) {
            Ok(entry) => drop(history.apply(&entry)),
            Err(_) => history.size += 1,
        }
    }
    Some(now.size())
}

/// What the catalog and the log differ in. Every release that the catalog shows must be logged as it is shown, and every logged one of a
/// plugin that is shown must be there.
async fn compare_catalog(client: &RegistryClient, history: &History) -> Result<Vec<String>, Error> {
    let mut faults = Vec::new();
    let mut plugins: BTreeSet<PluginId> = client.plugins().await?.into_iter().collect();
    plugins.extend(history.releases().map(|(release, _)| release.plugin.clone()));
    for plugin in plugins {
        // A plugin that may not be seen is private; what the log says of it was checked as far as possible.
        let Some(records) = client.releases_if_seen(&plugin).await? else { continue };
        let shown: BTreeMap<Release, ReleaseRecord> =
            records.into_iter().map(|record| (record.release.clone(), record)).collect();
        let logged = history.releases().filter(|(release, _)| release.plugin == plugin);
        for (release, _) in logged.filter(|(release, _)| !shown.contains_key(release)) {
            faults.push(format!("{release} is in the log, and not in the catalog"));
        }
        for (release, record) in &shown {
            faults.extend(differs(history, release, record).map(|what| format!("{release}: {what}")));
        }
    }
    Ok(faults)
}

fn differs(history: &History, release: &Release, record: &ReleaseRecord) -> Option<String> {
    let Some(state) = history.release(release) else {
        return Some("it is in the catalog, and not in the log".into());
    };
    if (record.component, record.artifact, record.log_index) != (state.component, state.artifact, state.index)
    {
        return Some("the catalog shows other content than the log".into());
    }
    if record.key.id() != state.key {
        return Some("the catalog names another key than the log".into());
    }
    if record.identity.as_ref() != history.identity(release) {
        return Some("the catalog names another workload than the log".into());
    }
    if record.yanked != state.yanked || record.withdrawn != state.withdrawn {
        return Some("the catalog and the log differ in whether it was yanked or withdrawn".into());
    }
    if record.certified != history.is_certified(&release.plugin) {
        return Some("the catalog and the log differ in whether its plugin is certified".into());
    }
    if record.quarantined.as_deref() != history.quarantine(release) {
        return Some("the catalog and the log differ in whether it is quarantined".into());
    }
    None
}
