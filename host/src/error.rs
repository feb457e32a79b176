//! The one error of the host, and its one mapping to HTTP.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chandlery_package::artifact::ArtifactError;
use chandlery_package::log::LogError;
use chandlery_package::problem::{Explain as _, PROBLEM_MEDIA_TYPE, Problem};
use chandlery_package::signature::SignatureError;
use chandlery_package::{
    ComponentError, Digest, DigestError, Kind, NameError, Permission, PluginId, Release, Requirement,
    SecretName, Tier,
};

use crate::licence::Upgrade;
use chandlery_package::plan::{PlanProblem, say};
use chandlery_sandbox::SandboxError;

/// Why the host did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token is missing or wrong.
    #[error("the host's token is missing or wrong")]
    Unauthenticated,
    /// A name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No such deployment.
    #[error("there is no deployment '{0}'")]
    NoDeployment(String),
    /// Not installed.
    #[error("'{0}' is not installed")]
    NotInstalled(String),
    /// Several plugins of this short name.
    #[error("'{name}' could be {}", .found.iter().map(PluginId::to_string).collect::<Vec<_>>().join(" or "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// What it could be.
        found: Vec<PluginId>,
    },
    /// A deployment of another plugin has this name.
    #[error("deployment '{name}' is one of {is}, not of {asked}")]
    OtherPlugin {
        /// The deployment.
        name: String,
        /// What it is of.
        is: PluginId,
        /// What was asked for.
        asked: PluginId,
    },
    /// No registry was named.
    #[error("this host has no registry")]
    NoRegistry,
    /// The registry could not be reached.
    #[error("the registry at {url} cannot be reached: {reason}")]
    RegistryAway {
        /// Where it should be.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The registry refused.
    #[error("the registry refused: {}", .0.detail)]
    RegistryRefused(Problem),
    /// The registry said something that cannot be read.
    #[error("the registry at {url} answered with {what}")]
    RegistryAnswer {
        /// Where it is.
        url: String,
        /// What is wrong with the answer.
        what: String,
    },
    /// No release satisfies the requirement.
    #[error("no release satisfies {requirement}; published are {}", list(.published))]
    NoRelease {
        /// What was asked for.
        requirement: Requirement,
        /// What there is.
        published: Vec<Release>,
    },
    /// The log's key is not the one that was pinned.
    #[error("the log's key is {found}, but {pinned} was pinned when this host first saw the registry")]
    LogKeyChanged {
        /// What was pinned.
        pinned: String,
        /// What the registry says now.
        found: String,
    },
    /// A release that the log says is not to be run.
    #[error("{release} is not to be run: {objection}")]
    Withdrawn {
        /// Which.
        release: Release,
        /// Why.
        objection: String,
    },
    /// The log was not believed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log's entry says something else than the catalog.
    #[error("log entry {index} does not say what the catalog says of {release}: {what}")]
    LogDiffers {
        /// Which entry.
        index: u64,
        /// Which release.
        release: Release,
        /// What differs.
        what: String,
    },
    /// The signature was not believed.
    #[error("the signature of {release} was refused: {error}")]
    Signature {
        /// Which.
        release: Release,
        /// Why.
        error: SignatureError,
    },
    /// There is no signature.
    #[error("{0} carries no signature")]
    Unsigned(Release),
    /// Content that is not what it is called.
    #[error("content named {expected} is really {found}")]
    DigestMismatch {
        /// What it is called.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// A digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The artifact is not of the right form.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The component was refused.
    #[error("{release}: {error}")]
    Component {
        /// Which.
        release: Release,
        /// Why.
        error: ComponentError,
    },
    /// The component's own manifest says another release.
    #[error("{claimed} was asked for, but the manifest inside the component says {found}")]
    ManifestMismatch {
        /// What was asked for.
        claimed: Release,
        /// What the component says.
        found: Release,
    },
    /// The parameters do not fit the manifest.
    #[error("the parameters do not fit {release}: {}", say(.problems))]
    Parameters {
        /// Of which release.
        release: Release,
        /// Each with its parameter.
        problems: Vec<PlanProblem>,
    },
    /// It asks for what nobody has agreed to.
    #[error("{release} asks for {}permissions that it was not granted: {}", if *.is_upgrade { "more, for " } else { "" }, in_words(*.kind, .missing))]
    Consent {
        /// Which.
        release: Release,
        /// What it is.
        kind: Kind,
        /// What it asks for.
        missing: Vec<Permission>,
        /// Whether another release of the plugin is installed.
        is_upgrade: bool,
    },
    /// A permission that the plugin does not ask for.
    #[error("{release} does not ask for the permission '{permission}'")]
    NotAsked {
        /// Which.
        release: Release,
        /// What was to be granted or revoked.
        permission: Permission,
    },
    /// Something that was not granted.
    #[error("{release} was not granted the permission '{permission}'")]
    NotGranted {
        /// Which.
        release: Release,
        /// What it needs.
        permission: Permission,
    },
    /// No such secret.
    #[error("this host holds no secret '{0}'")]
    NoSecret(SecretName),
    /// A plugin whose settings do not fit its manifest.
    #[error("the settings of {release} do not fit: {}", say(.problems))]
    Settings {
        /// Of which release.
        release: Release,
        /// Each with its parameter.
        problems: Vec<PlanProblem>,
    },
    /// A policy said no.
    #[error("the policy {policy} denies this plan: {}", say(.problems))]
    Denied {
        /// Which policy.
        policy: Release,
        /// Why.
        problems: Vec<PlanProblem>,
    },
    /// A plugin that deployments are of.
    #[error("{release} is deployed as {}", .deployments.join(", "))]
    InstalledInUse {
        /// Which.
        release: Release,
        /// Its deployments.
        deployments: Vec<String>,
    },
    /// A plugin of another kind than is needed.
    #[error("{release} is a {is}, not a {needed}")]
    OtherKind {
        /// Which.
        release: Release,
        /// What it is.
        is: Kind,
        /// What it would have to be.
        needed: Kind,
    },
    /// As many deployments as the account may have.
    #[error("{used} of {limit} deployments that {tier} allows are used; {upgrade}")]
    DeploymentLimit {
        /// What the account has subscribed to.
        tier: Tier,
        /// How many there are.
        used: u32,
        /// How many there may be.
        limit: u32,
        /// What allows more.
        upgrade: Upgrade,
    },
    /// A licence that was not believed.
    #[error("the registry's licence was refused: {0}")]
    Licence(String),
    /// No such target.
    #[error("there is no target '{0}'")]
    NoTarget(String),
    /// A target that cannot be added, changed or removed.
    #[error("the target '{target}': {reason}")]
    Target {
        /// Which.
        target: String,
        /// Why not.
        reason: String,
    },
    /// An engine that failed or refused.
    #[error(transparent)]
    Engine(#[from] chandlery_engines::Error),
    /// The deployment is on another target.
    #[error("'{name}' is deployed on target '{is}', not on '{asked}'")]
    OtherTarget {
        /// The deployment.
        name: String,
        /// Where it is.
        is: String,
        /// What was asked for.
        asked: String,
    },
    /// Tasks that died and are started again in a moment.
    #[error("not ready: {0}")]
    NotReady(String),
    /// A deployment that is being removed.
    #[error("'{0}' is being removed")]
    Removing(String),
    /// Something that others keep changing while it is being worked on.
    #[error("'{0}' was changed meanwhile")]
    Changed(String),
    /// A revision that cannot be gone back to.
    #[error("'{deployment}' cannot be rolled back: {reason}")]
    Rollback {
        /// Which.
        deployment: String,
        /// Why not.
        reason: String,
    },
    /// A workload that is not there, or not so many replicas.
    #[error("'{deployment}' cannot be scaled: {reason}")]
    Scale {
        /// Which.
        deployment: String,
        /// Why not.
        reason: String,
    },
    /// The plugin's call ended badly.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Another host has this data directory.
    #[error("another host is running with this data directory: it holds {0}")]
    InUse(String),
    /// The lock file cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Lock {
        /// Which file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A file or process of the host's own.
    #[error("{what}: {error}")]
    System {
        /// Doing what, to what.
        what: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The database failed.
    #[error("the host's database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed.
    #[error("the host's database could not be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Something that cannot be.
    #[error("the host's state is damaged: {0}")]
    Damaged(String),
}

fn in_words(kind: Kind, permissions: &[Permission]) -> String {
    let each =
        permissions.iter().map(|permission| format!("to {} ({permission})", permission.in_words(kind)));
    each.collect::<Vec<_>>().join("; ")
}

fn list(releases: &[Release]) -> String {
    match releases {
        [] => "none".into(),
        some => some.iter().map(|release| release.version.to_string()).collect::<Vec<_>>().join(", "),
    }
}

impl Error {
    /// A failed call of the system.
    pub fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |error| Self::System { what, error }
    }

    /// The HTTP status, a stable word, a title and a remedy.
    fn kind(&self) -> (StatusCode, &'static str, &'static str, Option<&'static str>) {
        use StatusCode as S;
        const DISTRUST: Option<&str> =
            Some("nothing was installed; do not use this registry before its operator has explained it");
        match self {
            Self::Unauthenticated => (
                S::UNAUTHORIZED,
                "unauthenticated",
                "Not allowed",
                Some("set CHANDLERY_HOST_TOKEN to the text in the host's data directory, file host.token"),
            ),
            Self::Name(_) => (S::BAD_REQUEST, "invalid-name", "Not a valid name", None),
            Self::NoDeployment(_) => {
                (S::NOT_FOUND, "no-deployment", "Not found", Some("`chandlery status` lists what there is"))
            }
            Self::NotInstalled(_) => (
                S::NOT_FOUND,
                "not-installed",
                "Not installed",
                Some("`chandlery install NAMESPACE:NAME` first; `chandlery search` finds plugins"),
            ),
            Self::Ambiguous { .. } => {
                (S::CONFLICT, "ambiguous", "More than one", Some("write the namespace too"))
            }
            Self::OtherPlugin { .. } => {
                (S::CONFLICT, "other-plugin", "The name is taken", Some("choose another name with --name"))
            }
            Self::NoRegistry => {
                (S::CONFLICT, "no-registry", "No registry", Some("start the host with --registry URL"))
            }
            Self::RegistryAway { .. } => (
                S::BAD_GATEWAY,
                "registry-away",
                "The registry cannot be reached",
                Some("is it running, and is the address right? what is deployed goes on meanwhile"),
            ),
            Self::RegistryRefused(_) => (S::BAD_GATEWAY, "registry-refused", "The registry refused", None),
            Self::RegistryAnswer { .. } => {
                (S::BAD_GATEWAY, "registry-answer", "The registry's answer cannot be read", None)
            }
            Self::NoRelease { .. } => (S::NOT_FOUND, "no-release", "No such release", None),
            Self::LogKeyChanged { .. } => (S::CONFLICT, "log-key-changed", "Another log", DISTRUST),
            Self::Withdrawn { .. } => (
                S::CONFLICT,
                "withdrawn",
                "Withdrawn",
                Some("install another version, and remove what runs of this one"),
            ),
            Self::Log(LogError::TooFewWitnesses { .. }) => {
                (S::CONFLICT, "too-few-witnesses", "Not witnessed", DISTRUST)
            }
            Self::Log(LogError::Forked { .. } | LogError::Shrunk { .. }) => {
                (S::CONFLICT, "log-forked", "The registry has rewritten its history", DISTRUST)
            }
            Self::Log(_) => (S::CONFLICT, "log-refused", "The log was not believed", DISTRUST),
            Self::LogDiffers { .. } => (S::CONFLICT, "log-differs", "The log says something else", DISTRUST),
            Self::Signature { .. } | Self::Unsigned(_) => {
                (S::CONFLICT, "signature-refused", "The signature was refused", DISTRUST)
            }
            Self::DigestMismatch { .. } => {
                (S::CONFLICT, "digest-mismatch", "The content was changed", DISTRUST)
            }
            Self::Digest(_) | Self::Artifact(_) => {
                (S::CONFLICT, "invalid-artifact", "Not a release", DISTRUST)
            }
            Self::Component { error: ComponentError::Contract { .. }, .. } => (
                S::UNPROCESSABLE_ENTITY,
                "unknown-contract",
                "Made for another chandlery",
                Some(
                    "nothing was installed: install an older release, or use a chandlery that serves its contract",
                ),
            ),
            Self::Component { .. } => (
                S::UNPROCESSABLE_ENTITY,
                "invalid-component",
                "The component was refused",
                Some("nothing was installed: tell the plugin's publisher"),
            ),
            Self::ManifestMismatch { .. } => (S::CONFLICT, "manifest-mismatch", "Another release", DISTRUST),
            Self::Parameters { .. } => (
                S::UNPROCESSABLE_ENTITY,
                "invalid-parameters",
                "The parameters do not fit",
                Some("`chandlery plan PLUGIN --parameters` lists what it takes"),
            ),
            Self::Consent { .. } => (
                S::CONFLICT,
                "consent-needed",
                "Asks for your consent",
                Some(
                    "nothing was changed; agree with `--allow PERMISSION`, once for each, or at the terminal",
                ),
            ),
            Self::NotAsked { .. } => (
                S::UNPROCESSABLE_ENTITY,
                "not-asked",
                "Not asked for",
                Some("`chandlery permissions show` lists what each plugin asks for"),
            ),
            Self::NotGranted { .. } => (
                S::CONFLICT,
                "not-granted",
                "Not granted",
                Some("`chandlery permissions grant PLUGIN PERMISSION` grants it"),
            ),
            Self::NoSecret(_) => (
                S::CONFLICT,
                "no-secret",
                "No such secret",
                Some("`chandlery secrets set NAME` reads its value from standard input"),
            ),
            Self::Settings { .. } => (
                S::UNPROCESSABLE_ENTITY,
                "invalid-settings",
                "The settings do not fit",
                Some("`chandlery configure PLUGIN --set NAME=VALUE`; without --set it shows the settings"),
            ),
            Self::Denied { .. } => (
                S::FORBIDDEN,
                "denied",
                "Denied by a policy",
                Some("nothing was deployed; change the parameters, or ask who set the policy"),
            ),
            Self::InstalledInUse { .. } => {
                (S::CONFLICT, "in-use", "In use", Some("`chandlery remove DEPLOYMENT` first"))
            }
            Self::OtherKind { .. } => (S::UNPROCESSABLE_ENTITY, "other-kind", "Another kind of plugin", None),
            Self::DeploymentLimit { .. } => (
                S::PAYMENT_REQUIRED,
                "deployment-limit",
                "No more deployments",
                Some(
                    "remove one, or have more: `chandlery subscription change TIER`, or `… trial TIER` for 30 days, and \
                     deploy again",
                ),
            ),
            Self::Licence(_) => (S::CONFLICT, "licence-refused", "The licence was refused", DISTRUST),
            Self::NoTarget(_) => {
                (S::NOT_FOUND, "no-target", "Not found", Some("`chandlery target list` lists what there is"))
            }
            Self::Target { .. } => (S::UNPROCESSABLE_ENTITY, "invalid-target", "Not a valid target", None),
            Self::Engine(error) => {
                let kind = error.kind();
                let status = S::from_u16(kind.status).unwrap_or(S::INTERNAL_SERVER_ERROR);
                (status, kind.word, kind.title, kind.remedy)
            }
            Self::OtherTarget { .. } => (
                S::CONFLICT,
                "other-target",
                "On another target",
                Some("choose another name with --name, or remove the deployment there first"),
            ),
            Self::Changed(_) => {
                (S::CONFLICT, "changed-meanwhile", "Changed meanwhile", Some("look at it, and try again"))
            }
            Self::NotReady(_) => (
                S::SERVICE_UNAVAILABLE,
                "not-ready",
                "Not ready",
                Some("ask again in a moment; the host's log says why the task died"),
            ),
            Self::Removing(_) => {
                (S::CONFLICT, "removing", "Being removed", Some("try again when it is gone"))
            }
            Self::Rollback { .. } => (
                S::UNPROCESSABLE_ENTITY,
                "cannot-roll-back",
                "Not rolled back",
                Some("`chandlery history DEPLOYMENT` lists its revisions"),
            ),
            Self::Scale { .. } => (S::UNPROCESSABLE_ENTITY, "cannot-scale", "Not scaled", None),
            Self::Sandbox(SandboxError::Problems { .. }) => {
                (S::UNPROCESSABLE_ENTITY, "no-plan", "No plan", Some("change the parameters, or the target"))
            }
            Self::Sandbox(
                error @ (SandboxError::Busy
                | SandboxError::TooManyCalls { .. }
                | SandboxError::CircuitOpen { .. }),
            ) => (S::SERVICE_UNAVAILABLE, error.word(), "Busy", Some("try again in a moment")),
            Self::Sandbox(error) => (
                S::UNPROCESSABLE_ENTITY,
                error.word(),
                "The plugin failed",
                Some("nothing was changed; tell the plugin's publisher"),
            ),
            Self::InUse(_) => (
                S::CONFLICT,
                "in-use",
                "Already running",
                Some("stop the other one, or choose another --data"),
            ),
            Self::Lock { .. } => (
                S::INTERNAL_SERVER_ERROR,
                "lock-damaged",
                "The lock cannot be read",
                Some("put the file back from a copy; the host does not guess what was trusted"),
            ),
            Self::System { .. } | Self::Database(_) | Self::Migration(_) | Self::Damaged(_) => {
                (S::INTERNAL_SERVER_ERROR, "internal", "The host failed", None)
            }
        }
    }

    /// The error as clients read it. The host's users are its operators, so they read what failed inside, too.
    pub fn problem(&self) -> Problem {
        if let Self::RegistryRefused(problem) = self {
            return problem.clone();
        }
        let (status, word, title, remedy) = self.kind();
        Problem {
            r#type: word.into(),
            title: title.into(),
            status: status.as_u16(),
            detail: self.to_string(),
            remedy: remedy.map(String::from),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = self.problem();
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = %self, "request failed");
        }
        let body = serde_json::json!(problem).to_string();
        (status, [(header::CONTENT_TYPE, PROBLEM_MEDIA_TYPE)], body).into_response()
    }
}
