//! Parameters of templates and settings of other plugins, completed with the schema's defaults and validated before a plugin sees them.

use jsonschema::ValidationError;
use serde_json::{Map, Value};

use crate::plan::{PlanProblem, say};
use crate::problem::{Explain, Explanation, Kind};
use crate::{Manifest, ManifestError, Release};

/// Parameters outside the schema of the plugin that they are for.
pub const INVALID_PARAMETERS: Kind = Kind {
    word: "invalid-parameters",
    status: 422,
    title: "The parameters do not fit",
    when: "a parameter is missing, unknown, or outside what the template's manifest allows",
    remedy: Some("`chandlery plan PLUGIN --parameters` lists what it takes"),
};

/// How often the schema may look at values: whoever wrote it, or gives them, is not trusted with a server's time.
const LOOKS_MAX: u64 = 20_000_000;
/// Up to how many looks it is said what is wrong: each may be a fault, and all of them are kept until the first is told.
const LOOKS_TOLD_MAX: u64 = 100_000;
/// How many faults are told of, and how much of each, in bytes: it repeats what was given.
const PROBLEMS_MAX: usize = 50;
const MESSAGE_BYTES_MAX: usize = 500;

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
    let looks = manifest.looks(&complete);
    let problems: Vec<_> = if looks <= LOOKS_TOLD_MAX {
        validator.iter_errors(&complete).take(PROBLEMS_MAX).map(|error| fault(&error)).collect()
    } else if looks > LOOKS_MAX {
        vec![of_all("they are too many to be compared with what the manifest says")]
    } else if validator.is_valid(&complete) {
        Vec::new()
    } else {
        vec![of_all("something in them is not as it should be, and they are too many to say what")]
    };
    if problems.is_empty() { Ok(complete) } else { Err(refuse(problems)) }
}

/// Refuses defaults that their parameters may not have: whoever leaves those out would be told of parameters that they never gave.
pub fn check_defaults(manifest: &Manifest) -> Result<(), ManifestError> {
    let Err(Misfit { mut problems, .. }) = complete(manifest, &Value::Object(Map::new())) else {
        return Ok(());
    };
    // What must be given is about no default.
    problems.retain(|problem| problem.parameter.is_some());
    match problems.is_empty() {
        true => Ok(()),
        false => Err(ManifestError::Default(say(&problems))),
    }
}

/// What is wrong with a value.
fn fault(error: &ValidationError<'_>) -> PlanProblem {
    let pointer = error.instance_path().to_string();
    let mut message = error.to_string();
    if message.len() > MESSAGE_BYTES_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        message.push('…');
    }
    PlanProblem { parameter: Some(pointer).filter(|path| !path.is_empty()), message }
}

/// What is wrong with all parameters together.
fn of_all(message: &str) -> PlanProblem {
    PlanProblem { parameter: None, message: message.into() }
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

    #[test]
    fn a_default_is_a_value_that_its_parameter_may_have() {
        assert_eq!(check_defaults(&manifest()), Ok(()));
        for (default, why) in
            [(json!("lots"), "/port: \"lots\" is not of type \"integer\""), (json!(0), "/port: 0 is less")]
        {
            let mut manifest = manifest();
            manifest.parameters["port"]["default"] = default;
            let refused = check_defaults(&manifest).unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_within_bounds() {
        let mut manifest = manifest();
        manifest.required = Vec::new();
        let wrong = json!({ "allOf": vec![json!({ "type": "integer" }); 2_000] });
        manifest.parameters = [("a".to_owned(), wrong.clone())].into_iter().collect();
        let refused = |manifest: &Manifest, given: Value| complete(manifest, &given).unwrap_err().problems;
        let told = refused(&manifest, json!({ "a": "é".repeat(10_000) }));
        assert_eq!(told.len(), PROBLEMS_MAX);
        assert!(told.iter().all(|problem| problem.message.len() <= MESSAGE_BYTES_MAX + '…'.len_utf8()));

        manifest.parameters = [("a".to_owned(), json!({ "items": wrong }))].into_iter().collect();
        for (count, says) in [(1_000, "too many to say what"), (20_000, "too many to be compared")] {
            let told = refused(&manifest, json!({ "a": vec![""; count] }));
            assert_eq!(told.len(), 1);
            assert!(told[0].message.contains(says), "{told:?}");
        }
        assert!(complete(&manifest, &json!({ "a": vec![1; 1_000] })).is_ok());
    }
}
