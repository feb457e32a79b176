//! A deployment's plan follows from its record, in whichever engine, or the difference is told.

use chandlery_package::Component;
use chandlery_sandbox::{Limits, Request, Sandbox, Worker};
use serde_json::json;

use crate::plans::local;
use crate::world::{World, plugin};

#[test]
fn what_a_deployment_records_gives_its_plan_again() {
    let world = World::start();
    world.publisher("mallory").publish(&plugin("hostile"));
    let customer = world.customer();
    customer.ok(&["install", "mallory:hostile"]);
    let deployed = customer.ok(&["deploy", "hostile", "--set", "attack=none", "--no-wait"]);

    let replayed = customer.ok(&["replay", "hostile"]);
    assert_eq!(replayed["recorded"], deployed["plan_digest"]);
    let replays = replayed["replays"].as_array().unwrap();
    assert_eq!(replays.len(), 2);
    assert!(replays.iter().all(|replay| replay["plan"] == deployed["plan_digest"]), "{replays:?}");

    // A record that was changed is told from the true one.
    world.change_host("update revisions set parameters = '{\"attack\":\"not-a-number\"}'");
    let (problem, code) = customer.refused(&["replay", "hostile"]);
    assert_eq!((problem.r#type.as_str(), code), ("other-plan", 3), "{problem:?}");
    assert!(problem.detail.contains("mallory:hostile@1.0.0"), "{problem:?}");
    assert_eq!(customer.refused(&["replay", "nothing"]).0.r#type, "no-deployment");
}

#[test]
fn a_float_that_is_not_a_number_has_the_same_bits_everywhere() {
    let cache = tempfile::tempdir().unwrap();
    let bytes = plugin("hostile");
    let component = Component::parse(&bytes).unwrap();
    let request = Request {
        deployment: "idle".into(),
        parameters: json!({ "attack": "not-a-number" }).to_string(),
        target: local(),
    };
    let first = Sandbox::new(cache.path(), Limits::default(), Worker::Here).unwrap();
    let second = Sandbox::unoptimised(Limits::default()).unwrap();
    for sandbox in [first, second] {
        let plan = sandbox.plan(&sandbox.load(&component, &bytes).unwrap(), &request).unwrap();
        assert_eq!(plan.notes, ["7ff8000000000000"]);
    }
}
