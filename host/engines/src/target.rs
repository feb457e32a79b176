//! What an engine is opened with, and what a target costs.

use std::collections::BTreeMap;

use chandlery_package::Money;
use chandlery_package::plan::{EngineKind, Facts, Plan};
use chandlery_package::wire::host::Prices;
use serde_json::Value;

/// A target as an engine is opened for it.
pub struct TargetSpec {
    /// The target's name.
    pub name: String,
    /// The engine that its deployments run on.
    pub engine: EngineKind,
    /// JSON in the form that the engine reads.
    pub settings: Value,
    /// What it costs by the hour.
    pub prices: Prices,
    /// What opens it, unsealed: a token or a kubeconfig.
    pub credential: Option<String>,
}

/// What a plan costs by the hour at these prices; nothing, where the target has no prices for what the plan uses.
pub fn cost_per_hour(plan: &Plan, facts: &Facts, prices: &Prices) -> Option<Money> {
    let mut thousandths: BTreeMap<_, i128> = BTreeMap::new();
    for workload in &plan.workloads {
        let replicas = i128::from(workload.scale.replicas_min);
        if let Some(gpu) = &workload.resources.gpu {
            let there = |kind: &&String| facts.gpu_pools.iter().any(|pool| pool.kind == **kind);
            let pools = facts.gpu_pools.iter().map(|pool| &pool.kind);
            let kind =
                gpu.kinds.iter().find(there).or_else(|| pools.into_iter().find(|_| gpu.kinds.is_empty()))?;
            let price = prices.get(kind)?;
            // 50 bits of a price, 32 of replicas, 32 of GPUs, and a thousand.
            *thousandths.entry(price.currency()).or_insert(0) +=
                i128::from(price.minor()) * 1000 * replicas * i128::from(workload.gpus());
        }
        if let Some(price) = prices.get("cpu") {
            let millis = i128::from(workload.resources.cpu_millis);
            *thousandths.entry(price.currency()).or_insert(0) +=
                i128::from(price.minor()) * replicas * millis;
        }
    }
    match thousandths.into_iter().collect::<Vec<_>>().as_slice() {
        // Sums of two currencies are no sum.
        [(currency, minor)] => Money::new((minor + 500) / 1000, *currency).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chandlery_package::plan::example::workload;
    use chandlery_package::plan::{Gpu, GpuPool, Interconnect};

    #[test]
    fn costs_are_of_what_runs() {
        let price = |text: &str| text.parse::<Money>().unwrap();
        let prices = Prices::from([("h100".into(), price("2.50 USD")), ("cpu".into(), price("0.04 USD"))]);
        let pool = GpuPool { kind: "h100".into(), memory_mib: 81920, total: 8, free: 8, nodes: 1 };
        let facts = Facts {
            name: "lab".into(),
            engine: EngineKind::Slurm,
            runtimes: Vec::new(),
            gpu_pools: vec![pool],
            architecture: "x86_64".into(),
        };
        let mut workload = workload();
        workload.scale.replicas_min = 2;
        workload.resources.cpu_millis = 500;
        let cost = |workload: &chandlery_package::plan::Workload, prices: &Prices| {
            cost_per_hour(&Plan { workloads: vec![workload.clone()], notes: Vec::new() }, &facts, prices)
        };
        assert_eq!(cost(&workload, &prices), Some(price("0.04 USD")));
        assert_eq!(cost(&workload, &Prices::new()), None);
        let gpu = |kind: &str| {
            let (kinds, interconnect) = (vec![kind.to_owned()], Interconnect::None);
            Some(Gpu { kinds, count_per_replica: 2, memory_mib_min: 0, interconnect })
        };
        workload.resources.gpu = gpu("h100");
        assert_eq!(cost(&workload, &prices), Some(price("10.04 USD")));
        workload.resources.gpu = gpu("a100");
        assert_eq!(cost(&workload, &prices), None, "nothing is known of its price");
    }
}
