//! Recording a plan as what should run, if everything that it was made from still is so.

use chandlery_package::wire::host::{Deployment, Entitlement, NewDeployment};
use jiff::Timestamp;
use serde_json::json;

use super::plan::Made;
use super::state::NewRevision;
use super::{Deployments, Error, alerts, change, state};
use crate::events::{new_event, tell};
use crate::licence::{self, beyond};
use crate::system::Changed;
use crate::users::Actor;
use chandlery_sandbox::{Event, EventKind};

/// How often a plan is made again where something that it was made from has changed meanwhile.
const ATTEMPTS_MAX: u32 = 5;

impl Deployments {
    /// What this host may do with one deployment more; refused, where it may not have one.
    async fn must_have_room(&self) -> Result<Entitlement, Error> {
        let has = self.licences.for_one_more(self.count().await?).await?;
        let Entitlement { tier, used, limit, .. } = has;
        match limit.filter(|limit| used >= *limit) {
            Some(limit) => {
                let (account, upgrade) = (has.account, beyond(limit));
                Err(licence::Error::Limit { account, tier, used, limit, upgrade }.into())
            }
            None => Ok(has),
        }
    }

    /// Records what should run; the loop makes it so. The same again changes nothing, and another plan than what was approved is refused.
    pub async fn deploy(&self, by: &Actor, new: &NewDeployment) -> Result<Deployment, Error> {
        // From a plan's review until it is recorded: two that were reviewed at once could exceed a budget together.
        let _held = self.deploying.lock().await;
        for _ in 0..ATTEMPTS_MAX {
            let made = self.make(new).await?;
            by.must_deploy_to(&made.planned.target)?;
            by.must_change(&made.planned.deployment)?;
            if let Some(team) = &new.team {
                by.must_deploy_for(team)?;
            }
            if let Some(approved) = &new.approved {
                made.must_be(approved)?;
            }
            self.must_be_covered(&made.locked, !made.planned.exists).await?;
            let has = if made.planned.exists { None } else { Some(self.must_have_room().await?) };
            if let Some(deployed) = self.record(by, &made, has.as_ref(), new.timeout_seconds).await? {
                if has.is_some() {
                    self.licences.report();
                }
                return Ok(deployed);
            }
        }
        Err(Changed(new.name.clone().unwrap_or_else(|| new.plugin.clone())).into())
    }

    /// Records a plan, and gives what is deployed by it; nothing, where what the plan was made from has changed.
    async fn record(
        &self,
        by: &Actor,
        made: &Made,
        has: Option<&Entitlement>,
        timeout_seconds: Option<u32>,
    ) -> Result<Option<Deployment>, Error> {
        let (planned, locked) = (&made.planned, &made.locked);
        let held = self.installs.hold().await;
        let mut write = self.db.write().await?;
        if !made.is_current(&held, &mut write).await? {
            return Ok(None);
        }
        change::must_reach(&mut write, by, &planned.deployment).await?;
        made.must_be_possible(&mut write).await?;
        let new = NewRevision {
            deployment: planned.deployment.clone(),
            by: by.name().into(),
            target: planned.target.clone(),
            team: planned.team.clone(),
            owner: planned.owner.clone(),
            release: locked.release.clone(),
            component: locked.component,
            artifact: locked.artifact,
            log_index: i64::try_from(locked.log_index).unwrap_or(i64::MAX),
            given: made.given.to_string(),
            parameters: made.request.parameters.clone(),
            facts: json!(made.request.target).to_string(),
            plan: planned.plan.clone(),
            plan_digest: planned.digest,
            reviews: json!(made.passed.reviews).to_string(),
            meters: made.meters.clone(),
            changes: planned.changes.clone(),
            timeout_seconds: timeout_seconds.map(i64::from),
        };
        if let Some(revision) = state::deploy(&mut write, &new).await? {
            let event = Event {
                deployment: planned.deployment.clone(),
                target: planned.target.clone(),
                team: planned.team.clone(),
                release: Some(locked.release.clone()),
                revision: u64::try_from(revision).unwrap_or_default(),
                detail: format!("revision {revision} was planned by {}", locked.release),
                ..new_event(EventKind::Planned)
            };
            let integrations = held.integrations()?;
            tell(&mut write, &integrations, &event).await?;
            if let Some(has) = has
                && let Some(alert) = alerts::alert(&mut write, has, Timestamp::now()).await?
            {
                tell(&mut write, &integrations, &alert).await?;
            }
        }
        self.changed(write, &planned.deployment).await.map(Some)
    }
}
