//! What each parser accepts, as small as it can be.

use std::io::{Cursor, Write as _};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chandlery_package::component::MANIFEST_SECTION;
use chandlery_package::plan::example::workload;
use chandlery_package::plan::{Check, EnvValue, EnvVar, Plan, Probe, Runtime, Volume, VolumeKind, Workload};
use chandlery_package::{Digest, Licence, Manifest};
use serde_json::{Map, Value, json};
use wasm_encoder::{ComponentSection as _, CustomSection};

use crate::trust;

/// The challenge that [`passkey`] answers unless it is told another one: 32 bytes of zero.
pub const PASSKEY_CHALLENGE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// What a registry of `https://plugins.example.com` keeps of it.
pub const PASSKEY_ASKED: &str = r#"{"rs":{"policy":"required","exclude_credentials":[],
    "challenge":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","credential_algorithms":["ES256"],"require_resident_key":false,
    "authenticator_attachment":null,"extensions":{},"allow_synchronised_authenticators":true}}"#;
/// An attestation object of the format `none`, by a key on P-256, for that site's name.
const PASSKEY_ATTESTATION: &str = "a363666d74646e6f6e656761747453746d74a06861757468446174615894ea6ec10a05693cf769a66f094a2abdcd62b2f734eb23a7b01be54c25a8c8ce21450000000000000000000000000000000000000000001030313233343536373839616263646566a5010203262001215820f9ebe464147cc102d92324d099d927c1a50e42d57a08a116ffec0a29819d8c6522582070baf7d12888902a6a0c1d67add103123c859ab69bf8e9431c9384930d4b7eee";
/// Where its flags are, and what they say of a user who is there and was verified.
const PASSKEY_FLAGS: (usize, u8) = (62, 0x45);

/// The header of a component, which has nothing else.
pub const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

pub const MANIFEST: &str = r#"
name = "acme:ocr-server"
version = "1.0.0"
kind = "template"
contract = "0.1.0"
title = "OCR server"
description = "Reads pictures."
license = "Apache-2.0"
authors = ["Ada <ada@example.com>"]
permissions = ["secret:token"]
required = ["model"]

[parameters.port]
type = "integer"
minimum = 1
default = 9003

[parameters.model]
type = "string"
pattern = "^[a-z]+$"
enum = ["small", "large"]
"#;

pub fn manifest() -> Value {
    json!(Manifest::from_toml(MANIFEST).unwrap())
}

pub fn manifest_with(field: &str, value: Value) -> Value {
    let mut manifest = manifest();
    manifest[field] = value;
    manifest
}

/// A schema in which each definition names the next one twice, as parameters.
pub fn doubled(levels: usize) -> Value {
    let next = |level: usize| json!({ "$ref": format!("#/properties/x/$defs/d{level}") });
    let mut definitions: Map<String, Value> = (0..levels)
        .map(|level| (format!("d{level}"), json!({ "allOf": [next(level + 1), next(level + 1)] })))
        .collect();
    definitions.insert(format!("d{levels}"), json!({ "type": "string" }));
    json!({ "x": { "$ref": "#/properties/x/$defs/d0", "$defs": definitions } })
}

/// A component with this section at its end.
pub fn with_section(mut component: Vec<u8>, name: &str, data: &[u8]) -> Vec<u8> {
    CustomSection { name: name.into(), data: data.into() }.append_to_component(&mut component);
    component
}

pub fn with_manifest(component: Vec<u8>, manifest: &Value) -> Vec<u8> {
    with_section(component, MANIFEST_SECTION, manifest.to_string().as_bytes())
}

/// A section of a component, with its number and its length.
pub fn section(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number];
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(content);
    bytes
}

pub fn components() -> Vec<Vec<u8>> {
    let inner = [EMPTY, &section(4, EMPTY), &section(1, b"\0asm\x01\0\0\0")].concat();
    vec![
        with_manifest(EMPTY.to_vec(), &manifest()),
        with_manifest(inner, &manifest()),
        // The type of a function, and one of an instance with nothing in it.
        with_manifest([EMPTY, &section(7, &[2, 0x40, 0, 1, 0, 0x42, 0])].concat(), &manifest()),
    ]
}

