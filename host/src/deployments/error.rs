//! Why something was not planned, deployed or changed.

use chandlery_package::parameters::Misfit;
use chandlery_package::problem::{Explain, Explanation, Kind};
use chandlery_package::{Meter, NameError, OwnerName, Permission, PluginId, Release};
use chandlery_sandbox::SandboxError;

use crate::system::{self, Changed};
use crate::{engines, installs, licence, models, policies, secrets, targets, users};

/// A deployment that is not there.
pub const NO_DEPLOYMENT: Kind = Kind {
    word: "no-deployment",
    status: 404,
    title: "Not found",
    when: "this host has no deployment of this name",
    remedy: Some("`chandlery status` lists what there is"),
};
/// A name that a deployment of another plugin has.
pub const OTHER_PLUGIN: Kind = Kind {
    word: "other-plugin",
    status: 409,
    title: "The name is taken",
    when: "a deployment of this name is of another plugin",
    remedy: Some("choose another name with --name"),
};
/// A deployment that would have to move to another target.
pub const OTHER_TARGET: Kind = Kind {
    word: "other-target",
    status: 409,
    title: "On another target",
    when: "a deployment of this name is on another target, and none moves from one to another",
    remedy: Some("choose another name with --name, or remove the deployment there first"),
};
/// A deployment in the files of another owner.
pub const OTHER_OWNER: Kind = Kind {
    word: "other-owner",
    status: 409,
    title: "Not yours to change",
    when: "a deployment of this name is in the files of another owner, or was deployed without any",
    remedy: Some(
        "give yours another name, or take it over with `chandlery apply --adopt`, if whoever made it agrees",
    ),
};
/// A plan that hands on what its plugin was not granted.
pub const NOT_GRANTED: Kind = Kind {
    word: "not-granted",
    status: 409,
    title: "Not granted",
    when: "a plan hands on a secret that its plugin was not granted",
    remedy: Some("`chandlery permissions grant PLUGIN PERMISSION` grants it"),
};
/// A plan that leaves out what its plugin is metered by.
pub const NOT_METERED: Kind = Kind {
    word: "not-metered",
    status: 422,
    title: "Cannot be metered",
    when: "a plan has no port at which its plugin's manifest says that it is metered",
    remedy: Some(
        "nothing was changed; tell the plugin's publisher, or whoever wrote a policy that amends the plan",
    ),
};
/// A deployment on its way out.
pub const REMOVING: Kind = Kind {
    word: "removing",
    status: 409,
    title: "Being removed",
    when: "the deployment is being removed, from which there is no way back",
    remedy: Some("try again when it is gone"),
};
/// A revision that cannot be gone back to.
pub const CANNOT_ROLL_BACK: Kind = Kind {
    word: "cannot-roll-back",
    status: 422,
    title: "Not rolled back",
    when: "the deployment has no such revision, none that was ever ready, or it is the one that runs",
    remedy: Some("`chandlery history DEPLOYMENT` lists its revisions"),
};
/// A number of replicas that a workload cannot have.
pub const CANNOT_SCALE: Kind = Kind {
    word: "cannot-scale",
    status: 422,
    title: "Not scaled",
    when: "the deployment has no such workload, or a workload cannot have so many replicas",
    remedy: None,
};

/// The kinds of this room.
pub(crate) const KINDS: [&Kind; 9] = [
    &NO_DEPLOYMENT,
    &OTHER_PLUGIN,
    &OTHER_TARGET,
    &OTHER_OWNER,
    &NOT_GRANTED,
    &NOT_METERED,
    &REMOVING,
    &CANNOT_ROLL_BACK,
    &CANNOT_SCALE,
];

