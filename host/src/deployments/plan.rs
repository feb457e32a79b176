//! What a deployment would be: the template's plan for its parameters, as the policies let it pass and the target can run it,
//! and what it would change.

use std::collections::{BTreeMap, BTreeSet};

use chandlery_package::wire::host::{Approved, Locked, NewDeployment, Planned, Remark};
use chandlery_package::{
    DeploymentName, InstallRules, Kind, Meter, OwnerName, Permission, SecretName, TeamName,
};
use serde_json::{Map, Value};
use sqlx::SqliteConnection;

use super::record::{self, Intent, Record};
use super::{Deployments, Error, diff, state};
use crate::engines::local;
use crate::installs::Held;
use crate::policies::{self, Passed, Reviewed};
use crate::system::blocking;
use crate::{installs, rules, secrets, targets};
use chandlery_package::parameters;
use chandlery_package::plan::{Plan, Workload, cost_per_hour};
use chandlery_sandbox::{Request, Review, Running};

/// A plan, and what it took to make it.
pub(super) struct Made {
    pub planned: Planned,
    pub locked: Locked,
    pub given: Value,
    pub request: Request,
    pub passed: Passed,
    /// What its replicas are metered by beside time.
    pub meters: Vec<Meter>,
    /// The install rules that its plugin and all policies fit.
    rules: InstallRules,
}

impl Made {
    /// Whether what it was made from is still so, looked up in the transaction that records it.
    pub async fn is_current(&self, held: &Held<'_>, write: &mut SqliteConnection) -> Result<bool, Error> {
        let installed = held.list()?;
        let rules = rules::current(&mut *write).await.map_err(installs::Error::from)?;
        // Only a deployment can change the team and the owner, and there is one at a time.
        let base = record::find(&mut *write, &self.planned.deployment).await?.map(|record| record.revision);
        Ok(base == self.planned.base
            && rules == self.rules
            && installed.contains(&self.locked)
            && self.passed.holds(&installed, write).await?)
    }

    /// Refuses what is not what was approved.
    pub fn must_be(&self, approved: &Approved) -> Result<(), Error> {
        match unlike(&self.planned, approved) {
            Some(why) => Err(Error::NotAsShown { deployment: self.planned.deployment.clone(), why }),
            None => Ok(()),
        }
    }

    /// Refuses what is not there any more: the target, or a secret that the plan hands on.
    pub async fn must_be_possible(&self, write: &mut SqliteConnection) -> Result<(), Error> {
        targets::must_exist(write, &self.planned.target).await?;
        for name in secrets_in(&self.planned.plan) {
            secrets::must_exist(write, &name).await?;
        }
        Ok(())
    }
}

impl Deployments {
    /// What a deployment would be, and what it would change. Nothing is done.
    pub async fn plan(&self, new: &NewDeployment) -> Result<Planned, Error> {
        Ok(self.make(new).await?.planned)
    }

