//! The log from outside: audits that find every lie, and witnesses that make a split view impossible.

use std::fs;
use std::process::Command;

use chandlery_package::Digest;
use serde_json::Value;

use crate::world::{Person, Server, World, as_version, plugin};

const OCR: &str = "acme:ocr-server";

/// A registry with a history, and somebody who audited it.
fn audited() -> (World, Person) {
    let world = World::start();
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    acme.publish(&as_version(&plugin("ocr-server"), "1.0.1"));
    acme.ok(&["yank", "acme:ocr-server@1.0.1"]);
    let auditor = world.person("auditor");
    let found = auditor.ok(&["log", "audit"]);
    assert_eq!((&found["entries"], &found["releases"]), (&Value::from(4), &Value::from(2)));
    assert_eq!(found["faults"], Value::Array(Vec::new()));
    (world, auditor)
}

/// The faults that a first audit finds, and those of one who audited before.
fn faults(world: &World, auditor: &Person) -> [String; 2] {
    [world.person("newcomer"), world.person(&auditor.name)].map(|person| {
        let output = person.command(&["log", "audit", "--json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stdout));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        found["faults"].to_string()
    })
}

#[test]
fn a_leaf_that_was_altered_in_the_database_is_named() {
    let (world, auditor) = audited();
    world.stores.sql("update log_entries set entry = replace(entry, '1.0.1', '1.0.9') where idx = 2");
    for faults in faults(&world, &auditor) {
        assert!(faults.contains("entry 2: the log does not hold this entry at index 2"), "{faults}");
        assert!(
            faults.contains("acme:ocr-server@1.0.1: it is in the catalog, and not in the log"),
            "{faults}"
        );
    }
}

#[test]
fn a_leaf_that_was_removed_is_missed() {
    let (world, auditor) = audited();
    world.stores.sql("delete from log_entries where idx = 2");
    for faults in faults(&world, &auditor) {
        assert!(faults.contains("the log's entries from 0 on cannot be read"), "{faults}");
    }
    // The last one: the log is a whole log without it, but for those who saw it, and for the catalog.
    let (world, auditor) = audited();
    world.stores.sql("delete from log_entries where idx = 3");
    let [first, again] = faults(&world, &auditor);
    assert!(first.contains("differ in whether it was yanked"), "{first}");
    assert!(again.contains("went back from 4 entries to 3"), "{again}");
}

#[test]
fn a_release_whose_bytes_changed_is_named() {
    let (mut world, auditor) = audited();
    let found = world.customer().ok(&["show", "acme:ocr-server@1.0.1"]);
    let component: Digest = found["component"].as_str().unwrap().parse().unwrap();
    world.stores.change_blob(component, |bytes| bytes[1000] ^= 1);
    // What it had in memory is gone.
    world.restart_registry();
    for faults in faults(&world, &auditor) {
        assert!(faults.contains("acme:ocr-server@1.0.1: "), "{faults}");
        assert!(!faults.contains("acme:ocr-server@1.0.0"), "{faults}");
    }
}

#[test]
fn a_withdrawal_that_the_catalog_hides_is_found() {
    let (world, auditor) = audited();
    world.operator().ok(&["withdraw", "acme:ocr-server@1.0.0", "it leaks"]);
    assert_eq!(auditor.ok(&["log", "audit"])["faults"], Value::Array(Vec::new()));
    world.stores.sql("update releases set withdrawn_at = null, withdrawn_reason = null");
    for faults in faults(&world, &auditor) {
        assert!(faults.contains("acme:ocr-server@1.0.0: the catalog and the log differ"), "{faults}");
    }
    // A host is not deceived either: it follows the log itself.
    let (problem, _) = world.customer().refused(&["install", "acme:ocr-server@=1.0.0"]);
    assert_eq!(problem.r#type, "withdrawn");
}

/// A witness process, and what it is called.
pub fn witness(world: &World, name: &str) -> (Server, String) {
    let log = world.get("/api/v1/log", &[]).1;
    let log: Value = serde_json::from_str(&log).unwrap();
    let data = world.folder.path().join(name);
    let words = [
        "witness",
        "--data",
        data.to_str().unwrap(),
        "--name",
        &format!("{name}.example"),
        "--listen",
        "127.0.0.1:0",
        "--log",
        log["verifier_key"].as_str().unwrap(),
    ];
    let server = Server::start(world.folder.path(), &words, "witness at");
    let id = world.send("GET", &format!("http://{}/", server.address), None, &[], "").text();
    (server, id.trim().to_owned())
}

#[test]
fn an_installer_that_wants_witnesses_refuses_a_log_without_them() {
    let mut world = World::start();
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    let (one, one_id) = witness(&world, "one");
    let (mut two, two_id) = witness(&world, "two");
    let wanted = ["--witness", &one_id, "--witness", &two_id].map(str::to_owned);
    world.restart_host_with(&wanted);
    let customer = world.customer();
    let (problem, code) = customer.refused(&["install", OCR]);
    assert_eq!((problem.r#type.as_str(), code), ("too-few-witnesses", 3));
    assert!(problem.detail.contains("0 of the witnesses"), "{problem:?}");

    let asked = |id: &str, server: &Server| format!("{id}@http://{}", server.address);
    let at = [asked(&one_id, &one), asked(&two_id, &two)];
    world.restart_registry_with(&["--witness", &at[0], "--witness", &at[1]].map(str::to_owned));
    customer.ok(&["install", OCR]);
    let text = customer.text(&["verify"]);
    assert!(text.contains("witnessed") && text.contains("by one.example, two.example"), "{text}");
    let auditor = world.person("auditor");
    auditor.ok(&["log", "audit", "--witness", &one_id, "--witness", &two_id]);

    // One of the two goes away: it is as many as are needed, or it is refused.
    two.kill();
    acme.publish(&as_version(&plugin("ocr-server"), "1.0.1"));
    assert_eq!(customer.refused(&["install", OCR]).0.r#type, "too-few-witnesses");
    world.restart_host_with(&[&wanted[..], &["--witnesses-needed".into(), "1".into()]].concat());
    assert_eq!(customer.ok(&["install", OCR])["release"], "acme:ocr-server@1.0.1");

    // A registry that went back is not cosigned again: the witness remembers, whoever else forgot.
    world.stores.sql("delete from log_entries where idx > 1");
    world.stores.sql("delete from log_hashes where idx > 2");
    world.restart_registry_with(&["--witness".into(), at[0].clone()]);
    let (problem, _) = world.person("newcomer").refused(&["log", "audit", "--witness", &one_id]);
    assert_eq!(problem.r#type, "too-few-witnesses", "{problem:?}");
}

#[test]
fn a_witness_answers_as_its_protocol_has_it() {
    let world = World::start();
    world.publisher("acme");
    let (mut server, id) = witness(&world, "one");
    let checkpoint = world.get("/log/checkpoint", &[]).1;
    let ask = |address: &str, body: String| {
        let answer = world.send("POST", &format!("http://{address}/add-checkpoint"), None, &[], body);
        (answer.status, answer.header("content-type").to_owned(), answer.text())
    };
    let address = server.address.clone();
    let (status, _, line) = ask(&address, format!("old 0\n\n{checkpoint}"));
    assert_eq!(status, 200, "{line}");
    assert!(line.starts_with("— one.example "), "{line}");
    let other = checkpoint.replacen("chandlery.localhost/log", "other.example/log", 2);
    assert_eq!(ask(&address, format!("old 0\n\n{other}")).0, 404);
    let forged = checkpoint.replacen("\n1\n", "\n2\n", 1);
    assert_eq!(ask(&address, format!("old 1\n\n{forged}")).0, 403);
    assert_eq!(ask(&address, "nonsense".into()).0, 400);
    // What was seen survives the witness.
    server.kill();
    let (server, again) = witness(&world, "one");
    assert_eq!(again, id);
    let (status, kind, size) = ask(&server.address, format!("old 0\n\n{checkpoint}"));
    assert_eq!((status, kind.as_str(), size.as_str()), (409, "text/x.tlog.size", "1\n"));
    assert_eq!(ask(&server.address, format!("old 1\n\n{checkpoint}")).0, 200);
    let mode = Command::new("stat")
        .args(["-c", "%a"])
        .arg(world.folder.path().join("one/witness.key"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&mode.stdout).trim(), "600");
    assert!(fs::read_dir(world.folder.path().join("one")).unwrap().count() >= 2);
}
