//! What nodes and controllers tell of an object, as far as anything follows from it.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::Value;

/// What was told of each object, by its uid.
#[derive(Debug, Default)]
pub(super) struct Events {
    of: HashMap<String, Told>,
    nothing: Told,
}

/// What was told of one object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told {
    warning: Option<(Timestamp, String)>,
    /// Tries to pull its image, and why they failed.
    pulls: Vec<(Timestamp, i64, String)>,
    /// When a pod of it could not be made, and why; and when one was made.
    refused: Option<(Timestamp, String)>,
    made: Option<Timestamp>,
}

impl Events {
    pub fn read(events: &[Arc<DynamicObject>]) -> Self {
        let mut found = Self::default();
        for event in events {
            if let Some(uid) = event.data["involvedObject"]["uid"].as_str() {
                found.of.entry(uid.to_owned()).or_default().add(&event.data);
            }
        }
        found
    }

    /// What was told of the object with this uid.
    pub fn of(&self, uid: &str) -> &Told {
        self.of.get(uid).unwrap_or(&self.nothing)
    }
}

impl Told {
    fn add(&mut self, event: &Value) {
        let times = [&event["series"]["lastObservedTime"], &event["lastTimestamp"], &event["eventTime"]];
        let at =
            times.into_iter().find_map(|time| time.as_str()?.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH);
        let said = event["message"].as_str().unwrap_or_default().trim();
        let count = event["series"]["count"].as_i64().or_else(|| event["count"].as_i64()).unwrap_or(1);
        match event["reason"].as_str().unwrap_or_default() {
            "FailedCreate" => set_later(&mut self.refused, at, said),
            "SuccessfulCreate" => self.made = self.made.max(Some(at)),
            "Failed" if said.starts_with("Failed to pull image") => self.pulls.push((at, count, said.into())),
            _ => {}
        }
        // What kubelets tell of a back-off says less than what they back off from.
        let says_less = said.starts_with("Back-off") || said.starts_with("Error: ");
        if event["type"] == "Warning" && !says_less {
            set_later(&mut self.warning, at, said);
        }
    }

    /// The last warning.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_ref().map(|(_, said)| said.as_str())
    }

    /// How often its image could not be pulled since then, and why it last could not.
    pub fn pulls_since(&self, since: Timestamp) -> (i64, Option<&str>) {
        let of_it = self.pulls.iter().filter(|(at, ..)| *at >= since);
        let last = of_it.clone().max_by_key(|(at, ..)| *at).map(|(_, _, why)| why.as_str());
        (of_it.map(|(_, count, _)| count).sum(), last)
    }

    /// Why no pod of it was made after it was made what it is, unless one was made since.
    pub fn refused_after(&self, applied: Timestamp) -> Option<&str> {
        let (at, why) = self.refused.as_ref()?;
        let is_news = *at > applied && self.made.is_none_or(|made| *at > made);
        is_news.then_some(why)
    }
}

fn set_later(held: &mut Option<(Timestamp, String)>, at: Timestamp, said: &str) {
    if held.as_ref().is_none_or(|(before, _)| *before <= at) {
        *held = Some((at, said.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn told(events: &[(i64, &str, &str, i64)]) -> Told {
        let mut told = Told::default();
        for (second, reason, message, count) in events {
            let kind = if reason.starts_with("Successful") { "Normal" } else { "Warning" };
            told.add(&json!({
                "type": kind, "reason": reason, "message": message, "count": count,
                "lastTimestamp": at(*second).to_string(),
            }));
        }
        told
    }

    #[test]
    fn the_last_warning_is_told_that_says_something() {
        let told = told(&[
            (3, "Unhealthy", "Readiness probe failed: 503", 1),
            (2, "Unhealthy", "Readiness probe failed: refused", 1),
            (4, "BackOff", "Back-off restarting failed container", 1),
            (5, "Failed", "Error: ImagePullBackOff", 1),
        ]);
        assert_eq!(told.warning(), Some("Readiness probe failed: 503"));
        assert_eq!(Told::default().warning(), None);
    }

    #[test]
    fn tries_to_pull_are_counted_since_the_program_last_ran() {
        let told = told(&[
            (10, "Failed", "Failed to pull image \"a\": timeout", 3),
            (20, "Failed", "Failed to pull image \"a\": not found", 2),
            (21, "Failed", "Error: ErrImagePull", 5),
        ]);
        assert_eq!(told.pulls_since(at(0)), (5, Some("Failed to pull image \"a\": not found")));
        assert_eq!(told.pulls_since(at(15)).0, 2);
        assert_eq!(told.pulls_since(at(30)), (0, None));
    }

    #[test]
    fn a_refusal_counts_until_a_pod_is_made_or_another_is_asked_for() {
        let refused = (10, "FailedCreate", "exceeded quota", 1);
        assert_eq!(told(&[refused]).refused_after(at(9)), Some("exceeded quota"));
        assert_eq!(told(&[refused]).refused_after(at(10)), None);
        assert_eq!(told(&[refused, (11, "SuccessfulCreate", "made", 1)]).refused_after(at(9)), None);
        assert_eq!(
            told(&[(8, "SuccessfulCreate", "made", 1), refused]).refused_after(at(9)),
            Some("exceeded quota")
        );
    }
}
