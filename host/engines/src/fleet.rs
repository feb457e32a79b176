//! For targets that have no controller of their own: here the host is the one that starts, probes, replaces and ends each
//! replica. What a replica is, a [`Runner`] knows: a process of this machine, or a job of Slurm.

mod credentials;
pub(super) mod environments;
pub(super) mod logs;
mod probe;
mod proxy;
mod runner;
mod turn;
pub(super) mod words;

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use sqlx::SqlitePool;
use uuid::Uuid;

use super::replicas::{self, ReplicaRow};
use super::{Desired, Engine, EngineContext, Outcome, placement};
use crate::{Error, usage};
use chandlery_package::plan::{Check, Facts, Plan, Restart, WorkloadKind};
use chandlery_package::wire::host::{Drift, LogTail, ReplicaState};
use proxy::Proxy;
use turn::{Turn, in_order_of_retirement, turn};

pub(super) use runner::{Begin, Liveness, Part, Runner};

/// The first wait before a replica is started again; it doubles with each restart.
const BACK_OFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_secs(1))
    .with_max_delay(BACK_OFF_MAX)
    .without_max_times();
const BACK_OFF_MAX: Duration = Duration::from_secs(60);
/// How the detail begins of a replica that was ended because it never became ready.
const NOT_READY: &str = "not ready";
/// How many deployments are looked after at once.
const AT_ONCE: usize = 8;
const ROTATE_EVERY: Duration = Duration::from_secs(10);

/// An engine made of a runner.
pub(super) struct Fleet<R> {
    pub db: SqlitePool,
    pub runner: R,
    http: reqwest::Client,
    proxy: Proxy,
    /// When each replica was probed last.
    probed: Mutex<HashMap<String, Instant>>,
    /// When logs were looked at last for those that have become too long.
    rotated: Mutex<Instant>,
}

