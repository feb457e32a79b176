//! A plugin's worst, tried one by one: each ends in an error of its own, while another plugin's plan goes on beside it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::world::{World, plugin};

/// Ends the bystander however the attacks end.
struct Finish<'a>(&'a AtomicBool);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn every_attack_ends_in_its_own_error_and_harms_nobody() {
    let world = World::start();
    world.publisher("mallory").publish(&plugin("hostile"));
    world.publisher("acme").publish(&plugin("ocr-server"));
    let customer = world.customer();
    customer.ok(&["install", "mallory:hostile"]);
    customer.ok(&["install", "acme:ocr-server"]);
    let expected = customer.ok(&["plan", "ocr-server"])["digest"].clone();

    let attacks = [
        ("endless-loop", "deadline", "ran longer than 1000 ms"),
        ("eat-memory", "memory-limit", "more than 64 MiB of memory"),
        ("recursion", "stack-limit", "more than 512 KiB of stack"),
        ("huge-result", "output-limit", "answered with more than 4 MiB"),
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
        }
        drop(finish);
        bystander.join().unwrap()
    });
    assert!(beside > 0);

    // Words alone are no harm: they are cut off, and the plan is made.
    customer.ok(&["plan", "hostile", "--set", "attack=flood-log"]);
    // And the attacker still answers who asks it politely.
    customer.ok(&["plan", "hostile", "--set", "attack=none"]);
}
