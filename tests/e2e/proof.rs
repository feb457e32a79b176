//! A visitor's own browser proves a release, and says by name what somebody between it and the registry has changed.

use std::fs;

use chandlery_package::artifact::Artifact;
use chandlery_package::log::{Checkpoint, Signer, Tree};
use chandlery_package::signature::SignedPayload;
use chandlery_package::{Digest, PrivateKey};
use serde_json::{Value, json};

use crate::chromium::Chromium;
use crate::log::witness;
use crate::mirror::{Answer, Mirror};
use crate::world::{Person, World, as_version, plugin};

const OCR: &str = "acme:ocr-server";
const PAGE: &str = "/plugins/acme/ocr-server/releases/1.0.0";
const VERDICT: &str = "[data-verdict]";
const CHECKS: [&str; 6] = ["component", "signature", "key", "logged", "checkpoint", "history"];

/// A release, a mirror between it and a browser, and the browser.
struct Visit {
    world: World,
    acme: Person,
    published: Value,
    mirror: Mirror,
    browser: Chromium,
}

impl Visit {
    fn start() -> Self {
        let world = World::start();
        let acme = world.publisher("acme");
        let published = acme.publish(&plugin("ocr-server"));
        let mirror = Mirror::of(&world.registry.address);
        let browser = Chromium::start(&mirror.server.url(""));
        Self { world, acme, published, mirror, browser }
    }

    fn artifact(&self) -> Digest {
        self.published["artifact"].as_str().unwrap().parse().unwrap()
    }

    fn checkpoint(&self) -> String {
        self.world.get("/log/checkpoint", &[]).1
    }

    fn signer(&self) -> Signer {
        let key = fs::read_to_string(self.world.registry_data().join("log.key")).unwrap();
        Signer::new(key.trim()).unwrap()
    }

    /// Has the box check the release, as the mirror shows it, until it says this.
    fn checks(&self, verdict: &str) {
        self.browser.open(PAGE);
        self.browser.click("[data-verify]:enabled");
        self.browser.until_shows(VERDICT, verdict);
    }

    /// Whether each check has come to this, in the order in which the box shows them.
    fn came_to(&self, states: [&str; 6]) {
        for (check, state) in CHECKS.iter().zip(states) {
            let (line, word) =
                (format!("[data-check={check}]"), if state == "open" { "not decided" } else { state });
            self.browser.until_shows(&format!("{line}[data-state={state}] .badge"), word);
        }
    }

    /// Whether the box refutes by this name, and proves everything but this check.
    fn refutes(&self, name: &str, check: &str) {
        self.checks(&format!("Refuted: {name}. Do not install it"));
        self.browser.until_shows(&format!("{VERDICT}.bad[role=status]"), name);
        self.browser.until_shows(&format!("[data-check={check}] strong"), name);
        self.came_to(CHECKS.map(|other| if other == check { "refuted" } else { "proved" }));
    }
}

