//! Jobs, nodes and submissions, whichever way the controller is asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chandlery_package::plan::{GpuPool, Resources};

/// A job to be submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Submission {
    pub name: String,
    pub script: PathBuf,
    pub output: PathBuf,
    pub directory: PathBuf,
    pub nodes: u32,
    /// For the one task on each node.
    pub cpus: u32,
    /// On each node.
    pub memory_mib: u32,
    /// Kind and number, on each node.
    pub gpus: Option<(String, u32)>,
    pub time_limit_minutes: Option<u32>,
    /// Whether it is run again when its node fails.
    pub requeue: bool,
    pub place: Place,
}

/// Where jobs of a target run, and on whose account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub partition: Option<String>,
    pub account: Option<String>,
    pub qos: Option<String>,
    pub reservation: Option<String>,
    /// Features that its nodes have, as `--constraint` has them.
    pub constraint: Option<String>,
    /// Nodes that it stays away from, as `--exclude` has them.
    pub exclude: Option<String>,
}

impl Submission {
    /// As `--gres` has it. A kind is always named where nodes name one.
    pub(super) fn gres(&self) -> Option<String> {
        self.gpus.as_ref().map(|(kind, count)| match kind.as_str() {
            UNTYPED => format!("gpu:{count}"),
            kind => format!("gpu:{kind}:{count}"),
        })
    }
}

/// What came of submitting a job.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Submitted {
    Job(u32),
    /// It may be submitted again later.
    NotNow(String),
    /// It will never be taken.
    Refused(String),
}

/// A job as the controller has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub id: u32,
    pub name: String,
    pub state: State,
    pub reason: String,
    pub partition: String,
    pub priority: u64,
    /// When it is expected to start, as the controller writes it.
    pub expected: Option<String>,
    pub time_limit_minutes: Option<u64>,
}

/// Where a job is: as `JOB STATE CODES` in squeue(1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Pending,
    Running,
    Suspended,
    Completed,
    Cancelled,
    Failed,
    TimedOut,
    OutOfMemory,
    NodeFailed,
    Preempted,
    Other,
}

impl State {
    /// From the long name.
    pub(super) fn of(name: &str) -> Self {
        match name {
            "PENDING" | "CONFIGURING" | "REQUEUED" | "REQUEUE_FED" | "REQUEUE_HOLD" | "SPECIAL_EXIT" => {
                Self::Pending
            }
            // A job holds what it has until it has completed.
            "RUNNING" | "COMPLETING" | "SIGNALING" | "STAGE_OUT" | "RESIZING" => Self::Running,
            "SUSPENDED" | "STOPPED" => Self::Suspended,
            "COMPLETED" => Self::Completed,
            "CANCELLED" => Self::Cancelled,
            "TIMEOUT" | "DEADLINE" => Self::TimedOut,
            "OUT_OF_MEMORY" => Self::OutOfMemory,
            "NODE_FAIL" | "BOOT_FAIL" => Self::NodeFailed,
            "PREEMPTED" => Self::Preempted,
            "FAILED" | "REVOKED" => Self::Failed,
            _ => Self::Other,
        }
    }

    /// Whether it holds nothing any more.
    pub(super) fn is_over(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Suspended | Self::Other)
    }
}

/// A node as the controller has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub name: String,
    pub address: String,
    pub architecture: String,
    pub is_usable: bool,
    pub partitions: Vec<String>,
    pub features: Vec<String>,
    pub gpus: Vec<Gpus>,
    pub free_cpus: u32,
    pub free_mib: u64,
}

/// The GPUs of a kind in a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gpus {
    pub kind: String,
    pub total: u32,
    pub used: u32,
}

/// The kind of GPUs whose nodes name none.
pub(super) const UNTYPED: &str = "gpu";

/// States in which a node takes no jobs.
const UNUSABLE: [&str; 10] = [
    "DOWN",
    "DRAIN",
    "DRAINED",
    "DRAINING",
    "FAIL",
    "FAILING",
    "INVAL",
    "INVALID_REG",
    "MAINT",
    "NOT_RESPONDING",
];

/// Whether a node in these states takes jobs.
pub(super) fn is_usable<'a>(mut states: impl Iterator<Item = &'a str>) -> bool {
    !states.any(|state| UNUSABLE.contains(&state.trim_matches(['*', '~', '#', '!', '%', '$', '@', '^', '-'])))
}

