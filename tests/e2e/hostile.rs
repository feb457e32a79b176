//! A plugin's worst, tried one by one: each ends in an error of its own, while another plugin's plan goes on beside it, and
//! leaves no trace.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chandlery_package::Component;
use chandlery_sandbox::{Limits, Request, Sandbox, SandboxError};

use crate::forge;
use crate::plans::local;
use crate::world::{World, plugin};

/// What a host is started with that meets its bound of instructions first, however busy the machine is.
const PATIENT: [&str; 2] = ["--plan-seconds", "600"];

/// How much more memory the host may have after all attacks than before: what allocators keep, and compiled code.
const GROWTH_KIB: u64 = 32 << 10;

/// Ends the bystander however the attacks end.
struct Finish<'a>(&'a AtomicBool);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn every_attack_ends_in_its_own_error_and_harms_nobody() {
    let mut world = World::start();
    world.restart_host_with(&PATIENT.map(String::from));
    let mallory = world.publisher("mallory");
    mallory.publish(&plugin("hostile"));
    mallory.publish(&forge::template(
        "tables",
        "(table 1 funcref)",
        "(if (i32.lt_s (table.grow (ref.null func) (i32.const 1000000)) (i32.const 0)) (then unreachable)) i32.const 0",
    ));
    mallory.publish(&forge::of_instances("instances", 900));
    world.publisher("acme").publish(&plugin("ocr-server"));
    let customer = world.customer();
    for name in ["mallory:hostile", "mallory:tables", "mallory:instances", "acme:ocr-server"] {
        customer.ok(&["install", name]);
    }
    let expected = customer.ok(&["plan", "ocr-server"])["digest"].clone();
    customer.ok(&["plan", "hostile", "--set", "attack=none"]);
    let before = world.host.resident_kib();

    let attacks = [
        ("endless-loop", "fuel-limit", "ran more than 1000 million instructions"),
        ("eat-memory", "memory-limit", "more than 64 MiB of memory"),
        ("recursion", "stack-limit", "more than 512 KiB of stack"),
        ("huge-result", "output-limit", "answered with more than 4 MiB"),
        ("flood-log", "log-limit", "logged more than 200 lines"),
        ("panic", "panicked", "the template's own words"),
        ("broken-plan", "invalid-plan", "'-' is not a DNS label"),
        ("problem", "no-plan", "/attack: this one is only a problem"),
    ];
    let done = AtomicBool::new(false);
    let beside = std::thread::scope(|scope| {
        let finish = Finish(&done);
        let bystander = scope.spawn(|| {
            let mut plans = 0;
            while !done.load(Ordering::Relaxed) {
                assert_eq!(world.customer().ok(&["plan", "ocr-server"])["digest"], expected);
                plans += 1;
            }
            plans
        });
        for (attack, word, says) in attacks {
            let (problem, _) = customer.refused(&["plan", "hostile", "--set", &format!("attack={attack}")]);
            assert_eq!(problem.r#type, word, "{attack}: {problem:?}");
            assert!(problem.detail.contains("mallory:hostile@1.0.0"), "{attack}: {problem:?}");
            assert!(problem.detail.contains(says), "{attack}: {problem:?}");
            // And the attacker still answers who asks it politely.
            customer.ok(&["plan", "hostile", "--set", "attack=none"]);
        }
        for (attack, word, says) in [
            ("tables", "table-limit", "wanted tables of more than 20000 elements"),
            ("instances", "instance-limit", "is made of more than 100 core instances"),
        ] {
            let (problem, _) = customer.refused(&["plan", attack]);
            assert_eq!(problem.r#type, word, "{attack}: {problem:?}");
            assert!(problem.detail.contains(says), "{attack}: {problem:?}");
        }
        drop(finish);
        bystander.join().unwrap()
    });
    assert!(beside > 0);
    let after = world.host.resident_kib();
    assert!(after < before + GROWTH_KIB, "the host had {before} KiB and has {after} KiB");
}

#[test]
fn a_plugin_that_keeps_failing_is_left_alone() {
    let world = World::start();
    world.publisher("mallory").publish(&plugin("hostile"));
    let customer = world.customer();
    customer.ok(&["install", "mallory:hostile"]);
    for _ in 0..5 {
        let (problem, _) = customer.refused(&["plan", "hostile", "--set", "attack=panic"]);
        assert_eq!(problem.r#type, "panicked", "{problem:?}");
    }
    let (problem, _) = customer.refused(&["plan", "hostile", "--set", "attack=none"]);
    assert_eq!(problem.r#type, "circuit-open", "{problem:?}");
    assert!(problem.detail.contains("has failed 5 times in a row"), "{problem:?}");
    assert!(problem.detail.contains("the template's own words"), "{problem:?}");
}

#[test]
fn more_calls_than_are_answered_are_refused() {
    let mut world = World::start();
    world.restart_host_with(&PATIENT.map(String::from));
    world.publisher("mallory").publish(&plugin("hostile"));
    world.customer().ok(&["install", "mallory:hostile"]);
    let Limits { calls_at_once, calls_waiting, .. } = Limits::default();
    let words: Vec<_> = std::thread::scope(|scope| {
        // None of them ends by itself.
        let ask = || world.plan_by_http("hostile", "endless-loop");
        let asked: Vec<_> = (0..calls_at_once + calls_waiting + 15).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    for word in &words {
        assert!(
            ["fuel-limit", "too-many-calls", "circuit-open", "busy"].contains(&word.as_str()),
            "{words:?}"
        );
    }
    assert!(words.iter().any(|word| word == "too-many-calls"), "{words:?}");
}

/// Instructions are bounded before time is, on any machine that is not very slow; so here they are not.
#[test]
fn time_is_bounded_too() {
    let limits = Limits { fuel: u64::MAX, time: Duration::from_millis(300), ..Limits::default() };
    let sandbox = Sandbox::unoptimised(limits).unwrap();
    let bytes = forge::template("endless", "", "(loop (br 0)) i32.const 0");
    let template = sandbox.load(&Component::parse(&bytes).unwrap(), &bytes).unwrap();
    let request = Request { deployment: "endless".into(), parameters: "{}".into(), target: local() };
    let answer = sandbox.plan(&template, &request);
    assert!(matches!(answer, Err(SandboxError::Deadline { limit_ms: 1200, .. })), "{answer:?}");
}

#[test]
fn a_compiler_bomb_goes_off_away_from_the_host() {
    let mut world = World::start();
    let mallory = world.publisher("mallory");
    mallory.publish(&forge::compiler_bomb("bomb", 20_000));
    world.publisher("acme").publish(&plugin("ocr-server"));
    for (flags, word, says) in [
        (["--compile-seconds", "1"], "compile-time-limit", "took more than 1 s of processor time"),
        (["--compile-mib", "1024"], "compile-memory-limit", "took more than 1024 MiB of memory"),
    ] {
        world.restart_host_with(&flags.map(String::from));
        let customer = world.customer();
        let (problem, _) = customer.refused(&["install", "mallory:bomb"]);
        assert_eq!(problem.r#type, word, "{problem:?}");
        assert!(problem.detail.contains(says), "{problem:?}");
        // The host goes on.
        customer.ok(&["install", "acme:ocr-server"]);
        customer.ok(&["plan", "ocr-server"]);
    }
}
