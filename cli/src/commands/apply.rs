//! `chandlery apply` and `chandlery diff`: what runs is made, or compared with, what files say.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use chandlery_package::Digest;
use chandlery_package::wire::host::{Deployment, Health, NewDeployment};
use clap::{ArgAction, Args};
use reqwest::Method;

use super::remove::{GONE_SECONDS, until_gone};
use super::rollout::{Waiting, tell};
use crate::api::{Context, address};
use crate::desired::compare::{Act, Comparison, Manner, Step};
use crate::desired::lock::{Lock, beside};
use crate::desired::{layers, told};
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

/// The file, unless somebody names others.
const FILE: &str = "deployments.toml";
/// How a comparison ends in which something would change, as Terraform has it.
const WOULD_CHANGE: u8 = 2;

/// Files that say which deployments there should be.
#[derive(Args)]
pub struct Files {
    /// A file of deployments; what a later one says comes before what an earlier one does
    #[arg(long = "file", short = 'f', value_name = "FILE", default_value = FILE, action = ArgAction::Append)]
    files: Vec<PathBuf>,
    /// Take the releases that are installed, whatever the lock holds
    #[arg(long)]
    update: bool,
    /// Take over deployments that are in the files of others, or in nobody's
    #[arg(long)]
    adopt: bool,
    /// Show what would change in Markdown, for the comment of a pull request
    #[arg(long)]
    markdown: bool,
}

/// Compare what runs with files.
#[derive(Args)]
pub struct Diff {
    #[command(flatten)]
    files: Files,
}

/// Make what runs as files say.
#[derive(Args)]
pub struct Apply {
    #[command(flatten)]
    files: Files,
    /// Only show what would change, as `diff` does
    #[arg(long)]
    check: bool,
    /// Apply it without asking
    #[arg(long, short = 'y')]
    yes: bool,
    /// Apply it without asking if these are still the changes that `diff` has shown
    #[arg(long, value_name = "DIGEST", conflicts_with = "yes")]
    approve: Option<Digest>,
    #[command(flatten)]
    waiting: Waiting,
}

impl Files {
    fn lock(&self) -> Result<PathBuf> {
        beside(self.files.last().map_or(Path::new(FILE), PathBuf::as_path))
    }

    async fn compare(&self, context: &Context) -> Result<Comparison> {
        let lock = Lock::read(&self.lock()?)?;
        let desired = layers::read(&self.files)?;
        let spinner = show::spinner("planning");
        let manner = Manner { update: self.update, adopt: self.adopt };
        let comparison = Comparison::of(context, &desired, &lock, manner).await;
        spinner.finish_and_clear();
        comparison
    }

    fn show(&self, context: &Context, comparison: &Comparison) {
        match (context.settings.json, self.markdown) {
            (true, _) => show::json(comparison),
            (false, true) => show::document(&told::markdown(comparison)),
            (false, false) => told::print(comparison),
        }
    }

    /// Shows what would change, and says by the exit code whether anything would.
    async fn check(&self, context: &Context) -> Result<ExitCode> {
        let comparison = self.compare(context).await?;
        self.show(context, &comparison);
        if comparison.changing().next().is_none() {
            return Ok(ExitCode::SUCCESS);
        }
        if !context.settings.json && !self.markdown {
            let digest = comparison.digest;
            show::note(format!("nothing was done; just this is applied with `--approve {digest}`"));
        }
        Ok(ExitCode::from(WOULD_CHANGE))
    }
}

impl Diff {
    pub async fn run(self, context: &Context) -> Result<ExitCode> {
        self.files.check(context).await
    }
}

