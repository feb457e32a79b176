//! What a directory may find out of this service: what it supports, and which attributes it keeps (RFC 7643, 5 to 8).

use serde_json::{Value, json};

use super::query::COUNT_MAX;
use super::{GROUP, USER};
use crate::Accounts;

const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// What is supported.
pub(super) fn config(accounts: &Accounts) -> Value {
    json!({
        "schemas": [CONFIG],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": COUNT_MAX },
        "changePassword": { "supported": false },
        "sort": { "supported": false },
        "etag": { "supported": true },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Token of a directory",
            "description": "A token that a member who manages the organisation has made for its directory",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": meta(accounts, "ServiceProviderConfig", "/scim/v2/ServiceProviderConfig"),
    })
}

/// The kinds of resources.
pub(super) fn resource_types(accounts: &Accounts) -> Vec<Value> {
    let one = |name: &str, endpoint: &str, schema: &str, description: &str| {
        json!({
            "schemas": [RESOURCE_TYPE],
            "id": name,
            "name": name,
            "endpoint": endpoint,
            "description": description,
            "schema": schema,
            "meta": meta(accounts, "ResourceType", &format!("/scim/v2/ResourceTypes/{name}")),
        })
    };
    vec![
        one("User", "/Users", USER, "A person of the organisation"),
        one("Group", "/Groups", GROUP, "People of the organisation who have a role in common"),
    ]
}

/// The attributes of each.
pub(super) fn schemas(accounts: &Accounts) -> Vec<Value> {
    let one = |id: &str, name: &str, description: &str, attributes: Vec<Value>| {
        json!({
            "schemas": [SCHEMA],
            "id": id,
            "name": name,
            "description": description,
            "attributes": attributes,
            "meta": meta(accounts, "Schema", &format!("/scim/v2/Schemas/{id}")),
        })
    };
    vec![one(USER, "User", "A person", of_user()), one(GROUP, "Group", "A group of people", of_group())]
}

fn meta(accounts: &Accounts, kind: &str, path: &str) -> Value {
    json!({ "resourceType": kind, "location": accounts.location(path) })
}

fn of_user() -> Vec<Value> {
    let name = [
        attribute("givenName", "string", "The first name"),
        attribute("familyName", "string", "The last name"),
    ];
    let email = [
        attribute("value", "string", "The address, of a domain that the organisation has proved"),
        with(attribute("type", "string", "What it is for"), json!({ "canonicalValues": ["work"] })),
        attribute("primary", "boolean", "Whether it is the one that is used"),
    ];
    vec![
        with(
            attribute("userName", "string", "What the person is called in the directory"),
            json!({ "required": true, "uniqueness": "server" }),
        ),
        with(
            attribute("name", "complex", "The parts of the person's name"),
            json!({ "subAttributes": name }),
        ),
        attribute("displayName", "string", "The person's name in one piece"),
        with(
            attribute("emails", "complex", "Where the person is written to: one address is kept"),
            json!({ "multiValued": true, "subAttributes": email }),
        ),
        attribute("active", "boolean", "Whether the person belongs to the organisation"),
    ]
}

fn of_group() -> Vec<Value> {
    let fixed = json!({ "mutability": "immutable" });
    let of_people = json!({ "mutability": "immutable", "referenceTypes": ["User"] });
    let member = [
        with(attribute("value", "string", "The id of a user"), fixed),
        with(attribute("$ref", "reference", "Where that user is found"), of_people),
    ];
    vec![
        with(
            attribute("displayName", "string", "What the group is called"),
            json!({ "required": true, "uniqueness": "server" }),
        ),
        with(
            attribute("members", "complex", "Who belongs to the group"),
            json!({ "multiValued": true, "subAttributes": member }),
        ),
    ]
}

fn attribute(name: &str, kind: &str, description: &str) -> Value {
    json!({
        "name": name,
        "type": kind,
        "multiValued": false,
        "description": description,
        "required": false,
        "caseExact": false,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
    })
}

/// The same attribute, but for what these say.
fn with(mut attribute: Value, others: Value) -> Value {
    if let (Value::Object(attribute), Value::Object(others)) = (&mut attribute, others) {
        attribute.extend(others);
    }
    attribute
}
