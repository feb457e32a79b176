//! Changes of a person or a group, one after the other (RFC 7644, 3.5.2).

use chandlery_package::words;
use serde_json::{Map, Value};

use super::error::{Error, Kind};
use super::path::Path;
use super::values::{get, items};

/// How many changes a request has at most.
const OPERATIONS_MAX: usize = 1000;

words! {
    /// What a change does.
    pub(super) enum Op: "operation" {
        /// Sets an attribute, or adds to its values.
        Add = "add",
        /// Takes an attribute or some of its values away.
        Remove = "remove",
        /// Sets an attribute.
        Replace = "replace",
    }
}

/// One of the changes of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation {
    /// What it does.
    pub(super) op: Op,
    /// To what; none: to what its value names.
    pub(super) path: Option<Path>,
    /// With what; null: with nothing.
    pub(super) value: Value,
}

/// The changes of a request.
pub(super) fn operations(body: &Map<String, Value>) -> Result<Vec<Operation>, Error> {
    let Some(Value::Array(all)) = get(body, "Operations") else {
        return Err(Error::syntax("a change has a list of Operations"));
    };
    match all.len() {
        0 => Err(Error::syntax("there is nothing among the Operations")),
        1..=OPERATIONS_MAX => all.iter().map(operation).collect(),
        _ => Err(Error::new(Kind::TooMany, format!("a request has at most {OPERATIONS_MAX} Operations"))),
    }
}

fn operation(value: &Value) -> Result<Operation, Error> {
    let object = value.as_object().ok_or_else(|| Error::syntax("an operation is an object"))?;
    // Some directories write `Replace`.
    let word = get(object, "op").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let op = word.parse::<Op>().map_err(|_| Error::syntax("op is add, remove or replace"))?;
    let path = match get(object, "path") {
        None => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(Value::String(text)) => Some(text.parse::<Path>()?),
        Some(_) => return Err(Error::new(Kind::InvalidPath, "a path is a text")),
    };
    let value = get(object, "value").cloned().unwrap_or_default();
    Ok(Operation { op, path, value })
}

/// What is set by a change, by attribute: the one that its path names or, without a path, each that its value has.
pub(super) fn settings(operation: &Operation) -> Result<Vec<(Path, &Value)>, Error> {
    if let Some(path) = &operation.path {
        return Ok(vec![(path.clone(), &operation.value)]);
    }
    match &operation.value {
        Value::Object(all) if operation.op != Op::Remove => attributes(all),
        _ => Err(Error::new(Kind::NoTarget, "a change without a path has an object as its value")),
    }
}

/// The attributes of a resource; the keys of an object are paths, as in `{"name.givenName": "Ann"}`.
pub(super) fn attributes(object: &Map<String, Value>) -> Result<Vec<(Path, &Value)>, Error> {
    object.iter().map(|(name, value)| Ok::<_, Error>((name.parse::<Path>()?, value))).collect()
}

/// The ids that a list of members names.
pub(super) fn ids(value: &Value) -> Result<Vec<String>, Error> {
    let refuse = || Error::value("members are a list of objects, each with the id of a user as its value");
    let each = items(value).iter().map(|member| {
        let id = match member {
            Value::String(id) => Some(id.as_str()),
            Value::Object(member) => {
                let kind = get(member, "type").and_then(Value::as_str).unwrap_or("User");
                if !kind.eq_ignore_ascii_case("User") {
                    return Err(Error::value(
                        "the members of a group are users: groups inside it are not kept",
                    ));
                }
                get(member, "value").and_then(Value::as_str)
            }
            _ => None,
        };
        id.map(str::to_owned).ok_or_else(refuse)
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_change_is_refused() {
        let many = vec![json!({ "op": "add", "path": "active", "value": true }); OPERATIONS_MAX + 1];
        for (body, kind) in [
            (json!({}), Kind::InvalidSyntax),
            (json!({ "Operations": [] }), Kind::InvalidSyntax),
            (json!({ "Operations": {} }), Kind::InvalidSyntax),
            (json!({ "Operations": ["add"] }), Kind::InvalidSyntax),
            (json!({ "Operations": [{ "path": "active", "value": true }] }), Kind::InvalidSyntax),
            (json!({ "Operations": [{ "op": "move", "path": "active" }] }), Kind::InvalidSyntax),
            (json!({ "Operations": [{ "op": "add", "path": 1 }] }), Kind::InvalidPath),
            (json!({ "Operations": [{ "op": "add", "path": "emails[" }] }), Kind::InvalidPath),
            (json!({ "Operations": many }), Kind::TooMany),
        ] {
            let refused = operations(body.as_object().unwrap()).unwrap_err();
            assert!(matches!(refused, Error::Refused { kind: found, .. } if found == kind), "{refused:?}");
        }
        for value in [json!(null), json!("x"), json!([])] {
            let operation = Operation { op: Op::Replace, path: None, value };
            assert!(settings(&operation).is_err());
        }
    }

    #[test]
    fn members_are_named_by_their_ids() {
        for (value, expected) in [
            (json!([{ "value": "a" }, { "value": "b", "display": "Bob", "$ref": null }]), vec!["a", "b"]),
            (json!({ "value": "a" }), vec!["a"]),
            (json!(["a", "b"]), vec!["a", "b"]),
            (json!([{ "type": "User", "value": "a" }]), vec!["a"]),
            (json!(null), vec![]),
            (json!([]), vec![]),
        ] {
            assert_eq!(ids(&value).unwrap(), expected);
        }
        for value in
            [json!([{}]), json!([1]), json!([{ "value": 1 }]), json!([{ "value": "a", "type": "Group" }])]
        {
            assert!(ids(&value).is_err(), "{value}");
        }
    }
}
