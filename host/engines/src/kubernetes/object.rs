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

impl Object {
    /// Its kind and its name, as messages have them.
    pub fn called(&self) -> String {
        format!("{} '{}'", self.kind.resource().kind, self.name)
    }
}

/// What depends on the cluster when a revision is applied first, and stays as it was from then on.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Choice {
    /// Whether new replicas may begin beside old ones.
    pub surge: bool,
    /// The GPU products that suit, in the words of the nodes' labels.
    pub products: Vec<String>,
    /// Whether nodes suit whose GPUs have no such label.
    #[serde(default)]
    pub unlabelled: bool,
}

/// Which pod of its controller a pod is.
pub(super) const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
pub(super) const JOB_INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// The name of an object: its parts, and a digest of them where a part has hyphens of its own, so that no other parts make the
/// same. It is so short that what controllers append still makes a DNS label.
pub(super) fn name(parts: &[&str]) -> String {
    match parts.iter().any(|part| part.contains('-')) {
        true => with_digest(&parts.join("-"), &parts.join("/")),
        false => former_name(parts),
    }
}

/// The name that an object with these parts had in earlier versions: `a` and `b-c` made the same as `a-b` and `c`.
pub(super) fn former_name(parts: &[&str]) -> String {
    let whole = parts.join("-");
    if whole.len() <= NAME_BYTES_MAX { whole } else { with_digest(&whole, &whole) }
}

fn with_digest(whole: &str, digested: &str) -> String {
    let digest = Digest::of(digested).hex();
    let digest = &digest[..8];
    let kept = &whole[..whole.len().min(NAME_BYTES_MAX - 9)];
    format!("{}-{digest}", kept.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_parts_make_another_name() {
        assert_eq!(name(&["web", "errand"]), "web-errand");
        let long = "x".repeat(63);
        let all: [&[&str]; 12] = [
            &["a", "b"],
            &["a", "b", "c"],
            &["a-b", "c"],
            &["a", "b-c"],
            &["a-b-c"],
            &["a--b", "c"],
            &["a", "-b-c"],
            &["a", "b", "nodes"],
            &["a", "b-nodes"],
            &[&long, "b", "c"],
            &[&long, "b-c"],
            &[&long, "b", "d"],
        ];
        let names: std::collections::BTreeSet<_> = all.iter().map(|parts| name(parts)).collect();
        assert_eq!(names.len(), all.len(), "{names:?}");
        assert!(names.iter().all(|name| name.len() <= NAME_BYTES_MAX), "{names:?}");
        assert_eq!(former_name(&["a-b", "c"]), former_name(&["a", "b-c"]));
    }
}
