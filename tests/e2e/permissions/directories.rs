//! The routes of an organisation's directory: those by which it is set up, and those that are its own.

use serde_json::{Value, json};

use super::roles::For;

pub(super) fn rows() -> Vec<(&'static str, &'static str, For, Value)> {
    let tokens = "/api/v1/organisations/{organisation}/directory-tokens";
    vec![
        ("GET", tokens, For::Owners, json!(null)),
        ("POST", tokens, For::Owners, json!({ "days_valid": 1 })),
        ("DELETE", "/api/v1/organisations/{organisation}/directory-tokens/{id}", For::Owners, json!(null)),
        ("GET", "/api/v1/organisations/{organisation}/directory-groups", For::Owners, json!(null)),
        (
            "PUT",
            "/api/v1/organisations/{organisation}/directory-groups/{id}",
            For::Owners,
            json!({ "role": "viewer" }),
        ),
        ("GET", "/scim/v2/ServiceProviderConfig", For::Directories, json!(null)),
        ("GET", "/scim/v2/ResourceTypes", For::Directories, json!(null)),
        ("GET", "/scim/v2/ResourceTypes/{name}", For::Directories, json!(null)),
        ("GET", "/scim/v2/Schemas", For::Directories, json!(null)),
        ("GET", "/scim/v2/Schemas/{urn}", For::Directories, json!(null)),
        ("GET", "/scim/v2/Users", For::Directories, json!(null)),
        ("POST", "/scim/v2/Users", For::Directories, json!({ "userName": "x@corp.example" })),
        ("GET", "/scim/v2/Users/{user}", For::Directories, json!(null)),
        ("PUT", "/scim/v2/Users/{user}", For::Directories, json!({ "userName": "x@corp.example" })),
        ("PATCH", "/scim/v2/Users/{user}", For::Directories, json!({ "Operations": [] })),
        ("DELETE", "/scim/v2/Users/{user}", For::Directories, json!(null)),
        ("GET", "/scim/v2/Groups", For::Directories, json!(null)),
        ("POST", "/scim/v2/Groups", For::Directories, json!({ "displayName": "x" })),
        ("GET", "/scim/v2/Groups/{group}", For::Directories, json!(null)),
        ("PUT", "/scim/v2/Groups/{group}", For::Directories, json!({ "displayName": "x" })),
        ("PATCH", "/scim/v2/Groups/{group}", For::Directories, json!({ "Operations": [] })),
        ("DELETE", "/scim/v2/Groups/{group}", For::Directories, json!(null)),
    ]
}
