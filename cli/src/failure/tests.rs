//! `docs/errors.md` is made from the kinds of all parts: `UPDATE=1 cargo test -p chandlery-cli errors` writes it again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use super::*;

const HEAD: &str = "# Errors

Every refusal has a stable word, which `chandlery --json` and the APIs give as `type` (RFC 9457) and which programs may compare. This
page lists them all. It is made from the code by a test.

| word | from | status | title | when | what to do |
| --- | --- | --- | --- | --- | --- |
";

/// Who says what.
fn parts() -> [(&'static str, Vec<&'static Kind>); 4] {
    [
        ("everywhere", chandlery_package::problem::KINDS.to_vec()),
        ("registry", chandlery_registry::error_kinds()),
        ("host", chandlery_host::error_kinds()),
        ("command line", words::KINDS.to_vec()),
    ]
}

fn page() -> String {
    let mut rows = BTreeSet::new();
    for (part, kinds) in parts() {
        for kind in kinds {
            let status = match kind.status {
                0 => String::new(),
                status => status.to_string(),
            };
            let (word, title, when) = (kind.word, kind.title, kind.when);
            let remedy = kind.remedy.unwrap_or_default();
            rows.insert(format!("| `{word}` | {part} | {status} | {title} | {when} | {remedy} |\n"));
        }
    }
    rows.into_iter().fold(HEAD.to_owned(), |mut page, row| {
        let _ = write!(page, "{row}");
        page
    })
}

#[test]
fn the_page_of_errors_lists_every_kind() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/errors.md is out of date: UPDATE=1 cargo test -p chandlery-cli errors");
}

#[test]
fn a_word_of_one_part_means_one_thing() {
    for (part, kinds) in parts().into_iter().filter(|(part, _)| *part != "command line") {
        let mut known: BTreeMap<_, &Kind> = BTreeMap::new();
        for kind in kinds {
            let other = known.insert(kind.word, kind);
            assert!(other.is_none_or(|other| other == kind), "{part} has two kinds '{}'", kind.word);
            let plain = kind.word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            assert!(plain && (400..600).contains(&kind.status), "{part}: '{}'", kind.word);
        }
    }
}

#[test]
fn what_is_missing_is_told_at_once() {
    let one = || Failure::new(&words::NOT_LOGGED_IN, "no account").remedy("log in");
    let failure = one().and(Failure::new(&words::NO_KEY, "no key").remedy("make one"));
    assert_eq!((failure.detail(), failure.exit_code()), ("no account; no key", 5));
    assert_eq!(failure.0.remedy.as_deref(), Some("log in; then make one"));
    assert_eq!(one().and(Failure::of("no disk")).0.remedy.as_deref(), Some("log in"));
}
