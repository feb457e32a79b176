//! A plugin's Wasm component: reading what it is and what it asks for, and putting the manifest into it.

use std::collections::BTreeSet;

use semver::Version;
use serde::{Deserialize, Serialize};
use wasm_encoder::{ComponentSection as _, CustomSection};
use wasm_metadata::AddMetadataField;
use wasmparser::{Chunk, ComponentTypeRef, Encoding, Parser, Payload, TypeBounds, Validator, WasmFeatures};

use crate::{Digest, Kind, Manifest, ManifestError};

/// The custom section that holds the manifest as JSON.
pub const MANIFEST_SECTION: &str = "chandlery:manifest";
/// The largest component that is accepted. JavaScript and Python templates carry their runtimes: 12 to 18 MB.
pub const COMPONENT_BYTES_MAX: usize = 64 << 20;
/// The versions of the contract that this code serves.
pub const CONTRACTS: [Version; 1] = [Version::new(0, 1, 0)];
/// The newest WASI whose interfaces an integration may import.
const WASI: Version = Version::new(0, 2, 12);
/// The largest manifest, in bytes: all its texts at their longest, and its parameters.
const MANIFEST_BYTES_MAX: usize = 1 << 20;
/// How deep components may nest others. What is composed of others is two or three deep.
const NESTING_MAX: usize = 10;
/// How many sections of a component are looked at for a manifest. What is composed of others has hundreds.
const SECTIONS_MAX: usize = 10_000;

