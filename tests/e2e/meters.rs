//! From the counter of a server to the partner's share: what a plugin's manifest meters is read, reported, charged and shared, to the
//! last unit, whatever is started anew in between.

use std::process::Command;

use chandlery_package::component::{MANIFEST_SECTION, embed};
use chandlery_package::{Component, Manifest, Month};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::person::Person;
use crate::world::{World, as_version, plugin, until};

/// A server that shows how much it has generated.
const SERVER: &str = include_str!("tokens.py");

/// The plugin with another manifest.
fn with_manifest(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut manifest = json!(Component::parse(bytes).unwrap().manifest);
    change(&mut manifest);
    let manifest = Manifest::from_json(manifest.to_string().as_bytes()).unwrap();
    embed(&without_manifest(bytes), &manifest).unwrap()
}

/// All sections but the manifest's.
fn without_manifest(bytes: &[u8]) -> Vec<u8> {
    let (mut kept, mut at) = (bytes[..8].to_vec(), 8);
    while at < bytes.len() {
        let digits = bytes[at + 1..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        let size = bytes[at + 1..=at + digits].iter().rev();
        let size = size.fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
        let (body, end) = (at + 1 + digits, at + 1 + digits + size);
        let is_manifest = bytes[at] == 0 && bytes[body + 1..end].starts_with(MANIFEST_SECTION.as_bytes());
        if !is_manifest {
            kept.extend_from_slice(&bytes[at..end]);
        }
        at = end;
    }
    kept
}

fn meters() -> Value {
    json!([
        { "unit": "tokens", "port": "http", "series": "vllm:generation_tokens_total", "labels": { "model_name": "small" } },
        { "unit": "requests", "port": "http", "series": "vllm:request_success_total" },
    ])
}

fn minor(money: &Value) -> i64 {
    money["minor"].as_i64().unwrap_or_else(|| panic!("{money}"))
}

/// A deployment of the server.
struct Llm<'a> {
    world: &'a World,
    customer: Person,
}

impl Llm<'_> {
    fn status(&self) -> Value {
        self.customer.ok(&["status", "llm"])[0].clone()
    }

    /// Once it has one replica, which is ready.
    fn replica(&self) -> Value {
        until("one replica is ready", || {
            let status = self.status();
            let replicas = status["replicas"].as_array().unwrap();
            (status["health"] == "ready" && replicas.len() == 1).then(|| replicas[0].clone())
        })
    }

    /// Asks the replica itself, whether or not its host is there.
    fn ask(&self, replica: &Value, path: &str) {
        let address = replica["addresses"]["http"].as_str().unwrap();
        let answer = self.world.send("GET", &format!("http://{address}{path}"), None, &[], "");
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Once the host has counted so much.
    fn counted(&self, tokens: u64, requests: u64) {
        until(&format!("{tokens} tokens are counted"), || {
            let units = self.customer.ok(&["usage"])["units"].clone();
            assert!(units["tokens"].as_u64().unwrap_or(0) <= tokens, "{units}");
            (units == json!({ "tokens": tokens, "requests": requests })).then_some(())
        });
    }
}

