//! What is to be deployed, as a form says it, and why there may be no plan for it.

use chandlery_package::Release;
use chandlery_package::plan::PlanProblem;
use chandlery_package::problem::Problem;
use chandlery_package::wire::host::{Approved, NewDeployment};
use chandlery_pages::schema_values;
use serde_json::{Map, Value};

use super::problem;
use crate::deployments::{self, Basis};
use crate::error::Error;
use crate::{policies, users};
use chandlery_package::parameters::Misfit;
use chandlery_sandbox::SandboxError;

/// How the names of a form's fields begin that are a plugin's parameters.
const PARAMETER: &str = "set.";
/// The fields that say what was approved, and how far somebody is: they are of one page alone.
const PASSING: [&str; 5] = ["step", "release", "digest", "base", "of-team"];

/// The fields of a form, in order.
pub(super) type Pairs = Vec<(String, String)>;

/// What a form says of a field: the last, where it says several; nothing, where it does not have it.
pub(super) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
}

/// What is to be deployed.
pub(super) struct Draft {
    /// The plugin, by its full or short name.
    pub plugin: String,
    /// The deployment that would be changed, and what it is made from; none: it may be new.
    pub upgrades: Option<(String, Basis)>,
    pub pairs: Pairs,
}

impl Draft {
    /// A deployment that may be new.
    pub(super) fn new(pairs: Pairs) -> Self {
        Self { plugin: value(&pairs, "plugin").into(), upgrades: None, pairs }
    }

    /// A deployment that is there.
    pub(super) fn upgrade(name: String, basis: Basis, pairs: Pairs) -> Self {
        Self { plugin: basis.plugin.to_string(), upgrades: Some((name, basis)), pairs }
    }

    /// The path of its page.
    pub(super) fn path(&self) -> String {
        match &self.upgrades {
            Some((name, _)) => format!("/deployments/{name}/upgrade"),
            None => "/deploy".into(),
        }
    }

    /// The target that was chosen; none: where the deployment is, or nowhere yet.
    pub(super) fn target(&self) -> Option<&str> {
        let chosen = Some(value(&self.pairs, "target")).filter(|target| !target.is_empty());
        self.upgrades.as_ref().map(|(_, basis)| basis.target.as_str()).or(chosen)
    }

    /// The name that was chosen; none: the plugin's.
    pub(super) fn name(&self) -> Option<&str> {
        let chosen = Some(value(&self.pairs, "name")).filter(|name| !name.is_empty());
        self.upgrades.as_ref().map(|(name, _)| name.as_str()).or(chosen)
    }

    /// The team that was named; none: whose it was, or nobody's.
    pub(super) fn team(&self) -> Option<&str> {
        Some(value(&self.pairs, "team")).filter(|team| !team.is_empty())
    }

    /// Whether its plan is asked for, and not only its form.
    pub(super) fn is_asked(&self) -> bool {
        value(&self.pairs, "step") == "plan"
    }