impl Node {
    pub(super) fn free_gpus(&self, kind: &str) -> u32 {
        let of_kind = self.gpus.iter().filter(|gpu| gpu.kind == kind);
        of_kind.fold(0_u32, |free, gpu| free.saturating_add(gpu.total.saturating_sub(gpu.used)))
    }
}

/// The GPUs of a node, from what is configured (`gpu:h100:2(S:0-1)`), from what its GRES plugin has given out
/// (`gpu:h100:1(IDX:0)`), and from what is allocated as TRES (`cpu=1,gres/gpu:h100=1`), of which either may be missing. A job's
/// own wish is no source: it may not say what it holds.
pub(super) fn gpus(configured: &str, given_out: &str, allocated: &str) -> Vec<Gpus> {
    let mut found: BTreeMap<String, Gpus> = BTreeMap::new();
    for (kind, total) in gres(configured) {
        let gpus = found.entry(kind.clone()).or_insert(Gpus { kind, total: 0, used: 0 });
        gpus.total = gpus.total.saturating_add(total);
    }
    let mut used: BTreeMap<String, u32> = BTreeMap::new();
    for (kind, count) in gres(given_out) {
        let known = used.entry(kind).or_default();
        *known = known.saturating_add(count);
    }
    let is_only = found.len() == 1;
    for part in allocated.split(',') {
        let Some((name, count)) = part.split_once('=') else { continue };
        let count: u32 = count.parse().unwrap_or(0);
        let kind = match name {
            "gres/gpu" if is_only => found.keys().next().cloned(),
            name => name.strip_prefix("gres/gpu:").map(str::to_owned),
        };
        if let Some(kind) = kind {
            let known = used.entry(kind).or_default();
            *known = (*known).max(count);
        }
    }
    for (kind, count) in used {
        if let Some(gpus) = found.get_mut(&kind) {
            gpus.used = count;
        }
    }
    found.into_values().collect()
}

/// Kinds and numbers of GPUs in a list of GRES. Commas in parentheses separate indices, not GRES.
fn gres(text: &str) -> Vec<(String, u32)> {
    let mut depth = 0;
    let parts = text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    let gpu = |part: &str| {
        let plain = part.split('(').next()?;
        let mut fields = plain.split(':');
        if fields.next()? != "gpu" {
            return None;
        }
        let (first, second) = (fields.next()?, fields.next());
        match second {
            Some(count) => Some((first.to_owned(), count.parse().ok()?)),
            None => Some((UNTYPED.to_owned(), first.parse().ok()?)),
        }
    };
    parts.filter_map(gpu).collect()
}

/// The GPUs of all nodes by kind.
pub(super) fn pools<'a>(
    nodes: impl Iterator<Item = &'a Node>,
    memory_mib: impl Fn(&str) -> u32,
) -> Vec<GpuPool> {
    let mut pools: BTreeMap<&str, GpuPool> = BTreeMap::new();
    for gpus in nodes.flat_map(|node| &node.gpus) {
        let pool = pools.entry(&gpus.kind).or_insert_with(|| GpuPool {
            kind: gpus.kind.clone(),
            memory_mib: memory_mib(&gpus.kind),
            total: 0,
            free: 0,
            nodes: 0,
        });
        pool.total = pool.total.saturating_add(gpus.total);
        pool.free = pool.free.saturating_add(gpus.total.saturating_sub(gpus.used));
        pool.nodes += 1;
    }
    pools.into_values().collect()
}

/// Minutes of `2-03:04:05`, `03:04:05`, `04:05` or `UNLIMITED`.
pub(super) fn minutes(text: &str) -> Option<u64> {
    let (days, clock) = text.split_once('-').unwrap_or(("0", text));
    let mut fields: Vec<u64> = clock.split(':').map(|field| field.parse().ok()).collect::<Option<_>>()?;
    while fields.len() < 3 {
        fields.insert(0, 0);
    }
    let of_days = days.parse::<u64>().ok()?.checked_mul(1440)?;
    of_days.checked_add(fields[0].checked_mul(60)?)?.checked_add(fields[1])
}

