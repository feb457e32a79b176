//! The objects of one workload: what runs its pods, what they are reached by, and what scales them.

use chandlery_package::plan::{Port, Restart, VolumeKind, Workload, WorkloadKind};
use serde_json::{Value, json};

use super::kinds::Kind;
use super::object::{
    CHOICE, Choice, DEPLOYMENT, HOST, JOB_INDEX, Object, POD_INDEX, REPLICA, REVISION, ROLE, WORKLOAD,
};
use super::site::{Cache, Site};
use crate::Desired;

/// How often a job's pods are tried again.
const TRIES: u32 = 6;

/// Where a pod stands among those of its replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
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
    pub fn replica(&self) -> Option<u32> {
        match self {
            Self::Alone => None,
            Self::Numbered(index) | Self::Leader(index) | Self::Worker(index) | Self::Peer(index) => {
                Some(*index)
            }
        }
    }

    pub fn role(&self) -> Option<&'static str> {
        match self {
            Self::Alone | Self::Numbered(_) | Self::Peer(_) => None,
            Self::Leader(_) => Some("leader"),
            Self::Worker(_) => Some("worker"),
        }
    }

    /// The label that says which of the replica's pods it is, from 0.
    pub fn rank_label(&self) -> Option<&'static str> {
        match self {
            Self::Alone | Self::Numbered(_) => None,
            Self::Leader(_) | Self::Worker(_) => Some(POD_INDEX),
            Self::Peer(_) => Some(JOB_INDEX),
        }
    }
}

/// One workload of a deployment.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub site: &'a Site<'a>,
    pub desired: &'a Desired,
    pub workload: &'a Workload,
}

