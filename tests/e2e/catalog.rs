//! What becomes of releases, and how they are found.

use chandlery_package::Component;
use serde_json::{Value, json};

use crate::world::{Person, World, as_version, plugin, until, with_other_content};

const OCR: &str = "acme:ocr-server";

#[test]
fn a_yanked_release_is_not_chosen_and_who_has_it_keeps_it() {
    let world = World::start();
    let (acme, customer) = (world.publisher("acme"), world.customer());
    acme.publish(&plugin("ocr-server"));
    acme.publish(&as_version(&plugin("ocr-server"), "1.0.1"));
    customer.ok(&["install", OCR]);
    acme.ok(&["yank", "acme:ocr-server@1.0.1"]);
    // Whoever has it may install it again; others get the one before.
    assert_eq!(customer.ok(&["install", OCR])["release"], "acme:ocr-server@1.0.1");
    customer.ok(&["install", "acme:ocr-server@=1.0.0"]);
    assert_eq!(customer.ok(&["install", OCR])["release"], "acme:ocr-server@1.0.0");
    assert_eq!(customer.refused(&["install", "acme:ocr-server@=1.0.1"]).0.r#type, "no-release");
    assert_eq!(search(&customer, &["ocr"]), ["acme:ocr-server@1.0.0"]);
    acme.ok(&["yank", "acme:ocr-server@1.0.1", "--undo"]);
    assert_eq!(customer.ok(&["install", OCR])["release"], "acme:ocr-server@1.0.1");
    assert_eq!(acme.refused(&["yank", "acme:ocr-server@9.0.0"]).0.r#type, "not-found");
}

#[test]
fn a_withdrawn_release_is_refused_and_warned_of() {
    let world = World::start();
    let customer = world.customer();
    let mallory = world.publisher("mallory");
    mallory.publish(&plugin("hostile"));
    customer.ok(&["install", "mallory:hostile"]);
    customer.ok(&["deploy", "hostile", "--set", "attack=none"]);
    world.operator().ok(&["withdraw", "mallory:hostile@1.0.0", "it attacks its host"]);

    // The host follows the log by itself.
    let status = until("the warning", || {
        let status = customer.ok(&["status", "hostile"]);
        status[0]["objection"].is_string().then_some(status)
    });
    assert_eq!(status[0]["objection"], "it was withdrawn: it attacks its host");
    for words in [
        &["plan", "hostile", "--set", "attack=none"][..],
        &["deploy", "hostile", "--set", "attack=none"],
        &["install", "mallory:hostile"],
        &["verify"],
    ] {
        let (problem, code) = customer.refused(words);
        assert_eq!((problem.r#type.as_str(), code), ("withdrawn", 3), "{words:?}");
        assert!(problem.detail.contains("it attacks its host"));
    }
    customer.ok(&["remove", "hostile"]);
    assert!(search(&customer, &["hostile"]).is_empty());
    // What was refused is refused by a host that was restarted, too.
    let shown = customer.ok(&["show", "mallory:hostile@1.0.0"]);
    assert_eq!(shown["withdrawn"], "it attacks its host");
}

#[test]
fn a_revoked_key_signs_nothing_and_a_rotated_one_goes_on() {
    let world = World::start();
    let (acme, customer) = (world.publisher("acme"), world.customer());
    let bytes = plugin("ocr-server");
    acme.publish(&bytes);
    let old = acme.key();
    acme.ok(&["keys", "rotate", "acme"]);
    assert_ne!(acme.key().public().id(), old.public().id());
    acme.publish(&as_version(&bytes, "1.0.1"));
    let refused = world
        .runtime
        .block_on(acme.publish_raw(&OCR.parse().unwrap(), &as_version(&bytes, "1.0.2"), "1.0.2", &old))
        .unwrap_err();
    assert_eq!(refused.r#type, "untrusted-signature");
    // What the old key signed before is good, until the revocation reaches further back.
    customer.ok(&["install", "acme:ocr-server@=1.0.0"]);
    let id = old.public().id().to_string();
    acme.ok(&["keys", "revoke", "acme", &id, "--from", "2020-01-01T00:00:00Z"]);
    let (problem, _) = customer.refused(&["install", "acme:ocr-server@=1.0.0"]);
    assert_eq!(problem.r#type, "withdrawn");
    assert!(problem.detail.contains("was revoked"), "{problem:?}");
    assert_eq!(customer.ok(&["install", OCR])["release"], "acme:ocr-server@1.0.1");
}

#[test]
fn a_plugin_is_found_by_what_it_is_even_if_misspelt() {
    let world = World::start();
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    world.publisher("mallory").publish(&plugin("hostile"));
    let customer = world.customer();
    for words in [
        &["ocr"][..],
        &["OCR", "server"],
        &["ocr", "pict"],
        &["pictrues"],
        &["rapidocr"],
        &["orc", "servr"],
        &["acme"],
    ] {
        assert_eq!(search(&customer, words), ["acme:ocr-server@1.0.0"], "{words:?}");
    }
    assert_eq!(search(&customer, &[]).len(), 2);
    assert!(
        search(&customer, &["database"]).is_empty() && search(&customer, &["ocr", "database"]).is_empty()
    );

    assert!(search(&customer, &["--certified"]).is_empty());
    world.operator().ok(&["certify", OCR]);
    assert_eq!(search(&customer, &["--certified"]), ["acme:ocr-server@1.0.0"]);
    assert!(search(&customer, &["--gpu", "h100"]).is_empty());
    acme.ok(&["orders", "price", OCR, "20.00 USD"]);
    assert_eq!(search(&customer, &["--price-max", "10.00 USD"]), ["mallory:hostile@1.0.0"]);
    assert_eq!(search(&customer, &["--price-max", "20.00 USD"]).len(), 2);

    // Whoever mistypes a name is told which one is meant, unless it is not theirs to see.
    let meant = |command: &str| customer.refused(&[command, "acme:ocr-servr"]).0.remedy.unwrap_or_default();
    for command in ["show", "install"] {
        assert!(meant(command).contains("did you mean 'acme:ocr-server'?"), "{command}: {}", meant(command));
    }
    acme.ok(&["namespace", "visibility", "acme", "private"]);
    assert_eq!(meant("show"), "");
    assert!(search(&customer, &["ocr"]).is_empty());
    assert_eq!(search(&acme, &["ocr"]).len(), 1);
    assert_eq!(customer.refused(&["show", OCR]).0.r#type, "not-found");
}

fn search(person: &Person, words: &[&str]) -> Vec<String> {
    let found = person.ok(&[&["search"], words].concat());
    let name = |item: &Value| item["release"].as_str().unwrap().to_owned();
    found["items"].as_array().unwrap().iter().map(name).collect()
}

#[test]
fn a_release_shows_all_that_it_says_of_itself() {
    let world = World::start();
    let (acme, customer) = (world.publisher("acme"), world.customer());
    let bytes = plugin("ocr-server");
    acme.publish(&bytes);
    acme.ok(&["deprecate", "acme:ocr-server@1.0.0", "models are old", "--successor", "acme:reader"]);
    customer.ok(&["install", OCR]);
    let shown = until("the pull is counted", || {
        let shown = customer.ok(&["show", OCR]);
        (world.stores.replicas() > 1 || shown["downloads"] == 1 || shown["downloads"] == 0).then_some(shown)
    });
    let manifest = Component::parse(&bytes).unwrap().manifest;
    assert_eq!(shown["manifest"]["parameters"], json!(manifest.parameters));
    assert_eq!(shown["manifest"]["readme"], json!(manifest.readme));
    assert!(manifest.readme.is_some_and(|text| text.contains("# OCR server")));
    assert_eq!(shown["deprecated"], json!({ "note": "models are old", "successor": "acme:reader" }));
    let text = customer.text(&["show", OCR]);
    for part in ["OCR server", "deprecated: models are old; use acme:reader", "memory_mib", "1536", "Readme"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn names_that_mislead_are_refused() {
    let world = World::start();
    let acme = world.publisher("acme-tools");
    for (name, why) in [
        ("chandlery", "reserved"),
        ("acme-tools", "taken"),
        ("acmetools", "mistaken for 'acme-tools'"),
        ("acme-to0ls", "mistaken for 'acme-tools'"),
        ("0fficial", "is not a name"),
        ("0ffficial", "is not a name"),
        ("off1cial", "mistaken for 'official'"),
    ] {
        let problem = acme.refused_text(&["namespace", "take", name]);
        assert!(problem.contains(why), "{name}: {problem}");
    }
    acme.ok(&["namespace", "take", "other-tools"]);
    // So are accounts, and plugins of a namespace.
    for (name, other) in [("acmetools", "acme-tools"), ("acme-to0ls", "acme-tools"), ("operat0r", "operator")]
    {
        let body = json!({ "name": name, "password": "correct horse battery" }).to_string();
        let refused =
            world.send("POST", "/api/v1/accounts", None, &[("content-type", "application/json")], body);
        assert_eq!(refused.status, 409, "{name}: {}", refused.text());
        assert!(refused.text().contains(&format!("mistaken for '{other}'")), "{}", refused.text());
    }
}

#[test]
fn pre_releases_are_chosen_only_when_asked_for() {
    let world = World::start();
    let (acme, customer) = (world.publisher("acme"), world.customer());
    acme.publish(&plugin("ocr-server"));
    acme.publish(&with_other_content(&as_version(&plugin("ocr-server"), "2.0.0")));
    let pre = as_text(&plugin("ocr-server"), "1.0.0", "3.0-b");
    assert!(Component::parse(&pre).is_err(), "not a version");
    assert_eq!(customer.ok(&["install", "acme:ocr-server@^1"])["release"], "acme:ocr-server@1.0.0");
    assert_eq!(customer.ok(&["install", OCR])["release"], "acme:ocr-server@2.0.0");
    assert_eq!(customer.refused(&["install", "acme:ocr-server@>=3"]).0.r#type, "no-release");
}

fn as_text(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let (from, to) = (format!("\"version\":\"{from}\""), format!("\"version\":\"{to}\""));
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
}
