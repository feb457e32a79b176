//! The settings of a Kubernetes target.

use std::collections::BTreeSet;

use chandlery_package::plan::{VolumeKind, Workload};
use serde::{Deserialize, Serialize};

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
}

impl KubernetesSettings {
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
