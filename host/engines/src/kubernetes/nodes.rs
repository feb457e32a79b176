//! What a cluster's nodes have, and what of it is free: allocatable, less what pods on them have requested.

use std::collections::BTreeMap;

use serde_json::Value;

use super::object::{Choice, GPU_PRODUCT, GPU_RESOURCE};
use super::quantity::{mib, thousandths};
use crate::gpus;
use chandlery_package::plan::{GpuPool, Workload};

/// The node label that NVIDIA's feature discovery writes one GPU's memory into, in MiB.
const GPU_MEMORY: &str = "nvidia.com/gpu.memory";

/// A node that pods may be placed on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub architecture: String,
    /// Its GPUs' kind in short, and their product in its label's words.
    kind: String,
    product: Option<String>,
    gpu_memory_mib: u32,
    gpus: i64,
    free_gpus: i64,
    free_cpu_millis: i64,
    free_mib: i64,
}

/// The nodes that take pods, with what is free.
pub(super) fn nodes(nodes: &[Value], pods: &[Value]) -> Vec<Node> {
    let mut held: BTreeMap<&str, Held> = BTreeMap::new();
    for pod in pods {
        if let Some(name) = pod.pointer("/spec/nodeName").and_then(Value::as_str) {
            held.entry(name).or_default().add(pod);
        }
    }
    nodes.iter().filter(|node| takes_pods(node)).map(|node| read(node, &held)).collect()
}

/// What pods hold of a node.
#[derive(Default)]
struct Held {
    gpus: i64,
    cpu_millis: i64,
    mib: i64,
}

impl Held {
    fn add(&mut self, pod: &Value) {
        let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
        for requests in containers.into_iter().flatten().filter_map(|c| c.pointer("/resources/requests")) {
            self.gpus = self.gpus.saturating_add(count(&requests[GPU_RESOURCE]));
            self.cpu_millis = self.cpu_millis.saturating_add(millis(&requests["cpu"]));
            self.mib = self.mib.saturating_add(mebibytes(&requests["memory"]));
        }
    }
}

fn takes_pods(node: &Value) -> bool {
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    let is_ready = conditions.into_iter().flatten().any(|it| it["type"] == "Ready" && it["status"] == "True");
    is_ready && node.pointer("/spec/unschedulable") != Some(&Value::Bool(true))
}

fn read(node: &Value, held: &BTreeMap<&str, Held>) -> Node {
    let name = node.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let labels = &node["metadata"]["labels"];
    let allocatable = &node["status"]["allocatable"];
    let none = Held::default();
    let held = held.get(name).unwrap_or(&none);
    let product = labels[GPU_PRODUCT].as_str().map(String::from);
    let kind = product.as_deref().map_or("gpu".into(), gpus::kind_of);
    let memory = labels[GPU_MEMORY].as_str().and_then(|text| text.parse().ok());
    let gpus = count(&allocatable[GPU_RESOURCE]);
    Node {
        architecture: match labels["kubernetes.io/arch"].as_str() {
            Some("arm64") => "aarch64".into(),
            Some("amd64") | None => "x86_64".into(),
            Some(other) => other.into(),
        },
        gpu_memory_mib: memory.unwrap_or_else(|| gpus::memory_mib(&kind)),
        kind,
        product,
        gpus,
        free_gpus: (gpus - held.gpus).max(0),
        free_cpu_millis: millis(&allocatable["cpu"]) - held.cpu_millis,
        free_mib: mebibytes(&allocatable["memory"]) - held.mib,
    }
}

fn count(amount: &Value) -> i64 {
    millis(amount) / 1000
}

fn millis(amount: &Value) -> i64 {
    amount.as_str().and_then(thousandths).and_then(|amount| i64::try_from(amount).ok()).unwrap_or(0)
}

fn mebibytes(amount: &Value) -> i64 {
    amount.as_str().and_then(mib).unwrap_or(0)
}

/// The GPUs of nodes, by kind.
pub(super) fn pools(nodes: &[Node]) -> Vec<GpuPool> {
    let mut pools: BTreeMap<&str, GpuPool> = BTreeMap::new();
    for node in nodes.iter().filter(|node| node.gpus > 0) {
        let pool = pools.entry(&node.kind).or_insert_with(|| GpuPool {
            kind: node.kind.clone(),
            memory_mib: node.gpu_memory_mib,
            total: 0,
            free: 0,
            nodes: 0,
        });
        pool.memory_mib = pool.memory_mib.min(node.gpu_memory_mib);
        pool.total = pool.total.saturating_add(u32::try_from(node.gpus).unwrap_or(0));
        pool.free = pool.free.saturating_add(u32::try_from(node.free_gpus).unwrap_or(0));
        pool.nodes += 1;
    }
    pools.into_values().collect()
}