impl<R: Runner> Fleet<R> {
    /// The engine whose deployments are reached where the host says.
    pub(super) fn new(db: SqlitePool, runner: R, context: &EngineContext) -> Result<Self, Error> {
        // A replica is asked, and nobody that it names.
        let stay = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).no_proxy().redirect(stay);
        let http = http.build().map_err(|error| Error::Damaged(error.to_string()))?;
        let proxy = Proxy::new(db.clone(), context);
        Ok(Self { db, runner, http, proxy, probed: Mutex::default(), rotated: Mutex::new(Instant::now()) })
    }

    async fn take_steps(&self, all: &[Desired]) -> Result<Vec<Outcome>, Error> {
        let mut rows: BTreeMap<String, Vec<ReplicaRow>> = BTreeMap::new();
        let known = replicas::of_target(&self.db, self.runner.target()).await?;
        let snapshot = self.runner.observe(&known).await?;
        self.rotate_logs(&known).await;
        for row in known {
            rows.entry(row.deployment.clone()).or_default().push(row);
        }
        let mut steps = Vec::new();
        for desired in all {
            let rows = rows.remove(&desired.name).unwrap_or_default();
            steps.push(self.step(desired, rows, &snapshot));
        }
        let outcomes: Vec<Outcome> = futures::stream::iter(steps).buffer_unordered(AT_ONCE).collect().await;
        self.proxy.serve(all, &replicas::of_target(&self.db, self.runner.target()).await?).await?;
        Ok(outcomes)
    }

    /// Begins logs anew that have become too long. They are copied, which takes its time.
    async fn rotate_logs(&self, rows: &[ReplicaRow]) {
        {
            let mut last = self.rotated.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if last.elapsed() < ROTATE_EVERY {
                return;
            }
            *last = Instant::now();
        }
        let written = |row: &ReplicaRow| (self.runner.log_dir(&row.deployment), row.log_name(), row.revision);
        let logs: Vec<_> = rows.iter().map(written).collect();
        let rotate = move || {
            for (folder, name, revision) in logs {
                let tidied = logs::rotate(&folder.join(name)).and_then(|()| logs::prune(&folder, revision));
                if let Err(error) = tidied {
                    tracing::warn!(%error, folder = %folder.display(), "logs could not be rotated");
                }
            }
        };
        if let Err(error) = tokio::task::spawn_blocking(rotate).await {
            tracing::error!(%error, "logs could not be rotated");
        }
    }

    /// The next steps of one deployment; what goes wrong with one does not hold up the others.
    async fn step(&self, desired: &Desired, rows: Vec<ReplicaRow>, snapshot: &R::Snapshot) -> Outcome {
        let mut outcome = Outcome { deployment: desired.name.clone(), ..Outcome::default() };
        if let Err(error) = self.try_step(desired, rows, snapshot, &mut outcome).await {
            tracing::error!(%error, deployment = desired.name, "a deployment could not be reconciled");
        }
        outcome
    }

    async fn try_step(
        &self,
        desired: &Desired,
        rows: Vec<ReplicaRow>,
        snapshot: &R::Snapshot,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        if desired.removing {
            for row in &rows {
                self.stop(desired, row, snapshot).await?;
            }
            if rows.is_empty() {
                self.runner.forget_deployment(&desired.name).await?;
                outcome.gone = true;
            }
            return Ok(());
        }
        let mut settled = true;
        for workload in &desired.plan.workloads {
            let rows: Vec<_> = rows.iter().filter(|row| row.workload == workload.name).cloned().collect();
            outcome.drift.extend(self.drift(desired, &rows, snapshot).await?);
            settled &= self.roll(Part { desired, workload }, rows, snapshot).await?;
        }
        // What the plan has no longer serves until what it has instead does.
        let dropped =
            |row: &&ReplicaRow| !desired.plan.workloads.iter().any(|workload| workload.name == row.workload);
        for row in rows.iter().filter(dropped) {
            match settled {
                true => self.stop(desired, row, snapshot).await?,
                false => self.advance(desired, row.clone(), snapshot).await?,
            }
        }
        Ok(())
    }

    /// One workload's way to its revision: new replicas before old ones end, as far as there is room; says whether it has
    /// arrived.
    async fn roll(
        &self,
        part: Part<'_>,
        rows: Vec<ReplicaRow>,
        snapshot: &R::Snapshot,
    ) -> Result<bool, Error> {
        let Part { desired, workload } = part;
        let wanted = i64::from(workload.scale.replicas_min);
        let (current, old): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.revision == desired.revision);
        let (current, surplus): (Vec<_>, Vec<_>) = current.into_iter().partition(|row| row.index < wanted);
        for row in &surplus {
            self.stop(desired, row, snapshot).await?;
        }
        let missing: Vec<i64> =
            (0..wanted).filter(|index| !current.iter().any(|row| row.index == *index)).collect();
        let arrived = missing.is_empty() && old.is_empty() && surplus.is_empty();
        let arrived =
            arrived && current.iter().all(|row| row.serves() || row.state == ReplicaState::Succeeded);
        let room = old.is_empty() || self.runner.has_room(snapshot, workload);
        let Turn { retire, begin } = turn(workload, &current, &old, missing.len(), room);
        for (nth, row) in in_order_of_retirement(&old).into_iter().enumerate() {
            match nth < retire || row.state == ReplicaState::Stopping {
                true => self.stop(desired, row, snapshot).await?,
                false => self.advance(desired, row.clone(), snapshot).await?,
            }
        }
        for row in current {
            self.advance(desired, row, snapshot).await?;
        }
        for index in missing.into_iter().take(begin) {
            let row = ReplicaRow {
                id: Uuid::now_v7().to_string(),
                deployment: desired.name.clone(),
                revision: desired.revision,
                workload: workload.name.clone(),
                index,
                state: ReplicaState::Preparing,
                detail: "waiting to be prepared".into(),
                gpu_count: i64::from(workload.gpus()),
                ..ReplicaRow::default()
            };
            replicas::save(&self.db, &row).await?;
        }
        Ok(arrived)
    }

    /// One replica's next step.
    async fn advance(&self, desired: &Desired, row: ReplicaRow, snapshot: &R::Snapshot) -> Result<(), Error> {
        let Some(workload) = desired.workload(row.revision, &row.workload) else { return Ok(()) };
        let part = Part { desired, workload };
        match row.state {
            ReplicaState::Succeeded | ReplicaState::Failed => Ok(()),
            ReplicaState::BackingOff if !row.may_start(Timestamp::now()) => Ok(()),
            // It was to end, and is wanted again after all; where it was asked to already, it is started again.
            ReplicaState::Stopping if row.not_before.is_none() => {
                let back = ReplicaRow { state: ReplicaState::Starting, drain_until: None, ..row };
                replicas::save(&self.db, &back).await
            }
            _ if row.handle.is_none() => self.begin(part, row, snapshot).await,
            _ => match self.runner.liveness(snapshot, &row).await {
                Liveness::Waiting(reason) => self.wait(row, reason).await,
                Liveness::Running => self.watch(part, row, snapshot).await,
                Liveness::Ended { well, reason } => self.ended(part, row, snapshot, well, reason).await,
            },
        }
    }

    /// A replica that was begun has no place: not yet, or not any more.
    async fn wait(&self, mut row: ReplicaRow, reason: String) -> Result<(), Error> {
        if row.started_at.is_some() {
            usage::meter_until(&self.db, &row.id, Timestamp::now()).await?;
            (row.started_at, row.ready_at, row.metered_until) = (None, None, None);
            (row.ports, row.node) = (BTreeMap::new(), String::new());
            row.detail.clear();
        }
        self.note(row, ReplicaState::Preparing, reason).await
    }

    async fn note(&self, mut row: ReplicaRow, state: ReplicaState, detail: String) -> Result<(), Error> {
        if row.state == state && row.detail == detail {
            return Ok(());
        }
        (row.state, row.detail) = (state, detail);
        replicas::save(&self.db, &row).await
    }

    async fn begin(&self, part: Part<'_>, mut row: ReplicaRow, snapshot: &R::Snapshot) -> Result<(), Error> {
        let unset = |name: &&str| part.desired.secrets.get(name).is_none();
        if let Some(missing) = part.workload.secrets().find(unset) {
            let reason = format!("it waits for the secret '{missing}', which is not set or not granted");
            return self.note(row, ReplicaState::Preparing, reason).await;
        }
        row.begin_anew();
        match self.runner.begin(snapshot, part, &mut row).await? {
            Begin::Begun => {
                let warning = self.runner.warning().map(|lack| format!("; {lack}"));
                row.state = ReplicaState::Preparing;
                row.detail = format!("begun{}", warning.unwrap_or_default());
                replicas::save(&self.db, &row).await
            }
            Begin::NotYet(reason) => self.note(row, ReplicaState::Preparing, reason).await,
            Begin::Never(reason) => self.note(row, ReplicaState::Failed, reason).await,
        }
    }

    /// A replica that runs: is it ready?
    async fn watch(&self, part: Part<'_>, mut row: ReplicaRow, snapshot: &R::Snapshot) -> Result<(), Error> {
        let before = row.clone();
        let now = Timestamp::now();
        if row.started_at.is_none() {
            (row.started_at, row.metered_until) = (Some(now), Some(now));
            row.state = ReplicaState::Starting;
        }
        let started = row.started_at.unwrap_or(now);
        let found = match self.runner.settle(snapshot, part, &mut row).await {
            Err(reason) => Some(Err(reason)),
            Ok(()) => self.is_ready(part, &row).await,
        };
        let timeout = part.workload.readiness.as_ref().map_or(u32::MAX, |probe| probe.timeout_seconds);
        let overdue = now.duration_since(started) > SignedDuration::from_secs(i64::from(timeout));
        match found {
            None => {}
            Some(Ok(())) => {
                row.state = ReplicaState::Ready;
                row.ready_at = row.ready_at.or(Some(now));
                row.was_ready = true;
                row.detail = String::new();
            }
            Some(Err(reason)) if row.ready_at.is_none() && overdue => {
                self.runner.end(&row, true).await?;
                row.state = ReplicaState::Starting;
                row.detail = format!("{NOT_READY} within {timeout} s: {reason}");
            }
            Some(Err(reason)) => (row.state, row.detail) = (ReplicaState::Starting, reason),
        }
        if row == before { Ok(()) } else { replicas::save(&self.db, &row).await }
    }

    /// What a probe finds; nothing, where it is not time for one.
    async fn is_ready(&self, part: Part<'_>, row: &ReplicaRow) -> Option<Result<(), String>> {
        let Some(readiness) = &part.workload.readiness else { return Some(Ok(())) };
        let period = Duration::from_secs(u64::from(readiness.period_seconds));
        {
            let mut probed = self.probed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if row.ready_at.is_some() && probed.get(&row.id).is_some_and(|last| last.elapsed() < period) {
                return None;
            }
            probed.insert(row.id.clone(), Instant::now());
        }
        Some(match &readiness.check {
            Check::Http { port, path } => probe::http(&self.http, row.address(port), path).await,
            Check::Tcp(port) => probe::tcp(row.address(port)).await,
            Check::Exec(command) => self.runner.probe(part, row, command).await,
        })
    }

    /// A replica has ended: what now?
    async fn ended(
        &self,
        part: Part<'_>,
        mut row: ReplicaRow,
        snapshot: &R::Snapshot,
        well: bool,
        reason: String,
    ) -> Result<(), Error> {
        if !self.runner.clear(snapshot, &row).await? {
            return Ok(());
        }
        // It was ended for this, which says more than how it ended.
        let reason = if row.detail.starts_with(NOT_READY) { row.detail.clone() } else { reason };
        let workload = part.workload;
        let again = match workload.restart {
            Restart::Always => workload.kind == WorkloadKind::Service || !well,
            Restart::OnFailure => !well,
            Restart::Never => false,
        };
        let now = Timestamp::now();
        usage::meter_until(&self.db, &row.id, now).await?;
        (row.handle, row.ready_at, row.program) = (None, None, None);
        row.gpus.clear();
        if again {
            let wait = back_off(row.restarts);
            row.state = ReplicaState::BackingOff;
            row.detail = format!("{reason}; started again in {} s", wait.as_secs());
            row.not_before = now.checked_add(SignedDuration::try_from(wait).unwrap_or_default()).ok();
            row.restarts += 1;
        } else {
            row.state = if well { ReplicaState::Succeeded } else { ReplicaState::Failed };
            row.detail = reason;
        }
        replicas::save(&self.db, &row).await
    }

    /// Takes a replica out of service, lets it answer what it was asked, asks it to end, insists after its grace, and
    /// forgets it when nothing of it is left.
    async fn stop(&self, desired: &Desired, row: &ReplicaRow, snapshot: &R::Snapshot) -> Result<(), Error> {
        let over = match row.handle {
            None => true,
            Some(_) => matches!(self.runner.liveness(snapshot, row).await, Liveness::Ended { .. }),
        };
        let now = Timestamp::now();
        if over {
            if self.runner.clear(snapshot, row).await? {
                usage::meter_until(&self.db, &row.id, now).await?;
                self.runner.forget(row).await?;
                replicas::delete(&self.db, &row.id).await?;
                self.probed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&row.id);
            }
            return Ok(());
        }
        let grace =
            desired.workload(row.revision, &row.workload).map_or(10, |workload| workload.grace_seconds);
        let after_grace = now.checked_add(SignedDuration::from_secs(i64::from(grace))).ok();
        let mut next = row.clone();
        if row.state != ReplicaState::Stopping {
            next.state = ReplicaState::Stopping;
            next.not_before = None;
            next.drain_until = if row.serves() && !row.ports.is_empty() { after_grace } else { Some(now) };
            next.detail = "it gets no new requests".into();
            return replicas::save(&self.db, &next).await;
        }
        let drained = !self.proxy.is_busy(row) || row.drain_until.is_none_or(|until| until <= now);
        match row.not_before {
            None if drained => {
                usage::meter_now(&self.db, &row.id).await?;
                self.runner.end(row, false).await?;
                next.detail = "asked to end".into();
                next.not_before = after_grace;
                replicas::save(&self.db, &next).await
            }
            Some(until) if until <= now => self.runner.end(row, true).await,
            _ => Ok(()),
        }
    }

    /// What of a workload's replicas is not as it was made; made so again where that is desired.
    async fn drift(
        &self,
        desired: &Desired,
        rows: &[ReplicaRow],
        snapshot: &R::Snapshot,
    ) -> Result<Vec<Drift>, Error> {
        let mut found = Vec::new();
        let runs = |row: &&ReplicaRow| matches!(row.state, ReplicaState::Starting | ReplicaState::Ready);
        for row in rows.iter().filter(runs) {
            let Some(workload) = desired.workload(row.revision, &row.workload) else { continue };
            let part = Part { desired, workload };
            let drift = self.runner.drift(snapshot, part, row);
            if !drift.is_empty() && desired.repairing && !self.runner.repair(part, row).await? {
                // Only a new one is as it should be.
                usage::meter_now(&self.db, &row.id).await?;
                self.runner.end(row, false).await?;
            }
            found.extend(drift);
        }
        Ok(found)
    }
}

