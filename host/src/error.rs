//! Every error of the host, each transparent to that of its room, and what there is to say at the door.

use std::error::Error as _;

use axum::response::{IntoResponse, Response};
use chandlery_package::Release;
use chandlery_package::parameters;
use chandlery_package::problem::{Explain, Explanation, Kind, Problem};
use chandlery_sandbox::SandboxError;

use crate::installs::Refusal;
use crate::{
    deployments, engines, installs, integrations, licence, models, owner, policies, rules, secrets, settings,
    system, targets, users,
};

/// A request without a token that the host knows.
pub const UNAUTHENTICATED: Kind = Kind {
    word: "unauthenticated",
    status: 401,
    title: "Not allowed",
    when: "the request shows no token, or one that the host does not know, or that has ended",
    remedy: Some(
        "run `chandlery host login`, or set CHANDLERY_HOST_TOKEN to a token that an admin of the host has made, or to the text in its file host.token",
    ),
};
/// A form that none of the host's own pages has sent.
pub const CROSS_SITE: Kind = Kind {
    word: "cross-site",
    status: 403,
    title: "Not from a page of this host",
    when: "a form comes from a page that is none of the host's own, or from one of which the browser does not say where it is",
    remedy: Some("do it on the host's own page; behind a proxy, the host is started with `--url`"),
};
/// A host that was started without a registry.
pub const NO_REGISTRY: Kind = Kind {
    word: "no-registry",
    status: 409,
    title: "No registry",
    when: "something needs a registry, and the host was started without one",
    remedy: Some("start the host with --registry URL"),
};
/// Something that others need.
pub const IN_USE: Kind = Kind {
    word: "in-use",
    status: 409,
    title: "In use",
    when: "a plugin that is to be removed is deployed, or another host runs with the data directory",
    remedy: None,
};
/// A task of the host that died.
pub const NOT_READY: Kind = Kind {
    word: "not-ready",
    status: 503,
    title: "Not ready",
    when: "a task of the host has died, and is started again in a moment",
    remedy: Some("ask again in a moment; the host's log says why the task died"),
};

const KINDS: [&Kind; 5] = [&UNAUTHENTICATED, &CROSS_SITE, &NO_REGISTRY, &IN_USE, &NOT_READY];

/// Every kind of error that a host answers with and that is its own.
pub fn kinds() -> Vec<&'static Kind> {
    let rooms = installs::kinds()
        .chain(deployments::KINDS)
        .chain(licence::KINDS)
        .chain([&parameters::INVALID_PARAMETERS, &settings::INVALID_SETTINGS, &policies::DENIED])
        .chain([&secrets::NO_SECRET, &models::NO_MODEL, &targets::NO_TARGET, &system::CHANGED_MEANWHILE])
        .chain([&rules::RULE_REFUSED])
        .chain(users::KINDS);
    let below = engines::KINDS.iter().chain(chandlery_sandbox::KINDS).copied();
    KINDS.into_iter().chain(rooms).chain(below).collect()
}