#[test]
fn what_a_servers_counter_says_is_invoiced_and_shared() {
    crate::process::within_a_day();
    let mut world = World::with_hold(0);
    world.registry.arguments = vec!["--virtual-clock".into()];
    world.restart_registry();
    let now = Timestamp::now();
    world.set_clock(&now.to_string());
    let (acme, operator) = (world.publisher("acme"), world.operator());
    acme.publish(&with_manifest(&plugin("errand"), |manifest| manifest["meters"] = meters()));

    // A price is by what is metered.
    let price = |unit: &str| {
        ["orders", "price", "acme:errand", "0.002 USD", "--free", "100", "--per", unit].map(String::from)
    };
    let words = price("pages");
    let (problem, _) = acme.refused(&words.each_ref().map(String::as_str));
    assert_eq!(
        problem.detail,
        "the newest release of 'acme:errand' meters no pages: its price can be by gpu-hour, deployment-hour, requests, \
         tokens, or by the month"
    );
    acme.ok(&price("tokens").each_ref().map(String::as_str));
    // Nor does a release that reports less take its place.
    let other = acme.file("other.wasm", &as_version(&plugin("errand"), "1.0.1"));
    let (problem, _) = acme.refused(&["publish", &other]);
    assert_eq!(problem.r#type, "not-metered", "{problem:?}");
    let customer = world.customer();
    customer.ok(&["orders", "place", "acme:errand"]);
    let told = customer.text(&["install", "acme:errand"]);
    assert!(
        told.contains("tokens: vllm:generation_tokens_total{model_name=\"small\"} at http/metrics"),
        "{told}"
    );

    let command = format!("command={}", json!(["python3", "-c", SERVER]));
    // What is metered cannot be left out of the plan.
    let (problem, _) = customer.refused(&["deploy", "errand", "--set", &command]);
    assert_eq!(problem.r#type, "not-metered", "{problem:?}");
    customer.ok(&["deploy", "errand", "--name", "llm", "--set", &command, "--set", "port=19451"]);

    let first = {
        let llm = Llm { world: &world, customer: world.customer() };
        let first = llm.replica();
        for _ in 0..3 {
            llm.ask(&first, "/generate?tokens=100.5");
        }
        // Half a token is none yet.
        llm.counted(301, 3);
        first
    };

    // What is counted while no host is there is not lost; what was counted before is not counted again.
    let url = format!("http://{}/generate?tokens=48.5", first["addresses"]["http"].as_str().unwrap());
    world.restart_host_after(|| {
        assert!(Command::new("curl").args(["-sS", "--fail", &url]).status().unwrap().success());
    });
    let llm = Llm { world: &world, customer: world.customer() };
    llm.counted(350, 4);

    // A replica that is replaced is read for the last time before it ends; the next one begins at 0.
    llm.ask(&first, "/generate?tokens=50");
    customer.ok(&["restart", "llm"]);
    let second = llm.replica();
    assert_ne!(second["id"], first["id"]);
    llm.counted(400, 5);
    llm.ask(&second, "/generate?tokens=100");
    llm.counted(500, 6);

    // So does the program of one that has died, though it passes the old mark before it is read.
    let pid = second["pid"].to_string();
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    let third = until("it runs again", || {
        let replica = llm.replica();
        (replica["restarts"] == 1 && replica["pid"] != second["pid"]).then_some(replica)
    });
    assert_eq!(third["id"], second["id"]);
    llm.ask(&third, "/generate?tokens=200");
    llm.counted(700, 7);

    // While it cannot be read, nothing is counted, which is told; then all of it is.
    llm.ask(&third, "/break");
    llm.ask(&third, "/generate?tokens=300");
    let gap = until("the gap is told", || {
        let gap = llm.replica()["unmetered"].clone();
        (!gap.is_null()).then_some(gap)
    });
    assert_eq!(gap["reason"], "GET /metrics answers 500 Internal Server Error");
    let told = customer.text(&["status", "llm"]);
    assert!(told.contains("errand-0 is not metered in full since"), "{told}");
    llm.counted(700, 7);
    llm.ask(&third, "/mend");
    llm.counted(1000, 8);
    until("the gap is over", || llm.replica()["unmetered"].is_null().then_some(()));
    customer.ok(&["remove", "llm"]);
    // What is of the future waits to be taken, and the registry's clock has stood since the beginning.
    let now = Timestamp::now();
    world.set_clock(&now.to_string());
    until("all of it is reported", || {
        let usage = customer.ok(&["usage"]);
        assert_eq!(usage["refused"], 0, "{usage}");
        (usage["waiting"] == 0).then_some(())
    });

    // 900 tokens at 0.002 USD, since 100 are free; the policy leaves 85 % to the partner.
    world.set_clock(&Month::of(now).next().first_moment().to_string());
    operator.ok(&["books", "close"]);
    let number = customer.ok(&["invoices", "list"])[0]["number"].to_string();
    let invoice = customer.ok(&["invoices", "show", &number]);
    let line = &invoice["lines"][0];
    assert_eq!(
        (&line["quantity"], &line["kind"], minor(&line["amount"])),
        (&json!("1000 tokens"), &json!("use"), 180)
    );
    assert_eq!(minor(&invoice["net"]), 180);
    let balance = || acme.ok(&["payouts", "balance", "acme"])["items"][0].clone();
    assert_eq!((minor(&balance()["accrued"]), minor(&balance()["on_hold"])), (153, 0));
    operator.ok(&["invoices", "paid", &number, "1.80 USD", "--bank-reference", "BANK-1"]);
    assert_eq!((minor(&balance()["accrued"]), minor(&balance()["on_hold"])), (0, 153));
    operator.ok(&["books", "check"]);
}
