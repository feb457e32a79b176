//! What a plan costs where prices are known.

use std::collections::BTreeMap;

use super::slice::chip_of;
use super::{Facts, Plan};
use crate::Money;

/// What a plan costs by the hour at these prices, which are for each kind of GPU and for `cpu`, a core, by the hour; nothing, where
/// there are no prices for what the plan uses. A slice without a price of its own costs what its GPU does.
pub fn cost_per_hour(plan: &Plan, facts: &Facts, prices: &BTreeMap<String, Money>) -> Option<Money> {
    let mut thousandths: BTreeMap<_, i128> = BTreeMap::new();
    for workload in &plan.workloads {
        let replicas = i128::from(workload.scale.replicas_min);
        if let Some(gpu) = &workload.resources.gpu {
            let there = |kind: &&String| facts.gpu_pools.iter().any(|pool| pool.kind == **kind);
            let pools = facts.gpu_pools.iter().map(|pool| &pool.kind);
            let kind =
                gpu.kinds.iter().find(there).or_else(|| pools.into_iter().find(|_| gpu.kinds.is_empty()))?;
            let price = prices.get(kind).or_else(|| prices.get(chip_of(kind)))?;
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
    use crate::plan::example::workload;
    use crate::plan::{EngineKind, Gpu, GpuPool, Interconnect, Workload};

    #[test]
    fn costs_are_of_what_runs() {
        let price = |text: &str| text.parse::<Money>().unwrap();
        let prices = BTreeMap::from([("h100".into(), price("2.50 USD")), ("cpu".into(), price("0.04 USD"))]);
        let pool = |kind: &str| GpuPool { kind: kind.into(), memory_mib: 81920, total: 8, free: 8, nodes: 1 };
        let facts = Facts {
            name: "lab".into(),
            engine: EngineKind::Slurm,
            runtimes: Vec::new(),
            gpu_pools: ["h100", "h100-mig-1g.10gb"].map(pool).into(),
            architecture: "x86_64".into(),
        };
        let mut workload = workload();
        workload.scale.replicas_min = 2;
        workload.resources.cpu_millis = 500;
        let cost = |workload: &Workload, prices: &BTreeMap<String, Money>| {
            cost_per_hour(&Plan { workloads: vec![workload.clone()], notes: Vec::new() }, &facts, prices)
        };
        assert_eq!(cost(&workload, &prices), Some(price("0.04 USD")));
        assert_eq!(cost(&workload, &BTreeMap::new()), None);
        let gpu = |kind: &str| {
            let (kinds, interconnect) = (vec![kind.to_owned()], Interconnect::None);
            Some(Gpu { kinds, count_per_replica: 2, memory_mib_min: 0, interconnect })
        };
        workload.resources.gpu = gpu("h100");
        assert_eq!(cost(&workload, &prices), Some(price("10.04 USD")));
        workload.resources.gpu = gpu("h100-mig-1g.10gb");
        assert_eq!(cost(&workload, &prices), Some(price("10.04 USD")), "as its GPU does");
        workload.resources.gpu = gpu("a100");
        assert_eq!(cost(&workload, &prices), None, "nothing is known of its price");
    }
}
