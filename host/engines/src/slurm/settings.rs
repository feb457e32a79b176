//! The settings of a Slurm target.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::model::Place;

/// How a Slurm target is used.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SlurmSettings {
    /// A folder on storage that this host and all nodes see under the same path.
    pub directory: PathBuf,
    /// Where slurmrestd listens, `unix:/path` or `http://host:port`; none: the client commands of this machine are used.
    pub rest: Option<String>,
    /// Whose token the credential is, for slurmrestd.
    pub user: Option<String>,
    pub partition: Option<Name>,
    pub account: Option<Name>,
    pub qos: Option<Name>,
    pub reservation: Option<Name>,
    /// The features that nodes of jobs have.
    pub constraint: Option<Constraint>,
    /// The nodes that jobs stay away from.
    #[serde(default)]
    pub exclude: Nodes,
    /// How long a job may run; none: as the partition has it.
    pub time_limit_minutes: Option<u32>,
    /// What runs containers on the nodes; none: nothing does.
    pub containers: Option<Containers>,
    /// How often the controller is asked.
    #[serde(default = "poll_seconds")]
    pub poll_seconds: u64,
    /// Memory of one GPU by kind, in MiB, where it is not what its driver usually reports.
    #[serde(default)]
    pub gpu_memory_mib: BTreeMap<String, u32>,
    /// Folders that the site has, by the names that plans call them.
    #[serde(default)]
    pub shared: BTreeMap<String, PathBuf>,
}

impl SlurmSettings {
    /// Where jobs run, and on whose account.
    pub(super) fn place(&self) -> Place {
        let text = |name: &Option<Name>| name.as_ref().map(|name| name.0.clone());
        Place {
            partition: text(&self.partition),
            account: text(&self.account),
            qos: text(&self.qos),
            reservation: text(&self.reservation),
            constraint: self.constraint.as_ref().map(Constraint::to_string),
            exclude: self.exclude.list(),
        }
    }
}

/// What runs containers on nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Containers {
    Pyxis,
    Apptainer,
}

/// What a site calls a partition, an account, a node or a feature: one word, which no command reads as more than that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(String);

impl Name {
    fn read(word: &str) -> Result<Self, String> {
        let is_first = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_one = word.starts_with(is_first) && word.chars().all(|c| is_first(c) || ".:@+-".contains(c));
        match is_one {
            true => Ok(Self(word.into())),
            false => Err(format!(
                "'{word}' is no name: it begins with a letter, a digit or _ and has no others than these and . : @ + -"
            )),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Features of nodes, as `--constraint` has them: `ib&a100`, each of them, or `a100|h100`, any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Constraint {
    All(Vec<Name>),
    Any(Vec<Name>),
}

impl Constraint {
    /// Whether a node with these features will do.
    pub(super) fn allows(&self, features: &[String]) -> bool {
        let has = |name: &Name| features.contains(&name.0);
        match self {
            Self::All(names) => names.iter().all(has),
            Self::Any(names) => names.iter().any(has),
        }
    }
}

impl<'de> Deserialize<'de> for Constraint {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let (all, any) = (text.contains('&'), text.contains('|'));
        if all && any {
            let why =
                format!("constraint '{text}' has both & and |: name features that all nodes have, or any");
            return Err(D::Error::custom(why));
        }
        let names =
            text.split(['&', '|']).map(Name::read).collect::<Result<_, _>>().map_err(D::Error::custom)?;
        Ok(if any { Self::Any(names) } else { Self::All(names) })
    }
}

impl Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (names, between) = match self {
            Self::All(names) => (names, "&"),
            Self::Any(names) => (names, "|"),
        };
        f.write_str(&joined(names, between))
    }
}

/// Nodes by name, as `--exclude` has them: `n1,n7`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Nodes(Vec<Name>);

impl Nodes {
    /// Whether a node is among them.
    pub(super) fn contain(&self, node: &str) -> bool {
        self.0.iter().any(|name| name.0 == node)
    }

    /// As a list; none where there are none.
    pub(super) fn list(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| joined(&self.0, ","))
    }
}

impl<'de> Deserialize<'de> for Nodes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let names = text.split(',').map(|name| Name::read(name.trim()));
        let refused =
            |why| D::Error::custom(format!("exclude: {why}; nodes are named one by one, as in n1,n7"));
        names.collect::<Result<_, _>>().map(Self).map_err(refused)
    }
}

fn joined(names: &[Name], between: &str) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(between)
}

fn poll_seconds() -> u64 {
    5
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn settings(changes: Value) -> Result<SlurmSettings, String> {
        let mut all = json!({ "directory": "/shared" });
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(all).map_err(|error| error.to_string())
    }

    #[test]
    fn features_are_asked_for_as_sbatch_has_them() {
        let features = ["ib".to_owned(), "h100".to_owned()];
        for (text, allows) in
            [("ib", true), ("ib&h100", true), ("ib&a100", false), ("a100|h100", true), ("a100|l4", false)]
        {
            let constraint = settings(json!({ "constraint": text })).unwrap().constraint.unwrap();
            assert_eq!((constraint.to_string().as_str(), constraint.allows(&features)), (text, allows));
        }
        let exclude = settings(json!({ "exclude": "n1, n7" })).unwrap().exclude;
        assert_eq!(exclude.list().as_deref(), Some("n1,n7"));
        assert!(exclude.contain("n7") && !exclude.contain("n"));
        assert_eq!(settings(json!({})).unwrap().exclude.list(), None);
    }

    #[test]
    fn what_is_no_name_is_refused_with_what_is() {
        for (changes, said) in [
            (json!({ "partition": "main --uid=0" }), "'main --uid=0' is no name"),
            (json!({ "qos": "-high" }), "'-high' is no name"),
            (json!({ "account": "" }), "'' is no name"),
            (json!({ "reservation": "a\nb" }), "is no name"),
            (json!({ "constraint": "a&b|c" }), "has both & and |"),
            (json!({ "constraint": "a&" }), "'' is no name"),
            (json!({ "constraint": "[a*2]" }), "'[a*2]' is no name"),
            (json!({ "exclude": "n[1-3]" }), "nodes are named one by one"),
        ] {
            let refused = settings(changes).unwrap_err();
            assert!(refused.contains(said), "{said}: {refused}");
        }
    }
}
