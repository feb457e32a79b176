//! How a pod fares, in words: from its conditions, its program's container and what was told of it.

use jiff::{SignedDuration, Timestamp};
use kube::api::DynamicObject;
use serde_json::Value;

use super::events::Told;
use super::object::WORKLOAD;
use super::snapshot::label;
use chandlery_package::wire::host::ReplicaState;

/// The exit status of a program that was killed for its memory, where nobody says so.
const KILLED: i64 = 137;
/// How often a node tries to pull an image before it counts as one that cannot be pulled. Between the tries it waits 10 s, then
/// twice as long each time: <https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff>.
const PULLS_MAX: i64 = 4;
/// How long a node may try where its tries are not told of: as long as the longest of those waits.
const PULL_PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// How a pod fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub state: ReplicaState,
    pub detail: String,
    /// How often its program was started again.
    pub restarts: i64,
    /// Since when it has been on its node.
    pub started_at: Option<Timestamp>,
    pub ready_at: Option<Timestamp>,
    /// Whether its program runs no more, and never will again.
    pub ended: bool,
    /// When its program ended, where its node says so.
    pub finished_at: Option<Timestamp>,
    /// Whether what its program last wrote says more.
    pub crashed: bool,
    /// Whether it ended because it was taken from its node, or not let onto it.
    pub taken_away: bool,
}

/// How it fares, why, and whether its program's last words say more.
type Judged = (ReplicaState, String, bool);

/// Reads a pod by what was told of it until now.
pub(super) fn see(pod: &DynamicObject, told: &Told, now: Timestamp) -> Seen {
    let status = &pod.data["status"];
    let container = container(pod);
    let taken_away = taken_away(status, container);
    let (state, detail, crashed) = match &taken_away {
        Some(why) => (ReplicaState::Failed, why.clone(), false),
        None => judge(pod, container, told, now),
    };
    Seen {
        state,
        detail,
        restarts: container["restartCount"].as_i64().unwrap_or(0),
        started_at: time(&status["startTime"]),
        ready_at: condition(status, "Ready")
            .filter(|ready| ready["status"] == "True")
            .and_then(|ready| time(&ready["lastTransitionTime"])),
        ended: has_ended(pod),
        finished_at: finished_at(pod),
        crashed,
        taken_away: taken_away.is_some(),
    }
}

/// Whether a pod runs no more, and never will again.
pub(super) fn is_over(pod: &DynamicObject) -> bool {
    ["Succeeded", "Failed"].iter().any(|phase| pod.data["status"]["phase"] == *phase)
}

/// Whether a pod's program runs no more, and never will again: the pod is over, or only what was put beside the program goes on.
pub(super) fn has_ended(pod: &DynamicObject) -> bool {
    let terminated = &container(pod)["state"]["terminated"];
    let for_good = match pod.data["spec"]["restartPolicy"].as_str() {
        Some("Never") => terminated.is_object(),
        Some("OnFailure") => terminated["exitCode"] == 0,
        _ => false,
    };
    for_good || is_over(pod)
}

/// When a pod's program ended, where its node says so.
pub(super) fn finished_at(pod: &DynamicObject) -> Option<Timestamp> {
    time(&container(pod)["state"]["terminated"]["finishedAt"])
}

/// What the program's container is said to do: others may have been put into its pod, before it or after it.
fn container(pod: &DynamicObject) -> &Value {
    named(&pod.data["status"]["containerStatuses"], label(pod, WORKLOAD))
}

/// The image that a pod's program is from.
pub(super) fn image(pod: &DynamicObject) -> Option<String> {
    named(&pod.data["spec"]["containers"], label(pod, WORKLOAD))["image"].as_str().map(String::from)
}

fn named<'a>(containers: &'a Value, name: &str) -> &'a Value {
    containers.as_array().into_iter().flatten().find(|it| it["name"] == name).unwrap_or(&Value::Null)
}

/// Why a pod has ended that was evicted, preempted or refused by its node, or whose node is gone: the program did not do it.
///
/// Nodes say it as the pod's own reason, and whoever disrupts a pod by the condition `DisruptionTarget`:
/// <https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions>.
fn taken_away(status: &Value, container: &Value) -> Option<String> {
    let disrupted = condition(status, "DisruptionTarget").filter(|it| it["status"] == "True");
    let reason = Some(word(status, "reason")).filter(|it| !it.is_empty() && *it != "DeadlineExceeded");
    let never_ran = container["state"]["terminated"].is_null();
    if status["phase"] != "Failed" || (disrupted.is_none() && reason.is_none() && !never_ran) {
        return None;
    }
    let said = |it: &Value| format!("{}: {}", word(it, "reason"), word(it, "message"));
    Some(match (reason, disrupted) {
        (None, Some(disrupted)) => said(disrupted),
        (None, None) => "it never ran".into(),
        _ => said(status),
    })
}

