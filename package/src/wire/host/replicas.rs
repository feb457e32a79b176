//! What runs of a deployment, as its engine sees it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words;

words! {
    /// How far a replica is.
    #[derive(Default)]
    pub enum ReplicaState: "state of a replica" {
        /// What it needs is being made, or it waits for a place.
        #[default]
        Preparing = "preparing",
        /// It runs, and is not yet ready.
        Starting = "starting",
        /// It runs and may receive work.
        Ready = "ready",
        /// It ended and waits to be started again.
        BackingOff = "backing-off",
        /// It is to end: it gets no new requests.
        Stopping = "stopping",
        /// A job that ended well.
        Succeeded = "succeeded",
        /// It ended, or could not begin, and is not started again.
        Failed = "failed",
    }
}

/// A replica as its engine sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replica {
    /// Unique for ever.
    pub id: String,
    /// The workload of the plan.
    pub workload: String,
    /// Which of the workload's replicas, from 0.
    pub index: i64,
    /// The revision that it belongs to.
    pub revision: i64,
    /// How far it is.
    pub state: ReplicaState,
    /// Why it is in this state, in words.
    pub detail: String,
    /// Where each port can be reached: `127.0.0.1:9003`.
    pub addresses: BTreeMap<String, String>,
    /// The process, where it is one of this machine.
    pub pid: Option<i64>,
    /// What the target's own scheduler calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The GPUs that it holds, where they are known one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<String>,
    /// The program that it runs.
    pub program: Option<String>,
    /// How often it was started again.
    pub restarts: i64,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it was first ready since then.
    pub ready_at: Option<Timestamp>,
    /// Whether it was ready in this or an earlier run.
    #[serde(default)]
    pub was_ready: bool,
    /// Why its meters are not read; none: they are, or it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmetered: Option<Unmetered>,
}

/// A gap in the reading of a replica's meters. What its counters count meanwhile is reported when they can be read again, unless its
/// program has ended by then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unmetered {
    /// Since when they could not be read.
    pub since: Timestamp,
    /// Why, in words.
    pub reason: String,
}

/// Something that is not as it was made, and not by us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Drift {
    /// The replica or object, and what of it: `server-0 memory`.
    pub path: String,
    /// What it should be, with its unit.
    pub should: String,
    /// What it is instead, with its unit.
    pub is: String,
}

/// The end of one replica's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogTail {
    /// The replica and its revision: `server-0.r2`.
    pub replica: String,
    /// The last lines, in the order in which they were written.
    pub lines: Vec<String>,
}
