//! What names an attribute: the path of a change (RFC 7644, 3.5.2) and the filter of a list (3.4.2.2), as far as directories send them.

use std::str::FromStr;

use serde_json::Value;

use super::error::{Error, Kind};
use super::{GROUP, USER};

/// The longest path or filter, in bytes.
const BYTES_MAX: usize = 1024;
/// What begins the name of a schema.
const URN: &str = "urn:";

/// An attribute, in lower case: `name.givenname`, `emails[type eq "work"].value`. Those of other schemas keep the name of theirs, and so
/// are none that is kept here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// The attribute itself.
    pub(super) attribute: String,
    /// Which of its values; none: all.
    pub(super) which: Option<Which>,
    /// The part of it, if that is named.
    pub(super) sub: Option<String>,
}

/// Those values of an attribute of which a part is this text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Which {
    /// The part, in lower case.
    pub(super) part: String,
    /// What it is.
    pub(super) is: String,
}

/// `ATTRIBUTE eq VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    /// What is compared.
    pub(super) path: Path,
    /// With what; a boolean is its word.
    pub(super) is: String,
}

impl Path {
    /// Whether it is about the one address of a person that is kept, or all of them.
    pub(super) fn is_of_work(&self) -> bool {
        self.which.as_ref().is_none_or(|which| {
            (which.part == "type" && which.is.eq_ignore_ascii_case("work"))
                || (which.part == "primary" && which.is == "true")
        })
    }

    /// The attribute and its part, to be compared.
    pub(super) fn names(&self) -> (&str, Option<&str>) {
        (self.attribute.as_str(), self.sub.as_deref())
    }
}

impl FromStr for Path {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::new(Kind::InvalidPath, "this path cannot be read");
        if text.len() > BYTES_MAX || text.chars().any(char::is_control) {
            return Err(refuse());
        }
        let own = without_schema(text);
        if own.get(..URN.len()).is_some_and(|start| start.eq_ignore_ascii_case(URN)) {
            return Ok(Self { attribute: own.to_lowercase(), which: None, sub: None });
        }
        let (attribute, which, rest) = match own.split_once('[') {
            None => match own.split_once('.') {
                None => (own, None, None),
                Some((attribute, sub)) => (attribute, None, Some(sub)),
            },
            Some((attribute, after)) => {
                let end = outside(after, ']').ok_or_else(refuse)?;
                let (inside, after) = (&after[..end], &after[end + 1..]);
                let (part, is) = comparison(inside).ok_or_else(refuse)?;
                let part = name(part).ok_or_else(refuse)?;
                let sub = match after {
                    "" => None,
                    after => Some(after.strip_prefix('.').ok_or_else(refuse)?),
                };
                (attribute, Some(Which { part, is }), sub)
            }
        };
        let attribute = name(attribute).ok_or_else(refuse)?;
        let sub = rest.map(|sub| name(sub).ok_or_else(refuse)).transpose()?;
        Ok(Self { attribute, which, sub })
    }
}

impl FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse =
            || Error::new(Kind::InvalidFilter, "write ATTRIBUTE eq \"VALUE\": nothing else is compared here");
        if text.len() > BYTES_MAX {
            return Err(refuse());
        }
        let (path, is) = comparison(text).ok_or_else(refuse)?;
        Ok(Self { path: path.parse().map_err(|_: Error| refuse())?, is })
    }
}

/// An attribute without the name of its schema, where that is one of ours.
fn without_schema(text: &str) -> &str {
    let own = [USER, GROUP].into_iter().find_map(|schema| {
        let (start, rest) = text.split_at_checked(schema.len())?;
        rest.strip_prefix(':').filter(|_| start.eq_ignore_ascii_case(schema))
    });
    own.unwrap_or(text)
}

/// The name of an attribute, in lower case; none: it is no name.
fn name(text: &str) -> Option<String> {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$');
    let goes_on = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"$-_".contains(&byte));
    (begins && goes_on).then(|| text.to_ascii_lowercase())
}

/// What is compared, and with what; none: it is no such comparison.
fn comparison(text: &str) -> Option<(&str, String)> {
    let text = text.trim();
    let (what, rest) = text.split_at_checked(outside(text, ' ')?)?;
    let (operator, value) = rest.trim_start().split_once(' ')?;
    if !operator.eq_ignore_ascii_case("eq") {
        return None;
    }
    let is = match serde_json::from_str::<Value>(value.trim()).ok()? {
        Value::String(text) => text,
        Value::Bool(word) => word.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!is.chars().any(char::is_control)).then_some((what, is))
}

