//! The rules of the house. Each failure says what to do.
//!
//! Imports are read from the sources, through every re-export: a path is an edge to the file that *defines* what it names, however
//! many `pub use` are on the way. Tests (`#[cfg(test)]`) may import what they like. Of a module and the modules inside it:
//!
//! - to re-export what is below (`mod child; pub use child::Item;`) is no edge: it only says where something is;
//! - a module may use its children, and puts them together;
//! - a child may name the types, traits and constants of the modules around it, which are the words that its chapter shares;
//! - a child may call a *function* of the module around it only where that one uses nothing of the child: else each needs the other
//!   to be understood, and what they share belongs into a file of its own, beside the child;
//! - of the crate's root a room may use nothing, not even a type, where the root uses the room: what all rooms need is a room below
//!   them.
//!
//! What is not as it should be yet is named here as an exception. These lists only become shorter: an exception that is not needed
//! any more is a failure, too.

#![allow(clippy::unwrap_used)]

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use chandlery_tidy::{Graph, Workspace, Write, writes};

/// The largest file, in lines.
const LINES_MAX: usize = 500;

/// Which of our crates each crate may be built on. The registry and the host never know of each other: they speak HTTP.
const ARROWS: &[(&str, &[&str])] = &[
    ("chandlery-package", &[]),
    ("chandlery-tasks", &[]),
    ("chandlery-openapi", &["package"]),
    ("chandlery-oidc", &["package"]),
    ("chandlery-pages", &["package"]),
    ("chandlery-sandbox", &["package"]),
    ("chandlery-engines", &["package", "tasks"]),
    ("chandlery-host", &["package", "openapi", "oidc", "pages", "tasks", "sandbox", "engines"]),
    ("chandlery-store", &["package", "tasks"]),
    ("chandlery-edge", &["package", "store"]),
    ("chandlery-accounts", &["package", "oidc", "store", "edge"]),
    ("chandlery-log", &["package", "store", "edge"]),
    ("chandlery-money", &["package", "tasks", "store", "edge", "accounts", "log"]),
    (
        "chandlery-registry",
        &["package", "openapi", "pages", "tasks", "sandbox", "store", "edge", "accounts", "log", "money"],
    ),
    (
        "chandlery-cli",
        &["package", "tasks", "sandbox", "engines", "host", "store", "accounts", "log", "money", "registry"],
    ),
    ("chandlery-stripe", &[]),
    ("chandlery-simulator", &["package", "stripe"]),
    ("chandlery-tidy", &[]),
    ("chandlery-sdk", &[]),
];
/// The crates that play another's part, which any crate's own tests may use, and no product may be built on.
const STAND_INS: [&str; 1] = ["chandlery-stripe"];
/// The crates that any of ours may be built on: the tests.
const TESTS: &str = "chandlery-tests";
/// What a plugin may be built on beside its SDK: libraries that know nothing of the world.
const PLUGINS_MAY: [&str; 3] = ["chandlery-sdk", "serde", "base64"];
/// The crates whose modules at the top are rooms, each with its own tables. Any other crate is one room.
const WITH_ROOMS: [&str; 3] = ["chandlery-registry", "chandlery-money", "chandlery-host"];
/// The files that may write a table whose name they are told: rows inserted for any room, and a backup put back whole.
const MAY_WRITE_ANY_TABLE: [&str; 2] = ["registry/store/src/db.rs", "registry/src/backup.rs"];
/// The crates that serve requests, and must not block the threads that do.
const SERVERS: [&str; 9] = [
    "chandlery-registry",
    "chandlery-money",
    "chandlery-accounts",
    "chandlery-oidc",
    "chandlery-log",
    "chandlery-edge",
    "chandlery-store",
    "chandlery-host",
    "chandlery-engines",
];

mod exceptions;
mod security;

static HOUSE: LazyLock<Workspace> = LazyLock::new(|| Workspace::read(&root()).unwrap());

/// The sources that are judged: these, or a copy that CHANDLERY_HOUSE names, in which a rule is tried.
fn root() -> PathBuf {
    let here = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    std::env::var_os("CHANDLERY_HOUSE").map_or_else(here, PathBuf::from)
}

