//! Files over each other: what a later one says of a deployment comes before what an earlier one does, field by field and parameter by
//! parameter.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chandlery_package::{DeploymentName, OwnerName, Requirement, TargetName, TeamName};
use serde_json::{Map, Value};

use super::file::{self, At, Layer, Said};
use super::place::{Mistakes, Place};
use crate::failure::Result;

/// The deployments that there should be, and whose they are.
#[derive(Debug)]
pub struct Desired {
    /// Whose files these are.
    pub owner: OwnerName,
    /// The deployments by name.
    pub deployments: BTreeMap<DeploymentName, Wanted>,
}

/// A deployment that there should be.
#[derive(Debug)]
pub struct Wanted {
    /// Where it stands.
    pub at: Place,
    /// Its plugin and which releases would do.
    pub plugin: At<Requirement>,
    /// Where it runs; none: where it is, or on the host's own machine.
    pub target: Option<TargetName>,
    /// Whose it is, for policies; none: whose it was.
    pub team: Option<TeamName>,
    parameters: BTreeMap<String, At<Value>>,
}

impl Wanted {
    /// The parameters as a host takes them.
    pub fn parameters(&self) -> Map<String, Value> {
        self.parameters.iter().map(|(name, said)| (name.clone(), said.value.clone())).collect()
    }

    /// Where the first parameter stands that a text names by its JSON pointer or between quotes; otherwise, where the deployment does.
    pub fn place_in(&self, text: &str) -> &Place {
        let is_named = |name: &String| {
            ["/{}: ", "/{}/", "'{}'"].iter().any(|form| text.contains(&form.replace("{}", name)))
        };
        self.parameters.iter().find(|(name, _)| is_named(name)).map_or(&self.at, |(_, said)| &said.at)
    }
}

/// Reads files, the later ones over the earlier; refused with everything that is wrong in them.
pub fn read(files: &[PathBuf]) -> Result<Desired> {
    let mut mistakes = Mistakes::default();
    let mut all = Layer::default();
    for path in files {
        all = over(all, file::read(path, &mut mistakes)?);
    }
    let all = mistakes.judge(Some(all))?;
    let last = files.last().map(|path| path.display().to_string()).unwrap_or_default();
    let mut lacking = Mistakes::default();
    let desired = complete(all, &Place::of(&last, "", 0), &mut lacking);
    lacking.judge(desired)
}

fn over(mut below: Layer, above: Layer) -> Layer {
    for (name, said) in above.deployments {
        match below.deployments.remove(&name) {
            Some(before) => below.deployments.insert(name, said_over(before, said)),
            None => below.deployments.insert(name, said),
        };
    }
    Layer { owner: above.owner.or(below.owner), deployments: below.deployments }
}

fn said_over(mut below: Said, above: Said) -> Said {
    below.parameters.extend(above.parameters);
    Said {
        at: above.at,
        plugin: above.plugin.or(below.plugin),
        target: above.target.or(below.target),
        team: above.team.or(below.team),
        parameters: below.parameters,
    }
}

/// What all files come to, where they say enough. What is missing is a mistake.
fn complete(all: Layer, begin: &Place, mistakes: &mut Mistakes) -> Option<Desired> {
    let owner = all.owner;
    if owner.is_none() {
        mistakes.add(
            begin,
            "it does not say whose deployments these are: write `owner = \"NAME\"` at its beginning",
        );
    }
    let mut deployments = BTreeMap::new();
    for (name, said) in all.deployments {
        match said.plugin {
            Some(plugin) => {
                let Said { at, target, team, parameters, .. } = said;
                deployments.insert(name, Wanted { at, plugin, target, team, parameters });
            }
            None => mistakes
                .add(&said.at, format!("'{name}' has no plugin: write `plugin = \"NAMESPACE:NAME@RANGE\"`")),
        }
    }
    Some(Desired { owner: owner?, deployments })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_later_file_says_more_of_a_deployment_or_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let base = file(
            "base.toml",
            "owner = 'team-a'\n[deployments.web]\nplugin = 'acme:x@^1'\ntarget = 'lab'\nparameters = { a = 1, b = { c = 2 } }\n\
             [deployments.db]\nplugin = 'acme:y'\n",
        );
        let production = file(
            "production.toml",
            "[deployments.web]\ntarget = 'prod'\nparameters = { b = 3 }\n[deployments.more]\nplugin = 'acme:z'\n",
        );
        let desired = read(&[base.clone(), production.clone()]).unwrap();
        assert_eq!(desired.owner.as_str(), "team-a");
        let names: Vec<&str> = desired.deployments.keys().map(DeploymentName::as_str).collect();
        assert_eq!(names, ["db", "more", "web"]);
        let web = &desired.deployments[&"web".parse().unwrap()];
        assert_eq!(
            (web.target.as_ref().unwrap().as_str(), web.parameters()),
            ("prod", json!({ "a": 1, "b": 3 }).as_object().unwrap().clone())
        );
        assert!(web.place_in("/b: 3 is too much").to_string().ends_with("production.toml:3:16"));
        assert!(web.place_in("'a' is too little").to_string().ends_with("base.toml:5:16"));
        assert!(web.place_in("no room").to_string().ends_with("production.toml:1:14"));

        // Alone it says too little, which is told where that is.
        let told = read(&[production]).unwrap_err();
        let lines: Vec<&str> = told.detail().lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("production.toml:1:1: it does not say whose"), "{lines:?}");
        assert!(lines[1].contains("production.toml:1:14: 'web' has no plugin"), "{lines:?}");
        assert!(read(&[folder.path().join("none.toml")]).unwrap_err().detail().contains("none.toml"));
    }
}