#[test]
fn what_was_changed_on_the_way_turns_the_box_red_by_its_name() {
    let visit = Visit::start();
    visit.checks("Proved: this browser has checked all of it");
    visit.came_to(["proved", "proved", "proved", "proved", "proved", "noted"]);
    visit.browser.until_shows("[data-check=history]", "for the first time");
    visit.checks("Proved");
    visit.came_to(["proved"; 6]);
    visit.browser.until_shows(
        "[data-check=history]",
        "All 2 entries that this browser saw are still the same; 0 came since",
    );
    visit.acme.publish(&as_version(&plugin("ocr-server"), "1.0.1"));
    visit.checks("Proved");
    visit.browser.until_shows("[data-check=history]", "; 1 came since");

    let component = format!("/blobs/{}", visit.published["component"].as_str().unwrap());
    visit.mirror.play(move |path, mut answer| {
        if path.ends_with(&component) {
            let middle = answer.body.len() / 2;
            answer.body[middle] ^= 1;
        }
        answer
    });
    visit.refutes("changed component", "component");

    let artifact = format!("/manifests/{}", visit.artifact());
    visit.mirror.play(move |path, mut answer| {
        if path.ends_with(&artifact) {
            answer.body.push(b' ');
        }
        answer
    });
    visit.refutes("changed artifact", "component");

    let foreign = SignedPayload::sign(&PrivateKey::generate(), &OCR.parse().unwrap(), visit.artifact());
    let of_other = SignedPayload::sign(&visit.acme.key(), &OCR.parse().unwrap(), Digest::of("another"));
    for signed in [foreign, of_other] {
        let forged = Artifact::of_signature(&signed);
        let payload = format!("/blobs/{}", Digest::of(&forged.layer));
        visit.mirror.play(move |path, answer| match path {
            path if path.ends_with(".sig") => Answer { status: 200, body: forged.manifest.clone() },
            path if path.ends_with(&payload) => Answer { status: 200, body: forged.layer.clone() },
            _ => answer,
        });
        visit.refutes("foreign signature", "signature");
    }

    let entry = format!("/log/tile/entries/000.p/{}", visit.published["log_index"].as_u64().unwrap() + 1);
    visit.mirror.play(move |path, mut answer| {
        if path == entry {
            let text = String::from_utf8_lossy(&answer.body)
                .replace("acme:ocr-server@1.0.0", "acme:ocr-server@1.0.9");
            answer.body = text.into_bytes();
        }
        answer
    });
    visit.checks("Refuted: not in the log");
    visit.came_to(["proved", "proved", "refuted", "refuted", "proved", "proved"]);

    visit.mirror.be_honest();
    visit.checks("Proved");
    visit.came_to(["proved"; 6]);
    let name = visit.acme.key().public().id().to_string();
    visit.acme.ok(&["keys", "revoke", "acme", &name, "--from", "2020-01-01T00:00:00Z"]);
    visit.refutes("revoked key", "key");
}

#[test]
fn a_forked_log_is_told_apart_from_a_log_whose_key_was_replaced() {
    let visit = Visit::start();
    let old = visit.checkpoint();
    visit.acme.publish(&as_version(&plugin("ocr-server"), "1.0.1"));
    visit.checks("Proved");
    let now = visit.checkpoint();
    let signer = visit.signer();
    let seen = |note: &str| Checkpoint::open(note, signer.verifier_key()).unwrap();
    let (size, root) = (seen(&now).size(), seen(&now).root());

    // Signed by the log's own key: the same size with another root, and fewer entries than before.
    let forked = signer.checkpoint(size, seen(&old).root()).unwrap();
    visit.mirror.serve("/log/checkpoint", forked.clone().into_bytes());
    visit.checks("forked log");
    visit.came_to(["proved", "proved", "refuted", "refuted", "proved", "refuted"]);
    visit.browser.click("[data-check=history] summary");
    for signed in [&now, &forked] {
        visit.browser.until_shows("[data-check=history] details", signed.lines().nth(2).unwrap());
    }
    visit.mirror.serve("/log/checkpoint", old.into_bytes());
    visit.refutes("log went back", "history");
    visit.mirror.serve("/log/checkpoint", now.replacen("\n3\n", "\n4\n", 1).into_bytes());
    visit.checks("Refuted: unsigned checkpoint");
    visit.came_to(["proved", "proved", "open", "open", "refuted", "open"]);

    // By another key: a history that goes on is for the visitor to judge, any other is refuted.
    let stranger = Signer::new(&Signer::generate(signer.origin())).unwrap();
    let serve = |note: String| {
        let info = json!({ "verifier_key": stranger.verifier_key() }).to_string();
        visit.mirror.play(move |path, answer| match path {
            "/api/v1/log" => Answer { status: 200, body: info.clone().into_bytes() },
            "/log/checkpoint" => Answer { status: 200, body: note.clone().into_bytes() },
            _ => answer,
        });
    };
    serve(stranger.checkpoint(size, seen(&forked).root()).unwrap());
    visit.checks("another log");
    serve(stranger.checkpoint(size, root).unwrap());
    visit.checks("Nothing is refuted, and 1 of 7 checks could not be decided here");
    visit.came_to(["proved", "proved", "proved", "proved", "proved", "open"]);
    for key in [signer.verifier_key(), stranger.verifier_key()] {
        visit.browser.until_shows("[data-check=history]", key);
    }
    visit.browser.click("[data-check=history] button");
    visit.browser.until_shows(VERDICT, "Proved");
    visit.mirror.be_honest();
    visit.checks("could not be decided");
}

