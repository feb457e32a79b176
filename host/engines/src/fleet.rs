//! For targets that have no controller of their own: here the host is the one that starts, probes, replaces and ends each
//! replica. What a replica is, a [`Runner`] knows: a process of this machine, or a job of Slurm.

pub(super) mod environments;
pub(super) mod logs;
mod probe;
mod proxy;
pub(super) mod words;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use sqlx::SqlitePool;
use uuid::Uuid;

use super::replicas::{self, ReplicaRow};
use super::{Desired, Drift, Engine, LogTail, Outcome, ReplicaState, placement};
use crate::{Error, usage};
use chandlery_package::plan::{Check, Facts, Plan, Restart, Workload, WorkloadKind};
use proxy::Proxy;

/// The first wait before a replica is started again; it doubles with each restart.
const BACK_OFF_FIRST: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(60);
/// How the detail begins of a replica that was ended because it never became ready.
const NOT_READY: &str = "not ready";
/// How many deployments are looked after at once.
const AT_ONCE: usize = 8;
const ROTATE_EVERY: Duration = Duration::from_secs(10);
/// A rollout may run a quarter more replicas than are wanted, and at least one more.
const SURGE_DIVISOR: u32 = 4;

/// How a replica is run: one kind of place for a program.
pub(super) trait Runner: Send + Sync + 'static {
    /// What is seen of the target at one moment.
    type Snapshot: Send + Sync;

    /// What this target is called.
    fn target(&self) -> &str;

    /// What a template may know of the target.
    fn facts(&self) -> impl Future<Output = Result<Facts, Error>> + Send;

    /// Refuses what facts do not say of the target.
    fn check(&self, plan: &Plan) -> Result<(), Error>;

    /// Looks at the target, once for all of these.
    fn observe(&self, rows: &[ReplicaRow]) -> impl Future<Output = Result<Self::Snapshot, Error>> + Send;

    /// How a replica that was begun fares.
    fn liveness(&self, snapshot: &Self::Snapshot, row: &ReplicaRow) -> impl Future<Output = Liveness> + Send;

    /// Begins a replica, or finds it again where that was done and not written down.
    fn begin(
        &self,
        snapshot: &Self::Snapshot,
        part: Part<'_>,
        row: &mut ReplicaRow,
    ) -> impl Future<Output = Result<Begin, Error>> + Send;

    /// Fills in what is known only once a replica runs; says what is lacking yet.
    fn settle(&self, snapshot: &Self::Snapshot, part: Part<'_>, row: &mut ReplicaRow) -> Result<(), String>;

    /// Asks a replica to end, or insists.
    fn end(&self, row: &ReplicaRow, insist: bool) -> impl Future<Output = Result<(), Error>> + Send;

    /// Clears away what a replica has left in this run; says whether nothing is left.
    fn clear(
        &self,
        snapshot: &Self::Snapshot,
        row: &ReplicaRow,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Clears away everything of a replica that is not started again.
    fn forget(&self, row: &ReplicaRow) -> Result<(), Error>;

    /// Clears away what is kept for a deployment.
    fn forget_deployment(&self, deployment: &str) -> Result<(), Error>;

    /// Whether one replica more would find its place beside those that run.
    fn has_room(&self, snapshot: &Self::Snapshot, workload: &Workload) -> bool;

    /// Runs a probe's command as the replica would.
    fn probe(
        &self,
        part: Part<'_>,
        row: &ReplicaRow,
        command: &[String],
    ) -> impl Future<Output = Result<(), String>> + Send;

    /// What of a running replica is not as it was made.
    fn drift(&self, snapshot: &Self::Snapshot, part: Part<'_>, row: &ReplicaRow) -> Vec<Drift>;

    /// Makes a running replica again what it was made, where that is possible without ending it; says whether it is.
    fn heal(&self, part: Part<'_>, row: &ReplicaRow) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Where a deployment's replicas write their logs, a file for each.
    fn log_dir(&self, deployment: &str) -> PathBuf;

    /// What this target lacks, to be said of every replica.
    fn warning(&self) -> Option<&str> {
        None
    }

    /// How often to look.
    fn pace(&self) -> Duration {
        Duration::from_millis(300)
    }
}

/// How a replica that was begun fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Liveness {
    /// It has no place yet, for this reason.
    Waiting(String),
    /// Its program runs.
    Running,
    /// It has ended.
    Ended {
        /// Whether it did what it should.
        well: bool,
        /// How, in words.
        reason: String,
    },
}

/// What came of beginning a replica.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// It has begun; its handle is in its row.
    Begun,
    /// Something has to be made first.
    NotYet(String),
    /// It cannot be begun.
    Never(String),
}

/// A workload of a deployment.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub desired: &'a Desired,
    pub workload: &'a Workload,
}

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
    /// The engine whose deployments are reached at `expose`.
    pub(super) fn new(db: SqlitePool, runner: R, expose: IpAddr) -> Result<Self, Error> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).no_proxy().build();
        let http = http.map_err(|error| Error::Damaged(error.to_string()))?;
        let proxy = Proxy::new(db.clone(), expose);
        Ok(Self { db, runner, http, proxy, probed: Mutex::default(), rotated: Mutex::new(Instant::now()) })
    }

    async fn take_steps(&self, all: &[Desired]) -> Result<Vec<Outcome>, Error> {
        let mut rows: BTreeMap<String, Vec<ReplicaRow>> = BTreeMap::new();
        let known = replicas::of_target(&self.db, self.runner.target()).await?;
        let snapshot = self.runner.observe(&known).await?;
        self.rotate_logs(&known);
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

    fn rotate_logs(&self, rows: &[ReplicaRow]) {
        let mut last = self.rotated.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.elapsed() < ROTATE_EVERY {
            return;
        }
        *last = Instant::now();
        for row in rows {
            let folder = self.runner.log_dir(&row.deployment);
            let tidied =
                logs::rotate(&folder.join(row.log_name())).and_then(|()| logs::prune(&folder, row.revision));
            if let Err(error) = tidied {
                tracing::warn!(%error, folder = %folder.display(), "logs could not be rotated");
            }
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
                self.runner.forget_deployment(&desired.name)?;
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
        (row.started_at, row.ready_at, row.not_before, row.drain_until) = (None, None, None, None);
        match self.runner.begin(snapshot, part, &mut row).await? {
            Begin::Begun => {
                let warning =
                    self.runner.warning().map(|fault| format!("; its limits are not enforced: {fault}"));
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
        let found = match self.runner.settle(snapshot, part, &mut row) {
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
                self.runner.forget(row)?;
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
            if !drift.is_empty() && desired.healing && !self.runner.heal(part, row).await? {
                // Only a new one is as it should be.
                self.runner.end(row, false).await?;
            }
            found.extend(drift);
        }
        Ok(found)
    }
}

/// What a rollout does next with a workload.
#[derive(Debug, PartialEq, Eq)]
struct Turn {
    /// How many of the old replicas are to end.
    retire: usize,
    /// How many new ones are to begin.
    begin: usize,
}

/// The old replicas, those first that are missed least.
fn in_order_of_retirement(old: &[ReplicaRow]) -> Vec<&ReplicaRow> {
    let mut rows: Vec<_> = old.iter().collect();
    rows.sort_by_key(|row| (row.state != ReplicaState::Stopping, row.serves(), std::cmp::Reverse(row.index)));
    rows
}

/// As many replicas serve as are wanted, as long as there are as many; a service's new ones begin beside the old ones where
/// there is room, and a job never runs beside its former self.
fn turn(workload: &Workload, current: &[ReplicaRow], old: &[ReplicaRow], missing: usize, room: bool) -> Turn {
    if old.is_empty() {
        return Turn { retire: 0, begin: missing };
    }
    if workload.kind == WorkloadKind::Job {
        return Turn { retire: old.len(), begin: 0 };
    }
    let wanted = workload.scale.replicas_min as usize;
    let serving = |rows: &[ReplicaRow]| rows.iter().filter(|row| row.serves()).count();
    let (new, former) = (serving(current), serving(old));
    // Those that do not serve are of no use any more; of the others, as many go as are too many.
    let mut retire = old.len() - former + (new + former).saturating_sub(wanted).min(former);
    let surge = if room { (wanted / SURGE_DIVISOR as usize).max(1) } else { 0 };
    let begin = (wanted + surge).saturating_sub(current.len() + old.len()).min(missing);
    let under_way = current.iter().any(|row| !row.serves());
    if begin == 0 && missing > 0 && !under_way && !room && retire == 0 {
        // There is no place for a new one before an old one has left it.
        retire = 1;
    }
    Turn { retire, begin }
}

impl<R: Runner> Engine for Fleet<R> {
    fn pace(&self) -> Duration {
        self.runner.pace()
    }

    fn inventory(&self) -> BoxFuture<'_, Result<Facts, Error>> {
        Box::pin(self.runner.facts())
    }

    fn check(&self, plan: &Plan, facts: &Facts) -> Result<(), Error> {
        placement::fit(plan, facts)?;
        self.runner.check(plan)
    }

    fn pass<'a>(&'a self, desired: &'a [Desired]) -> BoxFuture<'a, Result<Vec<Outcome>, Error>> {
        Box::pin(self.take_steps(desired))
    }

    fn logs<'a>(&'a self, deployment: &'a str, lines: usize) -> BoxFuture<'a, Result<Vec<LogTail>, Error>> {
        Box::pin(async move { logs::tails(&self.runner.log_dir(deployment), lines) })
    }
}

fn back_off(restarts: i64) -> Duration {
    let doubled = BACK_OFF_FIRST.saturating_mul(1 << restarts.clamp(0, 10));
    doubled.min(BACK_OFF_MAX)
}

/// Removes a folder with all that is in it, if it is there.
pub(super) fn remove_dir(path: &std::path::Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::System { what: path.display().to_string(), error })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(states: &[ReplicaState]) -> Vec<ReplicaRow> {
        let row = |(index, state): (usize, &ReplicaState)| ReplicaRow {
            index: index as i64,
            state: *state,
            ..ReplicaRow::default()
        };
        states.iter().enumerate().map(row).collect()
    }

    #[test]
    fn as_many_serve_as_are_wanted_all_along() {
        use ReplicaState::{BackingOff as B, Ready as R, Starting as S};
        let mut workload = chandlery_package::plan::example::workload();
        workload.scale.replicas_min = 2;
        let turns = |current: &[ReplicaState], old: &[ReplicaState], room| {
            let missing = 2_usize.saturating_sub(current.len());
            let Turn { retire, begin } = turn(&workload, &rows(current), &rows(old), missing, room);
            (retire, begin)
        };
        // The first rollout begins everything at once.
        assert_eq!(turns(&[], &[], true), (0, 2));
        // With room: one more begins, and an old one ends when it is ready.
        assert_eq!(turns(&[], &[R, R], true), (0, 1));
        assert_eq!(turns(&[S], &[R, R], true), (0, 0));
        assert_eq!(turns(&[R], &[R, R], true), (1, 0));
        assert_eq!(turns(&[R], &[R], true), (0, 1));
        assert_eq!(turns(&[R, R], &[R], true), (1, 0));
        // A new one that fails takes nothing from the old ones.
        assert_eq!(turns(&[B], &[R, R], true), (0, 0));
        // Without: one old one ends first.
        assert_eq!(turns(&[], &[R, R], false), (1, 0));
        assert_eq!(turns(&[], &[R], false), (0, 1));
        assert_eq!(turns(&[S], &[R], false), (0, 0));
        // What does not serve goes at once.
        assert_eq!(turns(&[], &[R, B], true), (1, 1));
        // Fewer are wanted than there were.
        assert_eq!(turns(&[R, R], &[R, R, R], true), (3, 0));
        let mut job = workload.clone();
        job.kind = WorkloadKind::Job;
        assert_eq!(turn(&job, &rows(&[]), &rows(&[R]), 2, true), Turn { retire: 1, begin: 0 });
    }
}
