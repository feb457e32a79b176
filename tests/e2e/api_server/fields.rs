//! An object as the fields that it has, so that it is known who has applied which.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub(super) type Fields = BTreeMap<Vec<Step>, Value>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Field(String),
    Named(String),
}

/// The fields of an object, each by its path. Lists whose items have names are joined item by item, others are one field.
pub(super) fn flatten(value: &Value) -> Fields {
    fn walk(path: &[Step], value: &Value, found: &mut Fields) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                for (name, value) in fields {
                    walk(&[path, &[Step::Field(name.clone())]].concat(), value, found);
                }
            }
            Value::Array(items) if !items.is_empty() && items.iter().all(|item| item["name"].is_string()) => {
                for item in items {
                    let name = item["name"].as_str().unwrap().to_owned();
                    walk(&[path, &[Step::Named(name)]].concat(), item, found);
                }
            }
            value => drop(found.insert(path.to_vec(), value.clone())),
        }
    }
    let mut found = Fields::new();
    walk(&[], value, &mut found);
    found
}

pub(super) fn set(object: &mut Value, path: &[Step], value: &Value) {
    let Some((step, rest)) = path.split_first() else {
        *object = value.clone();
        return;
    };
    let next = match step {
        Step::Field(name) => {
            if !object.is_object() {
                *object = json!({});
            }
            &mut object[name.as_str()]
        }
        Step::Named(name) => {
            if !object.is_array() {
                *object = json!([]);
            }
            let items = object.as_array_mut().unwrap();
            let at = items.iter().position(|item| item["name"] == name.as_str()).unwrap_or_else(|| {
                items.push(json!({ "name": name }));
                items.len() - 1
            });
            &mut items[at]
        }
    };
    set(next, rest, value);
}

pub(super) fn remove(object: &mut Value, path: &[Step]) {
    let Some((step, rest)) = path.split_first() else { return };
    match step {
        Step::Field(name) if rest.is_empty() => {
            if let Some(fields) = object.as_object_mut() {
                fields.remove(name);
            }
        }
        Step::Field(name) if object.is_object() => remove(&mut object[name.as_str()], rest),
        Step::Field(_) => {}
        Step::Named(name) => {
            let Some(items) = object.as_array_mut() else { return };
            if let Some(at) = items.iter().position(|item| item["name"] == name.as_str()) {
                remove(&mut items[at], rest);
                // An item is gone with the field that it is named by.
                if rest == [Step::Field("name".into())] {
                    items.remove(at);
                }
            }
        }
    }
}

pub(super) fn text(path: &[Step]) -> String {
    let each = path.iter().map(|step| match step {
        Step::Field(name) => format!(".{name}"),
        Step::Named(name) => format!("[name=\"{name}\"]"),
    });
    each.collect()
}

pub(super) fn managed(fields: &Fields) -> Value {
    let mut tree = Value::Object(Map::new());
    for path in fields.keys() {
        let mut at = &mut tree;
        for step in path {
            let name = match step {
                Step::Field(name) => format!("f:{name}"),
                Step::Named(name) => format!("k:{{\"name\":\"{name}\"}}"),
            };
            if !at.is_object() {
                *at = json!({});
            }
            at = at.as_object_mut().unwrap().entry(name).or_insert_with(|| json!({}));
        }
    }
    tree
}
