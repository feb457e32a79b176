//! The corpus: each case by what it is, for the parser that it is meant for, with words of the refusal that it must end in.

mod plugins;
mod texts;

use chandlery_package::artifact::{Artifact, ImageManifest};
use chandlery_package::signature::SignedPayload;
use chandlery_package::{Digest, PrivateKey};
use serde_json::json;

use crate::{documents, trust};
use texts::TEXTS;

/// One input that must be refused.
pub struct Case {
    pub parser: &'static str,
    /// What it is.
    pub name: String,
    pub bytes: Vec<u8>,
    /// Words of the refusal; empty: whichever.
    pub says: &'static str,
}

/// All of them.
pub fn all() -> Vec<Case> {
    let mut cases = plugins::all();
    cases.extend(signatures().into_iter().chain(images()).chain(statements()).chain(passkeys()));
    cases.extend(pictures());
    for (parser, says, texts) in TEXTS {
        cases.extend(texts.iter().map(|text| case(parser, &format!("{text:?}"), text, says)));
    }
    cases
}

fn case(parser: &'static str, name: &str, bytes: impl AsRef<[u8]>, says: &'static str) -> Case {
    Case { parser, name: name.into(), bytes: bytes.as_ref().to_vec(), says }
}

fn signatures() -> Vec<Case> {
    let (plugin, right) = ("acme:ocr".parse().unwrap(), Digest::of("x"));
    let sign = |key: &PrivateKey, artifact| SignedPayload::sign(key, &plugin, artifact);
    let payload = sign(&trust::key(), right).payload;
    let mut manifest =
        ImageManifest::parse(&Artifact::of_signature(&sign(&trust::key(), right)).manifest).unwrap();
    let layer = manifest.layers[0].clone();
    manifest.layers = vec![layer.clone(); 17];
    let many = json!(manifest).to_string();
    manifest.layers = vec![layer];
    manifest.layers[0].size = (64 << 10) + 1;
    let large = json!(manifest).to_string();
    let of_another = sign(&PrivateKey::generate(), right).signature;
    vec![
        case(
            "signed payload",
            "of another artifact",
            sign(&trust::key(), Digest::of("y")).payload,
            "the signature is over",
        ),
        case(
            "signed payload",
            "of another type",
            payload.replace("cosign container", "other"),
            "type 'other",
        ),
        case("signed payload", "of 100,000 lists", "[".repeat(100_000), "simple-signing form"),
        case("signature", "by another key", of_another, "not made by key"),
        case("signature", "of no bytes", "", ""),
        case("signature", "that is no base64", "!", "not base64"),
        case("OCI manifest", "17 signatures", many, "at most 16"),
        case("OCI manifest", "a payload above 64 KiB", &large, "at most 65536"),
        case("OCI manifest", "a size below zero", large.replace("65537", "-1"), "not an OCI image manifest"),
        case(
            "OCI manifest",
            "a size beyond sizes",
            large.replace("65537", "18446744073709551616"),
            "not an OCI image manifest",
        ),
        case(
            "OCI manifest",
            "another version",
            large.replace("\"schemaVersion\":2", "\"schemaVersion\":1"),
            "not 2",
        ),
        case("tile of a log", "one byte too few", &trust::tile()[1..], "do not belong"),
        case(
            "tile of a log",
            "the hashes in another order",
            [&trust::tile()[32..], &trust::tile()[..32]].concat(),
            "do not belong",
        ),
        case("tile of a log", "one hash too many", [trust::tile(), vec![0; 32]].concat(), "do not belong"),
        case(
            "cosignature",
            "with another time",
            trust::cosignature().replacen("AAAA", "AAAB", 1),
            "are needed",
        ),
        case("cosignature", "100 lines that are none", "— witness.example AAAA\n".repeat(100), "are needed"),
        case(
            "checkpoint",
            "of another size",
            trust::THREE.replacen("\n3\n", "\n2\n", 1),
            "not signed by the key",
        ),
        case(
            "checkpoint",
            "of another log",
            trust::THREE.replace("log.example", "log.sample"),
            "not signed by the key",
        ),
        case(
            "checkpoint",
            "with 200 signatures",
            trust::THREE.to_owned() + &trust::cosignature().repeat(200),
            "cannot be read",
        ),
        case(
            "request to a witness",
            "64 hashes",
            asked(&format!("old 1\n{}", trust::PROOF.repeat(32))),
            "too many lines",
        ),
        case("request to a witness", "no hashes", asked("old 1\n"), "does not continue"),
        case(
            "request to a witness",
            "an old size above the new",
            asked("old 18446744073709551615\n"),
            "above the checkpoint's",
        ),
        case(
            "request to a witness",
            "an old size beyond sizes",
            asked("old 18446744073709551616\n"),
            "no old size",
        ),
        case("request to a witness", "an old size in another spelling", asked("old 01\n"), "no old size"),
        case("request to a witness", "a line that is no hash", asked("old 1\nAAAA\n"), "no hash"),
        case("request to a witness", "no empty line", "old 1\n", "no empty line"),
    ]
}

