//! What runs of a deployment, as its engine sees it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

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

impl LogTail {
    /// The replica, and its revision; none where its engine does not say it.
    pub fn of(&self) -> (&str, Option<i64>) {
        let said = self.replica.rsplit_once(".r");
        let known = said.and_then(|(replica, revision)| Some((replica, revision.parse::<u32>().ok()?)));
        known.map_or((self.replica.as_str(), None), |(replica, revision)| (replica, Some(revision.into())))
    }

    /// Whether it is asked for; where nobody says of which revisions: what is of this one, or may be.
    pub fn is_asked_for(&self, asked: Option<LogsOf>, revision: i64) -> bool {
        match (asked, self.of().1) {
            (Some(LogsOf::All), _) | (None, None) => true,
            (Some(LogsOf::Revision(asked)), of) => of == Some(asked),
            (None, Some(of)) => of == revision,
        }
    }
}

/// Of which revisions logs are asked for: a number, or `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum LogsOf {
    /// Of every one of which there are logs.
    All,
    /// Of this one.
    Revision(i64),
}

/// Of every revision, in the place of a number.
const ALL: &str = "all";

/// What says of no revision that its logs are asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no revision: write a number, as `chandlery history` lists them, or '{ALL}'")]
pub struct NoRevision(String);

impl FromStr for LogsOf {
    type Err = NoRevision;

    fn from_str(text: &str) -> Result<Self, NoRevision> {
        match text {
            ALL => Ok(Self::All),
            // As large as a number of a log's name may be.
            text => match text.parse::<u32>() {
                Ok(revision) => Ok(Self::Revision(revision.into())),
                Err(_) => Err(NoRevision(text.into())),
            },
        }
    }
}

impl TryFrom<String> for LogsOf {
    type Error = NoRevision;

    fn try_from(text: String) -> Result<Self, NoRevision> {
        text.parse()
    }
}

impl fmt::Display for LogsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str(ALL),
            Self::Revision(revision) => write!(f, "{revision}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(replica: &str) -> LogTail {
        LogTail { replica: replica.into(), lines: Vec::new() }
    }

    #[test]
    fn a_log_is_of_a_replica_and_a_revision() {
        for (name, of) in [
            ("server-0.r2", ("server-0", Some(2))),
            ("ocr.r-0.r12", ("ocr.r-0", Some(12))),
            ("ocr.r-0", ("ocr.r-0", None)),
            ("pod-x", ("pod-x", None)),
        ] {
            assert_eq!(tail(name).of(), of);
        }
    }

    #[test]
    fn logs_are_of_the_revision_that_should_run_unless_others_are_asked_for() {
        for (asked, shown) in [
            (None, [false, true, true]),
            (Some("1"), [true, false, false]),
            (Some("all"), [true, true, true]),
            (Some("7"), [false, false, false]),
        ] {
            let asked = asked.map(|text| text.parse().unwrap());
            let found = ["a-0.r1", "a-0.r2", "pod-x"].map(|name| tail(name).is_asked_for(asked, 2));
            assert_eq!(found, shown, "{asked:?}");
        }
    }

    #[test]
    fn a_revision_is_written_as_it_is_read() {
        for text in ["1", "12", "all"] {
            assert_eq!(text.parse::<LogsOf>().unwrap().to_string(), text);
        }
        for text in ["", "-1", "r2", "All", "1.5", "99999999999"] {
            assert!(text.parse::<LogsOf>().unwrap_err().to_string().contains("is no revision"), "{text}");
        }
    }
}