/// Fails with every fault that is no exception, and every exception that is no fault.
fn judge(what_to_do: &str, faults: BTreeMap<String, String>, exceptions: &[&str]) {
    let known: BTreeSet<&str> = exceptions.iter().copied().collect();
    let mut report: Vec<String> = faults
        .iter()
        .filter(|(fault, _)| !known.contains(fault.as_str()))
        .map(|(_, why)| why.clone())
        .collect();
    let gone = known.iter().filter(|exception| !faults.contains_key(**exception));
    report.extend(gone.map(|exception| {
        format!("{exception}: is as it should be; take it off tests/tidy/tests/house/exceptions.rs")
    }));
    assert!(report.is_empty(), "\n{what_to_do}\n\n  {}\n", report.join("\n  "));
}

fn no_circle(what: &str, mut graph: Graph, exceptions: &[(&str, &str)]) {
    let mut report = Vec::new();
    let cut: Vec<_> = exceptions.iter().map(|(from, to)| (*from, *to, graph.remove(from, to))).collect();
    for (from, to, places) in cut {
        if places.is_none() || graph.way(to, from).is_none() {
            report.push(format!(
                "{from} → {to}: closes no circle; take it off tests/tidy/tests/house/exceptions.rs"
            ));
        }
    }
    for (circle, (from, to)) in graph.circles() {
        let places = graph.places(&from, &to);
        let shown: Vec<&str> = places.iter().take(4).map(String::as_str).collect();
        report.push(format!(
            "{} → {}\n      cut with the least to change: {from} → {to}, which is written {} times: {}",
            circle.0.join(" → "),
            circle.0[0],
            places.len(),
            shown.join(", ")
        ));
    }
    let what_to_do = "Move what both sides need below them, into a file or room of its own, or hand it over as a parameter.";
    assert!(report.is_empty(), "\n{what} form circles. {what_to_do}\n\n  {}\n", report.join("\n  "));
}

#[test]
fn files_form_no_circle() {
    let mut graph = Graph::default();
    for edge in HOUSE.edges() {
        let file = |index: usize| HOUSE.files[index].path.clone();
        graph.add(file(edge.from), file(edge.to), format!("{}:{} {}", file(edge.from), edge.line, edge.path));
    }
    assert!(graph.names().len() > 200, "the sources were not read");
    no_circle("Files", graph, exceptions::FILES);
}

#[test]
fn rooms_form_no_circle() {
    let mut graph = Graph::default();
    for edge in HOUSE.edges() {
        let place = format!("{}:{} {}", HOUSE.files[edge.from].path, edge.line, edge.path);
        graph.add(HOUSE.room(edge.from), HOUSE.room(edge.to), place);
    }
    no_circle("Rooms", graph, exceptions::ROOMS);
}

#[test]
fn crates_are_built_on_those_below_them() {
    let mut faults = BTreeMap::new();
    let ours: BTreeSet<&str> = HOUSE.crates.iter().map(|krate| krate.name.as_str()).collect();
    for krate in HOUSE.crates.iter().filter(|krate| krate.name != TESTS && !is_plugin(&krate.folder)) {
        let allowed = ARROWS.iter().find(|(name, _)| *name == krate.name).map(|(_, allowed)| *allowed);
        let Some(allowed) = allowed else {
            faults
                .insert(krate.name.clone(), format!("{}: say in ARROWS what it may be built on", krate.name));
            continue;
        };
        for needed in krate
            .dependencies
            .iter()
            .chain(&krate.dev_dependencies)
            .filter(|name| ours.contains(name.as_str()))
        {
            let short = needed.strip_prefix("chandlery-").unwrap_or(needed);
            let played = STAND_INS.contains(&needed.as_str()) && !krate.dependencies.contains(needed);
            if !played && !allowed.contains(&short) {
                let arrow = format!("{} → {needed}", krate.name);
                faults.insert(arrow.clone(), format!("{arrow}, in {}/Cargo.toml", krate.folder));
            }
        }
    }
    judge(
        "A crate may be built only on those below it (ARROWS). Move what both need into one below them; registry and host speak HTTP.",
        faults,
        exceptions::ARROWS,
    );
}

