//! SIGKILL at any moment: what runs goes on, what is counted is counted once, what is published is whole or absent.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::world::{World, as_version, plugin, until};

/// More rounds for a soak: `CHANDLERY_TEST_ROUNDS=200`.
pub fn rounds(short: u64) -> u64 {
    std::env::var("CHANDLERY_TEST_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(short)
}

/// Whether there is such a process; one that nobody has waited for yet has ended all the same.
fn is_alive(pid: i64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with('Z'))
}

/// A deployment of one process that only sleeps.
fn deploy_idle(world: &World) -> Value {
    world.publisher("mallory").publish(&plugin("hostile"));
    let customer = world.customer();
    customer.ok(&["install", "mallory:hostile"]);
    customer.ok(&["deploy", "hostile", "--set", "attack=none"])
}

fn replica(status: &Value) -> &Value {
    &status[0]["replicas"][0]
}

#[test]
fn a_host_that_is_killed_adopts_its_replicas_and_counts_every_moment_once() {
    let mut world = World::start();
    let customer = world.customer();
    let deployed = deploy_idle(&world);
    let pid = deployed["replicas"][0]["pid"].as_i64().unwrap();

    for round in 0..rounds(6) {
        // Metering is every second, and sending follows it: the kills fall before, within and after.
        std::thread::sleep(Duration::from_millis(700 + 137 * round % 900));
        if round % 3 == 2 {
            world.restart_registry();
        }
        world.restart_host();
        let status = customer.ok(&["status", "hostile"]);
        assert_eq!(replica(&status)["pid"].as_i64(), Some(pid), "the same process, adopted");
        assert_eq!(replica(&status)["restarts"], 0);
    }
    customer.ok(&["remove", "hostile"]);
    assert!(!is_alive(pid), "its process is gone");
    until("all usage is sent", || (customer.ok(&["usage"])["waiting"] == 0).then_some(()));

    let events: Vec<Value> = world
        .host_texts("select body from usage_events order by id")
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    assert!(events.len() > 5, "{} events", events.len());
    for pair in events.windows(2) {
        assert_eq!(pair[0]["to"], pair[1]["from"], "no moment is lost or counted twice");
    }
    let metered: u64 = events.iter().map(|event| event["replica_millis"].as_u64().unwrap()).sum();
    let counted = registry_usage(&world);
    assert_eq!(counted["items"][0]["events"], events.len());
    assert_eq!(counted["items"][0]["replica_millis"], metered);
}

fn registry_usage(world: &World) -> Value {
    let token = format!("Bearer {}", world.customer().token());
    let (status, text) = world.get("/api/v1/usage", &[("authorization", &token)]);
    assert_eq!(status, 200);
    serde_json::from_str(&text).unwrap()
}

#[test]
fn usage_that_was_acknowledged_and_forgotten_is_not_counted_again() {
    let world = World::start();
    let customer = world.customer();
    deploy_idle(&world);
    until("some usage is acknowledged", || {
        customer.ok(&["usage"])["sent"].as_i64().filter(|sent| *sent >= 2)
    });
    customer.ok(&["remove", "hostile"]);
    until("all usage is sent", || (customer.ok(&["usage"])["waiting"] == 0).then_some(()));
    let before = registry_usage(&world);
    // As if the host had died between the registry's answer and writing it down.
    let forgotten = world.host_texts("update usage_events set sent = 0 returning id");
    assert!(forgotten.len() >= 2);
    until("all usage is sent again", || (customer.ok(&["usage"])["waiting"] == 0).then_some(()));
    assert_eq!(registry_usage(&world), before);

    // What the registry refuses for good is not sent for ever; what it takes later waits, and holds up nothing.
    for sql in [
        "insert into usage_events (id, body, sent)
         select '00000000-0000-4000-8000-000000000001',
                json_set(body, '$.id', '00000000-0000-4000-8000-000000000001',
                         '$.from', '2020-01-01T00:00:00Z', '$.to', '2020-01-01T00:00:01Z'), 0
         from usage_events limit 1",
        "insert into usage_events (id, body, sent)
         select 'ffffffff-0000-4000-8000-000000000002',
                json_set(body, '$.id', 'ffffffff-0000-4000-8000-000000000002',
                         '$.from', '2100-01-01T00:00:00Z', '$.to', '2100-01-01T00:00:01Z'), 0
         from usage_events limit 1",
    ] {
        world.change_host(sql);
    }
    until("one is refused, and one waits", || {
        let usage = customer.ok(&["usage"]);
        (usage["refused"] == 1 && usage["waiting"] == 1).then_some(())
    });
    assert_eq!(registry_usage(&world), before);
}

