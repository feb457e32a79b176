//! What strangers send to a registry: each hostile component, manifest and signature ends in a refusal that says why, soon, and the
//! registry goes on as before.

use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chandlery_package::artifact::{Artifact, ImageManifest};
use chandlery_package::component::MANIFEST_SECTION;
use chandlery_package::problem::Problem;
use chandlery_package::signature::{SignedPayload, signature_tag};
use chandlery_package::wire::NewRelease;
use chandlery_package::{Component, ComponentError, Digest, Manifest};
use chandlery_sandbox::{Worker, inspect};
use serde_json::{Map, Value, json};
use wasm_encoder::{ComponentSection as _, CustomSection};

use crate::person::Person;
use crate::world::{Answer, World, binary, plugin};

/// The header of a component, which has nothing else.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";
/// A component type and an instance type, in WebAssembly's binary format.
const TYPES: [u8; 2] = [0x41, 0x42];
/// How long a refusal may take on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// A component with a type inside a type, so many levels deep.
fn nested(kind: u8, levels: usize) -> Vec<u8> {
    // One declaration, which is a type.
    let mut types = [kind, 1, 1].repeat(levels);
    types.extend([kind, 0]);
    let mut section = vec![1];
    section.extend(types);
    let mut bytes = EMPTY.to_vec();
    bytes.push(7);
    leb128(&mut bytes, section.len());
    bytes.extend(section);
    bytes
}

