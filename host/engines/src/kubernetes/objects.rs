//! A deployment as objects of Kubernetes. Nothing here asks a cluster: the same deployment is always the same objects.
//!
//! | in a plan | in Kubernetes |
//! | --- | --- |
//! | a service | a Deployment; a StatefulSet where each replica keeps a cache of its own |
//! | a service whose replicas span nodes | for each replica a StatefulSet of its first pod, and one of the others |
//! | a job | a Job for each replica and revision, indexed where it spans nodes |
//! | ports | a Service |
//! | more than one replica | a PodDisruptionBudget, and topology spread |
//! | a range of replicas with a metric | a HorizontalPodAutoscaler |
//! | a model cache | a PersistentVolumeClaim |
//! | secrets | a Secret, named by the environment |

use std::collections::BTreeSet;

use base64::Engine as _;
use chandlery_package::Digest;
use serde_json::{Map, Value, json};

use super::KubernetesSettings;
use super::kinds::Kind;
use crate::Desired;
use crate::fleet::words::volume_variable;
use chandlery_package::plan::{Check, EnvValue, Port, Restart, Runtime, VolumeKind, Workload, WorkloadKind};

/// Who has made an object, as Kubernetes itself recommends to say it.
pub(super) const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "chandlery");
/// The deployment and the workload that an object belongs to.
pub(super) const DEPLOYMENT: &str = "app.kubernetes.io/instance";
pub(super) const WORKLOAD: &str = "app.kubernetes.io/name";
/// Which host's it is.
pub(super) const HOST: &str = "chandlery.dev/host";
pub(super) const REVISION: &str = "chandlery.dev/revision";
/// Which replica a pod is a part of, and which part, where replicas span nodes.
pub(super) const REPLICA: &str = "chandlery.dev/replica";
const ROLE: &str = "chandlery.dev/role";
/// The digest of what was applied.
pub(super) const APPLIED: &str = "chandlery.dev/applied";
/// What was chosen when the revision was applied first.
pub(super) const CHOICE: &str = "chandlery.dev/choice";

/// What a GPU is called among a node's resources.
pub(super) const GPU_RESOURCE: &str = "nvidia.com/gpu";
/// The node label that NVIDIA's feature discovery writes a GPU's product into.
pub(super) const GPU_PRODUCT: &str = "nvidia.com/gpu.product";
/// How often a job's pods are tried again.
const TRIES: u32 = 6;
const NAME_BYTES_MAX: usize = 52;

/// An object as it should be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object {
    pub kind: Kind,
    pub name: String,
    /// The workload that it runs, if it runs one.
    pub runs: Option<String>,
    pub body: Value,
}

/// What depends on the cluster when a revision is applied first, and stays as it was from then on.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Choice {
    /// Whether new replicas may begin beside old ones.
    pub surge: bool,
    /// The GPU products that suit, in the words of the nodes' labels; none: it needs no GPU.
    pub products: Vec<String>,
}

/// Where objects are made.
pub(super) struct Site<'a> {
    pub settings: &'a KubernetesSettings,
    pub namespace: &'a str,
    /// Tells this host's objects from others'.
    pub host: &'a str,
}

