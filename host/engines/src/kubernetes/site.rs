//! Where a deployment's objects are made, and those that no single workload has: secrets and claims.

use std::sync::Arc;

use base64::Engine as _;
use chandlery_package::plan::{Workload, WorkloadKind};
use kube::api::DynamicObject;
use serde_json::{Map, Value, json};

use super::kinds::Kind;
use super::object::{DEPLOYMENT, HOST, MANAGED_BY, Object, WORKLOAD, former_name, name};
use super::settings::KubernetesSettings;
use super::snapshot;
use crate::Desired;

/// Where objects are made.
pub(super) struct Site<'a> {
    pub settings: &'a KubernetesSettings,
    pub namespace: &'a str,
    /// Tells this host's objects from others'.
    pub host: &'a str,
    /// What is there of the deployment.
    pub live: &'a [(Kind, Arc<DynamicObject>)],
}

impl Site<'_> {
    /// What an object with these parts is called: as in earlier versions, where it is there under such a name.
    pub fn name(&self, workload: Option<&Workload>, parts: &[&str]) -> String {
        let (former, owner) = (former_name(parts), workload.map_or("", |workload| workload.name.as_str()));
        let is_there = self.live.iter().any(|(_, object)| {
            snapshot::name(object) == former && snapshot::label(object, WORKLOAD) == owner
        });
        if is_there { former } else { name(parts) }
    }

    /// The Secret of a deployment.
    pub fn secret_name(&self, desired: &Desired) -> String {
        self.name(None, &[&desired.name, "secrets"])
    }

    /// The claim that all replicas have for a volume.
    pub fn claim_name(&self, desired: &Desired, volume: &str) -> String {
        self.name(None, &[&desired.name, volume])
    }

    pub fn secret(&self, desired: &Desired) -> Option<Object> {
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
            .then(|| self.object(Kind::Secret, self.secret_name(desired), desired, None, body))
    }

    pub fn claim(&self, desired: &Desired, volume: &str, size_mib: u32) -> Object {
        let body = json!({ "spec": self.claim_spec(size_mib) });
        self.object(Kind::PersistentVolumeClaim, self.claim_name(desired, volume), desired, None, body)
    }

    pub fn claim_spec(&self, size_mib: u32) -> Value {
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
    pub fn cache_of(&self, workload: &Workload) -> Cache {
        let alone = workload.scale.nodes_per_replica == 1 && workload.scale.replicas_min <= 1;
        match (self.settings.shared_storage_class.is_some(), workload.kind) {
            (true, _) => Cache::Claim,
            (false, WorkloadKind::Service) => Cache::ClaimEach,
            (false, WorkloadKind::Job) if alone => Cache::Claim,
            (false, WorkloadKind::Job) => Cache::Ephemeral,
        }
    }

    pub fn object(
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

    pub fn labels(&self, desired: &Desired, workload: Option<&Workload>) -> Value {
        let mut labels = json!({ MANAGED_BY.0: MANAGED_BY.1, HOST: self.host, DEPLOYMENT: desired.name });
        if let Some(workload) = workload {
            labels[WORKLOAD] = workload.name.clone().into();
        }
        labels
    }
}

/// How a model cache is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cache {
    /// One claim for all replicas.
    Claim,
    /// A claim for each replica, which outlives it.
    ClaimEach,
    /// A claim for each pod, which goes with it.
    Ephemeral,
}

#[cfg(test)]
mod tests {
    use super::*;
    use chandlery_package::plan::example::workload;

    #[test]
    fn what_is_there_keeps_its_name() {
        let object = |name: &str, workload: &str| {
            let labels = json!({ DEPLOYMENT: "a", WORKLOAD: workload });
            let metadata = json!({ "name": name, "labels": labels });
            let object = json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata });
            (Kind::Service, Arc::new(serde_json::from_value::<DynamicObject>(object).unwrap()))
        };
        let cases = [
            (vec![], false),
            (vec![object("a-b-c", "b-c")], true),
            (vec![object("a-b", "b"), object("a-b-c", "b-c")], true),
            // It is another workload's.
            (vec![object("a-b-c", "b")], false),
            (vec![object("a-b-c-nodes", "b-c")], false),
        ];
        let workload = Workload { name: "b-c".into(), ..workload() };
        let settings = KubernetesSettings::default();
        for (live, is_kept) in cases {
            let site = Site { settings: &settings, namespace: "n", host: "h", live: &live };
            let found = site.name(Some(&workload), &["a", "b-c"]);
            assert_eq!(found == "a-b-c", is_kept, "{found}");
        }
    }
}
