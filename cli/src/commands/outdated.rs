//! `chandlery outdated`.

use chandlery_package::Release;
use chandlery_package::wire::Page;
use chandlery_package::wire::host::{Deployment, Locked};
use clap::Args;
use serde::Serialize;

use super::releases::{advisable, releases_of};
use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Show what there are newer releases of.
#[derive(Args)]
pub struct Outdated {}

/// A plugin of which a newer release is published than is installed, or is installed than is deployed.
#[derive(Debug, Serialize)]
struct Row {
    installed: Release,
    /// The newest release that may be run; none: the registry tells of none.
    newest: Option<Release>,
    /// The deployments of other releases than the one that is installed.
    deployments: Vec<String>,
}

impl Row {
    fn is_outdated(&self) -> bool {
        self.newest.as_ref().is_some_and(|newest| newest.version > self.installed.version)
            || !self.deployments.is_empty()
    }
}

impl Outdated {
    pub async fn run(self, context: &Context) -> Result {
        let installed: Page<Locked> = context.host_list("/api/v1/plugins").await?;
        let deployments: Page<Deployment> = context.host_list("/api/v1/deployments").await?;
        let mut rows = Vec::new();
        for Locked { release, .. } in installed.items {
            rows.push(row(context, release, &deployments.items).await?);
        }
        rows.retain(Row::is_outdated);
        if context.settings.json {
            show::json(rows);
            return Ok(());
        }
        if rows.is_empty() {
            show::done("everything that is installed and deployed is of the newest release");
            return Ok(());
        }
        let shown = |row: &Row| {
            let newest = row.newest.as_ref().map(|release| release.version.to_string()).unwrap_or_default();
            let Release { plugin, version } = &row.installed;
            vec![plugin.to_string(), version.to_string(), newest, row.deployments.join(", ")]
        };
        show::table(&["plugin", "installed", "newest", "deployed of another"], rows.iter().map(shown));
        show::note(
            "`chandlery install PLUGIN` installs the newest release, and `chandlery upgrade --all` brings all deployments to what is installed",
        );
        Ok(())
    }
}

async fn row(context: &Context, installed: Release, deployments: &[Deployment]) -> Result<Row> {
    let published = match releases_of(context, &installed.plugin).await {
        Ok(page) => page.items,
        // It is from another registry, or is not shown to everybody.
        Err(failure) if failure.is("not-found") || failure.is("forbidden") => Vec::new(),
        Err(failure) => return Err(failure),
    };
    let of_another = deployments.iter().filter(|deployment| {
        deployment.release.plugin == installed.plugin && deployment.release != installed
    });
    Ok(Row {
        newest: advisable(&published).map(|record| record.release.clone()),
        deployments: of_another.map(|deployment| deployment.name.clone()).collect(),
        installed,
    })
}
