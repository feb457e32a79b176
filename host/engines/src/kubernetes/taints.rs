//! Taints of nodes, and the pods that put up with them: <https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/>.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a pod puts up with, as Kubernetes writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Toleration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<Operator>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

/// How a toleration's value is compared; left out: as `Equal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Operator {
    Equal,
    Exists,
}

impl Toleration {
    /// Whether a pod with this may be on a node with that taint.
    pub fn covers(&self, taint: &Value) -> bool {
        let word = |name: &str| taint[name].as_str().unwrap_or_default();
        let is_any = |own: &Option<String>, is: &str| own.as_deref().is_none_or(|own| own == is);
        let is_equal = || self.value.as_deref().unwrap_or_default() == word("value");
        is_any(&self.effect, word("effect"))
            && match self.operator {
                Some(Operator::Exists) => is_any(&self.key, word("key")),
                Some(Operator::Equal) | None => self.key.as_deref() == Some(word("key")) && is_equal(),
            }
    }
}

/// The taints that keep pods from a node.
pub(super) fn taints(node: &Value) -> impl Iterator<Item = &Value> {
    let all = node.pointer("/spec/taints").and_then(Value::as_array).into_iter().flatten();
    all.filter(|taint| ["NoSchedule", "NoExecute"].iter().any(|effect| taint["effect"] == *effect))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_toleration_covers_what_it_names() {
        let taint = json!({ "key": "team", "value": "vision", "effect": "NoSchedule" });
        for (toleration, covers) in [
            (json!({ "key": "team", "value": "vision" }), true),
            (json!({ "key": "team", "value": "vision", "effect": "NoSchedule" }), true),
            (json!({ "key": "team", "value": "vision", "effect": "NoExecute" }), false),
            (json!({ "key": "team", "value": "speech" }), false),
            (json!({ "key": "team" }), false),
            (json!({ "key": "team", "operator": "Exists" }), true),
            (json!({ "key": "spot", "operator": "Exists" }), false),
            (json!({ "operator": "Exists" }), true),
            (json!({ "operator": "Exists", "effect": "NoExecute" }), false),
        ] {
            let read: Toleration = serde_json::from_value(toleration.clone()).unwrap();
            assert_eq!(read.covers(&taint), covers, "{toleration}");
            assert_eq!(serde_json::to_value(&read).unwrap(), toleration);
        }
        let node = json!({ "spec": { "taints": [taint, { "key": "x", "effect": "PreferNoSchedule" }] } });
        assert_eq!(taints(&node).count(), 1);
        assert_eq!(taints(&json!({})).count(), 0);
    }
}
