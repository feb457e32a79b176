//! The documents as they are kept in the repository, so that a change of an interface is seen in review.

use std::collections::BTreeSet;
use std::path::Path;

use utoipa::openapi::OpenApi;

use crate::operations::{ROOT, operations};

/// The environment variable that accepts what has changed.
pub const ACCEPT: &str = "ACCEPT_OPENAPI";

/// Compares a document with its copy in the repository, or renews the copy where [`ACCEPT`] is set. The error says how to accept.
pub fn compare(document: &OpenApi, copy: &Path) -> Result<(), String> {
    let complaint = |error: std::io::Error| format!("{}: {error}", copy.display());
    let now = document.to_pretty_json().map_err(|error| error.to_string())? + "\n";
    if std::env::var_os(ACCEPT).is_some() {
        return std::fs::write(copy, now).map_err(complaint);
    }
    let before = std::fs::read_to_string(copy).map_err(complaint)?;
    let differs = before.lines().zip(now.lines()).zip(1..).find(|((before, now), _)| before != now);
    let first = differs.map(|((before, now), line)| format!("line {line} is\n  {now}\nand was\n  {before}"));
    match before == now {
        true => Ok(()),
        false => Err(format!(
            "the interface is not as {} has it: {}. If that is meant, run the test again with {ACCEPT}=1",
            copy.display(),
            first.unwrap_or_else(|| "one of them is longer".into()),
        )),
    }
}

/// What a document lacks to be read by strangers: operations that say nothing of themselves, paths elsewhere, and schemas that are
/// named and not there.
pub fn gaps(document: &OpenApi) -> Vec<String> {
    let paths = &document.paths.paths;
    let elsewhere =
        paths.keys().filter(|path| !path.starts_with(ROOT)).map(|path| format!("{path} is not below {ROOT}"));
    let silent = paths.iter().flat_map(|(path, item)| {
        operations(item)
            .filter(|(_, operation)| operation.summary.as_deref().unwrap_or_default().is_empty())
            .map(move |(method, _)| format!("{method} {path} has no summary"))
    });
    let text = serde_json::json!(document).to_string();
    let schemas = document.components.as_ref().map(|components| &components.schemas);
    let named = text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
    let missing: BTreeSet<_> =
        named.filter(|name| !schemas.is_some_and(|schemas| schemas.contains_key(*name))).collect();
    let missing = missing.into_iter().map(|name| format!("there is no schema {name}"));
    elsewhere.chain(silent).chain(missing).collect()
}