#[test]
fn plugins_know_nothing_but_their_sdk() {
    let mut faults = BTreeMap::new();
    for (index, krate) in HOUSE.crates.iter().enumerate().filter(|(_, krate)| is_plugin(&krate.folder)) {
        for needed in krate.dependencies.iter().filter(|name| !PLUGINS_MAY.contains(&name.as_str())) {
            let fault = format!("{} → {needed}", krate.folder);
            faults.insert(fault.clone(), fault);
        }
        for (file, line, path) in HOUSE.outside(index) {
            let world = ["std::fs", "std::net", "std::process", "std::env", "std::time", "std::thread"];
            if world.iter().any(|module| path.starts_with(module)) {
                let place = format!("{}:{line} {path}", HOUSE.files[file].path);
                faults.insert(place.clone(), place);
            }
        }
    }
    judge(
        "A plugin has its SDK, and neither files nor clocks nor the network. Take what is missing into plugins/sdk.",
        faults,
        &[],
    );
}

fn is_plugin(folder: &str) -> bool {
    (folder.starts_with("plugins/") && folder != "plugins/sdk") || folder.starts_with("tests/fixtures/")
}

#[test]
fn each_table_is_written_by_one_room() {
    let mut writers: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    let mut unknown = BTreeMap::new();
    for module in HOUSE.modules.iter().filter(|module| !module.test) {
        let krate = &HOUSE.crates[module.krate].name;
        if krate == TESTS || krate == "chandlery-tidy" {
            continue;
        }
        let room = if WITH_ROOMS.contains(&krate.as_str()) { HOUSE.room(module.file) } else { krate.clone() };
        let file = &HOUSE.files[module.file].path;
        for text in &module.texts {
            let place = format!("{file}:{}", text.line);
            let written = if text.table { vec![Write::Table(text.text.clone())] } else { writes(&text.text) };
            for write in written {
                match write {
                    // The two databases have tables of the same name.
                    Write::Table(table) => {
                        let database = if krate == "chandlery-host" || krate == "chandlery-engines" {
                            "host"
                        } else {
                            "registry"
                        };
                        let rooms = writers.entry(format!("{database}.{table}")).or_default();
                        rooms.entry(room.clone()).or_default().push(place.clone());
                    }
                    Write::Unknown if MAY_WRITE_ANY_TABLE.contains(&file.as_str()) => {}
                    Write::Unknown => {
                        unknown.insert(
                            file.clone(),
                            format!("{place}: writes a table that only its run knows; write its name out"),
                        );
                    }
                }
            }
        }
    }
    assert!(writers.len() > 50, "the statements were not read: {writers:?}");
    let shared = writers.iter().filter(|(_, rooms)| rooms.len() > 1);
    let shared = shared.map(|(table, rooms)| {
        let rooms: Vec<String> =
            rooms.iter().map(|(room, places)| format!("{room} ({})", places.join(", "))).collect();
        (table.clone(), format!("{table}: {}", rooms.join(" and ")))
    });
    judge(
        "A table is written by the room that owns it; others call a function of that room, in their own transaction.",
        shared.chain(unknown).collect(),
        exceptions::TABLES,
    );
}

#[test]
fn servers_do_not_block_their_threads() {
    let mut faults = BTreeMap::new();
    for module in HOUSE.modules.iter().filter(|module| !module.test) {
        if !SERVERS.contains(&HOUSE.crates[module.krate].name.as_str()) {
            continue;
        }
        for call in &module.in_async {
            if let Some(path) = HOUSE.blocks(call) {
                let file = &HOUSE.files[module.file].path;
                faults.insert(
                    format!("{file} {path}"),
                    format!("{file}:{}: {path} in an async function", call.line),
                );
            }
        }
    }
    judge("Use tokio::fs, or tokio::task::spawn_blocking around all of it.", faults, exceptions::BLOCKING);
}

#[test]
fn nothing_is_left_to_do() {
    let mut faults = BTreeMap::new();
    for module in &HOUSE.modules {
        for reference in &module.references {
            if let [name] = &reference.path[..]
                && ["todo", "unimplemented"].contains(&name.as_str())
                && HOUSE.crates[module.krate].name != "chandlery-tidy"
            {
                let place = format!("{}:{} {name}!", HOUSE.files[module.file].path, reference.line);
                faults.insert(place.clone(), place);
            }
        }
    }
    judge("Do it, or leave it out.", faults, &[]);
}

