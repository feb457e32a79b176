//! The records of models that are deployed most: of each `config.json`, what its size depends on.

use std::collections::BTreeMap;

use serde_json::Value;

/// By the model's name on Hugging Face, as its publisher's `config.json` there has it.
const RECORDS: &str = include_str!("known.json");

/// What the publisher's `config.json` says of the model of this name; none: it is not among those that ship.
pub(super) fn config(name: &str) -> Option<Value> {
    found(|known| known.eq_ignore_ascii_case(name))
}

/// The same of a model that anybody may have published again, by its name without a publisher.
pub(super) fn config_of_any(name: &str) -> Option<Value> {
    found(|known| known.rsplit('/').next().is_some_and(|known| known.eq_ignore_ascii_case(name)))
}

/// The names of all records.
#[cfg(test)]
pub(super) fn names() -> Vec<String> {
    serde_json::from_str::<BTreeMap<String, Value>>(RECORDS).unwrap().into_keys().collect()
}

fn found(is_it: impl Fn(&str) -> bool) -> Option<Value> {
    let records: BTreeMap<String, Value> = serde_json::from_str(RECORDS).ok()?;
    records.into_iter().find(|(known, _)| is_it(known)).map(|(_, config)| config)
}