    /// The parameters as they were typed.
    fn typed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().filter_map(|(name, text)| Some((name.strip_prefix(PARAMETER)?, text.as_str())))
    }

    /// What the deployment was given, where nothing was typed in its place.
    fn given(&self) -> Option<&Map<String, Value>> {
        let basis = self.upgrades.as_ref().map(|(_, basis)| &basis.parameters);
        basis.filter(|_| self.typed().next().is_none())
    }

    /// What the fields of its parameters show: what was typed or, before that, what the deployment was given.
    pub(super) fn shown(&self, schema: &Value) -> Map<String, Value> {
        if let Some(given) = self.given() {
            return given.clone();
        }
        let as_typed = |(name, text): (&str, &str)| (name.to_owned(), Value::from(text));
        schema_values(schema, &self.pairs).unwrap_or_else(|_| self.typed().map(as_typed).collect())
    }

    /// What the form asks for; refused with what is wrong with its fields.
    pub(super) fn request(&self, release: &Release, schema: &Value) -> Result<NewDeployment, Misfit> {
        let misfit = |problems: Vec<(String, String)>| Misfit {
            release: release.clone(),
            problems: problems.into_iter().map(|(name, message)| about(&name, message)).collect(),
        };
        let parameters = match self.given() {
            Some(given) => given.clone(),
            None => schema_values(schema, &self.pairs).map_err(misfit)?,
        };
        Ok(NewDeployment {
            plugin: release.plugin.to_string(),
            name: self.name().map(str::to_owned),
            target: self.target().map(str::to_owned),
            team: self.team().map(str::to_owned),
            parameters: Value::Object(parameters),
            // The form shows all of them.
            keep: false,
            ..NewDeployment::default()
        })
    }

    /// What was shown to whoever approves it.
    pub(super) fn approved(&self) -> Result<Approved, users::Error> {
        let lacking =
            || users::Error::Invalid("the form does not say which plan was shown: look at it again".into());
        let base: Option<i64> = match value(&self.pairs, "base") {
            "" => None,
            number => Some(number.parse().map_err(|_| lacking())?),
        };
        Ok(Approved {
            release: value(&self.pairs, "release").parse().map_err(|_| lacking())?,
            plan: value(&self.pairs, "digest").parse().map_err(|_| lacking())?,
            base,
            // Pages leave a deployment in the files in which it is.
            owner_before: None,
            team: Some(value(&self.pairs, "of-team")).filter(|team| !team.is_empty()).map(str::to_owned),
        })
    }

    /// The fields that another form of the same draft sends again.
    pub(super) fn kept(&self) -> impl Iterator<Item = (&str, &str)> {
        let kept = self.pairs.iter().filter(|(name, _)| !PASSING.contains(&name.as_str()));
        kept.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Why there is no plan.
pub(super) struct Refusal {
    pub problem: Problem,
    /// What is wrong with a parameter, after its name.
    pub beside: Vec<(String, String)>,
    /// What is about none of them.
    pub rest: Vec<String>,
}

impl Refusal {
    /// The plugin's refusal, a policy's or a target's, as it stands beside the fields of a form with this schema.
    pub(super) fn of(error: deployments::Error, schema: &Value) -> Self {
        let problems = match &error {
            deployments::Error::Parameters(misfit) => misfit.problems.as_slice(),
            deployments::Error::Sandbox(SandboxError::Problems { problems, .. })
            | deployments::Error::Policies(policies::Error::Denied { problems, .. }) => problems.as_slice(),
            _ => &[],
        };
        let (mut beside, mut rest) = (Vec::new(), Vec::new());
        for PlanProblem { parameter, message } in problems {
            match parameter.as_deref().map(parameter_of).filter(|name| has(schema, name)) {
                Some(name) => beside.push((name, message.clone())),
                None => rest.push(message.clone()),
            }
        }
        Self { problem: problem::told(&Error::from(error)), beside, rest }
    }
}

fn has(schema: &Value, parameter: &str) -> bool {
    schema["properties"].get(parameter).is_some()
}

/// A problem with the parameter of this name.
fn about(name: &str, message: String) -> PlanProblem {
    let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    PlanProblem { parameter: Some(pointer), message }
}

/// The parameter that a JSON pointer leads into.
fn parameter_of(pointer: &str) -> String {
    let first = pointer.trim_start_matches('/').split('/').next().unwrap_or_default();
    first.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn draft(pairs: &[(&str, &str)]) -> Draft {
        Draft::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_problem_stands_beside_the_parameter_that_it_leads_into() {
        for (pointer, name) in [("/port", "port"), ("/gpus/0/kind", "gpus"), ("/a~1b~0c", "a/b~c"), ("", "")]
        {
            assert_eq!(parameter_of(pointer), name);
        }
        assert_eq!(parameter_of(&about("a/b~c", String::new()).parameter.unwrap()), "a/b~c");
        let schema = json!({ "properties": { "port": {} } });
        let release: Release = "acme:x@1.0.0".parse().unwrap();
        let problem = |parameter: Option<&str>, message: &str| PlanProblem {
            parameter: parameter.map(str::to_owned),
            message: message.into(),
        };
        let problems = vec![
            problem(Some("/port"), "80 is less than 1024"),
            problem(Some("/gone"), "it is unknown"),
            problem(None, "2 of 1 GPUs"),
        ];
        let refusal = Refusal::of(Misfit { release, problems }.into(), &schema);
        assert_eq!(refusal.beside, [("port".to_owned(), "80 is less than 1024".to_owned())]);
        assert_eq!(refusal.rest, ["it is unknown", "2 of 1 GPUs"]);
        assert_eq!(refusal.problem.status, 422);
    }

    #[test]
    fn what_was_approved_is_read_whole_or_refused() {
        let digest = chandlery_package::Digest::of("a plan").to_string();
        let all = [("release", "acme:x@1.0.0"), ("digest", digest.as_str()), ("base", "3")];
        let approved = draft(&all).approved().unwrap();
        assert_eq!((approved.base, approved.plan.to_string()), (Some(3), digest.clone()));
        assert_eq!(draft(&all[..2]).approved().unwrap().base, None);
        for missing in [&all[1..], &all[..1], &[("release", "x"), all[1]], &[all[0], all[1], ("base", "x")]] {
            assert!(draft(missing).approved().is_err(), "{missing:?}");
        }
        // Nothing of it is sent again with the form.
        let sent = draft(&[all[0], all[1], ("step", "plan"), ("plugin", "acme:x"), ("set.port", "80")]);
        let kept: Vec<_> = sent.kept().collect();
        assert_eq!(kept, [("plugin", "acme:x"), ("set.port", "80")]);
        assert!(sent.is_asked() && sent.name().is_none() && sent.target().is_none());
    }
}
