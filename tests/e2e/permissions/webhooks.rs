//! A webhook of a partner's, which leads nowhere.

use serde_json::json;

use crate::world::{Person, World};

/// Makes a webhook of acme's, and sends it a test: the ids of both.
pub(super) fn make(world: &World, acme: &Person) -> (String, String) {
    let send = |path: &str, body: String| {
        let path = format!("/api/v1/partners/acme/webhooks{path}");
        world.send("POST", &path, Some(&acme.token()), &[("content-type", "application/json")], body).json()
    };
    let new = json!({ "url": "http://127.0.0.1:9/", "kinds": ["payout-failed"] });
    let made = send("", new.to_string());
    let id = made["webhook"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    let sent = send(&format!("/{id}/test"), String::new());
    let notice = sent["notice"].as_str().unwrap_or_else(|| panic!("{sent}")).to_owned();
    (id, notice)
}
