//! Names: `acme` (a namespace), `ocr-server` (a plugin's), `acme:ocr-server` (its id), `acme:ocr-server@1.0.0` (one
//! release) and `acme:ocr-server@^1` (a requirement). The form is the Wasm ecosystem's `namespace:name@version`.

use std::fmt;
use std::str::FromStr;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

/// The longest namespace or plugin name, in bytes: both become DNS labels and OCI path components.
pub const NAME_BYTES_MAX: usize = 40;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a kebab-case word.
    #[error("'{0}' is not a name: use lower-case letters, digits and single dashes, beginning with a letter")]
    Characters(String),
    /// Longer than [`NAME_BYTES_MAX`].
    #[error("'{0}' is longer than {NAME_BYTES_MAX} characters")]
    Length(String),
    /// Not of the form `namespace:name`.
    #[error("'{0}' is not a plugin: write namespace:name, such as acme:ocr-server")]
    Plugin(String),
    /// Not a semantic version, or one with build metadata, which an OCI tag cannot carry.
    #[error("'{text}' is not a version: {reason}")]
    Version {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What a word of [`word`] matches.
const WORD: &str = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$";

/// A kebab-case word: `[a-z][a-z0-9]*(-[a-z0-9]+)*`.
fn word(text: &str) -> Result<String, NameError> {
    let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
    let parts_well = text
        .split('-')
        .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    match (starts_well && parts_well, text.len() <= NAME_BYTES_MAX) {
        (false, _) => Err(NameError::Characters(text.into())),
        (_, false) => Err(NameError::Length(text.into())),
        _ => Ok(text.into()),
    }
}

/// A type that travels as text. What the text must match, if it is told, is part of the type's schema.
macro_rules! text_form {
    ($type:ty $(, pattern: $pattern:expr)? $(, bytes_max: $bytes_max:expr)?) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let text = utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    $(.pattern(Some($pattern)))?
                    $(.max_length(Some($bytes_max)))?;
                utoipa::openapi::Schema::from(text).into()
            }
        }

        impl utoipa::ToSchema for $type {}

        impl TryFrom<String> for $type {
            type Error = <$type as FromStr>::Err;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> String {
                value.to_string()
            }
        }
    };
}
pub(crate) use text_form;

macro_rules! word_type {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The word itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                word(text).map(Self)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        text_form!($type, pattern: WORD, bytes_max: NAME_BYTES_MAX);
    };
}

word_type!(
    /// Who publishes: owns plugins and signing keys.
    Namespace
);
word_type!(
    /// A plugin's name within its namespace.
    PluginName
);

word_type!(
    /// What a secret is called that a host holds.
    SecretName
);

word_type!(
    /// Whose a deployment is.
    TeamName
);

word_type!(
    /// Whose files of desired state a deployment is in.
    OwnerName
);

word_type!(
    /// Where a host deploys: unique on it.
    TargetName
);

word_type!(
    /// What a user is called on a host.
    UserName
);

word_type!(
    /// What a deployment is called: unique on its host, and a DNS label.
    DeploymentName
);

/// A plugin in the registry: `namespace:name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginId {
    /// Who publishes it.
    pub namespace: Namespace,
    /// Its name there.
    pub name: PluginName,
}

impl PluginId {
    /// The OCI repository that holds its releases: `namespace/name`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

impl FromStr for PluginId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (namespace, name) = text.split_once(':').ok_or_else(|| NameError::Plugin(text.into()))?;
        Ok(Self { namespace: namespace.parse()?, name: name.parse()? })
    }
}

impl fmt::Display for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.name)
    }
}

text_form!(PluginId, pattern: r"^[a-z][a-z0-9]*(-[a-z0-9]+)*:[a-z][a-z0-9]*(-[a-z0-9]+)*$");

/// `namespace:name@version`: one immutable publication.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Release {
    /// The plugin that it is about.
    pub plugin: PluginId,
    /// Its version, without build metadata.
    pub version: Version,
}

impl FromStr for Release {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (plugin, version) = text.split_once('@').ok_or_else(|| NameError::Plugin(text.into()))?;
        Ok(Self { plugin: plugin.parse()?, version: parse_version(version)? })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.plugin, self.version)
    }
}

