//! A plan in words, and what it would change.

use chandlery_package::plan::{
    Check, EnvValue, Gpu, Interconnect, Plan, Probe, Runtime, Volume, VolumeKind, Workload,
};
use chandlery_package::wire::host::{Change, Planned};
use chandlery_pages::{Column, Tone, banner, bytes, facts, money, table};
use maud::{Markup, html};

/// The most bytes of a value that a difference shows.
const VALUE_BYTES_MAX: usize = 2_000;

/// What would run, in words: a card for each workload.
pub(super) fn in_words(plan: &Plan) -> Markup {
    html! {
        @for workload in &plan.workloads { (card(workload)) }
        @for note in &plan.notes { p.note { (note) } }
    }
}

fn card(workload: &Workload) -> Markup {
    let said = said(workload);
    let said: Vec<(&str, Markup)> = said.iter().map(|(about, text)| (*about, html! { (text) })).collect();
    html! {
        section.card {
            h3 { (workload.name) ", a " (workload.kind) }
            (facts(&said))
        }
    }
}

/// What would be different, value by value, and what it costs.
pub(super) fn difference(planned: &Planned) -> Markup {
    html! {
        @match (planned.exists, planned.changes.is_empty()) {
            (false, _) => p { "There is no deployment of this name yet: all of it is new." },
            (true, true) => p { "Nothing would change: the deployment has this plan already." },
            (true, false) => (changes(&planned.changes)),
        }
        @if let Some(cost) = planned.cost_per_hour {
            p {
                "It would cost " strong { (money(cost)) } " an hour, by the target's prices"
                @if let Some(before) = planned.cost_per_hour_before { "; now it is " (money(before)) }
                "."
            }
        }
        @for remark in &planned.remarks {
            (banner(Tone::Warning, &html! {
                p {
                    "The policy " (remark.policy)
                    @if remark.amended { " changed the plan: " } @else { " warns: " }
                    (remark.says)
                }
            }))
        }
    }
}

/// A row for each value that would be different.
pub(super) fn changes(changes: &[Change]) -> Markup {
    let value = |value: &Option<String>| match value {
        Some(text) => html! { code { (cut(text)) } },
        None => html! { span.none { "nothing" } },
    };
    let row =
        |change: &Change| vec![html! { code { (change.path) } }, value(&change.before), value(&change.after)];
    let rows: Vec<Vec<Markup>> = changes.iter().map(row).collect();
    let columns = [Column::Text("What"), Column::Text("Is"), Column::Text("Would be")];
    table("What would be different", &columns, &rows)
}

/// The start of a text that is too long to be shown.
fn cut(text: &str) -> String {
    if text.len() <= VALUE_BYTES_MAX {
        return text.to_owned();
    }
    format!("{}… ({} bytes)", &text[..text.floor_char_boundary(VALUE_BYTES_MAX)], text.len())
}

/// What is said of a workload, by what it is about.
fn said(workload: &Workload) -> Vec<(&'static str, String)> {
    let mut said = vec![("Runs", runtime(&workload.runtime))];
    let mut say = |name, text: Option<String>| said.extend(text.map(|text| (name, text)));
    say("Command", listed(workload.command.iter().map(|word| quoted(word)), " "));
    say("Replicas", Some(replicas(workload)));
    say("Each needs", Some(resources(workload)));
    say("GPUs", workload.resources.gpu.as_ref().map(|gpu| gpus(workload, gpu)));
    let ports =
        workload.ports.iter().map(|port| format!("{}: {}, {}", port.name, port.number, port.protocol));
    say("Ports", listed(ports, "; "));
    say("Ready when", workload.readiness.as_ref().map(readiness));
    say("Volumes", listed(workload.volumes.iter().map(volume), "; "));
    say("Secrets", listed(workload.secrets().map(str::to_owned), ", "));
    let variables = workload.env.iter().filter_map(|variable| match &variable.value {
        EnvValue::Text(text) => Some(format!("{}={}", variable.name, cut(text))),
        EnvValue::Port(port) => Some(format!("{}=the port {port}", variable.name)),
        EnvValue::Secret(_) => None,
    });
    say("Environment", listed(variables, "; "));
    let ends = format!("{}; it has {} s to end", workload.restart, workload.grace_seconds);
    say("Started again", Some(ends));
    said
}

fn listed(texts: impl Iterator<Item = String>, between: &str) -> Option<String> {
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| texts.join(between))
}

/// A word of a command, as a shell would need it.
fn quoted(word: &str) -> String {
    match word.is_empty() || word.contains(char::is_whitespace) {
        true => format!("'{word}'"),
        false => word.to_owned(),
    }
}

fn runtime(runtime: &Runtime) -> String {
    match runtime {
        Runtime::Container(image) => format!("the container image {image}"),
        Runtime::Python(requirements) => format!("Python with {}", requirements.join(", ")),
        Runtime::Host => "a program that the target has".into(),
    }
}

