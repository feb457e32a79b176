//! Versions of resources (RFC 7644, 3.14; RFC 9110, 13.1): an ETag says which one a directory has seen, so that it changes no other.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use chandlery_package::Digest;
use serde_json::{Map, Value, json};

use super::error::Error;

/// How many digits of a digest tell one version of a resource from another.
const DIGITS: usize = 32;
/// What begins a version: the same resource may be shown with fewer attributes.
const WEAK: &str = "W/";

/// A whole resource, which says what version it is.
pub(super) fn versioned(mut resource: Map<String, Value>) -> Map<String, Value> {
    let digits: String = Digest::of(json!(resource).to_string()).hex().chars().take(DIGITS).collect();
    if let Some(Value::Object(meta)) = resource.get_mut("meta") {
        meta.insert("version".into(), json!(format!("{WEAK}\"{digits}\"")));
    }
    resource
}

/// Which version a resource is; none: it was not read whole.
pub(super) fn version(resource: &Map<String, Value>) -> Option<&str> {
    resource.get("meta").and_then(|meta| meta["version"].as_str())
}

/// Of which versions a request is to be done, and of which not.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    only: Option<Tags>,
    not: Option<Tags>,
}

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl Conditions {
    fn of(headers: &HeaderMap) -> Self {
        Self { only: Tags::of(headers, header::IF_MATCH), not: Tags::of(headers, header::IF_NONE_MATCH) }
    }

    /// Refuses to change a resource that is another one by now than whoever asks has seen.
    pub(super) fn must_hold(&self, resource: &Map<String, Value>) -> Result<(), Error> {
        let is_one = match &self.only {
            Some(tags) => tags.include(resource),
            None => true,
        };
        match is_one && !self.knows(resource) {
            true => Ok(()),
            false => Err(Error::Changed),
        }
    }

    /// Whether whoever asks has seen this version of a resource already.
    pub(super) fn knows(&self, resource: &Map<String, Value>) -> bool {
        self.not.as_ref().is_some_and(|tags| tags.include(resource))
    }
}

/// Versions that a header names.
#[derive(Debug)]
enum Tags {
    /// Whichever there is.
    Any,
    /// These, without what says that one is weak: none is strong here.
    These(Vec<String>),
}

impl Tags {
    /// The versions that a header names; none: there is no such header. What is no version names none.
    fn of(headers: &HeaderMap, name: HeaderName) -> Option<Self> {
        if !headers.contains_key(&name) {
            return None;
        }
        let texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let tags: Vec<&str> = texts.flat_map(|text| text.split(',')).map(str::trim).collect();
        Some(match tags.contains(&"*") {
            true => Self::Any,
            false => Self::These(tags.into_iter().map(|tag| opaque(tag).to_owned()).collect()),
        })
    }

    fn include(&self, resource: &Map<String, Value>) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => {
                version(resource).is_some_and(|version| tags.iter().any(|tag| tag == opaque(version)))
            }
        }
    }
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix(WEAK).unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn resource(name: &str) -> Map<String, Value> {
        let Value::Object(resource) = json!({ "displayName": name, "meta": { "resourceType": "User" } })
        else {
            panic!()
        };
        versioned(resource)
    }

    #[test]
    fn a_version_is_of_all_that_a_resource_says() {
        let (ann, bob) = (resource("ann"), resource("bob"));
        assert_eq!(version(&ann), version(&resource("ann")));
        assert_ne!(version(&ann), version(&bob));
        assert!(version(&ann).unwrap().starts_with("W/\"") && version(&Map::new()).is_none());
    }

    #[test]
    fn what_is_asked_for_is_done_to_the_versions_that_are_named() {
        let ann = resource("ann");
        let own = version(&ann).unwrap().to_owned();
        let strong = own.trim_start_matches(WEAK).to_owned();
        let several = format!("\"x\", {own}");
        for (name, value, holds, known) in [
            (header::IF_MATCH, own.as_str(), true, false),
            (header::IF_MATCH, strong.as_str(), true, false),
            (header::IF_MATCH, several.as_str(), true, false),
            (header::IF_MATCH, "*", true, false),
            (header::IF_MATCH, "W/\"x\"", false, false),
            (header::IF_MATCH, "", false, false),
            (header::IF_NONE_MATCH, own.as_str(), false, true),
            (header::IF_NONE_MATCH, several.as_str(), false, true),
            (header::IF_NONE_MATCH, "*", false, true),
            (header::IF_NONE_MATCH, "W/\"x\"", true, false),
            (header::IF_NONE_MATCH, "", true, false),
        ] {
            let headers = HeaderMap::from_iter([(name.clone(), HeaderValue::from_str(value).unwrap())]);
            let conditions = Conditions::of(&headers);
            let found = (conditions.must_hold(&ann).is_ok(), conditions.knows(&ann));
            assert_eq!(found, (holds, known), "{name}: {value}");
        }
        assert!(Conditions::default().must_hold(&ann).is_ok() && !Conditions::default().knows(&ann));
    }
}
