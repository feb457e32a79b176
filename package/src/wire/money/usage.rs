//! Use: what hosts report, what of it waits to be confirmed, and what nobody has ordered.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Month, Namespace, PluginId, Release};

/// So much use of a plugin's release in a span of time. `id` makes it count once however often it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageEvent {
    /// Unique for ever.
    pub id: uuid::Uuid,
    /// The deployment, as its host calls it.
    pub deployment: String,
    /// What was used.
    pub release: Release,
    /// When the use began.
    pub from: Timestamp,
    /// Until when: it counts in the month (UTC) of this moment, and to the order that stood when it began.
    pub to: Timestamp,
    /// Milliseconds that replicas ran, summed over replicas.
    pub replica_millis: u64,
    /// Milliseconds that GPUs were held, summed over GPUs.
    pub gpu_millis: u64,
    /// What the plugin itself reported, by unit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<String, u64>,
    /// An event of the same account and plugin that does not count any more, whichever comes first: this one counts instead, once
    /// the seller or an operator has confirmed it where it may lower what is owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<uuid::Uuid>,
}

/// What became of a batch of usage events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageReceipt {
    /// How many events were stored now.
    pub accepted: u64,
    /// How many of the batch are corrections that do not count yet: see [`UsageCorrection`].
    #[serde(default)]
    pub held: u64,
    /// How many events had been stored before.
    pub known: u64,
    /// Refused, with the reason; the others of the batch are not held up.
    pub refused: Vec<RefusedUsage>,
}

/// A usage event that was not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedUsage {
    /// The [`UsageEvent::id`] of the event.
    pub id: uuid::Uuid,
    /// Why, for people.
    pub reason: String,
    /// Whether the same event may be accepted later. Otherwise it is refused for good.
    #[serde(default)]
    pub retry: bool,
}

/// The use of one deployment so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageTotal {
    /// The deployment, as its host calls it.
    pub deployment: String,
    /// What was used.
    pub plugin: PluginId,
    /// How many events.
    pub events: u64,
    /// How many of them no host has signed.
    #[serde(default)]
    pub unsigned: u64,
    /// Milliseconds that replicas ran, summed over replicas.
    pub replica_millis: u64,
    /// Milliseconds that GPUs were held, summed over GPUs.
    pub gpu_millis: u64,
}

crate::words! {
    /// How a correction of a usage event stands.
    pub enum CorrectionState: "state of a correction" {
        /// What it corrects has not come yet.
        Early = "early",
        /// It may lower what is owed, and waits for the seller or an operator; until then what it corrects counts.
        Pending = "pending",
        /// It was confirmed, and counts.
        Confirmed = "confirmed",
        /// It was refused, and never counts.
        Refused = "refused",
    }
}

/// A correction that its host cannot make by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageCorrection {
    /// What is to count instead.
    pub event: UsageEvent,
    /// The account whose use it is.
    pub account: Namespace,
    /// What counts until then; none: it has not come yet, or does not count any more.
    pub corrected: Option<UsageCounts>,
    /// How it stands.
    pub state: CorrectionState,
    /// When it came.
    pub received_at: Timestamp,
    /// Who has confirmed or refused it.
    pub decided_by: Option<Namespace>,
}

/// How much an event counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageCounts {
    /// Milliseconds that replicas ran, summed over replicas.
    pub replica_millis: u64,
    /// Milliseconds that GPUs were held, summed over GPUs.
    pub gpu_millis: u64,
    /// What the plugin itself reported, by unit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<String, u64>,
}

/// Confirms or refuses a correction.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CorrectionDecision {
    /// Whether it counts from now on, instead of what it corrects.
    pub confirmed: bool,
}

/// Use of a plugin that costs something, in a month that is closed, when no order of it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnlicensedUse {
    /// The month that it counts in.
    pub month: Month,
    /// Who used it.
    pub account: Namespace,
    /// What was used.
    pub plugin: PluginId,
    /// How many events.
    pub events: u64,
    /// Milliseconds that replicas ran, summed over replicas.
    pub replica_millis: u64,
    /// Milliseconds that GPUs were held, summed over GPUs.
    pub gpu_millis: u64,
}
