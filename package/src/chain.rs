//! What a host signs of its usage: a chain of records, each bound to the one before, so that none is left out, changed or taken for
//! another's without being seen.
//!
//! Everything is hashed and signed as a JSON array without blanks, whose first item says which. Times are texts in UTC with six
//! digits of a second, as [`stored_time`] writes them; digests are `sha256:` and 64 hexadecimal digits.
//!
//! - **event**: `["chandlery-usage-event/1",account,id,deployment,release,from,to,replica_millis,gpu_millis,units,corrects]`. `units` is
//!   the text of a JSON object, sorted by unit, or empty; `corrects` an id, or `null`. Its SHA-256 is the record's *digest*.
//! - **link**: `["chandlery-usage-link/1",before,sequence,digest]`. Its SHA-256 is the record's *hash*. Before the first record stands
//!   the SHA-256 of `["chandlery-usage-chain/1",registry,account,host]`, where the registry is named as its log is.
//! - **report**: `["chandlery-usage-report/1",registry,account,host,first,count,before,head,heard_at]`, signed with the host's key
//!   (Ed25519). `head` is the hash of the last record; where there is none, `before`.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::wire::{IncidentKind, UsageEvent, UsageReport, UsageSegment};
use crate::{Digest, Namespace, PrivateKey, PublicKey};

/// How long a host may be silent before it gets no licence: it reports every hour, where it has nothing to tell, too.
pub const GRACE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long a report that there is nothing to tell may be under way.
const DELAY: SignedDuration = SignedDuration::from_mins(10);

/// The records of a host for an account of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The name of the registry's log.
    pub registry: String,
    /// The account that the usage is counted for.
    pub account: Namespace,
    /// The host, as it calls itself.
    pub host: String,
}

/// A place in a chain: so many records, and the hash of the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of the record; 0: none yet.
    pub sequence: u64,
    /// The hash of that record.
    pub hash: Digest,
}

/// Why a report does not continue a chain: what the host has done, and the number of the record that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What the host has done.
    pub kind: IncidentKind,
    /// Of a gap, the first record that is missing.
    pub sequence: u64,
}

/// What an event says, as texts: what its digest is of.
pub struct EventText<'a> {
    /// The account that used it.
    pub account: &'a str,
    /// The id, in lower case with hyphens.
    pub id: &'a str,
    /// The deployment, as its host calls it.
    pub deployment: &'a str,
    /// What was used, with its version.
    pub release: &'a str,
    /// When the use began, as [`stored_time`] writes it.
    pub from: &'a str,
    /// Until when, likewise.
    pub to: &'a str,
    /// Milliseconds that replicas ran.
    pub replica_millis: u64,
    /// Milliseconds that GPUs were held.
    pub gpu_millis: u64,
    /// A JSON object, or nothing.
    pub units: &'a str,
    /// The id of the event that does not count any more.
    pub corrects: Option<&'a str>,
}

impl EventText<'_> {
    /// The digest of the record.
    pub fn digest(&self) -> Digest {
        let Self { account, id, deployment, release, from, to, replica_millis, gpu_millis, units, corrects } =
            self;
        let tag = "chandlery-usage-event/1";
        digest(&(
            tag,
            account,
            id,
            deployment,
            release,
            from,
            to,
            replica_millis,
            gpu_millis,
            units,
            corrects,
        ))
    }
}

/// A time as registries store it, and as it is hashed.
pub fn stored_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// The digest of an account's event.
pub fn event_digest(account: &Namespace, event: &UsageEvent) -> Digest {
    let corrects = event.corrects.map(|id| id.to_string());
    let units = match event.units.is_empty() {
        true => String::new(),
        false => serde_json::json!(event.units).to_string(),
    };
    let text = EventText {
        account: account.as_str(),
        id: &event.id.to_string(),
        deployment: &event.deployment,
        release: &event.release.to_string(),
        from: &stored_time(event.from),
        to: &stored_time(event.to),
        replica_millis: event.replica_millis,
        gpu_millis: event.gpu_millis,
        units: &units,
        corrects: corrects.as_deref(),
    };
    text.digest()
}

fn bytes(parts: &impl Serialize) -> Vec<u8> {
    // Nothing in these tuples can fail to be written.
    serde_json::to_vec(parts).unwrap_or_default()
}

fn digest(parts: &impl Serialize) -> Digest {
    Digest::of(bytes(parts))
}

impl Chain {
    /// Before the first record.
    pub fn start(&self) -> Head {
        let hash = digest(&("chandlery-usage-chain/1", &self.registry, self.account.as_str(), &self.host));
        Head { sequence: 0, hash }
    }