fn judge(pod: &DynamicObject, container: &Value, told: &Told, now: Timestamp) -> Judged {
    let status = &pod.data["status"];
    let terminated = &container["state"]["terminated"];
    let waiting = &container["state"]["waiting"];
    let because = |words: &str| match told.warning() {
        Some(told) => format!("{words}: {told}"),
        None => words.into(),
    };
    match status["phase"].as_str().unwrap_or("Pending") {
        "Succeeded" => (ReplicaState::Succeeded, "exit status: 0".into(), false),
        "Failed" => (ReplicaState::Failed, ended(terminated), true),
        _ if pod.metadata.deletion_timestamp.is_some() => {
            (ReplicaState::Stopping, "it gets no new requests".into(), false)
        }
        _ if waiting.is_object() => wait(status, container, told, now),
        // What was put beside a job's program may go on when it has ended.
        _ if terminated["exitCode"] == 0 && pod.data["spec"]["restartPolicy"] != "Always" => {
            (ReplicaState::Succeeded, "exit status: 0; other containers of its pod run on".into(), false)
        }
        _ if terminated.is_object() => (ReplicaState::BackingOff, ended(terminated), true),
        _ if condition(status, "Ready").is_some_and(|ready| ready["status"] == "True") => {
            (ReplicaState::Ready, String::new(), false)
        }
        "Running" => (ReplicaState::Starting, because("it runs, and is not ready yet"), false),
        _ => match condition(status, "PodScheduled").filter(|it| it["status"] == "False") {
            Some(unscheduled) => {
                let why = format!("no node takes it: {}", word(unscheduled, "message"));
                (ReplicaState::Preparing, why, false)
            }
            None => (ReplicaState::Preparing, because("its node prepares it"), false),
        },
    }
}

/// A container that does not run yet, or not at the moment.
fn wait(status: &Value, container: &Value, told: &Told, now: Timestamp) -> Judged {
    let waiting = &container["state"]["waiting"];
    let last = &container["lastState"]["terminated"];
    let message = word(waiting, "message");
    match waiting["reason"].as_str().unwrap_or_default() {
        "CrashLoopBackOff" => {
            (ReplicaState::BackingOff, format!("{}; started again in a while", ended(last)), true)
        }
        "InvalidImageName" | "ErrImageNeverPull" => {
            (ReplicaState::Failed, format!("its image cannot be pulled: {message}"), false)
        }
        "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable" | "ImageInspectError" => {
            let since = [time(&status["startTime"]), time(&last["finishedAt"])].into_iter().flatten().max();
            let since = since.unwrap_or(now);
            let (tries, why) = told.pulls_since(since);
            let said = format!("its image cannot be pulled: {}", why.unwrap_or(message));
            // One try may take long: patience ends only where nobody tells of any.
            let is_out_of_patience = tries == 0 && now.duration_since(since) > PULL_PATIENCE;
            match tries >= PULLS_MAX || is_out_of_patience {
                true => (ReplicaState::Failed, said, false),
                false => (ReplicaState::BackingOff, format!("{said}; tried again in a while"), false),
            }
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            (ReplicaState::Preparing, format!("its container cannot be made: {message}"), false)
        }
        _ => {
            let told = told.warning().map(|told| format!(": {told}")).unwrap_or_default();
            (ReplicaState::Preparing, format!("its node prepares it{told}"), false)
        }
    }
}

/// How a program ended.
fn ended(terminated: &Value) -> String {
    let code = terminated["exitCode"].as_i64();
    match (terminated["reason"].as_str(), code) {
        (Some("OOMKilled"), _) => "out of memory: it needed more than it was allowed".into(),
        (_, Some(KILLED)) => format!("exit status: {KILLED}, killed"),
        (Some(reason), None) => reason.into(),
        (_, Some(code)) => {
            let message = word(terminated, "message");
            let message = if message.is_empty() { String::new() } else { format!(": {message}") };
            format!("exit status: {code}{message}")
        }
        (None, None) => "it ended".into(),
    }
}

