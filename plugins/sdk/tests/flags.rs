//! Flags beside those of the pinned servers, as `plugins/flags/read.py` has read them out of their wheels.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chandlery_sdk::{Own, Value};

#[path = "../../sglang/src/own.rs"]
mod sglang;
#[path = "../../vllm/src/own.rs"]
mod vllm;

const SERVERS: [(&str, &Own); 2] = [("vllm", &vllm::OWN), ("sglang", &sglang::OWN)];

/// The flags of one server, in one version.
struct Kept {
    version: String,
    /// What each takes, by every name that it has.
    flags: BTreeMap<String, Value>,
}

impl Kept {
    fn of(server: &str) -> Self {
        let kept: Value = read(&plugins().join(format!("flags/{server}.json")));
        let mut flags = BTreeMap::new();
        for (name, takes) in kept["flags"].as_object().unwrap() {
            let aliases =
                takes["aliases"].as_array().into_iter().flatten().map(|alias| alias.as_str().unwrap());
            for name in aliases.chain([name.as_str()]) {
                flags.insert(name.to_owned(), takes.clone());
            }
        }
        Self { version: kept["version"].as_str().unwrap().into(), flags }
    }

    /// What is wrong with the words that follow a server's program and the model that stands alone.
    fn faults(&self, words: &[String]) -> Vec<String> {
        let mut faults = Vec::new();
        let mut rest = words.iter().peekable();
        while let Some(word) = rest.next() {
            let (name, joined) =
                word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
            let Some(takes) = self.flags.get(name) else {
                faults.push(format!("there is no flag {word}"));
                continue;
            };
            let mut values: Vec<&str> = joined.into_iter().collect();
            while let Some(value) = rest.next_if(|value| !value.starts_with("--")) {
                values.push(value);
            }
            faults.extend(wrong(takes, &values).map(|why| format!("{name} {}: {why}", values.join(" "))));
        }
        faults
    }
}

/// Why these are no values of a flag; none: they are.
fn wrong(takes: &Value, values: &[&str]) -> Option<String> {
    let kind = takes["takes"].as_str().unwrap();
    match (kind, values) {
        ("switch", []) | ("maybe", [] | [_]) => return None,
        ("switch", _) => return Some("it takes nothing".into()),
        ("list", [_, ..]) => return None,
        (_, [_]) => {}
        (_, values) => return Some(format!("it takes one value and has {}", values.len())),
    }
    let value = values[0];
    // What an engine puts in when the server starts: ports, addresses and numbers of nodes.
    if value.starts_with("$(") && value.ends_with(')') {
        return None;
    }
    let choices = takes["choices"].as_array();
    if choices.is_some_and(|choices| !choices.iter().any(|choice| choice == value)) {
        return Some("that is none of its choices".into());
    }
    let is_right = match kind {
        "integer" => value.parse::<i64>().is_ok(),
        "number" => value.parse::<f64>().is_ok(),
        "json" => value.parse::<Value>().is_ok(),
        _ => true,
    };
    (!is_right).then(|| format!("that is no {kind}"))
}

fn plugins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> Value {
    fs::read_to_string(path).unwrap().parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The words that a server is started with in each case of its plugin, without its program and a model that stands alone; and the
/// flags that a script adds on several nodes.
fn commands(server: &str) -> Vec<(String, Vec<String>, Vec<String>)> {
    let files =
        fs::read_dir(plugins().join(server).join("cases")).unwrap().map(|entry| entry.unwrap().path());
    let plans = files.filter(|path| path.extension().is_some_and(|end| end == "json"));
    let mut commands = Vec::new();
    for path in plans {
        let case = read(&path);
        for workload in case["plan"]["workloads"].as_array().into_iter().flatten() {
            let words =
                workload["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned());
            let words: Vec<String> = words.collect();
            let starts = |word: &String| word == "serve" || word == "sglang.launch_server";
            let start =
                words.iter().position(starts).unwrap_or_else(|| panic!("{}: {words:?}", path.display()));
            let (before, after) = words.split_at(start + 1);
            let after = if server == "vllm" { &after[1..] } else { after };
            let script = before.iter().flat_map(|word| word.split(['"', ' ', ';']));
            let script = script.filter(|word| word.len() > 2 && word.starts_with("--")).map(str::to_owned);
            commands.push((path.display().to_string(), after.to_vec(), script.collect()));
        }
    }
    commands
}

#[test]
fn every_flag_of_every_case_is_in_the_pinned_server() {
    let mut faults = Vec::new();
    for (server, _) in SERVERS {
        let kept = Kept::of(server);
        let commands = commands(server);
        assert!(commands.len() >= 5, "{server}: {} commands", commands.len());
        for (case, words, script) in commands {
            faults.extend(kept.faults(&words).into_iter().map(|fault| format!("{case}: {fault}")));
            let unknown = script.iter().filter(|flag| !kept.flags.contains_key(*flag));
            faults.extend(unknown.map(|flag| format!("{case}: there is no flag {flag}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn flags_are_those_of_the_version_that_is_deployed() {
    for (server, _) in SERVERS {
        let source = fs::read_to_string(plugins().join(server).join("src/lib.rs")).unwrap();
        let pinned = source.split("const VERSION: &str = \"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(
            Kept::of(server).version,
            pinned,
            "{server}: run plugins/flags/read.py on the wheel of {pinned}"
        );
    }
}

#[test]
fn what_a_template_says_is_refused_by_all_names_and_nothing_else_is() {
    for (server, own) in SERVERS {
        let kept = Kept::of(server);
        let is_own = |name: &str| own.flags.iter().any(|(flag, _)| *flag == name);
        for flag in own.flags.iter().map(|(flag, _)| flag).chain(own.uncounted) {
            assert!(kept.flags.contains_key(*flag), "{server} has no {flag}");
        }
        for (name, takes) in kept.flags.iter().filter(|(name, _)| name.starts_with("--")) {
            let aliases = takes["aliases"].as_array().into_iter().flatten().filter_map(Value::as_str);
            for alias in aliases.filter(|alias| alias.starts_with("--")) {
                assert_eq!(is_own(alias), is_own(name), "{server}: {alias} is {name}");
            }
            assert_eq!(own.says(name).is_some(), is_own(name), "{server}: {name}");
        }
    }
}

#[test]
fn a_wrong_flag_or_value_is_found() {
    let kept = Kept::of("vllm");
    for (words, said) in [
        (&["--no-such-flag"][..], "there is no flag"),
        (&["--tensor-parallel-size", "two"], "that is no integer"),
        (&["--tensor-parallel-size"], "it takes one value and has 0"),
        (&["--gpu-memory-utilization", "90%"], "that is no number"),
        (&["--kv-cache-dtype", "fp7"], "none of its choices"),
        (&["--trust-remote-code", "true"], "it takes nothing"),
        (&["--speculative-config", "{"], "that is no json"),
    ] {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let faults = kept.faults(&words);
        assert!(faults.iter().any(|fault| fault.contains(said)), "{words:?}: {faults:?}");
    }
}
