//! What a plugin says of itself. Authors write it as `chandlery.toml`; a release carries it as JSON inside the component.

mod budget;
#[cfg(test)]
mod editors;

use std::collections::BTreeSet;

use jsonschema::{PatternOptions, ValidationError, Validator};
use semver::Version;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::meter::METERS_MAX;
use crate::name::{parse_version, semantic_version};
use crate::permission::HttpHost;
use crate::{Kind, Meter, NameError, Permission, PluginId, Release};

/// The file that authors write, beside their source.
pub const FILE_NAME: &str = "chandlery.toml";

/// The longest readme or changelog, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 << 10;
/// The longest title, and the longest entry of a list, in bytes: a line of a shop's window.
const LINE_BYTES_MAX: usize = 200;
/// The longest description, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 2_000;
/// The most authors, keywords, kinds of GPU or permissions.
const ENTRIES_MAX: usize = 50;
/// The most parameters.
const PARAMETERS_MAX: usize = 200;
/// How large a pattern of a parameter may be when it is compiled, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Why a manifest was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not TOML or JSON of the right shape.
    #[error("the manifest cannot be read: {0}")]
    Shape(String),
    /// A version that cannot be published.
    #[error("the manifest's version: {0}")]
    Version(#[from] NameError),
    /// `parameters` is not a JSON Schema.
    #[error("the manifest's parameters are not a JSON Schema: {0}")]
    Parameters(String),
    /// A default that is none that its parameter may have.
    #[error("a default of the manifest does not fit its parameter: {0}")]
    Default(String),
    /// More text than people read.
    #[error("the manifest's {what} is longer than {bytes_max} bytes")]
    TooLong {
        /// The field that is too long.
        what: &'static str,
        /// The bytes that it may have.
        bytes_max: usize,
    },
    /// More entries than a list may have.
    #[error("the manifest's {what} are {found}; at most {max} are accepted")]
    TooMany {
        /// The list that has too many entries.
        what: &'static str,
        /// How many entries it has.
        found: usize,
        /// How many it may have.
        max: usize,
    },
    /// A line that is not one, or that would take part in what a terminal does.
    #[error("the manifest's {0} holds a control character, or is empty")]
    Unprintable(&'static str),
    /// A required parameter that is not described.
    #[error("the manifest requires the parameter '{0}', which it does not describe")]
    Required(String),
    /// A permission that plugins of its kind cannot have.
    #[error("a {kind} cannot have the permission '{permission}'")]
    Permission {
        /// What it is.
        kind: Kind,
        /// What it asks for.
        permission: Permission,
    },
    /// A permission for the host in a setting that is not described.
    #[error("the manifest asks for the host in the setting '{0}', which it does not describe as a parameter")]
    Setting(String),
    /// A meter that no host can read.
    #[error("the manifest's meter of '{series}' cannot be read: {reason}")]
    Meter {
        /// The series that it names.
        series: String,
        /// What of it cannot be so.
        reason: &'static str,
    },
}

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The plugin's id, `namespace:name`.
    pub name: PluginId,
    /// The version of this release.
    #[serde(deserialize_with = "version")]
    #[schema(value_type = String)]
    pub version: Version,
    /// Which world it implements.
    pub kind: Kind,
    /// The version of the contract (`wit/`) that it was built against.
    #[serde(deserialize_with = "version")]
    #[schema(value_type = String)]
    pub contract: Version,
    /// A few words, as in a shop's window.
    pub title: String,
    /// One sentence or two.
    pub description: String,
    /// An SPDX expression.
    pub license: String,
    /// `Name <address>`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// Where the source is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Words that a search should find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// The kinds of GPU that it can use, in order of preference; none: it needs no GPU.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<String>,
    /// What it may do beyond answering, if whoever installs it agrees.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub permissions: BTreeSet<Permission>,
    /// What hosts read of the workloads in its plans, and report as units that prices can be set by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meters: Vec<Meter>,
    /// What it is and how to use it, in Markdown. `chandlery build` takes it from README.md.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readme: Option<String>,
    /// What changed from release to release, in Markdown. `chandlery build` takes it from CHANGELOG.md.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changelog: Option<String>,
    /// The names of parameters that must be given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// The parameters by name, each a JSON Schema (2020-12); a `default` makes one optional.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub parameters: Map<String, Value>,
}

