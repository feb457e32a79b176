//! A plan in words, which the command line, the console of hosts and the shop of registries all tell alike.

use super::{
    Check, EnvValue, EnvVar, Gpu, Interconnect, Plan, Port, Probe, Resources, Runtime, Volume, VolumeKind,
    Workload, WorkloadKind,
};
use crate::size::mebibytes;

/// The most bytes of a value that are told.
const VALUE_BYTES_MAX: usize = 2_000;

/// What is told of a workload: what it is about, and what there is of that, a line for each.
pub type Told = (&'static str, Vec<String>);

/// What a workload runs, on what, and what it opens, keeps and is handed.
pub fn workload(workload: &Workload) -> Vec<Told> {
    let mut told = vec![("Runs", vec![runs(workload)]), ("From", vec![runtime(&workload.runtime)])];
    let mut tell = |about, lines: Vec<String>| {
        if !lines.is_empty() {
            told.push((about, lines));
        }
    };
    let command: Vec<String> = workload.command.iter().map(|word| quoted(word)).collect();
    tell("Command", command.first().map(|_| cut(&command.join(" "))).into_iter().collect());
    tell("GPUs", vec![gpus_of(workload)]);
    tell("Each replica", vec![resources(&workload.resources)]);
    tell("Ports", workload.ports.iter().map(port).collect());
    tell("Is ready", workload.readiness.iter().map(ready).collect());
    tell("Volumes", workload.volumes.iter().map(volume).collect());
    tell("Secrets", workload.env.iter().filter_map(secret).collect());
    tell("Environment", workload.env.iter().filter_map(variable).collect());
    tell("Started again", vec![format!("{}; it has {} s to end", workload.restart, workload.grace_seconds)]);
    told
}

fn port(port: &Port) -> String {
    let speaks = if port.is_for_peers() { "between its own processes" } else { port.protocol.as_str() };
    format!("{} at {} ({speaks})", port.name, port.number)
}

/// In a few words, how much there is of a plan.
pub fn summary(plan: &Plan) -> String {
    let gpus = match gpus(plan) {
        0 => "no GPU".to_owned(),
        count => counted(count, "GPU"),
    };
    format!("{} on {gpus}", counted(plan.workloads.len() as u64, "workload"))
}

/// The GPUs of a plan, with its fewest replicas.
pub fn gpus(plan: &Plan) -> u64 {
    plan.workloads.iter().map(|workload| fewest(workload) * u64::from(workload.gpus())).sum()
}

/// What runs a workload.
pub fn runtime(runtime: &Runtime) -> String {
    match runtime {
        Runtime::Container(image) => format!("the image {image}"),
        Runtime::Python(requirements) => format!("a Python environment with {}", requirements.join(", ")),
        Runtime::Host => "a program that the target has".into(),
    }
}

/// The GPUs of each replica in a few words; none: it has none.
pub fn gpus_each(workload: &Workload) -> Option<String> {
    let gpu = workload.resources.gpu.as_ref().filter(|gpu| gpu.count_per_replica > 0)?;
    let kinds = if gpu.kinds.is_empty() { "any kind".to_owned() } else { gpu.kinds.join(" or ") };
    Some(format!("{} × {kinds}", gpu.count_per_replica))
}

/// The start of a text that is too long to be told.
pub fn cut(text: &str) -> String {
    if text.len() <= VALUE_BYTES_MAX {
        return text.to_owned();
    }
    format!("{}… ({} bytes)", &text[..text.floor_char_boundary(VALUE_BYTES_MAX)], text.len())
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn fewest(workload: &Workload) -> u64 {
    u64::from(workload.scale.replicas_min)
}

/// A word of a command, as a shell would need it.
fn quoted(word: &str) -> String {
    match word.is_empty() || word.contains(char::is_whitespace) {
        true => format!("'{word}'"),
        false => word.to_owned(),
    }
}

fn runs(workload: &Workload) -> String {
    let scale = &workload.scale;
    let mut text = match workload.kind {
        WorkloadKind::Service => "as a service, ".to_owned(),
        WorkloadKind::Job => "to its end, ".to_owned(),
    };
    if scale.replicas_max > scale.replicas_min {
        text.push_str(&format!("{} to ", scale.replicas_min));
    }
    text.push_str(&counted(scale.replicas_max.max(scale.replicas_min).into(), "replica"));
    if let Some(target) = &scale.target {
        text.push_str(&format!(", as many as keep {} at {} each", target.metric, target.value));
    }
    if scale.nodes_per_replica > 1 {
        text.push_str(&format!(", each over {} nodes", scale.nodes_per_replica));
    }
    if scale.spot_ok {
        text.push_str(", which may be taken away");
    }
    text
}

fn resources(resources: &Resources) -> String {
    let cores = f64::from(resources.cpu_millis) / 1000.0;
    let mut text = format!("{cores} processor cores, {} of memory", mebibytes(resources.memory_mib));
    if resources.scratch_mib > 0 {
        text.push_str(&format!(", {} of scratch space", mebibytes(resources.scratch_mib)));
    }
    text
}

/// How many of which: for each replica, and in all.
fn gpus_of(workload: &Workload) -> String {
    let (Some(each), Some(gpu)) = (gpus_each(workload), &workload.resources.gpu) else {
        return "none".into();
    };
    let Gpu { memory_mib_min, interconnect, count_per_replica, .. } = gpu;
    let mut text = format!("{each} for each replica");
    if *memory_mib_min > 0 {
        text.push_str(&format!(", each with {} or more", mebibytes(*memory_mib_min)));
    }
    match interconnect {
        Interconnect::None => {}
        Interconnect::Nvlink => text.push_str(", joined by NVLink"),
        Interconnect::Rdma => text.push_str(", joined by RDMA"),
    }
    let (replicas, count) = (fewest(workload), u64::from(*count_per_replica));
    if replicas > 1 {
        text.push_str(&format!(": {replicas} × {count} = {}", replicas * count));
    }
    text
}

fn ready(probe: &Probe) -> String {
    let Probe { check, period_seconds, timeout_seconds } = probe;
    let when = match check {
        Check::Http { port, path } => format!("when {path} answers at the port {port}"),
        Check::Tcp(port) => format!("when the port {port} takes connections"),
        Check::Exec(command) => format!("when '{}' succeeds", command.join(" ")),
    };
    format!("{when}; asked every {period_seconds} s, for {timeout_seconds} s")
}

fn volume(volume: &Volume) -> String {
    let Volume { name, mount, kind, read_only } = volume;
    let kind = match kind {
        VolumeKind::Scratch => "scratch space of the replica alone".to_owned(),
        VolumeKind::ModelCache(size) => format!("a cache of models, {}", mebibytes(*size)),
        VolumeKind::Shared(claim) => format!("the shared volume {claim}"),
    };
    let only = if *read_only { ", only read" } else { "" };
    format!("{name} at {mount}: {kind}{only}")
}

fn secret(variable: &EnvVar) -> Option<String> {
    match &variable.value {
        EnvValue::Secret(name) => Some(format!("{name}, as {}", variable.name)),
        EnvValue::Text(_) | EnvValue::Port(_) => None,
    }
}

fn variable(variable: &EnvVar) -> Option<String> {
    match &variable.value {
        EnvValue::Text(text) => Some(format!("{}={}", variable.name, cut(text))),
        EnvValue::Port(port) => Some(format!("{} = the port {port}", variable.name)),
        EnvValue::Secret(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;

    #[test]
    fn a_workload_is_told_in_words_with_its_arithmetic() {
        let mut served = example::workload();
        served.runtime = Runtime::Container("ghcr.io/acme/x@sha256:0".into());
        served.command = vec!["serve".into(), "a model".into()];
        served.env.push(EnvVar { name: "TOKEN".into(), value: EnvValue::Secret("hub".into()) });
        served.env.push(EnvVar { name: "LEVEL".into(), value: EnvValue::Text("debug".into()) });
        served.resources.cpu_millis = 1500;
        served.resources.memory_mib = 2048;
        served.resources.gpu = Some(Gpu {
            kinds: vec!["h100".into(), "a100".into()],
            count_per_replica: 4,
            memory_mib_min: 80 << 10,
            interconnect: Interconnect::Nvlink,
        });
        (served.scale.replicas_min, served.scale.replicas_max) = (3, 5);
        served.readiness =
            Some(Probe { check: Check::Tcp("http".into()), period_seconds: 2, timeout_seconds: 60 });
        served.volumes.push(Volume {
            name: "models".into(),
            mount: "/models".into(),
            kind: VolumeKind::ModelCache(1024),
            read_only: true,
        });
        let told = workload(&served);
        let of =
            |name: &str| told.iter().find(|(about, _)| *about == name).map(|(_, lines)| lines.join("\n"));
        for (about, says) in [
            ("Runs", "as a service, 3 to 5 replicas"),
            ("From", "the image ghcr.io/acme/x@sha256:0"),
            ("Command", "serve 'a model'"),
            ("Each replica", "1.5 processor cores, 2.0 GiB of memory"),
            (
                "GPUs",
                "4 × h100 or a100 for each replica, each with 80.0 GiB or more, joined by NVLink: 3 × 4 = 12",
            ),
            ("Ports", "http at 80 (http)"),
            ("Is ready", "when the port http takes connections; asked every 2 s, for 60 s"),
            ("Volumes", "models at /models: a cache of models, 1.0 GiB, only read"),
            ("Secrets", "hub, as TOKEN"),
            ("Environment", "PORT = the port http\nLEVEL=debug"),
            ("Started again", "always; it has 1 s to end"),
        ] {
            assert_eq!(of(about).as_deref(), Some(says), "{about}");
        }
        let plan = Plan { workloads: vec![served, example::workload()], notes: Vec::new() };
        assert_eq!((summary(&plan).as_str(), gpus(&plan)), ("2 workloads on 12 GPUs", 12));
    }

    #[test]
    fn what_there_is_none_of_is_left_out_and_what_is_long_is_cut() {
        let told = workload(&example::workload());
        let about: Vec<&str> = told.iter().map(|(about, _)| *about).collect();
        let expected =
            ["Runs", "From", "Command", "GPUs", "Each replica", "Ports", "Environment", "Started again"];
        assert_eq!(about, expected);
        let long = cut(&"é".repeat(VALUE_BYTES_MAX));
        assert!(long.len() < VALUE_BYTES_MAX + 40 && long.ends_with("(4000 bytes)"), "{long}");
    }
}
