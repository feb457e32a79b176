//! Plans and facts, between the contract's types and the host's own model.

use super::template::chandlery::plugin::{plan_types as wire, template_types};
use chandlery_package::plan;

pub(super) fn facts(facts: &plan::Facts) -> template_types::Facts {
    use template_types::{EngineKind, GpuPool, RuntimeKind};
    template_types::Facts {
        name: facts.name.clone(),
        engine: match facts.engine {
            plan::EngineKind::Local => EngineKind::Local,
            plan::EngineKind::Slurm => EngineKind::Slurm,
            plan::EngineKind::Kubernetes => EngineKind::Kubernetes,
        },
        runtimes: facts
            .runtimes
            .iter()
            .map(|runtime| match runtime {
                plan::RuntimeKind::Container => RuntimeKind::Container,
                plan::RuntimeKind::Python => RuntimeKind::Python,
                plan::RuntimeKind::Host => RuntimeKind::Host,
            })
            .collect(),
        gpu_pools: facts
            .gpu_pools
            .iter()
            .map(|pool| GpuPool {
                kind: pool.kind.clone(),
                memory_mib: pool.memory_mib,
                total: pool.total,
                free: pool.free,
                nodes: pool.nodes,
            })
            .collect(),
        architecture: facts.architecture.clone(),
    }
}

pub(super) fn plan(plan: wire::Plan) -> plan::Plan {
    plan::Plan { workloads: plan.workloads.into_iter().map(workload).collect(), notes: plan.notes }
}

fn workload(workload: wire::Workload) -> plan::Workload {
    plan::Workload {
        name: workload.name,
        kind: match workload.kind {
            wire::WorkloadKind::Service => plan::WorkloadKind::Service,
            wire::WorkloadKind::Job => plan::WorkloadKind::Job,
        },
        runtime: match workload.runtime {
            wire::Runtime::Container(image) => plan::Runtime::Container(image),
            wire::Runtime::Python(requirements) => plan::Runtime::Python(requirements),
            wire::Runtime::Host => plan::Runtime::Host,
        },
        command: workload.command,
        env: workload.env.into_iter().map(env_var).collect(),
        resources: resources(workload.resources),
        scale: scale(workload.scale),
        ports: workload.ports.into_iter().map(port).collect(),
        readiness: workload.readiness.map(probe),
        volumes: workload.volumes.into_iter().map(volume).collect(),
        restart: match workload.restart {
            wire::Restart::Always => plan::Restart::Always,
            wire::Restart::OnFailure => plan::Restart::OnFailure,
            wire::Restart::Never => plan::Restart::Never,
        },
        grace_seconds: workload.grace_seconds,
    }
}

fn env_var(var: wire::EnvVar) -> plan::EnvVar {
    let value = match var.value {
        wire::EnvValue::Text(text) => plan::EnvValue::Text(text),
        wire::EnvValue::Secret(name) => plan::EnvValue::Secret(name),
        wire::EnvValue::Port(name) => plan::EnvValue::Port(name),
    };
    plan::EnvVar { name: var.name, value }
}

fn resources(resources: wire::Resources) -> plan::Resources {
    let gpu = resources.gpu.map(|gpu| plan::Gpu {
        kinds: gpu.kinds,
        count_per_replica: gpu.count_per_replica,
        memory_mib_min: gpu.memory_mib_min,
        interconnect: match gpu.interconnect {
            wire::Interconnect::None => plan::Interconnect::None,
            wire::Interconnect::Nvlink => plan::Interconnect::Nvlink,
            wire::Interconnect::Rdma => plan::Interconnect::Rdma,
        },
    });
    plan::Resources {
        cpu_millis: resources.cpu_millis,
        memory_mib: resources.memory_mib,
        gpu,
        scratch_mib: resources.scratch_mib,
    }
}

fn scale(scale: wire::Scale) -> plan::Scale {
    plan::Scale {
        replicas_min: scale.replicas_min,
        replicas_max: scale.replicas_max,
        target: scale.target.map(|target| plan::MetricTarget { metric: target.metric, value: target.value }),
        nodes_per_replica: scale.nodes_per_replica,
        spot_ok: scale.spot_ok,
    }
}

fn port(port: wire::Port) -> plan::Port {
    let protocol = match port.protocol {
        wire::Protocol::Http => plan::Protocol::Http,
        wire::Protocol::Tcp => plan::Protocol::Tcp,
    };
    plan::Port { name: port.name, number: port.number, protocol }
}

fn probe(probe: wire::Probe) -> plan::Probe {
    plan::Probe {
        check: match probe.check {
            wire::Check::Http(http) => plan::Check::Http { port: http.port, path: http.path },
            wire::Check::Tcp(port) => plan::Check::Tcp(port),
            wire::Check::Exec(command) => plan::Check::Exec(command),
        },
        period_seconds: probe.period_seconds,
        timeout_seconds: probe.timeout_seconds,
    }
}

fn volume(volume: wire::Volume) -> plan::Volume {
    plan::Volume {
        name: volume.name,
        mount: volume.mount,
        kind: match volume.kind {
            wire::VolumeKind::Scratch => plan::VolumeKind::Scratch,
            wire::VolumeKind::ModelCache(mib) => plan::VolumeKind::ModelCache(mib),
            wire::VolumeKind::Shared(claim) => plan::VolumeKind::Shared(claim),
        },
        read_only: volume.read_only,
    }
}

pub(super) fn to_wire(plan: &plan::Plan) -> wire::Plan {
    wire::Plan { workloads: plan.workloads.iter().map(workload_to_wire).collect(), notes: plan.notes.clone() }
}

