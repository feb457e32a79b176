//! Usage that hosts vouch for: their keys, what they sign, how their chains stand, and what an invoice can be checked with.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Order, UsageEvent};
use crate::{Digest, Money, Month, Namespace, PublicKey};

/// Registers the key that a host signs its usage with.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HostKey {
    /// The key, which a host keeps for good.
    pub key: PublicKey,
}

/// The next records of a host, or none where it has nothing to tell; signed. [`crate::chain`] says what is hashed and signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageReport {
    /// The number of the first record, counted from 1; without records, of the next one.
    pub first: u64,
    /// The hash of the record before.
    pub before: Digest,
    /// The [`HostChain::heard_at`] that the registry has told: an old report cannot stand for a new one.
    pub heard_at: Timestamp,
    /// What was used, a record each.
    pub events: Vec<UsageEvent>,
    /// Base64 of the 64 bytes of an Ed25519 signature.
    pub signature: String,
}

/// Records of a host that were signed together, by the digests of what they say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageSegment {
    /// The host, as it calls itself.
    pub host: String,
    /// The number of the first record.
    pub first: u64,
    /// The hash of the record before.
    pub before: Digest,
    /// The digest of each record's event.
    pub digests: Vec<Digest>,
    /// When the registry had heard of the host before, as the host was told.
    pub heard_at: Timestamp,
    /// Base64 of the 64 bytes of an Ed25519 signature.
    pub signature: String,
}

crate::words! {
    /// How a host's reports stand.
    pub enum ChainState: "state of a host's reports" {
        /// It was heard of within the grace period.
        Reporting = "reporting",
        /// It has stopped reporting: it gets no licence until it reports again.
        Silent = "silent",
        /// Its account has said that it is no more.
        Forgotten = "forgotten",
    }

    /// What a host has done that no honest one does.
    pub enum IncidentKind: "kind of incident" {
        /// It has left records out.
        Skipped = "skipped",
        /// It has said something else in a record of the same number.
        Forked = "forked",
        /// What it continues is not what it had said.
        Rewritten = "rewritten",
        /// It has sent an old report for a new one.
        Replayed = "replayed",
        /// Its key did not sign this for this account and host.
        Unsigned = "unsigned",
        /// Another key was to take the place of its own.
        OtherKey = "other-key",
        /// The id of a record's event was used before for another event.
        OtherEvent = "other-event",
    }
}

/// What a host has done that no honest one does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostIncident {
    /// What it was.
    pub kind: IncidentKind,
    /// The number of the record that it is about.
    pub sequence: u64,
    /// How often it was seen.
    pub times: u64,
    /// When it was first seen.
    pub first_at: Timestamp,
    /// When it was last seen.
    pub last_at: Timestamp,
}

/// How far a host has reported, and what is wrong with that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostChain {
    /// The log of the registry, whose name is signed with each report.
    pub registry: String,
    /// The account whose host it is.
    pub account: Namespace,
    /// The host, as it calls itself.
    pub host: String,
    /// What it signs with.
    pub key: PublicKey,
    /// The number of its last record.
    pub sequence: u64,
    /// The hash of that record.
    pub head: Digest,
    /// When it was last heard of.
    pub heard_at: Timestamp,
    /// How it stands.
    pub state: ChainState,
    /// What it has done that no honest host does, the latest first; at most 100.
    pub incidents: Vec<HostIncident>,
}

/// A record of an account's month. What is none of the reader's business is its digest alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageRecord {
    /// The digest of the event: see [`crate::chain::event_digest`].
    pub digest: Digest,
    /// What was used; none: it is of a plugin that the reader does not sell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<UsageEvent>,
    /// The host that has signed it; none: it came without a signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The event that counts instead; none: this one counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected_by: Option<uuid::Uuid>,
    /// Whether it came after the last root, so that it is not charged yet.
    pub late: bool,
}

/// The root of an account's records of a month, as the log has it: the last one is of all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageRoot {
    /// The account whose use it is.
    pub account: Namespace,
    /// The month that the records count in.
    pub month: Month,
    /// How many records there were.
    pub records: u64,
    /// The root of their Merkle tree (RFC 6962) in the order of their ids; the leaves are the digests' 32 bytes.
    pub root: Digest,
    /// Where the log has it.
    pub log_index: u64,
}

/// What a month of an order was charged by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageCharge {
    /// The order, with its price and when it stood.
    pub order: Order,
    /// The month that was used in.
    pub month: Month,
    /// What each close has charged, the earliest first.
    pub closes: Vec<ChargedClose>,
}

/// What a close has charged of a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChargedClose {
    /// The month that was closed: a later one, for what came late.
    pub closed: Month,
    /// How much was used by then, in what [`crate::Unit`] counts; of a price by the deployment, how many there were.
    pub used: u64,
    /// What all of that costs, without taxes.
    pub charged: Money,
    /// The lines of invoices for what that is more than before.
    pub lines: Vec<ChargedLine>,
}

/// A line of an invoice for use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChargedLine {
    /// The number of the invoice.
    pub invoice: i64,
    /// How much, as the invoice says it.
    pub quantity: String,
    /// What it costs, without taxes.
    pub amount: Money,
}
