//! How a command ends when it does not do what it was asked: what happened, why, what to do next, and an exit code.

use std::process::ExitCode;

use chandlery_package::problem::{Explain as _, Kind, Problem};

use crate::{show, words};

/// What shells give for a command that SIGINT has ended.
const INTERRUPTED: u8 = 130;

/// What a command comes to.
pub type Result<T = ()> = std::result::Result<T, Failure>;

/// A failed command.
#[derive(Debug)]
pub struct Failure(Problem);

impl Failure {
    /// A failure of this machine's own.
    pub fn of(detail: impl Into<String>) -> Self {
        Self::new(&words::FAILED, detail)
    }

    /// A failure of a kind that the command line has.
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self(Problem {
            r#type: kind.word.into(),
            title: kind.title.into(),
            status: kind.status,
            detail: detail.into(),
            remedy: kind.remedy.map(str::to_owned),
        })
    }

    /// Says what to do next.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// Nothing answers there, or nothing could be asked: an address or a token may hold what no request can.
    pub fn away(what: &str, url: &str, error: &reqwest::Error) -> Self {
        let cause = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
        let cause = cause.last().map(ToString::to_string).unwrap_or_default();
        if error.is_builder() {
            return Self::of(format!(
                "the {what} at {url} was not asked, since its request cannot be made: {cause}"
            ))
            .remedy(
                "look at the address and at the token that are given, in arguments and in the environment",
            );
        }
        Self::new(&words::AWAY, format!("the {what} at {url} does not answer: {cause}"))
            .remedy(format!("is it running? `chandlery up` starts one; another is named by `--{what} URL`"))
    }

    /// This one and another at once, of this one's kind: what each needs is said before any of it is done.
    pub fn and(self, other: Self) -> Self {
        let detail = format!("{}; {}", self.detail(), other.detail());
        let remedies: Vec<String> = [self.0.remedy, other.0.remedy].into_iter().flatten().collect();
        let remedy = (!remedies.is_empty()).then(|| remedies.join("; then "));
        Self(Problem { detail, remedy, ..self.0 })
    }

    /// Whether it has this stable word.
    pub fn is(&self, word: &str) -> bool {
        self.0.r#type == word
    }

    fn exit_code(&self) -> u8 {
        match self.0.r#type.as_str() {
            "digest-mismatch"
            | "signature-refused"
            | "provenance-refused"
            | "untrusted-signature"
            | "unsigned"
            | "log-forked"
            | "log-freeze"
            | "log-rollback"
            | "log-refused"
            | "log-differs"
            | "release-hidden"
            | "other-release"
            | "endless-data"
            | "other-registry"
            | "log-key-changed"
            | "too-few-witnesses"
            | "withdrawn"
            | "quarantined"
            | "critical-advisory"
            | "audit-broken"
            | "audit-failed"
            | "usage-differs"
            | "manifest-mismatch"
            | "invalid-component"
            | "invalid-artifact"
            | "other-plan" => 3,
            "away" | "registry-away" | "target-away" => 4,
            "unauthenticated" | "second-factor-needed" | "forbidden" | "rule-refused" | "suspended" => 5,
            "not-found" | "no-release" | "not-installed" | "no-deployment" | "no-target" => 6,
            "interrupted" => INTERRUPTED,
            _ => 1,
        }
    }

    /// What to do next, where somebody knows.
    pub fn what_to_do(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }

    /// What happened, in a sentence.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Tells it on standard error, and gives the exit code.
    pub fn report(&self, json: bool) -> ExitCode {
        self.tell(json);
        ExitCode::from(self.exit_code())
    }

    /// Tells it on standard error.
    pub fn tell(&self, json: bool) {
        let Problem { r#type, title, detail, remedy, .. } = &self.0;
        if json {
            show::json_failure(&self.0);
        } else {
            show::failure(title, detail, r#type, remedy.as_deref());
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<chandlery_registry::Error> for Failure {
    fn from(error: chandlery_registry::Error) -> Self {
        // In its own process an operator may read what failed inside.
        Self(error.problem())
    }
}

impl From<chandlery_accounts::Error> for Failure {
    fn from(error: chandlery_accounts::Error) -> Self {
        Self(error.problem())
    }
}

impl From<chandlery_host::Error> for Failure {
    fn from(error: chandlery_host::Error) -> Self {
        Self(error.problem())
    }
}

impl From<chandlery_host::installs::Error> for Failure {
    fn from(error: chandlery_host::installs::Error) -> Self {
        chandlery_host::Error::from(error).into()
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::of(error.to_string())
    }
}

#[cfg(test)]
mod tests;
