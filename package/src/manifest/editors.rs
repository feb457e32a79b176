//! `docs/schemas/chandlery.toml.json`, by which editors complete and check manifests, says what the type does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Value, json};
use utoipa::PartialSchema;

use super::tests::EXAMPLE;
use super::{FILE_NAME, Manifest};
use crate::component::CONTRACTS;
use crate::{Kind, Meter};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn schema() -> Value {
    let text = std::fs::read_to_string(root().join("docs/schemas/chandlery.toml.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn validator() -> Validator {
    let schema = schema();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// The fields of an object that a schema describes.
fn fields(schema: &Value) -> BTreeSet<String> {
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

/// The same of a type of ours.
fn fields_of<T: PartialSchema>() -> BTreeSet<String> {
    fields(&serde_json::to_value(T::schema()).unwrap())
}

fn read(toml: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Value>(toml).unwrap()).unwrap()
}

/// The manifests of the repository, each with its path.
fn manifests() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["plugins", "tests/fixtures", "cli/starters"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path().join(FILE_NAME);
            if let Ok(text) = std::fs::read_to_string(&path) {
                found.push((path, text.replace("{{plugin}}", "acme:hello")));
            }
        }
    }
    found
}

#[test]
fn every_field_is_described() {
    let schema = schema();
    assert_eq!(fields(&schema), fields_of::<Manifest>());
    assert_eq!(fields(&schema["definitions"]["meter"]), fields_of::<Meter>());
    for (name, field) in schema["properties"].as_object().unwrap() {
        assert!(field["description"].is_string(), "{name}");
    }
    assert_eq!(schema["properties"]["kind"]["enum"], json!(Kind::ALL));
    assert_eq!(schema["properties"]["contract"]["enum"], json!(CONTRACTS));
}

#[test]
fn our_own_manifests_are_as_it_says() {
    let (validator, manifests) = (validator(), manifests());
    assert!(manifests.len() > 12, "{manifests:?}");
    for (path, text) in manifests {
        let faults: Vec<String> = validator
            .iter_errors(&read(&text))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{}: {faults:#?}", path.display());
    }
}

#[test]
fn what_the_type_refuses_the_schema_does() {
    let validator = validator();
    let meter = "[[meters]]\nunit = \"tokens\"\nport = \"http\"\nseries = \"a_total\"\n";
    let metered = format!("{EXAMPLE}\n{meter}");
    for right in [EXAMPLE, metered.as_str()] {
        assert!(validator.is_valid(&read(right)) && Manifest::from_toml(right).is_ok(), "{right}");
    }
    for wrong in [
        EXAMPLE.replace("title", "titel"),
        EXAMPLE.replace("\"template\"", "\"plugin\""),
        EXAMPLE.replace("acme:ocr-server", "ocr-server"),
        EXAMPLE.replace("1.0.0", "1.0.0+dirty"),
        EXAMPLE.replace("\"integer\"", "\"whole number\""),
        EXAMPLE.replace("license", "permissions = [\"http:*\"]\nlicense"),
        EXAMPLE.replace("OCR server", ""),
        metered.replace("tokens", "gpu-hour"),
        metered.replace("series", "serie"),
        metered.replace("a_total", "1_total"),
    ] {
        assert!(Manifest::from_toml(&wrong).is_err(), "{wrong}");
        assert!(!validator.is_valid(&read(&wrong)), "{wrong}");
    }
}
