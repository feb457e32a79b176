//! Usage that can be believed: a host that lies is named each time, and whoever pays or is paid can check an invoice against what was
//! signed.

use std::collections::BTreeMap;

use chandlery_package::PrivateKey;
use chandlery_package::chain::{Chain, Head, event_digest};
use chandlery_package::wire::{HostChain, UsageEvent, UsageReport};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::world::{Answer, Person, World, plugin};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// A world whose registry has a virtual clock, where globex has ordered what acme sells by the GPU-hour.
fn world() -> World {
    let mut world = World::with_hold(0);
    world.registry.arguments = vec!["--virtual-clock".into()];
    world.restart_registry();
    set_clock(&world, "2026-01-01T00:00:00Z");
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "0.50 USD", "--per", "gpu-hour"]);
    world.customer().ok(&["orders", "place", "acme:ocr-server"]);
    set_clock(&world, "2026-01-09T00:00:00Z");
    world
}

fn set_clock(world: &World, now: &str) {
    let body = json!({ "now": now }).to_string();
    let answer = world.send("PUT", "/api/v1/clock", Some(&world.operator().token()), &JSON, body);
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// A host that the test itself is.
struct Machine<'a> {
    world: &'a World,
    person: Person,
    key: PrivateKey,
    chain: Chain,
    /// The places of its records; first, before the first one.
    heads: Vec<Head>,
    events: Vec<UsageEvent>,
}

impl<'a> Machine<'a> {
    fn register(world: &'a World, person: Person, name: &str) -> Self {
        let key = PrivateKey::generate();
        let known = known(world, &person, name, &key);
        let chain = Chain { registry: known.registry, account: known.account, host: name.into() };
        let heads = vec![chain.start()];
        assert_eq!((known.sequence, known.head), (0, heads[0].hash));
        Self { world, person, key, chain, heads, events: Vec::new() }
    }

    fn known(&self) -> HostChain {
        known(self.world, &self.person, &self.chain.host, &self.key)
    }

    /// Uses two GPUs for an hour.
    fn meter(&mut self) {
        let hour = i64::try_from(self.events.len()).unwrap();
        let from = "2026-01-05T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour);
        let event = UsageEvent {
            id: uuid::Uuid::now_v7(),
            deployment: "vision".into(),
            release: "acme:ocr-server@1.0.0".parse().unwrap(),
            from,
            to: from + SignedDuration::from_hours(1),
            replica_millis: 3_600_000,
            gpu_millis: 7_200_000,
            units: BTreeMap::new(),
            corrects: None,
        };
        let next = self.heads[self.heads.len() - 1].then(&event_digest(&self.chain.account, &event));
        self.heads.push(next);
        self.events.push(event);
    }

    /// A report of the records after so many, up to so many, which continues this record.
    fn report(&self, before: Head, from: usize, to: usize) -> UsageReport {
        let heard_at = self.known().heard_at;
        self.chain.report(&self.key, before, heard_at, self.events[from..to].to_vec())
    }

    fn send(&self, name: &str, report: &UsageReport) -> Answer {
        let path = format!("/api/v1/hosts/{name}/usage");
        self.world.send("POST", &path, Some(&self.person.token()), &JSON, json!(report).to_string())
    }

