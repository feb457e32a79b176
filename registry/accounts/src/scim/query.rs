//! What a request says beside its path: which resources of a list, and which of their attributes (RFC 7644, 3.4.2 and 3.9).

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::Error;
use super::path::{Filter, Path};

/// How many resources a list has unless the request says otherwise.
const COUNT: i64 = 100;
/// How many resources a list has at most.
pub(super) const COUNT_MAX: i64 = 200;
/// What is shown whatever is asked for.
const ALWAYS: [&str; 2] = ["schemas", "id"];

/// What follows the question mark.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    filter: Option<String>,
    start_index: Option<String>,
    count: Option<String>,
    attributes: Option<String>,
    excluded_attributes: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// The place of the first one, from 1.
    pub(super) start: i64,
    /// How many there are at most.
    pub(super) count: i64,
}

impl Window {
    /// How many come before it.
    pub(super) fn skipped(self) -> i64 {
        self.start - 1
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match Query::<Self>::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(asked),
            Err(_) => Err(Error::value("what follows the question mark cannot be read")),
        }
    }
}

impl Asked {
    /// The filter of a list; none: it is not filtered.
    pub(super) fn filter(&self) -> Result<Option<Filter>, Error> {
        self.filter.as_deref().map(str::parse::<Filter>).transpose()
    }

    /// Which part of a list, of at most so many.
    pub(super) fn window(&self, most: i64) -> Result<Window, Error> {
        let start = number(self.start_index.as_deref(), "startIndex", 1)?.max(1);
        let count = number(self.count.as_deref(), "count", COUNT)?.clamp(0, most);
        Ok(Window { start, count })
    }

    /// Whether an attribute of a resource is asked for.
    pub(super) fn wants(&self, attribute: &str) -> bool {
        // To leave out a part of an attribute leaves the attribute.
        let is_named = |list: &str, in_part: bool| {
            list.split(',')
                .filter_map(|text| text.trim().parse::<Path>().ok())
                .any(|path| path.attribute.eq_ignore_ascii_case(attribute) && (in_part || path.sub.is_none()))
        };
        match (&self.attributes, &self.excluded_attributes) {
            _ if ALWAYS.contains(&attribute) => true,
            (Some(named), _) => is_named(named, true),
            (None, Some(named)) => !is_named(named, false),
            (None, None) => true,
        }
    }

    /// What of a resource is asked for.
    pub(super) fn shown(&self, resource: Map<String, Value>) -> Value {
        Value::Object(resource.into_iter().filter(|(attribute, _)| self.wants(attribute)).collect())
    }
}

fn number(text: Option<&str>, what: &str, usual: i64) -> Result<i64, Error> {
    match text {
        None => Ok(usual),
        Some(text) => text.parse().map_err(|_| Error::value(format!("{what} is a whole number"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_window_has_bounds() {
        for (start_index, count, expected) in [
            (None, None, Some((1, 100))),
            (Some("3"), Some("2"), Some((3, 2))),
            (Some("0"), Some("-1"), Some((1, 0))),
            (Some("-5"), Some("100000"), Some((1, 200))),
            (Some("x"), None, None),
            (None, Some("1e3"), None),
            (None, Some("99999999999999999999"), None),
        ] {
            let [start_index, count] = [start_index, count].map(|text| text.map(str::to_owned));
            let asked = Asked { start_index, count, ..Asked::default() };
            let window = asked.window(COUNT_MAX).ok().map(|window| (window.start, window.count));
            assert_eq!(window, expected, "{asked:?}");
        }
    }

    #[test]
    fn attributes_are_chosen_or_left_out() {
        let resource = json!({ "schemas": [], "id": "1", "displayName": "x", "name": {}, "members": [] });
        let Value::Object(resource) = resource else { panic!() };
        for (attributes, excluded_attributes, expected) in [
            (None, None, "schemas id displayName name members"),
            (None, Some("members"), "schemas id displayName name"),
            (None, Some("Members, displayname,id"), "schemas id name"),
            (None, Some("name.givenName"), "schemas id displayName name members"),
            (Some("displayName"), None, "schemas id displayName"),
            (
                Some("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName"),
                Some("name"),
                "schemas id name",
            ),
            (Some(""), None, "schemas id"),
        ] {
            let [attributes, excluded_attributes] =
                [attributes, excluded_attributes].map(|text| text.map(str::to_owned));
            let asked = Asked { attributes, excluded_attributes, ..Asked::default() };
            let shown = asked.shown(resource.clone());
            let names: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(names.join(" "), expected, "{asked:?}");
        }
    }
}
