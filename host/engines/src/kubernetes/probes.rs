//! How a program is asked whether it is ready, and whether it still lives.

use chandlery_package::plan::{Check, Probe, WorkloadKind};
use serde_json::{Value, json};

/// Who serves models is silent for seconds under load: asked each second with a second's patience, such a server is taken out when it is
/// needed most. These are the numbers that llm-d-benchmark came to: <https://github.com/llm-d/llm-d-benchmark/pull/1734>.
const READY_PERIOD_SECONDS: u32 = 5;
const READY_TIMEOUT_SECONDS: u32 = 15;
const READY_FAILURES: u32 = 10;
/// Who has been silent for five minutes is started again: long after it got no requests any more.
const ALIVE_PERIOD_SECONDS: u32 = 10;
const ALIVE_TIMEOUT_SECONDS: u32 = 15;
const ALIVE_FAILURES: u32 = 30;

/// The probes of a container, by their names in it. Until it has started, the plan's own numbers hold; from then on it is asked whether
/// it is ready, and a service whether it lives.
pub(super) fn probes(probe: &Probe, kind: WorkloadKind) -> Vec<(&'static str, Value)> {
    let check = match &probe.check {
        Check::Http { port, path } => json!({ "httpGet": { "port": port, "path": path } }),
        Check::Tcp(port) => json!({ "tcpSocket": { "port": port } }),
        Check::Exec(command) => json!({ "exec": { "command": command } }),
    };
    let asked = |period_seconds: u32, failures: u32| {
        let mut check = check.clone();
        check["periodSeconds"] = period_seconds.into();
        check["failureThreshold"] = failures.into();
        check
    };
    let patient = |mut check: Value, timeout_seconds: u32| {
        check["timeoutSeconds"] = timeout_seconds.into();
        check
    };
    let period = probe.period_seconds.max(1);
    let ready = asked(period.max(READY_PERIOD_SECONDS), READY_FAILURES);
    let mut probes = vec![
        ("startupProbe", asked(period, probe.timeout_seconds.div_ceil(period).max(1))),
        ("readinessProbe", patient(ready, READY_TIMEOUT_SECONDS)),
    ];
    if kind == WorkloadKind::Service {
        let alive = asked(ALIVE_PERIOD_SECONDS, ALIVE_FAILURES);
        probes.push(("livenessProbe", patient(alive, ALIVE_TIMEOUT_SECONDS)));
    }
    probes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loaded_server_is_taken_out_late_and_started_again_later() {
        let check = Check::Http { port: "http".into(), path: "/health".into() };
        let probe = Probe { check, period_seconds: 1, timeout_seconds: 90 };
        let probes = probes(&probe, WorkloadKind::Service);
        let silent_seconds = |name: &str| {
            let (_, probe) = probes.iter().find(|(known, _)| *known == name).unwrap();
            assert_eq!(probe["httpGet"], json!({ "port": "http", "path": "/health" }));
            probe["periodSeconds"].as_u64().unwrap() * probe["failureThreshold"].as_u64().unwrap()
        };
        assert_eq!(silent_seconds("startupProbe"), 90);
        assert!(silent_seconds("readinessProbe") >= 30);
        assert!(silent_seconds("livenessProbe") >= 4 * silent_seconds("readinessProbe"));
        assert!(probes.iter().skip(1).all(|(_, probe)| probe["timeoutSeconds"].as_u64() >= Some(10)));
        assert_eq!(super::probes(&probe, WorkloadKind::Job).len(), 2);
    }
}
