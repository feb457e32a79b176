//! Values as directories write them: names of attributes in any case, booleans as text, one thing where a list is meant.

use serde_json::{Map, Value};

use super::error::Error;

/// The longest text, in bytes.
const TEXT_BYTES_MAX: usize = 256;

/// What an object has under a name in any case; none: nothing, or null.
pub(super) fn get<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value).filter(|value| !value.is_null())
}

/// A text of bounded length without control characters; none: null, or an empty one.
pub(super) fn text(value: &Value, what: &str) -> Result<Option<String>, Error> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text,
        _ => return Err(Error::value(format!("{what} is a text"))),
    };
    match text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control) {
        true => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        false => {
            Err(Error::value(format!("{what} has at most {TEXT_BYTES_MAX} bytes, and no control characters")))
        }
    }
}

/// The same where there must be one.
pub(super) fn required(value: &Value, what: &str) -> Result<String, Error> {
    text(value, what)?.ok_or_else(|| Error::value(format!("{what} is required")))
}

/// A boolean; `"False"` is one, too.
pub(super) fn boolean(value: &Value, what: &str) -> Result<bool, Error> {
    let word = match value {
        Value::Bool(word) => return Ok(*word),
        Value::String(word) => word.to_ascii_lowercase(),
        _ => String::new(),
    };
    match word.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Error::value(format!("{what} is true or false"))),
    }
}

/// The items of a list; something alone is a list of one.
pub(super) fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}
