//! What is asked of a deployment that is there, one transaction each.

use chandlery_package::wire::host::{Deployment, Drift, Removal};
use sqlx::SqliteConnection;

use super::record::{self, Record};
use super::{Deployments, Error, state};
use crate::db::Write;
use crate::users::Actor;

impl Deployments {
    /// Starts every replica of a deployment anew, as another revision of the same plan.
    pub async fn restart(&self, by: &Actor, name: &str) -> Result<Deployment, Error> {
        let record = self.existing(name).await?;
        self.installs.must_be_without_objection(&record.release).await?;
        let mut write = self.db.write().await?;
        must_reach(&mut write, by, name).await?;
        state::restart(&mut write, name, by.name()).await?;
        self.changed(write, name).await
    }

    /// Makes an earlier revision the one that should run: the one before, unless another is named. One of a release that breaks a rule of
    /// this host does not come back.
    pub async fn rollback(&self, by: &Actor, name: &str, to: Option<i64>) -> Result<Deployment, Error> {
        self.roll_back(by, name, to, None).await
    }

    /// The same, where this is still the revision that should run, which somebody has seen it compared with; refused, where it is not.
    pub async fn rollback_approved(
        &self,
        by: &Actor,
        name: &str,
        to: i64,
        from: i64,
    ) -> Result<Deployment, Error> {
        self.roll_back(by, name, Some(to), Some(from)).await
    }

    async fn roll_back(
        &self,
        by: &Actor,
        name: &str,
        to: Option<i64>,
        from: Option<i64>,
    ) -> Result<Deployment, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let (record, found) = state::former_revision(&mut connection, name, to).await?;
        let plan = record::plan(&mut *connection, name, found.revision).await?;
        drop(connection);
        self.installs.must_be_without_objection(&found.release).await?;
        self.installs.must_fit_as(&found.release).await?;
        let engine = self.targets.engine(&record.target).await?;
        engine.check(&plan, &engine.inventory().await?)?;
        self.rehearse(&Record { plan: plan.clone(), ..record }).await?;
        let mut write = self.db.write().await?;
        must_reach(&mut write, by, name).await?;
        if let Some(from) = from {
            state::must_be_at(&mut write, name, from).await?;
        }
        state::rollback(&mut write, name, to, (found.revision, &plan)).await?;
        self.changed(write, name).await
    }

    /// Sets how many replicas of a workload run: no more than now, where its plugin is not covered, or breaks a rule of this host, or its
    /// release is not to be run. Its plan stays as it is.
    pub async fn scale(
        &self,
        by: &Actor,
        name: &str,
        workload: &str,
        replicas: u32,
    ) -> Result<Deployment, Error> {
        let record = self.existing(name).await?;
        let mut workloads = record.desired().plan.workloads.into_iter();
        if workloads.any(|known| known.name == workload && replicas > known.scale.replicas_min) {
            self.installs.must_be_without_objection(&record.release).await?;
            self.installs.must_fit_as(&record.release).await?;
            self.must_stay_covered(&record).await?;
        }
        state::must_scale(&record, workload, replicas)?;
        let mut scaled = record;
        scaled.scale.insert(workload.into(), replicas);
        self.rehearse(&scaled).await?;
        let mut write = self.db.write().await?;
        must_reach(&mut write, by, name).await?;
        state::scale(&mut write, name, workload, replicas).await?;
        self.changed(write, name).await
    }

    /// Ends all replicas of a deployment and keeps everything else of it; or lets them run again.
    pub async fn pause(&self, by: &Actor, name: &str, paused: bool) -> Result<Deployment, Error> {
        if !paused {
            let record = self.existing(name).await?;
            self.installs.must_be_without_objection(&record.release).await?;
            self.installs.must_fit_as(&record.release).await?;
            self.must_stay_covered(&record).await?;
        }
        let mut write = self.db.write().await?;
        must_reach(&mut write, by, name).await?;
        state::pause(&mut write, name, paused).await?;
        self.changed(write, name).await
    }

    /// Refuses what the target would refuse of a deployment that is there, changed to this, before anything is recorded.
    pub(super) async fn rehearse(&self, next: &Record) -> Result<(), Error> {
        if next.overruling().is_none() {
            let engine = self.targets.engine(&next.target).await?;
            engine.rehearse(&next.desired()).await?;
        }
        Ok(())
    }

    /// Asks for what was changed behind our back to be made again as it should be; says what that is.
    pub async fn repair(&self, by: &Actor, name: &str) -> Result<Vec<Drift>, Error> {
        let mut write = self.db.write().await?;
        must_reach(&mut write, by, name).await?;
        state::must_stay(&mut write, name).await?;
        let drift = self.targets.drift(name);
        if !drift.is_empty() {
            state::repair(&mut write, name).await?;
        }
        write.commit().await?;
        Ok(drift)
    }

    /// Records that a deployment should be gone; the loop removes it, and then its record. Refused, where it is not the one that is asked
    /// for any more.
    pub async fn remove(&self, by: &Actor, name: &str, asked: &Removal) -> Result<(), Error> {
        let mut write = self.db.write().await?;
        must_reach(&mut write, by, name).await?;
        state::must_be_asked_for(&mut write, name, asked).await?;
        state::remove(&mut write, name).await?;
        write.commit().await?;
        self.licences.report();
        Ok(())
    }

    /// Makes a change true, and gives the deployment with the revision that the change has made the one that should run. It is read
    /// in the transaction: right after it, that revision may have failed already, and another one run again.
    pub(super) async fn changed(&self, mut write: Write, name: &str) -> Result<Deployment, Error> {
        let record = record::find(&mut *write, name).await?;
        write.commit().await?;
        self.read(record.ok_or_else(|| Error::NoDeployment(name.into()))?).await
    }
}

/// Refuses whoever may not deploy where this deployment is, looked up in the transaction that changes it.
pub(super) async fn must_reach(write: &mut SqliteConnection, by: &Actor, name: &str) -> Result<(), Error> {
    match record::find(write, name).await? {
        Some(record) => {
            by.must_change(name)?;
            Ok(by.must_deploy_to(&record.target)?)
        }
        None => Ok(()),
    }
}
