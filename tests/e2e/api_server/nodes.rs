//! What stands for the controllers and the nodes of a cluster: pods are made, placed and run.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::cluster::{Cluster, Key, Object, now};

const GPUS_OF_NODE: u64 = 8;

impl Cluster {
    /// Adds two nodes of eight H100 each.
    pub(super) fn add_nodes(&mut self) {
        for name in ["gpu-1", "gpu-2"] {
            let body = json!({
                "kind": "Node", "apiVersion": "v1",
                "metadata": { "name": name, "labels": {
                    "kubernetes.io/arch": "amd64",
                    "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
                    "nvidia.com/gpu.memory": "81559",
                } },
                "status": {
                    "allocatable": { "cpu": "1024", "memory": "8192Gi", "nvidia.com/gpu": GPUS_OF_NODE.to_string() },
                    "conditions": [{ "type": "Ready", "status": "True" }],
                },
            });
            self.put(&("nodes".into(), String::new(), name.into()), Object { body, ..Object::default() });
        }
    }

    /// What controllers and nodes do after a change.
    pub(super) fn control(&mut self) {
        let owners: Vec<(Key, Value)> = self
            .objects
            .iter()
            .filter(|(key, _)| ["deployments", "statefulsets", "jobs"].contains(&key.0.as_str()))
            .map(|(key, object)| (key.clone(), object.body.clone()))
            .collect();
        let uids: BTreeSet<_> = owners.iter().map(|(_, owner)| uid(owner)).collect();
        for (key, pod) in self.pods() {
            if !uids.contains(pod["metadata"]["annotations"]["owner"].as_str().unwrap_or_default()) {
                self.delete(&key);
            }
        }
        for (key, owner) in owners {
            self.run(&key, &owner);
        }
    }

    fn pods(&self) -> Vec<(Key, Value)> {
        let pods = self.objects.iter().filter(|(key, _)| key.0 == "pods");
        pods.map(|(key, object)| (key.clone(), object.body.clone())).collect()
    }

    /// Makes the pods of one controller's object, and removes those of a former template once the new ones are ready.
    fn run(&mut self, key: &Key, owner: &Value) {
        let spec = &owner["spec"];
        let is_job = key.0 == "jobs";
        let template = &spec["template"];
        let hash = hex::encode(Sha256::digest(template.to_string()))[..8].to_owned();
        let count = if is_job { &spec["completions"] } else { &spec["replicas"] }.as_u64().unwrap_or(1);
        let first = spec["ordinals"]["start"].as_u64().unwrap_or(0);
        let mut wanted = BTreeSet::new();
        for ordinal in first..first + count {
            let name = match key.0.as_str() {
                "deployments" => format!("{}-{hash}-{ordinal}", key.2),
                _ => format!("{}-{ordinal}", key.2),
            };
            let pod_key = ("pods".to_owned(), key.1.clone(), name.clone());
            let is =
                self.objects.get(&pod_key).map(|pod| pod.body["metadata"]["annotations"]["hash"].clone());
            if is.is_some_and(|is| is != hash.as_str()) {
                self.delete(&pod_key);
            }
            if !self.objects.contains_key(&pod_key) {
                let mut pod = template.clone();
                pod["kind"] = "Pod".into();
                pod["apiVersion"] = "v1".into();
                pod["metadata"]["name"] = name.into();
                pod["metadata"]["annotations"] = json!({ "owner": uid(owner), "hash": hash });
                let labels = &mut pod["metadata"]["labels"];
                match key.0.as_str() {
                    "statefulsets" => labels["apps.kubernetes.io/pod-index"] = ordinal.to_string().into(),
                    "jobs" => {
                        labels["batch.kubernetes.io/job-name"] = key.2.clone().into();
                        if spec["completionMode"] == "Indexed" {
                            labels["batch.kubernetes.io/job-completion-index"] = ordinal.to_string().into();
                        }
                    }
                    _ => {}
                }
                pod["metadata"]["uid"] = uuid::Uuid::new_v4().to_string().into();
                pod["metadata"]["creationTimestamp"] = now();
                self.place(&mut pod, is_job);
                self.put(&pod_key, Object { body: pod, ..Object::default() });
            }
            wanted.insert(pod_key);
        }
        let all_ready = wanted.iter().all(|key| is_ready(&self.objects[key].body));
        for (pod_key, pod) in self.pods() {
            let is_own = pod["metadata"]["annotations"]["owner"] == uid(owner);
            let is_former = pod["metadata"]["annotations"]["hash"] != hash.as_str();
            if is_own && !wanted.contains(&pod_key) && (all_ready || !is_former) {
                self.delete(&pod_key);
            }
        }
        if is_job {
            let phase =
                |phase: &str| wanted.iter().all(|key| self.objects[key].body["status"]["phase"] == phase);
            let kind = if phase("Succeeded") { "Complete" } else { "Failed" };
            let mut object = self.objects[key].clone();
            object.body["status"] = json!({ "conditions": [{ "type": kind, "status": "True" }] });
            self.put(key, object);
        }
    }

