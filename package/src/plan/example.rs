//! A plan to begin from: for tests and trials, in whichever crate they are.

use super::{EnvValue, EnvVar, Port, Protocol, Resources, Restart, Runtime, Scale, Workload, WorkloadKind};

/// The smallest workload that has a port and a variable: one replica of `sleep`, a program of the target's own.
pub fn workload() -> Workload {
    Workload {
        name: "server".into(),
        kind: WorkloadKind::Service,
        runtime: Runtime::Host,
        command: vec!["sleep".into(), "1".into()],
        env: vec![EnvVar { name: "PORT".into(), value: EnvValue::Port("http".into()) }],
        resources: Resources { cpu_millis: 100, memory_mib: 64, gpu: None, scratch_mib: 0 },
        scale: Scale { replicas_min: 1, replicas_max: 1, target: None, nodes_per_replica: 1, spot_ok: false },
        ports: vec![Port { name: "http".into(), number: 80, protocol: Protocol::Http }],
        readiness: None,
        volumes: Vec::new(),
        restart: Restart::Always,
        grace_seconds: 1,
    }
}
