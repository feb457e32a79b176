//! A file of what runs, from which the same is deployed.

use std::collections::BTreeMap;

use chandlery_package::OwnerName;
use chandlery_package::wire::host::{Deployment, Health};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::failure::{Failure, Result};

/// The whole file.
#[derive(Debug, Serialize)]
pub struct Exported {
    owner: OwnerName,
    deployments: BTreeMap<String, One>,
}

#[derive(Debug, Serialize)]
struct One {
    plugin: String,
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    parameters: Map<String, Value>,
}

impl Exported {
    /// A file for this owner: of the deployments of these names or, where none are named, of the owner's and of those that are in nobody's
    /// files.
    pub fn of(owner: OwnerName, names: &[String], all: Vec<Deployment>) -> Result<Self> {
        if let Some(missing) =
            names.iter().find(|name| !all.iter().any(|deployment| deployment.name == **name))
        {
            return Err(Failure::of(format!("there is no deployment '{missing}'"))
                .remedy("`chandlery status` lists what there is"));
        }
        let is_meant = |deployment: &Deployment| match names {
            [] => deployment.owner.as_ref().is_none_or(|of| *of == owner),
            names => names.contains(&deployment.name),
        };
        let meant = all
            .into_iter()
            .filter(|deployment| deployment.health != Health::Removing && is_meant(deployment));
        let deployments = meant.map(|deployment| (deployment.name.clone(), one(deployment))).collect();
        Ok(Self { owner, deployments })
    }

    /// The file's text.
    pub fn text(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| {
            Failure::of(format!("a parameter cannot be written in TOML: {error}"))
                .remedy("name the deployments that can be, or give `null` nowhere within a parameter")
        })
    }
}

fn one(deployment: Deployment) -> One {
    let Deployment { target, team, release, parameters, .. } = deployment;
    let parameters = match parameters {
        // TOML has no null: what is given as nothing is not given.
        Value::Object(given) => given.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    };
    One { plugin: format!("{}@^{}", release.plugin, release.version), target, team, parameters }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(name: &str, owner: Option<&str>) -> Deployment {
        let digest = "sha256:".to_owned() + &"0".repeat(64);
        serde_json::from_value(json!({
            "name": name, "target": "local", "owner": owner, "release": "acme:errand@1.2.0", "component": digest,
            "artifact": digest, "log_index": 1, "plan_digest": digest, "revision": 1, "health": "ready",
            "workloads": [], "endpoints": [], "replicas": [], "notes": [],
            "parameters": { "command": ["sleep", "600"], "gpu": null, "env": { "A": "b" }, "replicas": 2 },
        }))
        .unwrap()
    }

    #[test]
    fn what_is_written_is_what_was_given() {
        let owner: OwnerName = "team-a".parse().unwrap();
        let all =
            || vec![deployment("a", Some("team-a")), deployment("b", None), deployment("c", Some("team-b"))];
        let text = Exported::of(owner.clone(), &[], all()).unwrap().text().unwrap();
        assert_eq!(
            text,
            "owner = \"team-a\"\n\n[deployments.a]\nplugin = \"acme:errand@^1.2.0\"\ntarget = \"local\"\n\n\
             [deployments.a.parameters]\ncommand = [\"sleep\", \"600\"]\nreplicas = 2\n\n[deployments.a.parameters.env]\nA = \"b\"\n\n\
             [deployments.b]\nplugin = \"acme:errand@^1.2.0\"\ntarget = \"local\"\n\n[deployments.b.parameters]\n\
             command = [\"sleep\", \"600\"]\nreplicas = 2\n\n[deployments.b.parameters.env]\nA = \"b\"\n"
        );
        let named = Exported::of(owner.clone(), &["c".into()], all()).unwrap();
        assert_eq!(named.deployments.keys().collect::<Vec<_>>(), ["c"]);
        let refused = Exported::of(owner.clone(), &["d".into()], all()).unwrap_err();
        assert!(refused.detail().contains("'d'"));
        let mut deep = deployment("a", None);
        deep.parameters["env"]["A"] = Value::Null;
        assert!(Exported::of(owner, &[], vec![deep]).unwrap().text().is_err());
    }
}
