//! A plan in words: what runs, from which images and on which GPUs, what it opens, keeps and is handed.

use chandlery_package::plan::{
    Check, EnvValue, Interconnect, Plan, Runtime, VolumeKind, Workload, WorkloadKind,
};
use chandlery_pages::{bytes, facts, number};
use maud::{Markup, html};

/// All of a plan.
pub(super) fn plan(plan: &Plan) -> Markup {
    html! {
        @for workload in &plan.workloads {
            h3 { (workload.name) }
            div.card { (facts(&about(workload))) }
        }
        @if !plan.notes.is_empty() {
            h3 { "Notes" }
            ul { @for note in &plan.notes { li { (note) } } }
        }
    }
}

/// In a few words, how much of it there is.
pub(super) fn summary(plan: &Plan) -> String {
    let (workloads, gpus) = (plan.workloads.len() as u64, gpus(plan));
    let gpus = match gpus {
        0 => "no GPU".to_owned(),
        count => counted(count, "GPU"),
    };
    format!("{} on {gpus}", counted(workloads, "workload"))
}

/// The GPUs of a plan, with its fewest replicas.
pub(super) fn gpus(plan: &Plan) -> u64 {
    let of = |workload: &Workload| u64::from(workload.scale.replicas_min) * u64::from(workload.gpus());
    plan.workloads.iter().map(of).sum()
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", number(count))
}

fn about(workload: &Workload) -> Vec<(&'static str, Markup)> {
    let resources = &workload.resources;
    let mut about = vec![("Runs", html! { (runs(workload)) }), ("From", from(&workload.runtime))];
    if !workload.command.is_empty() {
        about.push(("Command", html! { code { (workload.command.join(" ")) } }));
    }
    about.push(("GPUs", html! { (gpus_of(workload)) }));
    let cores = f64::from(resources.cpu_millis) / 1000.0;
    about.push((
        "Each replica",
        html! { (cores) " processor cores, " (mib(resources.memory_mib)) " of memory" },
    ));
    if resources.scratch_mib > 0 {
        about.push(("Scratch", html! { (mib(resources.scratch_mib)) " of disk" }));
    }
    if !workload.ports.is_empty() {
        let ports =
            workload.ports.iter().map(|port| format!("{} at {} ({})", port.name, port.number, port.protocol));
        about.push(("Ports", lines(ports)));
    }
    if let Some(probe) = &workload.readiness {
        about
            .push(("Is ready", html! { (ready(&probe.check)) ", asked every " (probe.period_seconds) " s" }));
    }
    if !workload.volumes.is_empty() {
        let volumes = workload.volumes.iter().map(|volume| {
            let only = if volume.read_only { ", only read" } else { "" };
            format!("{}: {}{only}", volume.mount, kept(&volume.kind))
        });
        about.push(("Volumes", lines(volumes)));
    }
    let secrets: Vec<String> = workload
        .env
        .iter()
        .filter_map(|variable| match &variable.value {
            EnvValue::Secret(name) => Some(format!("{name}, as {}", variable.name)),
            EnvValue::Text(_) | EnvValue::Port(_) => None,
        })
        .collect();
    if !secrets.is_empty() {
        about.push(("Secrets", lines(secrets.into_iter())));
    }
    about
}

fn lines(lines: impl Iterator<Item = String>) -> Markup {
    html! { @for (index, line) in lines.enumerate() { @if index > 0 { br; } (line) } }
}

fn runs(workload: &Workload) -> String {
    let scale = &workload.scale;
    let kind = match workload.kind {
        WorkloadKind::Service => "as a service",
        WorkloadKind::Job => "to its end",
    };
    let mut replicas = counted(scale.replicas_min.into(), "replica");
    if scale.replicas_max > scale.replicas_min {
        replicas = format!("{} to {}", scale.replicas_min, counted(scale.replicas_max.into(), "replica"));
    }
    let mut text = format!("{kind}, {replicas}");
    if let Some(target) = &scale.target {
        text = format!("{text}, as many as keep {} at {}", target.metric, target.value);
    }
    if scale.nodes_per_replica > 1 {
        text = format!("{text}, each over {} nodes", scale.nodes_per_replica);
    }
    text
}

fn from(runtime: &Runtime) -> Markup {
    html! {
        @match runtime {
            Runtime::Container(image) => { "the image " code { (image) } }
            Runtime::Python(requirements) => { "a Python environment with " code { (requirements.join(" ")) } }
            Runtime::Host => { "a program that the target has" }
        }
    }
}

fn gpus_of(workload: &Workload) -> String {
    let Some(gpu) = workload.resources.gpu.as_ref().filter(|gpu| gpu.count_per_replica > 0) else {
        return "none".into();
    };
    let kinds = if gpu.kinds.is_empty() { "any kind".to_owned() } else { gpu.kinds.join(" or ") };
    let mut text = format!("{} × {kinds} for each replica", gpu.count_per_replica);
    if gpu.memory_mib_min > 0 {
        text = format!("{text}, each with {} or more", mib(gpu.memory_mib_min));
    }
    match gpu.interconnect {
        Interconnect::None => text,
        joined => format!("{text}, joined by {joined}"),
    }
}

fn ready(check: &Check) -> String {
    match check {
        Check::Http { port, path } => format!("when {path} answers at port {port}"),
        Check::Tcp(port) => format!("when port {port} takes connections"),
        Check::Exec(command) => format!("when `{}` succeeds", command.join(" ")),
    }
}

fn kept(kind: &VolumeKind) -> String {
    match kind {
        VolumeKind::Scratch => "of the replica alone".into(),
        VolumeKind::ModelCache(size) => format!("a cache of models, {}", mib(*size)),
        VolumeKind::Shared(name) => format!("the shared volume '{name}'"),
    }
}

fn mib(size: u32) -> String {
    bytes(u64::from(size) << 20)
}

#[cfg(test)]
mod tests {
    use chandlery_package::plan::example::workload;
    use chandlery_package::plan::{EnvVar, Gpu, Volume};

    use super::*;

    #[test]
    fn a_plan_is_told_in_words_and_nothing_becomes_markup() {
        let mut server = workload();
        server.runtime = Runtime::Container("<b>image</b>:1".into());
        server.scale.replicas_min = 2;
        server.scale.replicas_max = 4;
        server.resources.gpu = Some(Gpu {
            kinds: vec!["h100".into(), "h200".into()],
            count_per_replica: 2,
            memory_mib_min: 81_920,
            interconnect: Interconnect::Nvlink,
        });
        server.env.push(EnvVar { name: "TOKEN".into(), value: EnvValue::Secret("hf-token".into()) });
        server.volumes.push(Volume {
            name: "models".into(),
            mount: "/models".into(),
            kind: VolumeKind::ModelCache(1024),
            read_only: true,
        });
        let planned = Plan { workloads: vec![server, workload()], notes: vec!["<script>".into()] };
        assert_eq!(summary(&planned), "2 workloads on 4 GPUs");
        let page = plan(&planned).into_string();
        for part in [
            "as a service, 2 to 4 replicas",
            "&lt;b&gt;image&lt;/b&gt;:1",
            "2 × h100 or h200 for each replica, each with 80.0 GiB or more, joined by nvlink",
            "0.1 processor cores, 64.0 MiB of memory",
            "http at 80 (http)",
            "/models: a cache of models, 1.0 GiB, only read",
            "hf-token, as TOKEN",
            "a program that the target has",
            "&lt;script&gt;",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("<script>") && !page.contains("<b>"), "{page}");
    }
}