fn workload_to_wire(workload: &plan::Workload) -> wire::Workload {
    wire::Workload {
        name: workload.name.clone(),
        kind: match workload.kind {
            plan::WorkloadKind::Service => wire::WorkloadKind::Service,
            plan::WorkloadKind::Job => wire::WorkloadKind::Job,
        },
        runtime: match &workload.runtime {
            plan::Runtime::Container(image) => wire::Runtime::Container(image.clone()),
            plan::Runtime::Python(requirements) => wire::Runtime::Python(requirements.clone()),
            plan::Runtime::Host => wire::Runtime::Host,
        },
        command: workload.command.clone(),
        env: workload.env.iter().map(env_var_to_wire).collect(),
        resources: resources_to_wire(&workload.resources),
        scale: scale_to_wire(&workload.scale),
        ports: workload.ports.iter().map(port_to_wire).collect(),
        readiness: workload.readiness.as_ref().map(probe_to_wire),
        volumes: workload.volumes.iter().map(volume_to_wire).collect(),
        restart: match workload.restart {
            plan::Restart::Always => wire::Restart::Always,
            plan::Restart::OnFailure => wire::Restart::OnFailure,
            plan::Restart::Never => wire::Restart::Never,
        },
        grace_seconds: workload.grace_seconds,
    }
}

fn env_var_to_wire(var: &plan::EnvVar) -> wire::EnvVar {
    let value = match &var.value {
        plan::EnvValue::Text(text) => wire::EnvValue::Text(text.clone()),
        plan::EnvValue::Secret(name) => wire::EnvValue::Secret(name.clone()),
        plan::EnvValue::Port(name) => wire::EnvValue::Port(name.clone()),
    };
    wire::EnvVar { name: var.name.clone(), value }
}

fn resources_to_wire(resources: &plan::Resources) -> wire::Resources {
    let gpu = resources.gpu.as_ref().map(|gpu| wire::Gpu {
        kinds: gpu.kinds.clone(),
        count_per_replica: gpu.count_per_replica,
        memory_mib_min: gpu.memory_mib_min,
        interconnect: match gpu.interconnect {
            plan::Interconnect::None => wire::Interconnect::None,
            plan::Interconnect::Nvlink => wire::Interconnect::Nvlink,
            plan::Interconnect::Rdma => wire::Interconnect::Rdma,
        },
    });
    wire::Resources {
        cpu_millis: resources.cpu_millis,
        memory_mib: resources.memory_mib,
        gpu,
        scratch_mib: resources.scratch_mib,
    }
}

fn scale_to_wire(scale: &plan::Scale) -> wire::Scale {
    wire::Scale {
        replicas_min: scale.replicas_min,
        replicas_max: scale.replicas_max,
        target: scale
            .target
            .as_ref()
            .map(|target| wire::MetricTarget { metric: target.metric.clone(), value: target.value }),
        nodes_per_replica: scale.nodes_per_replica,
        spot_ok: scale.spot_ok,
    }
}

fn port_to_wire(port: &plan::Port) -> wire::Port {
    let protocol = match port.protocol {
        plan::Protocol::Http => wire::Protocol::Http,
        plan::Protocol::Tcp => wire::Protocol::Tcp,
    };
    wire::Port { name: port.name.clone(), number: port.number, protocol }
}

fn probe_to_wire(probe: &plan::Probe) -> wire::Probe {
    wire::Probe {
        check: match &probe.check {
            plan::Check::Http { port, path } => {
                wire::Check::Http(wire::HttpCheck { port: port.clone(), path: path.clone() })
            }
            plan::Check::Tcp(port) => wire::Check::Tcp(port.clone()),
            plan::Check::Exec(command) => wire::Check::Exec(command.clone()),
        },
        period_seconds: probe.period_seconds,
        timeout_seconds: probe.timeout_seconds,
    }
}

fn volume_to_wire(volume: &plan::Volume) -> wire::Volume {
    wire::Volume {
        name: volume.name.clone(),
        mount: volume.mount.clone(),
        kind: match &volume.kind {
            plan::VolumeKind::Scratch => wire::VolumeKind::Scratch,
            plan::VolumeKind::ModelCache(mib) => wire::VolumeKind::ModelCache(*mib),
            plan::VolumeKind::Shared(claim) => wire::VolumeKind::Shared(claim.clone()),
        },
        read_only: volume.read_only,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chandlery_package::plan::example::workload;

    #[test]
    fn a_plan_comes_back_as_it_went() {
        let mut one = workload();
        one.runtime = plan::Runtime::Container("registry.example/x@sha256:0".into());
        one.env = vec![
            plan::EnvVar { name: "A".into(), value: plan::EnvValue::Text("b".into()) },
            plan::EnvVar { name: "C".into(), value: plan::EnvValue::Secret("d".into()) },
        ];
        one.resources.gpu = Some(plan::Gpu {
            kinds: vec!["h100".into()],
            count_per_replica: 2,
            memory_mib_min: 3,
            interconnect: plan::Interconnect::Nvlink,
        });
        one.scale.target = Some(plan::MetricTarget { metric: "queue".into(), value: 4 });
        one.volumes = vec![plan::Volume {
            name: "models".into(),
            mount: "/models".into(),
            kind: plan::VolumeKind::ModelCache(5),
            read_only: true,
        }];
        let whole = plan::Plan { workloads: vec![one, workload()], notes: vec!["note".into()] };
        assert_eq!(plan(to_wire(&whole)), whole);
    }
}
