//! The kinds of objects that a deployment is made of, and those that are only read.

use kube::api::ApiResource;

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Secret,
    PersistentVolumeClaim,
    Service,
    Deployment,
    StatefulSet,
    Job,
    PodDisruptionBudget,
    HorizontalPodAutoscaler,
    /// Made by controllers.
    Pod,
    /// What controllers and nodes tell.
    Event,
}

impl Kind {
    /// Those that are applied and removed.
    pub const APPLIED: [Self; 8] = [
        Self::Secret,
        Self::PersistentVolumeClaim,
        Self::Service,
        Self::Deployment,
        Self::StatefulSet,
        Self::Job,
        Self::PodDisruptionBudget,
        Self::HorizontalPodAutoscaler,
    ];

    /// Those that are watched.
    pub fn watched() -> impl Iterator<Item = Self> {
        Self::APPLIED.into_iter().chain([Self::Pod, Self::Event])
    }

    /// As the API calls it.
    pub fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = self.words();
        resource(group, version, kind, plural)
    }

    /// What it is called where rights are given.
    pub fn group_and_plural(self) -> (&'static str, &'static str) {
        let (group, _, _, plural) = self.words();
        (group, plural)
    }

    fn words(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Secret => ("", "v1", "Secret", "secrets"),
            Self::PersistentVolumeClaim => ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
            Self::Service => ("", "v1", "Service", "services"),
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Self::StatefulSet => ("apps", "v1", "StatefulSet", "statefulsets"),
            Self::Job => ("batch", "v1", "Job", "jobs"),
            Self::PodDisruptionBudget => ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
            Self::HorizontalPodAutoscaler => {
                ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
            }
            Self::Pod => ("", "v1", "Pod", "pods"),
            Self::Event => ("", "v1", "Event", "events"),
        }
    }

    /// Whether what is inside outlives revisions that do not name it.
    pub fn is_kept(self) -> bool {
        self == Self::PersistentVolumeClaim
    }
}

/// The name of a kind of object in the API.
pub(super) fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    let api_version = if group.is_empty() { version.into() } else { format!("{group}/{version}") };
    ApiResource {
        group: group.into(),
        version: version.into(),
        api_version,
        kind: kind.into(),
        plural: plural.into(),
    }
}
