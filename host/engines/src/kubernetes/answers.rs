//! What the API server answers where it does not do what it is asked, in words.

use kube::core::Status;
use kube::runtime::watcher;

use crate::Error;

/// Why something was not applied.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Others have set fields to something else.
    Conflict(Vec<Conflict>),
    /// It is not allowed, or not an object of the API.
    Refused(String),
    /// Nothing was said.
    Away(Error),
}

impl Refusal {
    /// What was said, where it was refused.
    pub fn reason(self) -> Result<String, Error> {
        match self {
            Self::Away(error) => Err(error),
            Self::Refused(reason) => Ok(reason),
            Self::Conflict(conflicts) => Ok(say(&conflicts)),
        }
    }
}

/// A field that somebody else has set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conflict {
    pub field: String,
    pub manager: String,
}

/// Who has set what.
pub(super) fn say(conflicts: &[Conflict]) -> String {
    let each = conflicts.iter().map(|conflict| format!("{} has set {}", conflict.manager, conflict.field));
    each.collect::<Vec<_>>().join(", ")
}

pub(super) fn refusal(status: &Status) -> Refusal {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let conflicts: Vec<_> = causes
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| Conflict {
            field: cause.field.trim_start_matches('.').to_owned(),
            manager: cause.message.split('"').nth(1).unwrap_or("somebody else").to_owned(),
        })
        .collect();
    match conflicts.is_empty() {
        true => Refusal::Refused(status.message.clone()),
        false => Refusal::Conflict(conflicts),
    }
}

/// Why the API server does not do what it is asked, and what to do about it.
pub(super) fn words(target: &str, error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => said(target, status),
        error => {
            // The cause says more than what failed for it.
            let mut cause: &dyn std::error::Error = error;
            while let Some(source) = cause.source() {
                cause = source;
            }
            cause.to_string()
        }
    }
}

pub(super) fn watch_words(target: &str, error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => words(target, error),
        watcher::Error::WatchError(status) => said(target, status),
        watcher::Error::NoResourceVersion => error.to_string(),
    }
}

fn said(target: &str, status: &Status) -> String {
    match status.code {
        401 => format!(
            "it does not accept the credential any more; `chandlery target add {target} --engine kubernetes --credential \
             FILE` gives another one"
        ),
        _ => status.message.clone(),
    }
}
