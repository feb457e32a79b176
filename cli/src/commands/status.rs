//! `chandlery status`.

use chandlery_package::wire::Page;
use chandlery_package::wire::host::{Deployment, Drift, Entitlement, Replica, Unmetered};
use clap::Args;
use reqwest::Method;

use super::rules;
use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Show deployments and how they fare.
#[derive(Args)]
pub struct Status {
    /// Only this one
    name: Option<String>,
}

impl Status {
    pub async fn run(self, context: &Context) -> Result {
        let deployments = match &self.name {
            Some(name) => vec![context.host(Method::GET, &format!("/api/v1/deployments/{name}"), ()).await?],
            None => {
                let page: Page<Deployment> = context.host_list("/api/v1/deployments").await?;
                page.items
            }
        };
        if context.settings.json {
            show::json(&deployments);
            return Ok(());
        }
        if deployments.is_empty() {
            show::note("nothing is deployed; `chandlery deploy PLUGIN` does it");
        }
        deployments.iter().for_each(print);
        let has: Entitlement = context.host(Method::GET, "/api/v1/entitlement", ()).await?;
        let says = has.plugins.iter().filter_map(|covered| covered.says.as_ref());
        has.says.iter().chain(says).for_each(show::warning);
        rules::warn(&rules::broken(context).await?.items);
        Ok(())
    }
}

fn print(deployment: &Deployment) {
    let Deployment { name, target, release, revision, health, .. } = deployment;
    let rest = format!("is {health} on {target}: {release}, revision {revision}");
    show::headline(name, &rest);
    if let Some(objection) = &deployment.objection {
        show::warning(format!("{release}: {objection}"));
    }
    for advised in &deployment.advisories {
        show::warning(format!("{release}: {advised}"));
    }
    if let Some(trouble) = &deployment.trouble {
        show::warning(format!("target {target} does not answer, so this is as it was last seen: {trouble}"));
    }
    for endpoint in &deployment.endpoints {
        show::check(&format!("{} {}", endpoint.workload, endpoint.port), &endpoint.address);
    }
    let rows = deployment.replicas.iter().map(|replica| {
        let addresses: Vec<_> = replica.addresses.values().cloned().collect();
        let runs_as = match (&replica.job, replica.pid) {
            (Some(job), _) => format!("job {job}"),
            (None, Some(pid)) => format!("process {pid}"),
            (None, None) => String::new(),
        };
        vec![
            format!("{}-{}", replica.workload, replica.index),
            replica.revision.to_string(),
            replica.state.to_string(),
            addresses.join(", "),
            runs_as,
            replica.restarts.to_string(),
            replica.detail.clone(),
        ]
    });
    show::table(&["replica", ">revision", "state", "address", "runs as", ">restarts", "detail"], rows);
    for replica in &deployment.replicas {
        if let Some(Unmetered { since, reason }) = &replica.unmetered {
            let Replica { workload, index, .. } = replica;
            show::warning(format!("{workload}-{index} is not metered in full since {since}: {reason}"));
        }
    }
    print_drift(&deployment.drift);
    if !deployment.drift.is_empty() {
        show::note(format!("`chandlery repair {name}` makes it again as it should be"));
    }
    if let Some(owner) = &deployment.owner {
        show::note(format!("it is in the files of '{owner}': `chandlery apply` changes it, and removes it"));
    }
    show::check("plan", &deployment.plan_digest.to_string());
    show::check("component", &deployment.component.to_string());
    show::check("signed artifact", &format!("{}, log entry {}", deployment.artifact, deployment.log_index));
}

/// What is not as it was made.
pub fn print_drift(drift: &[Drift]) {
    for Drift { path, should, is } in drift {
        show::warning(format!("{path} was changed from outside: it should be {should}, and is {is}"));
    }
}
