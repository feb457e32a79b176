//! Whether a target has what a plan needs, said with what there is.

use super::slice::is_slice;
use super::{Facts, Gpu, GpuPool, Interconnect, Plan, Runtime, RuntimeKind, Workload};

/// What makers say that their GPUs have, and the slices that MIG cuts of them, in GiB: by their data sheets, and by the profiles in
/// <https://docs.nvidia.com/datacenter/tesla/mig-user-guide/supported-mig-profiles.html>.
const LABELS_GIB: [u32; 26] = [
    5, 6, 8, 10, 11, 12, 16, 18, 20, 24, 32, 35, 40, 48, 64, 71, 80, 90, 94, 96, 128, 141, 180, 186, 192, 288,
];

impl Gpu {
    /// Whether GPUs of this kind with so much memory in MiB, as their driver reports it, are what is wished for; 0, where nobody knows
    /// how much they have.
    ///
    /// Drivers report up to a fifteenth less than the maker's label says, which error correction and the driver itself take: 81 559 of
    /// the 81 920 MiB of an H100, and 23 028 of the 24 576 MiB of an A10. A wish for what the label says is met by such a GPU.
    pub fn suits(&self, kind: &str, memory_mib: u32) -> bool {
        let is_label = LABELS_GIB.iter().any(|label| label << 10 == self.memory_mib_min);
        let has_label = is_label && u64::from(memory_mib) * 15 >= u64::from(self.memory_mib_min) * 14;
        let has_memory = memory_mib == 0 || memory_mib >= self.memory_mib_min || has_label;
        has_memory && (self.kinds.is_empty() || self.kinds.iter().any(|known| known == kind))
    }
}

/// What a target lacks to run a plan if nothing else ran on it, in words; nothing, where it has all of it.
pub fn lacks(plan: &Plan, facts: &Facts) -> Option<String> {
    let of = |workload: &Workload| {
        let reason = missing(workload, facts)?;
        Some(format!("workload '{}' {reason}", workload.name))
    };
    plan.workloads.iter().find_map(of)
}

fn missing(workload: &Workload, facts: &Facts) -> Option<String> {
    let (needed, what) = match &workload.runtime {
        Runtime::Container(image) => (RuntimeKind::Container, format!("is the container {image}")),
        Runtime::Python(_) => (RuntimeKind::Python, "needs a Python environment".into()),
        Runtime::Host => (RuntimeKind::Host, "is a program of the target's own".into()),
    };
    if !facts.runtimes.contains(&needed) {
        return Some(format!("{what}, and this target runs none"));
    }
    let gpu = workload.resources.gpu.as_ref()?;
    let count = workload.gpus_per_node();
    let nodes = workload.scale.nodes_per_replica;
    if gpu.count_per_replica % nodes != 0 {
        return Some(format!("spreads {} GPUs evenly over {nodes} nodes", gpu.count_per_replica));
    }
    let suits = |pool: &&GpuPool| gpu.suits(&pool.kind, pool.memory_mib) && per_node(pool) >= count;
    let fitting: Vec<_> = facts.gpu_pools.iter().filter(suits).collect();
    // Nodes that a replica spans are of one kind, with however many GPUs beyond those that it needs.
    let of_kind = |kind: &str| -> u32 {
        let pools = fitting.iter().filter(|pool| pool.kind == kind);
        pools.fold(0, |sum, pool| sum.saturating_add(pool.nodes))
    };
    if fitting.iter().any(|pool| of_kind(&pool.kind) >= nodes) {
        return None;
    }
    let is_wished = |pool: &GpuPool| is_slice(&pool.kind) && gpu.suits(&pool.kind, pool.memory_mib);
    let why = match count > 1 && facts.gpu_pools.iter().any(is_wished) {
        true => ", and a replica can have one slice of a GPU on each node",
        false => "",
    };
    Some(format!("needs {}; {}{why}", wish(workload, gpu), there_is(facts)))
}

/// The GPUs that each replica of a workload needs, in words.
fn wish(workload: &Workload, gpu: &Gpu) -> String {
    let kinds = if gpu.kinds.is_empty() { "any kind".into() } else { gpu.kinds.join(" or ") };
    let mut wish = format!("{} GPUs of {kinds} in one node", workload.gpus_per_node());
    if workload.scale.nodes_per_replica > 1 {
        wish = format!("{wish}, on {} nodes", workload.scale.nodes_per_replica);
    }
    if gpu.memory_mib_min > 0 {
        wish = format!("{wish}, each with {} MiB", gpu.memory_mib_min);
    }
    if gpu.interconnect != Interconnect::None {
        wish = format!("{wish}, joined by {}", gpu.interconnect);
    }
    wish
}

