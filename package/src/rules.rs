//! Install rules of a host: what may be installed and deployed there, whoever asks for it. A refusal names the rule, what it says, and
//! what the release has.

mod grammar;

use std::collections::BTreeSet;
use std::fmt::Display;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Permission, Release, words};

pub use grammar::{Age, Publisher, Reach, RuleError};

words! {
    /// A kind of install rule, as it stands in the file.
    pub enum Rule: "install rule" {
        /// Whose plugins may be installed.
        Publishers = "publishers",
        /// That the registry's operator must vouch for the plugin, in the log.
        CertifiedOnly = "certified-only",
        /// How long the log must have told of the release.
        MinimumAge = "minimum-age",
        /// The most that a plugin may ask for.
        Permissions = "permissions",
    }
}

/// What may be installed and deployed on a host. A rule that is not there lets everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InstallRules {
    /// The namespaces whose plugins may be installed; `*` for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publishers: Option<BTreeSet<Publisher>>,
    /// Whether the log must say that the plugin is certified.
    #[serde(default)]
    pub certified_only: bool,
    /// How long ago the log must have been witnessed to tell of the release, unless it is the fix of one that was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_age: Option<Age>,
    /// All that a plugin may ask for; `http:*` is any host, and `secret:*` any secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<BTreeSet<Reach>>,
}

/// What is known of a release that rules are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The release that would be installed, or is.
    pub release: Release,
    /// Whether a log that the host follows tells of it.
    pub is_logged: bool,
    /// Whether that log says that its plugin is certified.
    pub is_certified: bool,
    /// When the log is known to have told of it; none: that is not known yet.
    pub witnessed: Option<Timestamp>,
    /// Whether it is the fix of a release that was taken back, which waits for nothing.
    pub is_fix: bool,
    /// What it asks for; none: that is looked at later.
    pub asks: Option<BTreeSet<Permission>>,
}

/// A rule of a host that a release breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, ToSchema)]
#[error("{release} breaks the rule `{says}` of this host: {has}")]
pub struct Broken {
    /// The release that would be installed, or is.
    pub release: Release,
    /// Which kind of rule it is.
    pub rule: Rule,
    /// The rule as it stands in the file.
    pub says: String,
    /// What the release has, or lacks.
    pub has: String,
    /// What can be done about it.
    pub remedy: String,
}

impl InstallRules {
    /// Whether everything may be installed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Every rule that a release breaks at this moment.
    pub fn broken(&self, facts: &Facts, now: Timestamp) -> Vec<Broken> {
        let found = [self.publisher(facts), self.certified(facts), self.age(facts, now), self.reach(facts)];
        found.into_iter().flatten().collect()
    }

    fn publisher(&self, facts: &Facts) -> Option<Broken> {
        let publishers = self.publishers.as_ref()?;
        let namespace = &facts.release.plugin.namespace;
        if facts.is_logged && publishers.iter().any(|publisher| publisher.is(namespace)) {
            return None;
        }
        let has = format!("its publisher is '{namespace}'");
        let remedy = format!(
            "add \"{namespace}\" to them with `chandlery host rules set FILE`, if its plugins may run here"
        );
        Some(facts.break_logged(Rule::Publishers, listed(Rule::Publishers, publishers), has, remedy))
    }

    fn certified(&self, facts: &Facts) -> Option<Broken> {
        if !self.certified_only || (facts.is_logged && facts.is_certified) {
            return None;
        }
        let plugin = &facts.release.plugin;
        let has = format!("the log does not say that {plugin} is certified");
        let remedy = format!("ask the operator of its registry, who may `chandlery certify {plugin}`");
        Some(facts.break_logged(Rule::CertifiedOnly, format!("{} = true", Rule::CertifiedOnly), has, remedy))
    }

    fn age(&self, facts: &Facts, now: Timestamp) -> Option<Broken> {
        let age = self.minimum_age?;
        if facts.is_logged && facts.is_fix {
            return None;
        }
        let plugin = &facts.release.plugin;
        let older = format!("an older release is installed with `chandlery install {plugin}@=VERSION`");
        let (has, remedy) = match facts.witnessed {
            Some(at) if facts.is_logged && age.after(at) <= now => return None,
            Some(at) => (
                format!("its log is known to tell of it since {}", minute(at)),
                format!("wait until {}; {older}", minute(age.after(at))),
            ),
            None => ("nobody has witnessed yet that its log tells of it".into(), format!("wait; {older}")),
        };
        Some(facts.break_logged(Rule::MinimumAge, format!("{} = \"{age}\"", Rule::MinimumAge), has, remedy))
    }

    fn reach(&self, facts: &Facts) -> Option<Broken> {
        let (most, asks) = (self.permissions.as_ref()?, facts.asks.as_ref()?);
        let beyond = asks.iter().filter(|asked| !most.iter().any(|reach| reach.covers(asked)));
        let beyond: Vec<_> = beyond.map(|asked| format!("'{asked}'")).collect();
        if beyond.is_empty() {
            return None;
        }
        let has = format!("it asks for {}", beyond.join(", "));
        let remedy =
            "add it to them with `chandlery host rules set FILE`, or choose a plugin that asks for less";
        Some(facts.breaks(Rule::Permissions, listed(Rule::Permissions, most), has, remedy.into()))
    }
}

impl Facts {
    fn breaks(&self, rule: Rule, says: String, has: String, remedy: String) -> Broken {
        Broken { release: self.release.clone(), rule, says, has, remedy }
    }

    /// The same of a rule that only a log can satisfy: where none tells of the release, nothing else is known of it.
    fn break_logged(&self, rule: Rule, says: String, has: String, remedy: String) -> Broken {
        if self.is_logged {
            return self.breaks(rule, says, has, remedy);
        }
        let (has, plugin) = ("no log that this host follows tells of it", &self.release.plugin);
        self.breaks(rule, says, has.into(), format!("`chandlery install {plugin}` proves it, or refuses it"))
    }
}

fn listed<T: Display>(rule: Rule, items: &BTreeSet<T>) -> String {
    let items: Vec<_> = items.iter().map(|item| format!("\"{item}\"")).collect();
    format!("{rule} = [{}]", items.join(", "))
}

fn minute(at: Timestamp) -> String {
    at.strftime("%F %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests;
