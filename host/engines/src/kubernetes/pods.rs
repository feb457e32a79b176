//! How a pod fares, in words: from its conditions, its container and what was told of it.

use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::Value;

use chandlery_package::wire::host::ReplicaState;

/// The exit status of a program that was killed for its memory, where nobody says so.
const KILLED: i64 = 137;

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
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Whether what its program last wrote says more.
    pub crashed: bool,
}

/// Reads a pod; `told` is the last warning about it.
pub(super) fn see(pod: &DynamicObject, told: Option<&str>) -> Seen {
    let status = &pod.data["status"];
    let container = &status["containerStatuses"][0];
    let (state, detail, crashed) = state(pod, status, container, told);
    Seen {
        state,
        detail,
        restarts: container["restartCount"].as_i64().unwrap_or(0),
        started_at: time(&status["startTime"]),
        ready_at: condition(status, "Ready")
            .filter(|ready| ready["status"] == "True")
            .and_then(|ready| time(&ready["lastTransitionTime"])),
        finished_at: time(&container["state"]["terminated"]["finishedAt"]),
        crashed,
    }
}

fn state(
    pod: &DynamicObject,
    status: &Value,
    container: &Value,
    told: Option<&str>,
) -> (ReplicaState, String, bool) {
    let phase = status["phase"].as_str().unwrap_or("Pending");
    let terminated = &container["state"]["terminated"];
    let waiting = &container["state"]["waiting"];
    let because = |words: &str| told.map_or(words.to_owned(), |told| format!("{words}: {told}"));
    match phase {
        "Succeeded" => (ReplicaState::Succeeded, "exit status: 0".into(), false),
        // Evicted, or its node is gone.
        "Failed" if terminated.is_null() => {
            let (reason, message) = (word(status, "reason"), word(status, "message"));
            (ReplicaState::Failed, format!("{reason}: {message}"), false)
        }
        "Failed" => (ReplicaState::Failed, ended(terminated), true),
        _ if pod.metadata.deletion_timestamp.is_some() => {
            (ReplicaState::Stopping, "it gets no new requests".into(), false)
        }
        _ if waiting.is_object() => wait(waiting, &container["lastState"]["terminated"], told),
        _ if terminated.is_object() => (ReplicaState::BackingOff, ended(terminated), true),
        _ if condition(status, "Ready").is_some_and(|ready| ready["status"] == "True") => {
            (ReplicaState::Ready, String::new(), false)
        }
        "Running" => (ReplicaState::Starting, because("it runs, and is not ready yet"), false),
        _ => match condition(status, "PodScheduled").filter(|it| it["status"] == "False") {
            Some(unscheduled) => (
                ReplicaState::Preparing,
                format!("no node takes it: {}", word(unscheduled, "message")),
                false,
            ),
            None => (ReplicaState::Preparing, because("its node prepares it"), false),
        },
    }
}

/// A container that does not run yet, or not at the moment.
fn wait(waiting: &Value, last: &Value, told: Option<&str>) -> (ReplicaState, String, bool) {
    let message = word(waiting, "message");
    match waiting["reason"].as_str().unwrap_or_default() {
        "CrashLoopBackOff" => {
            (ReplicaState::BackingOff, format!("{}; started again in a while", ended(last)), true)
        }
        "ErrImagePull" => (ReplicaState::Preparing, format!("its image cannot be pulled: {message}"), false),
        "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => {
            let why = told.unwrap_or(message);
            (ReplicaState::Failed, format!("its image cannot be pulled: {why}"), false)
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            (ReplicaState::Preparing, format!("its container cannot be made: {message}"), false)
        }
        _ => {
            let detail =
                told.map_or("its node prepares it".into(), |told| format!("its node prepares it: {told}"));
            (ReplicaState::Preparing, detail, false)
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

fn condition<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    status["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn states_are_said_in_words() {
        let see = |status: Value, told: Option<&str>| {
            let pod = json!({ "metadata": { "name": "p" }, "status": status });
            let seen = super::see(&serde_json::from_value(pod).unwrap(), told);
            (seen.state, seen.detail)
        };
        let container = |state: Value| json!({ "phase": "Running", "containerStatuses": [state] });
        let unscheduled = json!({ "phase": "Pending", "conditions": [{
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
        }] });
        assert_eq!(
            see(unscheduled, None),
            (
                ReplicaState::Preparing,
                "no node takes it: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.".into()
            )
        );
        let crash = |last: Value| {
            container(json!({
                "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 10s" } },
                "lastState": { "terminated": last },
            }))
        };
        assert_eq!(
            see(crash(json!({ "exitCode": 3, "reason": "Error" })), None),
            (ReplicaState::BackingOff, "exit status: 3; started again in a while".into())
        );
        assert_eq!(
            see(crash(json!({ "exitCode": 137, "reason": "OOMKilled" })), None).1,
            "out of memory: it needed more than it was allowed; started again in a while"
        );
        let pull =
            container(json!({ "state": { "waiting": { "reason": "ImagePullBackOff", "message": "x" } } }));
        assert_eq!(
            see(pull, Some("not found")),
            (ReplicaState::Failed, "its image cannot be pulled: not found".into())
        );
        let running = json!({ "phase": "Running", "containerStatuses": [{ "state": { "running": {} } }] });
        assert_eq!(
            see(running.clone(), Some("Readiness probe failed: 503")).1,
            "it runs, and is not ready yet: Readiness probe failed: 503"
        );
        let mut ready = running;
        ready["conditions"] = json!([{ "type": "Ready", "status": "True" }]);
        assert_eq!(see(ready, None).0, ReplicaState::Ready);
        let evicted =
            json!({ "phase": "Failed", "reason": "Evicted", "message": "The node was low on memory." });
        assert_eq!(see(evicted, None), (ReplicaState::Failed, "Evicted: The node was low on memory.".into()));
    }
}
