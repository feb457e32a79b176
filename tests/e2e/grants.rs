//! Every permission: what it allows, and that nothing is allowed without it. Taking out any one of the host's checks makes
//! one of these fail.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::world::{Person, World, as_version, plugin, until};

/// What `curious` asks for.
pub const ASKS: [&str; 6] = [
    "http:setting:url",
    "private-network",
    "keyvalue",
    "secret:token",
    "deployments:read",
    "deployments:act",
];

/// A host with the plugin that tries everything.
struct Trial {
    world: World,
    author: Person,
    customer: Person,
    receiver: Receiver,
}

impl Trial {
    fn start(receiver: Receiver) -> Self {
        let world = World::start();
        let author = world.publisher("mallory");
        author.publish(&plugin("curious"));
        let customer = world.customer();
        let mut words = vec!["install", "mallory:curious"];
        ASKS.iter().for_each(|permission| words.extend(["--allow", *permission]));
        customer.ok(&words);
        customer.set_secret("token", "s3cr3t");
        Self { world, author, customer, receiver }
    }

    /// What came of trying this.
    fn attempt(&self, does: Value) -> Attempt {
        let url = format!("url={}", self.receiver.url("/"));
        self.customer.ok(&["configure", "curious", "--set", &url, "--set", &format!("does={does}")]);
        let (word, detail, uses) = self.customer.try_integration("curious");
        Attempt { word, detail, uses }
    }

    fn revoke(&self, permission: &str) {
        self.customer.ok(&["permissions", "revoke", "curious", permission]);
    }
}

#[derive(Debug)]
struct Attempt {
    word: String,
    detail: String,
    uses: Value,
}

impl Attempt {
    fn says(&self, what: &str) {
        assert!(self.detail.contains(what), "{self:?}");
    }

    /// An entry of the audit, and whether it was granted.
    fn noted(&self, permission: &str, granted: bool) {
        let found = self.uses.as_array().unwrap().iter().any(|used| {
            used["permission"].as_str().unwrap().starts_with(permission) && used["granted"] == granted
        });
        assert!(found, "{permission} {granted}: {self:?}");
    }
}

#[test]
fn requests_go_to_granted_hosts_alone() {
    let other = Receiver::start();
    let target = other.url("/stolen");
    let trial = Trial::start(Receiver::answering(move |received| match received.path.as_str() {
        "/redirect" => Redirect::temporary(&target).into_response(),
        _ => "hello".into_response(),
    }));
    let request = |url: &str| trial.attempt(json!({ "request": { "url": url } }));
    let here = trial.receiver.url("/");
    let granted = request(&here);
    granted.says("200 hello");
    granted.noted("http:setting:url", true);
    // Another port of the same machine is another host; so is another name of it.
    let refused = request(&other.url("/"));
    refused.says("HttpRequestDenied");
    refused.noted(&format!("http:{}", other.address), false);
    request(&here.replace("127.0.0.1", "localhost")).says("HttpRequestDenied");
    // What would be another host to who reads the URL otherwise.
    request(&format!("http://{}@{}/", trial.receiver.address, other.address)).says("Err");
    // A redirect is checked like any request.
    trial.attempt(json!({ "follow": { "url": trial.receiver.url("/redirect") } })).says("HttpRequestDenied");
    assert!(other.received().is_empty(), "{:?}", other.received());
    trial.revoke("http:setting:url");
    request(&here).says("HttpRequestDenied");
    assert_eq!(trial.receiver.received().len(), 2);
}

#[test]
fn private_networks_are_reached_by_permission_after_the_name_was_resolved() {
    let trial = Trial::start(Receiver::start());
    let request = |url: &str| {
        let does = json!({ "request": { "url": url } }).to_string();
        trial.customer.ok(&[
            "configure",
            "curious",
            "-s",
            &format!("url={url}"),
            "-s",
            &format!("does={does}"),
        ]);
        let (word, detail, uses) = trial.customer.try_integration("curious");
        Attempt { word, detail, uses }
    };
    let port = trial.receiver.address.rsplit(':').next().unwrap().to_owned();
    let named = format!("http://localhost:{port}/");
    request(&named).says("200");
    // Where clouds keep their machines' credentials nothing goes, whatever was granted.
    request("http://169.254.169.254/latest/meta-data").says("DestinationIpProhibited");
    trial.revoke("private-network");
    for url in [&named, &trial.receiver.url("/"), &format!("http://[::ffff:127.0.0.1]:{port}/")] {
        let refused = request(url);
        refused.says("DestinationIpProhibited");
        refused.noted("private-network", false);
    }
    assert_eq!(trial.receiver.received().len(), 1);
}