    /// A node takes the pod, if there is one that can, and runs it.
    fn place(&mut self, pod: &mut Value, is_job: bool) {
        let container = pod["spec"]["containers"][0].clone();
        let gpus = |container: &Value| {
            let asked = container["resources"]["requests"]["nvidia.com/gpu"].as_str();
            asked.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0)
        };
        let wanted = gpus(&container);
        let holds = |node: &str| -> u64 {
            let pods = self.pods();
            let on_it = pods.iter().filter(|(_, pod)| pod["spec"]["nodeName"] == node);
            on_it.map(|(_, pod)| gpus(&pod["spec"]["containers"][0])).sum()
        };
        let node = ["gpu-1", "gpu-2"].into_iter().find(|node| holds(node) + wanted <= GPUS_OF_NODE);
        let Some(node) = node else {
            pod["status"] = json!({ "phase": "Pending", "conditions": [{
                "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                "message": "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.",
            }] });
            return;
        };
        pod["spec"]["nodeName"] = node.into();
        let says = container.to_string();
        let waiting = |reason: &str, last: Value| {
            json!({ "phase": "Running", "startTime": now(), "containerStatuses": [{
                "restartCount": if last.is_null() { 0 } else { 3 },
                "state": { "waiting": { "reason": reason, "message": "it is waited" } },
                "lastState": if last.is_null() { json!({}) } else { json!({ "terminated": last }) },
            }] })
        };
        let ended = |phase: &str, code: u64| {
            json!({ "phase": phase, "startTime": now(), "containerStatuses": [{ "restartCount": 0, "state": {
                "terminated": { "exitCode": code, "reason": "Done", "finishedAt": now() },
            } }] })
        };
        self.addresses += 1;
        pod["status"] = match () {
            () if says.contains("unpullable") => {
                self.warn(pod, "Failed to pull image: manifest unknown");
                waiting("ImagePullBackOff", Value::Null)
            }
            () if is_job && says.contains("exit 3") => ended("Failed", 3),
            () if is_job => ended("Succeeded", 0),
            () if says.contains("exit 3") => {
                waiting("CrashLoopBackOff", json!({ "exitCode": 3, "reason": "Error" }))
            }
            () if says.contains("hog") => {
                waiting("CrashLoopBackOff", json!({ "exitCode": 137, "reason": "OOMKilled" }))
            }
            () => json!({
                "phase": "Running", "startTime": now(), "hostIP": "192.0.2.1",
                "podIP": format!("10.0.{}.{}", self.addresses / 250, self.addresses % 250),
                "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": now() }],
                "containerStatuses": [{ "restartCount": 0, "state": { "running": { "startedAt": now() } } }],
            }),
        };
    }

    fn warn(&mut self, pod: &Value, message: &str) {
        let name = format!("{}.1", pod["metadata"]["name"].as_str().unwrap());
        let body = json!({
            "kind": "Event", "apiVersion": "v1", "metadata": { "name": name }, "type": "Warning",
            "reason": "Failed", "message": message, "lastTimestamp": now(),
            "involvedObject": { "kind": "Pod", "uid": pod["metadata"]["uid"] },
        });
        let namespace = self.objects.keys().find(|key| key.0 == "deployments").map(|key| key.1.clone());
        self.put(
            &("events".into(), namespace.unwrap_or_default(), name),
            Object { body, ..Object::default() },
        );
    }
}

fn is_ready(pod: &Value) -> bool {
    pod["status"]["conditions"][0]["type"] == "Ready"
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}
