//! Short ways to say the usual plan; every field stays open for the unusual one.

use crate::Command;
use crate::bindings::plan::*;
use crate::bindings::template::Problem;
use crate::command::literal;

impl Plan {
    /// A plan of these workloads.
    pub fn of(workloads: impl IntoIterator<Item = Workload>) -> Self {
        Plan { workloads: workloads.into_iter().collect(), notes: Vec::new() }
    }

    /// Adds a note that is shown beside the plan.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

impl Workload {
    /// One replica of a program that runs until it is removed, restarted when it ends, with one core and 512 MiB.
    pub fn service(name: impl Into<String>, runtime: Runtime) -> Self {
        Workload {
            name: name.into(),
            kind: WorkloadKind::Service,
            runtime,
            command: Vec::new(),
            env: Vec::new(),
            resources: Resources { cpu_millis: 1000, memory_mib: 512, gpu: None, scratch_mib: 0 },
            scale: Scale {
                replicas_min: 1,
                replicas_max: 1,
                target: None,
                nodes_per_replica: 1,
                spot_ok: false,
            },
            ports: Vec::new(),
            readiness: None,
            volumes: Vec::new(),
            restart: Restart::Always,
            grace_seconds: 10,
        }
    }

    /// One run of a program to its end, tried again when it fails.
    pub fn job(name: impl Into<String>, runtime: Runtime) -> Self {
        Workload { kind: WorkloadKind::Job, restart: Restart::OnFailure, ..Self::service(name, runtime) }
    }

    /// The program and its arguments: a [`Command`], or an array of words of the author's own.
    pub fn command(mut self, command: impl Into<Command>) -> Self {
        self.command = command.into().into_words();
        self
    }

    /// Adds an environment variable.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push(EnvVar { name: name.into(), value: EnvValue::Text(value.into()) });
        self
    }

    /// Adds an environment variable whose value is the user's, in which nothing is expanded.
    pub fn env_literal(self, name: impl Into<String>, value: &str) -> Self {
        self.env(name, literal(value))
    }

    /// Adds an environment variable that holds a secret of the host's. The plugin's manifest must ask for it.
    pub fn secret_env(mut self, name: impl Into<String>, secret: impl Into<String>) -> Self {
        self.env.push(EnvVar { name: name.into(), value: EnvValue::Secret(secret.into()) });
        self
    }

    /// The GPUs of each replica: any of these kinds, best first; any kind at all, where none is named.
    pub fn gpus<S: Into<String>>(mut self, kinds: impl IntoIterator<Item = S>, count: u32) -> Self {
        let kinds = kinds.into_iter().map(Into::into).collect();
        let interconnect = Interconnect::None;
        self.resources.gpu = Some(Gpu { kinds, count_per_replica: count, memory_mib_min: 0, interconnect });
        self
    }

    /// How many nodes each replica spans; its command runs once on each.
    pub fn nodes(mut self, nodes: u32) -> Self {
        self.scale.nodes_per_replica = nodes;
        self
    }

    /// Adds a folder that is kept between replicas and revisions, for models, and tells the program in `variable` where it is.
    pub fn model_cache(mut self, name: &str, mount: &str, size_mib: u32, variable: &str) -> Self {
        let kind = VolumeKind::ModelCache(size_mib);
        self.volumes.push(Volume { name: name.into(), mount: mount.into(), kind, read_only: false });
        self.env(variable, place_of(name))
    }

    /// Adds a volume that the target already has, by its name there, and tells the program in `variable` where it is.
    pub fn shared_volume(mut self, name: &str, mount: &str, volume: &str, variable: &str) -> Self {
        let kind = VolumeKind::Shared(volume.into());
        self.volumes.push(Volume { name: name.into(), mount: mount.into(), kind, read_only: false });
        self.env(variable, place_of(name))
    }

    /// How long a replica may take to stop, in seconds.
    pub fn grace(mut self, seconds: u32) -> Self {
        self.grace_seconds = seconds;
        self
    }

    /// What each replica may use: thousandths of a core, and MiB.
    pub fn resources(mut self, cpu_millis: u32, memory_mib: u32) -> Self {
        self.resources.cpu_millis = cpu_millis;
        self.resources.memory_mib = memory_mib;
        self
    }

    /// A fixed number of replicas.
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.scale.replicas_min = replicas;
        self.scale.replicas_max = replicas;
        self
    }

    /// Adds an HTTP port, whose allotted number the program finds in the environment variable `variable`.
    pub fn http_port(mut self, name: &str, number: u16, variable: &str) -> Self {
        self.ports.push(Port { name: name.into(), number, protocol: Protocol::Http });
        self.env.push(EnvVar { name: variable.into(), value: EnvValue::Port(name.into()) });
        self
    }

    /// Adds a port by which the processes of a replica find each other on all its nodes, named `peers` or `peers-` and more. They find
    /// its number in the environment variable `variable`, and nobody else is sent there.
    pub fn peers_port(mut self, name: &str, number: u16, variable: &str) -> Self {
        self.ports.push(Port { name: name.into(), number, protocol: Protocol::Tcp });
        self.env.push(EnvVar { name: variable.into(), value: EnvValue::Port(name.into()) });
        self
    }

    /// Ready when a `GET` of `path` on the port of this name succeeds, within `timeout_seconds` of the start.
    pub fn ready_when_http(mut self, port: &str, path: &str, timeout_seconds: u32) -> Self {
        let check = Check::Http(HttpCheck { port: port.into(), path: path.into() });
        self.readiness = Some(Probe { check, period_seconds: 1, timeout_seconds });
        self
    }
}

/// Where a volume is: a program that is in no container finds it elsewhere than at its mount, and the engine says where.
fn place_of(volume: &str) -> String {
    format!("$(CHANDLERY_VOLUME_{})", volume.to_uppercase().replace('-', "_"))
}

impl Problem {
    /// A problem with one parameter, named by its JSON Pointer, such as `/port`.
    pub fn with(parameter: impl Into<String>, message: impl Into<String>) -> Self {
        Problem { parameter: Some(parameter.into()), message: message.into() }
    }

    /// A problem with the request as a whole.
    pub fn of(message: impl Into<String>) -> Self {
        Problem { parameter: None, message: message.into() }
    }
}