text_form!(Release, pattern: r"^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*@[0-9]+\.[0-9]+\.[0-9]+");

/// A semantic version, of three numbers.
pub(crate) fn semantic_version(text: &str) -> Result<Version, NameError> {
    let reason = |error: semver::Error| match text.split('.').count() {
        0..3 => "write three numbers, such as 1.0.0".into(),
        _ => error.to_string(),
    };
    Version::parse(text).map_err(|error| NameError::Version { text: text.into(), reason: reason(error) })
}

/// A semantic version that can be an OCI tag: one without build metadata.
pub fn parse_version(text: &str) -> Result<Version, NameError> {
    let version = semantic_version(text)?;
    match version.build.is_empty() {
        true => Ok(version),
        false => {
            let reason = "build metadata (+…) cannot be part of an OCI tag".into();
            Err(NameError::Version { text: text.into(), reason })
        }
    }
}

/// `namespace:name` or `namespace:name@range`: which releases would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Requirement {
    /// The plugin that it is about.
    pub plugin: PluginId,
    /// The versions that would do; `*` where none were named.
    pub versions: VersionReq,
}

impl Requirement {
    /// Whether this release would do. A full version such as `1.2.3` means exactly that one, since that is what
    /// someone who pins a release expects.
    pub fn matches(&self, version: &Version) -> bool {
        self.versions.matches(version)
    }
}

impl FromStr for Requirement {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (plugin, range) = text.split_once('@').unwrap_or((text, "*"));
        let exact = parse_version(range).map(|version| format!("={version}"));
        let versions = VersionReq::parse(exact.as_deref().unwrap_or(range))
            .map_err(|error| NameError::Version { text: range.into(), reason: error.to_string() })?;
        Ok(Self { plugin: plugin.parse()?, versions })
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.plugin, self.versions)
    }
}

text_form!(Requirement);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_full_version_pins_and_a_range_floats() {
        let version = |text: &str| Version::parse(text).unwrap();
        let pinned: Requirement = "acme:ocr@1.2.3".parse().unwrap();
        assert!(pinned.matches(&version("1.2.3")) && !pinned.matches(&version("1.2.4")));
        let floating: Requirement = "acme:ocr@^1".parse().unwrap();
        assert!(floating.matches(&version("1.9.0")) && !floating.matches(&version("2.0.0")));
        let any: Requirement = "acme:ocr".parse().unwrap();
        assert!(any.matches(&version("0.0.1")));
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        for text in ["", "Acme", "a--b", "-a", "a-", "1a", "a_b", "a/b", "é", "a b", "a:b"] {
            assert!(matches!(text.parse::<Namespace>(), Err(NameError::Characters(_))), "{text}");
        }
        assert!(matches!("a".repeat(41).parse::<Namespace>(), Err(NameError::Length(_))));
        assert!(matches!("acme".parse::<PluginId>(), Err(NameError::Plugin(_))));
        assert!(matches!("a:b@1.0.0+x".parse::<Release>(), Err(NameError::Version { .. })));
        assert!(matches!("a:b@01.0.0".parse::<Release>(), Err(NameError::Version { .. })));
        for text in ["", "1", "1.0", "v1.0"] {
            let refused = parse_version(text).unwrap_err().to_string();
            assert_eq!(refused, format!("'{text}' is not a version: write three numbers, such as 1.0.0"));
        }
    }

    proptest! {
        #[test]
        fn every_release_reads_back(namespace in "[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8}){0,2}", name in "[a-z][a-z0-9]{0,8}", a in 0u64..99, b in 0u64..99, pre in "(-(alpha|rc)\\.[1-9])?") {
            let text = format!("{namespace}:{name}@{a}.{b}.0{pre}");
            let release: Release = text.parse().unwrap();
            prop_assert_eq!(release.to_string(), text);
            prop_assert_eq!(release.plugin.repository(), format!("{namespace}/{name}"));
        }

        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = (text.parse::<Release>(), text.parse::<Requirement>(), text.parse::<PluginId>());
        }
    }
}