#[test]
fn a_secret_goes_where_it_is_granted_and_is_never_seen() {
    let trial = Trial::start(Receiver::answering(|_| StatusCode::NO_CONTENT.into_response()));
    let confide = || trial.attempt(json!({ "confide": { "url": trial.receiver.url("/hook") } }));
    let told = confide();
    told.says("204");
    assert!(!told.detail.contains("s3cr3t"), "{told:?}");
    told.noted("secret:token", true);
    let received = &trial.receiver.received()[0];
    assert_eq!((received.path.as_str(), received.header("authorization")), ("/hook/s3cr3t", "Bearer s3cr3t"));
    // By RFC 2104, computed elsewhere: HMAC-SHA-256 of "message" with the key "s3cr3t".
    let sign = || trial.attempt(json!({ "sign": { "message": "message" } }));
    let expected: Vec<u8> = {
        use hmac::{KeyInit as _, Mac as _};
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"s3cr3t").unwrap();
        mac.update(b"message");
        mac.finalize().into_bytes().to_vec()
    };
    sign().says(&format!("{expected:?}"));
    // At rest it is not to be read.
    for file in ["host.db", "host.db-wal"] {
        let bytes = std::fs::read(trial.world.host_data().join(file)).unwrap_or_default();
        assert!(!bytes.windows(6).any(|window| window == b"s3cr3t"), "{file}");
    }
    trial.customer.ok(&["secrets", "remove", "token"]);
    sign().says("is not set");
    trial.customer.set_secret("token", "s3cr3t");
    trial.revoke("secret:token");
    confide().says("was not granted");
    sign().says("was not granted");
    assert_eq!(trial.receiver.received().len(), 1);
}

#[test]
fn what_a_plugin_keeps_is_its_own_and_kept_by_calls_that_end_well() {
    let trial = Trial::start(Receiver::start());
    let read = |key: &str| trial.attempt(json!({ "read": { "key": key } }));
    // Trying it out tells what came of it as a problem, so nothing is kept; an event that is delivered keeps.
    trial.attempt(json!({ "keep": { "key": "a", "value": "b" } })).noted("keyvalue", true);
    read("a").says("Ok(None)");
    let panicked = trial.attempt(json!({ "keep-and-panic": { "key": "a" } }));
    assert_eq!(panicked.word, "panicked", "{panicked:?}");
    read("a").says("Ok(None)");
    let much = trial.attempt(json!({ "keep-bytes": { "bytes": 1_100_000 } }));
    assert_eq!(much.word, "keyvalue-limit", "{much:?}");
    trial.revoke("keyvalue");
    read("a").says("AccessDenied");
}

#[test]
fn deployments_are_read_and_acted_on_by_permission() {
    let trial = Trial::start(Receiver::start());
    trial.author.publish(&plugin("hostile"));
    trial.customer.ok(&["install", "mallory:hostile"]);
    trial.customer.ok(&["deploy", "hostile", "--name", "idle", "--set", "attack=none"]);
    let read = || trial.attempt(json!({ "deployments": null }));
    let scale = |replicas| {
        trial.attempt(json!({ "scale": { "name": "idle", "workload": "idle", "replicas": replicas } }))
    };
    read().says("idle");
    scale(2).says("Ok(())");
    let replicas = || trial.customer.ok(&["status"])[0]["replicas"].as_array().unwrap().len();
    until("two replicas run", || (replicas() == 2).then_some(()));
    scale(5000).says("more than 1000");
    let revision = || trial.customer.ok(&["status"])[0]["revision"].clone();
    let before = revision();
    let restart = || trial.attempt(json!({ "restart": { "name": "idle" } }));
    restart().says("Ok(())");
    assert_ne!(revision(), before);
    trial.attempt(json!({ "restart": { "name": "other" } })).says("there is no deployment 'other'");
    trial.revoke("deployments:act");
    // It is told of its own restarts, too, and has restarted it again for each.
    until("all run anew", || {
        let status = trial.customer.ok(&["status"])[0].clone();
        (status["health"] == "ready" && status["replicas"].as_array().unwrap().len() == 2).then_some(())
    });
    let now = revision();
    restart().says("was not granted");
    scale(1).says("was not granted");
    assert_eq!(revision(), now);
    assert_eq!(replicas(), 2);
    trial.revoke("deployments:read");
    let refused = read();
    refused.says("was not granted");
    refused.noted("deployments:read", false);
}

