//! How what runs differs from what there should be: every deployment is planned by the host, and nothing is done.

use std::collections::BTreeMap;

use chandlery_package::wire::Page;
use chandlery_package::wire::host::{
    Change, Deployment, Health, Locked, NewDeployment, Planned, Remark, Revision, RolloutState,
};
use chandlery_package::{Digest, OwnerName, Release, words};
use reqwest::Method;
use serde::Serialize;
use serde_json::json;

use super::layers::{Desired, Wanted};
use super::lock::{Lock, Pin};
use super::place::Mistakes;
use super::releases;
use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::words::OTHER_CHANGES;

words! {
    /// What would be done to a deployment.
    pub enum Act: "act on a deployment" {
        /// There is none of its name yet.
        Create = "create",
        /// It runs, and otherwise than it should.
        Change = "change",
        /// It is in the owner's files no longer, and goes.
        Prune = "prune",
        /// It is as it should be.
        Unchanged = "unchanged",
    }
}

/// What is done to which deployment, and what that changes.
#[derive(Debug, Serialize)]
pub struct Step {
    /// The deployment, by its name.
    pub deployment: String,
    /// What would be done to it.
    pub act: Act,
    /// The release that it would be of or, where it goes, is of.
    pub release: Release,
    /// Where it runs, or would.
    pub target: String,
    /// The values of its plan that would be different; none of one that is new or goes.
    pub changes: Vec<Change>,
    /// What else there is to say of it, in words: another release or owner, what it would cost, what policies say.
    pub says: Vec<String>,
    /// The digest of its plan; none: it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
    /// The revision that this was compared with; none: there is no deployment of its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<i64>,
    /// What deploys just this; none: nothing is to be deployed.
    #[serde(skip)]
    pub request: Option<NewDeployment>,
    /// As it runs.
    #[serde(skip)]
    pub running: Option<Deployment>,
}

/// All steps from what runs to what there should be.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// Whose files were compared.
    pub owner: OwnerName,
    /// The steps by the names of the deployments.
    pub steps: Vec<Step>,
    /// By what all of it is approved at once.
    pub digest: Digest,
    /// What the deployments are planned from.
    #[serde(skip)]
    pub lock: Lock,
}

/// By what releases and owners deployments are compared.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Whether releases are taken that are installed though the lock holds others.
    pub update: bool,
    /// Whether deployments are taken over that are in the files of others, or in nobody's.
    pub adopt: bool,
}

impl Comparison {
    /// Compares what runs with what there should be; refused with everything that stands in the way.
    pub async fn of(context: &Context, desired: &Desired, lock: &Lock, manner: Manner) -> Result<Self> {
        let mut mistakes = Mistakes::default();
        let installed: Page<Locked> = context.host_list("/api/v1/plugins").await?;
        let lock = releases::chosen(desired, lock, &installed.items, manner.update, &mut mistakes);
        // Plans of other releases would say nothing of what is wanted.
        mistakes.judge(Some(()))?;
        let running: Page<Deployment> = context.host_list("/api/v1/deployments").await?;
        let mut running: BTreeMap<String, Deployment> =
            running.items.into_iter().map(|deployment| (deployment.name.clone(), deployment)).collect();
        let mut mistakes = Mistakes::default();
        let mut steps = Vec::new();
        for (name, wanted) in &desired.deployments {
            let request = NewDeployment {
                plugin: wanted.plugin.value.plugin.to_string(),
                name: Some(name.to_string()),
                target: wanted.target.as_ref().map(ToString::to_string),
                team: wanted.team.as_ref().map(ToString::to_string),
                parameters: wanted.parameters().into(),
                owner: Some(desired.owner.clone()),
                adopt: manner.adopt,
                ..NewDeployment::default()
            };
            let runs = running.remove(name.as_str());
            match context.host::<Planned>(Method::POST, "/api/v1/plans", &request).await {
                Ok(planned) => {
                    must_be_of(&planned.release, lock.pin(&wanted.plugin.value))?;
                    steps.push(step(context, request, planned, runs).await?);
                }
                Err(failure) => note(failure, wanted, &mut mistakes)?,
            }
        }
        mistakes.judge(Some(()))?;
        let gone =
            running.into_values().filter(|deployment| deployment.owner.as_ref() == Some(&desired.owner));
        steps.extend(gone.map(pruned));
        steps.sort_by(|a, b| a.deployment.cmp(&b.deployment));
        Ok(Self { owner: desired.owner.clone(), digest: digest(&desired.owner, &steps), steps, lock })
    }

