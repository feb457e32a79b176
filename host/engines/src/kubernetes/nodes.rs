//! What a cluster's nodes have, and what of it is free: allocatable, less what pods on them have requested.

use std::collections::BTreeMap;

use serde_json::Value;

use super::object::{Choice, GPU_PRODUCT, GPU_RESOURCE};
use super::quantity::{mib, thousandths};
use super::settings::KubernetesSettings;
use crate::gpus;
use chandlery_package::plan::{Gpu, GpuPool, Workload};

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
    /// Whether it takes pods that need no GPUs, too.
    takes_others: bool,
}

/// The nodes that take pods of a target, with what is free.
pub(super) fn nodes(nodes: &[Value], pods: &[Value], settings: &KubernetesSettings) -> Vec<Node> {
    let mut held: BTreeMap<&str, Held> = BTreeMap::new();
    for pod in pods {
        if let Some(name) = pod.pointer("/spec/nodeName").and_then(Value::as_str) {
            held.entry(name).or_default().add(pod);
        }
    }
    let open = nodes.iter().filter(|node| takes_pods(node) && settings.may_use(node, true));
    open.map(|node| Node { takes_others: settings.may_use(node, false), ..read(node, &held) }).collect()
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
        takes_others: true,
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

/// The GPUs of nodes, by kind and by how many a node has: a pool is of like nodes.
pub(super) fn pools(nodes: &[Node]) -> Vec<GpuPool> {
    let mut pools: BTreeMap<(&str, i64), GpuPool> = BTreeMap::new();
    for node in nodes.iter().filter(|node| node.gpus > 0) {
        let pool = pools.entry((node.kind.as_str(), -node.gpus)).or_insert_with(|| GpuPool {
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
/// replica more finds its place now. None: no node has what it wishes at the moment.
pub(super) fn choose(workload: &Workload, nodes: &[Node]) -> Option<Choice> {
    let Some(wish) = &workload.resources.gpu else {
        let open: Vec<_> = nodes.iter().filter(|node| node.takes_others).collect();
        return Some(Choice { surge: has_room(workload, &open), ..Choice::default() });
    };
    let count = i64::from(workload.gpus_per_node());
    let suits = |node: &&Node| wish.suits(&node.kind, node.gpu_memory_mib) && node.gpus >= count;
    let span = workload.scale.nodes_per_replica as usize;
    let suitable = enough(nodes.iter().filter(suits).collect(), span);
    let free = suitable.iter().copied().filter(|node| node.free_gpus >= count).collect();
    let free = enough(free, span);
    let kind = preferred(wish, &free).or_else(|| preferred(wish, &suitable))?;
    let of_kind: Vec<_> = suitable.into_iter().filter(|node| node.kind == kind).collect();
    let mut products: Vec<String> = of_kind.iter().filter_map(|node| node.product.clone()).collect();
    products.sort();
    products.dedup();
    let unlabelled = of_kind.iter().any(|node| node.product.is_none());
    Some(Choice { surge: has_room(workload, &of_kind), products, unlabelled })
}

/// The nodes of whose kind there are as many as a replica spans.
fn enough(nodes: Vec<&Node>, span: usize) -> Vec<&Node> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for node in &nodes {
        *counts.entry(node.kind.as_str()).or_default() += 1;
    }
    nodes.into_iter().filter(|node| counts[node.kind.as_str()] >= span).collect()
}

/// Of the kinds that nodes have the first of a wish; any of them, where it names none.
fn preferred<'a>(wish: &Gpu, nodes: &[&'a Node]) -> Option<&'a str> {
    let wished = wish.kinds.iter().find_map(|kind| nodes.iter().find(|node| node.kind == *kind));
    wished.or_else(|| nodes.first().filter(|_| wish.kinds.is_empty())).map(|node| node.kind.as_str())
}

/// Whether one replica more finds its place on these nodes.
fn has_room(workload: &Workload, nodes: &[&Node]) -> bool {
    let fits = |node: &&&Node| {
        node.free_gpus >= i64::from(workload.gpus_per_node())
            && node.free_cpu_millis >= i64::from(workload.resources.cpu_millis)
            && node.free_mib >= i64::from(workload.resources.memory_mib)
    };
    nodes.iter().filter(fits).count() >= workload.scale.nodes_per_replica as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use chandlery_package::plan::Interconnect;
    use chandlery_package::plan::example::workload;
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
        let nodes = nodes(&all, &[pod], &KubernetesSettings::default());
        let pool = |kind: &str, memory_mib, total, free| GpuPool {
            kind: kind.into(),
            memory_mib,
            total,
            free,
            nodes: 1,
        };
        assert_eq!(pools(&nodes), [pool("a100", 40960, 4, 4), pool("h100", 81559, 8, 2)]);
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
        let given = |surge, product: &str| {
            Some(Choice { surge, products: vec![product.to_owned()], unlabelled: false })
        };
        let (h100, a100) = ("NVIDIA-H100-80GB-HBM3", "NVIDIA-A100-SXM4-40GB");
        assert_eq!(choice(&["h100", "a100"], 2), given(true, h100));
        assert_eq!(choice(&["h100", "a100"], 4), given(true, a100));
        assert_eq!(choice(&["h100", "a100"], 8), given(false, h100));
        assert_eq!(choice(&[], 8), given(false, h100));
        assert_eq!(choice(&["b200"], 1), None);
        assert_eq!(choose(&workload(), &nodes), Some(Choice { surge: true, ..Choice::default() }));
    }

    #[test]
    fn a_replica_spans_nodes_of_a_kind_that_has_enough_of_them() {
        let (h100, a100) = ("NVIDIA-H100-80GB-HBM3", "NVIDIA-A100-SXM4-40GB");
        let all = [node("a", h100, "8"), node("b", a100, "8"), node("c", a100, "8")];
        let busy = json!({ "spec": {
            "nodeName": "b",
            "containers": [{ "resources": { "requests": { GPU_RESOURCE: "8" } } }],
        } });
        let products = |kinds: &[&str], span, pods: &[Value]| {
            let mut workload = workload();
            workload.scale.nodes_per_replica = span;
            workload.resources.gpu = Some(Gpu {
                kinds: kinds.iter().map(|kind| (*kind).into()).collect(),
                count_per_replica: span * 8,
                memory_mib_min: 0,
                interconnect: Interconnect::None,
            });
            choose(&workload, &nodes(&all, pods, &KubernetesSettings::default()))
                .map(|choice| choice.products.concat())
        };
        let given = |product: &str| Some(product.to_owned());
        assert_eq!(products(&["h100", "a100"], 1, &[]), given(h100));
        assert_eq!(products(&["h100", "a100"], 2, &[]), given(a100));
        assert_eq!(products(&[], 2, &[]), given(a100));
        // One is busy: it waits for two of that kind.
        assert_eq!(products(&["h100", "a100"], 2, &[busy]), given(a100));
        assert_eq!(products(&["h100"], 2, &[]), None);
    }

    #[test]
    fn nodes_that_no_pod_of_ours_may_be_on_are_not_there() {
        let tainted = |name: &str, key: &str, effect: &str| {
            let mut node = node(name, "NVIDIA-H100-80GB-HBM3", "8");
            node["spec"]["taints"] = json!([{ "key": key, "value": "yes", "effect": effect }]);
            node
        };
        let all = [
            tainted("a", "nvidia.com/gpu", "NoSchedule"),
            tainted("b", "team", "NoSchedule"),
            tainted("c", "team", "NoExecute"),
            tainted("d", "team", "PreferNoSchedule"),
        ];
        let total = |settings: Value| {
            let nodes = nodes(&all, &[], &serde_json::from_value(settings).unwrap());
            pools(&nodes).first().map_or(0, |pool| pool.total)
        };
        assert_eq!(total(json!({})), 16);
        assert_eq!(total(json!({ "tolerations": [{ "key": "team", "operator": "Exists" }] })), 32);
        assert_eq!(total(json!({ "node_selector": { "kubernetes.io/arch": "arm64" } })), 0);
        // What needs no GPU is kept away from those.
        let only = nodes(&all[..1], &[], &KubernetesSettings::default());
        assert_eq!(choose(&workload(), &only), Some(Choice::default()));
    }

    #[test]
    fn gpus_without_a_label_are_a_kind_of_their_own() {
        let mut unlabelled = node("a", "", "2");
        unlabelled["metadata"]["labels"] = json!({});
        let nodes = nodes(&[node("b", "NVIDIA-L4", "1"), unlabelled], &[], &KubernetesSettings::default());
        let kinds: Vec<_> = pools(&nodes).into_iter().map(|pool| (pool.kind, pool.total)).collect();
        assert_eq!(kinds, [("gpu".to_owned(), 2), ("l4".to_owned(), 1)]);
        let mut workload = workload();
        let gpu = |kinds: &[&str]| Gpu {
            kinds: kinds.iter().map(|kind| (*kind).into()).collect(),
            count_per_replica: 1,
            memory_mib_min: 0,
            interconnect: Interconnect::None,
        };
        workload.resources.gpu = Some(gpu(&["gpu"]));
        let choice = choose(&workload, &nodes).unwrap();
        assert_eq!((choice.products, choice.unlabelled), (vec![], true));
        workload.resources.gpu = Some(gpu(&["l4"]));
        let choice = choose(&workload, &nodes).unwrap();
        assert_eq!((choice.products, choice.unlabelled), (vec!["NVIDIA-L4".to_owned()], false));
    }

    #[test]
    fn a_pool_is_of_like_nodes() {
        let all = [("a", "8"), ("b", "1"), ("c", "8")].map(|(name, gpus)| node(name, "NVIDIA-L4", gpus));
        let pools = pools(&nodes(&all, &[], &KubernetesSettings::default()));
        let each: Vec<_> = pools.iter().map(|pool| (pool.total, pool.nodes)).collect();
        assert_eq!(each, [(16, 2), (1, 1)]);
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
            let nodes = nodes(&all, &vec![pod; 1000], &KubernetesSettings::default());
            let _ = (pools(&nodes), choose(&workload(), &nodes));
            assert_eq!(nodes.len(), 3, "{amount}");
        }
        let strange = [json!(null), json!([]), json!({ "spec": [] }), json!({ "spec": { "nodeName": 7 } })];
        assert!(nodes(&strange, &strange, &KubernetesSettings::default()).is_empty());
    }
}
