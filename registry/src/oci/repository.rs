//! A repository's name: a namespace, then one or more components in OCI's grammar.

use std::fmt;
use std::str::FromStr;

use chandlery_package::name::parse_version;
use chandlery_package::{Namespace, PluginId, Release};

use super::error::Error;

const NAME_BYTES_MAX: usize = 255;

/// The name of a repository, which is inside its grammar and at most 255 bytes long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The namespace that it begins with, whose publishers may push.
    pub namespace: Namespace,
    name: String,
}

impl Repository {
    /// The whole name, with the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The plugin whose releases would be here, if it can be one.
    fn plugin(&self) -> Option<PluginId> {
        let name = self.name.strip_prefix(self.namespace.as_str())?.strip_prefix('/')?;
        Some(PluginId { namespace: self.namespace.clone(), name: name.parse().ok()? })
    }

    /// The release that a tag would be, if it can be one.
    pub(super) fn release(&self, tag: &str) -> Option<Release> {
        Some(Release { plugin: self.plugin()?, version: parse_version(tag).ok()? })
    }
}

impl FromStr for Repository {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = |reason: &str| Error::BadRepository { name: text.into(), reason: reason.into() };
        if text.len() > NAME_BYTES_MAX {
            return Err(refuse("it is longer than 255 characters"));
        }
        let (namespace, rest) =
            text.split_once('/').ok_or_else(|| refuse("it has no namespace: write NAMESPACE/NAME"))?;
        if !rest.split('/').all(is_component) {
            return Err(refuse(
                "its parts are lower-case letters and digits with single . _ or - between them",
            ));
        }
        Ok(Self { namespace: namespace.parse()?, name: text.into() })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Whether it is `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_component(text: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = text.split(word).filter(|between| !between.is_empty());
    let good = |between: &str| matches!(between, "." | "_" | "__") || between.bytes().all(|b| b == b'-');
    text.starts_with(word) && text.ends_with(word) && separators.into_iter().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar() {
        for good in ["acme/ocr", "acme/a/b/c", "acme/a.b_c__d---e", "acme/0"] {
            assert_eq!(good.parse::<Repository>().unwrap().to_string(), good);
        }
        for wrong in [
            "acme",
            "acme/",
            "Acme/x",
            "acme/X",
            "acme/a..b",
            "acme/a._b",
            "acme/-a",
            "acme//b",
            "/b",
            "acme/a___b",
        ] {
            assert!(wrong.parse::<Repository>().is_err(), "{wrong}");
        }
        let repository: Repository = "acme/ocr".parse().unwrap();
        assert_eq!(repository.release("1.0.0").unwrap().to_string(), "acme:ocr@1.0.0");
        assert!(repository.release("latest").is_none());
        assert!("acme/a/b".parse::<Repository>().unwrap().release("1.0.0").is_none());
    }
}
