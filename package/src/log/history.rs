//! What a log says, from its first entry: which keys may sign, what was released, and what became of it.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Entry;
use crate::{
    AdvisoryId, Digest, Identity, KeyId, Month, Namespace, PluginId, PublicKey, Release, Subject,
    TrustedPublisher,
};

/// The state that a log's entries, applied in order, lead to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// How many entries were applied.
    pub size: u64,
    /// How many of them were of a kind that this version does not know.
    pub unknown: u64,
    audit_heads: Vec<AuditHead>,
    usage_roots: Vec<LoggedUsage>,
    keys: BTreeMap<(Namespace, KeyId), KeyState>,
    publishers: BTreeSet<(PluginId, TrustedPublisher)>,
    bound: BTreeMap<Release, BoundKey>,
    releases: BTreeMap<Release, ReleaseState>,
    certified: BTreeSet<PluginId>,
    /// What is quarantined, and why.
    quarantines: BTreeMap<Subject, String>,
    /// The digest of what each advisory says.
    advisories: BTreeMap<(PluginId, AdvisoryId), Digest>,
}

/// Why a release is not to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objection {
    /// It was withdrawn for ever, for this reason.
    Withdrawn(String),
    /// Its key was revoked from a moment on, before it was released.
    Revoked {
        /// The key that signed it.
        key: KeyId,
        /// From when on the key is not to be trusted.
        from: Timestamp,
    },
    /// It, or its plugin, is quarantined until that is lifted, for this reason.
    Quarantined(String),
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Withdrawn(reason) => write!(f, "it was withdrawn: {reason}"),
            Self::Revoked { key, from } => {
                write!(f, "its key {key} was revoked from {from} on, before it was released")
            }
            Self::Quarantined(reason) => write!(f, "it is quarantined: {reason}"),
        }
    }
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyState {
    /// The key, which signs releases of one namespace.
    pub key: PublicKey,
    /// From when on it is not to be trusted.
    pub revoked_from: Option<Timestamp>,
}

/// The key of a workload, which signs one artifact as one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundKey {
    /// The key, whose private half was made for this.
    pub key: PublicKey,
    /// The digest of the OCI manifest that it signs.
    pub artifact: Digest,
    /// Who holds it, as its issuer vouched for it.
    pub identity: Identity,
}

/// What is known of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseState {
    /// The entry that tells of it.
    pub index: u64,
    /// The digest of its component.
    pub component: Digest,
    /// The digest of its OCI manifest.
    pub artifact: Digest,
    /// Who signed it.
    pub key: KeyId,
    /// When it was accepted.
    pub at: Timestamp,
    /// Not to be chosen for new installs.
    pub yanked: bool,
    /// Not to be run, and why.
    pub withdrawn: Option<String>,
}

/// What a log says of the registry's audit trail at the end of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// Of which month.
    pub month: Month,
    /// The number of the trail's last entry then.
    pub number: i64,
    /// That entry's hash.
    pub head: Digest,
}

/// What a log says of an account's use in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedUsage {
    /// The number of the entry, from 0.
    pub index: u64,
    /// Whose use it is.
    pub account: Namespace,
    /// Of which month.
    pub month: Month,
    /// The root of its records' digests.
    pub root: Digest,
}

/// An entry that an honest log would not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {index}: {what}")]
pub struct Fault {
    /// The number of the entry that is out of place, from 0.
    pub index: u64,
    /// What is wrong with it.
    pub what: String,
}

impl History {
    /// Everything that was released.
    pub fn releases(&self) -> impl Iterator<Item = (&Release, &ReleaseState)> {
        self.releases.iter()
    }

    /// What the log says of a release; none: nothing.
    pub fn release(&self, release: &Release) -> Option<&ReleaseState> {
        self.releases.get(release)
    }

    /// Whether the registry's operator vouches for a plugin.
    pub fn is_certified(&self, plugin: &PluginId) -> bool {
        self.certified.contains(plugin)
    }

    /// Whether a release is not to be chosen, or not to be run: it was yanked, withdrawn or quarantined, or its key was revoked.
    pub fn is_recalled(&self, release: &Release) -> bool {
        self.release(release).is_some_and(|state| state.yanked) || self.objection(release).is_some()
    }

    /// The releases of the same plugin that came before this version, the last one first.
    pub fn before(&self, release: &Release) -> impl Iterator<Item = (&Release, &ReleaseState)> {
        let older = self.releases.range(..release.clone()).rev();
        let plugin = release.plugin.clone();
        older.take_while(move |(other, _)| other.plugin == plugin)
    }