#[test]
fn requests_are_bounded_in_time_and_size() {
    let trial = Trial::start(Receiver::answering(|received| match received.path.as_str() {
        "/large" => vec![b'x'; 2 << 20].into_response(),
        _ => StatusCode::OK.into_response(),
    }));
    let request = |path: &str, bytes: usize| {
        trial.attempt(json!({ "request": { "url": trial.receiver.url(path), "bytes": bytes } }))
    };
    request("/", 1000).says("200");
    let sent = request("/", 1_100_000);
    assert_eq!(sent.word, "traffic-limit", "{sent:?}");
    request("/large", 0).says("HttpResponseBodySize");
    let calls = trial.attempt(json!({ "call-host": { "times": 20_000 } }));
    assert_eq!(calls.word, "host-call-limit", "{calls:?}");
    // A server that takes the connection and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let does = json!({ "request": { "url": url } }).to_string();
    trial.customer.ok(&["configure", "curious", "-s", &format!("url={url}"), "-s", &format!("does={does}")]);
    let (word, detail, _) = trial.customer.try_integration("curious");
    assert!(word == "deadline" || detail.contains("HttpResponseTimeout"), "{word}: {detail}");
}

#[test]
fn a_plan_hands_on_the_secrets_that_its_plugin_was_granted() {
    let world = World::start();
    let author = world.publisher("acme");
    author.publish(&plugin("confidant"));
    let customer = world.customer();
    let (problem, _) = customer.refused(&["install", "acme:confidant"]);
    assert_eq!(problem.r#type, "consent-needed", "{problem:?}");
    assert!(problem.detail.contains("hand your secret 'api-key' to what it deploys"), "{problem:?}");
    customer.ok(&["install", "acme:confidant", "--allow", "secret:api-key"]);
    let (problem, _) = customer.refused(&["deploy", "confidant"]);
    assert_eq!(problem.r#type, "no-secret", "{problem:?}");
    customer.set_secret("api-key", "k-123");
    customer.set_secret("other", "not for it");
    customer.ok(&["deploy", "confidant"]);
    let logs = || customer.text(&["logs", "confidant"]);
    until("it has its secret", || logs().contains("API_KEY=k-123").then_some(()));
    let uses = customer.ok(&["permissions", "uses", "confidant"]);
    assert_eq!(uses["items"][0]["permission"], "secret:api-key", "{uses}");
    // One that it was not granted is refused, whatever the plan says.
    let (problem, _) = customer.refused(&["deploy", "confidant", "--no-wait", "--set", "secret=other"]);
    assert_eq!(problem.r#type, "not-granted", "{problem:?}");
    // And one that was taken from it is not handed on again, not even to what was planned before.
    customer.ok(&["permissions", "revoke", "confidant", "secret:api-key"]);
    let (problem, _) = customer.refused(&["plan", "confidant"]);
    assert_eq!(problem.r#type, "not-granted", "{problem:?}");
    customer.ok(&["restart", "confidant", "--no-wait"]);
    until("it waits", || {
        let replicas = customer.ok(&["status"])[0]["replicas"].to_string();
        replicas.contains("waits for the secret 'api-key'").then_some(())
    });
}

#[test]
fn a_release_that_asks_for_more_stops_and_asks() {
    let world = World::start();
    let author = world.publisher("mallory");
    author.publish(&plugin("curious"));
    let customer = world.customer();
    let (problem, _) = customer.refused(&["install", "mallory:curious", "--allow", "keyvalue"]);
    assert_eq!(problem.r#type, "consent-needed", "{problem:?}");
    assert!(problem.detail.contains("restart and scale what is deployed here"), "{problem:?}");
    assert!(!problem.detail.contains("keep data of its own"), "{problem:?}");
    let remedy = problem.remedy.as_ref().unwrap();
    assert!(remedy.contains("--allow secret:token") && remedy.contains("--deny PERMISSION"), "{problem:?}");
    // Nothing agrees to whatever it is, and what is passed instead is named.
    let wholesale = customer.command(&["install", "mallory:curious", "--yes"]).output().unwrap();
    let said = String::from_utf8_lossy(&wholesale.stderr);
    assert!(!wholesale.status.success() && said.contains("--allow PERMISSION"), "{said}");
    assert_eq!(customer.ok(&["permissions", "show"])["items"], json!([]));
    // What is left out for good is denied.
    let mut words = vec!["install", "mallory:curious", "--deny", "deployments:act"];
    ASKS[..5].iter().for_each(|permission| words.extend(["--allow", *permission]));
    let locked = customer.ok(&words);
    assert_eq!(locked["permissions"].as_array().unwrap().len(), 5, "{locked}");
    assert_eq!(locked["revoked"], json!(["deployments:act"]));
    // The next release asks for the same: nothing is asked again, and what was denied stays so.
    author.publish(&as_version(&plugin("curious"), "1.0.1"));
    let locked = customer.ok(&["install", "mallory:curious"]);
    assert_eq!(locked["release"], "mallory:curious@1.0.1");
    assert_eq!(locked["revoked"], json!(["deployments:act"]));
    // One that asks for something new does not come in by itself.
    let more = as_version(&plugin("curious"), "1.0.2").asking_for("secret:token", "secret:trunk");
    author.publish(&more);
    let (problem, _) = customer.refused(&["install", "mallory:curious"]);
    assert_eq!(problem.r#type, "consent-needed", "{problem:?}");
    assert!(problem.detail.contains("more, for permissions") || problem.detail.contains("secret:trunk"));
    assert_eq!(
        customer.ok(&["permissions", "show", "curious"])["items"][0]["release"],
        "mallory:curious@1.0.1"
    );
    customer.ok(&["install", "mallory:curious", "--allow", "secret:trunk"]);
    let text = customer.text(&["permissions", "show", "curious"]);
    assert!(text.contains("use your secret 'trunk' in requests and signatures, unseen"), "{text}");
    // Only what it asks for can be granted.
    let (problem, _) = customer.refused(&["permissions", "grant", "curious", "secret:other"]);
    assert_eq!(problem.r#type, "not-asked", "{problem:?}");
    customer.ok(&["permissions", "grant", "curious", "deployments:act"]);
    customer.ok(&["uninstall", "curious"]);
    assert_eq!(customer.ok(&["permissions", "show"])["items"], json!([]));
}

#[test]
fn imports_without_their_permission_are_refused_before_anything_runs() {
    let world = World::start();
    let author = world.publisher("mallory");
    let bytes = plugin("curious").asking_for("\"keyvalue\",", "           ");
    let file = author.file("silent.wasm", &bytes);
    let (problem, _) = author.refused(&["publish", &file]);
    assert_eq!(problem.r#type, "invalid-component", "{problem:?}");
    assert!(problem.detail.contains("may not import wasi:keyvalue/store@0.2.0-draft"), "{problem:?}");
}

/// Changes of a component's manifest that keep its length.
trait Changed {
    fn asking_for(&self, from: &str, to: &str) -> Vec<u8>;
}

impl Changed for Vec<u8> {
    fn asking_for(&self, from: &str, to: &str) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        let at = self.windows(from.len()).rposition(|window| window == from.as_bytes()).unwrap();
        [&self[..at], to.as_bytes(), &self[at + from.len()..]].concat()
    }
}