impl Site<'_> {
    /// Everything that a deployment is, in an order in which it can be applied.
    pub fn objects(&self, desired: &Desired, choice: impl Fn(&Workload) -> Choice) -> Vec<Object> {
        let mut objects = Vec::new();
        objects.extend(self.secret(desired));
        let mut claims = BTreeSet::new();
        for workload in &desired.plan.workloads {
            for volume in &workload.volumes {
                if let VolumeKind::ModelCache(size_mib) = volume.kind
                    && self.cache_of(workload) == Cache::Claim
                    && claims.insert(&volume.name)
                {
                    objects.push(self.claim(desired, &volume.name, size_mib));
                }
            }
        }
        for workload in &desired.plan.workloads {
            let part = Part { site: self, desired, workload };
            if workload.scale.replicas_min > 0 {
                objects.extend(part.services());
                objects.extend(part.controllers(&choice(workload)));
                objects.extend(part.budget());
                objects.extend(part.autoscaler());
            }
        }
        for object in &mut objects {
            let digest = Digest::of(object.body.to_string()).to_string();
            object.body["metadata"]["annotations"][APPLIED] = digest.into();
        }
        objects
    }

    fn secret(&self, desired: &Desired) -> Option<Object> {
        let values: Map<String, Value> = desired
            .secrets
            .names()
            .filter_map(|name| {
                let value = desired.secrets.get(name.as_str())?;
                let encoded = base64::engine::general_purpose::STANDARD.encode(value);
                Some((name.to_string(), encoded.into()))
            })
            .collect();
        let body = json!({ "type": "Opaque", "data": values });
        (!values.is_empty())
            .then(|| self.object(Kind::Secret, secret_name(&desired.name), desired, None, body))
    }

    fn claim(&self, desired: &Desired, volume: &str, size_mib: u32) -> Object {
        let body = json!({ "spec": self.claim_spec(size_mib) });
        self.object(Kind::PersistentVolumeClaim, name(&[&desired.name, volume]), desired, None, body)
    }

    fn claim_spec(&self, size_mib: u32) -> Value {
        let shared = self.settings.shared_storage_class.as_ref();
        let access = if shared.is_some() { "ReadWriteMany" } else { "ReadWriteOnce" };
        let mut spec = json!({
            "accessModes": [access],
            "resources": { "requests": { "storage": format!("{size_mib}Mi") } },
        });
        if let Some(class) = shared.or(self.settings.storage_class.as_ref()) {
            spec["storageClassName"] = class.clone().into();
        }
        spec
    }

    /// How a workload's caches are kept.
    fn cache_of(&self, workload: &Workload) -> Cache {
        let alone = workload.scale.nodes_per_replica == 1 && workload.scale.replicas_min <= 1;
        match (self.settings.shared_storage_class.is_some(), workload.kind) {
            (true, _) => Cache::Claim,
            (false, WorkloadKind::Service) => Cache::ClaimEach,
            (false, WorkloadKind::Job) if alone => Cache::Claim,
            (false, WorkloadKind::Job) => Cache::Ephemeral,
        }
    }

    fn object(
        &self,
        kind: Kind,
        name: String,
        desired: &Desired,
        workload: Option<&Workload>,
        body: Value,
    ) -> Object {
        let resource = kind.resource();
        let mut whole = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "labels": self.labels(desired, workload),
                "annotations": {},
            },
        });
        if let (Value::Object(whole), Value::Object(body)) = (&mut whole, body) {
            whole.extend(body);
        }
        Object { kind, name, runs: None, body: whole }
    }

    fn labels(&self, desired: &Desired, workload: Option<&Workload>) -> Value {
        let mut labels = json!({ MANAGED_BY.0: MANAGED_BY.1, HOST: self.host, DEPLOYMENT: desired.name });
        if let Some(workload) = workload {
            labels[WORKLOAD] = workload.name.clone().into();
        }
        labels
    }
}

/// How a model cache is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cache {
    /// One claim for all replicas.
    Claim,
    /// A claim for each replica, which outlives it.
    ClaimEach,
    /// A claim for each pod, which goes with it.
    Ephemeral,
}

/// Where a pod stands among those of its replica.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// It is a replica.
    Alone,
    /// It is the replica of this number, of a job.
    Numbered(u32),
    /// It is the first of the replica of this number, and what asks the replica asks it.
    Leader(u32),
    /// It is another of that replica's.
    Worker(u32),
    /// It is any of that replica's, of a job.
    Peer(u32),
}

impl Place {
    fn replica(&self) -> Option<u32> {
        match self {
            Self::Alone => None,
            Self::Numbered(index) | Self::Leader(index) | Self::Worker(index) | Self::Peer(index) => {
                Some(*index)
            }
        }
    }

    fn role(&self) -> Option<&'static str> {
        match self {
            Self::Alone | Self::Numbered(_) | Self::Peer(_) => None,
            Self::Leader(_) => Some("leader"),
            Self::Worker(_) => Some("worker"),
        }
    }

    /// The label that says which of the replica's pods it is, from 0.
    fn rank_label(&self) -> Option<&'static str> {
        match self {
            Self::Alone | Self::Numbered(_) => None,
            Self::Leader(_) | Self::Worker(_) => Some(POD_INDEX),
            Self::Peer(_) => Some(JOB_INDEX),
        }
    }
}

