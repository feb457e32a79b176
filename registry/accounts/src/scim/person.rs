//! A person as a directory describes it (RFC 7643, 4.1). What is not kept here is ignored: directories send it whether or not one asks.

use chandlery_package::wire::EmailAddress;
use serde_json::{Map, Value, json};

use super::error::{Error, Kind};
use super::patch::{Op, Operation, attributes, settings};
use super::path::Path;
use super::values::{boolean, get, items, required, text};

/// What is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    /// What it is called there, often an e-mail address.
    pub(super) user_name: String,
    /// Its id in the directory.
    pub(super) external_id: Option<String>,
    /// Its name in one piece.
    pub(super) display_name: Option<String>,
    /// Its first name.
    pub(super) given_name: Option<String>,
    /// Its last name.
    pub(super) family_name: Option<String>,
    /// Its address at work.
    pub(super) email: Option<EmailAddress>,
    /// Whether it belongs to the organisation.
    pub(super) active: bool,
}

impl Person {
    /// A person of whom nothing is said, but for being there.
    pub(super) fn nobody() -> Self {
        Self {
            user_name: String::new(),
            external_id: None,
            display_name: None,
            given_name: None,
            family_name: None,
            email: None,
            active: true,
        }
    }

    /// The person that a whole resource describes.
    pub(super) fn read(body: &Map<String, Value>) -> Result<Self, Error> {
        let mut person = Self::nobody();
        for (path, value) in attributes(body)? {
            person.set(&path, value)?;
        }
        match person.user_name.is_empty() {
            true => Err(Error::value("userName is required")),
            false => Ok(person),
        }
    }

    /// The same after some changes.
    pub(super) fn changed(mut self, operations: &[Operation]) -> Result<Self, Error> {
        for operation in operations {
            for (path, value) in settings(operation)? {
                match operation.op {
                    Op::Remove => self.clear(&path)?,
                    Op::Add | Op::Replace => self.set(&path, value)?,
                }
            }
        }
        Ok(self)
    }

    /// Where the person is written to: the address at work or, without one, a name that is an address.
    pub(super) fn address(&self) -> Option<EmailAddress> {
        self.email.clone().or_else(|| self.user_name.parse().ok())
    }

    fn set(&mut self, path: &Path, value: &Value) -> Result<(), Error> {
        match path.names() {
            ("username", None) => self.user_name = required(value, "userName")?,
            ("externalid", None) => self.external_id = text(value, "externalId")?,
            ("displayname", None) => self.display_name = text(value, "displayName")?,
            ("active", None) => self.active = boolean(value, "active")?,
            ("name", None) => self.set_name(value)?,
            ("name", Some("givenname")) => self.given_name = text(value, "name.givenName")?,
            ("name", Some("familyname")) => self.family_name = text(value, "name.familyName")?,
            ("emails", None) if path.is_of_work() => self.email = address_of(value)?,
            ("emails", Some("value")) if path.is_of_work() => self.email = address(value)?,
            _ => {}
        }
        Ok(())
    }

    fn set_name(&mut self, value: &Value) -> Result<(), Error> {
        let name = match value {
            Value::Null => return self.clear_name(),
            Value::Object(name) => name,
            _ => return Err(Error::value("name is an object")),
        };
        for (part, value) in name {
            match part.to_ascii_lowercase().as_str() {
                "givenname" => self.given_name = text(value, "name.givenName")?,
                "familyname" => self.family_name = text(value, "name.familyName")?,
                _ => {}
            }
        }
        Ok(())
    }

    fn clear_name(&mut self) -> Result<(), Error> {
        (self.given_name, self.family_name) = (None, None);
        Ok(())
    }

    fn clear(&mut self, path: &Path) -> Result<(), Error> {
        match path.names() {
            ("username" | "active", _) => {
                let detail = format!("{} can be replaced, and not removed", path.attribute);
                return Err(Error::new(Kind::Mutability, detail));
            }
            ("externalid", None) => self.external_id = None,
            ("displayname", None) => self.display_name = None,
            ("name", None) => return self.clear_name(),
            ("name", Some("givenname")) => self.given_name = None,
            ("name", Some("familyname")) => self.family_name = None,
            ("emails", None | Some("value")) if path.is_of_work() => self.email = None,
            _ => {}
        }
        Ok(())
    }

