//! An object as it should be: its name, its labels and its body.

use chandlery_package::Digest;
use serde_json::Value;

use super::kinds::Kind;

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
pub(super) const ROLE: &str = "chandlery.dev/role";
/// The digest of what was applied.
pub(super) const APPLIED: &str = "chandlery.dev/applied";
/// What was chosen when the revision was applied first.
pub(super) const CHOICE: &str = "chandlery.dev/choice";

/// What a GPU is called among a node's resources.
pub(super) const GPU_RESOURCE: &str = "nvidia.com/gpu";
/// The node label that NVIDIA's feature discovery writes a GPU's product into.
pub(super) const GPU_PRODUCT: &str = "nvidia.com/gpu.product";
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

/// Which pod of its controller a pod is.
pub(super) const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
pub(super) const JOB_INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// The Secret of a deployment.
pub(super) fn secret_name(deployment: &str) -> String {
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