impl<R: Runner> Engine for Fleet<R> {
    fn pace(&self) -> Duration {
        self.runner.pace()
    }

    fn inventory(&self) -> BoxFuture<'_, Result<Facts, Error>> {
        Box::pin(self.runner.facts())
    }

    fn warning(&self) -> Option<String> {
        self.runner.warning().map(str::to_owned)
    }

    fn check(&self, plan: &Plan, facts: &Facts) -> Result<(), Error> {
        placement::fit(plan, facts)?;
        self.runner.check(plan)
    }

    fn pass<'a>(&'a self, desired: &'a [Desired]) -> BoxFuture<'a, Result<Vec<Outcome>, Error>> {
        Box::pin(self.take_steps(desired))
    }

    fn logs<'a>(&'a self, deployment: &'a str, lines: usize) -> BoxFuture<'a, Result<Vec<LogTail>, Error>> {
        let folder = self.runner.log_dir(deployment);
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || logs::tails(&folder, lines));
            read.await.map_err(|error| Error::Damaged(error.to_string()))?
        })
    }
}

fn back_off(restarts: i64) -> Duration {
    let earlier = usize::try_from(restarts.min(10)).unwrap_or(0);
    BACK_OFF.build().nth(earlier).unwrap_or(BACK_OFF_MAX)
}

/// Removes a folder with all that is in it, if it is there.
pub(super) async fn remove_dir(path: &std::path::Path) -> Result<(), Error> {
    match tokio::fs::remove_dir_all(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::System { what: path.display().to_string(), error })
        }
        _ => Ok(()),
    }
}