fn replicas(workload: &Workload) -> String {
    let scale = &workload.scale;
    let mut text = match &scale.target {
        Some(target) => format!(
            "{} to {}, by {} of {} each",
            scale.replicas_min,
            scale.replicas_max.max(scale.replicas_min),
            target.metric,
            target.value
        ),
        None => scale.replicas_min.to_string(),
    };
    if scale.nodes_per_replica > 1 {
        text.push_str(&format!(", each on {} nodes", scale.nodes_per_replica));
    }
    if scale.spot_ok {
        text.push_str(", which may be taken away");
    }
    text
}

fn resources(workload: &Workload) -> String {
    let resources = &workload.resources;
    let mebibytes = |mib: u32| bytes(u64::from(mib) << 20);
    let cores = f64::from(resources.cpu_millis) / 1000.0;
    let mut text = format!("{cores} cores, {} of memory", mebibytes(resources.memory_mib));
    if resources.scratch_mib > 0 {
        text.push_str(&format!(", {} of scratch space", mebibytes(resources.scratch_mib)));
    }
    text
}

/// How many of which: for each replica, and in all.
fn gpus(workload: &Workload, gpu: &Gpu) -> String {
    let each = gpu.count_per_replica;
    let kinds = if gpu.kinds.is_empty() { "of any kind".to_owned() } else { gpu.kinds.join(" or ") };
    let mut text = format!("{each} × {kinds} for each replica");
    if gpu.memory_mib_min > 0 {
        text.push_str(&format!(", of {} or more", bytes(u64::from(gpu.memory_mib_min) << 20)));
    }
    match gpu.interconnect {
        Interconnect::None => {}
        Interconnect::Nvlink => text.push_str(", connected by NVLink"),
        Interconnect::Rdma => text.push_str(", connected by RDMA"),
    }
    let replicas = workload.scale.replicas_min;
    text.push_str(&format!(": {replicas} × {each} = {}", u64::from(replicas) * u64::from(each)));
    text
}

fn readiness(probe: &Probe) -> String {
    let Probe { check, period_seconds, timeout_seconds } = probe;
    let what = match check {
        Check::Http { port, path } => format!("{path} answers at the port {port}"),
        Check::Tcp(port) => format!("the port {port} takes connections"),
        Check::Exec(command) => format!("'{}' ends well", command.join(" ")),
    };
    format!("{what}; looked at every {period_seconds} s, for {timeout_seconds} s")
}

fn volume(volume: &Volume) -> String {
    let Volume { name, mount, kind, read_only } = volume;
    let kind = match kind {
        VolumeKind::Scratch => "scratch space".to_owned(),
        VolumeKind::ModelCache(mib) => format!("a cache of models of {}", bytes(u64::from(*mib) << 20)),
        VolumeKind::Shared(claim) => format!("the shared volume {claim}"),
    };
    let only = if *read_only { ", to read only" } else { "" };
    format!("{name}: {kind} at {mount}{only}")
}

#[cfg(test)]
mod tests {
    use chandlery_package::plan::EnvVar;
    use chandlery_package::plan::example::workload;

    use super::*;

    #[test]
    fn a_workload_is_said_in_words_with_its_arithmetic() {
        let mut workload = workload();
        workload.runtime = Runtime::Container("ghcr.io/acme/x@sha256:0".into());
        workload.command = vec!["serve".into(), "a model".into()];
        workload.env = vec![EnvVar { name: "TOKEN".into(), value: EnvValue::Secret("hub".into()) }];
        workload.resources.cpu_millis = 1500;
        workload.resources.memory_mib = 2048;
        workload.resources.gpu = Some(Gpu {
            kinds: vec!["h100".into(), "a100".into()],
            count_per_replica: 4,
            memory_mib_min: 80 << 10,
            interconnect: Interconnect::Nvlink,
        });
        workload.scale.replicas_min = 3;
        workload.scale.target = None;
        workload.scale.nodes_per_replica = 1;
        workload.scale.spot_ok = false;
        let said = said(&workload);
        let of = |name: &str| said.iter().find(|(about, _)| *about == name).map(|(_, text)| text.as_str());
        assert_eq!(of("Runs"), Some("the container image ghcr.io/acme/x@sha256:0"));
        assert_eq!(of("Command"), Some("serve 'a model'"));
        assert_eq!(of("Replicas"), Some("3"));
        assert!(of("Each needs").unwrap().starts_with("1.5 cores, 2.0 GiB of memory"));
        let gpus = "4 × h100 or a100 for each replica, of 80.0 GiB or more, connected by NVLink: 3 × 4 = 12";
        assert_eq!(of("GPUs"), Some(gpus));
        assert_eq!((of("Secrets"), of("Environment")), (Some("hub"), None));
        assert_eq!(of("Ports"), Some("http: 80, http"));
    }

    #[test]
    fn what_a_plan_says_stays_text() {
        let mut workload = workload();
        workload.command = vec!["<script>alert(1)</script>".into()];
        let plan = Plan { workloads: vec![workload], notes: vec!["<img src=x>".into()] };
        let shown = in_words(&plan).into_string();
        assert!(!shown.contains("<script>") && !shown.contains("<img"), "{shown}");
        let long = cut(&"é".repeat(VALUE_BYTES_MAX));
        assert!(long.len() < VALUE_BYTES_MAX + 40 && long.ends_with("(4000 bytes)"), "{long}");
    }
}