impl Apply {
    pub async fn run(self, context: &Context) -> Result<ExitCode> {
        if self.check {
            return self.files.check(context).await;
        }
        let comparison = self.files.compare(context).await?;
        let json = context.settings.json;
        if !json {
            self.files.show(context, &comparison);
        }
        if comparison.changing().next().is_some() {
            self.must_be_approved(&comparison, json)?;
        }
        comparison.lock.write(&self.files.lock()?)?;
        self.carry_out(context, &comparison).await?;
        if json {
            self.files.show(context, &comparison);
        } else {
            show::done(format!("{}: {}", comparison.owner, done_in_short(&comparison, self.waiting.no_wait)));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Asks whoever sits at the terminal, once, unless it was approved before.
    fn must_be_approved(&self, comparison: &Comparison, json: bool) -> Result {
        let digest = comparison.digest;
        match self.approve {
            Some(approved) if approved == digest => return Ok(()),
            Some(approved) => {
                let detail =
                    format!("{approved} was approved, and the changes are {digest} now; nothing was changed");
                return Err(Failure::new(&words::OTHER_CHANGES, detail)
                    .remedy("look at what would change with `chandlery diff`, and approve that"));
            }
            None if self.yes => return Ok(()),
            None => {}
        }
        let refused = Failure::new(&words::NOT_APPROVED, "nothing was changed").remedy(format!(
            "`--approve {digest}` applies just what was shown, and `--yes` whatever it has come to by then"
        ));
        if json || !std::io::stdin().is_terminal() {
            return Err(refused);
        }
        match show::ask("Apply this? [y/N]")?.to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(refused),
        }
    }

    /// Has the host deploy everything, waits until all of it is as it should be, and only then removes what is in the files no longer.
    /// Whoever does not wait leaves that to the next `apply`, where anything was begun.
    /// What is refused or fails keeps none of the others back.
    async fn carry_out(&self, context: &Context, comparison: &Comparison) -> Result {
        let mut failures = Vec::new();
        let mut begun = Vec::new();
        for step in &comparison.steps {
            match self.begin(context, step).await {
                Ok(deployment) => begun.extend(deployment),
                Err(failure) => failures.push(failure),
            }
        }
        let prunes = prunes(self.waiting.no_wait, begun.len());
        for deployment in begun {
            let started = Instant::now();
            match self.waiting.arrive(context, deployment).await {
                Ok(deployment) if !context.settings.json => tell(&deployment, started),
                Ok(_) => {}
                Err(failure) if failure.is("interrupted") => return Err(failure),
                Err(failure) => failures.push(failure),
            }
        }
        if let Some(failure) = failures.into_iter().reduce(Failure::and) {
            return Err(failure);
        }
        let pruned: Vec<&Step> = comparison.steps.iter().filter(|step| step.act == Act::Prune).collect();
        if !prunes {
            if !context.settings.json {
                pruned.iter().for_each(|step| show::note(stays(step)));
            }
            return Ok(());
        }
        let (mut going, mut failures) = (Vec::new(), Vec::new());
        for step in pruned {
            match prune(context, comparison, step).await {
                Ok(()) => going.push(step),
                Err(failure) => failures.push(failure),
            }
        }
        for step in going.into_iter().filter(|_| !self.waiting.no_wait) {
            until_gone(context, &step.deployment, GONE_SECONDS).await?;
            if !context.settings.json {
                show::done(format!("{} is gone", step.deployment));
            }
        }
        failures.into_iter().reduce(Failure::and).map_or(Ok(()), Err)
    }

    /// Has the host begin a step, and gives the deployment to wait for; none: it is as it should be, or goes.
    async fn begin(&self, context: &Context, step: &Step) -> Result<Option<Deployment>> {
        if let Some(request) = &step.request {
            let request = NewDeployment { timeout_seconds: self.waiting.timeout, ..request.clone() };
            let deployment: Deployment = context.host(Method::POST, "/api/v1/deployments", request).await?;
            return Ok(Some(deployment).filter(|now| step.base != Some(now.revision) || is_on_its_way(now)));
        }
        // An earlier command may have ended before it was ready.
        let waits = step.act == Act::Unchanged;
        Ok(step.running.clone().filter(|running| waits && is_on_its_way(running)))
    }
}

/// Whether what is in the files no longer goes now: nothing goes before what should run does, and who does not wait knows that only where
/// nothing was begun.
fn prunes(no_wait: bool, begun: usize) -> bool {
    !no_wait || begun == 0
}

fn stays(step: &Step) -> String {
    format!("{} stays until the others are as they should be: the next `apply` prunes it", step.deployment)
}

/// Has the host remove what is in the files no longer, as it was compared.
async fn prune(context: &Context, comparison: &Comparison, step: &Step) -> Result {
    let path = format!("/api/v1/deployments/{}", step.deployment);
    let (owner, revision) = (comparison.owner.to_string(), step.base.map(|revision| revision.to_string()));
    let path = address(&path, &[("owner", Some(owner)), ("revision", revision)]);
    match context.tell_host(Method::DELETE, &path, ()).await {
        // What an earlier command has begun to remove may be gone by now.
        Err(failure) if failure.is("no-deployment") => Ok(()),
        told => told,
    }
}

fn is_on_its_way(deployment: &Deployment) -> bool {
    deployment.health == Health::RollingOut
}

fn done_in_short(comparison: &Comparison, no_wait: bool) -> String {
    match (comparison.changing().count(), no_wait) {
        (0, _) => "nothing to change".into(),
        (_, true) => "the host goes on with it, and `chandlery status` shows how it fares".into(),
        (1, false) => "1 deployment is as its files say now".into(),
        (count, false) => format!("{count} deployments are as their files say now"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_wait_prunes_only_where_nothing_was_begun() {
        let cases = [(false, 0), (false, 2), (true, 0), (true, 2)];
        assert_eq!(cases.map(|(no_wait, begun)| prunes(no_wait, begun)), [true, true, true, false]);
    }
}