/// What was refused may be taken later, where the controller is away or the user has too many jobs.
pub(super) fn refusal(said: &str) -> Submitted {
    const FOR_NOW: [&str; 7] = [
        "Unable to contact",
        "timed out",
        "temporarily",
        "Connection refused",
        "Communication",
        "job submit limit",
        "Zero Bytes",
    ];
    let said = said.trim().trim_start_matches("sbatch: error: ");
    match FOR_NOW.iter().any(|sign| said.contains(sign)) {
        true => Submitted::NotNow(said.into()),
        false => Submitted::Refused(said.into()),
    }
}

/// The cores of a replica on each node: Slurm gives whole ones.
pub(super) fn cpus(resources: &Resources) -> u32 {
    resources.cpu_millis.div_ceil(1000).max(1)
}

/// A path in a script or a command.
pub(super) fn text(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_gpus_are_those_that_are_not_allocated() {
        let of = |configured, given_out, allocated| {
            let found = gpus(configured, given_out, allocated);
            found.into_iter().map(|gpus| (gpus.kind, gpus.total, gpus.used)).collect::<Vec<_>>()
        };
        let h100 = |used| vec![("h100".to_owned(), 4, used)];
        assert_eq!(of("gpu:h100:4(S:0-1)", "gpu:h100:2(IDX:0,3)", "cpu=1,mem=4G"), h100(2));
        // Each source alone is enough.
        assert_eq!(of("gpu:h100:4", "gpu:h100:0(IDX:N/A)", "cpu=1,gres/gpu=3,gres/gpu:h100=3"), h100(3));
        assert_eq!(of("gpu:h100:4", "", "gres/gpu=1"), h100(1));
        assert_eq!(of("gpu:h100:4", "N/A", ""), h100(0));
        assert_eq!(of("gpu:2,shard:8", "gpu:(null):1(IDX:0)", ""), vec![(UNTYPED.into(), 2, 0)]);
        let two = of("gpu:a100:2(S:0),gpu:h100:1(S:1)", "gpu:a100:1(IDX:0),gpu:h100:1(IDX:2)", "gres/gpu=2");
        assert_eq!(two, [("a100".into(), 2, 1), ("h100".into(), 1, 1)]);
        assert_eq!(of("(null)", "", ""), []);
    }

    #[test]
    fn limits_are_in_minutes() {
        assert_eq!(minutes("2-03:04:05"), Some(2 * 1440 + 184));
        assert_eq!(minutes("1:00:00"), Some(60));
        assert_eq!(minutes("30:00"), Some(30));
        assert_eq!(minutes("UNLIMITED"), None);
        let most = u64::MAX;
        for text in
            ["-", ":", "", "1-", &format!("{most}-0:0:0"), &format!("{most}:0:0"), &format!("1-0:{most}:0")]
        {
            assert_eq!(minutes(text), None, "{text}");
        }
    }

    #[test]
    fn no_number_of_gpus_is_too_large_to_be_counted() {
        let many = "gpu:4294967295,gpu:h100:4294967295,".repeat(1000);
        for (configured, given_out) in [
            (many.as_str(), many.as_str()),
            (many.as_str(), "gpu:h100:4294967296"),
            (")))(((", "gpu:h100:1(((("),
            ("gpu", "gpu:"),
            ("gpu::", "gpu:h100:-1"),
        ] {
            let gpus =
                gpus(configured, given_out, "gres/gpu=4294967295,gres/gpu:h100=99999999999,=,gres/gpu");
            let nodes = vec![Node { gpus, ..Node::default() }; 3];
            let _ = (pools(nodes.iter(), |_| 0), nodes[0].free_gpus("h100"), nodes[0].free_gpus(UNTYPED));
        }
        assert_eq!(gpus(&many, "", "")[0].total, u32::MAX);
    }

    #[test]
    fn a_controller_that_is_away_refuses_nothing() {
        let away = "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)";
        assert!(matches!(refusal(away), Submitted::NotNow(_)));
        let never =
            "sbatch: error: Batch job submission failed: Requested node configuration is not available";
        assert!(matches!(refusal(never), Submitted::Refused(_)));
        assert!(is_usable(["IDLE", "CLOUD"].into_iter()));
        assert!(!is_usable(["IDLE", "DRAIN"].into_iter()));
        assert!(!is_usable(["DOWN*"].into_iter()));
    }
}