/// The files of the repository that are text, from its root.
fn texts(extensions: &[&str]) -> Vec<(String, String)> {
    let (root, mut found) = (root(), Vec::new());
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if path.is_dir() {
                if !["target", ".git", "node_modules", ".venv"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if extensions.contains(&extension) && (!extension.is_empty() || name == "Makefile") {
                let shown = path.strip_prefix(&root).unwrap().display().to_string();
                found.push((shown, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

#[test]
fn files_can_be_read_at_a_sitting() {
    let files = texts(&["rs"]).into_iter().filter_map(|(path, text)| {
        let lines = text.lines().count();
        (lines > LINES_MAX).then(|| (path.clone(), format!("{path}: {lines} lines")))
    });
    judge(
        &format!(
            "A file has no more than {LINES_MAX} lines. Split it into chapters, each with a head that says what it is about."
        ),
        files.collect(),
        exceptions::LONG,
    );
}

/// The crate that a file is of, by its folder; of a file outside all crates, the folder at the top.
fn crate_of(path: &str) -> &str {
    let is_in = |folder: &&str| path.strip_prefix(*folder).is_some_and(|rest| rest.starts_with('/'));
    let folders = HOUSE.crates.iter().map(|krate| krate.folder.as_str()).filter(is_in);
    folders.max_by_key(|folder| folder.len()).unwrap_or(path.split('/').next().unwrap_or_default())
}

#[test]
fn docs_say_something() {
    let mut counts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in texts(&["rs"]) {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let doc = |index: Option<usize>| index.and_then(|index| lines.get(index)?.strip_prefix("///"));
        for index in 0..lines.len() {
            let alone = doc(index.checked_sub(1)).is_none() && doc(Some(index + 1)).is_none();
            if let Some(words) = doc(Some(index))
                && alone
                && (1..=2).contains(&words.split_whitespace().count())
            {
                let place = format!("{path}:{} {}", index + 1, words.trim());
                counts.entry(crate_of(&path).to_owned()).or_default().push(place);
            }
        }
    }
    let mut report = Vec::new();
    let known = |folder: &str| {
        let known = exceptions::SHORT_DOCS.iter().find(|(name, _)| *name == folder);
        known.map_or(0, |(_, count)| *count)
    };
    for (folder, places) in &counts {
        let (known, found) = (known(folder), places.len());
        match found.cmp(&known) {
            Ordering::Greater => {
                report.push(format!("{folder}: {found} instead of {known}: {}", places.join("\n    ")));
            }
            Ordering::Less => report.push(format!("{folder}: {found}, no longer {known}: lower SHORT_DOCS")),
            Ordering::Equal => {}
        }
    }
    let none_left = exceptions::SHORT_DOCS.iter().filter(|(folder, _)| !counts.contains_key(*folder));
    report.extend(none_left.map(|(folder, _)| format!("{folder}: none is left: take it off SHORT_DOCS")));
    assert!(
        report.is_empty(),
        "\nA doc of one or two words says what the name says already: tell the unit, the shape, the errors, or make the item private.\n\n  {}\n",
        report.join("\n  ")
    );
}

#[test]
fn the_house_speaks_of_itself_alone() {
    // In two parts each, so that this file does not contain them.
    let words = [
        ("/wor", "k/"),
        ("/tmp", "/s/"),
        ("issues", " show"),
        ("Co-Authored", "-By"),
        ("FIX", "ME"),
        ("TO", "DO"),
    ];
    let mut faults = BTreeMap::new();
    for (path, text) in texts(&["rs", "md", "toml", "sql", "wit", "sh", "py", "yml", "yaml", "js", ""]) {
        for (index, line) in text.lines().enumerate() {
            for (one, two) in words {
                if line.contains(&format!("{one}{two}")) {
                    let place = format!("{path}:{} {one}{two}", index + 1);
                    faults.insert(place.clone(), place);
                }
            }
        }
    }
    judge("Say it without the place where it is worked on, and do what is to be done now.", faults, &[]);
}
