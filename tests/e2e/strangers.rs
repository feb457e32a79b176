//! What strangers send to a registry: each hostile component, manifest and signature ends in a refusal that says why, soon, and the
//! registry goes on as before.

use std::time::{Duration, Instant};

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
use crate::world::{World, binary, plugin};

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