/// One workload of a deployment.
#[derive(Clone, Copy)]
struct Part<'a> {
    site: &'a Site<'a>,
    desired: &'a Desired,
    workload: &'a Workload,
}

impl Part<'_> {
    fn name(&self) -> String {
        name(&[&self.desired.name, &self.workload.name])
    }

    /// The Service that the pods of replicas that span nodes find each other by.
    fn peers(&self) -> String {
        name(&[&self.desired.name, &self.workload.name, "nodes"])
    }

    /// What the replica of this number is called. A Job cannot be changed: each revision has another.
    fn replica_name(&self, index: u32) -> String {
        let (index, revision) = (index.to_string(), format!("r{}", self.desired.revision));
        match self.workload.kind {
            WorkloadKind::Job => name(&[&self.desired.name, &self.workload.name, &revision, &index]),
            WorkloadKind::Service => name(&[&self.desired.name, &self.workload.name, &index]),
        }
    }

    fn workers_name(&self, index: u32) -> String {
        name(&[&self.desired.name, &self.workload.name, &index.to_string(), "workers"])
    }

    /// Where the first pod of a replica that spans nodes is found.
    fn leader_address(&self, replica: u32) -> String {
        format!("{}-0.{}", self.replica_name(replica), self.peers())
    }

    fn nodes(&self) -> u32 {
        self.workload.scale.nodes_per_replica
    }

    fn is_job(&self) -> bool {
        self.workload.kind == WorkloadKind::Job
    }

    /// Whether each replica keeps a cache of its own.
    fn has_own_claims(&self) -> bool {
        let has_cache =
            self.workload.volumes.iter().any(|volume| matches!(volume.kind, VolumeKind::ModelCache(_)));
        has_cache && self.site.cache_of(self.workload) == Cache::ClaimEach
    }

    fn object(&self, kind: Kind, name: String, body: Value) -> Object {
        self.site.object(kind, name, self.desired, Some(self.workload), body)
    }

    /// What pods of this workload are found by, whatever their revision.
    fn selector(&self) -> Value {
        json!({ HOST: self.site.host, DEPLOYMENT: self.desired.name, WORKLOAD: self.workload.name })
    }

    fn services(&self) -> Vec<Object> {
        let ports: Vec<_> = self.workload.ports.iter().map(service_port).collect();
        let mut services = Vec::new();
        if !ports.is_empty() {
            let mut selector = self.selector();
            if self.nodes() > 1 {
                // The first node of each replica is the one that serves.
                let index = if self.is_job() { JOB_INDEX } else { POD_INDEX };
                selector[index] = "0".into();
            }
            let kind = self.site.settings.service_type;
            let spec = json!({ "type": kind, "selector": selector, "ports": ports });
            services.push(self.object(Kind::Service, self.name(), json!({ "spec": spec })));
        }
        if self.nodes() > 1 || self.has_own_claims() {
            let spec = json!({
                "clusterIP": "None",
                "publishNotReadyAddresses": true,
                "selector": self.selector(),
            });
            services.push(self.object(Kind::Service, self.peers(), json!({ "spec": spec })));
        }
        services
    }

    /// What runs the pods.
    fn controllers(&self, choice: &Choice) -> Vec<Object> {
        let replicas = self.workload.scale.replicas_min;
        let revision = self.desired.revision;
        let mut objects: Vec<Object> = match self.workload.kind {
            WorkloadKind::Job => (0..replicas)
                .map(|index| {
                    let name = self.replica_name(index);
                    let spec = self.job(index, choice);
                    self.object(Kind::Job, name, json!({ "spec": spec }))
                })
                .collect(),
            WorkloadKind::Service if self.nodes() > 1 => (0..replicas)
                .flat_map(|index| {
                    let first = self.stateful_set(1, &Place::Leader(index), choice);
                    let mut others = self.stateful_set(self.nodes() - 1, &Place::Worker(index), choice);
                    others["ordinals"] = json!({ "start": 1 });
                    [(self.replica_name(index), first), (self.workers_name(index), others)]
                })
                .map(|(name, spec)| self.object(Kind::StatefulSet, name, json!({ "spec": spec })))
                .collect(),
            WorkloadKind::Service if self.has_own_claims() => {
                let spec = self.stateful_set(replicas, &Place::Alone, choice);
                vec![self.object(Kind::StatefulSet, self.name(), json!({ "spec": spec }))]
            }
            WorkloadKind::Service => {
                let spec = self.deployment(choice);
                vec![self.object(Kind::Deployment, self.name(), json!({ "spec": spec }))]
            }
        };
        for object in &mut objects {
            object.runs = Some(self.workload.name.clone());
            object.body["metadata"]["labels"][REVISION] = revision.to_string().into();
            object.body["metadata"]["annotations"][CHOICE] = json!(choice).to_string().into();
        }
        objects
    }

    fn deployment(&self, choice: &Choice) -> Value {
        let rolling = match choice.surge {
            true => json!({ "maxSurge": "25%", "maxUnavailable": 0 }),
            false => json!({ "maxSurge": 0, "maxUnavailable": 1 }),
        };
        let mut spec = json!({
            "selector": { "matchLabels": self.selector() },
            "strategy": { "type": "RollingUpdate", "rollingUpdate": rolling },
            "template": self.pod(&Place::Alone, choice),
        });
        // Where a metric decides, only its autoscaler says how many.
        if !self.scales_by_itself() {
            spec["replicas"] = self.workload.scale.replicas_min.into();
        }
        spec
    }

    fn stateful_set(&self, pods: u32, place: &Place, choice: &Choice) -> Value {
        let mut selector = self.selector();
        if let (Some(index), Some(role)) = (place.replica(), place.role()) {
            selector[REPLICA] = index.to_string().into();
            selector[ROLE] = role.into();
        }
        let mut spec = json!({
            "replicas": pods,
            "serviceName": self.peers(),
            "podManagementPolicy": "Parallel",
            "selector": { "matchLabels": selector },
            "template": self.pod(place, choice),
        });
        let caches = self.workload.volumes.iter().filter_map(|volume| match volume.kind {
            VolumeKind::ModelCache(size_mib) if self.has_own_claims() => Some((volume, size_mib)),
            _ => None,
        });
        let claims: Vec<_> = caches
            .map(|(volume, size_mib)| {
                let labels = self.site.labels(self.desired, Some(self.workload));
                json!({
                    "metadata": { "name": volume.name, "labels": labels },
                    "spec": self.site.claim_spec(size_mib),
                })
            })
            .collect();
        if !claims.is_empty() {
            spec["volumeClaimTemplates"] = claims.into();
        }
        spec
    }

    fn job(&self, index: u32, choice: &Choice) -> Value {
        let tries = if self.workload.restart == Restart::Never { 0 } else { TRIES };
        if self.nodes() == 1 {
            return json!({ "backoffLimit": tries, "template": self.pod(&Place::Numbered(index), choice) });
        }
        json!({
            "backoffLimit": tries,
            "completionMode": "Indexed",
            "completions": self.nodes(),
            "parallelism": self.nodes(),
            "template": self.pod(&Place::Peer(index), choice),
        })
    }

    fn pod(&self, place: &Place, choice: &Choice) -> Value {
        let mut labels = self.site.labels(self.desired, Some(self.workload));
        labels[REVISION] = self.desired.revision.to_string().into();
        if let Some(index) = place.replica() {
            labels[REPLICA] = index.to_string().into();
        }
        if let Some(role) = place.role() {
            labels[ROLE] = role.into();
        }
        let restart = match (self.workload.kind, self.workload.restart) {
            (WorkloadKind::Service, _) => "Always",
            (WorkloadKind::Job, Restart::Never) => "Never",
            (WorkloadKind::Job, _) => "OnFailure",
        };
        let mut spec = json!({
            "restartPolicy": restart,
            "terminationGracePeriodSeconds": self.workload.grace_seconds,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "securityContext": { "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [self.container(place)],
        });
        let volumes = self.volumes();
        if !volumes.is_empty() {
            spec["volumes"] = volumes.into();
        }
        if let Some(secret) = &self.site.settings.image_pull_secret {
            spec["imagePullSecrets"] = json!([{ "name": secret }]);
        }
        if let Some(class) = &self.site.settings.priority_class {
            spec["priorityClassName"] = class.clone().into();
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
        if choice.products.is_empty() {
            return json!({ "metadata": { "labels": labels }, "spec": spec });
        }
        // Clusters keep others away from nodes with GPUs by this taint, and most let a resource request pass it by itself.
        spec["tolerations"] = json!([{ "key": GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule" }]);
        json!({ "metadata": { "labels": labels }, "spec": spec })
    }

    fn affinity(&self, place: &Place, choice: &Choice) -> Map<String, Value> {
        let mut affinity = Map::new();
        if !choice.products.is_empty() {
            let product = json!({ "key": GPU_PRODUCT, "operator": "In", "values": choice.products });
            affinity.insert(
                "nodeAffinity".into(),
                json!({ "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{ "matchExpressions": [product] }],
                } }),
            );
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
            "securityContext": { "allowPrivilegeEscalation": false },
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
            let mut check = match &probe.check {
                Check::Http { port, path } => json!({ "httpGet": { "port": port, "path": path } }),
                Check::Tcp(port) => json!({ "tcpSocket": { "port": port } }),
                Check::Exec(command) => json!({ "exec": { "command": command } }),
            };
            let period = probe.period_seconds.max(1);
            check["periodSeconds"] = period.into();
            container["readinessProbe"] = check.clone();
            check["failureThreshold"] = probe.timeout_seconds.div_ceil(period).max(1).into();
            container["startupProbe"] = check;
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
                    let reference = json!({ "name": secret_name(&self.desired.name), "key": secret });
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
                        let claim = name(&[&self.desired.name, &volume.name]);
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

    fn budget(&self) -> Option<Object> {
        let several = self.workload.scale.replicas_min > 1 && !self.is_job() && self.nodes() == 1;
        let spec = json!({ "maxUnavailable": 1, "selector": { "matchLabels": self.selector() } });
        several.then(|| self.object(Kind::PodDisruptionBudget, self.name(), json!({ "spec": spec })))
    }

    fn scales_by_itself(&self) -> bool {
        let scale = &self.workload.scale;
        let a_range = scale.replicas_max > scale.replicas_min && scale.target.is_some();
        a_range && !self.is_job() && self.nodes() == 1 && !self.has_own_claims()
    }

    fn autoscaler(&self) -> Option<Object> {
        let scale = &self.workload.scale;
        let target = scale.target.as_ref().filter(|_| self.scales_by_itself())?;
        let metric = match target.metric.as_str() {
            "cpu" | "memory" => json!({
                "type": "Resource",
                "resource": {
                    "name": target.metric,
                    "target": { "type": "Utilization", "averageUtilization": target.value },
                },
            }),
            metric => json!({
                "type": "Pods",
                "pods": {
                    "metric": { "name": metric },
                    "target": { "type": "AverageValue", "averageValue": target.value.to_string() },
                },
            }),
        };
        let spec = json!({
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": self.name() },
            "minReplicas": scale.replicas_min,
            "maxReplicas": scale.replicas_max,
            "metrics": [metric],
        });
        Some(self.object(Kind::HorizontalPodAutoscaler, self.name(), json!({ "spec": spec })))
    }
}

/// Which pod of its controller a pod is.
pub(super) const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
pub(super) const JOB_INDEX: &str = "batch.kubernetes.io/job-completion-index";

fn service_port(port: &Port) -> Value {
    json!({ "name": port.name, "port": port.number, "targetPort": port.name, "protocol": "TCP" })
}

/// Where processes of a pod share memory: the volume and its mount.
fn shared_memory() -> (Value, Value) {
    let volume = json!({ "name": "shared-memory", "emptyDir": { "medium": "Memory" } });
    (volume, json!({ "name": "shared-memory", "mountPath": "/dev/shm" }))
}

fn secret_name(deployment: &str) -> String {
    name(&[deployment, "secrets"])
}

/// The name of an object: its parts, shortened so that what controllers append still makes a DNS label.
pub(super) fn name(parts: &[&str]) -> String {
    let whole = parts.join("-");
    if whole.len() <= NAME_BYTES_MAX {
        return whole;
    }
    let digest = Digest::of(&whole).hex();
    let digest = &digest[..8];
    format!("{}-{digest}", whole[..NAME_BYTES_MAX - 9].trim_end_matches('-'))
}