fn leb128(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn with_manifest(mut component: Vec<u8>, manifest: &Value) -> Vec<u8> {
    let json = manifest.to_string().into_bytes();
    CustomSection { name: MANIFEST_SECTION.into(), data: json.into() }.append_to_component(&mut component);
    component
}

fn manifest() -> Value {
    let text = "name = \"mallory:forged\"\nversion = \"1.0.0\"\nkind = \"template\"\ncontract = \"0.1.0\"\n\
                title = \"Forged\"\ndescription = \"Forged.\"\nlicense = \"Apache-2.0\"\n";
    json!(Manifest::from_toml(text).unwrap())
}

fn manifest_with(field: &str, value: Value) -> Value {
    let mut manifest = manifest();
    manifest[field] = value;
    manifest
}

/// A schema in which each definition names the next one twice.
fn doubled(levels: usize) -> Value {
    let next = |level: usize| json!({ "$ref": format!("#/properties/x/$defs/d{level}") });
    let mut definitions: Map<String, Value> = (0..levels)
        .map(|level| (format!("d{level}"), json!({ "allOf": [next(level + 1), next(level + 1)] })))
        .collect();
    definitions.insert(format!("d{levels}"), json!({ "type": "string" }));
    json!({ "x": { "$ref": "#/properties/x/$defs/d0", "$defs": definitions } })
}

/// What the registry says when these bytes are to become a release.
fn publish(world: &World, mallory: &Person, bytes: &[u8], signatures: usize) -> Result<Value, Problem> {
    // What the artifact says of its component is not what is looked at.
    let other = Component::parse(&plugin("ocr-server")).unwrap();
    let artifact = Artifact::of_component(&other, bytes.to_vec());
    let signed = SignedPayload::sign(&mallory.key(), &"mallory:forged".parse().unwrap(), artifact.digest());
    let mut signature = Artifact::of_signature(&signed);
    let mut layers = ImageManifest::parse(&signature.manifest).unwrap();
    layers.layers = vec![layers.layers[0].clone(); signatures];
    signature.manifest = serde_json::to_vec(&layers).unwrap();
    world.runtime.block_on(async {
        mallory.push("mallory/forged", "1.0.0", &artifact).await.unwrap();
        mallory.push("mallory/forged", &signature_tag(artifact.digest()), &signature).await.unwrap();
    });
    let new = NewRelease { version: "1.0.0".parse().unwrap(), artifact: artifact.digest() };
    let answer = world.send(
        "POST",
        "/api/v1/plugins/mallory/forged/releases",
        Some(&mallory.token()),
        &[("content-type", "application/json")],
        serde_json::to_vec(&new).unwrap(),
    );
    match answer.status {
        201 => Ok(answer.json()),
        _ => Err(serde_json::from_slice(&answer.body).unwrap()),
    }
}

#[test]
fn hostile_components_and_manifests_are_refused_by_name() {
    let world = World::start();
    let mallory = world.publisher("mallory");
    let refused = |bytes: &[u8], says: &str| {
        let started = Instant::now();
        let problem = publish(&world, &mallory, bytes, 1).expect_err(says);
        assert_eq!((problem.r#type.as_str(), problem.status), ("invalid-component", 422), "{problem:?}");
        assert!(problem.detail.contains(says), "{says}: {problem:?}");
        assert!(started.elapsed() < SOON, "{says}: {:?}", started.elapsed());
    };
    for kind in TYPES {
        for levels in [2_000, 100_000, 2_000_000] {
            refused(&with_manifest(nested(kind, levels), &manifest()), "");
        }
    }
    for levels in [14, 26, 45, 1_000] {
        let manifest = manifest_with("parameters", doubled(levels));
        refused(&with_manifest(EMPTY.to_vec(), &manifest), "parameters");
    }
    for (field, value) in [
        ("title", json!("a".repeat(8 << 20))),
        ("title", json!("\u{1b}]0;owned\u{7}")),
        ("keywords", json!(vec!["a"; 100_000])),
        ("description", json!("a".repeat(3_000))),
        ("authors", json!(vec!["a"; 1_000])),
        ("license", json!("")),
    ] {
        refused(&with_manifest(EMPTY.to_vec(), &manifest_with(field, value)), "manifest's");
    }
    // Whoever comes next finds a registry as it was.
    world.publisher("acme").publish(&plugin("ocr-server"));
}

#[test]
fn only_so_many_signatures_are_looked_at() {
    let world = World::start();
    let mallory = world.publisher("mallory");
    let bytes = crate::forge::template("forged", "", "unreachable");
    for signatures in [17, 40, 999] {
        let problem = publish(&world, &mallory, &bytes, signatures).unwrap_err();
        assert!(problem.detail.contains("at most 16"), "{signatures}: {problem:?}");
    }
}

#[test]
fn a_worker_dies_of_what_a_server_must_not() {
    let worker = Worker::Process { program: binary(), words: vec!["work".into()] };
    for kind in TYPES {
        let outcome = inspect(&worker, &with_manifest(nested(kind, 200_000), &manifest()));
        assert!(
            matches!(outcome, Err(ComponentError::Costly(_) | ComponentError::Refused(_))),
            "{outcome:?}"
        );
    }
    let bytes = plugin("ocr-server");
    let found = inspect(&worker, &bytes).unwrap();
    assert_eq!(found.digest, Digest::of(&bytes));
    assert_eq!(found.manifest, Component::parse(&bytes).unwrap().manifest);
}

/// The ways to show a registry a wrong secret: what answers a wrong one, and the request.
const WRONG: [(&str, u16, &str, &str, (&str, &str), &str); 9] = [
    ("a password at the API", 401, "GET", "/api/v1/account/tokens", ("authorization", "Basic NAME"), ""),
    ("a token at the API", 401, "GET", "/api/v1/account/tokens", ("authorization", "Bearer chy_wrong"), ""),
    ("a password at the OCI API", 401, "GET", "/v2/", ("authorization", "Basic NAME"), ""),
    ("a token at the OCI API", 401, "GET", "/v2/", ("authorization", "Bearer chy_wrong"), ""),
    ("a password for an OCI token", 401, "GET", "/token", ("authorization", "Basic NAME"), ""),
    (
        "a form for an OCI token",
        401,
        "POST",
        "/token",
        ("content-type", "application/x-www-form-urlencoded"),
        "username=NAME&password=a+wrong+password",
    ),
    (
        "the form of the log-in",
        401,
        "POST",
        "/login",
        ("content-type", "application/x-www-form-urlencoded"),
        "name=NAME&password=a+wrong+password",
    ),
    (
        "a log-in",
        401,
        "POST",
        "/api/v1/tokens",
        ("content-type", "application/json"),
        r#"{"name":"NAME","password":"a wrong password"}"#,
    ),
    (
        "a registration",
        409,
        "POST",
        "/api/v1/accounts",
        ("content-type", "application/json"),
        r#"{"name":"globex","password":"a wrong password"}"#,
    ),
];

/// Shows a wrong secret for an account in one of these ways, from an address behind the proxy.
fn show(world: &World, way: usize, account: &str, from: &str) -> Answer {
    let (_, _, method, path, (header, value), body) = WRONG[way];
    let basic = BASE64_STANDARD.encode(format!("{account}:a wrong password"));
    let value = value.replace("NAME", &basic);
    let origin = world.origin();
    let headers = [(header, value.as_str()), ("x-forwarded-for", from), ("origin", origin.as_str())];
    world.send(method, path, None, &headers, body.replace("NAME", account))
}

fn behind_a_proxy() -> World {
    let mut world = World::start();
    world.restart_registry_with(&["--trusted-proxies", "127.0.0.1"].map(str::to_owned));
    world
}

#[test]
fn wrong_secrets_are_counted_wherever_they_are_shown() {
    let world = behind_a_proxy();
    for (way, (what, wrong, _, path, ..)) in WRONG.iter().enumerate() {
        let (account, from) = (format!("victim-of-{}", way + 1), format!("198.51.100.{way}"));
        // A minute may end in the middle.
        let answers: Vec<Answer> = (0..61).map(|_| show(&world, way, &account, &from)).collect();
        assert_eq!(answers[0].status, *wrong, "{what}: {}", answers[0].text());
        let refused = answers.iter().find(|answer| answer.status == 429);
        let refused = refused.unwrap_or_else(|| panic!("{what} was never refused"));
        assert!((1..=61).contains(&refused.header("retry-after").parse::<u64>().unwrap()), "{what}");
        match path.starts_with("/v2/") || *path == "/token" {
            true => assert_eq!(refused.code(), "TOOMANYREQUESTS", "{what}"),
            false => assert_eq!(refused.json()["type"], "too-many", "{what}"),
        }
    }
    // All ways count together; and a session that is wrong counts, though its visitor is only nobody.
    let mut counted = 0;
    while show(&world, counted % WRONG.len(), &format!("victim-{}", counted + 1), "203.0.113.1").status != 429
    {
        counted += 1;
        assert!(counted < 61, "wrong secrets in different ways are not one count");
    }
    let session = [("cookie", "chandlery_session=chy_wrong"), ("x-forwarded-for", "203.0.113.2")];
    (0..61).for_each(|_| assert_eq!(world.get("/account", &session).0, 303));
    assert_eq!(show(&world, 7, "another-victim", "203.0.113.2").status, 429);
}

#[test]
fn strangers_do_not_lock_an_owner_out() {
    let world = behind_a_proxy();
    let owner = world.customer();
    let log_in = |from: &str| {
        let body = json!({ "name": owner.name, "password": owner.password() }).to_string();
        let headers = [("content-type", "application/json"), ("x-forwarded-for", from)];
        world.send("POST", "/api/v1/tokens", None, &headers, body).status
    };
    assert_eq!(log_in("203.0.113.7, 198.51.100.1"), 201, "from where its owner is known from now on");
    let statuses: Vec<u16> =
        (0..61).map(|last| show(&world, 7, &owner.name, &format!("192.0.2.{last}")).status).collect();
    assert!(statuses[..30].iter().all(|status| *status == 401), "{statuses:?}");
    assert!(statuses.contains(&429), "many addresses are one flood: {statuses:?}");
    assert_eq!(log_in("198.51.100.1"), 201);
    let elsewhere = [("x-forwarded-for", "192.0.2.200")];
    assert_eq!(world.send("GET", "/api/v1/account/tokens", Some(&owner.token()), &elsewhere, "").status, 200);
    assert_eq!(world.send("GET", "/api/v1/account/tokens", Some("chy_wrong"), &elsewhere, "").status, 401);
}

#[test]
fn an_address_that_no_proxy_vouches_for_is_not_believed() {
    let world = World::start();
    let statuses: Vec<u16> =
        (0..61).map(|last| show(&world, 1, "", &format!("192.0.2.{last}")).status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    // IPv6 is counted by the network of 64 bits.
    let world = behind_a_proxy();
    let statuses: Vec<u16> =
        (0..61).map(|last| show(&world, 1, "", &format!("2001:db8::{last}")).status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(show(&world, 1, "", "2001:db8:0:1::1").status, 401);
}