/// A request to a witness with this head.
fn asked(head: &str) -> String {
    format!("{head}\n{}", trust::THREE)
}

fn images() -> Vec<Case> {
    let whole = documents::images().remove(0);
    let layers = |count: usize| json!({ "schemaVersion": 2, "layers": vec![json!({}); count] }).to_string();
    [
        (
            "another version",
            whole.replace("\"schemaVersion\":2", "\"schemaVersion\":1"),
            "schemaVersion is 1",
        ),
        ("no version", whole.replace("schemaVersion", "version"), "missing field"),
        ("a digest that is a path", whole.replace("sha256:", "sha256:../"), "cannot be read"),
        ("a digest in capitals", whole.replace("sha256:", "SHA256:"), "cannot be read"),
        ("10,000 layers that are none", layers(10_000), "missing field"),
        (
            "layers that are a number",
            whole.replace("\"layers\":[", "\"layers\":7,\"other\":["),
            "cannot be read",
        ),
        ("100,000 lists", "[".repeat(100_000), "cannot be read"),
        ("notes of 100,000 levels", whole.replace("\"b\"", &"{\"a\":".repeat(100_000)), "recursion limit"),
    ]
    .map(|(name, text, says)| case("manifest that is pushed", name, text, says))
    .into()
}

fn pictures() -> Vec<Case> {
    let [png, jpeg, webp] = documents::PICTURES;
    let archive = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\xff\xd9";
    let inserted = |bytes: &[u8], at: usize, more: &[u8]| [&bytes[..at], more, &bytes[at..]].concat();
    let (frame, scan) = (8..27, 27..jpeg.len() - 2);
    [
        ("a JPEG that is an archive, too", [jpeg, archive].concat(), "does not end where its image does"),
        ("a JPEG with a fill byte", inserted(jpeg, frame.start, b"\xff"), "not every program"),
        (
            "a JPEG with two frames",
            inserted(jpeg, frame.end, &jpeg[frame.clone()]),
            "more than once how large",
        ),
        ("a JPEG of 101 scans", inserted(jpeg, scan.end, &jpeg[scan].repeat(100)), "100 scans"),
        ("a PNG with two heads", inserted(png, 33, &png[8..33]), "more than once how large"),
        ("a PNG that moves", inserted(png, 33, b"\0\0\0\0acTL----"), "moves"),
        ("a WebP larger than its canvas", with_byte(webp, 39, 0xff), "not as large as its canvas"),
        ("a WebP that moves", with_byte(webp, 20, 0b10), "moves"),
    ]
    .map(|(name, bytes, says)| case("image", name, bytes, says))
    .into()
}

/// The same but for one byte.
fn with_byte(bytes: &[u8], at: usize, byte: u8) -> Vec<u8> {
    [&bytes[..at], &[byte], &bytes[at + 1..]].concat()
}

fn statements() -> Vec<Case> {
    let xml = documents::camt;
    let row = |row: &str| format!("id,date,amount,currency,text\n{row}\n");
    let doctype = "<!DOCTYPE a [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>";
    let entities = xml("1").replacen("<Document", &format!("{doctype}<Document"), 1).replace("thanks", "&b;");
    [
        ("entities made of entities", entities, "camt.053"),
        ("10,000 elements that do not end", "<a>".repeat(10_000), "camt.053"),
        ("an amount by exponent", xml("1e9"), ""),
        ("an amount beyond amounts", xml("99999999999999999999"), "is too much"),
        ("an amount of three decimals", xml("1.005"), ""),
        ("a currency of two letters", xml("1").replace("USD", "US"), ""),
        ("other columns", "id,amount\n1,2\n".into(), "does not begin with"),
        ("a row too short", row("1,2"), "it has 2 columns"),
        ("a row too long", row("1,,1,USD,a,b"), "it has 6 columns"),
        ("a row without its last cell", row("1,,1,USD"), "it has 4 columns"),
        ("an amount that is none", row("1,,NaN,USD,"), "line 2"),
    ]
    .map(|(name, text, says)| case("statement of a bank", name, text, says))
    .into()
}

fn passkeys() -> Vec<Case> {
    let (site, challenge) = ("https://plugins.example.com", documents::PASSKEY_CHALLENGE);
    let right = documents::passkey(site, challenge, true);
    let lists = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    [
        ("of another site", documents::passkey("https://plugins.example.org", challenge, true), "origin"),
        (
            "of another port",
            documents::passkey("https://plugins.example.com:8443", challenge, true),
            "origin",
        ),
        ("without TLS", documents::passkey("http://plugins.example.com", challenge, true), "origin"),
        ("to another challenge", documents::passkey(site, "AAAA", true), "challenge"),
        ("of nobody verified", documents::passkey(site, challenge, false), "verified"),
        ("without an attestation", right.replace("attestationObject", "other"), "attestationObject"),
        ("of 100,000 lists", lists, "recursion limit"),
    ]
    .map(|(name, text, says)| case("answer of an authenticator", name, text, says))
    .into()
}
