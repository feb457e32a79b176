//! How commands behave whatever they are asked: read by somebody who leaves early, at a terminal of any width, and with a folder that
//! is not there.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, pipe};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::process::{Server, free_address, workspace};
use crate::world::{Person, World, plugin};

/// What shows much, of a registry or a host.
const SHOWS: [&[&str]; 11] = [
    &["search"],
    &["show", "acme:ocr-server"],
    &["status"],
    &["list"],
    &["whoami"],
    &["books", "balances"],
    &["books", "months"],
    &["tokens", "list"],
    &["namespace", "members", "acme"],
    &["keys", "list", "acme"],
    &["host", "users", "list"],
];

/// Every command, as the reference lists them.
fn every_command() -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    for file in fs::read_dir(workspace().join("docs/reference/commands")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let headings = text.lines().filter(|line| line.starts_with('#'));
        let paths = headings.filter_map(|line| line.split_once("# chandlery "));
        commands.extend(paths.map(|(_, path)| path.split(' ').map(str::to_owned).collect()));
    }
    assert!(commands.len() > 200, "{}", commands.len());
    commands
}

/// A pipe that nobody reads any more.
fn closed() -> Stdio {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    writer.into()
}

/// Ends as it would have ended, or because nobody reads it: not by a panic, of which 101 tells, and not by a signal.
fn ends_quietly(command: &mut Command) {
    let code = command.status().unwrap().code();
    assert!(code.is_some_and(|code| code < 100), "{command:?} ended with {code:?}");
}

#[test]
fn a_reader_who_leaves_ends_no_command_in_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let away = Person::at("away", folder.path(), &free_address());
    for path in every_command() {
        let mut words: Vec<&str> = path.iter().map(String::as_str).collect();
        words.push("--help");
        let output = away.command(&words).stdout(closed()).output().unwrap();
        assert!(output.status.code().is_some_and(|code| code < 100), "{words:?}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words:?}");
    }
    let world = World::start();
    world.publisher("acme").publish(&plugin("ocr-server"));
    let (operator, customer) = (world.operator(), world.customer());
    customer.ok(&["install", "acme:ocr-server"]);
    for words in SHOWS {
        for (person, more) in
            [(&operator, None), (&customer, None), (&customer, Some("--json")), (&away, None)]
        {
            let words = [words, more.as_slice()].concat();
            ends_quietly(person.command(&words).stdout(closed()).stderr(Stdio::null()));
            ends_quietly(person.command(&words).stdout(closed()).stderr(closed()));
        }
    }

    // A full disk is no reader who has left: what is cut off is not passed off as whole.
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = customer.command(&["list", "--json"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("could not be written whole"), "{output:?}");
}

/// What a command prints in so many columns.
fn printed(person: &Person, words: &[&str], columns: &str) -> String {
    let output = person.command(words).env("COLUMNS", columns).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.trim_end().chars().count()).max().unwrap_or(0)
}

/// The words of a text but those of rules and of headings, which a list leaves out where nothing stands below them.
fn words_of_rows(text: &str) -> BTreeSet<&str> {
    let is_rule = |line: &&str| line.contains(['─', '═']);
    let after = text.lines().skip(1).map(|line| line.contains('═')).chain([false]);
    let rows = text.lines().zip(after).filter(|(line, is_heading)| !is_heading && !is_rule(line));
    rows.flat_map(|(line, _)| line.split_whitespace()).collect()
}

#[test]
fn what_is_printed_fits_and_breaks_no_word() {
    let world = World::start();
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    let (operator, customer) = (world.operator(), world.customer());
    customer.ok(&["install", "acme:ocr-server"]);
    let mut folded = 0;
    for words in SHOWS {
        let person = match words[0] {
            "books" => &operator,
            "namespace" => &acme,
            _ => &customer,
        };
        let whole = printed(person, words, "0");
        assert_eq!(whole, printed(person, words, "100000"), "{words:?}");
        let all = words_of_rows(&whole);
        for columns in [60, 80] {
            let narrow = printed(person, words, &columns.to_string());
            let shown: BTreeSet<&str> = narrow.split_whitespace().collect();
            let broken: Vec<&&str> = all.difference(&shown).collect();
            assert!(broken.is_empty(), "{words:?} in {columns} columns breaks {broken:?}:\n{narrow}");
            // What cannot be parted may be wider: a digest, a command to be copied, or a readme's own lines.
            let parts =
                |line: &&str| !line.contains('`') && line.split(' ').all(|word| word.chars().count() < 25);
            for line in narrow.lines().filter(parts).filter(|_| words[0] != "show") {
                assert!(widest(line) <= columns, "{words:?} in {columns} columns: {line}");
            }
            folded += usize::from(narrow != whole);
        }
    }
    assert!(folded > 2, "{folded}");

    // Help without a width is as wide as it ever is, and no letter stands alone.
    let help = |columns: &str| printed(&customer, &["registry", "serve", "--help"], columns);
    assert_eq!(help("0"), help("200"));
    assert!(widest(&help("60")) <= widest(&help("80")) && widest(&help("0")) > 80);
    assert!(help("0").lines().count() < help("60").lines().count());
}