    pub(super) async fn make(&self, new: &NewDeployment) -> Result<Made, Error> {
        let locked = self.installs.find_of(Kind::Template, &new.plugin).await?;
        let rules = self.must_fit(&locked).await?;
        let name = new.name.as_deref().unwrap_or(locked.release.plugin.name.as_str());
        let name = name.parse::<DeploymentName>()?.to_string();
        let running = record::find(self.db.pool(), &name).await?;
        if running.as_ref().is_some_and(|record| record.intent == Intent::Removed) {
            return Err(Error::Removing(name));
        }
        let owner = owner(&name, running.as_ref(), new)?;
        let target = match (&running, &new.target) {
            (Some(record), Some(asked)) if record.target != *asked => {
                return Err(Error::OtherTarget { name, is: record.target.clone(), asked: asked.clone() });
            }
            (Some(record), _) => record.target.clone(),
            (None, asked) => asked.clone().unwrap_or_else(|| local::TARGET.into()),
        };
        let team = match &new.team {
            Some(team) => Some(team.parse::<TeamName>()?.to_string()),
            None => running.as_ref().and_then(|record| record.team.clone()),
        };
        let template = self.installs.plugin(&locked).await?;
        let given = match (&running, &new.parameters) {
            (Some(record), Value::Object(given)) if new.keep => {
                let mut kept: Map<String, Value> = record::read(&name, "the parameters", &record.given)?;
                kept.extend(given.clone());
                Value::Object(kept)
            }
            (_, given) => given.clone(),
        };
        let filled = self.models.fill(&template.manifest, &given).await?;
        let parameters = parameters::complete(&template.manifest, &filled)?;
        let meters = template.manifest.meters.clone();
        let engine = self.targets.engine(&target).await?;
        let prices = self.targets.prices(&target).await?;
        let target = engine.inventory().await?;
        let request = Request { deployment: name.clone(), parameters: parameters.to_string(), target };
        let (sandbox, asked) = (self.sandbox.clone(), request.clone());
        let plan = blocking(move || Ok::<_, Error>(sandbox.plan(&template, &asked)?)).await?;
        let review = Review {
            deployment: name.clone(),
            team: team.clone(),
            release: locked.release.clone(),
            target: request.target.clone(),
            others: self.others(&name).await?,
            settings: String::new(),
        };
        let (plan, passed) =
            policies::pass(self.db.pool(), &self.installs, &self.sandbox, plan, review).await?;
        self.must_have_secrets(&locked, &plan).await?;
        must_have_ports(&locked, &meters, &plan)?;
        engine.check(&plan, &request.target)?;

        if let Some(is) = running.as_ref().map(|record| record.release.plugin.clone())
            && is != locked.release.plugin
        {
            return Err(Error::OtherPlugin { name, is, asked: locked.release.plugin });
        }
        let before = running.as_ref().map(|record| &record.plan);
        let changes = diff::changes(before, &plan);
        let mut by_hand = running.as_ref().map(|record| record.scale.clone()).unwrap_or_default();
        let cost = |plan: &Plan, by_hand: &BTreeMap<String, u32>| {
            cost_per_hour(&record::scaled(plan.clone(), by_hand), &request.target, &prices)
        };
        let cost_per_hour_before = before.and_then(|plan| cost(plan, &by_hand));
        by_hand.retain(|workload, _| !state::overrides_scale(&changes).any(|name| name == workload));
        if let Some(running) = running.as_ref().filter(|_| !changes.is_empty()) {
            let next = Record { plan: plan.clone(), scale: by_hand.clone(), ..running.clone() };
            self.rehearse(&next).await?;
        }
        let planned = Planned {
            deployment: name,
            target: request.target.name.clone(),
            release: locked.release.clone(),
            digest: plan.digest(),
            changes,
            exists: running.is_some(),
            base: running.as_ref().map(|record| record.revision),
            cost_per_hour: cost(&plan, &by_hand),
            cost_per_hour_before,
            remarks: passed.reviews.iter().flat_map(remarks).collect(),
            team,
            owner,
            owner_before: running.as_ref().and_then(|record| record.owner.clone()),
            parameters,
            plan,
        };
        Ok(Made { planned, locked, given, request, passed, meters, rules })
    }

    /// Refuses a plugin, or a policy that its plans would pass, that breaks a rule of this host; gives the rules.
    async fn must_fit(&self, locked: &Locked) -> Result<InstallRules, Error> {
        let rules = self.installs.rules().read().await.map_err(installs::Error::from)?;
        self.installs.must_fit(locked).await?;
        for policy in self.installs.of_kind(Kind::Policy).await? {
            self.installs.must_fit(&policy).await?;
        }
        Ok(rules)
    }

    /// What else is deployed, as policies see it.
    async fn others(&self, name: &str) -> Result<Vec<Running>, Error> {
        let others = record::all(self.db.pool()).await?.into_iter();
        let others = others.filter(|record| record.name != name && record.intent != Intent::Removed);
        let running = others.map(|record| {
            let plan = record.desired().plan;
            let Record { name, team, release, target, .. } = record;
            Running { deployment: name, team, release, target, plan }
        });
        Ok(running.collect())
    }

    /// A plan may hand on what its plugin was granted, where the host holds it.
    async fn must_have_secrets(&self, locked: &Locked, plan: &Plan) -> Result<(), Error> {
        let wanted = secrets_in(plan);
        for name in &wanted {
            let permission = Permission::Secret(name.clone());
            if !locked.permissions.contains(&permission) {
                return Err(Error::NotGranted { release: locked.release.clone(), permission });
            }
        }
        let held = self.secrets.values(&wanted).await?;
        match wanted.into_iter().find(|name| !held.contains_key(name)) {
            Some(missing) => Err(secrets::Error::NoSecret(missing).into()),
            None => Ok(()),
        }
    }
}

/// Why a plan is not what was approved: it says something else, would change another revision than it was compared with, would take the
/// deployment over from others, or give it to another team. What runs already is not changed by the same again.
fn unlike(planned: &Planned, shown: &Approved) -> Option<String> {
    let Planned { release, digest, changes, base, owner_before, owner, team, .. } = planned;
    let takes_over = owner_before != owner;
    let revision = |of: Option<i64>| of.map_or("nothing".into(), |number| format!("revision {number}"));
    let files = |of: &Option<OwnerName>| {
        of.as_ref().map_or("nobody's files".into(), |owner| format!("the files of '{owner}'"))
    };
    let whose =
        |of: &Option<String>| of.as_ref().map_or("no team's".into(), |team| format!("team '{team}'s"));
    if *release != shown.release {
        Some(format!("{} was shown, and {release} is installed now", shown.release))
    } else if *digest != shown.plan {
        Some(format!("the plan {} was shown, and it is {digest} now", shown.plan))
    } else if *base != shown.base && (takes_over || !changes.is_empty()) {
        let (before, now) = (revision(shown.base), revision(*base));
        Some(format!("it was compared with {before}, and {now} should run now"))
    } else if *owner_before != shown.owner_before && takes_over {
        let (before, now) = (files(&shown.owner_before), files(owner_before));
        Some(format!("it was shown to be in {before}, and is in {now} now"))
    } else if *team != shown.team {
        let (before, now) = (whose(&shown.team), whose(team));
        Some(format!("it was shown that it would be {before}, and it would be {now} now"))
    } else {
        None
    }
}