    /// The report of what was used since, signed.
    pub fn report(
        &self,
        key: &PrivateKey,
        before: Head,
        heard_at: Timestamp,
        events: Vec<UsageEvent>,
    ) -> UsageReport {
        let report = UsageReport {
            first: before.sequence.saturating_add(1),
            before: before.hash,
            heard_at,
            events,
            signature: String::new(),
        };
        let message = self.message(&self.segment(&report));
        UsageReport { signature: BASE64_STANDARD.encode(key.sign(&message)), ..report }
    }

    /// What a report says, by digests.
    pub fn segment(&self, report: &UsageReport) -> UsageSegment {
        UsageSegment {
            host: self.host.clone(),
            first: report.first,
            before: report.before,
            digests: report.events.iter().map(|event| event_digest(&self.account, event)).collect(),
            heard_at: report.heard_at,
            signature: report.signature.clone(),
        }
    }

    /// Whether the host's key has signed this, for this account and registry.
    pub fn is_signed(&self, key: &PublicKey, segment: &UsageSegment) -> bool {
        let signature = BASE64_STANDARD.decode(&segment.signature).unwrap_or_default();
        key.verify(&self.message(segment), &signature).is_ok()
    }

    fn message(&self, segment: &UsageSegment) -> Vec<u8> {
        bytes(&(
            "chandlery-usage-report/1",
            &self.registry,
            self.account.as_str(),
            &self.host,
            segment.first,
            segment.digests.len(),
            segment.before,
            segment.head().hash,
            stored_time(segment.heard_at),
        ))
    }
}

impl Head {
    /// The place of the record that comes next.
    pub fn then(self, digest_of_next: &Digest) -> Self {
        let sequence = self.sequence.saturating_add(1);
        Self { sequence, hash: digest(&("chandlery-usage-link/1", self.hash, sequence, digest_of_next)) }
    }
}

impl UsageSegment {
    /// The place of the record before the first one.
    pub fn begin(&self) -> Head {
        Head { sequence: self.first.saturating_sub(1), hash: self.before }
    }

    /// The place of the last record.
    pub fn head(&self) -> Head {
        self.digests.iter().fold(self.begin(), Head::then)
    }

    /// The place before a record of this number; none: it is not in here.
    fn before(&self, sequence: u64) -> Option<Head> {
        let skipped = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        let before = self.digests.get(..skipped).filter(|before| before.len() < self.digests.len())?;
        Some(before.iter().fold(self.begin(), Head::then))
    }

    /// The digest of a record of this number; none: it is not in here.
    fn digest(&self, sequence: u64) -> Option<&Digest> {
        self.digests.get(usize::try_from(sequence.checked_sub(self.first)?).ok()?)
    }
}

/// How many records of a report, whose signature was checked, are new. `head` is the last record that is known, `heard_at` what its
/// host was told; `known` has the known records from the report's first one on, in their order.
pub fn judge(
    head: Head,
    heard_at: Timestamp,
    known: &[UsageSegment],
    report: &UsageSegment,
    now: Timestamp,
) -> Result<u64, Fault> {
    let fault = |kind, sequence| Fault { kind, sequence };
    let begin = report.begin();
    if report.first == 0 {
        return Err(fault(IncidentKind::Rewritten, 0));
    }
    if begin.sequence > head.sequence {
        return Err(fault(IncidentKind::Skipped, head.sequence + 1));
    }
    let before = || known.iter().find_map(|segment| segment.before(report.first));
    if report.digests.is_empty() {
        // Reports overtake each other where an answer is slow.
        let is_fresh = heard_at == report.heard_at || now.duration_since(report.heard_at).abs() <= DELAY;
        return match (begin == head || before() == Some(begin), is_fresh) {
            (true, true) => Ok(0),
            (true, false) => Err(fault(IncidentKind::Replayed, begin.sequence)),
            (false, _) => Err(fault(IncidentKind::Rewritten, begin.sequence)),
        };
    }
    if begin.sequence == head.sequence {
        return match begin == head {
            true => Ok(report.digests.len() as u64),
            false => Err(fault(IncidentKind::Rewritten, head.sequence)),
        };
    }
    if before() != Some(begin) {
        return Err(fault(IncidentKind::Rewritten, begin.sequence));
    }
    for (digest, sequence) in report.digests.iter().zip(report.first..=head.sequence) {
        if known.iter().find_map(|segment| segment.digest(sequence)) != Some(digest) {
            return Err(fault(IncidentKind::Forked, sequence));
        }
    }
    Ok((begin.sequence + report.digests.len() as u64).saturating_sub(head.sequence))
}

#[cfg(test)]
mod tests;