    /// What of a resource is this person.
    pub(super) fn shown(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert("userName".into(), json!(self.user_name));
        shown.insert("active".into(), json!(self.active));
        let name = [("givenName", &self.given_name), ("familyName", &self.family_name)];
        let name: Map<String, Value> = name
            .into_iter()
            .filter_map(|(part, text)| Some((part.to_owned(), json!(text.as_ref()?))))
            .collect();
        if !name.is_empty() {
            shown.insert("name".into(), Value::Object(name));
        }
        for (attribute, text) in [("externalId", &self.external_id), ("displayName", &self.display_name)] {
            if let Some(text) = text {
                shown.insert(attribute.into(), json!(text));
            }
        }
        if let Some(email) = &self.email {
            let email = json!([{ "value": email, "type": "work", "primary": true }]);
            shown.insert("emails".into(), email);
        }
        shown
    }
}

/// The address at work of a list: the one that is marked as the primary one, or is for work, or else the first.
fn address_of(value: &Value) -> Result<Option<EmailAddress>, Error> {
    let all = items(value);
    let is = |item: &Value, part: &str, wanted: &str| {
        let found = item.as_object().and_then(|item| get(item, part));
        found.is_some_and(|found| match found {
            Value::Bool(word) => word.to_string() == wanted,
            Value::String(word) => word.eq_ignore_ascii_case(wanted),
            _ => false,
        })
    };
    let primary = all.iter().find(|item| is(item, "primary", "true"));
    let chosen = primary.or_else(|| all.iter().find(|item| is(item, "type", "work"))).or(all.first());
    match chosen {
        None => Ok(None),
        Some(Value::Object(item)) => get(item, "value").map_or(Ok(None), address),
        Some(_) => Err(Error::value("emails are a list of objects")),
    }
}

fn address(value: &Value) -> Result<Option<EmailAddress>, Error> {
    let text = text(value, "emails.value")?;
    let read = text.map(|text| {
        text.parse::<EmailAddress>().map_err(|_| Error::value("emails.value is an e-mail address"))
    });
    read.transpose()
}

#[cfg(test)]
mod tests {
    use super::super::patch::operations;
    use super::*;

