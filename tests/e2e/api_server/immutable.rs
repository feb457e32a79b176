//! Fields that cannot be changed in place, as the API server's own validation has them.

use serde_json::Value;

/// What a StatefulSet lets be changed (ValidateStatefulSetUpdate in pkg/apis/apps/validation).
const OF_SETS: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

/// Why an object may not become this; none, where it may or is new.
pub(super) fn change(plural: &str, name: &str, was: &Value, is: &Value) -> Option<String> {
    let (was, is) = (&was["spec"], &is["spec"]);
    if was.is_null() {
        return None;
    }
    let differs = |field: &str| was[field] != is[field];
    let immutable = |kind: &str, field: &str| {
        differs(field).then(|| format!("{kind} \"{name}\" is invalid: spec.{field}: field is immutable"))
    };
    match plural {
        "deployments" => immutable("Deployment.apps", "selector"),
        // ValidateJobUpdate in pkg/apis/batch/validation.
        "jobs" => ["completions", "selector", "template", "completionMode", "podFailurePolicy"]
            .iter()
            .find_map(|field| immutable("Job.batch", field)),
        "statefulsets" => {
            let fields = was.as_object()?.keys().chain(is.as_object()?.keys());
            let changed = fields.filter(|field| !OF_SETS.contains(&field.as_str())).any(|field| differs(field));
            changed.then(|| {
                format!(
                    "StatefulSet.apps \"{name}\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than {} \
                     are forbidden",
                    OF_SETS.join(", ")
                )
            })
        }
        // Without a class that allows it (the PersistentVolumeClaimResize admission plug-in).
        "persistentvolumeclaims" => (was != is).then(|| {
            format!(
                "persistentvolumeclaims \"{name}\" is forbidden: only dynamically provisioned pvc can be resized and the storageclass \
                 that provisions the pvc must support resize"
            )
        }),
        _ => None,
    }
}