    /// The steps at which something is done.
    pub fn changing(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.act != Act::Unchanged)
    }
}

/// What somebody approves: each step that does something, what it was compared with, and all that the host is told to hold it to.
fn digest(owner: &OwnerName, steps: &[Step]) -> Digest {
    let done = steps.iter().filter(|step| step.act != Act::Unchanged);
    let said = done.map(|Step { deployment, act, release, target, base, request, .. }| {
        let approved = request.as_ref().and_then(|request| request.approved.as_ref());
        json!([deployment, act, release, target, base, approved])
    });
    Digest::of(json!({ "owner": owner, "steps": said.collect::<Vec<_>>() }).to_string())
}

/// Refuses a plan of another release than was chosen for the lock: it was installed between the two.
fn must_be_of(release: &Release, pin: Option<&Pin>) -> Result {
    match pin.filter(|pin| pin.release != *release) {
        Some(Pin { release: chosen, .. }) => {
            let detail =
                format!("{chosen} was chosen, and {release} was installed meanwhile; nothing was changed");
            Err(Failure::new(&OTHER_CHANGES, detail)
                .remedy("run the command again, once nobody installs anything"))
        }
        None => Ok(()),
    }
}

/// Why a deployment cannot be planned is a mistake at its place; that nothing can be planned by whoever asks ends the comparison.
fn note(failure: Failure, wanted: &Wanted, mistakes: &mut Mistakes) -> Result {
    if ["away", "unauthenticated", "forbidden"].iter().any(|word| failure.is(word)) {
        return Err(failure);
    }
    let says = match failure.what_to_do() {
        Some(remedy) => format!("{} ({remedy})", failure.detail()),
        None => failure.detail().to_owned(),
    };
    mistakes.add(wanted.place_in(failure.detail()), says);
    Ok(())
}

async fn step(
    context: &Context,
    request: NewDeployment,
    planned: Planned,
    running: Option<Deployment>,
) -> Result<Step> {
    let mut says = Vec::new();
    if let Some(running) = &running {
        says.extend(differences(&planned, running));
        if says.is_empty() && planned.changes.is_empty() && has_failed(context, running).await? {
            says.push(format!("revision {} has failed, and is tried again", running.revision));
        }
    }
    let act = match (&running, says.is_empty() && planned.changes.is_empty()) {
        (None, _) => Act::Create,
        (Some(_), true) => Act::Unchanged,
        (Some(_), false) => Act::Change,
    };
    if act == Act::Change && running.as_ref().is_some_and(|running| running.health == Health::Paused) {
        says.push("it is paused, and would run again".into());
    }
    says.extend(remarks(&planned));
    let approved = Some(planned.to_approve());
    Ok(Step {
        act,
        request: (act != Act::Unchanged).then_some(NewDeployment { approved, ..request }),
        changes: if act == Act::Change { planned.changes } else { Vec::new() },
        deployment: planned.deployment,
        release: planned.release,
        target: planned.target,
        says,
        plan: Some(planned.digest),
        base: planned.base,
        running,
    })
}

/// What would be different beside the values of the plan, in words.
fn differences(planned: &Planned, running: &Deployment) -> Vec<String> {
    let mut says = Vec::new();
    if planned.release != running.release {
        says.push(format!("{} runs, and {} would", running.release, planned.release));
    }
    if planned.owner != planned.owner_before {
        let from = planned
            .owner_before
            .as_ref()
            .map_or("nobody's files".into(), |owner| format!("the files of '{owner}'"));
        says.push(format!("it would be taken over from {from}"));
    }
    if planned.team != running.team {
        let is = |team: &Option<String>| {
            team.as_ref().map_or("no team's".into(), |team| format!("of team '{team}'"))
        };
        says.push(format!("it is {}, and would be {}", is(&running.team), is(&planned.team)));
    }
    if planned.changes.is_empty() && planned.digest != running.plan_digest {
        says.push("the plan says something else to whoever uses it".into());
    }
    says
}

