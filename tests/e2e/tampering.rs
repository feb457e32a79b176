//! Whatever is changed on the way from a publisher to a host is refused by name, and nothing is half installed.

use std::fs;

use chandlery_package::artifact::Artifact;
use chandlery_package::signature::{SignedPayload, signature_tag};
use chandlery_package::{Component, Digest, PluginId};
use serde_json::json;

use crate::world::{Person, World, as_version, plugin, with_other_content};

const OCR: &str = "acme:ocr-server";

fn ocr() -> PluginId {
    OCR.parse().unwrap()
}

/// Nothing is locked, and no component is stored.
fn nothing_installed(world: &World) {
    let lock = fs::read_to_string(world.host_data().join("chandlery.lock")).unwrap_or_default();
    assert!(!lock.contains("[[plugin]]"), "{lock}");
    assert_eq!(fs::read_dir(world.host_data().join("components")).unwrap().count(), 0);
}

fn install_is_refused(world: &World, person: &Person, word: &str, says: &str) {
    let (problem, code) = person.refused(&["install", OCR]);
    assert_eq!((problem.r#type.as_str(), code), (word, 3), "{problem:?}");
    assert!(problem.detail.contains(says), "{problem:?}");
    assert!(problem.remedy.is_some());
    nothing_installed(world);
}

#[test]
fn one_flipped_byte_in_a_stored_component() {
    let world = World::start();
    let acme = world.publisher("acme");
    let published = acme.publish(&plugin("ocr-server"));
    let component: Digest = published["component"].as_str().unwrap().parse().unwrap();
    world.stores.change_blob(component, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    install_is_refused(&world, &world.customer(), "digest-mismatch", &component.to_string());
}

#[test]
fn a_signature_by_a_key_of_another_namespace() {
    let world = World::start();
    let acme = world.publisher("acme");
    let mallory = world.publisher("mallory");
    let bytes = plugin("ocr-server");

    // Published so: refused by the registry.
    let refused =
        world.runtime.block_on(acme.publish_raw(&ocr(), &bytes, "1.0.0", &mallory.key())).unwrap_err();
    assert_eq!(refused.r#type, "untrusted-signature");
    assert!(refused.detail.contains("not by a key of namespace 'acme'"), "{refused:?}");

    // Put there afterwards, by a registry that lets it happen: refused by the host.
    let published = acme.publish(&bytes);
    let artifact: Digest = published["artifact"].as_str().unwrap().parse().unwrap();
    let forged = Artifact::of_signature(&SignedPayload::sign(&mallory.key(), &ocr(), artifact));
    world.runtime.block_on(acme.push("acme/ocr-server", "forged", &forged)).unwrap();
    let (tag, forged) = (signature_tag(artifact), forged.digest());
    world.stores.sql(&format!("update tags set digest = '{forged}' where tag = '{tag}'"));
    install_is_refused(&world, &world.customer(), "signature-refused", "was not made by key");
}

#[test]
fn a_manifest_that_says_another_version() {
    let world = World::start();
    let acme = world.publisher("acme");
    let bytes = as_version(&plugin("ocr-server"), "1.0.1");
    let refused = world.runtime.block_on(acme.publish_raw(&ocr(), &bytes, "1.0.0", &acme.key())).unwrap_err();
    assert_eq!(refused.r#type, "manifest-mismatch");
    assert!(
        refused.detail.contains("acme:ocr-server@1.0.0") && refused.detail.contains("acme:ocr-server@1.0.1")
    );
    let (problem, code) = world.customer().refused(&["install", OCR]);
    assert_eq!((problem.r#type.as_str(), code), ("not-found", 6));
}

#[test]
fn a_version_published_again_with_other_content() {
    let world = World::start();
    let acme = world.publisher("acme");
    let bytes = plugin("ocr-server");
    let first = acme.publish(&bytes);
    assert_eq!(acme.publish(&bytes)["log_index"], first["log_index"], "the same again is the same release");

    let tags = || world.send("GET", "/v2/acme/ocr-server/tags/list", None, &[], "").json()["tags"].clone();
    let before = tags();
    assert_eq!(before.as_array().unwrap().len(), 2, "{before}");
    let other = with_other_content(&bytes);
    let changed = acme.file("changed.wasm", &other);
    let (problem, _) = acme.refused(&["publish", &changed]);
    assert_eq!(problem.r#type, "version-exists");
    assert!(problem.detail.contains("acme:ocr-server@1.0.0 is published already"), "{problem:?}");

    // Of what was refused nothing is left; what somebody else had pushed before stays.
    let artifact = Artifact::of_component(&Component::parse(&other).unwrap(), other.clone());
    let manifest = format!("/v2/acme/ocr-server/manifests/{}", artifact.digest());
    let referrers = format!("/v2/acme/ocr-server/referrers/{}", artifact.digest());
    assert_eq!(tags(), before);
    assert_eq!(world.send("GET", &manifest, None, &[], "").status, 404);
    assert_eq!(world.send("GET", &referrers, None, &[], "").json()["manifests"], json!([]));
    world.runtime.block_on(acme.push("acme/ocr-server", "mine", &artifact)).unwrap();
    acme.refused(&["publish", &changed]);
    assert_eq!(world.send("GET", &manifest, None, &[], "").status, 200);
    let installed = world.customer().ok(&["install", OCR]);
    assert_eq!(installed["component"], first["component"]);
}

#[test]
fn a_catalog_that_says_something_else_than_the_log() {
    let world = World::start();
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    acme.publish(&with_other_content(&as_version(&plugin("ocr-server"), "1.0.1")));
    // The registry serves the newer release's bytes under the older one's name.
    world.stores.sql(
        "update releases set (component, artifact) =
             (select component, artifact from releases where version = '1.0.1') where version = '1.0.0'",
    );
    let (problem, code) = world.customer().refused(&["install", "acme:ocr-server@1.0.0"]);
    assert_eq!((problem.r#type.as_str(), code), ("log-differs", 3));
    nothing_installed(&world);
}

/// What is installed, and the log that it was believed by, without the signatures that vouch for the log once more every while.
fn lock(world: &World) -> String {
    let lock = fs::read_to_string(world.host_data().join("chandlery.lock")).unwrap();
    lock.lines().filter(|line| !line.starts_with('—')).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_log_whose_history_was_rewritten() {
    let mut world = World::start();
    let acme = world.publisher("acme");
    let customer = world.customer();
    acme.publish(&plugin("ocr-server"));
    world.registry.kill();
    world.stores.keep_copy();
    world.restart_registry();
    acme.publish(&as_version(&plugin("ocr-server"), "1.0.1"));
    customer.ok(&["install", OCR]);
    let before = lock(&world);

    // The registry goes back to before 1.0.1 and publishes other things in its place.
    world.registry.kill();
    world.stores.go_back_to_copy();
    world.restart_registry();
    let (problem, code) = customer.refused(&["install", OCR]);
    assert_eq!((problem.r#type.as_str(), code), ("log-rollback", 3));
    assert!(problem.detail.contains("went back from 3 entries to 2"), "{problem:?}");

    acme.publish(&as_version(&plugin("ocr-server"), "1.0.2"));
    acme.publish(&as_version(&plugin("ocr-server"), "1.0.3"));
    for words in [&["install", OCR][..], &["verify"]] {
        let (problem, code) = customer.refused(words);
        assert_eq!((problem.r#type.as_str(), code), ("log-forked", 3), "{words:?} {problem:?}");
    }
    assert_eq!(lock(&world), before, "what was installed stays as it was");
}

#[test]
fn another_log_in_the_same_place() {
    let mut world = World::start();
    world.publisher("acme").publish(&plugin("ocr-server"));
    world.customer().ok(&["install", OCR]);
    world.registry.kill();
    fs::remove_file(world.registry_data().join("log.key")).unwrap();
    world.stores.sql("delete from facts where name = 'log-key'");
    world.restart_registry();
    let (problem, code) = world.customer().refused(&["install", OCR]);
    assert_eq!((problem.r#type.as_str(), code), ("log-key-changed", 3));
}

#[test]
fn a_component_that_was_changed_after_it_was_installed() {
    let mut world = World::start();
    world.publisher("acme").publish(&plugin("ocr-server"));
    let customer = world.customer();
    customer.ok(&["install", OCR]);
    assert_eq!(customer.ok(&["verify"]), json!(["acme:ocr-server@1.0.0"]));
    let stored = fs::read_dir(world.host_data().join("components")).unwrap().next().unwrap().unwrap().path();
    fs::write(&stored, with_other_content(&fs::read(&stored).unwrap())).unwrap();
    world.restart_host();
    for words in [&["verify"][..], &["plan", "ocr-server"], &["deploy", "ocr-server"]] {
        let (problem, code) = customer.refused(words);
        assert_eq!((problem.r#type.as_str(), code), ("digest-mismatch", 3), "{words:?}");
    }
}