/// A zip with these files.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The same as a .tar.gz.
pub fn tar_gz(files: &[(&str, &[u8])]) -> Vec<u8> {
    let compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(compressed);
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// Archives of a folder that was built.
pub fn archives() -> Vec<Vec<u8>> {
    let component = &components()[0];
    let files =
        [("a/chandlery.toml", MANIFEST.as_bytes()), ("a/README.md", b"x"), ("a/target/a.wasm", component)];
    vec![zip(&files), tar_gz(&files)]
}

pub fn plan(change: impl FnOnce(&mut Workload)) -> Value {
    let mut workload = workload();
    change(&mut workload);
    json!(Plan { workloads: vec![workload], notes: vec!["a note".into()] })
}

pub fn plans() -> Vec<String> {
    let container = plan(|workload| {
        workload.runtime = Runtime::Container("ghcr.io/acme/ocr:1.0".into());
        workload.env.push(EnvVar { name: "TOKEN".into(), value: EnvValue::Secret("token".into()) });
        workload.volumes.push(Volume {
            name: "models".into(),
            mount: "/models".into(),
            kind: VolumeKind::Shared("team-a.models".into()),
            read_only: true,
        });
        let check = Check::Http { port: "http".into(), path: "/health?full=1".into() };
        workload.readiness = Some(Probe { check, period_seconds: 1, timeout_seconds: 1 });
    });
    let python = plan(|workload| workload.runtime = Runtime::Python(vec!["torch[cuda]>=2, <3".into()]));
    [container, python].map(|plan| plan.to_string()).into()
}

pub fn lock() -> String {
    let digest = Digest::of("x");
    format!(
        "[[registry]]\nurl = \"http://a\"\nlog_key = \"{}\"\ncheckpoint = '''\n{}'''\n\n[[plugin]]\nrelease = \"acme:ocr@1.0.0\"\n\
         registry = \"http://a\"\ncomponent = \"{digest}\"\nartifact = \"{digest}\"\nkey = '''\n{}'''\nkey_log_index = 0\n\
         log_index = 1\nkind = \"integration\"\npermissions = [\"http:a.example\"]\ninstalled_at = \"2026-01-01T00:00:00Z\"\n",
        trust::LOG_KEY,
        trust::THREE,
        trust::PUBLIC_KEY,
    )
}

pub fn licence() -> String {
    json!({
        "iss": "log.example", "sub": "globex", "tier": "team", "deployments": 100, "elsewhere": 3, "trial": false,
        "iat": 1_000, "exp": 2_000,
    })
    .to_string()
}

pub fn licence_token() -> String {
    serde_json::from_str::<Licence>(&licence()).unwrap().sign(&trust::signer())
}

pub fn entries() -> Vec<String> {
    let (digest, key) = (Digest::of("x"), trust::key().public());
    let at = "2026-12-01T00:00:00Z";
    [
        json!({ "type": "key-added", "namespace": "acme", "key": key, "at": at }),
        json!({ "type": "key-revoked", "namespace": "acme", "key": key.id(), "from": at, "at": at }),
        json!({
            "type": "released", "release": "acme:ocr@1.0.0", "component": digest, "artifact": digest, "key": key.id(), "at": at,
        }),
        json!({
            "type": "statement", "partner": "acme", "month": "2026-11", "currency": "USD", "statement": digest, "at": at,
        }),
        json!({ "type": "withdrawn", "release": "acme:ocr@1.0.0", "reason": "it leaks", "at": at }),
        json!({ "type": "quarantined", "subject": "acme:ocr@1.0.0", "reason": "it may leak", "at": at }),
        json!({ "type": "publisher-trusted", "plugin": "acme:ocr", "publisher": publisher(), "at": at }),
        json!({
            "type": "key-bound", "release": "acme:ocr@1.0.0", "artifact": digest, "key": key, "identity": publisher(), "at": at,
        }),
    ]
    .map(|entry| entry.to_string())
    .into()
}

/// What is wrong with some versions of a plugin.
pub fn advisory() -> String {
    json!({
        "id": "ACME-2026-1", "summary": "It leaks", "aliases": ["CVE-2026-1234"],
        "affected": [{
            "package": { "ecosystem": "Chandlery", "name": "acme:ocr" },
            "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": "1.0.2" }] }],
            "versions": ["2.0.0"],
        }],
        "references": [{ "type": "FIX", "url": "https://example.com/fix" }],
        "database_specific": { "severity": "HIGH" },
    })
    .to_string()
}

/// A workload, as an owner trusts it and as its issuer vouches for it.
pub fn publisher() -> Value {
    json!({ "issuer": "https://ci.example", "claims": { "ref": "refs/tags/v1", "sub": "acme" } })
}

/// A token of an issuer.
pub const ID_TOKEN: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2NpLmV4YW1wbGUiLCJleHAiOjF9.eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA";

/// Manifests as strangers push them: of an image, and of several.
pub fn images() -> Vec<String> {
    let named = |kind: &str| json!({ "mediaType": kind, "digest": Digest::of("x"), "size": 1 });
    let index = "application/vnd.oci.image.index.v1+json";
    let image = "application/vnd.oci.image.manifest.v1+json";
    [
        json!({
            "schemaVersion": 2, "mediaType": image, "config": named("text/plain"), "layers": [named("application/wasm")],
            "subject": named(image), "annotations": { "a": "b" },
        }),
        json!({ "schemaVersion": 2, "mediaType": index, "manifests": [named(image)], "layers": null }),
    ]
    .map(|manifest| manifest.to_string())
    .into()
}

