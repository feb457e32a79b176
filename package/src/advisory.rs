//! Advisories: what is wrong with some versions of a plugin, in the form of the [Open Source Vulnerability
//! format](https://ossf.github.io/osv-schema/), of which this reads what a host goes by.

mod bounds;
mod range;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::name::text_form;
use crate::{PluginId, words};

pub use range::{Bound, Range, RangeEvent, RangeType};

/// The most bytes of an advisory, as JSON.
pub const ADVISORY_BYTES_MAX: usize = 64 << 10;
/// The most advisories about one plugin, those that were withdrawn included.
pub const ADVISORIES_MAX: usize = 200;
/// The version of the format that is written.
const SCHEMA_VERSION: &str = "1.7.0";
/// The ecosystem of plugins.
const ECOSYSTEM: &str = "Chandlery";
/// The longest id of an advisory, in bytes.
const ID_BYTES_MAX: usize = 60;

words! {
    /// How bad it is, in the words of the GitHub Advisory Database.
    pub enum Severity: "severity" {
        /// It is good to know.
        Low = "LOW",
        /// It harms under rare conditions, or little.
        Moderate = "MODERATE",
        /// It harms many who run it.
        High = "HIGH",
        /// Nobody should run it.
        Critical = "CRITICAL",
    }

    /// By which system a score was found.
    pub enum ScoreType: "type of a score" {
        /// The Common Vulnerability Scoring System, version 2.
        CvssV2 = "CVSS_V2",
        /// The same, version 3.
        CvssV3 = "CVSS_V3",
        /// The same, version 4.
        CvssV4 = "CVSS_V4",
    }

    /// What a reference leads to.
    pub enum ReferenceType: "type of a reference" {
        /// Another advisory about the same.
        Advisory = "ADVISORY",
        /// An article about it.
        Article = "ARTICLE",
        /// A way to find out whether one is concerned.
        Detection = "DETECTION",
        /// What people say of it.
        Discussion = "DISCUSSION",
        /// The report by which it became known.
        Report = "REPORT",
        /// What ends it.
        Fix = "FIX",
        /// The change that it came with.
        Introduced = "INTRODUCED",
        /// The home of the package.
        Package = "PACKAGE",
        /// What shows that it is so.
        Evidence = "EVIDENCE",
        /// Some other page.
        Web = "WEB",
    }
}

/// What an advisory is called, such as `ACME-2026-1`: capital letters and digits, then words after dashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AdvisoryId(String);

impl AdvisoryId {
    /// The id as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AdvisoryId {
    type Err = AdvisoryError;

    fn from_str(text: &str) -> Result<Self, AdvisoryError> {
        let mut parts = text.split('-');
        let first = parts.next().unwrap_or_default();
        let is_prefix = first.starts_with(|c: char| c.is_ascii_uppercase())
            && first.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let is_word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
        let mut rest = parts.peekable();
        match is_prefix && text.len() <= ID_BYTES_MAX && rest.peek().is_some() && rest.all(is_word) {
            true => Ok(Self(text.into())),
            false => Err(AdvisoryError(format!(
                "'{text}' is not the id of an advisory: write capital letters, then words after dashes, such as ACME-2026-1"
            ))),
        }
    }
}

impl fmt::Display for AdvisoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(AdvisoryId, pattern: "^[A-Z][A-Z0-9]*(-[A-Za-z0-9]+)+$", bytes_max: ID_BYTES_MAX);

/// Why an advisory was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AdvisoryError(String);

/// An advisory about a plugin. What else the format allows is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Advisory {
    /// The version of the format; the registry writes its own.
    #[serde(default)]
    pub schema_version: String,
    /// What it is called, unique in a registry.
    pub id: AdvisoryId,
    /// When it was changed last; the registry writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Timestamp>,
    /// When it was published first; the registry writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Timestamp>,
    /// When it was withdrawn; the registry writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Timestamp>,
    /// What it is called elsewhere, such as `CVE-2026-1234`; at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What is wrong, in a line of at most 200 characters.
    pub summary: String,
    /// What is wrong and what to do, in Markdown, of at most 20,000 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub details: String,
    /// How bad it is, by scores; at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub severity: Vec<Score>,
    /// Which versions it is about; from 1 to 20.
    pub affected: Vec<Affected>,
    /// Where more is said; at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
    /// What the format leaves to each database.
    pub database_specific: Specific,
}

/// A score of how bad it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Score {
    /// By which system it was found.
    pub r#type: ScoreType,
    /// The vector, such as `CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H`.
    pub score: String,
}

/// Versions of a plugin that an advisory is about: those in any of the ranges, and those that are listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Affected {
    /// The plugin that is affected.
    pub package: Package,
    /// Ranges of versions; at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Range>,
    /// Versions one by one; at most 1000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub versions: Vec<Version>,
}

/// A plugin as the format names packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Package {
    /// Where it comes from: always `Chandlery`.
    pub ecosystem: String,
    /// The plugin: `acme:ocr-server`.
    pub name: PluginId,
}

/// Where more is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reference {
    /// What it leads to.
    pub r#type: ReferenceType,
    /// An address of the web.
    pub url: String,
}

/// What the format leaves to each database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Specific {
    /// How bad it is. Hosts install what is CRITICAL only for whoever accepts that.
    pub severity: Severity,
}

