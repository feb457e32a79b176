//! Why something was not installed, found or changed.

use chandlery_package::artifact::ArtifactError;
use chandlery_package::log::{LogError, Objection};
use chandlery_package::problem::{self, Explain, Explanation, Problem};
use chandlery_package::wire::{Advised, Quote};
use chandlery_package::{Kind, Permission, PluginId, Release, Requirement};
use chandlery_sandbox::SandboxError;

use super::distrust::{self, Distrust};
use crate::{rules, system};

/// A registry that does not answer.
pub const REGISTRY_AWAY: problem::Kind = problem::Kind {
    word: "registry-away",
    status: 502,
    title: "The registry cannot be reached",
    when: "the registry that the host was started with does not answer",
    remedy: Some("is it running, and is the address right? what is deployed goes on meanwhile"),
};
/// A registry that answers with an error.
pub const REGISTRY_REFUSED: problem::Kind = problem::Kind {
    word: "registry-refused",
    status: 502,
    title: "The registry refused",
    when: "the registry refuses a request; what it says of that is answered in its place",
    remedy: None,
};
/// A registry whose answer makes no sense.
pub const REGISTRY_ANSWER: problem::Kind = problem::Kind {
    word: "registry-answer",
    status: 502,
    title: "The registry's answer cannot be read",
    when: "the registry answers with something that no registry says",
    remedy: None,
};
/// A registry that does not stop answering.
pub const ENDLESS_DATA: problem::Kind = problem::Kind {
    word: "endless-data",
    status: 502,
    title: "The registry's answer has no end",
    when: "the registry answers with more bytes than any registry would",
    remedy: Some("nothing was installed; do not use this registry before its operator has explained it"),
};
/// A plugin that is not installed.
pub const NOT_INSTALLED: problem::Kind = problem::Kind {
    word: "not-installed",
    status: 404,
    title: "Not installed",
    when: "no plugin of this name is installed on this host",
    remedy: Some("`chandlery install NAMESPACE:NAME` first; `chandlery search` finds plugins"),
};
/// A short name that several plugins have.
pub const AMBIGUOUS: problem::Kind = problem::Kind {
    word: "ambiguous",
    status: 409,
    title: "More than one",
    when: "plugins of several namespaces that are installed have this name",
    remedy: Some("write the namespace too"),
};
/// A plugin that is not what is needed.
pub const OTHER_KIND: problem::Kind = problem::Kind {
    word: "other-kind",
    status: 422,
    title: "Another kind of plugin",
    when: "a template, a policy or an integration is asked for what only another kind of plugin does",
    remedy: None,
};
/// A requirement that nothing satisfies.
pub const NO_RELEASE: problem::Kind = problem::Kind {
    word: "no-release",
    status: 404,
    title: "No such release",
    when: "the registry has no release of the plugin that the requirement allows",
    remedy: None,
};
/// A release that its publisher or the marketplace has taken back.
pub const WITHDRAWN: problem::Kind = problem::Kind {
    word: "withdrawn",
    status: 409,
    title: "Withdrawn",
    when: "the log says that the release was withdrawn, or that its key was revoked",
    remedy: Some("install another version, and remove what runs of this one"),
};
/// A release that nobody installs or deploys while it is looked into.
pub const QUARANTINED: problem::Kind = problem::Kind {
    word: "quarantined",
    status: 409,
    title: "Quarantined",
    when: "the log says that the release, or all of its plugin, is quarantined by an operator of the registry",
    remedy: Some("what runs of it goes on; wait until the quarantine is lifted, or use something else"),
};
/// A release that a critical advisory is about.
pub const CRITICAL_ADVISORY: problem::Kind = problem::Kind {
    word: "critical-advisory",
    status: 409,
    title: "A critical advisory",
    when: "an advisory of severity CRITICAL is about the release, or one of which the registry does not show what it says",
    remedy: Some("nothing was changed; install another version, or accept it with `--accept-advisory ID`"),
};
/// A plugin that another registry's log tells of.
pub const OTHER_REGISTRY: problem::Kind = problem::Kind {
    word: "other-registry",
    status: 409,
    title: "From another registry",
    when: "a plugin is installed from a registry with another log than the one in use",
    remedy: Some(
        "uninstall it first: what was granted to it, its settings and what it kept are not for another registry's plugin",
    ),
};
/// Permissions that nobody has decided about.
pub const CONSENT_NEEDED: problem::Kind = problem::Kind {
    word: "consent-needed",
    status: 409,
    title: "Asks for your consent",
    when: "the release asks for permissions that were neither granted nor denied",
    remedy: Some("nothing was changed; agree with `--allow PERMISSION`, once for each, or at the terminal"),
};
/// A plugin that costs something and that the host's account has not ordered.
pub const ORDER_NEEDED: problem::Kind = problem::Kind {
    word: "order-needed",
    status: 402,
    title: "Costs something",
    when: "a plugin is installed or deployed that costs something, and the host's account has no order of it that holds",
    remedy: Some("`chandlery orders place PLUGIN` orders it; `chandlery orders list` shows what was ordered"),
};
/// A permission that the plugin does not ask for.
pub const NOT_ASKED: problem::Kind = problem::Kind {
    word: "not-asked",
    status: 422,
    title: "Not asked for",
    when: "a permission is granted or revoked that the plugin's manifest does not ask for",
    remedy: Some("`chandlery permissions show` lists what each plugin asks for"),
};
/// A `chandlery.lock` that cannot be read.
pub const LOCK_DAMAGED: problem::Kind = problem::Kind {
    word: "lock-damaged",
    status: 500,
    title: "The lock cannot be read",
    when: "`chandlery.lock` in the host's data directory cannot be read",
    remedy: Some("put the file back from a copy; the host does not guess what was trusted"),
};

