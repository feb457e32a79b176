//! What is deployed, how it fares, and what is asked of it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{Drift, Replica};
use crate::wire::Advised;
use crate::{Digest, Money, Namespace, OwnerName, PluginId, Release, Tier, words};

words! {
    /// How a deployment fares as a whole.
    pub enum Health: "health of a deployment" {
        /// It is on its way for the first time.
        RollingOut = "rolling-out",
        /// Every replica is ready.
        Ready = "ready",
        /// Every job has ended well.
        Succeeded = "succeeded",
        /// It was ready, and some replica is not.
        Degraded = "degraded",
        /// Some replica has failed for good.
        Failed = "failed",
        /// Nothing of it runs, until it is resumed.
        Paused = "paused",
        /// It is being removed.
        Removing = "removing",
    }

    /// What made a revision.
    pub enum Cause: "cause of a revision" {
        /// A plan was deployed.
        Deployed = "deployed",
        /// The same plan was started anew.
        Restarted = "restarted",
    }

    /// How a revision's rollout went.
    pub enum RolloutState: "state of a rollout" {
        /// It is on its way.
        RollingOut = "rolling-out",
        /// All of it was ready.
        RolledOut = "rolled-out",
        /// It never was, and the revision before it runs again where there is one.
        Failed = "failed",
        /// Another revision was wanted before it was ready.
        Superseded = "superseded",
    }
}

/// A deployment, where it came from, and how it fares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Deployment {
    /// What it is called on this host.
    pub name: String,
    /// The name of the target that it is on.
    pub target: String,
    /// The team whose it is; none: nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Whose files of desired state it is in; none: nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerName>,
    /// The parameters as they were given, without defaults.
    #[serde(default)]
    pub parameters: Value,
    /// The release that made its plan.
    pub release: Release,
    /// The digest of that release's component.
    pub component: Digest,
    /// The digest of the artifact that was signed.
    pub artifact: Digest,
    /// The log's entry of that release.
    pub log_index: i64,
    /// The digest of the plan.
    pub plan_digest: Digest,
    /// The revision that should run.
    pub revision: i64,
    /// How it fares as a whole.
    pub health: Health,
    /// The names of its workloads.
    pub workloads: Vec<String>,
    /// Where its ports are reached.
    pub endpoints: Vec<Endpoint>,
    /// The replicas of all of its workloads and revisions.
    pub replicas: Vec<Replica>,
    /// What the plan says to whoever uses it.
    pub notes: Vec<String>,
    /// Why its release should not be running any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objection: Option<String>,
    /// The advisories that are about its release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advisories: Vec<Advised>,
    /// What is not as it was made, and not by us.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// Why its target does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// Where a port of a deployment is reached, whichever replicas serve it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Endpoint {
    /// The name of the workload.
    pub workload: String,
    /// The name of its port.
    pub port: String,
    /// Where it listens: `127.0.0.1:9003`.
    pub address: String,
}

/// A revision of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revision {
    /// Its number, from 1.
    pub revision: i64,
    /// What made it.
    pub cause: Cause,
    /// The release that made its plan.
    pub release: Release,
    /// The digest of its plan.
    pub plan_digest: Digest,
    /// How its rollout went.
    pub state: RolloutState,
    /// Why its rollout went so, in words.
    pub detail: String,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// The user who made it, or the release of the integration; none: it was made before a host had users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
}

/// How many replicas of a workload should run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewScale {
    /// The name of the workload.
    pub workload: String,
    /// How many of it should run, from 0 to 1000.
    pub replicas: u32,
}

/// Which deployment alone is to be removed, where anything of it may have changed since somebody looked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Removal {
    /// Only where it is in the files of this owner; none: whoever's it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerName>,
    /// Only where this is still the revision that should run, or it is being removed already; none: whichever it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
}

/// Which revision should run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rollback {
    /// Its number; none: the last one before that was ready.
    pub revision: Option<i64>,
}

/// What this host may do, and how much of it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entitlement {
    /// The account that it belongs to, as its licence names it; none: no licence holds.
    #[serde(default)]
    pub account: Option<Namespace>,
    /// What its account has subscribed to.
    pub tier: Tier,
    /// Whether that is a trial.
    pub trial: bool,
    /// How many deployments it may have; none: any number.
    pub limit: Option<u32>,
    /// How many there are, on this host and on the account's others.
    pub used: u32,
    /// How many of them are on other hosts.
    #[serde(default)]
    pub elsewhere: u32,
    /// Until when the licence holds; none: there is none, and the host is free.
    pub expires_at: Option<Timestamp>,
    /// What would allow more, where some part of the limit is used up.
    pub upgrade: Option<Upgrade>,
    /// What will happen to it soon, in words; none: nothing will.
    #[serde(default)]
    pub says: Option<String>,
    /// How the installed plugins that cost something are covered.
    #[serde(default)]
    pub plugins: Vec<Coverage>,
}

/// Whether an installed plugin that costs something may be deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Coverage {
    /// The plugin that is installed.
    pub plugin: PluginId,
    /// Whether it may be deployed.
    pub covered: bool,
    /// When that changes, or when what serves without being covered ends.
    pub until: Option<Timestamp>,
    /// What will happen, or has, and what to do about it; none: nothing will.
    pub says: Option<String>,
}

/// A tier that allows more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Upgrade {
    /// The tier to subscribe to.
    pub tier: Tier,
    /// How many deployments it allows; none: any number.
    pub limit: Option<u32>,
    /// What it costs by the month; none: as is agreed.
    pub monthly: Option<Money>,
}

impl fmt::Display for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tier, limit, monthly } = self;
        write!(f, "{tier} allows {}", Tier::in_words(*limit))?;
        match monthly {
            Some(price) => write!(f, " for {price} a month"),
            None => f.write_str(" at an agreed price"),
        }
    }
}

/// How far the reporting of usage has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Metered {
    /// Events that the registry has acknowledged.
    pub sent: i64,
    /// Events that wait to be sent.
    pub waiting: i64,
    /// Events that the registry refused.
    pub refused: i64,
    /// Milliseconds that replicas ran, by all events.
    pub replica_millis: u64,
    /// What plugins' meters have counted, by unit and by all events.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<String, u64>,
}
