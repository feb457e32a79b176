//! The settings of a Kubernetes target.

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
    /// How Services are reached.
    #[serde(default)]
    pub service_type: ServiceType,
    /// The Secret that opens the registry of images.
    pub image_pull_secret: Option<String>,
    pub priority_class: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ServiceType {
    #[default]
    ClusterIP,
    NodePort,
    LoadBalancer,
}
