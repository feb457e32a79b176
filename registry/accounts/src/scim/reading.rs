//! What directories send, read as it comes, without anybody to whom it is done.

use serde_json::Value;

use super::patch::operations;
use super::path::Filter;
use super::person::Person;
use super::team::Team;

/// Reads the filter of a list; the error says in words why it is none.
pub fn read_filter(text: &str) -> Result<(), String> {
    text.parse::<Filter>().map(drop).map_err(|error| error.to_string())
}

/// Reads the body of a request, by what it has: changes, which are applied to a person and to a group, or a group, or else a person. The
/// error says in words why it is refused.
pub fn read_body(bytes: &[u8]) -> Result<(), String> {
    let body = match serde_json::from_slice::<Value>(bytes).map_err(|error| error.to_string())? {
        Value::Object(body) => body,
        _ => return Err("the body is an object".into()),
    };
    let read = match (body.contains_key("Operations"), body.contains_key("members")) {
        (true, _) => operations(&body).and_then(|operations| {
            Person::nobody().changed(&operations).and(Team::default().changed(&operations)).map(drop)
        }),
        (false, true) => Team::read(&body).map(drop),
        (false, false) => Person::read(&body).map(drop),
    };
    read.map_err(|error| error.to_string())
}