#[test]
fn a_machine_is_looked_at_without_a_host_and_what_it_lacks_has_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let ann = Person::at("ann", folder.path(), &free_address());
    let findings = ann.ok(&["doctor"]);
    let findings = findings.as_array().unwrap();
    let names: Vec<&str> = findings.iter().map(|finding| finding["what"].as_str().unwrap()).collect();
    let all = ["cgroups", "bubblewrap", "podman", "GPUs", "Slurm", "Kubernetes", "disk", "clock", "ports"];
    assert_eq!(names, all);
    for finding in findings {
        assert_eq!(finding["has"] == true, finding["remedy"].is_null(), "{finding}");
    }
    assert!(findings[7]["remedy"].as_str().unwrap().contains("`chandlery up`"), "{findings:?}");
    let parts = |line: &&str| !line.contains('`') && line.split(' ').all(|word| word.chars().count() < 25);
    let narrow = printed(&ann, &["doctor"], "60");
    for line in narrow.lines().filter(parts) {
        assert!(widest(line) <= 60, "{line}");
    }
    assert!(names.iter().all(|name| narrow.contains(name)), "{narrow}");

    // Beside a registry, the clock is its own.
    let registry = folder.path().join("registry");
    let words = ["registry", "serve", "--listen", &ann.registry, "--data", registry.to_str().unwrap()];
    let _registry = Server::start(&ann.home, &words, "registry at");
    let findings = ann.ok(&["doctor"]);
    assert_eq!((&findings[7]["has"], &findings[8]["has"]), (&json!(true), &json!(false)), "it listens there");
    assert!(findings[8]["found"].as_str().unwrap().contains(&ann.registry), "{findings}");
}

#[test]
fn logs_are_lines_for_people_or_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let ann = Person::at("ann", folder.path(), &free_address());
    let data = folder.path().join("registry");
    for (format, is_json) in [("text", false), ("json", true)] {
        let words = ["registry", "serve", "--listen", &ann.registry, "--data", data.to_str().unwrap()];
        let mut serve = ann.command(&words);
        serve.env("CHANDLERY_LOG", "trace").env("CHANDLERY_LOG_FORMAT", format);
        let mut server = serve.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let line = BufReader::new(server.stderr.take().unwrap()).lines().next().unwrap().unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
        let read = serde_json::from_str::<serde_json::Value>(&line);
        assert_eq!(read.is_ok_and(|event| event["level"].is_string()), is_json, "{line}");
    }
}