    /// Sends records after so many, up to so many, honestly.
    fn send_all(&self, from: usize, to: usize) -> Value {
        let answer = self.send(&self.chain.host, &self.report(self.heads[from], from, to));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// What is wrong with this host, as everybody is shown who may see it.
    fn incidents(&self, person: &Person) -> Vec<(String, i64)> {
        let hosts = person.ok(&["usage", "hosts"]);
        let own = hosts.as_array().unwrap().iter().find(|host| host["host"] == self.chain.host.as_str());
        let incidents = own.unwrap_or_else(|| panic!("{hosts}"))["incidents"].as_array().unwrap().clone();
        let mut named: Vec<_> = incidents
            .iter()
            .map(|incident| {
                (incident["kind"].as_str().unwrap().to_owned(), incident["times"].as_i64().unwrap())
            })
            .collect();
        named.sort();
        named
    }

    fn state(&self) -> String {
        let hosts = self.person.ok(&["usage", "hosts"]);
        let own = hosts.as_array().unwrap().iter().find(|host| host["host"] == self.chain.host.as_str());
        own.unwrap()["state"].as_str().unwrap().to_owned()
    }
}

fn known(world: &World, person: &Person, name: &str, key: &PrivateKey) -> HostChain {
    let body = json!({ "key": key.public() }).to_string();
    let path = format!("/api/v1/hosts/{name}/key");
    let answer = world.send("PUT", &path, Some(&person.token()), &JSON, body);
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn a_host_that_lies_about_its_use_is_named_each_time() {
    let world = world();
    let (customer, operator) = (world.customer(), world.operator());
    let mut host = Machine::register(&world, world.customer(), "liar");
    for _ in 0..5 {
        host.meter();
    }
    assert_eq!(host.send_all(0, 2)["accepted"], 2);
    assert_eq!(host.send_all(0, 2)["known"], 2);

    let moved = Head { hash: chandlery_package::Digest::of("x"), ..host.heads[2] };
    let mut forked = Machine::register(&world, world.customer(), "other");
    (forked.chain.host, forked.key) =
        ("liar".into(), PrivateKey::from_pem(&host.key.to_pem().unwrap()).unwrap());
    forked.heads = vec![host.heads[0]];
    forked.meter();
    let beat = host.report(host.heads[2], 2, 2);
    set_clock(&world, "2026-01-09T01:00:00Z");
    assert_eq!(host.send("liar", &beat).status, 200);
    let mut named = Vec::new();
    for (what, report, word, says) in [
        ("skipped", host.report(host.heads[3], 3, 5), "usage-gap", "record 3 of host liar is missing"),
        ("forked", forked.report(host.heads[0], 0, 1), "usage-refused", "record 1 of host liar"),
        ("rewritten", host.report(moved, 2, 3), "usage-refused", "record 2 of host liar"),
        ("replayed", beat, "usage-refused", "the report is an old one"),
    ] {
        let answer = host.send("liar", &report);
        assert_eq!((answer.status, &answer.json()["type"]), (409, &json!(word)), "{what}: {answer:?}");
        assert!(answer.text().contains(says), "{what}: {answer:?}");
        named.push((what.to_owned(), 1));
        named.sort();
        assert_eq!((host.incidents(&customer), host.incidents(&operator)), (named.clone(), named.clone()));
    }
    // Whoever has another's report cannot make it its own.
    let stranger = world.person("initech");
    stranger.register();
    let theirs = Machine::register(&world, stranger, "liar");
    let answer = theirs.send("liar", &host.report(host.heads[2], 2, 3));
    assert_eq!((answer.status, &answer.json()["type"]), (409, &json!("usage-refused")));
    assert_eq!(theirs.incidents(&theirs.person), [("unsigned".to_owned(), 1)]);
    // What it signs for, nobody says without its signature.
    let by_hand = UsageEvent { id: uuid::Uuid::now_v7(), ..host.events[0].clone() };
    let answer =
        world.send("POST", "/api/v1/usage", Some(&customer.token()), &JSON, json!([by_hand]).to_string());
    assert!(answer.text().contains("which signs what it uses"), "{answer:?}");

    // It stops: it is named, and has no licence until it reports again.
    set_clock(&world, "2026-01-17T00:00:00Z");
    let licence = || world.send("GET", "/api/v1/licence?host=liar", Some(&customer.token()), &[], "");
    assert_eq!(host.state(), "silent");
    assert_eq!((licence().status, &licence().json()["type"]), (409, &json!("host-silent")));
    assert!(customer.text(&["usage", "hosts"]).contains("liar of 'globex' has stopped reporting"));
    let (_, metrics) = world.get("/metrics", &[]);
    for kind in ["skipped", "forked", "rewritten", "replayed", "unsigned"] {
        let line = format!("chandlery_usage_incidents{{kind=\"{kind}\"}} 1");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
    host.send_all(2, 5);
    assert_eq!((host.state().as_str(), licence().status), ("reporting", 200));
    assert_eq!(host.known().head, host.heads[5].hash);
}

#[test]
fn an_invoice_agrees_with_what_was_signed_and_what_was_changed_is_found() {
    let world = world();
    let (acme, customer, operator) = (world.person("acme"), world.customer(), world.operator());
    let mut host = Machine::register(&world, world.customer(), "honest");
    for _ in 0..4 {
        host.meter();
    }
    host.send_all(0, 3);
    set_clock(&world, "2026-02-01T00:00:00Z");
    operator.ok(&["books", "close"]);
    let invoice = customer.ok(&["invoices", "list"])[0].clone();
    assert_eq!(invoice["net"]["minor"], 300, "6 GPU-hours at 0.50");
    let number = invoice["number"].to_string();

    let january = ["usage", "audit", "--month", "2026-01"];
    let sold = [&january[..], &["--customer", "globex"]].concat();
    let both = || {
        customer.ok(&["usage", "audit", "--invoice", &number]);
        acme.ok(&sold);
        customer.ok(&january)
    };
    let found = both();
    assert_eq!((&found[0]["records"], &found[0]["unsigned"]), (&json!(3), &json!(0)));
    let shown = customer.text(&["usage", "audit"]);
    assert!(
        shown.contains("what was charged is what was used") && shown.contains("6.000 gpu-hour"),
        "{shown}"
    );
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    let stranger = world.person("initech");
    stranger.register();
    assert_eq!(stranger.refused(&sold).0.r#type, "forbidden");

    // What comes late is in no root yet; the next close charges it, and logs another.
    host.send_all(3, 4);
    assert_eq!(both()[0]["late"], 1);
    set_clock(&world, "2026-03-01T00:00:00Z");
    operator.ok(&["books", "close"]);
    let found = both();
    assert_eq!((&found[0]["late"], &found[0]["records"]), (&json!(0), &json!(4)));
    operator.ok(&["books", "check"]);

    let event = host.events[0].id;
    for (what, change, back) in [
        (
            "do not make the root",
            format!("update usage_events set gpu_millis = 0 where id = '{event}'"),
            format!("update usage_events set gpu_millis = 7200000 where id = '{event}'"),
        ),
        (
            "is not what host honest has signed",
            format!("update usage_events set deployment = 'x' where id = '{event}'"),
            format!("update usage_events set deployment = 'vision' where id = '{event}'"),
        ),
        (
            "but the records say 8.000 gpu-hour",
            "update ratings set used = used + 3600000 where invoiced_in = '2026-02'".to_owned(),
            "update ratings set used = used - 3600000 where invoiced_in = '2026-02'".to_owned(),
        ),
        (
            "has lines of 3.01 USD, not of 3.00 USD",
            format!("update invoice_lines set amount_minor = amount_minor + 1 where invoice = {number}"),
            format!("update invoice_lines set amount_minor = amount_minor - 1 where invoice = {number}"),
        ),
    ] {
        world.stores.sql(&change);
        let (problem, code) = customer.refused(&january);
        assert_eq!((problem.r#type.as_str(), code), ("usage-differs", 3), "{what}");
        for person in [&customer, &acme] {
            let output = person.command(&sold).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(!output.status.success() && said.contains(what), "{what}: {said}");
        }
        world.stores.sql(&back);
        both();
    }
}

#[test]
fn a_host_keeps_its_key_to_itself() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = World::start();
    let customer = world.customer();
    crate::world::until("the host has registered its key", || {
        let hosts = customer.ok(&["usage", "hosts"]);
        hosts.as_array().unwrap().iter().any(|host| host["state"] == "reporting").then_some(())
    });
    let key = world.host_data().join("usage.key");
    assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
}