/// Where a character stands first that is neither in brackets nor in quotes.
fn outside(text: &str, wanted: char) -> Option<usize> {
    let (mut quoted, mut escaped, mut depth) = (false, false, 0_usize);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match c {
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            c if c == wanted && depth == 0 => return Some(at),
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Option<(String, Option<(String, String)>, Option<String>)> {
        let path: Path = text.parse().ok()?;
        Some((path.attribute, path.which.map(|which| (which.part, which.is)), path.sub))
    }

    #[test]
    fn paths_as_directories_send_them() {
        let user = "urn:ietf:params:scim:schemas:core:2.0:User";
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let whole = |attribute: &str, which: Option<(&str, &str)>, sub: Option<&str>| {
            let which = which.map(|(part, is)| (part.to_owned(), is.to_owned()));
            Some((attribute.to_owned(), which, sub.map(str::to_owned)))
        };
        for (text, expected) in [
            ("active".to_owned(), whole("active", None, None)),
            ("userName".to_owned(), whole("username", None, None)),
            ("name.givenName".to_owned(), whole("name", None, Some("givenname"))),
            (
                "emails[type eq \"work\"].value".to_owned(),
                whole("emails", Some(("type", "work")), Some("value")),
            ),
            ("emails[primary EQ true]".to_owned(), whole("emails", Some(("primary", "true")), None)),
            ("members[value eq \"a].b\"]".to_owned(), whole("members", Some(("value", "a].b")), None)),
            ("members[value eq \"a\\\"]\"]".to_owned(), whole("members", Some(("value", "a\"]")), None)),
            (format!("{user}:userName"), whole("username", None, None)),
            (format!("{user}:name.familyName"), whole("name", None, Some("familyname"))),
            (
                format!("{enterprise}:department"),
                whole(&format!("{enterprise}:department").to_lowercase(), None, None),
            ),
            (enterprise.to_owned(), whole(&enterprise.to_lowercase(), None, None)),
        ] {
            assert_eq!(path(&text), expected, "{text}");
        }
        let long = "a".repeat(BYTES_MAX + 1);
        for text in [
            "",
            ".",
            "name.",
            ".givenName",
            "name.given.more",
            "emails[",
            "emails[]",
            "emails[type]",
            "emails[type eq work]",
            "emails[type ne \"work\"]",
            "emails[type eq \"work\"]value",
            "emails[type eq \"work\"].value.more",
            "emails[a[b eq \"c\"] eq \"d\"]",
            "user name",
            "e\u{301}mails",
            "emails[type eq \"a\\u0000b\"]",
            "a\u{0}",
            &long,
        ] {
            assert_eq!(path(text), None, "{text:?}");
        }
    }

    #[test]
    fn filters_as_directories_send_them() {
        for (text, attribute, sub, is) in [
            ("userName eq \"ann@corp.example\"", "username", None, "ann@corp.example"),
            ("userName Eq \"a b \\\"c\\\"\"", "username", None, "a b \"c\""),
            ("  externalId  eq  \"1 eq 2\"  ", "externalid", None, "1 eq 2"),
            ("emails.value eq \"a@b.example\"", "emails", Some("value"), "a@b.example"),
            ("emails[type eq \"work\"].value eq \"a@b.example\"", "emails", Some("value"), "a@b.example"),
            ("displayName eq \"Développeurs\"", "displayname", None, "Développeurs"),
            ("id eq \"0a\"", "id", None, "0a"),
        ] {
            let filter: Filter = text.parse().unwrap();
            assert_eq!(filter.path.names(), (attribute, sub), "{text}");
            assert_eq!(filter.is, is);
        }
        for text in [
            "",
            "userName",
            "userName eq",
            "userName eq ",
            "userName eq ann",
            "userName eq \"ann",
            "userName eq \"ann\" or id eq \"1\"",
            "userName eq \"ann\" and active eq true",
            "userName sw \"a\"",
            "not (userName eq \"a\")",
            "userName eq null",
            "userName eq [\"a\"]",
            "userName eq \"a\\u0000\"",
            "eq \"a\"",
        ] {
            assert!(text.parse::<Filter>().is_err(), "{text}");
        }
    }
}
