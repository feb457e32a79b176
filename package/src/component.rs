//! A plugin's Wasm component: reading what it is and what it asks for, and putting the manifest into it.

use std::collections::BTreeSet;

use semver::Version;
use serde::Deserialize;
use wasm_encoder::{ComponentSection as _, CustomSection};
use wasm_metadata::AddMetadataField;
use wasmparser::{ComponentTypeRef, Encoding, Parser, Payload, TypeBounds, Validator, WasmFeatures};

use crate::{Digest, Kind, Manifest, ManifestError};

/// The custom section that holds the manifest as JSON.
pub const MANIFEST_SECTION: &str = "chandlery:manifest";
/// The largest component that is accepted. JavaScript and Python templates carry their runtimes: 12 to 18 MB.
pub const COMPONENT_BYTES_MAX: usize = 64 << 20;
/// The versions of the contract that this code serves.
pub const CONTRACTS: [Version; 1] = [Version::new(0, 1, 0)];

/// Why a component was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComponentError {
    /// Too large to be looked at.
    #[error("the component has {bytes} bytes; at most {COMPONENT_BYTES_MAX} are accepted")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not a valid component.
    #[error("not a valid Wasm component: {0}")]
    Invalid(String),
    /// A core module.
    #[error("this is a core Wasm module, not a component; `chandlery build` makes one")]
    Module,
    /// No manifest inside.
    #[error("the component carries no manifest (custom section '{MANIFEST_SECTION}')")]
    NoManifest,
    /// Two manifests: whoever reads the first and whoever reads the last would see different plugins.
    #[error("the component carries more than one manifest")]
    ManyManifests,
    /// A manifest that cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It asks for what its kind may not have.
    #[error("a {kind:?} may not import {}; it may import {}", .imports.join(", "), .allowed.join(", "))]
    Imports {
        /// What the manifest says it is.
        kind: Kind,
        /// What it asks for and may not have.
        imports: Vec<String>,
        /// What its kind may import.
        allowed: Vec<String>,
    },
    /// It lacks what its kind must offer.
    #[error("a {kind:?} must export '{export}'")]
    Exports {
        /// What the manifest says it is.
        kind: Kind,
        /// What it should export.
        export: &'static str,
    },
    /// A contract that this version does not know.
    #[error("it was built for contract {wanted}; this chandlery serves {}", list(&CONTRACTS))]
    Contract {
        /// What the manifest asks for.
        wanted: Version,
    },
}

fn list(versions: &[Version]) -> String {
    versions.iter().map(Version::to_string).collect::<Vec<_>>().join(", ")
}

/// A component that is valid, says what it is, and asks for no more than its kind may have.
#[derive(Debug, Clone)]
pub struct Component {
    /// What it says of itself.
    pub manifest: Manifest,
    /// The interfaces that it imports.
    pub imports: BTreeSet<String>,
    /// What it exports.
    pub exports: BTreeSet<String>,
    /// The digest of its bytes.
    pub digest: Digest,
}

impl Component {
    /// Reads and checks the bytes of a component.
    pub fn parse(bytes: &[u8]) -> Result<Self, ComponentError> {
        let outline = Outline::read(bytes)?;
        let manifest = match outline.manifests.as_slice() {
            [] => return Err(ComponentError::NoManifest),
            [one] => read_manifest(one)?,
            _ => return Err(ComponentError::ManyManifests),
        };
        check_world(&manifest, &outline)?;
        Ok(Self { manifest, imports: outline.imports, exports: outline.exports, digest: Digest::of(bytes) })
    }
}

struct Outline<'a> {
    imports: BTreeSet<String>,
    exports: BTreeSet<String>,
    manifests: Vec<&'a [u8]>,
}

impl<'a> Outline<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, ComponentError> {
        if bytes.len() > COMPONENT_BYTES_MAX {
            return Err(ComponentError::TooLarge { bytes: bytes.len() });
        }
        let invalid = |error: wasmparser::BinaryReaderError| ComponentError::Invalid(error.to_string());
        Validator::new_with_features(WasmFeatures::default()).validate_all(bytes).map_err(invalid)?;
        let mut outline = Self { imports: BTreeSet::new(), exports: BTreeSet::new(), manifests: Vec::new() };
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(invalid)? {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    return Err(ComponentError::Module);
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        let import = import.map_err(invalid)?;
                        // The name of a type that is known already gives nothing.
                        if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                            outline.imports.insert(import.name.name.to_owned());
                        }
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        outline.exports.insert(export.map_err(invalid)?.name.name.to_owned());
                    }
                }
                Payload::CustomSection(section) if depth == 0 && section.name() == MANIFEST_SECTION => {
                    outline.manifests.push(section.data());
                }
                _ => {}
            }
        }
        Ok(outline)
    }
}

/// The manifest, unless it is of a contract that is not served: a newer one may say what cannot be read here.
fn read_manifest(json: &[u8]) -> Result<Manifest, ComponentError> {
    #[derive(Deserialize)]
    struct OfContract {
        contract: Version,
    }
    match serde_json::from_slice(json) {
        Ok(OfContract { contract }) if !CONTRACTS.contains(&contract) => {
            Err(ComponentError::Contract { wanted: contract })
        }
        _ => Ok(Manifest::from_json(json)?),
    }
}