impl Part<'_> {
    pub fn name(&self) -> String {
        self.named(&[])
    }

    fn named(&self, more: &[&str]) -> String {
        let own = [self.desired.name.as_str(), self.workload.name.as_str()];
        self.site.name(Some(self.workload), &[&own[..], more].concat())
    }

    /// The Service that the pods of replicas that span nodes find each other by.
    pub fn peers(&self) -> String {
        self.named(&["nodes"])
    }

    /// What the replica of this number is called. A Job cannot be changed: each revision has another.
    pub fn replica_name(&self, index: u32) -> String {
        let (index, revision) = (index.to_string(), format!("r{}", self.desired.revision));
        match self.workload.kind {
            WorkloadKind::Job => self.named(&[&revision, &index]),
            WorkloadKind::Service => self.named(&[&index]),
        }
    }

    pub fn workers_name(&self, index: u32) -> String {
        self.named(&[&index.to_string(), "workers"])
    }

    /// Where the first pod of a replica that spans nodes is found.
    pub fn leader_address(&self, replica: u32) -> String {
        format!("{}-0.{}", self.replica_name(replica), self.peers())
    }

    pub fn nodes(&self) -> u32 {
        self.workload.scale.nodes_per_replica
    }

    pub fn is_job(&self) -> bool {
        self.workload.kind == WorkloadKind::Job
    }

    /// Whether each replica keeps a cache of its own.
    pub fn has_own_claims(&self) -> bool {
        let has_cache =
            self.workload.volumes.iter().any(|volume| matches!(volume.kind, VolumeKind::ModelCache(_)));
        has_cache && self.site.cache_of(self.workload) == Cache::ClaimEach
    }

    pub fn object(&self, kind: Kind, name: String, body: Value) -> Object {
        self.site.object(kind, name, self.desired, Some(self.workload), body)
    }

    /// What pods of this workload are found by, whatever their revision.
    pub fn selector(&self) -> Value {
        json!({ HOST: self.site.host, DEPLOYMENT: self.desired.name, WORKLOAD: self.workload.name })
    }

    pub fn services(&self) -> Vec<Object> {
        let ports: Vec<_> = self.workload.served_ports().map(service_port).collect();
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
    pub fn controllers(&self, choice: &Choice) -> Vec<Object> {
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

    pub fn deployment(&self, choice: &Choice) -> Value {
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

    pub fn stateful_set(&self, pods: u32, place: &Place, choice: &Choice) -> Value {
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

    pub fn job(&self, index: u32, choice: &Choice) -> Value {
        let tries = if self.workload.restart == Restart::Never { 0 } else { TRIES };
        let mut spec = match self.nodes() {
            1 => json!({ "template": self.pod(&Place::Numbered(index), choice) }),
            nodes => json!({
                "completionMode": "Indexed",
                "completions": nodes,
                "parallelism": nodes,
                "template": self.pod(&Place::Peer(index), choice),
            }),
        };
        spec["backoffLimit"] = tries.into();
        if tries > 0 {
            // A pod that is evicted or preempted has not failed:
            // <https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy>.
            let disrupted = json!([{ "type": "DisruptionTarget", "status": "True" }]);
            spec["podFailurePolicy"] =
                json!({ "rules": [{ "action": "Ignore", "onPodConditions": disrupted }] });
        }
        spec
    }

    pub fn budget(&self) -> Option<Object> {
        let several = self.workload.scale.replicas_min > 1 && !self.is_job() && self.nodes() == 1;
        let spec = json!({ "maxUnavailable": 1, "selector": { "matchLabels": self.selector() } });
        several.then(|| self.object(Kind::PodDisruptionBudget, self.name(), json!({ "spec": spec })))
    }

    pub fn scales_by_itself(&self) -> bool {
        let scale = &self.workload.scale;
        let a_range = scale.replicas_max > scale.replicas_min && scale.target.is_some();
        a_range && !self.is_job() && self.nodes() == 1 && !self.has_own_claims()
    }

    pub fn autoscaler(&self) -> Option<Object> {
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
        let mut spec = json!({
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": self.name() },
            "minReplicas": scale.replicas_min,
            "maxReplicas": scale.replicas_max,
            "metrics": [metric],
        });
        if self.desired.held {
            spec["behavior"] = json!({ "scaleUp": { "selectPolicy": "Disabled" } });
        }
        Some(self.object(Kind::HorizontalPodAutoscaler, self.name(), json!({ "spec": spec })))
    }
}

fn service_port(port: &Port) -> Value {
    json!({ "name": port.name, "port": port.number, "targetPort": port.name, "protocol": "TCP" })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chandlery_package::plan::{MetricTarget, Plan, Protocol, example::workload};

    use super::super::settings::KubernetesSettings;
    use super::*;

    fn desired(workload: &Workload, held: bool) -> Desired {
        Desired {
            name: "web".into(),
            revision: 1,
            plan: Plan { workloads: vec![workload.clone()], notes: Vec::new() },
            former: BTreeMap::new(),
            removing: false,
            repairing: false,
            held,
            secrets: crate::Revealed::default(),
        }
    }

    #[test]
    fn what_is_held_is_not_scaled_up_by_itself() {
        let settings = KubernetesSettings::default();
        let site = Site { settings: &settings, namespace: "here", host: "host", live: &[] };
        let mut workload = workload();
        workload.volumes.clear();
        workload.scale.replicas_min = 1;
        workload.scale.replicas_max = 4;
        workload.scale.nodes_per_replica = 1;
        workload.scale.target = Some(MetricTarget { metric: "cpu".into(), value: 70 });
        for (held, expected) in [(false, Value::Null), (true, json!("Disabled"))] {
            let desired = desired(&workload, held);
            let part = Part { site: &site, desired: &desired, workload: &workload };
            let spec = part.autoscaler().unwrap().body["spec"].clone();
            assert_eq!(spec["behavior"]["scaleUp"]["selectPolicy"], expected);
            assert_eq!(spec["maxReplicas"], 4);
        }
    }

    #[test]
    fn a_service_leads_to_no_port_where_processes_meet() {
        let settings = KubernetesSettings::default();
        let site = Site { settings: &settings, namespace: "here", host: "host", live: &[] };
        let mut workload = workload();
        workload.volumes.clear();
        let peers = Port { name: "peers".into(), number: 29_400, protocol: Protocol::Tcp };
        for (port, services) in [(workload.ports[0].clone(), 1), (peers, 0)] {
            workload.ports = vec![port];
            let desired = desired(&workload, false);
            let part = Part { site: &site, desired: &desired, workload: &workload };
            assert_eq!(part.services().len(), services);
        }
    }
}
