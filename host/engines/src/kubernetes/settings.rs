//! The settings of a Kubernetes target.

use std::collections::{BTreeMap, BTreeSet};

use chandlery_package::plan::{VolumeKind, Workload};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::object::GPU_RESOURCE;
use super::taints::{Operator, Toleration, taints};

/// How a Kubernetes target is used.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KubernetesSettings {
    /// Where objects are made; none: `chandlery-` and the target's name. It is made where it is not there.
    pub namespace: Option<String>,
    /// Which of the kubeconfig's contexts; none: its current one.
    pub context: Option<String>,
    /// For what one pod at a time uses; none: the cluster's default.
    pub storage_class: Option<String>,
    /// For what pods on several nodes use at once; none: there is none, and each replica keeps a cache of its own.
    pub shared_storage_class: Option<String>,
    /// The claims of the namespace that plans may mount; others there may hold what is not theirs.
    #[serde(default)]
    pub shared: BTreeSet<String>,
    /// How Services are reached.
    #[serde(default)]
    pub service_type: ServiceType,
    /// The Secret that opens the registry of images.
    pub image_pull_secret: Option<String>,
    pub priority_class: Option<String>,
    /// The taints that pods put up with, beside the one of nodes with GPUs where they need some.
    #[serde(default)]
    pub tolerations: Vec<Toleration>,
    /// The labels that nodes must have.
    #[serde(default)]
    pub node_selector: BTreeMap<String, String>,
    /// Whose rights pods have in the cluster; none: none at all.
    pub service_account: Option<String>,
    pub runtime_class: Option<String>,
    /// Annotations of every pod.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// The level of the Pod Security Standards that pods meet; none: what images want.
    pub pod_security: Option<PodSecurity>,
    /// The user and the group of files that programs run as; none: the image's.
    pub run_as_user: Option<u32>,
}

impl KubernetesSettings {
    /// What pods that need GPUs put up with, and others do.
    ///
    /// Clusters keep others away from nodes with GPUs by that taint, and most let a resource request pass it by itself.
    pub fn tolerations(&self, needs_gpus: bool) -> Vec<Toleration> {
        let of_gpus = Toleration {
            key: Some(GPU_RESOURCE.into()),
            operator: Some(Operator::Exists),
            effect: Some("NoSchedule".into()),
            ..Toleration::default()
        };
        needs_gpus.then_some(of_gpus).into_iter().chain(self.tolerations.iter().cloned()).collect()
    }

    /// Whether pods of this target may be on a node by its taints and labels.
    pub fn may_use(&self, node: &Value, needs_gpus: bool) -> bool {
        let tolerations = self.tolerations(needs_gpus);
        let labels = &node["metadata"]["labels"];
        taints(node).all(|taint| tolerations.iter().any(|it| it.covers(taint)))
            && self.node_selector.iter().all(|(name, value)| labels[name] == value.as_str())
    }

    /// Why a workload may not have one of its volumes, if it may not. Claims for model caches are made for their deployment.
    pub fn refuses(&self, workload: &Workload) -> Option<String> {
        workload.volumes.iter().find_map(|volume| match &volume.kind {
            VolumeKind::Shared(claim) if !self.shared.contains(claim) => Some(format!(
                "mounts the claim '{claim}', which plans may not mount here: it has to be in the target's setting 'shared', \
                 as in --set 'shared=[\"{claim}\"]'"
            )),
            _ => None,
        })
    }
}

/// A level of the Pod Security Standards: <https://kubernetes.io/docs/concepts/security/pod-security-standards/>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PodSecurity {
    /// No root, no capabilities, no new privileges, the system calls that the runtime allows.
    Restricted,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ServiceType {
    #[default]
    ClusterIP,
    NodePort,
    LoadBalancer,
}

#[cfg(test)]
mod tests {
    use super::*;
    use chandlery_package::plan::{Volume, example::workload};
    use serde_json::json;

    #[test]
    fn a_plan_mounts_the_claims_that_the_target_lets_it() {
        let shared = |claim: &str| VolumeKind::Shared(claim.into());
        let cases = [
            (json!({}), vec![], None),
            (json!({}), vec![VolumeKind::Scratch, VolumeKind::ModelCache(64)], None),
            (json!({}), vec![shared("models")], Some("models")),
            (json!({ "shared": [] }), vec![shared("models")], Some("models")),
            (json!({ "shared": ["models"] }), vec![shared("models")], None),
            (json!({ "shared": ["models"] }), vec![shared("models"), shared("database")], Some("database")),
            (json!({ "shared": ["models"] }), vec![shared("model")], Some("model")),
            (json!({ "shared": ["models"] }), vec![shared("ocr-cache")], Some("ocr-cache")),
        ];
        for (settings, kinds, refused) in cases {
            let mut workload = workload();
            workload.volumes = kinds
                .into_iter()
                .map(|kind| Volume { name: "v".into(), mount: "/v".into(), kind, read_only: false })
                .collect();
            let settings: KubernetesSettings = serde_json::from_value(settings).unwrap();
            let reason = settings.refuses(&workload);
            let named = refused.map(|claim| format!("mounts the claim '{claim}'"));
            assert_eq!(reason.is_some(), named.is_some(), "{reason:?}");
            assert!(reason.unwrap_or_default().starts_with(&named.unwrap_or_default()));
        }
    }
}