    /// The releases of the same plugin that come after this version, the next one first.
    pub fn after(&self, release: &Release) -> impl Iterator<Item = (&Release, &ReleaseState)> {
        let later = self.releases.range((Bound::Excluded(release.clone()), Bound::Unbounded));
        let plugin = release.plugin.clone();
        later.take_while(move |(other, _)| other.plugin == plugin)
    }

    /// The heads of the registry's audit trail, in the order of the log.
    pub fn audit_heads(&self) -> &[AuditHead] {
        &self.audit_heads
    }

    /// The roots of accounts' use, in the order of the log: of a month, the last one is of all of it.
    pub fn usage_roots(&self) -> &[LoggedUsage] {
        &self.usage_roots
    }

    /// Why a release, or its plugin, is quarantined; none: neither is.
    pub fn quarantine(&self, release: &Release) -> Option<&str> {
        let of = |subject: Subject| self.quarantines.get(&subject).map(String::as_str);
        of(Subject::Release(release.clone())).or_else(|| of(Subject::Plugin(release.plugin.clone())))
    }

    /// The advisories about a plugin, each with the digest of what it says.
    pub fn advisories(&self, plugin: &PluginId) -> impl Iterator<Item = (&AdvisoryId, &Digest)> {
        let about = self.advisories.iter().filter(move |((about, _), _)| about == plugin);
        about.map(|((_, id), advisory)| (id, advisory))
    }

    /// A key of a namespace.
    pub fn key(&self, namespace: &Namespace, key: &KeyId) -> Option<&KeyState> {
        self.keys.get(&(namespace.clone(), key.clone()))
    }

    /// The key that signed a release: one of its namespace, or one that was bound to it.
    pub fn signer(&self, release: &Release) -> Option<&PublicKey> {
        let state = self.releases.get(release)?;
        match self.key(&release.plugin.namespace, &state.key) {
            Some(known) => Some(&known.key),
            None => self.bound_to(release, state.artifact, &state.key).map(|bound| &bound.key),
        }
    }

    /// The workload that has published a release; none: it is signed by a key of its namespace.
    pub fn identity(&self, release: &Release) -> Option<&Identity> {
        let state = self.releases.get(release)?;
        self.bound_to(release, state.artifact, &state.key).map(|bound| &bound.identity)
    }

    /// The key of a workload that may sign this artifact as this release, if it is called so.
    fn bound_to(&self, release: &Release, artifact: Digest, key: &KeyId) -> Option<&BoundKey> {
        self.bound.get(release).filter(|bound| bound.artifact == artifact && bound.key.id() == *key)
    }