/// The condition of this kind in an object's status.
pub(super) fn condition<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    status["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A moment, as objects tell it.
pub(super) fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::events::Events;
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    const BEGAN: &str = "2026-01-01T00:00:00Z";

    fn see(status: Value, told: &[(&str, i64)], seconds: i64) -> Seen {
        let metadata = json!({ "name": "p", "uid": "u", "labels": { WORKLOAD: "server" } });
        let pod = json!({ "metadata": metadata, "spec": { "restartPolicy": "Always" }, "status": status });
        let events: Vec<_> = told
            .iter()
            .map(|(message, count)| {
                let event = json!({
                    "metadata": {}, "type": "Warning", "reason": "Failed", "message": message, "count": count,
                    "lastTimestamp": BEGAN, "involvedObject": { "uid": "u" },
                });
                Arc::new(serde_json::from_value(event).unwrap())
            })
            .collect();
        let now = BEGAN.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds);
        super::see(&serde_json::from_value(pod).unwrap(), Events::read(&events).of("u"), now)
    }

    fn said(status: Value, told: &[(&str, i64)]) -> (ReplicaState, String) {
        let seen = see(status, told, 1);
        (seen.state, seen.detail)
    }

    /// The status of a pod whose program's container is in this state, with another before it.
    fn running(state: Value) -> Value {
        let mut program = json!({ "name": "server" });
        program.as_object_mut().unwrap().extend(state.as_object().unwrap().clone());
        let proxy = json!({ "name": "envoy", "restartCount": 9, "state": { "running": {} } });
        json!({ "phase": "Running", "startTime": BEGAN, "containerStatuses": [proxy, program] })
    }

    #[test]
    fn states_are_said_in_words() {
        let message = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.";
        let unscheduled = json!({ "phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
        }] });
        let preparing = (ReplicaState::Preparing, format!("no node takes it: {message}"));
        assert_eq!(said(unscheduled, &[]), preparing);
        let crash = |last: Value| {
            running(json!({
                "restartCount": 2,
                "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 10s" } },
                "lastState": { "terminated": last },
            }))
        };
        let crashed = crash(json!({ "exitCode": 3, "reason": "Error" }));
        assert_eq!(
            see(crashed.clone(), &[], 1).restarts,
            2,
            "those of the program, not of what is beside it"
        );
        let again = (ReplicaState::BackingOff, "exit status: 3; started again in a while".into());
        assert_eq!(said(crashed, &[]), again);
        assert_eq!(
            said(crash(json!({ "exitCode": 137, "reason": "OOMKilled" })), &[]).1,
            "out of memory: it needed more than it was allowed; started again in a while"
        );
        let runs = running(json!({ "state": { "running": {} } }));
        assert_eq!(
            said(runs.clone(), &[("Readiness probe failed: 503", 1)]).1,
            "it runs, and is not ready yet: Readiness probe failed: 503"
        );
        let mut ready = runs;
        ready["conditions"] = json!([{ "type": "Ready", "status": "True" }]);
        assert_eq!(said(ready, &[]).0, ReplicaState::Ready);
    }

    #[test]
    fn a_node_tries_to_pull_an_image_several_times() {
        let waits =
            |reason: &str| running(json!({ "state": { "waiting": { "reason": reason, "message": "x" } } }));
        let pulls = |count| [("Failed to pull image \"a\": timeout", count)];
        let why = "its image cannot be pulled: Failed to pull image \"a\": timeout";
        for (reason, tries, seconds, state) in [
            ("ErrImagePull", 1, 1, ReplicaState::BackingOff),
            ("ImagePullBackOff", 3, 40, ReplicaState::BackingOff),
            ("ImagePullBackOff", 4, 80, ReplicaState::Failed),
            // A large image took that long until it failed.
            ("ErrImagePull", 1, 301, ReplicaState::BackingOff),
        ] {
            let seen = see(waits(reason), &pulls(tries), seconds);
            assert_eq!(seen.state, state, "{reason} {tries} {seconds}");
            assert!(seen.detail.starts_with(why), "{}", seen.detail);
        }
        let untold = |seconds| see(waits("ErrImagePull"), &[], seconds).state;
        assert_eq!((untold(300), untold(301)), (ReplicaState::BackingOff, ReplicaState::Failed));
        assert_eq!(see(waits("InvalidImageName"), &[], 0).state, ReplicaState::Failed);
        // It ran for a day before its image was pulled again.
        let mut again = waits("ImagePullBackOff");
        again["containerStatuses"][1]["lastState"] =
            json!({ "terminated": { "finishedAt": "2026-01-02T00:00:00Z" } });
        assert_eq!(see(again, &[], 86_410).state, ReplicaState::BackingOff);
    }

    #[test]
    fn who_was_taken_away_has_not_failed_by_itself() {
        let killed = json!([{ "name": "server", "state": { "terminated": { "exitCode": 137 } } }]);
        let target = json!([{
            "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "message": "preempting",
        }]);
        for (status, why) in [
            (
                json!({ "reason": "Evicted", "message": "The node was low on memory." }),
                "Evicted: The node was low on memory.",
            ),
            (json!({ "reason": "Evicted", "message": "m", "containerStatuses": killed }), "Evicted: m"),
            (
                json!({ "conditions": target, "containerStatuses": killed }),
                "PreemptionByScheduler: preempting",
            ),
            (json!({}), "it never ran"),
        ] {
            let mut status = status;
            status["phase"] = "Failed".into();
            let seen = see(status, &[], 1);
            assert!(seen.taken_away && !seen.crashed);
            assert_eq!((seen.state, seen.detail.as_str()), (ReplicaState::Failed, why));
        }
        let failed = see(json!({ "phase": "Failed", "containerStatuses": killed }), &[], 1);
        assert_eq!((failed.taken_away, failed.detail.as_str()), (false, "exit status: 137, killed"));
    }
}
