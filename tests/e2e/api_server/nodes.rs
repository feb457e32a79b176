//! What stands for the scheduler and the nodes: pods are placed and run, and their images pulled.

use serde_json::{Value, json};

use super::cluster::{Cluster, Key, Object, now};
use super::controllers::is_over;

impl Cluster {
    /// Adds a node with so many GPUs; one whose GPUs NVIDIA's feature discovery has not labelled, where they have no product.
    pub(super) fn add_node(&mut self, name: &str, product: Option<&str>, gpus: u64) {
        let mut labels = json!({ "kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name });
        if let Some(product) = product {
            labels["nvidia.com/gpu.product"] = product.into();
            labels["nvidia.com/gpu.memory"] = "81559".into();
        }
        let body = json!({
            "kind": "Node", "apiVersion": "v1",
            "metadata": { "name": name, "labels": labels },
            "status": {
                "allocatable": { "cpu": "1024", "memory": "8192Gi", "nvidia.com/gpu": gpus.to_string() },
                "conditions": [{ "type": "Ready", "status": "True" }],
            },
        });
        self.put(&node_key(name), Object { body, ..Object::default() });
    }

    /// Keeps pods from a node that do not tolerate this.
    pub(super) fn taint(&mut self, name: &str, key: &str) {
        let mut node = self.objects[&node_key(name)].clone();
        node.body["spec"]["taints"] = json!([{ "key": key, "effect": "NoSchedule" }]);
        self.put(&node_key(name), node);
    }

    /// A node takes the pod, if there is one that may, and runs it.
    pub(super) fn place(&mut self, pod: &mut Value, is_job: bool) {
        let nodes = self.objects.iter().filter(|(key, _)| key.0 == "nodes");
        let nodes: Vec<Value> = nodes.map(|(_, node)| node.body.clone()).collect();
        let holds = |node: &Value| -> u64 {
            let pods = self.pods().into_iter().map(|(_, pod)| pod);
            let on_it =
                pods.filter(|pod| pod["spec"]["nodeName"] == node["metadata"]["name"] && !is_over(pod));
            on_it.map(|pod| gpus(&pod)).sum()
        };
        let has = |node: &Value| -> u64 {
            node["status"]["allocatable"]["nvidia.com/gpu"].as_str().unwrap().parse().unwrap()
        };
        let takes = |node: &&Value| tolerates(pod, node) && is_wanted(pod, node);
        let node = nodes.iter().filter(takes).find(|node| holds(node) + gpus(pod) <= has(node));
        let Some(node) = node.map(|node| node["metadata"]["name"].clone()) else {
            let all = nodes.len();
            pod["status"] = json!({ "phase": "Pending", "conditions": [{
                "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                "message": format!("0/{all} nodes are available: {all} Insufficient nvidia.com/gpu."),
            }] });
            return;
        };
        pod["spec"]["nodeName"] = node;
        let says = pod["spec"]["containers"].to_string();
        let waiting = |reason: &str, last: Value| {
            json!({
                "restartCount": if last.is_null() { 0 } else { 3 },
                "state": { "waiting": { "reason": reason, "message": "it is waited" } },
                "lastState": if last.is_null() { json!({}) } else { json!({ "terminated": last }) },
            })
        };
        let crash = |code: u64, reason: &str| {
            waiting("CrashLoopBackOff", json!({ "exitCode": code, "reason": reason }))
        };
        let ended = |code: u64| {
            json!({ "restartCount": 0, "state": { "terminated": {
                "exitCode": code, "reason": "Done", "finishedAt": now(),
            } } })
        };
        match () {
            () if says.contains("unpullable") || says.contains("flaky") => {
                self.be(pod, "Pending", waiting("ErrImagePull", Value::Null));
                self.tell(pod, "Failed", PULL_FAILED);
            }
            () if is_job && says.contains("exit 3") => self.be(pod, "Failed", ended(3)),
            () if is_job && !says.contains("sleep") => self.be(pod, "Succeeded", ended(0)),
            () if says.contains("exit 3") => self.be(pod, "Running", crash(3, "Error")),
            () if says.contains("hog") => self.be(pod, "Running", crash(137, "OOMKilled")),
            () => self.start(pod),
        }
    }

    fn start(&mut self, pod: &mut Value) {
        self.be(pod, "Running", json!({ "restartCount": 0, "state": { "running": { "startedAt": now() } } }));
        self.addresses += 1;
        let status = &mut pod["status"];
        status["hostIP"] = "192.0.2.1".into();
        status["podIP"] = format!("10.0.{}.{}", self.addresses / 250, self.addresses % 250).into();
        status["conditions"] = json!([{ "type": "Ready", "status": "True", "lastTransitionTime": now() }]);
    }

    /// Sets a pod's phase and the state of its program's container. A node lists containers by name (SortedContainerStatuses in
    /// pkg/kubelet/types), so that one that was put beside a program may come first.
    fn be(&self, pod: &mut Value, phase: &str, mut program: Value) {
        program["name"] = pod["metadata"]["labels"]["app.kubernetes.io/name"].clone();
        let mut all = vec![program];
        if let Some(name) = &self.sidecar {
            all.push(json!({ "name": name, "restartCount": 7, "state": { "running": {} } }));
        }
        all.sort_by_key(|container| container["name"].as_str().unwrap().to_owned());
        pod["status"] = json!({ "phase": phase, "startTime": now(), "containerStatuses": all });
    }

    /// What becomes of pods as time passes: they are placed where there is room now, and their images are pulled again. A real node
    /// waits 10 s for that and then longer; this one does not.
    pub(super) fn try_again(&mut self) {
        for (key, mut pod) in self.pods() {
            let job = !pod["metadata"]["labels"]["batch.kubernetes.io/job-name"].is_null();
            if pod["status"]["conditions"][0]["reason"] == "Unschedulable" {
                self.place(&mut pod, job);
                self.put(&key, Object { body: pod, ..Object::default() });
                continue;
            }
            if !pod["status"]["containerStatuses"].to_string().contains("ImagePull") {
                continue;
            }
            let tries = self.tell(&pod, "Failed", PULL_FAILED);
            if pod["spec"]["containers"].to_string().contains("flaky") && tries > 2 {
                match job {
                    true => self.be(
                        &mut pod,
                        "Succeeded",
                        json!({ "state": { "terminated": { "exitCode": 0 } } }),
                    ),
                    false => self.start(&mut pod),
                }
            }
            self.put(&key, Object { body: pod, ..Object::default() });
        }
    }

    /// Takes a pod from its node, as the kubelet does where memory is short (evictPod in pkg/kubelet/eviction).
    pub(super) fn evict(&mut self, key: &Key) {
        let mut pod = self.objects[key].clone();
        let status = &mut pod.body["status"];
        status["phase"] = "Failed".into();
        status["reason"] = "Evicted".into();
        status["message"] = "The node was low on resource: memory.".into();
        status["conditions"] =
            json!([{ "type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet" }]);
        self.put(key, pod);
    }

    /// Tells something of an object. The same again raises the count of the event; gives how often it was told.
    pub(super) fn tell(&mut self, of: &Value, reason: &str, message: &str) -> u64 {
        let metadata = &of["metadata"];
        let name = format!("{}.{}", metadata["name"].as_str().unwrap(), reason.to_lowercase());
        let key = ("events".to_owned(), metadata["namespace"].as_str().unwrap().to_owned(), name.clone());
        let before = self.objects.get(&key).map_or(0, |event| event.body["count"].as_u64().unwrap());
        let body = json!({
            "kind": "Event", "apiVersion": "v1", "metadata": { "name": name }, "type": "Warning",
            "reason": reason, "message": message, "lastTimestamp": now(), "count": before + 1,
            "involvedObject": { "kind": of["kind"], "uid": metadata["uid"] },
        });
        self.put(&key, Object { body, ..Object::default() });
        before + 1
    }
}

const PULL_FAILED: &str = "Failed to pull image: manifest unknown";

fn node_key(name: &str) -> Key {
    ("nodes".into(), String::new(), name.into())
}

fn gpus(pod: &Value) -> u64 {
    let containers = pod["spec"]["containers"].as_array().unwrap();
    let asked = containers.iter().filter_map(|it| it["resources"]["requests"]["nvidia.com/gpu"].as_str());
    asked.map(|text| text.parse::<u64>().unwrap()).sum()
}

/// Whether a pod tolerates every taint of a node.
fn tolerates(pod: &Value, node: &Value) -> bool {
    let tolerations = pod["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
    let mut taints = node["spec"]["taints"].as_array().into_iter().flatten();
    taints.all(|taint| tolerations.iter().any(|it| it["key"] == taint["key"]))
}

/// Whether a pod may be on a node by its node selector and its affinity.
fn is_wanted(pod: &Value, node: &Value) -> bool {
    let labels = &node["metadata"]["labels"];
    let selects = |(name, value): (&String, &Value)| labels[name] == *value;
    let selected = pod["spec"]["nodeSelector"].as_object().is_none_or(|wanted| wanted.iter().all(selects));
    let matches = |expression: &Value| {
        let is = &labels[expression["key"].as_str().unwrap()];
        match expression["operator"].as_str().unwrap() {
            "In" => expression["values"].as_array().unwrap().contains(is),
            "DoesNotExist" => is.is_null(),
            other => panic!("{other} is no operator here"),
        }
    };
    let required = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    selected
        && required["nodeSelectorTerms"].as_array().is_none_or(|terms| {
            terms.iter().any(|term| term["matchExpressions"].as_array().unwrap().iter().all(matches))
        })
}
