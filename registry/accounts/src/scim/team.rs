//! A group as a directory describes it (RFC 7643, 4.2).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::error::{Error, Kind};
use super::patch::{Op, Operation, attributes, ids, settings};
use super::path::Path;
use super::values::{required, text};

/// How many people a group has at most.
const MEMBERS_MAX: usize = 10_000;

/// What is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Team {
    /// What it is called.
    pub(super) display_name: String,
    /// Its id in the directory.
    pub(super) external_id: Option<String>,
    /// The ids of its people here.
    pub(super) members: BTreeSet<String>,
}

impl Team {
    /// The group that a whole resource describes.
    pub(super) fn read(body: &Map<String, Value>) -> Result<Self, Error> {
        let mut team = Self::default();
        for (path, value) in attributes(body)? {
            team.apply(Op::Replace, &path, value)?;
        }
        match team.display_name.is_empty() {
            true => Err(Error::value("displayName is required")),
            false => Ok(team),
        }
    }

    /// The same after some changes.
    pub(super) fn changed(mut self, operations: &[Operation]) -> Result<Self, Error> {
        for operation in operations {
            for (path, value) in settings(operation)? {
                self.apply(operation.op, &path, value)?;
            }
        }
        Ok(self)
    }

    fn apply(&mut self, op: Op, path: &Path, value: &Value) -> Result<(), Error> {
        match (path.names(), op) {
            (("members", None), _) => self.apply_to_members(op, path, value)?,
            (("displayname", None), Op::Remove) => {
                return Err(Error::new(Kind::Mutability, "displayName can be replaced, and not removed"));
            }
            (("displayname", None), _) => self.display_name = required(value, "displayName")?,
            (("externalid", None), Op::Remove) => self.external_id = None,
            (("externalid", None), _) => self.external_id = text(value, "externalId")?,
            _ => {}
        }
        Ok(())
    }

    fn apply_to_members(&mut self, op: Op, path: &Path, value: &Value) -> Result<(), Error> {
        match (op, &path.which) {
            (Op::Add, None) => self.members.extend(ids(value)?),
            (Op::Replace, None) => self.members = ids(value)?.into_iter().collect(),
            (Op::Remove, Some(which)) if which.part == "value" => {
                self.members.remove(&which.is);
            }
            // Entra ID names those that go in the value, where other directories mean all by such a path.
            (Op::Remove, None) if !value.is_null() => {
                for id in ids(value)? {
                    self.members.remove(&id);
                }
            }
            (Op::Remove, None) => self.members.clear(),
            (_, Some(_)) => {
                return Err(Error::new(
                    Kind::NoTarget,
                    "members are added as a list, and removed by their value",
                ));
            }
        }
        match self.members.len() <= MEMBERS_MAX {
            true => Ok(()),
            false => Err(Error::new(Kind::TooMany, format!("a group has at most {MEMBERS_MAX} members"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::patch::operations;
    use super::*;

    fn team(display_name: &str, members: &[&str]) -> Team {
        let members = members.iter().map(|id| (*id).to_owned()).collect();
        Team { display_name: display_name.into(), external_id: None, members }
    }

    fn after(changes: Value) -> Result<Team, Error> {
        let changes = json!({ "schemas": [], "Operations": changes });
        team("Makers", &["a", "b"]).changed(&operations(changes.as_object().unwrap())?)
    }

    #[test]
    fn changes_of_groups_as_entra_id_and_okta_send_them() {
        for (changes, expected) in [
            // Okta: adds by a path, removes by a filter, and renames with the id in the value.
            (
                json!([{ "op": "add", "path": "members", "value": [{ "value": "c", "display": "c@corp.example" }] }]),
                team("Makers", &["a", "b", "c"]),
            ),
            (json!([{ "op": "remove", "path": "members[value eq \"a\"]" }]), team("Makers", &["b"])),
            (
                json!([{ "op": "replace", "value": { "id": "g", "displayName": "Builders" } }]),
                team("Builders", &["a", "b"]),
            ),
            (
                json!([{ "op": "replace", "path": "members", "value": [{ "value": "c" }, { "value": "d" }] }]),
                team("Makers", &["c", "d"]),
            ),
            // Entra ID: in words of its own, and with those that go in the value.
            (
                json!([{ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": "c" }] }]),
                team("Makers", &["a", "b", "c"]),
            ),
            (
                json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": "a" }] }]),
                team("Makers", &["b"]),
            ),
            (
                json!([{ "op": "Replace", "path": "displayName", "value": "Builders" }]),
                team("Builders", &["a", "b"]),
            ),
            (
                json!([{ "op": "add", "value": { "members": [{ "value": "c" }] } }]),
                team("Makers", &["a", "b", "c"]),
            ),
            (json!([{ "op": "remove", "path": "members" }]), team("Makers", &[])),
            // Again, and of somebody who is not there.
            (
                json!([{ "op": "add", "path": "members", "value": [{ "value": "a" }] }]),
                team("Makers", &["a", "b"]),
            ),
            (json!([{ "op": "remove", "path": "members[value eq \"z\"]" }]), team("Makers", &["a", "b"])),
            (json!([{ "op": "Remove", "path": "members", "value": [] }]), team("Makers", &["a", "b"])),
        ] {
            assert_eq!(after(changes.clone()).unwrap(), expected, "{changes}");
        }
        let many: Vec<Value> = (0..=MEMBERS_MAX).map(|id| json!({ "value": id.to_string() })).collect();
        for changes in [
            json!([{ "op": "remove" }]),
            json!([{ "op": "remove", "path": "displayName" }]),
            json!([{ "op": "replace", "path": "displayName", "value": "" }]),
            json!([{ "op": "remove", "path": "members[display eq \"a\"]" }]),
            json!([{ "op": "add", "path": "members[value eq \"a\"]", "value": {} }]),
            json!([{ "op": "add", "path": "members", "value": [{ "value": "g", "type": "Group" }] }]),
            json!([{ "op": "add", "path": "members", "value": many }]),
        ] {
            assert!(after(changes).is_err());
        }
    }
}
