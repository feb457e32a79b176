//! What would be deployed, where it comes from, and proof of that.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::plan::Plan;
use crate::{Digest, Money, OwnerName, Release};

/// What is to be planned or deployed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewDeployment {
    /// The plugin, by its full or short name.
    pub plugin: String,
    /// The deployment's name; none: the plugin's.
    pub name: Option<String>,
    /// Where; none: where it is, or on this machine.
    #[serde(default)]
    pub target: Option<String>,
    /// Whose it is; none: whose it was.
    #[serde(default)]
    pub team: Option<String>,
    /// The parameters, as a JSON object.
    pub parameters: Value,
    /// Whether parameters that are not given stay what they are.
    #[serde(default)]
    pub keep: bool,
    /// How long the rollout may take; none: as long as the plan's readiness probes allow.
    #[serde(default)]
    pub timeout_seconds: Option<u32>,
    /// Whose files of desired state it is in; none: whose it was in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerName>,
    /// Whether that owner takes it over, where it is in another's files or in nobody's.
    #[serde(default)]
    pub adopt: bool,
    /// What somebody was shown and has approved: refused, where it has changed meanwhile. None: whatever it comes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approved>,
}

/// What somebody was shown of a plan and has approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approved {
    /// The release that made the plan.
    pub release: Release,
    /// The digest of the plan.
    pub plan: Digest,
    /// The revision that it was compared with; none: there was no deployment of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<i64>,
    /// Whose files of desired state it was in; none: nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_before: Option<OwnerName>,
    /// The team whose it would be; none: nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
}

/// A plan and what it would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Planned {
    /// The name that the deployment has or would have.
    pub deployment: String,
    /// The name of the target.
    pub target: String,
    /// The release that made the plan.
    pub release: Release,
    /// The plan as the policies let it pass.
    pub plan: Plan,
    /// The digest of the plan's JSON.
    pub digest: Digest,
    /// The parameters with their defaults.
    pub parameters: Value,
    /// What differs from what runs; all of it, where nothing does.
    pub changes: Vec<Change>,
    /// Whether the deployment exists.
    pub exists: bool,
    /// The revision that it was compared with; none: there is no deployment of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<i64>,
    /// What it would cost by the hour, where the target has prices for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_hour: Option<Money>,
    /// What it costs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_hour_before: Option<Money>,
    /// The team whose it is; none: nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Whose files of desired state it would be in; none: nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerName>,
    /// Whose files of desired state it is in now; none: nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_before: Option<OwnerName>,
    /// What policies warn of, and what they changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
}

impl Planned {
    /// What somebody approves who wants just this.
    pub fn to_approve(&self) -> Approved {
        Approved {
            release: self.release.clone(),
            plan: self.digest,
            base: self.base,
            owner_before: self.owner_before.clone(),
            team: self.team.clone(),
        }
    }
}

/// One value of a plan that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Where it is in the plan, from the workload on: `server.resources.memory-mib`.
    pub path: String,
    /// What it is; none: it is new.
    pub before: Option<String>,
    /// What it would be; none: it would be gone.
    pub after: Option<String>,
}

/// What a policy says of a plan that it lets pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Remark {
    /// The release of the policy.
    pub policy: Release,
    /// A warning, or what was changed, in words.
    pub says: String,
    /// Whether it changed the plan.
    pub amended: bool,
}

/// What came of planning a deployment again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replayed {
    /// The name of the deployment.
    pub deployment: String,
    /// The release that made its plan.
    pub release: Release,
    /// The digest of that release's component.
    pub component: Digest,
    /// The digest of the plan that was deployed.
    pub recorded: Digest,
    /// What the component answered this time.
    pub replays: Vec<Replay>,
}

/// One more plan from the same component, parameters and facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replay {
    /// How the component was compiled and run.
    pub engine: String,
    /// The digest of the plan.
    pub plan: Digest,
}

impl Replayed {
    /// Whether every plan is the one that was deployed.
    pub fn is_same(&self) -> bool {
        self.replays.iter().all(|replay| replay.plan == self.recorded)
    }
}
