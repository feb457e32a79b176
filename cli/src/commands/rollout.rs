//! Waiting for what was asked of a deployment to be so, with what happens meanwhile.

use std::time::{Duration, Instant};

use chandlery_package::wire::Page;
use chandlery_package::wire::host::{Deployment, Health, Replica, ReplicaState, Revision, RolloutState};
use clap::Args;
use reqwest::Method;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How long the host may take, beyond the time that a rollout was given, to judge it.
const JUDGING: Duration = Duration::from_secs(30);

/// Whether to wait, and for how long.
#[derive(Args)]
pub struct Waiting {
    /// Do not wait until it is so
    #[arg(long)]
    pub no_wait: bool,
    /// How long to wait; a rollout that has not arrived by then is rolled back
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u32>,
}

impl Waiting {
    /// Waits for a deployment to be as it was asked to be, and tells how it came.
    pub async fn follow(&self, context: &Context, deployment: Deployment) -> Result {
        let started = Instant::now();
        let deployment = self.arrive(context, deployment).await?;
        match context.settings.json {
            true => show::json(deployment),
            false => tell(&deployment, started),
        }
        Ok(())
    }

    /// Waits for a deployment to be as it was asked to be. Whoever waits no longer is told what goes on.
    pub async fn arrive(&self, context: &Context, deployment: Deployment) -> Result<Deployment> {
        if self.no_wait {
            return Ok(deployment);
        }
        unless_interrupted(wait(context, &deployment, self.timeout), || goes_on(&deployment)).await
    }
}

/// Does something to its end, or until Ctrl-C, which is answered with what goes on without this command.
pub async fn unless_interrupted<T>(
    work: impl Future<Output = Result<T>>,
    interrupted: impl FnOnce() -> Failure,
) -> Result<T> {
    tokio::select! {
        done = work => done,
        Ok(()) = tokio::signal::ctrl_c() => Err(interrupted()),
    }
}

fn goes_on(Deployment { name, revision, .. }: &Deployment) -> Failure {
    let detail = format!("this command waits no longer; the host goes on with revision {revision} of {name}");
    Failure::new(&words::INTERRUPTED, detail).remedy(format!(
        "`chandlery status {name}` shows how it fares, `chandlery history {name}` how it ends, and `chandlery rollback {name}` takes it back"
    ))
}

/// Tells how a deployment has come to be as it was asked to be, since a moment.
pub fn tell(deployment: &Deployment, started: Instant) {
    let Deployment { name, health, revision, release, endpoints, notes, .. } = deployment;
    show::done(format!(
        "{name} is {health} after {:.1} s: revision {revision}, {release}",
        started.elapsed().as_secs_f64(),
    ));
    for endpoint in endpoints.iter().filter(|_| *health != Health::Paused) {
        show::check(&format!("{} {}", endpoint.workload, endpoint.port), &endpoint.address);
    }
    if *health != Health::Paused {
        notes.iter().for_each(show::note);
    }
}

async fn wait(context: &Context, asked: &Deployment, timeout: Option<u32>) -> Result<Deployment> {
    let name = &asked.name;
    let spinner = show::spinner(format!("rolling out {name}"));
    let started = Instant::now();
    loop {
        let deployment = read(context, name).await?;
        let said = deployment.replicas.iter().map(say).collect::<Vec<_>>().join("; ");
        let arrived = match deployment.health {
            Health::Ready | Health::Succeeded => deployment.revision == asked.revision,
            Health::Paused => deployment.replicas.iter().all(has_ended),
            Health::Failed | Health::RollingOut | Health::Degraded | Health::Removing => false,
        };
        if arrived {
            spinner.finish_and_clear();
            return Ok(deployment);
        }
        let rollout = rollout(context, asked).await?;
        if let Some((RolloutState::Failed | RolloutState::Superseded, reason)) = &rollout {
            // The revision failed after the deployment was read, or before: what runs since then is asked anew.
            let now = match read(context, name).await?.revision {
                now if now == asked.revision => "; there is no earlier revision to go back to".into(),
                now => format!("; revision {now} runs again"),
            };
            return Err(failed(asked, &format!("revision {} failed: {reason}{now}", asked.revision)));
        }
        // The host judges rollouts, and is given time for it; a change of scale is none, and has no end but patience.
        let is_judged = matches!(rollout, Some((RolloutState::RollingOut, _)));
        let judging = if is_judged { JUDGING } else { Duration::ZERO };
        if timeout.is_some_and(|seconds| started.elapsed() > Duration::from_secs(seconds.into()) + judging) {
            return Err(failed(asked, &format!("not ready after {} s: {said}", started.elapsed().as_secs())));
        }
        spinner.set_message(match &deployment.trouble {
            None => format!("rolling out {name}: {said}"),
            Some(trouble) => format!("waiting for target {}: {trouble}", deployment.target),
        });
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn read(context: &Context, name: &str) -> Result<Deployment> {
    context.host(Method::GET, &format!("/api/v1/deployments/{name}"), ()).await
}

/// How the rollout of the revision that was asked for fares, and what is said of it.
async fn rollout(context: &Context, asked: &Deployment) -> Result<Option<(RolloutState, String)>> {
    let path = format!("/api/v1/deployments/{}/revisions", asked.name);
    let page: Page<Revision> = context.host_list(&path).await?;
    let found = page.items.into_iter().find(|revision| revision.revision == asked.revision);
    Ok(found.map(|revision| (revision.state, revision.detail)))
}

fn has_ended(replica: &Replica) -> bool {
    matches!(replica.state, ReplicaState::Succeeded | ReplicaState::Failed)
}

fn say(replica: &Replica) -> String {
    let Replica { workload, index, revision, state, detail, .. } = replica;
    format!("{workload}-{index} r{revision} {state} {detail}")
}

/// That a deployment is not as it was asked to be. By now another revision may run: the logs are of the one that was asked for.
fn failed(asked: &Deployment, detail: &str) -> Failure {
    let Deployment { name, revision, .. } = asked;
    Failure::new(&words::NOT_ROLLED_OUT, format!("{name}: {detail}")).remedy(format!(
        "`chandlery logs {name} --revision {revision}` shows what it wrote, `chandlery history {name}` how it came here"
    ))
}
