//! Contract 0.1.0: its generated bindings, and the way from them to the host's own model.

use wasmtime::component::{HasSelf, Linker};

use super::limits::{Severity, State};
use crate::plan;

mod generated {
    wasmtime::component::bindgen!({ path: "../wit/0.1.0", world: "template" });
}

use generated::chandlery::plugin::{logging, plan_types as wire, template_types};

pub(super) use generated::TemplatePre;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    generated::Template::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

impl logging::Host for State {
    fn log(&mut self, level: logging::Level, message: String) {
        use logging::Level;
        let severity = match level {
            Level::Trace | Level::Debug | Level::Info => Severity::Quiet,
            Level::Warn | Level::Error => Severity::Loud,
            Level::Critical => Severity::Critical,
        };
        self.add_line(severity, &message);
    }
}

impl wire::Host for State {}
impl template_types::Host for State {}

pub(super) fn request(request: &super::Request) -> template_types::Request {
    template_types::Request {
        deployment: request.deployment.clone(),
        parameters: request.parameters.clone(),
        target: facts(&request.target),
    }
}

fn facts(facts: &plan::Facts) -> template_types::Facts {
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

pub(super) fn problem(problem: template_types::Problem) -> plan::PlanProblem {
    plan::PlanProblem { parameter: problem.parameter, message: problem.message }
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