    /// Applies the next entry. One that is faulty is counted, and changes nothing else.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Fault> {
        let index = self.size;
        self.size += 1;
        self.change(index, entry).map_err(|what| Fault { index, what })
    }

    fn change(&mut self, index: u64, entry: &Entry) -> Result<(), String> {
        match entry {
            Entry::KeyAdded { namespace, key, .. } => {
                let id = key.id();
                let state = KeyState { key: *key, revoked_from: None };
                match self.keys.entry((namespace.clone(), id)) {
                    Slot::Vacant(slot) => drop(slot.insert(state)),
                    Slot::Occupied(slot) => {
                        return Err(format!("key {} was added to '{namespace}' before", slot.key().1));
                    }
                }
                Ok(())
            }
            Entry::KeyRevoked { namespace, key, from, .. } => {
                let state = self.keys.get_mut(&(namespace.clone(), key.clone()));
                let state = state.ok_or_else(|| format!("'{namespace}' has no key {key} to revoke"))?;
                // A second revocation can only reach further back.
                let from = state.revoked_from.map_or(*from, |before| before.min(*from));
                state.revoked_from = Some(from);
                Ok(())
            }
            Entry::Released { release, component, artifact, key, at } => {
                if self.releases.contains_key(release) {
                    return Err(format!("{release} was released before"));
                }
                let namespace = &release.plugin.namespace;
                let revoked_from = match self.key(namespace, key) {
                    Some(signer) => signer.revoked_from,
                    None if self.bound_to(release, *artifact, key).is_some() => None,
                    None => return Err(format!("{release} is signed by {key}, no key of '{namespace}'")),
                };
                if revoked_from.is_some_and(|from| from <= *at) {
                    return Err(format!("{release} is signed by {key}, which was revoked before"));
                }
                let state = ReleaseState {
                    index,
                    component: *component,
                    artifact: *artifact,
                    key: key.clone(),
                    at: *at,
                    yanked: false,
                    withdrawn: None,
                };
                self.releases.insert(release.clone(), state);
                Ok(())
            }
            Entry::Yanked { release, .. } => self.released(release).map(|state| state.yanked = true),
            Entry::Unyanked { release, .. } => self.released(release).map(|state| state.yanked = false),
            // Its keys are revoked and added by entries of their own.
            Entry::NamespaceTransferred { .. } => Ok(()),
            // About money: nothing to install depends on it.
            Entry::Statement { .. } => Ok(()),
            Entry::UsageRoot { account, month, root, .. } => {
                self.usage_roots.push(LoggedUsage {
                    index,
                    account: account.clone(),
                    month: *month,
                    root: *root,
                });
                Ok(())
            }
            Entry::AuditHead { month, number, head, .. } => {
                let last = self.audit_heads.last();
                if let Some(last) = last.filter(|last| last.month >= *month || last.number > *number) {
                    return Err(format!(
                        "the audit trail had {} entries at the end of {}, and {number} at the end of {month}",
                        last.number, last.month
                    ));
                }
                self.audit_heads.push(AuditHead { month: *month, number: *number, head: *head });
                Ok(())
            }
            Entry::Certified { plugin, .. } => {
                self.certified.insert(plugin.clone());
                Ok(())
            }
            Entry::Decertified { plugin, .. } => {
                self.certified.remove(plugin);
                Ok(())
            }
            Entry::Quarantined { subject, reason, .. } => {
                let is_there = match subject {
                    Subject::Release(release) => self.releases.contains_key(release),
                    Subject::Plugin(plugin) => self.releases.keys().any(|release| release.plugin == *plugin),
                };
                if !is_there {
                    return Err(format!("{subject} was never released"));
                }
                // Said again, it is for another reason.
                self.quarantines.insert(subject.clone(), reason.clone());
                Ok(())
            }
            Entry::QuarantineLifted { subject, .. } => {
                let lifted = self.quarantines.remove(subject).map(drop);
                lifted.ok_or_else(|| format!("{subject} was not quarantined"))
            }
            // It may be about a plugin of which nothing was released yet.
            Entry::Advised { plugin, id, advisory, .. } => {
                self.advisories.insert((plugin.clone(), id.clone()), *advisory);
                Ok(())
            }
            Entry::AdvisoryWithdrawn { plugin, id, .. } => {
                let withdrawn = self.advisories.remove(&(plugin.clone(), id.clone())).map(drop);
                withdrawn.ok_or_else(|| format!("there is no advisory {id} about {plugin}"))
            }
            Entry::PublisherTrusted { plugin, publisher, .. } => {
                match self.publishers.insert((plugin.clone(), publisher.clone())) {
                    true => Ok(()),
                    false => Err(format!("{publisher} was trusted to publish {plugin} before")),
                }
            }
            Entry::PublisherRemoved { plugin, publisher, .. } => {
                match self.publishers.remove(&(plugin.clone(), publisher.clone())) {
                    true => Ok(()),
                    false => Err(format!("{publisher} was not trusted to publish {plugin}")),
                }
            }
            Entry::KeyBound { release, artifact, key, identity, .. } => {
                let is_trusted = |(plugin, publisher): &(PluginId, TrustedPublisher)| {
                    *plugin == release.plugin && publisher.covers(identity)
                };
                if !self.publishers.iter().any(is_trusted) {
                    return Err(format!("{identity} is not trusted to publish {}", release.plugin));
                }
                let bound = BoundKey { key: *key, artifact: *artifact, identity: identity.clone() };
                match self.bound.entry(release.clone()) {
                    Slot::Vacant(slot) => drop(slot.insert(bound)),
                    Slot::Occupied(_) => return Err(format!("a key was bound to {release} before")),
                }
                Ok(())
            }
            Entry::Unknown => {
                self.unknown += 1;
                Ok(())
            }
            Entry::Withdrawn { release, reason, .. } => {
                self.released(release).map(|state| state.withdrawn = Some(reason.clone()))
            }
        }
    }

    fn released(&mut self, release: &Release) -> Result<&mut ReleaseState, String> {
        self.releases.get_mut(release).ok_or_else(|| format!("{release} was never released"))
    }

    /// Why a release is not to be run; none: it may be.
    pub fn objection(&self, release: &Release) -> Option<Objection> {
        let state = self.releases.get(release)?;
        if let Some(reason) = &state.withdrawn {
            return Some(Objection::Withdrawn(reason.clone()));
        }
        let key = self.key(&release.plugin.namespace, &state.key)?;
        match key.revoked_from.filter(|from| *from <= state.at) {
            Some(from) => Some(Objection::Revoked { key: state.key.clone(), from }),
            None => self.quarantine(release).map(|reason| Objection::Quarantined(reason.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