/// Whose files a deployment would be in. Nobody takes one over without saying so.
fn owner(name: &str, running: Option<&Record>, new: &NewDeployment) -> Result<Option<OwnerName>, Error> {
    match (running, &new.owner) {
        (Some(record), Some(asked)) if record.owner.as_ref() != Some(asked) && !new.adopt => {
            let (is, asked) = (record.owner.clone(), asked.clone());
            Err(Error::OtherOwner { name: name.into(), is, asked })
        }
        (Some(record), None) => Ok(record.owner.clone()),
        (_, asked) => Ok(asked.clone()),
    }
}

/// What is metered can be reached: each meter's port is one of the plan.
fn must_have_ports(locked: &Locked, meters: &[Meter], plan: &Plan) -> Result<(), Error> {
    let has =
        |name: &str| plan.workloads.iter().flat_map(|workload| &workload.ports).any(|port| port.name == name);
    match meters.iter().find(|meter| !has(&meter.port)) {
        Some(meter) => {
            Err(Error::NotMetered { release: locked.release.clone(), meter: Box::new(meter.clone()) })
        }
        None => Ok(()),
    }
}

fn remarks(reviewed: &Reviewed) -> impl Iterator<Item = Remark> {
    reviewed.remarks.iter().map(|says| Remark {
        policy: reviewed.policy.clone(),
        says: says.clone(),
        amended: reviewed.amended,
    })
}

/// The secrets that a plan hands on.
pub(super) fn secrets_in(plan: &Plan) -> BTreeSet<SecretName> {
    plan.workloads.iter().flat_map(Workload::secrets).filter_map(|name| name.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use chandlery_package::Digest;
    use chandlery_package::wire::host::Change;

    use super::*;

    /// A plan that would take a deployment over from team-b, and change it.
    fn planned() -> Planned {
        Planned {
            deployment: "web".into(),
            target: "local".into(),
            release: "acme:x@1.0.0".parse().unwrap(),
            plan: Plan { workloads: Vec::new(), notes: Vec::new() },
            digest: Digest::of("plan"),
            parameters: Value::Null,
            changes: vec![Change { path: "web.command".into(), before: None, after: None }],
            exists: true,
            base: Some(3),
            cost_per_hour: None,
            cost_per_hour_before: None,
            team: Some("ml".into()),
            owner: Some("team-a".parse().unwrap()),
            owner_before: Some("team-b".parse().unwrap()),
            remarks: Vec::new(),
        }
    }

    #[test]
    fn what_was_shown_is_done_and_nothing_else() {
        let shown = planned().to_approve();
        assert_eq!(unlike(&planned(), &shown), None);
        let other = |change: fn(&mut Planned)| {
            let mut now = planned();
            change(&mut now);
            unlike(&now, &shown).unwrap_or_default()
        };
        let others: [(fn(&mut Planned), &str); 6] = [
            (|now| now.release = "acme:x@1.1.0".parse().unwrap(), "acme:x@1.1.0 is installed"),
            (|now| now.digest = Digest::of("another"), "the plan"),
            (|now| now.base = Some(4), "revision 3, and revision 4 should run now"),
            (|now| now.owner_before = Some("team-c".parse().unwrap()), "and is in the files of 'team-c'"),
            (|now| now.owner_before = None, "of 'team-b', and is in nobody's files now"),
            (|now| now.team = None, "team 'ml's, and it would be no team's now"),
        ];
        for (change, says) in others {
            let refused = other(change);
            assert!(refused.contains(says), "{refused}");
        }
        // The same again, once it has been done: it runs, and is in these files.
        let done = |now: &mut Planned| {
            now.changes.clear();
            (now.base, now.owner_before) = (Some(4), now.owner.clone());
        };
        assert_eq!(other(done), "");
        // What somebody has deployed meanwhile, where there was nothing, is not taken over for running the same.
        let nothing = Approved { base: None, owner_before: None, ..shown.clone() };
        let mut by_hand = planned();
        by_hand.changes.clear();
        by_hand.owner_before = None;
        assert!(unlike(&by_hand, &nothing).is_some_and(|why| why.contains("compared with nothing")));
    }
}