/// Why the host did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token is missing, wrong, or has ended.
    #[error("the token is missing or wrong, or has ended")]
    Unauthenticated,
    /// A form of another site; what its browser says of it.
    #[error("this form was not sent by a page of this host ({0})")]
    CrossSite(String),
    /// The host was started without a registry.
    #[error("this host has no registry")]
    NoRegistry,
    /// Tasks that died and are started again in a moment; their names.
    #[error("not ready: {0}")]
    NotReady(String),
    /// Another host has this data directory; the file that it holds.
    #[error("another host is running with this data directory: it holds {0}")]
    InUse(String),
    /// A plugin that deployments are of.
    #[error("{release} is deployed as {}", .deployments.join(", "))]
    Deployed {
        /// The release that is installed.
        release: Release,
        /// The names of its deployments, at least one.
        deployments: Vec<String>,
    },
    /// What is installed, and the registry that it came from.
    #[error(transparent)]
    Installs(#[from] installs::Error),
    /// Settings of policies and integrations.
    #[error(transparent)]
    Settings(#[from] settings::Error),
    /// Secrets by name.
    #[error(transparent)]
    Secrets(#[from] secrets::Error),
    /// Records of models.
    #[error(transparent)]
    Models(#[from] models::Error),
    /// Where things are deployed.
    #[error(transparent)]
    Targets(#[from] targets::Error),
    /// What runs there.
    #[error(transparent)]
    Engine(#[from] engines::Error),
    /// What the account may do.
    #[error(transparent)]
    Licence(#[from] licence::Error),
    /// Whose the host is.
    #[error(transparent)]
    Owner(#[from] owner::Error),
    /// What is deployed.
    #[error(transparent)]
    Deployments(#[from] deployments::Error),
    /// Who is told of it.
    #[error(transparent)]
    Integrations(#[from] integrations::Error),
    /// A call of a plugin.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Who may do what.
    #[error(transparent)]
    Users(#[from] users::Error),
    /// What may be installed here.
    #[error(transparent)]
    Rules(#[from] rules::Error),
    /// The machine under the host.
    #[error(transparent)]
    System(#[from] system::Error),
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        match self {
            Self::Unauthenticated => (&UNAUTHENTICATED).into(),
            Self::CrossSite(_) => (&CROSS_SITE).into(),
            Self::NoRegistry => (&NO_REGISTRY).into(),
            Self::NotReady(_) => (&NOT_READY).into(),
            Self::InUse(_) => IN_USE.remedied("stop the other one, or choose another --data"),
            Self::Deployed { .. } => IN_USE.remedied("`chandlery remove DEPLOYMENT` first"),
            Self::Installs(error) => error.explain(),
            Self::Settings(error) => error.explain(),
            Self::Secrets(error) => error.explain(),
            Self::Models(error) => error.explain(),
            Self::Targets(error) => error.explain(),
            Self::Engine(error) => error.explain(),
            Self::Licence(error) => error.explain(),
            Self::Owner(error) => error.explain(),
            Self::Deployments(error) => error.explain(),
            Self::Integrations(error) => error.explain(),
            Self::Sandbox(error) => error.explain(),
            Self::Users(error) => error.explain(),
            Self::Rules(error) => error.explain(),
            Self::System(error) => error.explain(),
        }
    }

    /// What the registry refuses is told in its own words. All else names what failed, inside too: the host's users are its
    /// operators.
    fn problem(&self) -> Problem {
        if let Some(Refusal(problem)) = self.source().and_then(|source| source.downcast_ref()) {
            return problem.clone();
        }
        let Explanation { kind, remedy, .. } = self.explain();
        Problem {
            r#type: kind.word.into(),
            title: kind.title.into(),
            status: kind.status,
            detail: self.to_string(),
            remedy,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = self.problem();
        if problem.status == 500 {
            tracing::error!(error = %self, "request failed");
        }
        problem.into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::installs::RegistryError;
    use crate::system::Changed;

    #[test]
    fn what_the_registry_refuses_is_told_in_its_own_words() {
        let told = Problem {
            r#type: "forbidden".into(),
            title: "Not allowed".into(),
            status: 403,
            detail: "'b' may not see it".into(),
            remedy: None,
        };
        let refused = || installs::Error::from(RegistryError::Refused(Refusal(told.clone())));
        assert_eq!(Error::from(refused()).problem(), told);
        // Through every room on its way.
        assert_eq!(Error::from(licence::Error::from(refused())).problem(), told);
        assert_eq!(Error::from(deployments::Error::from(licence::Error::from(refused()))).problem(), told);
        let away = RegistryError::Away { url: "http://r".into(), reason: "refused".into() };
        let problem = Error::from(installs::Error::from(away)).problem();
        assert_eq!((problem.r#type.as_str(), problem.status), ("registry-away", 502));
    }

    #[test]
    fn an_error_is_of_its_rooms_kind_however_far_it_came() {
        let changed = deployments::Error::from(targets::Error::from(Changed("lab".into())));
        let problem = Error::from(changed).problem();
        assert_eq!((problem.r#type.as_str(), problem.status), ("changed-meanwhile", 409));
        assert_eq!(problem.detail, "'lab' was changed meanwhile");
        let words: std::collections::BTreeSet<_> = kinds().iter().map(|kind| kind.word).collect();
        assert_eq!(words.len(), kinds().len(), "each word is one kind's");
    }
}
