//! What of an object is not as it was applied, and who has set it. What the API server fills in beside our fields is no drift.

use kube::api::DynamicObject;
use serde_json::Value;

use super::kinds::Kind;
use super::object::Object;
use super::quantity::thousandths;
use chandlery_package::wire::host::Drift;

/// A step on the way to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    /// An item of a list, by its name.
    Named(String),
    /// An item of a list, by its place.
    At(usize),
}

/// What of a live object differs from what was applied as this field manager.
pub(super) fn drift(object: &Object, live: &DynamicObject, own: &str) -> Vec<Drift> {
    let mut found = Vec::new();
    for part in ["spec", "data"] {
        compare(vec![Step::Field(part.into())], &object.body[part], &live.data[part], &mut found);
    }
    let what = |(path, should, is): (Vec<Step>, String, String)| {
        let by = owner(live, &path, own).map(|manager| format!(" (set by {manager})")).unwrap_or_default();
        let is_secret = object.kind == Kind::Secret;
        let hide = |text: String| if is_secret { "a secret's value".to_owned() } else { text };
        Drift {
            path: format!("{} {} {}", object.kind.resource().kind, object.name, text(&path)),
            should: hide(should),
            is: format!("{}{by}", if is_secret { "another".into() } else { is }),
        }
    };
    found.into_iter().map(what).collect()
}

type Found = Vec<(Vec<Step>, String, String)>;

fn compare(path: Vec<Step>, should: &Value, is: &Value, found: &mut Found) {
    let step = |step: Step| [path.as_slice(), &[step]].concat();
    match (should, is) {
        (Value::Object(should), Value::Object(is)) => {
            for (name, should) in should {
                compare(step(Step::Field(name.clone())), should, is.get(name).unwrap_or(&Value::Null), found);
            }
        }
        (Value::Array(should), Value::Array(is)) if should.iter().all(Value::is_object) => {
            for (at, should) in should.iter().enumerate() {
                let name = should["name"].as_str();
                let item = match name {
                    Some(name) => is.iter().find(|item| item["name"] == name),
                    None => is.get(at),
                };
                let next = name.map_or(Step::At(at), |name| Step::Named(name.into()));
                compare(step(next), should, item.unwrap_or(&Value::Null), found);
            }
        }
        (should, is) if should == is || (is.is_null() && is_nothing(should)) => {}
        (Value::String(should), Value::String(is))
            if thousandths(should).is_some() && thousandths(should) == thousandths(is) => {}
        (should, is) => found.push((path, show(should), show(is))),
    }
}

/// What the API server leaves out where it is said.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Bool(true) => false,
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn text(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Field(name) if text.is_empty() => text.push_str(name),
            Step::Field(name) => text.push_str(&format!(".{name}")),
            Step::Named(name) => text.push_str(&format!("[{name}]")),
            Step::At(at) => text.push_str(&format!("[{at}]")),
        }
    }
    text
}

/// Who else has set a field, by what the API server keeps of it.
fn owner(live: &DynamicObject, path: &[Step], own: &str) -> Option<String> {
    let entries = live.metadata.managed_fields.as_ref()?;
    let others = entries.iter().filter(|entry| entry.manager.as_deref() != Some(own));
    let mut owners =
        others.filter(|entry| entry.fields_v1.as_ref().is_some_and(|fields| holds(&fields.0, path)));
    owners.next()?.manager.clone()
}

fn holds(fields: &Value, path: &[Step]) -> bool {
    let mut at = fields;
    for step in path {
        let next = match step {
            Step::Field(name) => at.get(format!("f:{name}")),
            Step::Named(name) => at.get(format!("k:{{\"name\":\"{name}\"}}")),
            Step::At(_) => None,
        };
        match next {
            Some(next) => at = next,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_others_have_set_is_found_with_their_names() {
        let body = json!({
            "spec": {
                "replicas": 2,
                "strategy": { "rollingUpdate": { "maxUnavailable": 0 } },
                "template": { "spec": {
                    "containers": [{
                        "name": "server",
                        "image": "a:1",
                        "env": [],
                        "resources": { "limits": { "cpu": "2000m", "memory": "16384Mi" } },
                    }],
                } },
            },
        });
        let object = Object { kind: Kind::Deployment, name: "web".into(), runs: None, body };
        let live = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": "web",
                "managedFields": [
                    { "manager": "chandlery-h", "fieldsV1": { "f:spec": { "f:template": {} } } },
                    { "manager": "kubectl", "fieldsV1": { "f:spec": { "f:replicas": {} } } },
                ],
            },
            "spec": {
                "replicas": 5,
                "revisionHistoryLimit": 10,
                "strategy": { "rollingUpdate": { "maxUnavailable": 0 } },
                "template": { "spec": {
                    "dnsPolicy": "ClusterFirst",
                    "containers": [
                        { "name": "sidecar" },
                        {
                            "name": "server",
                            "image": "a:2",
                            "resources": { "limits": { "cpu": "2", "memory": "16Gi" } },
                        },
                    ],
                } },
            },
        });
        let found = drift(&object, &serde_json::from_value(live).unwrap(), "chandlery-h");
        let drift = |path: &str, should: &str, is: &str| Drift {
            path: format!("Deployment web {path}"),
            should: should.into(),
            is: is.into(),
        };
        assert_eq!(
            found,
            [
                drift("spec.replicas", "2", "5 (set by kubectl)"),
                drift("spec.template.spec.containers[server].image", "a:1", "a:2"),
            ]
        );
    }
}