/// Why a component was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComponentError {
    /// Too large to be looked at.
    #[error("the component has {bytes} bytes; at most {COMPONENT_BYTES_MAX} are accepted")]
    TooLarge {
        /// How large it is, in bytes.
        bytes: usize,
    },
    /// Not a valid component.
    #[error("not a valid Wasm component: {0}")]
    Invalid(String),
    /// Refused by whoever looked at it for us, in these words.
    #[error("{0}")]
    Refused(String),
    /// Looking at it takes more than is given for it.
    #[error("checking the component took {0}")]
    Costly(String),
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
    #[error("this {kind} may not import {}; by its permissions it may import {}", .imports.join(", "), .allowed.join(", "))]
    Imports {
        /// What the manifest says it is.
        kind: Kind,
        /// What it imports and may not.
        imports: Vec<String>,
        /// What its kind and its permissions allow.
        allowed: Vec<String>,
    },
    /// Components inside components, too deep.
    #[error("the component nests others deeper than {NESTING_MAX} levels")]
    Nesting,
    /// It lacks what its kind must offer.
    #[error("a {kind} must export '{}'", .kind.export())]
    Exports {
        /// What the manifest says it is.
        kind: Kind,
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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
            [one] if one.len() > MANIFEST_BYTES_MAX => {
                return Err(ManifestError::TooLong { what: "JSON", bytes_max: MANIFEST_BYTES_MAX }.into());
            }
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
        let mut depth: usize = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(invalid)? {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    return Err(ComponentError::Module);
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                    depth += 1;
                    if depth > NESTING_MAX {
                        return Err(ComponentError::Nesting);
                    }
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
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

/// Whether bytes say that they are a component with a manifest inside, as `chandlery build` makes it, among the first 10,000 sections.
/// Whether they are right about that, [`Component::parse`] says.
pub fn carries_manifest(bytes: &[u8]) -> bool {
    let (mut parser, mut rest) = (Parser::new(0), bytes);
    for _ in 0..SECTIONS_MAX {
        let Ok(Chunk::Parsed { consumed, payload }) = parser.parse(rest, true) else { return false };
        // What is inside others is passed over.
        let inside = match payload {
            Payload::Version { encoding: Encoding::Module, .. } | Payload::End(_) => return false,
            Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => return true,
            Payload::ModuleSection { unchecked_range, .. }
            | Payload::ComponentSection { unchecked_range, .. } => unchecked_range.len(),
            _ => 0,
        };
        let Some(after) = rest.get(consumed + inside..) else { return false };
        rest = after;
    }
    false
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
    let allowed = allowed_imports(manifest);
    let refused: Vec<_> =
        outline.imports.iter().filter(|name| !is_allowed(name, &allowed)).cloned().collect();
    if !refused.is_empty() {
        return Err(ComponentError::Imports { kind: manifest.kind, imports: refused, allowed });
    }
    match outline.exports.contains(manifest.kind.export()) {
        true => Ok(()),
        false => Err(ComponentError::Exports { kind: manifest.kind }),
    }
}

/// Interfaces that hold types alone: importing them gives nothing.
const TYPES: [&str; 4] = ["plan-types", "template-types", "policy-types", "event-types"];

/// The interfaces that a plugin may import, by its kind and by what it asks for.
fn allowed_imports(manifest: &Manifest) -> Vec<String> {
    let settings = (manifest.kind == Kind::Integration).then_some("wasi:config/store");
    let granted = manifest.permissions.iter().flat_map(|permission| permission.interfaces());
    let mut allowed: Vec<_> = ["logging"]
        .iter()
        .chain(&TYPES)
        .map(|interface| format!("chandlery:plugin/{interface}"))
        .chain(settings.into_iter().chain(granted.copied()).map(str::to_owned))
        .map(|interface| match interface.split_once('/') {
            Some(("chandlery:plugin", _)) => format!("{interface}@{}", manifest.contract),
            Some(("wasi:config", _)) => format!("{interface}@0.2.0-rc.1"),
            Some(("wasi:keyvalue", _)) => format!("{interface}@0.2.0-draft"),
            _ => format!("{interface}@{WASI}"),
        })
        .collect();
    allowed.sort();
    allowed.dedup();
    allowed
}

/// Whether an import is an allowed one, or an older one of WASI's 0.2, which the newest serves, too.
fn is_allowed(import: &str, allowed: &[String]) -> bool {
    let served = |name: &String| {
        let older = name
            .strip_suffix(&format!("@{WASI}"))
            .and_then(|interface| import.strip_prefix(interface)?.strip_prefix('@')?.parse::<Version>().ok());
        older.is_some_and(|older| older.pre.is_empty() && older.minor == WASI.minor && older <= WASI)
    };
    allowed.iter().any(|name| name == import || served(name))
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
    fn what_is_too_large_is_not_looked_at() {
        let bytes = COMPONENT_BYTES_MAX + 1;
        assert_eq!(Component::parse(&vec![0; bytes]).unwrap_err(), ComponentError::TooLarge { bytes });
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

    #[test]
    fn whether_a_manifest_is_inside_is_told_before_it_is_checked() {
        let mut outer = EMPTY.to_vec();
        let inner = with_manifest(EXAMPLE);
        assert!(carries_manifest(&inner), "it exports nothing, which is another question");
        wasm_encoder::RawSection { id: 4, data: &inner }.append_to_component(&mut outer);
        assert!(!carries_manifest(&outer), "a manifest of what is inside is not its own");
        outer.extend(&inner[EMPTY.len()..]);
        assert!(carries_manifest(&outer));
        let of_module = [&b"\0asm\x01\0\0\0"[..], &inner[EMPTY.len()..]].concat();
        for other in [EMPTY, &of_module, &inner[..inner.len() - 1], b"", b"PK\x03\x04"] {
            assert!(!carries_manifest(other));
        }
    }

    #[test]
    fn a_manifest_behind_very_many_sections_is_not_looked_for() {
        let behind = |sections: usize| {
            [EMPTY, &b"\0\x01\0".repeat(sections), &with_manifest(EXAMPLE)[EMPTY.len()..]].concat()
        };
        assert!(carries_manifest(&behind(SECTIONS_MAX - 2)));
        assert!(!carries_manifest(&behind(SECTIONS_MAX)));
    }

    #[test]
    fn what_a_plugin_may_import_follows_from_its_permissions() {
        let manifest = |permissions: &str| {
            let text = EXAMPLE.replace("\"template\"", "\"integration\"");
            Manifest::from_toml(&text.replace("license", &format!("permissions = {permissions}\nlicense")))
                .unwrap()
        };
        let allowed =
            |permissions: &str, import: &str| is_allowed(import, &allowed_imports(&manifest(permissions)));
        for (permission, import) in [
            ("http:example.com", "wasi:http/outgoing-handler@0.2.3"),
            ("http:example.com", "wasi:io/streams@0.2.12"),
            ("keyvalue", "wasi:keyvalue/store@0.2.0-draft"),
            ("secret:token", "chandlery:plugin/secrets@0.1.0"),
            ("deployments:read", "chandlery:plugin/deployments@0.1.0"),
            ("deployments:act", "chandlery:plugin/deployments-control@0.1.0"),
        ] {
            assert!(allowed(&format!("[\"{permission}\"]"), import), "{permission} opens {import}");
            assert!(!allowed("[]", import), "{import} is closed");
        }
        for other in [
            "wasi:http/outgoing-handler@0.2.13",
            "wasi:http/outgoing-handler@0.3.0",
            "wasi:http/handler@0.2.12",
        ] {
            assert!(!allowed("[\"http:example.com\"]", other), "{other}");
        }
    }

    #[test]
    fn components_in_components_have_an_end() {
        let nested = (0..NESTING_MAX + 1).fold(EMPTY.to_vec(), |inner, _| {
            let mut outer = wasm_encoder::Component::new();
            outer.section(&wasm_encoder::RawSection { id: 4, data: &inner });
            outer.finish()
        });
        assert_eq!(Component::parse(&nested).unwrap_err(), ComponentError::Nesting);
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