#[test]
fn a_false_cosignature_turns_the_box_red_and_one_that_is_missing_is_said() {
    let mut visit = Visit::start();
    visit.checks("Proved");
    visit.browser.until_shows("[data-check=witnesses][data-state=noted]", "asks no witness");
    let (one, id) = witness(&visit.world, "one");
    let (two, other_id) = witness(&visit.world, "two");
    let at = |id: &str, address: &str| format!("{id}@http://{address}");
    let asked = [at(&id, &one.address), at(&other_id, &two.address)];
    visit.world.restart_registry_with(&["--witness", &asked[0], "--witness", &asked[1]].map(str::to_owned));
    visit.checks("Proved: this browser has checked all of it");
    let proved = "[data-check=witnesses][data-state=proved]";
    visit.browser.until_shows(proved, "Cosigned by 2 of 2 witnesses: one.example, two.example.");

    let note = visit.checkpoint();
    let own = note.lines().find(|line| line.starts_with("— one.example ")).unwrap().to_owned();
    let (name, signature) = own.rsplit_once(' ').unwrap();
    let (begin, end) = signature.split_at(40);
    let other = if end.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{name} {begin}{other}{}", &end[1..]);
    visit.mirror.serve("/log/checkpoint", note.replace(&own, &forged).into_bytes());
    visit.checks("Refuted: false cosignature");
    visit.browser.until_shows("[data-check=witnesses][data-state=refuted]", "of one.example that");
    visit.mirror.serve("/log/checkpoint", note.replace(&format!("{own}\n"), "").into_bytes());
    visit.checks("Nothing is refuted, and 1 of 7 checks could not be decided here");
    visit.browser.until_shows(
        "[data-check=witnesses][data-state=open]",
        "Cosigned by 1 of 2 witnesses: two.example. Not by one.example.",
    );
}

#[test]
fn what_a_browser_cannot_check_is_said_and_not_taken_for_proved() {
    let visit = Visit::start();
    visit.browser.open(PAGE);
    visit.browser.run(
        "crypto.subtle.importKey = () => Promise.reject(new DOMException('', 'NotSupportedError')); arguments[0]();",
    );
    visit.browser.click("[data-verify]:enabled");
    visit.browser.until_shows(
        &format!("{VERDICT}.warning"),
        "cannot check Ed25519 signatures. The commands below do the same",
    );
    assert!(!visit.browser.has("[data-state]"), "nothing is checked in part");

    // What costs something is given to those who have it.
    visit.acme.ok(&["orders", "price", OCR, "9.00 USD"]);
    visit.checks("Nothing is refuted, and 1 of 7 checks could not be decided here");
    visit.came_to(["open", "proved", "proved", "proved", "proved", "noted"]);

    let without = Chromium::without_scripts(&visit.mirror.server.url(""));
    without.open(PAGE);
    without.until_shows("main", "cosign verify --key acme.pub");
    assert!(without.has("[data-verify]:disabled"));
}

#[test]
fn the_browser_computes_the_trees_that_the_package_computes() {
    let visit = Visit::start();
    let entries: Vec<String> = (0..600).map(|number| format!("entry {number}")).collect();
    let root = |entries: &[String]| {
        let mut tree = Tree::default();
        entries.iter().for_each(|entry| tree.push(entry.as_bytes()).unwrap());
        tree.root().unwrap().hex()
    };
    let mut tree = Tree::default();
    let roots: Vec<String> = entries
        .iter()
        .map(|entry| {
            tree.push(entry.as_bytes()).unwrap();
            tree.root().unwrap().hex()
        })
        .collect();
    let blocks: Vec<String> = entries.chunks_exact(256).map(root).collect();
    visit.browser.open(PAGE);
    let vectors = json!({ "roots": roots, "blocks": blocks });
    let script = format!("const vectors = {vectors};\n{}", include_str!("proof_tree.js"));
    assert_eq!(visit.browser.run(&script), json!([]));
}