/// What is in a folder.
fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn what_opens_a_registry_makes_none() {
    let folder = tempfile::tempdir().unwrap();
    let away = Person::at("away", folder.path(), &free_address());
    let data = tempfile::tempdir().unwrap();
    let [typo, backup] = ["typo", "backup"].map(|name| data.path().join(name).to_str().unwrap().to_owned());
    for words in [
        &["registry", "backup", "--data", &typo, &backup][..],
        &["registry", "promote", "ann", "--data", &typo],
        &["registry", "reset-password", "ann", "--data", &typo],
        &["registry", "remove-second-factor", "ann", "--data", &typo],
    ] {
        let (problem, code) = away.refused(words);
        assert_eq!((problem.r#type.as_str(), code), ("not-found", 6), "{words:?}");
        assert!(problem.detail.contains(&format!("there is no registry in {typo}")), "{problem:?}");
        assert!(names(data.path()).is_empty(), "{words:?} left {:?}", names(data.path()));
    }
    away.refused(&["registry", "restore", "--data", &typo, &backup]);
    assert!(names(data.path()).is_empty(), "restoring nothing left {:?}", names(data.path()));
}

/// The same with a token in its environment.
fn with_token(person: &Person, words: &[&str], token: &str) -> (bool, String) {
    let output = person.command(words).env("CHANDLERY_TOKEN", token).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn whoever_asks_is_told_who_that_is_and_logs_out() {
    let world = World::start();
    let (acme, bob, machine) = (world.publisher("acme"), world.person("bob"), world.person("machine"));
    bob.register();
    let made = |person: &Person, scope: &str| {
        person.ok(&["tokens", "new", scope])["token"].as_str().unwrap().to_owned()
    };
    let (whole, narrow) = (made(&bob, "full"), made(&acme, "publish"));

    assert_eq!(
        (&acme.ok(&["whoami"])["account"], &acme.ok(&["whoami"])["by"]),
        (&json!("acme"), &json!("log-in"))
    );
    assert_eq!(world.operator().ok(&["whoami"])["operator"], json!(true));
    let (problem, code) = machine.refused(&["whoami"]);
    assert_eq!((problem.r#type.as_str(), code), ("unauthenticated", 5));
    // A token in the environment is used instead of what is kept, and says by itself whose it is.
    for person in [&machine, &acme] {
        let (done, said) = with_token(person, &["whoami"], &whole);
        assert!(done && said.contains("'bob' at ") && said.contains("CHANDLERY_TOKEN"), "{said}");
    }
    let (done, said) = with_token(&machine, &["whoami"], &format!(" {whole}\n"));
    assert!(done && said.contains("'bob' at "), "as a file of secrets has it: {said}");
    let (done, said) = with_token(&machine, &["whoami"], "no\ntoken");
    assert!(
        !done && said.contains("its request cannot be made") && !said.contains("does not answer"),
        "{said}"
    );
    let (done, said) = with_token(&acme, &["logout"], &whole);
    assert!(!done && said.contains("unset CHANDLERY_TOKEN"), "{said}");

    let session = acme.token();
    assert_eq!(acme.ok(&["logout"])["logged_out"], "acme");
    assert_eq!(acme.refused(&["whoami"]).0.r#type, "unauthenticated");
    assert_eq!(acme.refused(&["logout"]).0.r#type, "unauthenticated");
    assert_eq!(
        world.send("GET", "/api/v1/account", Some(&session), &[], "").status,
        401,
        "its session has ended"
    );
    // Nobody is logged in, and a token that may do nothing else publishes.
    let file = acme.file("plugin.wasm", &plugin("ocr-server"));
    let (done, said) = with_token(&acme, &["publish", &file], &narrow);
    assert!(done && said.contains("acme:ocr-server@1.0.0 is published"), "{said}");
    acme.login(acme.password());
    assert_eq!(acme.ok(&["whoami"])["account"], "acme");
    // Where the registry cannot be told, the token is forgotten all the same.
    let away = Person { registry: free_address(), ..world.person("away") };
    assert_eq!(away.refused(&["logout"]).0.r#type, "unauthenticated");
}

#[test]
fn what_publishing_lacks_is_told_at_once_and_before_anything_is_built() {
    let world = World::start();
    let ann = world.person("ann");
    let folder = world.folder.path().join("hello");
    let folder = folder.to_str().unwrap();
    ann.ok(&["new", "hello:world", "--lang", "python", "--folder", folder]);
    let lacks = |type_: &str, told: &[&str]| {
        for command in ["publish", "check"] {
            let (problem, _) = ann.refused(&[command, folder]);
            assert_eq!(problem.r#type, type_, "{command} {problem:?}");
            let remedy = problem.remedy.clone().unwrap();
            for words in told {
                assert!(remedy.contains(words), "{command} {words}: {problem:?}");
            }
        }
        assert!(!Path::new(folder).join("target").exists(), "nothing was built");
    };
    let (new, add) = ("`chandlery keys new hello`", "`chandlery keys add hello --key hello`");
    lacks("unauthenticated", &["`chandlery register NAME`", new, add]);
    ann.register();
    lacks("forbidden", &["`chandlery namespace take hello`", new, add]);
    ann.ok(&["namespace", "take", "hello"]);
    lacks("no-key", &[new, add]);
    ann.ok(&["keys", "new", "hello"]);
    lacks("untrusted-signature", &["`chandlery keys add hello`"]);
}
