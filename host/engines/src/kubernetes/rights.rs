//! What a target's credential has to be allowed, asked of the API server when the target is added, and shown as a role that allows it.

use futures::StreamExt as _;
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::kinds::Kind;
use crate::Error;

/// How many questions are asked at once.
const AT_ONCE: usize = 8;
/// What is done to objects that are applied: server-side apply needs `create` for those that are not there, beside `patch`.
const CHANGED: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];

/// What is done to a kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Right {
    group: &'static str,
    /// Its plural, with a part of it after a slash.
    resource: &'static str,
    verbs: &'static [&'static str],
    reach: Reach,
}

/// Of what a right is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Of the target's namespace.
    Namespace,
    /// Of the cluster.
    Cluster,
    /// Of the cluster. Without it what others hold is not known, and what is free is guessed.
    ClusterIfMay,
}

/// Everything that the engine asks of the API server.
fn rights() -> impl Iterator<Item = Right> {
    let changed = Kind::APPLIED.into_iter().map(|kind| {
        let (group, resource) = kind.group_and_plural();
        Right { group, resource, verbs: CHANGED, reach: Reach::Namespace }
    });
    let read = |resource: &'static str, verbs: &'static [&'static str], reach: Reach| Right {
        group: "",
        resource,
        verbs,
        reach,
    };
    changed.chain([
        read("pods", &["list", "watch"][..], Reach::Namespace),
        read("events", &["list", "watch"], Reach::Namespace),
        read("pods/log", &["get"], Reach::Namespace),
        read("nodes", &["list"], Reach::Cluster),
        read("pods", &["list"], Reach::ClusterIfMay),
    ])
}

impl Cluster {
    /// Refuses a credential that is not allowed what the engine needs, with all that is missing and a role that has it.
    pub async fn must_allow(&self) -> Result<(), Error> {
        let asked = rights().flat_map(|right| right.verbs.iter().map(move |verb| (right, *verb)));
        let asked: Vec<_> = asked.filter(|(right, _)| right.reach != Reach::ClusterIfMay).collect();
        let mut answers = Vec::new();
        for (right, verb) in asked {
            answers.push(self.lacks(right, verb));
        }
        let answers: Vec<_> = futures::stream::iter(answers).buffered(AT_ONCE).collect().await;
        let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
        let missing: Vec<_> = answers.into_iter().flatten().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let user = self.user().await?;
        Err(Error::NotAllowed {
            target: self.target.clone(),
            user: user.clone(),
            missing: say(&missing),
            role: role(&self.namespace, &user),
        })
    }

    async fn lacks(&self, right: Right, verb: &'static str) -> Result<Option<(Right, &'static str)>, Error> {
        let is_allowed = self.allows(&self.question(right, verb)).await?;
        Ok((!is_allowed).then_some((right, verb)))
    }

    /// The attributes of a SelfSubjectAccessReview.
    fn question(&self, right: Right, verb: &str) -> Value {
        let (resource, part) = right.resource.split_once('/').unwrap_or((right.resource, ""));
        let mut attributes =
            json!({ "verb": verb, "group": right.group, "resource": resource, "subresource": part });
        if right.reach == Reach::Namespace {
            attributes["namespace"] = self.namespace.clone().into();
        }
        attributes
    }
}

/// What is missing, by resource: `create, patch deployments.apps`.
fn say(missing: &[(Right, &str)]) -> String {
    let mut said: Vec<(Right, Vec<&str>)> = Vec::new();
    for (right, verb) in missing {
        match said.last_mut().filter(|(last, _)| last == right) {
            Some((_, verbs)) => verbs.push(verb),
            None => said.push((*right, vec![verb])),
        }
    }
    let each = said.iter().map(|(right, verbs)| {
        let group = if right.group.is_empty() { String::new() } else { format!(".{}", right.group) };
        format!("{} {}{group}", verbs.join(", "), right.resource)
    });
    each.collect::<Vec<_>>().join("; ")
}

/// The roles that allow all of it, bound to a user, as YAML to be applied.
fn role(namespace: &str, user: &str) -> String {
    let account = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    let subject = match account {
        Some((of, name)) => format!("{{kind: ServiceAccount, namespace: {of}, name: {name}}}"),
        None => format!("{{kind: User, apiGroup: rbac.authorization.k8s.io, name: {}}}", Value::from(user)),
    };
    let mut text = "apiVersion: v1\nkind: List\nitems:\n".to_owned();
    let (everywhere, within) = (format!("chandlery-{namespace}"), format!(", namespace: {namespace}"));
    for (kind, name, of, is_within) in
        [("Role", "chandlery", within.as_str(), true), ("ClusterRole", everywhere.as_str(), "", false)]
    {
        let metadata = format!("name: {name}{of}");
        let api = "- apiVersion: rbac.authorization.k8s.io/v1\n";
        text += &format!("{api}  kind: {kind}\n  metadata: {{{metadata}}}\n  rules:\n");
        for (group, resources, verbs) in rules(is_within) {
            text += &format!("  - apiGroups: [{}]\n", Value::from(group));
            text += &format!("    resources: [{}]\n", resources.join(", "));
            text += &format!("    verbs: [{}]\n", verbs.join(", "));
        }
        text += &format!("{api}  kind: {kind}Binding\n  metadata: {{{metadata}}}\n");
        text += &format!("  roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: {name}}}\n");
        text += &format!("  subjects:\n  - {subject}\n");
    }
    text
}

/// A group, resources of it, and what may be done to each of them.
type Rule = (&'static str, Vec<&'static str>, &'static [&'static str]);

/// The rights within the namespace, or those beyond it, as few rules.
fn rules(is_within: bool) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for right in rights().filter(|right| (right.reach == Reach::Namespace) == is_within) {
        match rules.iter_mut().find(|rule| rule.0 == right.group && rule.2 == right.verbs) {
            Some((_, resources, _)) => resources.push(right.resource),
            None => rules.push((right.group, vec![right.resource], right.verbs)),
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_show_the_roles() {
        let documents = include_str!("../../../../docs/targets.md");
        let role = role("models", "chandlery");
        assert!(
            documents.contains(&format!("```yaml\n{role}```\n")),
            "docs/targets.md has to show this:\n{role}"
        );
    }

    #[test]
    fn every_kind_that_is_watched_or_applied_has_its_rights() {
        let has = |kind: Kind, verb: &str| {
            let (group, resource) = kind.group_and_plural();
            let mut of_it = rights().filter(|it| it.group == group && it.resource == resource);
            of_it.any(|it| it.reach == Reach::Namespace && it.verbs.contains(&verb))
        };
        assert!(Kind::watched().all(|kind| has(kind, "list") && has(kind, "watch")));
        assert!(Kind::APPLIED.into_iter().all(|kind| has(kind, "create") && has(kind, "patch")));
    }

    #[test]
    fn what_is_missing_is_said_by_resource() {
        let right = |group, resource| Right { group, resource, verbs: CHANGED, reach: Reach::Namespace };
        let (jobs, logs) = (right("batch", "jobs"), right("", "pods/log"));
        let missing = [(jobs, "create"), (jobs, "patch"), (logs, "get")];
        assert_eq!(say(&missing), "create, patch jobs.batch; get pods/log");
    }

    #[test]
    fn a_service_account_is_bound_as_one() {
        let role = role("models", "system:serviceaccount:tools:deployer");
        assert!(role.contains("- {kind: ServiceAccount, namespace: tools, name: deployer}\n"), "{role}");
    }
}
