//! The threat model says which test holds each promise, by its file and its name; here they are looked for.

use std::collections::BTreeSet;

use super::{root, texts};

const PAGE: &str = "docs/security.md";
/// The longest that the page may be, in lines, so that somebody reads it.
const PAGE_LINES_MAX: usize = 300;
/// What the last of a table's columns, or one before it, is called where each row must name a test.
const HELD_BY: &str = "| held by |";

/// A file as the page names it: `registry/edge/src/client.rs` is `registry::edge::client`.
fn place(path: &str) -> String {
    let parts = path.strip_suffix(".rs").unwrap_or(path).split('/');
    let said: Vec<&str> = parts.filter(|part| !["src", "tests", "main", "lib"].contains(part)).collect();
    said.join("::")
}

/// The names of the functions that are tests.
fn tests_of(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if *line == "#[test]" || line.starts_with("#[tokio::test") {
            let function = lines[index..].iter().find_map(|line| line.split_once("fn "));
            found.extend(function.and_then(|(_, rest)| rest.split(['(', '<']).next()));
        }
    }
    found
}

/// What of a line is a path of Rust: at least two names.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let quoted = line.split('`').skip(1).step_by(2);
    quoted.filter(move |text| text.contains("::") && text.split("::").all(is_name))
}

#[test]
fn each_promise_names_tests_that_there_are() {
    let mut known = BTreeSet::new();
    for (path, text) in texts(&["rs"]) {
        let place = place(&path);
        known.extend(tests_of(&text).into_iter().map(|test| format!("{place}::{test}")));
    }
    assert!(known.len() > 300, "the tests were not read");

    let page = std::fs::read_to_string(root().join(PAGE)).unwrap();
    let (mut report, mut named, mut promises) = (Vec::new(), 0, false);
    for (index, line) in page.lines().enumerate() {
        let place = format!("{PAGE}:{}", index + 1);
        let tests: Vec<&str> = paths(line).collect();
        report.extend(
            tests
                .iter()
                .filter(|test| !known.contains(**test))
                .map(|test| format!("{place}: there is no test {test}")),
        );
        named += tests.len();
        let is_head = line.contains(HELD_BY);
        promises = line.starts_with('|') && (promises || is_head);
        if promises && !is_head && !line.starts_with("| ---") && tests.is_empty() {
            report.push(format!("{place}: no test holds this"));
        }
    }
    assert!(named > 100, "the page was not read");
    let lines = page.lines().count();
    assert!(lines <= PAGE_LINES_MAX, "{PAGE} has {lines} lines: at most {PAGE_LINES_MAX} are read");
    assert!(
        report.is_empty(),
        "\nName the test that holds a promise as its file and its name, or do not promise it.\n\n  {}\n",
        report.join("\n  ")
    );
}
