//! The loop that makes what is so what should be: one pass over each target, and a judgement of each rollout.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chandlery_package::wire::host::RolloutState;
use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::plan::secrets_in;
use super::record::{self, Record};
use super::rollout::{Rollout, judge};
use super::{Deployments, Error, state};
use crate::engines::{Desired, Engine, Outcome, Revealed};
use crate::events::tell;
use crate::secrets::granted;
use chandlery_package::plan::{Plan, WorkloadKind};
use chandlery_sandbox::EventKind;

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A target that is looked after.
struct Watch {
    engine: Arc<dyn Engine>,
    began: Instant,
    pass: Option<JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(pass) = &self.pass {
            pass.abort();
        }
    }
}

impl Deployments {
    /// Makes what is so what should be, for ever. A target that does not answer does not hold up the others.
    pub(crate) async fn reconcile(self) {
        let mut watches = std::collections::BTreeMap::<String, Watch>::new();
        let mut interval = tokio::time::interval(LOOK_EVERY);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let engines = self.targets.engines().await;
            watches.retain(|name, watch| {
                engines.get(name).is_some_and(|engine| Arc::ptr_eq(engine, &watch.engine))
            });
            for (name, engine) in engines {
                let is_due = watches.get(&name).is_none_or(|watch| {
                    let over = watch.pass.as_ref().is_none_or(JoinHandle::is_finished);
                    over && watch.began.elapsed() >= engine.pace()
                });
                if is_due {
                    let (this, target, told) = (self.clone(), name.clone(), engine.clone());
                    let pass = tokio::spawn(async move { this.pass(&target, &*told).await });
                    watches.insert(name, Watch { engine, began: Instant::now(), pass: Some(pass) });
                }
            }
        }
    }

    async fn pass(&self, target: &str, engine: &dyn Engine) {
        let began = Instant::now();
        let passed = self.pass_once(target, engine).await;
        self.targets.note(target, began.elapsed(), passed.as_ref().err().map(ToString::to_string));
    }

    async fn pass_once(&self, target: &str, engine: &dyn Engine) -> Result<(), Error> {
        let mut rows = Vec::new();
        let mut all = Vec::new();
        for record in record::of_target(self.db.pool(), target).await? {
            match self.desire(&record).await {
                Ok(desired) => {
                    all.push(desired);
                    rows.push(record);
                }
                Err(error) => {
                    tracing::error!(%error, deployment = record.name, "a deployment cannot be read")
                }
            }
        }
        let outcomes = engine.pass(&all).await?;
        for (record, desired) in rows.iter().zip(&all) {
            let Some(outcome) = outcomes.iter().find(|outcome| outcome.deployment == record.name) else {
                continue;
            };
            if let Err(error) = self.conclude(record, desired, outcome).await {
                tracing::error!(%error, deployment = record.name, "a deployment could not be judged");
            }
        }
        Ok(())
    }

    async fn desire(&self, record: &Record) -> Result<Desired, Error> {
        let mut desired = record.desired();
        desired.former = record::former(self.db.pool(), record).await?;
        let plans = std::iter::once(&desired.plan).chain(desired.former.values());
        desired.secrets = self.reveal(record, plans).await?;
        // Only what scales by itself could run more without being asked.
        if desired.plan.workloads.iter().any(|workload| workload.scale.target.is_some()) {
            desired.held = self.is_held(record).await?;
        }
        Ok(desired)
    }

    /// Writes down what a pass has come to.
    async fn conclude(&self, record: &Record, desired: &Desired, outcome: &Outcome) -> Result<(), Error> {
        if desired.removing {
            return if outcome.gone { self.forget(record).await } else { Ok(()) };
        }
        self.targets.note_drift(&record.name, outcome.drift.clone());
        if record.repairs > 0 && outcome.drift.is_empty() {
            // Who has asked again since then has seen other drift.
            sqlx::query("update deployments set healing = 0 where name = $1 and healing = $2")
                .bind(&record.name)
                .bind(record.repairs)
                .execute(self.db.pool())
                .await?;
        }
        let replicas = self.replicas(&record.name).await?;
        if record.is_rolling_out() && record.overruling().is_none() {
            match judge(record, desired, &replicas, Timestamp::now()) {
                Rollout::UnderWay => {}
                Rollout::Arrived => return self.arrive(record, desired, &replicas).await,
                Rollout::Failed(reason) => self.fail(record, desired, &reason).await?,
            }
        }
        self.watch(record, desired, &replicas).await
    }

    /// The revision has failed. The one that ran before it should run again, where there is one; a job is never run a second
    /// time for that.
    async fn fail(&self, record: &Record, desired: &Desired, reason: &str) -> Result<(), Error> {
        let serves = desired.plan.workloads.iter().any(|workload| workload.kind == WorkloadKind::Service);
        let back_to = record.stable.filter(|_| serves);
        let mut write = self.db.write().await?;
        if !record::is_still(&mut write, record).await? {
            // The next pass judges what is wanted now.
            return Ok(());
        }
        let failed =
            state::conclude(&mut write, &record.name, record.revision, RolloutState::Failed, reason).await?;
        if let (Some(stable), true) = (back_to, failed) {
            sqlx::query("update deployments set revision = $1, rollout_until = null where name = $2")
                .bind(stable)
                .bind(&record.name)
                .execute(&mut *write)
                .await?;
            let detail =
                format!("revision {} failed, and revision {stable} runs again: {reason}", record.revision);
            tracing::warn!(deployment = record.name, "{detail}");
            let integrations = self.installs.integrations()?;
            tell(&mut write, &integrations, &record.event(EventKind::Failed, detail)).await?;
        }
        Ok(write.commit().await?)
    }

    /// The values of what plans hand on, as far as their plugin is granted them by now.
    async fn reveal(&self, record: &Record, plans: impl Iterator<Item = &Plan>) -> Result<Revealed, Error> {
        let wanted: BTreeSet<_> = plans.flat_map(secrets_in).collect();
        if wanted.is_empty() {
            return Ok(Revealed::default());
        }
        let plugin = &record.release.plugin;
        let locked = self.installs.list().await?.into_iter().find(|locked| locked.release.plugin == *plugin);
        let permissions = locked.map(|locked| locked.permissions).unwrap_or_default();
        let may: BTreeSet<_> = granted(&permissions).filter(|name| wanted.contains(name)).cloned().collect();
        Ok(Revealed::of(self.secrets.values(&may).await?))
    }
}
