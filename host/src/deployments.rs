//! Deployments: what should run, recorded with where it came from, and a loop that makes it so.

mod alerts;
mod change;
mod concerns;
mod covering;
mod deploy;
mod diff;
mod error;
mod plan;
mod reconcile;
mod record;
mod replay;
mod rollout;
mod state;
mod watch;

use std::sync::Arc;

use chandlery_package::PluginId;
use chandlery_package::wire::host::{Deployment, Endpoint, Entitlement, LogTail, Replica, Revision};
use chandlery_package::wire::{Page, Paging};
use tokio::sync::Mutex;

use crate::db::Db;
use crate::engines::replicas;
use crate::installs::Installs;
use crate::licence::Licences;
use crate::secrets::Secrets;
use crate::targets::Targets;
use chandlery_sandbox::Sandbox;
use record::Record;

pub use diff::changes;
pub use error::Error;
pub(crate) use error::KINDS;

/// What is deployed on this host.
#[derive(Clone)]
pub struct Deployments {
    db: Db,
    sandbox: Sandbox,
    installs: Installs,
    secrets: Secrets,
    targets: Targets,
    licences: Licences,
    /// Held from a plan's review until it is recorded: two that were reviewed at once could exceed a budget together.
    deploying: Arc<Mutex<()>>,
}

impl Deployments {
    /// The deployments in this database.
    pub(crate) fn new(
        db: Db,
        sandbox: Sandbox,
        installs: Installs,
        secrets: Secrets,
        targets: Targets,
        licences: Licences,
    ) -> Self {
        Self { db, sandbox, installs, secrets, targets, licences, deploying: Arc::default() }
    }

    /// How many deployments there are that are not being removed.
    pub async fn count(&self) -> Result<u32, Error> {
        record::count(self.db.pool()).await
    }

    /// What this host may do, and how much of it is used.
    pub async fn entitlement(&self) -> Result<Entitlement, Error> {
        let has = self.licences.entitlement(self.count().await?).await?;
        Ok(Entitlement { plugins: self.coverage().await?, ..has })
    }

    /// A deployment's revisions, the last first, a page at a time.
    pub async fn history(&self, name: &str, paging: &Paging<i64>) -> Result<Page<Revision>, Error> {
        self.existing(name).await?;
        let before = paging.after().copied();
        let rows = record::history(self.db.pool(), name, before, paging.rows()).await?;
        Ok(paging.cut(rows, |revision| revision.revision))
    }

    /// The names of a plugin's deployments.
    pub(crate) async fn of(&self, plugin: &PluginId) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for record in record::all(self.db.pool()).await? {
            if record.release.plugin == *plugin {
                names.push(record.name);
            }
        }
        Ok(names)
    }

    /// The names of the deployments of which a revision by this user is on its way.
    pub(crate) async fn rolling_out_by(&self, user: &str) -> Result<Vec<String>, Error> {
        record::rolling_out_by(self.db.pool(), user).await
    }

    /// A deployment and how it fares.
    pub async fn get(&self, name: &str) -> Result<Deployment, Error> {
        self.read(self.existing(name).await?).await
    }

    /// All deployments, by name.
    pub async fn list(&self) -> Result<Vec<Deployment>, Error> {
        let mut deployments = Vec::new();
        for record in record::all(self.db.pool()).await? {
            deployments.push(self.read(record).await?);
        }
        Ok(deployments)
    }

    /// The deployments by name, a page at a time.
    pub async fn page(&self, paging: &Paging<String>) -> Result<Page<Deployment>, Error> {
        let after = paging.after().map_or("", String::as_str);
        let page = paging
            .cut(record::page(self.db.pool(), after, paging.rows()).await?, |record| record.name.clone());
        let mut items = Vec::new();
        for record in page.items {
            items.push(self.read(record).await?);
        }
        Ok(Page { items, next: page.next })
    }

    /// The last lines of a deployment's logs.
    pub async fn logs(&self, name: &str, lines: usize) -> Result<Vec<LogTail>, Error> {
        let record = self.existing(name).await?;
        Ok(self.targets.engine(&record.target).await?.logs(name, lines).await?)
    }

    async fn existing(&self, name: &str) -> Result<Record, Error> {
        record::find(self.db.pool(), name).await?.ok_or_else(|| Error::NoDeployment(name.into()))
    }

    async fn replicas(&self, name: &str) -> Result<Vec<Replica>, Error> {
        Ok(replicas::of(self.db.pool(), name).await?)
    }

    async fn read(&self, record: Record) -> Result<Deployment, Error> {
        let desired = record.desired();
        let replicas = self.replicas(&record.name).await?;
        let endpoints: Vec<(String, String, String)> = sqlx::query_as(
            "select workload, port, address from endpoints where deployment = $1 order by workload, port",
        )
        .bind(&record.name)
        .fetch_all(self.db.pool())
        .await?;
        let endpoint = |(workload, port, address)| Endpoint { workload, port, address };
        Ok(Deployment {
            health: rollout::health(&record, &desired, &replicas),
            replicas,
            workloads: desired.plan.workloads.into_iter().map(|workload| workload.name).collect(),
            endpoints: endpoints.into_iter().map(endpoint).collect(),
            objection: self.installs.objection(&record.release).await?.map(|objection| objection.to_string()),
            advisories: self.installs.advisories(&record.release).await?,
            drift: self.targets.drift(&record.name),
            trouble: self.targets.trouble(&record.target),
            release: record.release,
            component: record.component,
            artifact: record.artifact,
            plan_digest: record.plan_digest,
            name: record.name,
            team: record.team,
            target: record.target,
            log_index: record.log_index,
            revision: record.revision,
            notes: desired.plan.notes,
        })
    }
}
