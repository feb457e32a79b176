//! Deployments: what should run, recorded with where it came from, and a loop that makes it so.

mod alerts;
mod approve;
mod change;
mod concerns;
mod covering;
mod deploy;
mod diff;
mod error;
mod overview;
mod plan;
mod reconcile;
mod record;
mod replay;
mod rollout;
mod state;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use chandlery_package::PluginId;
use chandlery_package::column::Json;
use chandlery_package::wire::host::{Deployment, Endpoint, Entitlement, LogTail, LogsOf, Replica, Revision};
use chandlery_package::wire::{Advised, Page, Paging};
use tokio::sync::Mutex;

use crate::db::Db;
use crate::engines::replicas;
use crate::installs::Installs;
use crate::licence::Licences;
use crate::models::Models;
use crate::secrets::Secrets;
use crate::targets::Targets;
use chandlery_sandbox::Sandbox;
use record::Record;

pub use approve::{Basis, Former};
pub use diff::changes;
pub use error::Error;
pub(crate) use error::KINDS;
pub(crate) use overview::{Detail, Listed, PassedPlan, Sought, USED_DAYS};

/// What is deployed on this host.
#[derive(Clone)]
pub struct Deployments {
    db: Db,
    sandbox: Sandbox,
    installs: Installs,
    secrets: Secrets,
    models: Models,
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
        models: Models,
        targets: Targets,
        licences: Licences,
    ) -> Self {
        Self { db, sandbox, installs, secrets, models, targets, licences, deploying: Arc::default() }
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
        self.read_all(record::all(self.db.pool()).await?).await
    }

    /// The deployments by name, a page at a time.
    pub async fn page(&self, paging: &Paging<String>) -> Result<Page<Deployment>, Error> {
        let after = paging.after().map_or("", String::as_str);
        let records = record::page(self.db.pool(), after, (None, None), paging.rows()).await?;
        let Page { items, next } = paging.cut(records, |record| record.name.clone());
        Ok(Page { items: self.read_all(items).await?, next })
    }

    /// The last lines of a deployment's logs; where nobody says of which revisions, of the one that should run.
    pub async fn logs(&self, name: &str, lines: usize, of: Option<LogsOf>) -> Result<Vec<LogTail>, Error> {
        let record = self.existing(name).await?;
        let mut tails = self.targets.engine(&record.target).await?.logs(name, lines).await?;
        tails.retain(|tail| tail.is_asked_for(of, record.revision));
        Ok(tails)
    }

    async fn existing(&self, name: &str) -> Result<Record, Error> {
        record::find(self.db.pool(), name).await?.ok_or_else(|| Error::NoDeployment(name.into()))
    }

    async fn replicas(&self, name: &str) -> Result<Vec<Replica>, Error> {
        Ok(replicas::of(self.db.pool(), name).await?)
    }

    async fn read(&self, record: Record) -> Result<Deployment, Error> {
        let name = record.name.clone();
        self.read_all(vec![record]).await?.pop().ok_or(Error::NoDeployment(name))
    }

    /// How each of these fares, in as many questions whatever their number.
    async fn read_all(&self, records: Vec<Record>) -> Result<Vec<Deployment>, Error> {
        let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
        let mut replicas = replicas::of_each(self.db.pool(), &names).await?;
        let mut endpoints = self.endpoints(&names).await?;
        let mut said = BTreeMap::new();
        let mut all = Vec::with_capacity(records.len());
        for record in records {
            let against = match said.get(&record.release) {
                Some(against) => Against::clone(against),
                None => {
                    let against = self.against(&record).await?;
                    said.insert(record.release.clone(), against.clone());
                    against
                }
            };
            let own = replicas.remove(&record.name).unwrap_or_default();
            let endpoints = endpoints.remove(&record.name).unwrap_or_default();
            all.push(self.shown(record, own, endpoints, against));
        }
        Ok(all)
    }

    /// The endpoints of each of these deployments, by workload and port.
    async fn endpoints(&self, names: &[&str]) -> Result<BTreeMap<String, Vec<Endpoint>>, Error> {
        let rows: Vec<(String, String, String, String)> = sqlx::query_as(
            "select deployment, workload, port, address from endpoints
             where deployment in (select value from json_each($1)) order by deployment, workload, port",
        )
        .bind(Json(names))
        .fetch_all(self.db.pool())
        .await?;
        let mut each: BTreeMap<String, Vec<Endpoint>> = BTreeMap::new();
        for (deployment, workload, port, address) in rows {
            each.entry(deployment).or_default().push(Endpoint { workload, port, address });
        }
        Ok(each)
    }

    async fn against(&self, record: &Record) -> Result<Against, Error> {
        let objection = self.installs.objection(&record.release).await?;
        let advisories = self.installs.advisories(&record.release).await?;
        Ok(Against { objection: objection.map(|objection| objection.to_string()), advisories })
    }

    fn shown(
        &self,
        record: Record,
        replicas: Vec<Replica>,
        endpoints: Vec<Endpoint>,
        against: Against,
    ) -> Deployment {
        let desired = record.desired();
        // What cannot be read hides nothing else of it.
        let given = serde_json::from_str(&record.given).unwrap_or_default();
        Deployment {
            health: rollout::health(&record, &desired, &replicas),
            replicas,
            workloads: desired.plan.workloads.into_iter().map(|workload| workload.name).collect(),
            endpoints,
            objection: against.objection,
            advisories: against.advisories,
            drift: self.targets.drift(&record.name),
            trouble: self.targets.trouble(&record.target),
            parameters: given,
            owner: record.owner,
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
        }
    }
}

/// What is said against a release.
#[derive(Clone)]
struct Against {
    /// Why it should not be running any more.
    objection: Option<String>,
    advisories: Vec<Advised>,
}