const KINDS: [&problem::Kind; 16] = [
    &REGISTRY_AWAY,
    &REGISTRY_REFUSED,
    &REGISTRY_ANSWER,
    &ENDLESS_DATA,
    &NOT_INSTALLED,
    &AMBIGUOUS,
    &OTHER_KIND,
    &NO_RELEASE,
    &WITHDRAWN,
    &QUARANTINED,
    &CRITICAL_ADVISORY,
    &OTHER_REGISTRY,
    &CONSENT_NEEDED,
    &ORDER_NEEDED,
    &NOT_ASKED,
    &LOCK_DAMAGED,
];

/// The kinds of this room.
pub(crate) fn kinds() -> impl Iterator<Item = &'static problem::Kind> {
    KINDS.into_iter().chain(distrust::KINDS)
}

/// Why something was not installed, found or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The registry was asked, and gave no answer that is of use.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The registry's answer was not believed.
    #[error(transparent)]
    Distrust(#[from] Distrust),
    /// No plugin of this full or short name is installed.
    #[error("'{0}' is not installed")]
    NotInstalled(String),
    /// Several plugins have this short name.
    #[error("'{name}' could be {}", .found.iter().map(PluginId::to_string).collect::<Vec<_>>().join(" or "))]
    Ambiguous {
        /// The short name.
        name: String,
        /// The plugins that have it, at least two.
        found: Vec<PluginId>,
    },
    /// A plugin of another kind than is needed.
    #[error("{release} is a {is}, not a {needed}")]
    OtherKind {
        /// The release that is installed.
        release: Release,
        /// The kind that it is of.
        is: Kind,
        /// The kind that it would have to be of.
        needed: Kind,
    },
    /// No release satisfies the requirement.
    #[error("no release satisfies {requirement}; published are {}", list(.published))]
    NoRelease {
        /// The requirement as it was given.
        requirement: Requirement,
        /// All releases that would have been allowed by their state.
        published: Vec<Release>,
    },
    /// A release that the log says is not to be run.
    #[error("{release} is not to be run: {objection}")]
    Withdrawn {
        /// The release that was asked for or is installed.
        release: Release,
        /// What the log says of it, in words.
        objection: String,
    },
    /// A release that is quarantined, or whose plugin is.
    #[error("{release} is quarantined: {reason}")]
    Quarantined {
        /// The release that was asked for or is installed.
        release: Release,
        /// Why, as the log says.
        reason: String,
    },
    /// Advisories that nobody has accepted.
    #[error("{release}: {}", .open.iter().map(Advised::to_string).collect::<Vec<_>>().join("; "))]
    Advised {
        /// The release that would be installed.
        release: Release,
        /// Those that are critical and were not accepted, at least one.
        open: Vec<Advised>,
    },
    /// It was installed from a registry with another log.
    #[error("{release} is installed from {registry}, whose log is not the one of the registry in use")]
    OtherRegistry {
        /// The release that is installed.
        release: Release,
        /// Where it came from.
        registry: String,
    },
    /// It asks for what nobody has agreed to.
    #[error("{release} asks for {}permissions that it was not granted: {}", if *.is_upgrade { "more, for " } else { "" }, in_words(*.kind, .missing))]
    Consent {
        /// The release that would be installed.
        release: Release,
        /// Its kind, which its permissions are read by.
        kind: Kind,
        /// The permissions that nobody has decided about.
        missing: Vec<Permission>,
        /// Whether another release of the plugin is installed.
        is_upgrade: bool,
    },
    /// It costs something that nobody has agreed to, or its order does not hold any more.
    #[error("{}", .quote.why_not())]
    Costs {
        /// The release that would be installed.
        release: Release,
        /// What it costs the host's account.
        quote: Box<Quote>,
    },
    /// It costs something, and nobody is there to pay it.
    #[error("{release} costs {price}, and this host has no account at the registry")]
    NoAccount {
        /// The release that would be installed.
        release: Release,
        /// What it costs, in words.
        price: String,
    },
    /// A permission that the plugin does not ask for.
    #[error("{release} does not ask for the permission '{permission}'")]
    NotAsked {
        /// The release that is installed.
        release: Release,
        /// The permission that was to be granted or revoked.
        permission: Permission,
    },
    /// The lock file cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Lock {
        /// The path of the file.
        path: String,
        /// What the system or the parser says.
        reason: String,
    },
    /// It breaks a rule of this host.
    #[error(transparent)]
    Rules(#[from] rules::Error),
    /// A component that cannot be compiled.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A file of the host's own.
    #[error(transparent)]
    System(#[from] system::Error),
}

/// Why the registry's answer is of no use.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It could not be reached.
    #[error("the registry at {url} cannot be reached: {reason}")]
    Away {
        /// The address where it should be.
        url: String,
        /// What the network says.
        reason: String,
    },
    /// It refused, and says why.
    #[error("the registry refused: {}", .0.0.detail)]
    Refused(#[source] Refusal),
    /// It said more than is read.
    #[error("the registry at {url} answered with more than {bytes_max} bytes")]
    Endless {
        /// The address where it is.
        url: String,
        /// How much would have been read.
        bytes_max: usize,
    },
    /// It said something that cannot be read.
    #[error("the registry at {url} answered with {what}")]
    Answer {
        /// The address where it is.
        url: String,
        /// What is wrong with the answer.
        what: String,
    },
}

/// A registry's refusal in its own words, which this host hands on as they are.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.detail)]
pub struct Refusal(pub Problem);

impl Explain for Error {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::Registry(RegistryError::Away { .. }) => &REGISTRY_AWAY,
            Self::Registry(RegistryError::Refused(_)) => &REGISTRY_REFUSED,
            Self::Registry(RegistryError::Answer { .. }) => &REGISTRY_ANSWER,
            Self::Registry(RegistryError::Endless { .. }) => &ENDLESS_DATA,
            Self::Distrust(error) => return error.explain(),
            Self::NotInstalled(_) => &NOT_INSTALLED,
            Self::Ambiguous { .. } => &AMBIGUOUS,
            Self::OtherKind { .. } => &OTHER_KIND,
            Self::NoRelease { .. } => &NO_RELEASE,
            Self::Withdrawn { .. } => &WITHDRAWN,
            Self::Quarantined { .. } => &QUARANTINED,
            Self::Advised { open, .. } => return CRITICAL_ADVISORY.remedied(accept(open)),
            Self::OtherRegistry { .. } => &OTHER_REGISTRY,
            Self::Consent { .. } => &CONSENT_NEEDED,
            Self::Costs { quote, .. } => return ORDER_NEEDED.remedied(quote.remedy()),
            Self::NoAccount { .. } => {
                return ORDER_NEEDED
                    .remedied("let the host belong to an account, which orders it: `chandlery host claim`");
            }
            Self::NotAsked { .. } => &NOT_ASKED,
            Self::Lock { .. } => &LOCK_DAMAGED,
            Self::Rules(error) => return error.explain(),
            Self::Sandbox(error) => return error.explain(),
            Self::System(error) => return error.explain(),
        };
        kind.into()
    }
}

