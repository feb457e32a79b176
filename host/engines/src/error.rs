//! Why a target was not opened, or did not do what it was told.

use chandlery_package::problem::{Explain, Explanation, Kind};

/// A target that cannot be added, changed or removed.
pub const INVALID_TARGET: Kind = Kind {
    word: "invalid-target",
    status: 422,
    title: "Not a valid target",
    when: "a target's name, settings or credential do not fit its engine, or it is still in use",
    remedy: None,
};
/// A target that does not answer, or not as it should.
pub const TARGET_AWAY: Kind = Kind {
    word: "target-away",
    status: 502,
    title: "The target does not answer",
    when: "a Slurm controller or a Kubernetes API server cannot be reached, or refuses what it is asked",
    remedy: Some("what is deployed there goes on; the host asks again by itself"),
};
/// A plan that a target can never run.
pub const CANNOT_RUN: Kind = Kind {
    word: "cannot-run",
    status: 422,
    title: "The target cannot run this",
    when: "a plan needs a runtime, GPUs, nodes or a volume that the target does not have",
    remedy: Some("nothing was deployed; change the parameters, or choose another target"),
};
/// A change of something that was changed from outside.
pub const DRIFTED: Kind = Kind {
    word: "drifted",
    status: 409,
    title: "Changed from outside",
    when: "what runs on a target was changed by somebody else, and what is asked for would change the same",
    remedy: Some("`chandlery status NAME` shows what was changed, and `chandlery repair NAME` takes it back"),
};
/// A credential that is not allowed what an engine needs.
pub const NOT_ALLOWED: Kind = Kind {
    word: "target-not-allowed",
    status: 422,
    title: "The target does not allow what is needed",
    when: "the credential of a Kubernetes target lacks rights that the host needs there",
    remedy: Some("the answer has a role that allows all of it, to be applied by whoever may"),
};
/// A file, a process or the database of the host's own.
pub const INTERNAL: Kind = Kind {
    word: "internal",
    status: 500,
    title: "The host failed",
    when: "something failed inside the host, such as its database; the answer and its log say what",
    remedy: None,
};

/// The kinds of this crate.
pub const KINDS: &[&Kind] = &[&INVALID_TARGET, &TARGET_AWAY, &CANNOT_RUN, &DRIFTED, &NOT_ALLOWED, &INTERNAL];

/// Why a target was not opened, or did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A target's settings or credential do not fit its engine.
    #[error("the target '{target}': {reason}")]
    Target {
        /// The target's name.
        target: String,
        /// What does not fit.
        reason: String,
    },
    /// A target does not answer, or not as it should.
    #[error("the target '{target}' does not answer: {reason}")]
    TargetAway {
        /// The target's name.
        target: String,
        /// What its scheduler said, or why it could not be asked.
        reason: String,
    },
    /// The target can never run the plan.
    #[error("target '{target}' cannot run this plan: {reason}")]
    CannotRun {
        /// The target's name.
        target: String,
        /// Which workload needs what, and what there is.
        reason: String,
    },
    /// What is there was changed from outside, and the change would not be taken back unasked.
    #[error("the target '{target}': {reason}")]
    Drifted {
        /// The target's name.
        target: String,
        /// Who has changed what, and what takes it back.
        reason: String,
    },
    /// A target's credential is not allowed what the engine needs.
    #[error("the target '{target}' does not allow '{user}' to {missing}")]
    NotAllowed {
        /// The target's name.
        target: String,
        /// Whose the credential is, as the target knows them.
        user: String,
        /// What is missing: verbs and resources.
        missing: String,
        /// What allows it, as `kubectl apply` takes it.
        role: String,
    },
    /// A file or process of the host's own.
    #[error("{what}: {error}")]
    System {
        /// The path, or what was being done.
        what: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The host's database failed.
    #[error("the host's database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// Stored data that no version of the host writes, or a client that could not be made.
    #[error("the host's state is damaged: {0}")]
    Damaged(String),
}

impl Error {
    /// For `map_err`: the failure of the system at this path, or at doing this.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |error| Self::System { what, error }
    }
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::NotAllowed { role, .. } => {
                return NOT_ALLOWED.remedied(format!("`kubectl apply -f -` of this allows it:\n{role}"));
            }
            Self::Target { .. } => &INVALID_TARGET,
            Self::TargetAway { .. } => &TARGET_AWAY,
            Self::CannotRun { .. } => &CANNOT_RUN,
            Self::Drifted { .. } => &DRIFTED,
            Self::System { .. } | Self::Database(_) | Self::Damaged(_) => &INTERNAL,
        };
        kind.into()
    }
}
