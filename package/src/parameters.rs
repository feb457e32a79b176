//! Parameters of templates and settings of other plugins, completed with the schema's defaults and validated before a plugin sees them.

use serde_json::{Map, Value};

use crate::plan::{PlanProblem, say};
use crate::problem::{Explain, Explanation, Kind};
use crate::{Manifest, Release};

/// Parameters outside the schema of the plugin that they are for.
pub const INVALID_PARAMETERS: Kind = Kind {
    word: "invalid-parameters",
    status: 422,
    title: "The parameters do not fit",
    when: "a parameter is missing, unknown, or outside what the template's manifest allows",
    remedy: Some("`chandlery plan PLUGIN --parameters` lists what it takes"),
};

/// Parameters that do not fit the manifest.
#[derive(Debug, thiserror::Error)]
#[error("the parameters do not fit {release}: {}", say(.problems))]
pub struct Misfit {
    /// The plugin that they were given to.
    pub release: Release,
    /// Each with the JSON pointer of its parameter, where it is about one.
    pub problems: Vec<PlanProblem>,
}

impl Explain for Misfit {
    fn explain(&self) -> Explanation {
        (&INVALID_PARAMETERS).into()
    }
}

/// The parameters as the template will see them.
pub fn complete(manifest: &Manifest, given: &Value) -> Result<Value, Misfit> {
    let refuse = |problems| Misfit { release: manifest.release(), problems };
    let Value::Object(given) = given else {
        let message = "the parameters are not a JSON object".into();
        return Err(refuse(vec![PlanProblem { parameter: None, message }]));
    };
    let mut complete: Map<String, Value> = Map::new();
    for (name, schema) in &manifest.parameters {
        if let Some(value) = given.get(name).or_else(|| schema.get("default")) {
            complete.insert(name.clone(), value.clone());
        }
    }
    let unknown = given.iter().filter(|(name, _)| !manifest.parameters.contains_key(*name));
    complete.extend(unknown.map(|(name, value)| (name.clone(), value.clone())));
    let complete = Value::Object(complete);

    let validator = manifest
        .validator()
        .map_err(|error| refuse(vec![PlanProblem { parameter: None, message: error.to_string() }]))?;
    let problems: Vec<_> = validator
        .iter_errors(&complete)
        .map(|error| {
            let pointer = error.instance_path().to_string();
            PlanProblem {
                parameter: Some(pointer).filter(|path| !path.is_empty()),
                message: error.to_string(),
            }
        })
        .collect();
    if problems.is_empty() { Ok(complete) } else { Err(refuse(problems)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest() -> Manifest {
        Manifest::from_toml(
            r#"
            name = "acme:x"
            version = "1.0.0"
            kind = "template"
            contract = "0.1.0"
            title = "X"
            description = "X."
            license = "MIT"
            required = ["model"]
            [parameters]
            model = { type = "string" }
            port = { type = "integer", minimum = 1, default = 80 }
            "#,
        )
        .unwrap()
    }

    #[test]
    fn defaults_are_filled_in_and_faults_are_named() {
        assert_eq!(complete(&manifest(), &json!({"model": "m"})).unwrap(), json!({"model": "m", "port": 80}));
        for (given, parameter) in [
            (json!({"model": "m", "port": 0}), Some("/port")),
            (json!({"model": 1}), Some("/model")),
            (json!({}), None),
            (json!({"model": "m", "prot": 1}), None),
            (json!([]), None),
        ] {
            match complete(&manifest(), &given) {
                Err(Misfit { problems, .. }) => assert_eq!(problems[0].parameter.as_deref(), parameter),
                other => panic!("{given}: {other:?}"),
            }
        }
    }
}