#[test]
fn a_replica_that_ends_while_no_host_is_there_is_not_counted_for_that_time() {
    let mut world = World::start();
    let customer = world.customer();
    let deployed = deploy_idle(&world);
    let first = deployed["replicas"][0]["pid"].as_i64().unwrap();
    until("some usage is metered", || customer.ok(&["usage"])["sent"].as_i64().filter(|sent| *sent >= 1));
    let away = Duration::from_secs(3);
    world.restart_host_after(|| {
        assert!(
            std::process::Command::new("kill").args(["-9", &first.to_string()]).status().unwrap().success()
        );
        std::thread::sleep(away);
    });
    until("it runs again", || {
        replica(&customer.ok(&["status", "hostile"]))["pid"].as_i64().filter(|pid| *pid != first)
    });
    // However much of the time before was metered.
    let gaps = until("it is metered again", || {
        let gaps = world.host_texts(
            "select cast((julianday(next_from) - julianday(until)) * 86400000 as integer) || '' from (
                 select json_extract(body, '$.to') as until, lead(json_extract(body, '$.from')) over (order by id) as next_from
                 from usage_events) where next_from > until",
        );
        (!gaps.is_empty()).then_some(gaps)
    });
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert!(gaps[0].parse::<u128>().unwrap() >= away.as_millis(), "{gaps:?}");
}

#[test]
fn a_replica_that_ends_is_started_again() {
    let world = World::start();
    let customer = world.customer();
    let deployed = deploy_idle(&world);
    let first = deployed["replicas"][0]["pid"].as_i64().unwrap();
    assert!(std::process::Command::new("kill").args(["-9", &first.to_string()]).status().unwrap().success());
    let second = until("it runs again", || {
        let status = customer.ok(&["status", "hostile"]);
        replica(&status)["pid"].as_i64().filter(|pid| *pid != first)
    });
    assert_ne!(first, second);
    let status = customer.ok(&["status", "hostile"]);
    assert_eq!(replica(&status)["restarts"], 1);
    // The same again changes nothing; a process stays.
    let again = customer.ok(&["deploy", "hostile", "--set", "attack=none"]);
    assert_eq!((&again["revision"], again["replicas"][0]["pid"].as_i64()), (&Value::from(1), Some(second)));
}

#[test]
fn a_registry_that_is_killed_in_the_middle_of_a_publish_has_the_release_whole_or_not_at_all() {
    let mut world = World::start();
    let acme = world.publisher("acme");
    let customer = world.customer();
    let bytes = plugin("ocr-server");
    let mut seen: BTreeMap<bool, u32> = BTreeMap::new();
    for round in 0..rounds(8).min(80) {
        let version = format!("{}.{}.1", 1 + round / 10, round % 10);
        let file = acme.file("plugin.wasm", &as_version(&bytes, &version));
        let mut publishing = acme.command(&["publish", &file]);
        let mut publishing = publishing
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(20 + 17 * round % 240));
        world.restart_registry();
        publishing.wait().unwrap();

        let (status, _) = world.get(&format!("/api/v1/plugins/acme/ocr-server/releases/{version}"), &[]);
        let whole = status == 200;
        *seen.entry(whole).or_default() += 1;
        let requirement = format!("acme:ocr-server@{version}");
        if whole {
            customer.ok(&["install", &requirement]);
        }
        // Publishing again succeeds, and the log and the catalog agree.
        let published = acme.publish(&as_version(&bytes, &version));
        assert_eq!(published["release"], requirement);
        assert_eq!(customer.ok(&["install", &requirement])["log_index"], published["log_index"]);
        assert_eq!(published["log_index"], round + 1, "each release has one entry");
    }
    println!("after the kill the release was whole: {seen:?}");
}
