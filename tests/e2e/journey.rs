//! The whole way: publish, search, install, plan, deploy, use, meter, change, remove.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::world::{World, plugin, until, workspace};

/// What the picture says.
pub const TEXT: &str = "Chandlery fits out fleets";

fn status(world: &World) -> Value {
    world.customer().ok(&["status", "ocr"])[0].clone()
}

#[test]
fn a_picture_is_read_by_a_server_that_a_plugin_deployed() {
    let world = World::start();
    let acme = world.publisher("acme");
    let published = acme.publish(&plugin("ocr-server"));
    let customer = world.customer();

    let found = customer.ok(&["search", "ocr", "pictures"]);
    assert_eq!(found["items"][0]["release"], "acme:ocr-server@1.0.0");
    assert_eq!(customer.ok(&["search", "ocr", "unicorns"])["items"], json!([]));

    let shown = customer.text(&["install", "acme:ocr-server@^1"]);
    for check in
        ["checkpoint signed", "key logged", "release logged", "signature", "content", "manifest", "compiled"]
    {
        assert!(shown.contains(check), "{check} is not among the checks: {shown}");
    }
    let (problem, _) = customer.refused(&["install", "acme:ocr-server@^2"]);
    assert_eq!(problem.r#type, "no-release");

    let (problem, _) = customer.refused(&["plan", "ocr-server", "--set", "port=80"]);
    assert!(problem.detail.contains("/port: 80 is less than the minimum of 1024"), "{problem:?}");
    let plan = ["plan", "ocr-server", "--name", "ocr", "--set", "port=19003"];
    let planned = customer.ok(&plan);
    assert_eq!(customer.ok(&plan)["digest"], planned["digest"], "the same again, byte for byte");
    assert_eq!(planned["exists"], false);

    let deployed = customer.ok(&["deploy", "ocr-server", "--name", "ocr", "--set", "port=19003"]);
    assert_eq!(deployed["health"], "ready");
    assert_eq!(deployed["plan_digest"], planned["digest"]);
    assert_eq!(deployed["artifact"], published["artifact"]);
    let address = deployed["endpoints"][0]["address"].as_str().unwrap().to_owned();
    assert!(read_picture(&address).contains(TEXT));

    let planned = customer.ok(&[
        "plan",
        "ocr-server",
        "--name",
        "ocr",
        "--set",
        "port=19003",
        "--set",
        "memory_mib=2048",
    ]);
    let changes = json!([{ "path": "server.resources.memory-mib", "before": "1536", "after": "2048" }]);
    assert_eq!(planned["changes"], changes);
    assert!(!customer.ok(&["logs", "ocr"])["items"][0]["lines"].as_array().unwrap().is_empty());
    until("usage is counted", || (customer.ok(&["usage"])["sent"].as_i64() > Some(0)).then_some(()));

    // A change replaces the process, on the same port.
    let first = deployed["replicas"][0]["pid"].clone();
    customer.ok(&[
        "deploy",
        "ocr-server",
        "--name",
        "ocr",
        "--set",
        "port=19003",
        "--set",
        "log_level=debug",
    ]);
    let changed = status(&world);
    assert_eq!((&changed["revision"], &changed["health"]), (&json!(2), &json!("ready")));
    assert_ne!(changed["replicas"][0]["pid"], first);
    assert_eq!(changed["endpoints"][0]["address"], address.as_str());

    let pid = changed["replicas"][0]["pid"].as_i64().unwrap();
    customer.ok(&["remove", "ocr"]);
    assert_eq!(customer.ok(&["status"]), json!([]));
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    assert!(!world.host_data().join("local/logs/ocr").exists(), "its logs are gone");
    assert_eq!(std::fs::read_dir(world.host_data().join("local/replicas")).unwrap().count(), 0);
    let (problem, code) = customer.refused(&["status", "ocr"]);
    assert_eq!((problem.r#type.as_str(), code), ("no-deployment", 6));
}

/// Has the picture read by the server at an address.
pub fn read_picture(address: &str) -> String {
    let file = format!("image_file=@{}", workspace().join("tests/fixtures/picture.png").display());
    let output =
        Command::new("curl").args(["-sS", "-F", &file, &format!("http://{address}/ocr")]).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    answer
        .as_object()
        .unwrap()
        .values()
        .filter_map(|line| line["rec_txt"].as_str())
        .collect::<Vec<_>>()
        .join(" ")
}