pub fn problem() -> String {
    json!({ "type": "not-found", "title": "Not there", "status": 404, "detail": "no", "remedy": "look" })
        .to_string()
}

/// The place after `["a", 1]` in a list.
pub fn cursor() -> String {
    "WyJhIiwxXQ".into()
}

pub fn offers() -> Vec<String> {
    [
        json!({ "price": { "kind": "once", "amount": { "minor": 100, "currency": "USD" } } }),
        json!({
            "price": { "kind": "monthly", "amount": { "minor": 100, "currency": "JPY" }, "per": "deployment" },
            "trial_days": 14,
        }),
        json!({
            "price": {
                "kind": "metered", "unit": "gpu-hour", "free": 10,
                "steps": [{ "up_to": 100, "price": "0.50 USD" }, { "price": "0.000001 USD" }],
            },
        }),
    ]
    .map(|offer| offer.to_string())
    .into()
}

pub fn policies() -> Vec<String> {
    vec![
        json!({
            "commission": [{ "up_to": "1000000.00 USD", "rate": "0%" }, { "rate": "15%" }],
            "volume": "trailing-year", "exceptions": { "acme:ocr": "2.5%" }, "referral": "5%", "services": "10%",
            "reserve": { "rate": "10%", "days": 90 }, "minimum": { "USD": "25.00 USD" },
        })
        .to_string(),
    ]
}

/// A bank's statement in ISO 20022, with this amount.
pub fn camt(amount: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Ntry>
        <Amt Ccy="USD">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><AcctSvcrRef>B1</AcctSvcrRef><NtryDtls>
        <TxDtls><RmtInf><Ustrd>thanks for INVOICE-7</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"#
    )
}

pub fn statements() -> Vec<String> {
    let csv =
        "id,date,amount,currency,text\r\nB1,2026-11-01,100.50,USD,\"CH-23456789AB, \"\"PAYOUT-3\"\"\"\r\n";
    vec![camt("100.5"), csv.into()]
}

/// What a browser answers that has made a passkey: at this origin, for this challenge, with the flags of a verified user or without.
pub fn passkey(origin: &str, challenge: &str, is_verified: bool) -> String {
    let client =
        json!({ "type": "webauthn.create", "challenge": challenge, "origin": origin, "crossOrigin": false });
    let mut attestation = hex::decode(PASSKEY_ATTESTATION).unwrap();
    let (place, verified) = PASSKEY_FLAGS;
    attestation[place] = if is_verified { verified } else { verified & !4 };
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    json!({
        "id": "MDEyMzQ1Njc4OWFiY2RlZg", "rawId": "MDEyMzQ1Njc4OWFiY2RlZg", "type": "public-key",
        "response": {
            "clientDataJSON": encode(client.to_string().as_bytes()), "attestationObject": encode(&attestation),
            "transports": ["internal"],
        },
        "clientExtensionResults": { "credProps": { "rk": true } },
    })
    .to_string()
}

/// What an organisation's directory sends: a person, a group, and changes of either.
pub fn directory() -> Vec<String> {
    let changes = json!({ "Operations": [
        { "op": "Replace", "path": "active", "value": "False" },
        { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "ann@corp.example" },
        { "op": "add", "path": "members", "value": [{ "value": "1" }] },
        { "op": "remove", "path": "members[value eq \"1\"]" },
        { "op": "replace", "value": { "displayName": "Makers", "name.givenName": "Ann" } },
    ] });
    let person = json!({
        "userName": "ann@corp.example", "active": true, "name": { "givenName": "Ann" },
        "emails": [{ "primary": true, "type": "work", "value": "ann@corp.example" }],
    });
    let group = json!({ "displayName": "Makers", "members": [{ "value": "1", "display": "Ann" }] });
    [changes, person, group].map(|body| body.to_string()).into()
}

/// An image of each type, without a pixel of what it would show.
pub const PICTURES: [&[u8]; 3] = [
    b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x08\0\0\0\x08\x01\0\0\0\0----\0\0\0\0IEND----",
    b"\xff\xd8\xff\xe0\0\x04--\xff\xc0\0\x11\x08\0\x08\0\x08\x03---------\xff\xda\0\x04----\xff\0--\xff\xd9",
    b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x07\0\0\x07\0\0VP8L\x05\0\0\0\x2f\x07\xc0\x01\0\0",
];