/// What a target must have to run a plan, in words, whatever there is: what starts each workload, and its GPUs.
pub fn needs(plan: &Plan) -> String {
    let each = plan.workloads.iter().map(|workload| {
        let runtime = match &workload.runtime {
            Runtime::Container(_) => "containers",
            Runtime::Python(_) => "Python environments",
            Runtime::Host => "programs of its own",
        };
        let gpus = workload.resources.gpu.as_ref().map(|gpu| format!(" and {}", wish(workload, gpu)));
        format!("workload '{}' needs {runtime}{}", workload.name, gpus.unwrap_or_default())
    });
    each.collect::<Vec<_>>().join("; ")
}

/// The GPUs of one node of a pool that a replica can have: pools are of like nodes. Of nodes that differ, at least one has as many.
fn per_node(pool: &GpuPool) -> u32 {
    let all = pool.total.div_ceil(pool.nodes.max(1));
    if is_slice(&pool.kind) { all.min(1) } else { all }
}

/// A target's GPUs in a sentence.
pub fn there_is(facts: &Facts) -> String {
    let each = facts.gpu_pools.iter().map(|pool| {
        let nodes = if pool.nodes == 1 { "1 node".into() } else { format!("{} nodes", pool.nodes) };
        format!("{} × {} on {nodes} ({} free)", pool.total, pool.kind, pool.free)
    });
    match each.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => format!("'{}' has no GPUs", facts.name),
        some => format!("'{}' has {some}", facts.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::EngineKind;
    use crate::plan::example::workload;

    fn facts() -> Facts {
        let pool = |kind: &str, memory_mib, total, free, nodes| GpuPool {
            kind: kind.into(),
            memory_mib,
            total,
            free,
            nodes,
        };
        Facts {
            name: "lab".into(),
            engine: EngineKind::Slurm,
            runtimes: vec![RuntimeKind::Host],
            gpu_pools: vec![pool("h100", 81920, 8, 3, 2), pool("a100", 40960, 2, 2, 1)],
            architecture: "x86_64".into(),
        }
    }

    #[test]
    fn what_does_not_fit_is_said_with_what_there_is() {
        let wish = |kinds: &[&str], count, nodes, memory_mib_min| {
            let mut workload = workload();
            let kinds = kinds.iter().map(|kind| (*kind).into()).collect();
            workload.scale.nodes_per_replica = nodes;
            workload.resources.gpu = Some(Gpu {
                kinds,
                count_per_replica: count,
                memory_mib_min,
                interconnect: Interconnect::None,
            });
            lacks(&Plan { workloads: vec![workload], notes: Vec::new() }, &facts())
        };
        assert_eq!(wish(&["h100"], 4, 1, 0), None);
        assert_eq!(wish(&["h100"], 8, 2, 0), None);
        assert_eq!(wish(&["b200", "a100"], 2, 1, 40000), None);
        assert_eq!(wish(&[], 4, 1, 0), None);
        for (kinds, count, nodes, memory) in [
            (&["a100"][..], 9, 1, 0),
            (&["h100"], 5, 1, 0),
            (&["a100"], 1, 1, 80000),
            (&["a100"], 2, 2, 0),
            (&["h100"], 3, 2, 0),
        ] {
            let refused = wish(kinds, count, nodes, memory).unwrap();
            assert!(refused.contains("'server'"), "{refused}");
        }
        let refused = wish(&["a100"], 9, 1, 0).unwrap();
        assert!(refused.contains("needs 9 GPUs of a100 in one node"), "{refused}");
        assert!(refused.contains("8 × h100 on 2 nodes (3 free), 2 × a100 on 1 node (2 free)"), "{refused}");
    }

    #[test]
    fn a_wish_for_what_the_makers_label_says_is_met_by_what_the_driver_reports() {
        let suits = |kind: &str, memory_mib, memory_mib_min| {
            let kinds = vec!["h100".to_owned(), "a10".to_owned()];
            let interconnect = Interconnect::None;
            Gpu { kinds, count_per_replica: 1, memory_mib_min, interconnect }.suits(kind, memory_mib)
        };
        for (kind, memory_mib, memory_mib_min, expected) in [
            ("h100", 81_559, 81_559, true),
            ("h100", 81_559, 80 << 10, true),
            ("a10", 23_028, 24 << 10, true),
            ("a10", 0, 24 << 10, true),
            // It is no label, but what somebody needs.
            ("h100", 81_559, 81_560, false),
            ("h100", 81_559, 84 << 10, false),
            ("h100", 81_559, 94 << 10, false),
            ("a10", 23_028, 32 << 10, false),
            ("a100", 81_920, 80 << 10, false),
        ] {
            assert_eq!(
                suits(kind, memory_mib, memory_mib_min),
                expected,
                "{kind} {memory_mib} {memory_mib_min}"
            );
        }
    }

    #[test]
    fn nodes_of_one_kind_are_counted_together_by_what_each_of_them_has() {
        let pool = |kind: &str, total, nodes| GpuPool {
            kind: kind.into(),
            memory_mib: 81920,
            total,
            free: total,
            nodes,
        };
        // Nodes with 8, 8 and 1 of one kind, and one with 8 of another.
        let facts =
            Facts { gpu_pools: vec![pool("h100", 16, 2), pool("h100", 1, 1), pool("a100", 8, 1)], ..facts() };
        let fits = |gpus: u32, nodes: u32| {
            let mut workload = workload();
            workload.scale.nodes_per_replica = nodes;
            workload.resources.gpu = Some(Gpu {
                kinds: Vec::new(),
                count_per_replica: gpus,
                memory_mib_min: 0,
                interconnect: Interconnect::None,
            });
            lacks(&Plan { workloads: vec![workload], notes: Vec::new() }, &facts).is_none()
        };
        for (gpus, nodes, is_there) in [
            (8, 1, true),
            (16, 2, true),
            (3, 3, true),
            (17, 1, false),
            (17, 3, false),
            (15, 3, false),
            (24, 3, false),
        ] {
            assert_eq!(fits(gpus, nodes), is_there, "{gpus} on {nodes}");
        }
    }

    #[test]
    fn a_replica_has_one_slice_of_a_gpu_on_each_node() {
        let pool =
            |kind: &str| GpuPool { kind: kind.into(), memory_mib: 9_856, total: 14, free: 14, nodes: 2 };
        let lacks = |kind: &str, gpus: u32, nodes: u32| {
            let mut workload = workload();
            workload.scale.nodes_per_replica = nodes;
            workload.resources.gpu = Some(Gpu {
                kinds: Vec::new(),
                count_per_replica: gpus,
                memory_mib_min: 0,
                interconnect: Interconnect::None,
            });
            let facts = Facts { gpu_pools: vec![pool(kind)], ..facts() };
            lacks(&Plan { workloads: vec![workload], notes: Vec::new() }, &facts)
        };
        for kind in ["h100-mig-1g.10gb", "h100_1g.10gb", "t4-shared"] {
            assert_eq!((lacks(kind, 1, 1), lacks(kind, 2, 2)), (None, None), "{kind}");
            let refused = lacks(kind, 2, 1).unwrap();
            assert!(refused.ends_with("a replica can have one slice of a GPU on each node"), "{refused}");
        }
        assert_eq!(lacks("h100", 2, 1), None);
    }

    #[test]
    fn what_a_plan_needs_is_said_of_each_workload() {
        let mut server = workload();
        server.runtime = Runtime::Python(Vec::new());
        server.scale.nodes_per_replica = 2;
        server.resources.gpu = Some(Gpu {
            kinds: vec!["b200".into(), "h200".into()],
            count_per_replica: 16,
            memory_mib_min: 140_000,
            interconnect: Interconnect::Rdma,
        });
        let mut proxy = workload();
        proxy.name = "proxy".into();
        (proxy.runtime, proxy.resources.gpu) = (Runtime::Host, None);
        assert_eq!(
            needs(&Plan { workloads: vec![server, proxy], notes: Vec::new() }),
            "workload 'server' needs Python environments and 8 GPUs of b200 or h200 in one node, on 2 nodes, each with 140000 \
             MiB, joined by rdma; workload 'proxy' needs programs of its own"
        );
    }
}