/// What a workload is given: the first kind of GPU of its wish that is free, else the first that there is; and whether one
/// replica more finds its place now.
pub(super) fn choose(workload: &Workload, nodes: &[Node]) -> Choice {
    let count = i64::from(workload.gpus_per_node());
    let wish = workload.resources.gpu.as_ref();
    let suits = |node: &&Node| {
        wish.is_none_or(|gpu| {
            let kind = gpu.kinds.is_empty() || gpu.kinds.contains(&node.kind);
            let memory = node.gpu_memory_mib == 0 || node.gpu_memory_mib >= gpu.memory_mib_min;
            kind && memory && node.gpus >= count
        })
    };
    let suitable: Vec<_> = nodes.iter().filter(suits).collect();
    let kind = |free: bool| {
        let has: Vec<_> = suitable.iter().filter(|node| !free || node.free_gpus >= count).collect();
        let wished =
            wish.and_then(|gpu| gpu.kinds.iter().find(|kind| has.iter().any(|node| node.kind == **kind)));
        wished.or_else(|| has.first().map(|node| &node.kind)).cloned()
    };
    let chosen = wish.and_then(|_| kind(true).or_else(|| kind(false)));
    let of_kind: Vec<_> =
        suitable.into_iter().filter(|node| chosen.as_ref().is_none_or(|kind| node.kind == *kind)).collect();
    let fits = |node: &&&Node| {
        node.free_gpus >= count
            && node.free_cpu_millis >= i64::from(workload.resources.cpu_millis)
            && node.free_mib >= i64::from(workload.resources.memory_mib)
    };
    let surge = of_kind.iter().filter(fits).count() >= workload.scale.nodes_per_replica as usize;
    let mut products: Vec<String> = match wish {
        Some(_) => of_kind.iter().filter_map(|node| node.product.clone()).collect(),
        None => Vec::new(),
    };
    products.sort();
    products.dedup();
    Choice { surge, products }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chandlery_package::plan::example::workload;
    use chandlery_package::plan::{Gpu, Interconnect};
    use serde_json::json;

    fn node(name: &str, product: &str, gpus: &str) -> Value {
        json!({
            "metadata": { "name": name, "labels": { "kubernetes.io/arch": "amd64", GPU_PRODUCT: product } },
            "status": {
                "allocatable": { "cpu": "32", "memory": "64Gi", GPU_RESOURCE: gpus },
                "conditions": [{ "type": "Ready", "status": "True" }],
            },
        })
    }

    #[test]
    fn what_is_free_is_what_was_not_requested() {
        let mut away = node("c", "NVIDIA-H100-80GB-HBM3", "8");
        away["spec"]["unschedulable"] = true.into();
        let all = [node("a", "NVIDIA-H100-80GB-HBM3", "8"), node("b", "NVIDIA-A100-SXM4-40GB", "4"), away];
        let pod = json!({
            "spec": {
                "nodeName": "a",
                "containers": [{ "resources": { "requests": {
                    GPU_RESOURCE: "6", "cpu": "1500m", "memory": "1Gi",
                } } }],
            },
        });
        let nodes = nodes(&all, &[pod]);
        let pool = |kind: &str, memory_mib, total, free| GpuPool {
            kind: kind.into(),
            memory_mib,
            total,
            free,
            nodes: 1,
        };
        assert_eq!(pools(&nodes), [pool("a100", 40960, 4, 4), pool("h100", 81920, 8, 2)]);
        let choice = |kinds: &[&str], count| {
            let mut workload = workload();
            workload.resources.gpu = Some(Gpu {
                kinds: kinds.iter().map(|kind| (*kind).into()).collect(),
                count_per_replica: count,
                memory_mib_min: 0,
                interconnect: Interconnect::None,
            });
            choose(&workload, &nodes)
        };
        let h100 = || vec!["NVIDIA-H100-80GB-HBM3".to_owned()];
        let a100 = || vec!["NVIDIA-A100-SXM4-40GB".to_owned()];
        assert_eq!(choice(&["h100", "a100"], 2), Choice { surge: true, products: h100() });
        assert_eq!(choice(&["h100", "a100"], 4), Choice { surge: true, products: a100() });
        assert_eq!(choice(&["h100", "a100"], 8), Choice { surge: false, products: h100() });
        assert_eq!(choice(&[], 8), Choice { surge: false, products: h100() });
        assert_eq!(choose(&workload(), &nodes), Choice { surge: true, products: Vec::new() });
    }

    /// A cluster's answers are sums of what anybody wrote who may make pods there.
    #[test]
    fn no_amount_is_too_large_to_be_counted() {
        let most = [
            "4294967295",
            "999999999999999",
            "999999999999999E",
            "999999999999999Ei",
            "9223372036854775807m",
            "9e18",
            "-1",
            "",
        ];
        for amount in most {
            let requests = json!({ GPU_RESOURCE: amount, "cpu": amount, "memory": amount });
            let container = json!({ "resources": { "requests": requests } });
            let pod = json!({ "spec": { "nodeName": "a", "containers": [container, container, container] } });
            let mut all = [node("a", "", amount), node("b", "", amount), node("c", "", amount)];
            all.iter_mut().for_each(|node| {
                node["status"]["allocatable"]["cpu"] = amount.into();
                node["status"]["allocatable"]["memory"] = amount.into();
            });
            let nodes = nodes(&all, &vec![pod; 1000]);
            let _ = (pools(&nodes), choose(&workload(), &nodes));
            assert_eq!(nodes.len(), 3, "{amount}");
        }
        let strange = [json!(null), json!([]), json!({ "spec": [] }), json!({ "spec": { "nodeName": 7 } })];
        assert!(nodes(&strange, &strange).is_empty());
    }
}