impl Advisory {
    /// Reads an advisory about a plugin as its author has written it, within all bounds.
    pub fn parse(bytes: &[u8]) -> Result<Self, AdvisoryError> {
        if bytes.len() > ADVISORY_BYTES_MAX {
            return Err(AdvisoryError(format!("an advisory has at most {ADVISORY_BYTES_MAX} bytes")));
        }
        serde_json::from_slice(bytes).map_err(|error| AdvisoryError(format!("it is no advisory: {error}")))
    }

    /// The same as its author says it: without what the registry writes.
    pub fn unpublished(self) -> Self {
        let schema_version = SCHEMA_VERSION.into();
        Self { schema_version, modified: None, published: None, withdrawn: None, ..self }
    }

    /// Whether it is about this version.
    pub fn affects(&self, version: &Version) -> bool {
        let affects = |affected: &Affected| {
            affected.versions.contains(version) || affected.ranges.iter().any(|range| range.has(version))
        };
        self.affected.iter().any(affects)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn whole() -> Value {
        json!({
            "schema_version": "1.6.0", "id": "ACME-2026-1", "modified": "2026-11-28T00:00:00Z", "summary": "It leaks",
            "details": "Pictures go elsewhere.", "aliases": ["CVE-2026-1234"],
            "severity": [{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N" }],
            "affected": [{
                "package": { "ecosystem": "Chandlery", "name": "acme:ocr", "purl": "pkg:oci/acme/ocr" },
                "ranges": [
                    { "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": "1.0.2" }] },
                    { "type": "SEMVER", "events": [{ "introduced": "2.0.0" }, { "last_affected": "2.1.0" }] },
                ],
                "versions": ["3.0.0"],
            }],
            "references": [{ "type": "FIX", "url": "https://example.com/fix" }],
            "database_specific": { "severity": "HIGH" },
            "credits": [{ "name": "somebody" }],
        })
    }

    #[test]
    fn an_advisory_says_which_versions_it_is_about() {
        let advisory = Advisory::parse(whole().to_string().as_bytes()).unwrap();
        advisory.check(&"acme:ocr".parse().unwrap()).unwrap();
        for (version, affected) in [
            ("0.0.1", true),
            ("1.0.1", true),
            ("1.0.2-rc.1", true),
            ("1.0.2", false),
            ("1.9.0", false),
            ("2.0.0-rc.1", false),
            ("2.0.0", true),
            ("2.1.0", true),
            ("2.1.1", false),
            ("3.0.0", true),
            ("3.0.1", false),
        ] {
            assert_eq!(advisory.affects(&version.parse().unwrap()), affected, "{version}");
        }
        let kept = json!(advisory.unpublished());
        assert_eq!(
            (kept.get("credits"), kept.get("modified"), &kept["schema_version"]),
            (None, None, &json!("1.7.0"))
        );
        assert_eq!(
            Advisory::parse(kept.to_string().as_bytes()).unwrap(),
            serde_json::from_value::<Advisory>(kept).unwrap()
        );
    }

    #[test]
    fn what_has_another_shape_or_size_is_refused() {
        let with = |pointer: &str, value: Value| {
            let mut advisory = whole();
            *advisory.pointer_mut(pointer).unwrap() = value;
            advisory
        };
        let package = |name: &str| json!({ "ecosystem": "Chandlery", "name": name });
        let all = json!([{ "introduced": "0" }]);
        for wrong in [
            with("/id", json!("acme-2026-1")),
            with("/id", json!("ACME")),
            with("/id", json!(format!("ACME-{}", "1".repeat(60)))),
            with("/summary", json!("")),
            with("/summary", json!("two\nlines")),
            with("/summary", json!("x".repeat(201))),
            with("/details", json!("x".repeat(20_001))),
            with("/aliases", json!(vec!["CVE-2026-1"; 21])),
            with("/aliases/0", json!("a b")),
            with("/affected", json!([])),
            with("/affected/0/package", package("acme:other")),
            with("/affected/0/package/ecosystem", json!("npm")),
            with("/affected/0/ranges/0/type", json!("GIT")),
            with("/affected/0/ranges/0/events", json!([])),
            with("/affected/0/ranges/0/events", json!([{ "fixed": "1.0.0" }])),
            with("/affected/0/ranges/0/events", json!([{ "introduced": "0", "fixed": "1.0.0" }])),
            with("/affected/0/ranges/0/events/1", json!({ "fixed": "0" })),
            with("/affected/0/ranges/0/events/0", json!({ "introduced": "1.0" })),
            with("/affected/0", json!({ "package": package("acme:ocr") })),
            with("/affected/0/ranges", json!(vec![json!({ "type": "SEMVER", "events": all }); 101])),
            with("/references/0/url", json!("javascript:alert(1)")),
            with("/references/0/url", json!("https://example.com/a b")),
            with("/severity/0/score", json!("high")),
            with("/database_specific/severity", json!("critical")),
        ] {
            let read = Advisory::parse(wrong.to_string().as_bytes());
            let checked = read.and_then(|advisory| advisory.check(&"acme:ocr".parse().unwrap()));
            assert!(checked.is_err(), "{wrong}");
        }
        assert!(Advisory::parse(&vec![b' '; ADVISORY_BYTES_MAX + 1]).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), id in ".{0,70}") {
            prop_assert!(Advisory::parse(&bytes).is_err());
            let _ = id.parse::<AdvisoryId>();
        }
    }
}