impl Manifest {
    /// Reads the text of a `chandlery.toml`.
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|error| ManifestError::Shape(error.to_string()))?;
        manifest.checked()
    }

    /// Reads the form that a component carries.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| ManifestError::Shape(error.to_string()))?;
        manifest.checked()
    }

    /// The manifest, if what it says can be so.
    pub fn checked(self) -> Result<Self, ManifestError> {
        self.check_texts()?;
        parse_version(&self.version.to_string())?;
        if let Some(unknown) = self.required.iter().find(|name| !self.parameters.contains_key(*name)) {
            return Err(ManifestError::Required(unknown.clone()));
        }
        for permission in &self.permissions {
            match permission {
                _ if !permission.fits(self.kind) => {
                    let (kind, permission) = (self.kind, permission.clone());
                    return Err(ManifestError::Permission { kind, permission });
                }
                Permission::Http(HttpHost::Setting(name)) if !self.parameters.contains_key(name) => {
                    return Err(ManifestError::Setting(name.clone()));
                }
                _ => {}
            }
        }
        self.check_meters()?;
        self.validator()?;
        Ok(self)
    }

    fn check_meters(&self) -> Result<(), ManifestError> {
        must_be_few("meters", self.meters.len(), METERS_MAX)?;
        for (index, meter) in self.meters.iter().enumerate() {
            let reason = match meter.check() {
                Err(reason) => reason,
                Ok(()) if self.kind != Kind::Template => "only what a template deploys is metered",
                Ok(()) if self.meters[..index].contains(meter) => "it is there twice",
                Ok(()) => continue,
            };
            let series = meter.series.chars().filter(|c| !c.is_control()).take(LINE_BYTES_MAX).collect();
            return Err(ManifestError::Meter { series, reason });
        }
        Ok(())
    }

    fn check_texts(&self) -> Result<(), ManifestError> {
        let of_pages = [("readme", &self.readme), ("changelog", &self.changelog)];
        for (what, text) in of_pages.into_iter().filter_map(|(what, text)| Some((what, text.as_ref()?))) {
            must_fit(what, text, TEXT_BYTES_MAX)?;
        }
        must_fit("description", &self.description, DESCRIPTION_BYTES_MAX)?;
        if self.description.chars().any(|c| c.is_control() && c != '\n') {
            return Err(ManifestError::Unprintable("description"));
        }
        must_be_line("title", &self.title)?;
        must_be_line("license", &self.license)?;
        self.source.iter().try_for_each(|source| must_be_line("source", source))?;
        let lists = [("authors", &self.authors), ("keywords", &self.keywords), ("kinds of GPU", &self.gpus)];
        for (what, entries) in lists {
            must_be_few(what, entries.len(), ENTRIES_MAX)?;
            entries.iter().try_for_each(|entry| must_be_line(what, entry))?;
        }
        must_be_few("permissions", self.permissions.len(), ENTRIES_MAX)?;
        must_be_few("required parameters", self.required.len(), PARAMETERS_MAX)?;
        must_be_few("parameters", self.parameters.len(), PARAMETERS_MAX)?;
        self.parameters.keys().try_for_each(|name| must_be_line("parameter's name", name))
    }

    /// What checks parameters. Its patterns are matched in time linear in the text: the author of a pattern is not
    /// trusted with the host's time.
    pub fn validator(&self) -> Result<Validator, ManifestError> {
        let schema = self.schema();
        budget::check(&schema).map_err(ManifestError::Parameters)?;
        let refused = |error: ValidationError<'_>| ManifestError::Parameters(in_words(&error));
        jsonschema::meta::validate(&schema).map_err(refused)?;
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES_MAX);
        jsonschema::options().with_pattern_options(patterns).build(&schema).map_err(refused)
    }

    /// How often, at most, the schema of its parameters looks at a value of these.
    pub(crate) fn looks(&self, parameters: &Value) -> u64 {
        let parts = budget::check(&self.schema()).unwrap_or(u64::MAX);
        parts.saturating_mul(budget::values(parameters))
    }

    /// The release that it describes, `namespace:name@version`.
    pub fn release(&self) -> Release {
        Release { plugin: self.name.clone(), version: self.version.clone() }
    }

    /// The JSON Schema of the parameters as one object; what is not described is refused.
    pub fn schema(&self) -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": self.parameters,
            "required": self.required,
            "additionalProperties": false,
        })
    }
}