fn check_world(manifest: &Manifest, outline: &Outline) -> Result<(), ComponentError> {
    let allowed = allowed_imports(manifest.kind, &manifest.contract);
    let refused: Vec<_> = outline.imports.iter().filter(|name| !allowed.contains(name)).cloned().collect();
    if !refused.is_empty() {
        return Err(ComponentError::Imports { kind: manifest.kind, imports: refused, allowed });
    }
    match manifest.kind {
        Kind::Template if !outline.exports.contains("plan") => {
            Err(ComponentError::Exports { kind: manifest.kind, export: "plan" })
        }
        Kind::Template => Ok(()),
    }
}

/// The interfaces that a plugin of this kind may import. `plan-types` and `template-types` hold types alone.
pub fn allowed_imports(kind: Kind, contract: &Version) -> Vec<String> {
    let interfaces = match kind {
        Kind::Template => ["logging", "plan-types", "template-types"],
    };
    interfaces.map(|interface| format!("chandlery:plugin/{interface}@{contract}")).to_vec()
}

/// Puts the manifest into a component, and its standard fields where other tools of the ecosystem look for them.
pub fn embed(component: &[u8], manifest: &Manifest) -> Result<Vec<u8>, ComponentError> {
    if !Outline::read(component)?.manifests.is_empty() {
        return Err(ComponentError::ManyManifests);
    }
    let mut bytes = standard_fields(manifest)
        .map_err(ComponentError::Invalid)?
        .to_wasm(component)
        .map_err(|error| ComponentError::Invalid(error.to_string()))?;
    let json = serde_json::to_vec(manifest).map_err(|error| ManifestError::Shape(error.to_string()))?;
    CustomSection { name: MANIFEST_SECTION.into(), data: json.into() }.append_to_component(&mut bytes);
    Component::parse(&bytes)?;
    Ok(bytes)
}

fn standard_fields(manifest: &Manifest) -> Result<wasm_metadata::AddMetadata, String> {
    fn set<T: std::str::FromStr<Err: std::fmt::Display> + Clone + std::fmt::Debug>(
        field: &str,
        text: &str,
    ) -> Result<AddMetadataField<T>, String> {
        text.parse().map(AddMetadataField::Set).map_err(|error| format!("the manifest's {field}: {error}"))
    }
    let mut fields = wasm_metadata::AddMetadata::default();
    fields.name = AddMetadataField::Set(manifest.name.to_string());
    fields.version = set("version", &manifest.version.to_string())?;
    fields.description = set("description", &manifest.description)?;
    fields.licenses = set("license", &manifest.license)?;
    if !manifest.authors.is_empty() {
        fields.authors = set("authors", &manifest.authors.join(", "))?;
    }
    if let Some(source) = &manifest.source {
        fields.source = set("source", source)?;
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::tests::EXAMPLE;

    /// A component that imports nothing and exports nothing.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn with_manifest(text: &str) -> Vec<u8> {
        let mut bytes = EMPTY.to_vec();
        let json = serde_json::to_vec(&Manifest::from_toml(text).unwrap()).unwrap();
        CustomSection { name: MANIFEST_SECTION.into(), data: json.into() }.append_to_component(&mut bytes);
        bytes
    }

    #[test]
    fn each_lack_is_named() {
        assert_eq!(Component::parse(EMPTY).unwrap_err(), ComponentError::NoManifest);
        assert_eq!(Component::parse(b"\0asm\x01\0\0\0").unwrap_err(), ComponentError::Module);
        assert!(matches!(Component::parse(b"#!/bin/sh"), Err(ComponentError::Invalid(_))));
        assert!(matches!(Component::parse(&with_manifest(EXAMPLE)), Err(ComponentError::Exports { .. })));
        let newer = with_manifest(&EXAMPLE.replace("0.1.0", "9.0.0"));
        assert!(matches!(Component::parse(&newer), Err(ComponentError::Contract { .. })));
        // What a newer contract may say besides is not what is told.
        let mut unknown = EMPTY.to_vec();
        let json = br#"{"contract":"9.0.0","kind":"oracle","mood":"good"}"#;
        CustomSection { name: MANIFEST_SECTION.into(), data: json.into() }.append_to_component(&mut unknown);
        assert!(matches!(Component::parse(&unknown), Err(ComponentError::Contract { .. })));
        let mut twice = with_manifest(EXAMPLE);
        twice.extend(&with_manifest(EXAMPLE)[EMPTY.len()..]);
        assert_eq!(Component::parse(&twice).unwrap_err(), ComponentError::ManyManifests);
    }

    proptest! {
        #[test]
        fn changed_bytes_never_panic(at in 0usize..600, byte in any::<u8>()) {
            let mut bytes = with_manifest(EXAMPLE);
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Component::parse(&bytes);
        }
    }
}
