//! What a deployment is made from, and what going back would change: what somebody is shown before they approve it.

use chandlery_package::plan::Plan;
use chandlery_package::wire::host::{Change, Revision};
use chandlery_package::{PluginId, Release};
use serde_json::{Map, Value};

use super::record::{self, Intent};
use super::{Deployments, Error, diff, state};

/// What a deployment is made from: where whoever changes it begins.
#[derive(Debug, Clone)]
pub struct Basis {
    /// The plugin that it is of.
    pub plugin: PluginId,
    /// The release that made its plan.
    pub release: Release,
    /// The name of its target.
    pub target: String,
    /// The parameters as they were given, without defaults.
    pub parameters: Map<String, Value>,
    /// Its plan, with the numbers of replicas that were set by hand.
    pub plan: Plan,
    /// Whether nothing of it should run until it is resumed.
    pub paused: bool,
}

/// A revision that a deployment could go back to, and what that would change.
#[derive(Debug, Clone)]
pub struct Former {
    /// The revision that would run again.
    pub revision: Revision,
    /// The number of the one that should run now.
    pub from: i64,
    /// What differs from what runs.
    pub changes: Vec<Change>,
}

impl Deployments {
    /// What a deployment is made from.
    pub async fn basis(&self, name: &str) -> Result<Basis, Error> {
        let record = self.existing(name).await?;
        Ok(Basis {
            plugin: record.release.plugin.clone(),
            parameters: record::read(name, "the parameters", &record.given)?,
            plan: record::scaled(record.plan, &record.scale),
            paused: record.intent == Intent::Paused,
            release: record.release,
            target: record.target,
        })
    }

    /// What a rollback to a revision would change. Nothing is done.
    pub async fn former(&self, name: &str, to: i64) -> Result<Former, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let (record, revision) = state::former_revision(&mut connection, name, Some(to)).await?;
        let plan = record::plan(&mut *connection, name, revision.revision).await?;
        let changes = diff::changes(Some(&record.plan), &plan);
        Ok(Former { revision, from: record.revision, changes })
    }
}
