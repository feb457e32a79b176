//! The pod of a workload: its container, variables, resources, volumes and the nodes that it may run on.

use chandlery_package::plan::{EnvValue, Port, Runtime, VolumeKind, WorkloadKind};
use serde_json::{Map, Value, json};

use super::object::{Choice, GPU_PRODUCT, GPU_RESOURCE, REPLICA, REVISION, ROLE};
use super::part::{Part, Place};
use super::site::Cache;
use super::{probes, security};
use crate::fleet::words::volume_variable;

impl Part<'_> {
    pub fn pod(&self, place: &Place, choice: &Choice) -> Value {
        let mut labels = self.site.labels(self.desired, Some(self.workload));
        labels[REVISION] = self.desired.revision.to_string().into();
        if let Some(index) = place.replica() {
            labels[REPLICA] = index.to_string().into();
        }
        if let Some(role) = place.role() {
            labels[ROLE] = role.into();
        }
        // A job is tried again by its Job, in a pod of its own each time: what earlier tries wrote can still be read.
        let restart = match self.workload.kind {
            WorkloadKind::Service => "Always",
            WorkloadKind::Job => "Never",
        };
        let settings = self.site.settings;
        let mut spec = json!({
            "restartPolicy": restart,
            "terminationGracePeriodSeconds": self.workload.grace_seconds,
            "automountServiceAccountToken": settings.service_account.is_some(),
            "enableServiceLinks": false,
            "securityContext": security::of_pod(settings),
            "containers": [self.container(place)],
        });
        for (name, class) in [
            ("serviceAccountName", &settings.service_account),
            ("runtimeClassName", &settings.runtime_class),
            ("priorityClassName", &settings.priority_class),
        ] {
            if let Some(class) = class {
                spec[name] = class.clone().into();
            }
        }
        if !settings.node_selector.is_empty() {
            spec["nodeSelector"] = json!(settings.node_selector);
        }
        let volumes = self.volumes();
        if !volumes.is_empty() {
            spec["volumes"] = volumes.into();
        }
        if let Some(secret) = &self.site.settings.image_pull_secret {
            spec["imagePullSecrets"] = json!([{ "name": secret }]);
        }
        if matches!(place, Place::Peer(_)) {
            spec["subdomain"] = self.peers().into();
        }
        if self.workload.scale.replicas_max > 1 && self.nodes() == 1 {
            spec["topologySpreadConstraints"] = json!([{
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": { "matchLabels": self.selector() },
            }]);
        }
        let affinity = self.affinity(place, choice);
        if !affinity.is_empty() {
            spec["affinity"] = affinity.into();
        }
        let tolerations = settings.tolerations(self.workload.gpus() > 0);
        if !tolerations.is_empty() {
            spec["tolerations"] = json!(tolerations);
        }
        let mut metadata = json!({ "labels": labels });
        if !settings.annotations.is_empty() {
            metadata["annotations"] = json!(settings.annotations);
        }
        json!({ "metadata": metadata, "spec": spec })
    }

    fn affinity(&self, place: &Place, choice: &Choice) -> Map<String, Value> {
        let mut affinity = Map::new();
        let mut terms = Vec::new();
        if !choice.products.is_empty() {
            let product = json!({ "key": GPU_PRODUCT, "operator": "In", "values": choice.products });
            terms.push(json!({ "matchExpressions": [product] }));
        }
        if choice.unlabelled {
            terms.push(json!({ "matchExpressions": [{ "key": GPU_PRODUCT, "operator": "DoesNotExist" }] }));
        }
        if !terms.is_empty() {
            let required =
                json!({ "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms } });
            affinity.insert("nodeAffinity".into(), required);
        }
        if let (Some(index), Some(_)) = (place.replica(), place.rank_label()) {
            let mut peers = self.selector();
            peers[REPLICA] = index.to_string().into();
            peers[REVISION] = self.desired.revision.to_string().into();
            affinity.insert(
                "podAntiAffinity".into(),
                json!({ "requiredDuringSchedulingIgnoredDuringExecution": [{
                    "topologyKey": "kubernetes.io/hostname",
                    "labelSelector": { "matchLabels": peers },
                }] }),
            );
        }
        affinity
    }

    fn container(&self, place: &Place) -> Value {
        let workload = self.workload;
        let Runtime::Container(image) = &workload.runtime else { return Value::Null };
        let mut container = json!({
            "name": workload.name,
            "image": image,
            "env": self.env(place),
            "resources": self.resources(),
            "securityContext": security::of_container(self.site.settings),
        });
        if !workload.command.is_empty() {
            container["command"] = json!(workload.command);
        }
        if !workload.ports.is_empty() {
            let port =
                |port: &Port| json!({ "name": port.name, "containerPort": port.number, "protocol": "TCP" });
            container["ports"] = workload.ports.iter().map(port).collect();
        }
        let mounts = workload.volumes.iter().map(|volume| {
            let mut mount = json!({ "name": volume.name, "mountPath": volume.mount });
            if volume.read_only {
                mount["readOnly"] = true.into();
            }
            mount
        });
        let mounts: Vec<_> = mounts.chain(self.shares_memory().then(|| shared_memory().1)).collect();
        if !mounts.is_empty() {
            container["volumeMounts"] = mounts.into();
        }
        // Of a replica that spans nodes, the first pod answers for all.
        let answers = !matches!(place, Place::Worker(_) | Place::Peer(_));
        if let Some(probe) = workload.readiness.as_ref().filter(|_| answers) {
            for (name, probe) in probes::probes(probe, workload.kind) {
                container[name] = probe;
            }
        }
        container
    }

    /// The variables: those that others may name come first.
    fn env(&self, place: &Place) -> Vec<Value> {
        let (rank, leader) = match (place.rank_label(), place.replica()) {
            (Some(label), Some(index)) => {
                let field = json!({ "fieldRef": { "fieldPath": format!("metadata.labels['{label}']") } });
                (json!({ "name": "CHANDLERY_NODE_RANK", "valueFrom": field }), self.leader_address(index))
            }
            _ => (json!({ "name": "CHANDLERY_NODE_RANK", "value": "0" }), "127.0.0.1".into()),
        };
        let mut env = vec![
            json!({ "name": "CHANDLERY_NODE_COUNT", "value": self.nodes().to_string() }),
            rank,
            json!({ "name": "CHANDLERY_LEADER_ADDRESS", "value": leader }),
        ];
        for volume in &self.workload.volumes {
            env.push(json!({ "name": volume_variable(&volume.name), "value": volume.mount }));
        }
        let (texts, others): (Vec<_>, Vec<_>) =
            self.workload.env.iter().partition(|variable| matches!(variable.value, EnvValue::Text(_)));
        for variable in others.into_iter().chain(texts) {
            env.push(match &variable.value {
                EnvValue::Text(text) => json!({ "name": variable.name, "value": text }),
                EnvValue::Port(port) => {
                    let number = self.workload.ports.iter().find(|known| known.name == *port);
                    let number = number.map(|port| port.number.to_string()).unwrap_or_default();
                    json!({ "name": variable.name, "value": number })
                }
                EnvValue::Secret(secret) => {
                    let reference = json!({ "name": self.site.secret_name(self.desired), "key": secret });
                    json!({ "name": variable.name, "valueFrom": { "secretKeyRef": reference } })
                }
            });
        }
        env
    }

    fn resources(&self) -> Value {
        let resources = &self.workload.resources;
        let mut amounts = json!({
            "cpu": format!("{}m", resources.cpu_millis),
            "memory": format!("{}Mi", resources.memory_mib),
        });
        if resources.scratch_mib > 0 {
            amounts["ephemeral-storage"] = format!("{}Mi", resources.scratch_mib).into();
        }
        let gpus = self.workload.gpus_per_node();
        if gpus > 0 {
            amounts[GPU_RESOURCE] = gpus.to_string().into();
        }
        json!({ "requests": amounts, "limits": amounts })
    }

    fn volumes(&self) -> Vec<Value> {
        let mut volumes = Vec::new();
        for volume in &self.workload.volumes {
            let mut source = match &volume.kind {
                VolumeKind::Scratch => json!({ "emptyDir": {} }),
                VolumeKind::Shared(claim) => json!({ "persistentVolumeClaim": { "claimName": claim } }),
                VolumeKind::ModelCache(size_mib) => match self.site.cache_of(self.workload) {
                    Cache::Claim => {
                        let claim = self.site.claim_name(self.desired, &volume.name);
                        json!({ "persistentVolumeClaim": { "claimName": claim } })
                    }
                    Cache::Ephemeral => {
                        let spec = self.site.claim_spec(*size_mib);
                        json!({ "ephemeral": { "volumeClaimTemplate": { "spec": spec } } })
                    }
                    // The controller makes it.
                    Cache::ClaimEach => continue,
                },
            };
            source["name"] = volume.name.clone().into();
            volumes.push(source);
        }
        volumes.extend(self.shares_memory().then(|| shared_memory().0));
        volumes
    }

    /// Processes on several GPUs of a node exchange what they compute through shared memory, of which containers have 64 MiB.
    fn shares_memory(&self) -> bool {
        self.workload.gpus_per_node() > 1
            && !self.workload.volumes.iter().any(|volume| volume.mount.starts_with("/dev/shm"))
    }
}

/// Where processes of a pod share memory: the volume and its mount.
fn shared_memory() -> (Value, Value) {
    let volume = json!({ "name": "shared-memory", "emptyDir": { "medium": "Memory" } });
    (volume, json!({ "name": "shared-memory", "mountPath": "/dev/shm" }))
}
