//! What integrations are told.

use chandlery_package::{Release, words};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened to a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Unique for ever.
    pub id: String,
    /// What it was.
    pub kind: EventKind,
    /// When it happened.
    pub at: Timestamp,
    /// The deployment's name.
    pub deployment: String,
    /// The name of the target that it is deployed to.
    pub target: String,
    /// Whose it is.
    pub team: Option<String>,
    /// The release that made its plan; none: it is about no deployment.
    #[serde(with = "or_empty")]
    pub release: Option<Release>,
    /// The number of its revision, from 1.
    pub revision: u64,
    /// What happened, in words.
    pub detail: String,
    /// Which attempt to deliver it this is, from 1.
    #[serde(default)]
    pub attempt: u32,
    /// When this attempt began, in seconds since 1970.
    #[serde(default)]
    pub attempted_at: u64,
}

words! {
    /// What happens to deployments; `event-kind` in `wit/`.
    pub enum EventKind: "kind of event" {
        /// A new revision was recorded.
        Planned = "planned",
        /// Every replica of the revision is ready, or has succeeded.
        RolledOut = "rolled-out",
        /// It was rolled out, and some replica is not ready any more.
        Degraded = "degraded",
        /// It was degraded, and is well again.
        Recovered = "recovered",
        /// A replica has failed for good.
        Failed = "failed",
        /// It was removed.
        Removed = "removed",
        /// A deployment has passed a limit of use.
        UsageThreshold = "usage-threshold",
        /// Nothing happened: somebody tries the integration out.
        Test = "test",
    }
}

/// A release, or an empty text in its place, as `event` in `wit/` has it.
mod or_empty {
    use chandlery_package::Release;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(release: &Option<Release>, serializer: S) -> Result<S::Ok, S::Error> {
        match release {
            Some(release) => serializer.collect_str(release),
            None => serializer.serialize_str(""),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Release>, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.is_empty() {
            true => Ok(None),
            false => text.parse().map(Some).map_err(D::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(release: &str) -> String {
        format!(
            r#"{{"id":"1","kind":"planned","at":"2026-01-01T00:00:00Z","deployment":"a","target":"local","team":null,"release":"{release}","revision":1,"detail":"","attempt":0,"attempted_at":0}}"#
        )
    }

    /// Events wait in the host's database, written by earlier versions, too.
    #[test]
    fn an_event_is_written_as_it_was_read() {
        for release in ["acme:kept@1.0.0", ""] {
            let event: Event = serde_json::from_str(&written(release)).unwrap();
            assert_eq!(event.release.is_none(), release.is_empty());
            assert_eq!(serde_json::to_string(&event).unwrap(), written(release));
        }
        assert!(serde_json::from_str::<Event>(&written("acme")).is_err());
    }
}
