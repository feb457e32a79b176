//! Deployments as people look for them, and at one of them: by team, target and health, with how many replicas should run, what it costs,
//! and what it has used.

use std::collections::BTreeMap;

use chandlery_package::column::{Json, Text};
use chandlery_package::plan::{Facts, cost_per_hour};
use chandlery_package::wire::host::{Deployment, Health};
use chandlery_package::wire::{Page, Paging};
use chandlery_package::{Money, Release};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::record::{self, Record};
use super::rollout::health;
use super::{Deployments, Error};
use crate::engines::replicas;
use crate::engines::usage::{Used, used_by};
use crate::installs::Origin;

/// Of how many days what a deployment has used is told.
pub(crate) const USED_DAYS: i64 = 30;

/// Which deployments are looked for; what is not named may be anything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sought {
    /// Whose it is.
    pub team: Option<String>,
    /// Where it is.
    pub target: Option<String>,
    /// How it fares.
    pub health: Option<Health>,
}

/// A deployment, and how many of its replicas should run.
pub(crate) struct Listed {
    pub deployment: Deployment,
    pub wanted: u32,
}

/// A deployment, and what there is to say of it beside how it fares.
pub(crate) struct Detail {
    pub deployment: Deployment,
    /// How many replicas should run, by workload.
    pub wanted: BTreeMap<String, u32>,
    /// None: its target has no prices for what it uses.
    pub cost_per_hour: Option<Money>,
    /// Within the last [`USED_DAYS`].
    pub used: Used,
    /// None: no log that is followed tells of its release.
    pub origin: Option<Origin>,
}

/// A plan that policies have let pass.
pub(crate) struct PassedPlan {
    pub deployment: String,
    pub revision: i64,
    pub at: Timestamp,
    pub reviews: Vec<Said>,
}

/// What a policy has said of a plan that it let pass.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Said {
    pub policy: Release,
    pub remarks: Vec<String>,
    pub amended: bool,
}

impl Deployments {
    /// The deployments that are looked for by name, a page at a time, in as many questions whatever their number.
    pub(crate) async fn search(
        &self,
        sought: &Sought,
        paging: &Paging<String>,
    ) -> Result<Page<Listed>, Error> {
        let Sought { team, target, health } = sought;
        let (rows, only) = (paging.rows(), (team.as_deref(), target.as_deref()));
        let (mut records, mut after) = (Vec::new(), paging.after().cloned().unwrap_or_default());
        // How one fares follows from its replicas, which no column says: they are looked at until there is a page of those that fare so.
        loop {
            let batch = record::page(self.db.pool(), &after, only, rows).await?;
            let is_last = (batch.len() as i64) < rows;
            if let Some(last) = batch.last() {
                after.clone_from(&last.name);
            }
            records.extend(match health {
                Some(health) => self.that_fare(batch, *health).await?,
                None => batch,
            });
            if is_last || records.len() as i64 >= rows {
                break;
            }
        }
        let Page { items, next } = paging.cut(records, |record| record.name.clone());
        let wanted: Vec<u32> = items.iter().map(|record| wanted(record).values().sum::<u32>()).collect();
        let deployments = self.read_all(items).await?.into_iter();
        let items = deployments.zip(wanted).map(|(deployment, wanted)| Listed { deployment, wanted });
        Ok(Page { items: items.collect(), next })
    }

    async fn that_fare(&self, mut records: Vec<Record>, sought: Health) -> Result<Vec<Record>, Error> {
        let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
        let replicas = replicas::of_each(self.db.pool(), &names).await?;
        records.retain(|record| {
            let own = replicas.get(&record.name).map_or(&[][..], Vec::as_slice);
            health(record, &record.desired(), own) == sought
        });
        Ok(records)
    }

    /// A deployment, what it costs, what it has used, and where its release is from.
    pub(crate) async fn detail(&self, name: &str) -> Result<Detail, Error> {
        let record = self.existing(name).await?;
        let prices = self.targets.prices(&record.target).await?;
        let facts: Facts = record::read(name, "the facts", &record.facts)?;
        let cost_per_hour = cost_per_hour(&record.desired().plan, &facts, &prices);
        let since = Timestamp::now().checked_sub(SignedDuration::from_hours(24 * USED_DAYS));
        let used = used_by(self.db.pool(), name, since.unwrap_or(Timestamp::MIN)).await?;
        let (wanted, origin) = (wanted(&record), self.installs.origin(&record.release)?);
        Ok(Detail { deployment: self.read(record).await?, wanted, cost_per_hour, used, origin })
    }

    /// The last plans that policies have let pass, at most `limit`; with what each of them said. Of a plan that one has denied nothing is
    /// kept but the act.
    pub(crate) async fn passed(&self, limit: i64) -> Result<Vec<PassedPlan>, Error> {
        let rows: Vec<(String, i64, Text<Timestamp>, Json<Vec<Said>>)> = sqlx::query_as(
            "select deployment, revision, created_at, reviews from revisions order by created_at desc limit $1",
        )
        .bind(limit)
        .fetch_all(self.db.pool())
        .await?;
        let passed = rows.into_iter().map(|(deployment, revision, Text(at), Json(reviews))| PassedPlan {
            deployment,
            revision,
            at,
            reviews,
        });
        Ok(passed.filter(|passed| !passed.reviews.is_empty()).collect())
    }
}

/// How many replicas of each workload should run.
fn wanted(record: &Record) -> BTreeMap<String, u32> {
    let workloads = record.desired().plan.workloads.into_iter();
    workloads.map(|workload| (workload.name, workload.scale.replicas_min)).collect()
}