impl Error {
    /// Why a release is not to be run.
    pub(super) fn objection(release: &Release, objection: Objection) -> Self {
        let release = release.clone();
        match objection {
            Objection::Quarantined(reason) => Self::Quarantined { release, reason },
            Objection::Withdrawn(_) | Objection::Revoked { .. } => {
                Self::Withdrawn { release, objection: objection.to_string() }
            }
        }
    }

    /// Whether the registry keeps a component from everybody while it is looked into.
    pub(super) fn is_about_a_quarantine(&self) -> bool {
        matches!(self, Self::Registry(RegistryError::Refused(Refusal(problem))) if problem.r#type == QUARANTINED.word)
    }

    /// Whether the registry keeps a component to those who may have what costs something.
    pub(super) fn is_about_an_order(&self) -> bool {
        match self {
            Self::Registry(RegistryError::Refused(Refusal(problem))) => {
                problem.r#type == ORDER_NEEDED.word || problem.status == 401
            }
            _ => false,
        }
    }
}

impl From<LogError> for Error {
    fn from(error: LogError) -> Self {
        Self::Distrust(error.into())
    }
}

impl From<ArtifactError> for Error {
    fn from(error: ArtifactError) -> Self {
        Self::Distrust(error.into())
    }
}

fn accept(open: &[Advised]) -> String {
    let flags: Vec<_> = open.iter().map(|advised| format!("--accept-advisory {}", advised.id)).collect();
    format!("nothing was changed; install another version, or accept it with `{}`", flags.join(" "))
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