fn remarks(planned: &Planned) -> Vec<String> {
    let cost = match (&planned.cost_per_hour_before, &planned.cost_per_hour) {
        (Some(before), Some(after)) if before != after => {
            Some(format!("it costs {before} an hour, and would cost {after}"))
        }
        (None, Some(after)) => Some(format!("it would cost {after} an hour")),
        _ => None,
    };
    let remarks = planned.remarks.iter().map(|Remark { policy, says, amended }| match amended {
        true => format!("changed by {policy}: {says}"),
        false => format!("{policy}: {says}"),
    });
    cost.into_iter().chain(remarks).collect()
}

/// Whether the revision that should run has failed, and nothing runs in its place: what it was made from, once more, is another try.
async fn has_failed(context: &Context, running: &Deployment) -> Result<bool> {
    if running.health != Health::Failed {
        return Ok(false);
    }
    let path = format!("/api/v1/deployments/{}/revisions", running.name);
    let page: Page<Revision> = context.host_list(&path).await?;
    let is_it = |revision: &Revision| revision.revision == running.revision;
    Ok(page
        .items
        .iter()
        .find(|revision| is_it(revision))
        .is_some_and(|found| found.state == RolloutState::Failed))
}

fn pruned(running: Deployment) -> Step {
    let says = match running.health {
        Health::Removing => vec!["it is on its way out already".into()],
        _ => Vec::new(),
    };
    Step {
        deployment: running.name.clone(),
        act: Act::Prune,
        release: running.release.clone(),
        target: running.target.clone(),
        changes: Vec::new(),
        says,
        plan: None,
        base: Some(running.revision),
        request: None,
        running: Some(running),
    }
}

#[cfg(test)]
mod tests {
    use chandlery_package::wire::host::Approved;

    use super::*;

    fn step(approved: Approved) -> Step {
        Step {
            deployment: "web".into(),
            act: Act::Change,
            release: approved.release.clone(),
            target: "local".into(),
            changes: Vec::new(),
            says: Vec::new(),
            plan: Some(approved.plan),
            base: approved.base,
            request: Some(NewDeployment { approved: Some(approved), ..NewDeployment::default() }),
            running: None,
        }
    }

    #[test]
    fn what_was_installed_meanwhile_is_not_planned() {
        let [former, later] =
            ["acme:x@1.0.0", "acme:x@1.1.0"].map(|release| release.parse::<Release>().unwrap());
        let pin = Pin { release: former.clone(), component: Digest::of("component") };
        assert!(must_be_of(&former, Some(&pin)).is_ok());
        let refused = must_be_of(&later, Some(&pin)).unwrap_err();
        assert!(
            refused.is("changed-meanwhile")
                && refused.detail().contains("acme:x@1.1.0 was installed meanwhile")
        );
    }

    #[test]
    fn a_digest_is_of_all_that_is_approved() {
        let owner: OwnerName = "team-a".parse().unwrap();
        let approved = Approved {
            release: "acme:x@1.0.0".parse().unwrap(),
            plan: Digest::of("plan"),
            base: Some(1),
            owner_before: Some("team-b".parse().unwrap()),
            team: Some("ml".into()),
        };
        let of = |approved: &Approved| digest(&owner, &[step(approved.clone())]);
        let mut all = vec![of(&approved)];
        assert_eq!(all[0], of(&approved));
        for other in [
            Approved { release: "acme:x@1.1.0".parse().unwrap(), ..approved.clone() },
            Approved { plan: Digest::of("another"), ..approved.clone() },
            Approved { base: Some(2), ..approved.clone() },
            Approved { owner_before: None, ..approved.clone() },
            Approved { owner_before: Some("team-c".parse().unwrap()), ..approved.clone() },
            Approved { team: None, ..approved.clone() },
        ] {
            let digest = of(&other);
            assert!(!all.contains(&digest), "{other:?}");
            all.push(digest);
        }
    }
}
