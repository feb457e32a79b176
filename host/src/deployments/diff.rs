//! What would change: one line for each value of the plan that is new, gone or different.

use std::collections::BTreeMap;

use chandlery_package::plan::Plan;
use chandlery_package::wire::host::Change;
use serde_json::Value;

/// The changes from one plan to another, by path.
pub fn changes(before: Option<&Plan>, after: &Plan) -> Vec<Change> {
    let before = before.map(flatten).unwrap_or_default();
    let after = flatten(after);
    let paths = before.keys().chain(after.keys().filter(|path| !before.contains_key(*path)));
    let mut changes: Vec<_> = paths
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| Change {
            path: path.clone(),
            before: before.get(path).cloned(),
            after: after.get(path).cloned(),
        })
        .collect();
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

fn flatten(plan: &Plan) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    for workload in &plan.workloads {
        descend(&workload.name, &serde_json::json!(workload), &mut flat);
    }
    flat
}

/// Lists of words are one value; what is not there is no value.
fn descend(path: &str, value: &Value, flat: &mut BTreeMap<String, String>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                descend(&format!("{path}.{name}"), value, flat);
            }
        }
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let words: Vec<_> = items.iter().filter_map(Value::as_str).collect();
            if !words.is_empty() {
                flat.insert(path.into(), words.join(" "));
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = item.get("name").and_then(Value::as_str).map_or(index.to_string(), str::to_owned);
                descend(&format!("{path}.{name}"), item, flat);
            }
        }
        Value::String(text) => {
            flat.insert(path.into(), text.clone());
        }
        other => {
            flat.insert(path.into(), other.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chandlery_package::plan::example::workload;

    #[test]
    fn only_what_differs_is_listed() {
        let plan = |memory_mib, command: &str| {
            let mut workload = workload();
            workload.resources.memory_mib = memory_mib;
            workload.command = vec!["sleep".into(), command.into()];
            Plan { workloads: vec![workload], notes: Vec::new() }
        };
        assert!(changes(Some(&plan(64, "1")), &plan(64, "1")).is_empty());
        let found = changes(Some(&plan(64, "1")), &plan(128, "2"));
        let change = |path: &str, before: &str, after: &str| Change {
            path: path.into(),
            before: Some(before.into()),
            after: Some(after.into()),
        };
        assert_eq!(
            found,
            [
                change("server.command", "sleep 1", "sleep 2"),
                change("server.resources.memory-mib", "64", "128"),
            ]
        );
        assert!(changes(None, &plan(64, "1")).iter().all(|change| change.before.is_none()));
    }
}
