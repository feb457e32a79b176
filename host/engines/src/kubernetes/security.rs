//! What pods may do on their nodes.

use serde_json::{Value, json};

use super::settings::{KubernetesSettings, PodSecurity};

/// The security context of a pod: a user's files are that user's, too.
pub(super) fn of_pod(settings: &KubernetesSettings) -> Value {
    let mut context = json!({ "seccompProfile": { "type": "RuntimeDefault" } });
    if settings.pod_security == Some(PodSecurity::Restricted) {
        context["runAsNonRoot"] = true.into();
    }
    if let Some(user) = settings.run_as_user {
        context["runAsUser"] = user.into();
        context["fsGroup"] = user.into();
    }
    context
}

/// The security context of its container.
pub(super) fn of_container(settings: &KubernetesSettings) -> Value {
    let mut context = json!({ "allowPrivilegeEscalation": false });
    if settings.pod_security == Some(PodSecurity::Restricted) {
        context["capabilities"] = json!({ "drop": ["ALL"] });
    }
    context
}
