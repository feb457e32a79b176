//! Addresses of lists: what is looked for stands in the query, so that a page can be kept and shared.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};

/// A path with those values of its query that are there.
pub(super) fn address(path: &str, values: &[(&str, Option<&str>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in values {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    match query.finish() {
        query if query.is_empty() => path.into(),
        query => format!("{path}?{query}"),
    }
}

/// Reads a value of a query that a form may have left empty.
pub(super) fn chosen<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(deserializer)?;
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(D::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use chandlery_package::wire::host::Health;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Asked {
        #[serde(default, deserialize_with = "chosen")]
        health: Option<Health>,
    }

    #[test]
    fn what_is_not_chosen_is_not_in_an_address() {
        let values = [("team", Some("ml & <ops>")), ("target", None), ("after", Some("x"))];
        assert_eq!(address("/deployments", &values), "/deployments?team=ml+%26+%3Cops%3E&after=x");
        assert_eq!(address("/deployments", &[("team", None)]), "/deployments");
    }

    #[test]
    fn a_choice_is_empty_or_one_of_those_there_are() {
        let read = |health: &str| serde_json::from_value::<Asked>(serde_json::json!({ "health": health }));
        assert_eq!(read("").unwrap().health, None);
        assert_eq!(read(" failed ").unwrap().health, Some(Health::Failed));
        assert!(read("fine").unwrap_err().to_string().contains("'fine' is no health"));
        assert_eq!(serde_json::from_str::<Asked>("{}").unwrap().health, None);
    }
}
