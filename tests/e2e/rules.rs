//! Install rules of a host: each refuses by its name, at every door, whatever the registry says of itself.

use std::fs;

use jiff::Timestamp;
use serde_json::Value;

use crate::grants::ASKS;
use crate::log::witness;
use crate::world::{Person, World, as_version, plugin, until};

const HOSTILE: &str = "mallory:hostile";
const DEPLOY: [&str; 5] = ["deploy", "hostile", "--set", "attack=none", "--no-wait"];
const PLAN: [&str; 4] = ["plan", "hostile", "--set", "attack=none"];
const OLDER_BY_A_MONTH: &str = "update log_sightings set at = at - 2592000";

/// Sets the rules of the host, and gives what is installed and breaks one.
fn set(person: &Person, rules: &str) -> Vec<Value> {
    let file = person.file("rules.toml", rules.as_bytes());
    person.ok(&["host", "rules", "set", &file])["items"].as_array().unwrap().clone()
}

/// A command that is refused by this rule, for what the release has.
fn refused(person: &Person, words: &[&str], rule: &str, has: &str) {
    let (problem, code) = person.refused(words);
    assert_eq!((problem.r#type.as_str(), code), ("rule-refused", 5), "{words:?}: {problem:?}");
    for part in [format!("breaks the rule `{rule}` of this host").as_str(), has] {
        assert!(problem.detail.contains(part), "{words:?}: {problem:?}");
    }
    assert!(problem.remedy.is_some_and(|remedy| remedy.contains("chandlery")), "{words:?}");
}

/// A world where somebody has published a template, a policy and an integration.
fn published() -> (World, Person, Person) {
    let world = World::start();
    let mallory = world.publisher("mallory");
    for name in ["hostile", "meddler", "curious"] {
        mallory.publish(&plugin(name));
    }
    let customer = world.customer();
    (world, mallory, customer)
}

#[test]
fn each_rule_refuses_an_installation_by_its_name() {
    let (world, _, customer) = published();
    let others = "publishers = [\"chandlery\", \"mallor\"]";
    set(&customer, others);
    refused(&customer, &["install", HOSTILE], others, "its publisher is 'mallory'");

    // What the registry says of itself is not what its log says.
    set(&customer, "publishers = [\"mallory\"]\ncertified-only = true");
    let certified = "certified-only = true";
    refused(
        &customer,
        &["install", HOSTILE],
        certified,
        "the log does not say that mallory:hostile is certified",
    );
    world.stores.sql("update plugins set certified_at = '2026-01-01T00:00:00Z'");
    refused(&customer, &["install", HOSTILE], certified, "the log does not say");
    world.operator().ok(&["certify", HOSTILE]);
    customer.ok(&["install", HOSTILE]);
    world.operator().ok(&["certify", HOSTILE, "--undo"]);
    refused(&customer, &["install", HOSTILE], certified, "the log does not say");

    // Whoever agrees to more than the rules allow is refused, and so is whoever would leave it out.
    let narrow = "permissions = [\"http:*\", \"keyvalue\", \"deployments:read\"]";
    set(&customer, narrow);
    for flag in ["--allow", "--deny"] {
        let mut words = vec!["install", "mallory:curious"];
        ASKS.iter().for_each(|permission| words.extend([flag, *permission]));
        let has = "it asks for 'private-network', 'secret:token', 'deployments:act'";
        refused(&customer, &words, narrow, has);
    }
    set(
        &customer,
        "permissions = [\"http:*\", \"private-network\", \"keyvalue\", \"secret:*\", \"deployments:read\", \"deployments:act\"]",
    );
    let mut words = vec!["install", "mallory:curious"];
    ASKS.iter().for_each(|permission| words.extend(["--allow", *permission]));
    customer.ok(&words);
    customer.ok(&["permissions", "revoke", "curious", "deployments:act"]);
    set(&customer, narrow);
    let grant = ["permissions", "grant", "curious", "deployments:act"];
    refused(&customer, &grant, narrow, "it asks for 'deployments:act'");

    let history = customer.ok(&["host", "rules", "history"]);
    assert_eq!(history["items"].as_array().unwrap().len(), 5, "{history}");
    assert_eq!(history["items"][4]["rules"]["publishers"][1], "mallor");
    let file = customer.file("rules.toml", b"publisher = [\"acme\"]");
    assert_eq!(customer.refused(&["host", "rules", "set", &file]).0.r#type, "invalid-rules");
    assert_eq!(customer.ok(&["host", "rules", "show"])["permissions"][0], "http:*");
}

#[test]
fn what_serves_stays_when_the_rules_change_and_nothing_more_is_made_of_it() {
    let (world, _, customer) = published();
    customer.ok(&["install", HOSTILE]);
    customer.ok(&["deploy", "hostile", "--set", "attack=none"]);
    let rule = "publishers = [\"chandlery\"]";
    let broken = set(&customer, rule);
    assert_eq!((broken.len(), &broken[0]["rule"]), (1, &Value::from("publishers")));
    assert_eq!(customer.ok(&["host", "rules", "check"])["items"], Value::from(broken));
    let said = format!("mallory:hostile@1.0.0 breaks the rule `{rule}`");
    assert!(customer.text(&["host", "rules", "check"]).contains(&said));
    assert!(customer.text(&["status"]).contains(&said));

    let has = "its publisher is 'mallory'";
    let another = [&DEPLOY[..], &["--name", "another"]].concat();
    for words in [&PLAN[..], &DEPLOY, &another[..], &["scale", "hostile", "9"], &["install", HOSTILE]] {
        refused(&customer, words, rule, has);
    }
    // It may be started again, be fewer, and end; not come back.
    customer.ok(&["restart", "hostile", "--no-wait"]);
    refused(&customer, &["rollback", "hostile", "--to", "1", "--no-wait"], rule, has);
    customer.ok(&["pause", "hostile", "--no-wait"]);
    refused(&customer, &["resume", "hostile", "--no-wait"], rule, has);

    // A lock that was made elsewhere is held to the rules of the host that has it now.
    let there = world.folder.path().join("second");
    fs::create_dir_all(there.join("components")).unwrap();
    fs::copy(world.host_data().join("chandlery.lock"), there.join("chandlery.lock")).unwrap();
    for file in fs::read_dir(world.host_data().join("components")).unwrap().flatten() {
        fs::copy(file.path(), there.join("components").join(file.file_name())).unwrap();
    }
    let (_second, elsewhere) = world.host_at(&world.registry.address, "second", &[]);
    elsewhere.ok(&PLAN);
    set(&elsewhere, rule);
    until("the log is followed", || {
        let (problem, _) = elsewhere.refused(&PLAN);
        problem.detail.contains(has).then_some(())
    });
    set(&elsewhere, "minimum-age = \"1 day\"");
    refused(&elsewhere, &DEPLOY, "minimum-age = \"1 day\"", "its log is known to tell of it since");

    // A policy is part of every plan, and held to the rules with it.
    set(&customer, "");
    customer.ok(&["resume", "hostile", "--no-wait"]);
    customer.ok(&["install", "mallory:meddler"]);
    world.operator().ok(&["certify", HOSTILE]);
    set(&customer, "certified-only = true");
    until("the log is followed", || {
        let (problem, _) = customer.refused(&PLAN);
        problem.detail.starts_with("mallory:meddler@1.0.0 breaks the rule").then_some(())
    });
    customer.ok(&["uninstall", "meddler"]);
    customer.ok(&PLAN);
}

#[test]
fn a_release_waits_for_its_age_unless_it_is_the_fix_of_one_that_was_taken_back() {
    let (world, mallory, customer) = published();
    let version = |version: &str| as_version(&plugin("hostile"), version);
    let rule = "minimum-age = \"7 days\"";
    let has = "its log is known to tell of it since";
    set(&customer, rule);
    refused(&customer, &["install", HOSTILE], rule, has);
    set(&customer, "");
    customer.ok(&["install", HOSTILE]);
    set(&customer, rule);
    refused(&customer, &PLAN, rule, has);
    world.change_host(OLDER_BY_A_MONTH);
    customer.ok(&PLAN);

    mallory.publish(&version("1.0.1"));
    refused(&customer, &["install", HOSTILE], rule, has);
    // Two at once, one of which is taken back, are no fix of anything.
    mallory.ok(&["yank", "mallory:hostile@1.0.1"]);
    mallory.publish(&version("1.0.2"));
    refused(&customer, &["install", HOSTILE], rule, has);
    mallory.ok(&["withdraw", "mallory:hostile@1.0.0", "it leaks"]);
    let text = customer.text(&["install", HOSTILE]);
    assert!(text.contains("at once, since mallory:hostile@1.0.0 was taken back"), "{text}");
    // It is deployed, too, and what comes after it waits.
    assert_eq!(customer.ok(&PLAN)["release"], "mallory:hostile@1.0.2");
    assert_eq!(customer.ok(&["host", "rules", "check"])["items"], Value::Array(Vec::new()));
    mallory.publish(&version("1.0.3"));
    refused(&customer, &["install", HOSTILE], rule, has);
    world.change_host(OLDER_BY_A_MONTH);
    assert_eq!(customer.ok(&["install", HOSTILE])["release"], "mallory:hostile@1.0.3");
}

#[test]
fn a_new_host_learns_from_witnesses_how_long_a_log_has_told_of_a_release() {
    let mut world = World::start();
    let mallory = world.publisher("mallory");
    mallory.publish(&plugin("hostile"));
    let (server, id) = witness(&world, "one");
    let at = format!("{id}@http://{}", server.address);
    world.restart_registry_with(&["--witness".into(), at]);
    let kept = |index: u64| world.get(&format!("/log/checkpoint/{index}"), &[]);
    assert_eq!(kept(1).0, 404, "nobody has asked for a checkpoint");
    let size = |note: &str| note.lines().nth(1).unwrap().parse::<u64>().unwrap();
    let first = size(&world.get("/log/checkpoint", &[]).1);
    let before = Timestamp::now();
    mallory.publish(&as_version(&plugin("hostile"), "1.0.1"));
    until("another second", || (Timestamp::now().as_second() > before.as_second() + 1).then_some(()));
    assert!(size(&world.get("/log/checkpoint", &[]).1) > first);
    assert_eq!((kept(first - 1).0, size(&kept(first - 1).1)), (200, first));
    assert_eq!((kept(99).0, world.get("/log/checkpoint/x", &[]).0), (404, 400));

    world.restart_host_with(&["--witness", &id].map(str::to_owned));
    let customer = world.customer();
    let rule = "minimum-age = \"7 days\"";
    set(&customer, rule);
    refused(&customer, &["install", "mallory:hostile@=1.0.0"], rule, "its log is known to tell of it since");
    let seen = world.host_texts("select cast(size as text) from log_sightings order by size");
    assert_eq!(seen[0], first.to_string(), "{seen:?}");
    let seen = world.host_texts("select cast(at as text) from log_sightings order by size");
    assert!(seen[0].parse::<i64>().unwrap() <= before.as_second(), "{seen:?}, {before}");
    assert!(seen[1].parse::<i64>().unwrap() > before.as_second(), "{seen:?}, {before}");
}
