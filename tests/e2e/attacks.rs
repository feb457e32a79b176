//! The attacks on a chain of updates that The Update Framework lists, each played by whoever is between a host and its registry, and
//! each ended by an error whose word names it. Extraneous dependencies are not among them: a plugin has none.
//!
//! <https://theupdateframework.github.io/specification/latest/#goals-for-secure-updates>

use std::fs;

use chandlery_package::artifact::Artifact;
use chandlery_package::log::{Checkpoint, Signer, WitnessKey};
use chandlery_package::signature::SignedPayload;
use chandlery_package::{Digest, PrivateKey};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::mirror::{Answer, Mirror};
use crate::person::Person;
use crate::world::{World, as_version, plugin, until};

const OCR: &str = "acme:ocr-server";

/// An answer in JSON, changed.
fn changed(answer: Answer, change: impl Fn(&mut Value)) -> Answer {
    let mut json = serde_json::from_slice(&answer.body).unwrap();
    change(&mut json);
    Answer { body: json.to_string().into_bytes(), ..answer }
}

fn is_refused(customer: &Person, attack: &str, word: &str) {
    let (problem, code) = customer.refused(&["install", OCR]);
    assert_eq!((problem.r#type.as_str(), code), (word, 3), "{attack}: {problem:?}");
    assert!(problem.remedy.is_some(), "{attack}");
}

#[test]
fn each_attack_is_refused_by_its_name() {
    let world = World::start();
    let acme = world.publisher("acme");
    let mirror = Mirror::of(&world.registry.address);
    let patience = ["--checkpoint-seconds", "15"].map(str::to_owned);
    let (_host, customer) = world.host_at(&mirror.server.address, "attacked", &patience);
    acme.publish(&plugin("ocr-server"));
    customer.ok(&["install", OCR]);
    let checkpoint = || world.get("/log/checkpoint", &[]).1;
    let old = checkpoint();
    let new = acme.publish(&as_version(&plugin("ocr-server"), "1.0.1"));
    customer.ok(&["verify"]);
    let artifact: Digest = new["artifact"].as_str().unwrap().parse().unwrap();
    let lock = || fs::read_to_string(world.folder.path().join("attacked/chandlery.lock")).unwrap();
    let plugins = || lock().split_once("[[plugin]]").unwrap().1.to_owned();
    let before = plugins();

    let component = format!("/blobs/{}", new["component"].as_str().unwrap());
    mirror.play(move |path, answer| match path.ends_with(&component) {
        true => Answer { body: plugin("guardrails"), ..answer },
        false => answer,
    });
    is_refused(&customer, "arbitrary software", "digest-mismatch");

    let key = PrivateKey::generate();
    let forged = Artifact::of_signature(&SignedPayload::sign(&key, &OCR.parse().unwrap(), artifact));
    let payload = format!("/blobs/{}", Digest::of(&forged.layer));
    mirror.play(move |path, answer| match path {
        path if path.ends_with(".sig") => Answer { status: 200, body: forged.manifest.clone() },
        path if path.ends_with(&payload) => Answer { status: 200, body: forged.layer.clone() },
        _ => answer,
    });
    is_refused(&customer, "arbitrary software by another key", "signature-refused");

    mirror.serve("/log/checkpoint", old.clone().into_bytes());
    is_refused(&customer, "rollback", "log-rollback");

    // The log's own word of when it was: the second signature.
    let now = checkpoint();
    let timeless: String = now.lines().take(5).map(|line| format!("{line}\n")).collect();
    assert_eq!(timeless.lines().count() + 1, now.lines().count(), "{now}");
    mirror.serve("/log/checkpoint", timeless.into_bytes());
    is_refused(&customer, "freeze without a time", "log-freeze");
    mirror.serve("/log/checkpoint", now.into_bytes());
    until("the freeze", || {
        let output = customer.command(&["verify", "--json"]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        // As long as it is new, there is nothing wrong with it.
        (!output.status.success()).then(|| assert!(errors.contains("log-freeze"), "{errors}"))
    });
    is_refused(&customer, "freeze", "log-freeze");

    let list = "/api/v1/plugins/acme/ocr-server/releases/1.0.1";
    mirror.serve(list, vec![b' '; 8 << 20]);
    is_refused(&customer, "endless data", "endless-data");

    let of_old = acme.get("/api/v1/plugins/acme/ocr-server/releases/1.0.0");
    let of_other = of_old.clone();
    mirror.play(move |path, answer| match path == list {
        true => changed(answer, |record| {
            record["artifact"] = of_old["artifact"].clone();
            record["component"] = of_old["component"].clone();
        }),
        false => answer,
    });
    is_refused(&customer, "mix and match", "log-differs");

    mirror.serve(list, of_other.to_string().into_bytes());
    is_refused(&customer, "wrong software", "other-release");

    mirror.play(move |path, answer| match path == list {
        true => Answer {
            status: 404,
            body:
                json!({ "type": "not-found", "title": "Not found", "status": 404, "detail": "there is none" })
                    .to_string()
                    .into_bytes(),
        },
        false if path.contains("/releases?") => changed(answer, |page| {
            page["items"]
                .as_array_mut()
                .unwrap()
                .retain(|record| record["release"] != "acme:ocr-server@1.0.1")
        }),
        false => answer,
    });
    is_refused(&customer, "a release that is kept back", "release-hidden");

    let signer =
        Signer::new(fs::read_to_string(world.registry_data().join("log.key")).unwrap().trim()).unwrap();
    let seen = |note: &str| Checkpoint::open(note, signer.verifier_key()).unwrap();
    let other = signer.checkpoint(seen(&checkpoint()).size(), seen(&old).root()).unwrap();
    let seconds = Timestamp::now().as_second().unsigned_abs();
    let vouched = WitnessKey::of_log(&signer).cosign(&seen(&other), seconds);
    mirror.serve("/log/checkpoint", format!("{other}{vouched}").into_bytes());
    is_refused(&customer, "a malicious mirror's own history", "log-forked");

    let stranger = Signer::new(&Signer::generate(signer.origin())).unwrap();
    let other = stranger.checkpoint(seen(&checkpoint()).size(), seen(&checkpoint()).root()).unwrap();
    mirror.serve("/log/checkpoint", other.into_bytes());
    is_refused(&customer, "a checkpoint by another key", "log-refused");

    let key = json!({ "verifier_key": stranger.verifier_key() });
    mirror.serve("/api/v1/log", key.to_string().into_bytes());
    is_refused(&customer, "another log", "log-key-changed");

    mirror.be_honest();
    assert_eq!(plugins(), before, "nothing was installed meanwhile");
    assert_eq!(customer.ok(&["install", OCR])["release"], "acme:ocr-server@1.0.1");
    let id = acme.key().public().id().to_string();
    acme.ok(&["keys", "revoke", "acme", &id, "--from", "2020-01-01T00:00:00Z"]);
    is_refused(&customer, "a compromised key", "withdrawn");
}

#[test]
fn a_registry_is_known_by_its_log_and_not_by_its_address() {
    let (mut here, there) = (World::start(), World::start());
    for world in [&here, &there] {
        world.publisher("acme").publish(&plugin("ocr-server"));
    }
    here.customer().ok(&["install", OCR]);
    let pins = |world: &World, host: &str| {
        let lock = fs::read_to_string(world.folder.path().join(host).join("chandlery.lock")).unwrap();
        lock.matches("[[registry]]").count()
    };

    // The same log at another address is what it was.
    let mirror = Mirror::of(&here.registry.address);
    here.host.kill();
    let (host, customer) = here.host_at(&mirror.server.address, "host", &[]);
    customer.ok(&["verify"]);
    customer.ok(&["install", OCR]);
    assert_eq!(pins(&here, "host"), 1);
    drop(host);

    // Another log has a plugin of the same name, which is another plugin.
    fs::rename(here.host_data(), there.folder.path().join("moved")).unwrap();
    let (_host, customer) = there.host_at(&there.registry.address, "moved", &[]);
    is_refused(&customer, "a namesake", "other-registry");
    let (problem, _) = customer.refused(&["verify"]);
    assert_eq!(problem.r#type, "other-registry");
    customer.ok(&["uninstall", "ocr-server"]);
    customer.ok(&["install", OCR]);
    assert_eq!(pins(&there, "moved"), 2);
}
