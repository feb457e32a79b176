//! The controller of a cluster, asked by its client commands or over its REST interface.

use super::commands::Commands;
use super::model::{Job, Node, Submission, Submitted};
use super::rest::Rest;
use super::settings::SlurmSettings;
use crate::Error;

/// The way to the controller.
pub(super) enum Cluster {
    Commands(Commands),
    Rest(Rest),
}

impl Cluster {
    pub(super) fn new(target: &str, settings: &SlurmSettings, token: Option<String>) -> Result<Self, Error> {
        match &settings.rest {
            None => Ok(Self::Commands(Commands::new(target))),
            Some(url) => Ok(Self::Rest(Rest::new(target, url, settings.user.clone(), token)?)),
        }
    }

    pub(super) async fn nodes(&self) -> Result<Vec<Node>, Error> {
        match self {
            Self::Commands(commands) => commands.nodes().await,
            Self::Rest(rest) => rest.nodes().await,
        }
    }

    /// All jobs that the controller remembers.
    pub(super) async fn jobs(&self) -> Result<Vec<Job>, Error> {
        match self {
            Self::Commands(commands) => commands.jobs().await,
            Self::Rest(rest) => rest.jobs().await,
        }
    }

    pub(super) async fn submit(&self, submission: &Submission) -> Result<Submitted, Error> {
        match self {
            Self::Commands(commands) => commands.submit(submission).await,
            Self::Rest(rest) => rest.submit(submission).await,
        }
    }

    /// Sends a signal to everything of a job, or ends it. One that has ended already is as good.
    pub(super) async fn cancel(&self, job: u32, signal: Option<&str>) -> Result<(), Error> {
        match self {
            Self::Commands(commands) => commands.cancel(job, signal).await,
            Self::Rest(rest) => rest.cancel(job, signal).await,
        }
    }
}
