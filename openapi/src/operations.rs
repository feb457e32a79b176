//! The operations of a document, what they are called, and where the document is served.

use utoipa::openapi::path::{Operation, PathItem};

/// Below which every documented route lies.
pub const ROOT: &str = "/api/v1";
/// Where the document is served.
pub const DOCUMENT: &str = "/api/v1/openapi.json";
/// Where the page to read it is served.
pub const PAGE: &str = "/api/v1/docs";
/// Where the rules for the looks of the page are served.
pub(crate) const STYLE: &str = "/api/v1/docs.css";

/// The operations of a path by their methods in lower case.
pub(crate) fn operations(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    [
        ("get", &item.get),
        ("post", &item.post),
        ("put", &item.put),
        ("patch", &item.patch),
        ("delete", &item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

pub(crate) fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("patch", &mut item.patch),
        ("delete", &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// `put_plugins_namespace_name_price` for `PUT /api/v1/plugins/{namespace}/{name}/price`: unique, since method and path are.
pub(crate) fn name(method: &str, path: &str) -> String {
    let words = path.strip_prefix(ROOT).unwrap_or(path).split(|c: char| !c.is_ascii_alphanumeric());
    std::iter::once(method).chain(words.filter(|word| !word.is_empty())).collect::<Vec<_>>().join("_")
}

pub(crate) fn chapter(path: &str) -> &str {
    let below = path.strip_prefix(ROOT).unwrap_or(path).trim_start_matches('/');
    below.split('/').next().unwrap_or(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_named_by_method_and_path() {
        let path = "/api/v1/plugins/{namespace}/{name}/price";
        assert_eq!(name("put", path), "put_plugins_namespace_name_price");
        assert_eq!(chapter(path), "plugins");
        assert_eq!(name("get", "/api/v1/payout-runs/{run}/pain.001"), "get_payout_runs_run_pain_001");
    }
}