    fn ann() -> Person {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "ann@corp.example",
            "externalId": "00u1",
            "name": { "givenName": "Ann", "familyName": "Archer", "formatted": "Ann Archer" },
            "emails": [{ "primary": true, "value": "ann@corp.example", "type": "work" }],
            "displayName": "Ann Archer",
            "locale": "en-US",
            "groups": [],
            "active": true,
        });
        Person::read(body.as_object().unwrap()).unwrap()
    }

    fn after(changes: Value) -> Result<Person, Error> {
        ann().changed(&operations(json!({ "Operations": changes }).as_object().unwrap())?)
    }

    #[test]
    fn people_as_entra_id_and_okta_describe_them() {
        let okta = ann();
        assert_eq!(okta.address().unwrap().as_str(), "ann@corp.example");
        assert_eq!((okta.given_name.as_deref(), okta.family_name.as_deref()), (Some("Ann"), Some("Archer")));
        let entra = json!({
            "schemas": [
                "urn:ietf:params:scim:schemas:core:2.0:User",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
            ],
            "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
            "userName": "ann@corp.example",
            "active": true,
            "emails": [
                { "type": "other", "value": "ann@home.example" },
                { "primary": "True", "type": "work", "value": "ann.archer@corp.example" }
            ],
            "meta": { "resourceType": "User" },
            "name": { "formatted": "Ann Archer", "familyName": "Archer", "givenName": "Ann" },
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Sales" },
        });
        let entra = Person::read(entra.as_object().unwrap()).unwrap();
        assert_eq!(entra.email.unwrap().as_str(), "ann.archer@corp.example");
        assert_eq!(entra.external_id.as_deref(), Some("0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef"));
        for (body, refused) in [
            (json!({}), "userName is required"),
            (json!({ "userName": "" }), "userName is required"),
            (json!({ "userName": 7 }), "userName is a text"),
            (json!({ "userName": "a\nb" }), "no control characters"),
            (json!({ "userName": "a".repeat(257) }), "at most 256 bytes"),
            (json!({ "userName": "a", "active": "maybe" }), "true or false"),
            (json!({ "userName": "a", "emails": ["a@b.example"] }), "a list of objects"),
            (json!({ "userName": "a", "emails": [{ "value": "a@b" }] }), "an e-mail address"),
            (json!({ "userName": "a", "name": "Ann" }), "name is an object"),
        ] {
            let said = Person::read(body.as_object().unwrap()).unwrap_err().to_string();
            assert!(said.contains(refused), "{body}: {said}");
        }
    }

    #[test]
    fn changes_as_entra_id_and_okta_send_them() {
        let ended = Person { active: false, ..ann() };
        let given = Person { given_name: Some("Anne".into()), ..ann() };
        let moved = Person { email: "anne@corp.example".parse().ok(), ..ann() };
        for (changes, expected) in [
            // Okta: without a path.
            (json!([{ "op": "replace", "value": { "active": false } }]), ended.clone()),
            // Entra ID: with one, in words of its own.
            (json!([{ "op": "Replace", "path": "active", "value": "False" }]), ended.clone()),
            (
                json!([{ "op": "Replace", "path": "active", "value": "False" },
                       { "op": "replace", "path": "active", "value": true }]),
                ann(),
            ),
            (json!([{ "op": "Add", "path": "name.givenName", "value": "Anne" }]), given.clone()),
            (json!([{ "op": "replace", "value": { "name.givenName": "Anne", "id": "x" } }]), given.clone()),
            (json!([{ "op": "replace", "path": "name", "value": { "givenName": "Anne" } }]), given.clone()),
            (
                json!([{ "op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName",
                         "value": "Anne" }]),
                given,
            ),
            (
                json!([{ "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "anne@corp.example" },
                       { "op": "Add", "path": "emails[type eq \"home\"].value", "value": "not kept" },
                       { "op": "Replace", "path": "emails[type eq \"work\"].primary", "value": false }]),
                moved.clone(),
            ),
            (
                json!([{ "op": "replace", "value": { "emails[type eq \"work\"].value": "anne@corp.example" } }]),
                moved.clone(),
            ),
            (
                json!([{ "op": "replace", "path": "emails",
                         "value": [{ "type": "work", "value": "anne@corp.example" }] }]),
                moved,
            ),
            (
                json!([{ "op": "Remove", "path": "externalId" }, { "op": "remove", "path": "displayName" }]),
                Person { external_id: None, display_name: None, ..ann() },
            ),
            (
                json!([{ "op": "remove", "path": "emails[type eq \"work\"]" }, { "op": "remove", "path": "name" }]),
                Person { email: None, given_name: None, family_name: None, ..ann() },
            ),
            // What is not kept changes nothing.
            (
                json!([{ "op": "Add", "path": "title", "value": "Boss" },
                       { "op": "Add", "path": "addresses[type eq \"work\"].country", "value": "DE" },
                       { "op": "Add", "value": { "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager": "1" } },
                       { "op": "Remove", "path": "phoneNumbers[type eq \"mobile\"]" }]),
                ann(),
            ),
        ] {
            assert_eq!(after(changes.clone()).unwrap(), expected, "{changes}");
        }
        for changes in [
            json!([{ "op": "remove" }]),
            json!([{ "op": "remove", "path": "userName" }]),
            json!([{ "op": "replace", "path": "userName", "value": null }]),
            json!([{ "op": "replace", "path": "active", "value": "no" }]),
            json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "no address" }]),
        ] {
            assert!(after(changes.clone()).is_err(), "{changes}");
        }
    }

    #[test]
    fn a_person_reads_back_as_it_is_shown() {
        assert_eq!(Person::read(&ann().shown()).unwrap(), ann());
    }
}
