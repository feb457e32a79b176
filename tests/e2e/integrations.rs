//! First-party integrations, each against a real HTTP server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::receiver::{Received, Receiver};
use crate::world::{Person, World, plugin, until};

/// A host with this integration and something to deploy.
fn with(name: &str, permissions: &[&str], settings: &[String]) -> World {
    let world = World::start();
    let vendor = world.vendor();
    vendor.publish(&plugin(name));
    world.publisher("mallory").publish(&plugin("hostile"));
    let customer = world.customer();
    let release = format!("chandlery:{name}");
    let mut words = vec!["install", &release];
    permissions.iter().for_each(|permission| words.extend(["--allow", *permission]));
    customer.ok(&words);
    let mut words = vec!["configure", name];
    settings.iter().for_each(|setting| words.extend(["--set", setting]));
    if !settings.is_empty() {
        customer.ok(&words);
    }
    customer.ok(&["install", "mallory:hostile"]);
    world
}

fn deploy(customer: &Person) {
    customer.ok(&["deploy", "hostile", "--name", "idle", "--team", "research", "--set", "attack=none"]);
}

fn kinds(received: &[Received], of: impl Fn(&Value) -> String) -> Vec<String> {
    received.iter().map(|received| of(&received.json())).collect()
}

#[test]
fn slack_tells_a_channel_what_happens() {
    let receiver = Receiver::start();
    let settings = [format!("url={}", receiver.url("/services"))];
    let world = with("slack", &["http:setting:url", "private-network", "secret:slack-webhook"], &settings);
    let customer = world.customer();
    // Without its secret it says what to do.
    let (_, detail, _) = customer.try_integration("slack");
    assert!(detail.contains("chandlery secrets set slack-webhook"), "{detail}");
    customer.set_secret("slack-webhook", "T000/B000/XXXX");
    let (word, detail, _) = customer.try_integration("slack");
    assert_eq!(word, "", "{detail}");
    deploy(&customer);
    customer.ok(&["remove", "idle"]);
    let received = until("three messages have come", || {
        Some(receiver.received()).filter(|received| received.len() == 3)
    });
    for message in &received {
        assert_eq!((message.method.as_str(), message.path.as_str()), ("POST", "/services/T000/B000/XXXX"));
        assert_eq!(message.header("content-type"), "application/json");
        assert!(message.json()["blocks"][0]["text"]["text"].as_str().unwrap().len() > 10);
    }
    // Planned is not among the events that it tells of unless asked.
    let texts = kinds(&received, |body| body["text"].as_str().unwrap().into());
    assert_eq!(
        texts,
        [
            ":wave: *example* on local: test",
            ":rocket: *idle* on local: rolled-out",
            ":wastebasket: *idle* on local: removed"
        ]
    );
    assert!(received[1].json().to_string().contains("research"), "{:?}", received[1]);
    assert!(!world.host_texts("select event from deliveries").is_empty());
}

#[test]
fn a_webhook_is_signed_and_delivered_until_it_is_taken() {
    let key = b"32 bytes that nobody else knows!";
    let away = Arc::new(AtomicBool::new(true));
    let is_away = away.clone();
    let receiver = Receiver::answering(move |_| match is_away.load(Ordering::Relaxed) {
        true => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        false => StatusCode::ACCEPTED.into_response(),
    });
    let settings = [format!("url={}", receiver.url("/hooks"))];
    let mut world =
        with("webhook", &["http:setting:url", "private-network", "secret:webhook-signing"], &settings);
    world.customer().set_secret("webhook-signing", &format!("whsec_{}", BASE64.encode(key)));
    deploy(&world.customer());
    until("an attempt has failed", || (receiver.received().len() >= 2).then_some(()));
    let standing = world.customer().ok(&["integrations", "list"]);
    assert!(standing["items"][0]["problem"].as_str().unwrap().contains("status 503"), "{standing}");
    // What waits outlives the host.
    world.restart_host();
    away.store(false, Ordering::Relaxed);
    let customer = world.customer();
    until("all is delivered", || {
        let standing = customer.ok(&["integrations", "list"])["items"][0].clone();
        (standing["delivered"] == 2 && standing["waiting"] == 0).then_some(())
    });
    let mut ids = std::collections::BTreeSet::new();
    for hook in receiver.received() {
        // As the specification has it: <https://www.standardwebhooks.com>.
        let (id, timestamp) = (hook.header("webhook-id"), hook.header("webhook-timestamp"));
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(&hook.body);
        let expected = format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()));
        assert_eq!(hook.header("webhook-signature"), expected, "{hook:?}");
        assert!(timestamp.parse::<u64>().unwrap() > 1_700_000_000);
        ids.insert(id.to_owned());
    }
    // Each event has one identity, however often it was sent.
    assert_eq!(ids.len(), 2);
    let received = receiver.received();
    let last = kinds(&received, |body| body["type"].as_str().unwrap().into());
    assert!(
        last.contains(&"deployment.planned".into()) && last.contains(&"deployment.rolled_out".into()),
        "{last:?}"
    );
    assert_eq!(received[0].json()["data"]["team"], "research");
}

#[test]
fn prometheus_raises_an_alert_and_resolves_it() {
    let receiver = Receiver::start();
    let settings = [format!("url={}", receiver.url("")), r#"labels={"cluster":"lab"}"#.into()];
    let world = with("prometheus", &["http:setting:url", "private-network", "keyvalue"], &settings);
    let customer = world.customer();
    deploy(&customer);
    // Its process ends, and is started again.
    let pid = customer.ok(&["status"])[0]["replicas"][0]["pid"].to_string();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    let received = until("an alert was raised and resolved", || {
        Some(receiver.received()).filter(|received| received.len() >= 2)
    });
    let (raised, resolved) = (received[0].json()[0].clone(), received[1].json()[0].clone());
    assert_eq!((received[0].method.as_str(), received[0].path.as_str()), ("POST", "/api/v2/alerts"));
    let labels = json!({
        "alertname": "ChandleryDeployment", "cluster": "lab", "deployment": "idle", "target": "local",
        "severity": "warning", "team": "research",
    });
    // Alertmanager knows it again by its labels and its beginning.
    assert_eq!((&raised["labels"], &resolved["labels"]), (&labels, &labels));
    assert_eq!(raised["startsAt"], resolved["startsAt"]);
    assert!(raised.get("endsAt").is_none() && resolved["endsAt"].is_string(), "{raised} {resolved}");
    assert!(raised["annotations"]["description"].as_str().unwrap().contains("idle-0"), "{raised}");
}

#[test]
fn calls_are_counted_for_prometheus() {
    let receiver = Receiver::start();
    let settings = [format!("url={}", receiver.url("/hooks"))];
    let world =
        with("webhook", &["http:setting:url", "private-network", "secret:webhook-signing"], &settings);
    world.customer().ok(&["plan", "hostile", "--set", "attack=none"]);
    world.customer().refused(&["plan", "hostile", "--set", "attack=panic"]);
    let (status, text) = world.get(&format!("http://{}/metrics", world.host.address), &[]);
    assert_eq!(status, 200);
    for line in [
        r#"chandlery_plugin_calls_total{plugin="mallory:hostile",function="plan",outcome="ok"} 1"#,
        r#"chandlery_plugin_calls_total{plugin="mallory:hostile",function="plan",outcome="panicked"} 1"#,
        r#"chandlery_plugin_call_seconds_count{plugin="mallory:hostile",function="plan"} 2"#,
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}