fn version<'de, D: Deserializer<'de>>(from: D) -> Result<Version, D::Error> {
    semantic_version(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

/// What is wrong with a schema, and where.
fn in_words(error: &ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    let Some(parameter) = place.strip_prefix("/properties/") else { return error.to_string() };
    match parameter.strip_suffix("/type") {
        Some(parameter) => format!(
            "{parameter}: {} is no type; the types are string, integer, number, boolean, array, object and null",
            error.instance()
        ),
        None => format!("{parameter}: {error}"),
    }
}

fn must_fit(what: &'static str, text: &str, bytes_max: usize) -> Result<(), ManifestError> {
    match text.len() <= bytes_max {
        true => Ok(()),
        false => Err(ManifestError::TooLong { what, bytes_max }),
    }
}

fn must_be_line(what: &'static str, text: &str) -> Result<(), ManifestError> {
    must_fit(what, text, LINE_BYTES_MAX)?;
    match text.is_empty() || text.chars().any(char::is_control) {
        true => Err(ManifestError::Unprintable(what)),
        false => Ok(()),
    }
}

fn must_be_few(what: &'static str, found: usize, max: usize) -> Result<(), ManifestError> {
    match found <= max {
        true => Ok(()),
        false => Err(ManifestError::TooMany { what, found, max }),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) const EXAMPLE: &str = r#"
        name = "acme:ocr-server"
        version = "1.0.0"
        kind = "template"
        contract = "0.1.0"
        title = "OCR server"
        description = "Reads pictures."
        license = "Apache-2.0"

        [parameters.port]
        type = "integer"
        minimum = 1
        default = 9003
    "#;

    #[test]
    fn toml_and_json_say_the_same() {
        let manifest = Manifest::from_toml(EXAMPLE).unwrap();
        let json = serde_json::to_vec(&manifest).unwrap();
        assert_eq!(Manifest::from_json(&json).unwrap(), manifest);
        assert_eq!(manifest.release().to_string(), "acme:ocr-server@1.0.0");
    }

    #[test]
    fn mistakes_are_named() {
        let typo = EXAMPLE.replace("title", "titel");
        assert!(
            matches!(Manifest::from_toml(&typo), Err(ManifestError::Shape(text)) if text.contains("titel"))
        );
        for (from, to, why) in [
            ("\"integer\"", "\"int\"", "port: \"int\" is no type; the types are string, integer"),
            ("minimum = 1", "minimum = \"one\"", "port/minimum: \"one\" is not of type \"number\""),
        ] {
            let refused = Manifest::from_toml(&EXAMPLE.replace(from, to)).unwrap_err();
            assert!(
                matches!(&refused, ManifestError::Parameters(text) if text.starts_with(why)),
                "{refused}"
            );
        }
        for from in ["version = \"1.0.0\"", "contract = \"0.1.0\""] {
            let short = EXAMPLE.replace(from, &from.replace(".0\"", "\""));
            let refused = Manifest::from_toml(&short).unwrap_err().to_string();
            assert!(refused.contains("is not a version: write three numbers, such as 1.0.0"), "{refused}");
        }
        let required = EXAMPLE.replace("license", "required = [\"model\"]\nlicense");
        assert_eq!(Manifest::from_toml(&required), Err(ManifestError::Required("model".into())));
        for (kind, permission) in [("template", "keyvalue"), ("policy", "secret:x")] {
            let asks = EXAMPLE.replace("\"template\"", &format!("\"{kind}\""));
            let asks = asks.replace("license", &format!("permissions = [\"{permission}\"]\nlicense"));
            assert!(matches!(Manifest::from_toml(&asks), Err(ManifestError::Permission { .. })), "{kind}");
        }
        let setting = EXAMPLE.replace("\"template\"", "\"integration\"");
        let setting = setting.replace("license", "permissions = [\"http:setting:url\"]\nlicense");
        assert_eq!(Manifest::from_toml(&setting), Err(ManifestError::Setting("url".into())));
        let build = EXAMPLE.replace("1.0.0", "1.0.0+dirty");
        assert!(matches!(Manifest::from_toml(&build), Err(ManifestError::Version(_))));
    }

    #[test]
    fn meters_are_read_and_only_of_what_templates_deploy() {
        let meter =
            "[[meters]]\nunit = \"tokens\"\nport = \"http\"\nseries = \"vllm:generation_tokens_total\"\n";
        let text = format!("{EXAMPLE}\n{meter}");
        let manifest = Manifest::from_toml(&text).unwrap();
        assert_eq!(manifest.meters, [crate::meter::tests::meter()]);
        let json = serde_json::to_vec(&manifest).unwrap();
        assert_eq!(Manifest::from_json(&json).unwrap(), manifest);
        let labelled = "labels = { model_name = \"a\" }";
        assert!(Manifest::from_toml(&format!("{text}\n{meter}\n{labelled}")).is_ok());
        for (text, why) in [
            (format!("{text}\n{meter}"), "it is there twice"),
            (text.replace("tokens\"\n", "gpu-hour\"\n"), "hosts meter hours themselves"),
            (text.replace("\"template\"", "\"policy\""), "only what a template deploys"),
            (text.replace("series", "serie"), "unknown field `serie`"),
            (text.replace("tokens\"\n", "Tokens\"\n"), "Tokens"),
            (format!("{EXAMPLE}\n{}", meter.repeat(METERS_MAX + 1)), "meters are 21"),
        ] {
            let refused = Manifest::from_toml(&text).unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn texts_and_lists_have_an_end() {
        let changed = |change: fn(&mut Manifest)| {
            let mut manifest = Manifest::from_toml(EXAMPLE).unwrap();
            change(&mut manifest);
            manifest.checked()
        };
        assert!(changed(|_| {}).is_ok());
        let changes: [fn(&mut Manifest); 12] = [
            |m| m.title = "a".repeat(8 << 20),
            |m| m.title = String::new(),
            |m| m.title = "\u{1b}]0;owned\u{7}".into(),
            |m| m.title = "two\nlines".into(),
            |m| m.description = "a".repeat(DESCRIPTION_BYTES_MAX + 1),
            |m| m.license = "a".repeat(LINE_BYTES_MAX + 1),
            |m| m.source = Some("\u{1b}[31m".into()),
            |m| m.keywords = vec!["a".into(); 1_000_000],
            |m| m.keywords = vec!["a".repeat(LINE_BYTES_MAX + 1)],
            |m| m.authors = vec!["a".into(); ENTRIES_MAX + 1],
            |m| m.readme = Some("a".repeat(TEXT_BYTES_MAX + 1)),
            |m| m.parameters = (0..=PARAMETERS_MAX).map(|at| (at.to_string(), json!({}))).collect(),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            assert!(changed(change).is_err(), "change {index}");
        }
    }

    #[test]
    fn a_pattern_cannot_take_the_hosts_time() {
        let pattern = EXAMPLE.replace("type = \"integer\"", "type = \"string\"\npattern = \"^(a+)+$\"");
        let manifest =
            Manifest::from_toml(&pattern.replace("minimum = 1\n        default = 9003", "")).unwrap();
        let text = "a".repeat(100_000) + "!";
        assert!(!manifest.validator().unwrap().is_valid(&json!({ "port": text })));
        // What only a backtracking matcher could do is refused.
        let backwards = pattern.replace("^(a+)+$", "(a)\\\\1");
        assert!(matches!(Manifest::from_toml(&backwards), Err(ManifestError::Parameters(_))), "{backwards}");
        // So is what is short to write and large to keep.
        let large = pattern.replace("^(a+)+$", "^([^a]{100}){100}$");
        assert!(matches!(Manifest::from_toml(&large), Err(ManifestError::Parameters(_))), "{large}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}") {
            prop_assert!(Manifest::from_toml(&text).is_err() && Manifest::from_json(text.as_bytes()).is_err());
        }

        #[test]
        fn a_changed_manifest_never_panics(at in 0usize..400, byte in any::<u8>()) {
            let mut json = serde_json::to_vec(&Manifest::from_toml(EXAMPLE).unwrap()).unwrap();
            let at = at % json.len();
            json[at] = byte;
            let _ = Manifest::from_json(&json);
        }
    }
}