/// Why something was not planned, deployed or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No deployment has this name.
    #[error("there is no deployment '{0}'")]
    NoDeployment(String),
    /// A deployment of another plugin has this name.
    #[error("deployment '{name}' is one of {is}, not of {asked}")]
    OtherPlugin {
        /// The deployment's name.
        name: String,
        /// The plugin that it is of.
        is: PluginId,
        /// The plugin that was to be deployed.
        asked: PluginId,
    },
    /// The deployment is on another target.
    #[error("'{name}' is deployed on target '{is}', not on '{asked}'")]
    OtherTarget {
        /// The deployment's name.
        name: String,
        /// The target that it is on.
        is: String,
        /// The target that was asked for.
        asked: String,
    },
    /// The deployment is in the files of another owner, or in nobody's.
    #[error("'{name}' is not in the files of '{asked}', but {}", whose(.is.as_ref()))]
    OtherOwner {
        /// The deployment's name.
        name: String,
        /// In whose files it is; none: in nobody's.
        is: Option<OwnerName>,
        /// Who would have it.
        asked: OwnerName,
    },
    /// The plan hands on something that was not granted.
    #[error("{release} was not granted the permission '{permission}'")]
    NotGranted {
        /// The release whose plan it is.
        release: Release,
        /// The permission that it would need.
        permission: Permission,
    },
    /// The plan has no port at which its plugin is metered.
    #[error("{release} is metered by {meter}, and its plan has no port of that name")]
    NotMetered {
        /// The release whose plan it is.
        release: Release,
        /// What cannot be read.
        meter: Box<Meter>,
    },
    /// The deployment of this name is being removed.
    #[error("'{0}' is being removed")]
    Removing(String),
    /// A revision that cannot be gone back to.
    #[error("'{deployment}' cannot be rolled back: {reason}")]
    Rollback {
        /// The deployment's name.
        deployment: String,
        /// Which revision is missing, or runs.
        reason: String,
    },
    /// A workload that is not there, or not so many replicas.
    #[error("'{deployment}' cannot be scaled: {reason}")]
    Scale {
        /// The deployment's name.
        deployment: String,
        /// Which workload, or how many replicas.
        reason: String,
    },
    /// What was approved is not what would be done any more.
    #[error("'{deployment}' was not changed: {why}")]
    NotAsShown {
        /// The deployment's name.
        deployment: String,
        /// What was shown, and what is so now.
        why: String,
    },
    /// A name of a deployment or a team outside its grammar.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Others keep changing it.
    #[error(transparent)]
    Changed(#[from] Changed),
    /// The parameters do not fit the template.
    #[error(transparent)]
    Parameters(#[from] Misfit),
    /// The template is not installed, or cannot be loaded.
    #[error(transparent)]
    Installs(#[from] installs::Error),
    /// The template made no plan.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A policy denies it, or cannot be asked.
    #[error(transparent)]
    Policies(#[from] policies::Error),
    /// A secret that the plan hands on.
    #[error(transparent)]
    Secrets(#[from] secrets::Error),
    /// A record of a model.
    #[error(transparent)]
    Models(#[from] models::Error),
    /// The target is not there, or cannot be opened.
    #[error(transparent)]
    Targets(#[from] targets::Error),
    /// The target cannot run the plan, or does not answer.
    #[error(transparent)]
    Engine(#[from] engines::Error),
    /// Whoever asks may not deploy there.
    #[error(transparent)]
    Users(#[from] users::Error),
    /// The licence allows no more.
    #[error(transparent)]
    Licence(#[from] licence::Error),
    /// The database, or a row that cannot be read.
    #[error(transparent)]
    System(#[from] system::Error),
}

/// In whose files a deployment is, in words.
fn whose(owner: Option<&OwnerName>) -> String {
    owner.map_or("was deployed without any".into(), |owner| format!("in those of '{owner}'"))
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::NoDeployment(_) => &NO_DEPLOYMENT,
            Self::OtherPlugin { .. } => &OTHER_PLUGIN,
            Self::OtherTarget { .. } => &OTHER_TARGET,
            Self::OtherOwner { .. } => &OTHER_OWNER,
            Self::NotGranted { .. } => &NOT_GRANTED,
            Self::NotMetered { .. } => &NOT_METERED,
            Self::Removing(_) => &REMOVING,
            Self::Rollback { .. } => &CANNOT_ROLL_BACK,
            Self::Scale { .. } => &CANNOT_SCALE,
            Self::NotAsShown { .. } => {
                return system::CHANGED_MEANWHILE
                    .remedied("look at what it would change now, and approve that");
            }
            Self::Name(error) => return error.explain(),
            Self::Changed(error) => return error.explain(),
            Self::Parameters(error) => return error.explain(),
            Self::Installs(error) => return error.explain(),
            Self::Sandbox(error) => return error.explain(),
            Self::Policies(error) => return error.explain(),
            Self::Secrets(error) => return error.explain(),
            Self::Models(error) => return error.explain(),
            Self::Targets(error) => return error.explain(),
            Self::Engine(error) => return error.explain(),
            Self::Users(error) => return error.explain(),
            Self::Licence(error) => return error.explain(),
            Self::System(error) => return error.explain(),
        };
        kind.into()
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::System(error.into())
    }
}
