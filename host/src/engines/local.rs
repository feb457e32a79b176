//! This machine: each replica is a process group in a cgroup of its own. Replicas outlive the host; a host that starts
//! again finds them and goes on.

mod cgroups;
mod environments;
mod launch;
mod logs;
mod probe;
mod processes;
mod store;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::SqlitePool;
use tokio::process::Child;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{Desired, Engine, LogTail, Replica, ReplicaState};
use crate::plan::{Check, EngineKind, Facts, Plan, Restart, Runtime, RuntimeKind, Workload, WorkloadKind};
use crate::{Error, metering};
use cgroups::Cgroups;
use environments::{Environment, Environments};
use processes::Process;
use store::Row;

/// The replicas that have a process, by their ids.
pub(crate) async fn running(db: &SqlitePool) -> Result<Vec<String>, Error> {
    Ok(store::running_rows(db).await?.into_iter().map(|row| row.id).collect())
}

/// What this target is called.
pub const TARGET: &str = "local";
/// The first wait before a replica is started again; it doubles with each restart.
const BACK_OFF_FIRST: Duration = Duration::from_secs(1);
/// How the detail begins of a replica that was ended because it never became ready.
const NOT_READY: &str = "not ready";
const BACK_OFF_MAX: Duration = Duration::from_secs(60);

/// The engine for this machine.
#[derive(Clone)]
pub struct Local {
    data: PathBuf,
    db: SqlitePool,
    /// Marks this host's processes, so that it knows them again.
    host_id: String,
    cgroups: Arc<Cgroups>,
    environments: Environments,
    /// Processes that this run of the host has started, whose exit status it can learn.
    children: Arc<Mutex<HashMap<String, Child>>>,
    http: reqwest::Client,
}

impl Local {
    /// Opens the engine in its directory. Processes of this host that no replica accounts for are ended.
    pub async fn open(data: &Path, db: SqlitePool) -> Result<Self, Error> {
        std::fs::create_dir_all(data).map_err(Error::system(data.display().to_string()))?;
        let host_id = read_or_make_id(&data.join("id"))?;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).no_proxy().build();
        let http = http.map_err(|error| Error::Damaged(error.to_string()))?;
        let local = Self {
            environments: Environments::new(data.join("environments"), host_id.clone()),
            cgroups: Arc::new(Cgroups::find(&host_id)),
            data: data.to_owned(),
            db,
            host_id,
            children: Arc::default(),
            http,
        };
        local.end_orphans().await?;
        local.close_meters().await?;
        Ok(local)
    }

    async fn end_orphans(&self) -> Result<(), Error> {
        let known = store::ids(&self.db).await?;
        for found in processes::marked(launch::HOST_VARIABLE, &self.host_id) {
            let replica = found.variable(launch::REPLICA_VARIABLE);
            if !replica.as_ref().is_some_and(|id| known.contains(id)) {
                tracing::warn!(pid = found.pid(), "a process that belongs to no replica is ended");
                found.kill();
            }
        }
        Ok(())
    }

    /// Nobody knows when a replica ended that ended while no host was there; what was not metered by then is not counted.
    async fn close_meters(&self) -> Result<(), Error> {
        for row in store::running_rows(&self.db).await? {
            if !row.process.as_ref().is_some_and(Process::is_alive) {
                store::close_meter(&self.db, &row.id).await?;
            }
        }
        Ok(())
    }

    /// Starts what is lacking and ends what is too much.
    async fn step(&self, desired: &Desired) -> Result<bool, Error> {
        let rows = store::rows(&self.db, &desired.name).await?;
        let (kept, surplus): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| wanted(desired, row).is_some());
        for row in &surplus {
            self.stop(desired, row).await?;
        }
        if desired.removing {
            if surplus.is_empty() {
                self.remove_dir(&self.log_dir(&desired.name))?;
            }
            return Ok(surplus.is_empty());
        }
        // The former revision makes room first: its ports and memory may be the ones that are needed.
        if surplus.is_empty() {
            for workload in &desired.plan.workloads {
                for index in 0..i64::from(workload.scale.replicas_min) {
                    match kept.iter().find(|row| row.workload == workload.name && row.index == index) {
                        Some(row) => self.advance(desired, workload, row.clone()).await?,
                        None => self.begin(desired, workload, index).await?,
                    }
                }
            }
        }
        Ok(false)
    }

    async fn begin(&self, desired: &Desired, workload: &Workload, index: i64) -> Result<(), Error> {
        let taken = store::ports(&self.db).await?;
        let row = Row {
            id: Uuid::now_v7().to_string(),
            deployment: desired.name.clone(),
            revision: desired.revision,
            workload: workload.name.clone(),
            index,
            state: ReplicaState::Preparing,
            detail: "waiting to be prepared".into(),
            ports: launch::allot_ports(workload, &taken)?,
            ..Row::default()
        };
        store::save(&self.db, &row).await
    }

    /// One replica's next step.
    async fn advance(&self, desired: &Desired, workload: &Workload, row: Row) -> Result<(), Error> {
        match row.state {
            ReplicaState::Preparing => self.prepare(desired, workload, row).await,
            ReplicaState::Starting | ReplicaState::Ready => self.watch(desired, workload, row).await,
            ReplicaState::BackingOff if row.may_start(Timestamp::now()) => {
                self.prepare(desired, workload, row).await
            }
            ReplicaState::BackingOff | ReplicaState::Succeeded | ReplicaState::Failed => Ok(()),
            ReplicaState::Stopping => self.stop(desired, &row).await,
        }
    }

    async fn prepare(&self, desired: &Desired, workload: &Workload, mut row: Row) -> Result<(), Error> {
        if let Some(missing) = workload.secrets().find(|name| desired.secrets.get(name).is_none()) {
            row.detail = format!("it waits for the secret '{missing}', which is not set or not granted");
            return store::save(&self.db, &row).await;
        }
        let bin = match &workload.runtime {
            Runtime::Host => None,
            Runtime::Container(_) => {
                let reason = "the local engine runs no containers".into();
                return Err(Error::CannotRun { target: TARGET.into(), reason });
            }
            Runtime::Python(requirements) => match self.environments.get(requirements).await {
                Environment::Ready(bin) => Some(bin),
                Environment::Building(detail) => {
                    row.detail = detail;
                    return store::save(&self.db, &row).await;
                }
                Environment::Failed(reason) => {
                    row.state = ReplicaState::Failed;
                    row.detail = reason;
                    return store::save(&self.db, &row).await;
                }
            },
        };
        self.start(desired, workload, row, bin.as_deref()).await
    }

    /// Starts a process, or adopts the one that was started just before a crash and never written down.
    async fn start(
        &self,
        desired: &Desired,
        workload: &Workload,
        mut row: Row,
        bin: Option<&Path>,
    ) -> Result<(), Error> {
        let process =
            match processes::marked(launch::REPLICA_VARIABLE, &row.id).into_iter().find(Process::is_leader) {
                Some(process) => process,
                None => match launch::launch(self, workload, &row, bin, &desired.secrets) {
                    Ok((child, process)) => {
                        self.children.lock().await.insert(row.id.clone(), child);
                        process
                    }
                    Err(error) => {
                        row.state = ReplicaState::Failed;
                        row.detail = format!("it could not be started: {error}");
                        return store::save(&self.db, &row).await;
                    }
                },
            };
        let now = Timestamp::now();
        row.state = ReplicaState::Starting;
        row.detail = match self.cgroups.fault() {
            Some(fault) => format!("started; its limits are not enforced: {fault}"),
            None => "started".into(),
        };
        row.process = Some(process);
        row.started_at = Some(now);
        row.ready_at = None;
        row.metered_until = Some(now);
        store::save(&self.db, &row).await
    }

    async fn watch(&self, desired: &Desired, workload: &Workload, mut row: Row) -> Result<(), Error> {
        if !row.process.as_ref().is_some_and(Process::is_alive) {
            return self.ended(workload, row).await;
        }
        let started = row.started_at.unwrap_or_else(Timestamp::now);
        let (ready, detail, timeout) = match &workload.readiness {
            None => (true, String::new(), u32::MAX),
            Some(readiness) => {
                let outcome = match &readiness.check {
                    Check::Http { port, path } => probe::http(&self.http, row.port(port), path).await,
                    Check::Tcp(port) => probe::tcp(row.port(port)).await,
                    Check::Exec(command) => {
                        launch::exec_probe(self, workload, &row, command, &desired.secrets).await
                    }
                };
                match outcome {
                    Ok(()) => (true, String::new(), readiness.timeout_seconds),
                    Err(reason) => (false, reason, readiness.timeout_seconds),
                }
            }
        };
        let overdue =
            Timestamp::now().duration_since(started) > SignedDuration::from_secs(i64::from(timeout));
        let before = row.clone();
        match (ready, row.ready_at) {
            (true, _) => {
                row.state = ReplicaState::Ready;
                row.ready_at = row.ready_at.or_else(|| Some(Timestamp::now()));
                row.program = row.process.as_ref().and_then(Process::program);
            }
            (false, None) if overdue => {
                if let Some(process) = &row.process {
                    process.signal_group(nix::sys::signal::Signal::SIGKILL);
                }
                row.detail = format!("{NOT_READY} within {timeout} s: {detail}");
            }
            (false, _) => row.state = ReplicaState::Starting,
        }
        if !overdue || row.ready_at.is_some() {
            row.detail = detail;
        }
        if row == before { Ok(()) } else { store::save(&self.db, &row).await }
    }

    /// A replica's process is gone: what now?
    async fn ended(&self, workload: &Workload, mut row: Row) -> Result<(), Error> {
        let status = self.exit_status(&row.id).await;
        let out_of_memory = self.cgroups.out_of_memory(&row.id);
        self.end_stragglers(&row.id);
        self.cgroups.remove(&row.id);
        let reason = match (&status, out_of_memory) {
            (_, true) => format!("out of memory: it needed more than {} MiB", workload.resources.memory_mib),
            // It was ended for this, which says more than the signal does.
            _ if row.detail.starts_with(NOT_READY) => row.detail.clone(),
            (Some(status), false) => status.to_string(),
            (None, false) => "it ended".into(),
        };
        let well = status.is_some_and(|status| status.success());
        let again = match workload.restart {
            Restart::Always => workload.kind == WorkloadKind::Service || !well,
            Restart::OnFailure => !well,
            Restart::Never => false,
        };
        let now = Timestamp::now();
        metering::meter_until(&self.db, &row.id, now).await?;
        row.process = None;
        row.ready_at = None;
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
        store::save(&self.db, &row).await
    }

    /// Asks a replica to end, insists after its grace, and forgets it when nothing of it is left.
    async fn stop(&self, desired: &Desired, row: &Row) -> Result<(), Error> {
        let alive = row.process.as_ref().filter(|process| process.is_alive());
        if let Some(process) = alive {
            let now = Timestamp::now();
            if row.state != ReplicaState::Stopping {
                process.signal_group(nix::sys::signal::Signal::SIGTERM);
                let grace = desired.plan.workloads.iter().find(|workload| workload.name == row.workload);
                let grace =
                    SignedDuration::from_secs(grace.map_or(10, |workload| i64::from(workload.grace_seconds)));
                let stopping = Row {
                    state: ReplicaState::Stopping,
                    detail: "asked to end".into(),
                    not_before: now.checked_add(grace).ok(),
                    ..row.clone()
                };
                return store::save(&self.db, &stopping).await;
            }
            if row.may_start(now) {
                process.signal_group(nix::sys::signal::Signal::SIGKILL);
            }
            return Ok(());
        }
        let status = self.exit_status(&row.id).await;
        tracing::debug!(replica = row.id, ?status, "a replica has ended");
        if self.end_stragglers(&row.id) {
            return Ok(());
        }
        metering::meter_until(&self.db, &row.id, Timestamp::now()).await?;
        self.cgroups.remove(&row.id);
        self.remove_dir(&self.work_dir(&row.id))?;
        store::delete(&self.db, &row.id).await
    }

    /// Whatever a replica has left behind is ended; says whether there was something.
    fn end_stragglers(&self, replica: &str) -> bool {
        let left = processes::marked(launch::REPLICA_VARIABLE, replica);
        left.iter().for_each(Process::kill);
        !left.is_empty()
    }

    async fn exit_status(&self, replica: &str) -> Option<std::process::ExitStatus> {
        let mut children = self.children.lock().await;
        let status = children.get_mut(replica)?.try_wait().ok().flatten();
        children.remove(replica);
        status
    }

    fn work_dir(&self, replica: &str) -> PathBuf {
        self.data.join("replicas").join(replica)
    }

    fn log_dir(&self, deployment: &str) -> PathBuf {
        self.data.join("logs").join(deployment)
    }

    fn remove_dir(&self, path: &Path) -> Result<(), Error> {
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::System { what: path.display().to_string(), error })
            }
            _ => Ok(()),
        }
    }
}

impl Engine for Local {
    async fn inventory(&self) -> Facts {
        let mut runtimes = vec![RuntimeKind::Host];
        if self.environments.python().await.is_some() {
            runtimes.insert(0, RuntimeKind::Python);
        }
        Facts {
            name: TARGET.into(),
            engine: EngineKind::Local,
            runtimes,
            gpu_pools: Vec::new(),
            architecture: std::env::consts::ARCH.into(),
        }
    }

    fn check(&self, plan: &Plan) -> Result<(), Error> {
        for workload in &plan.workloads {
            if let Some(reason) = cannot_run(workload) {
                let reason = format!("workload '{}' {reason}", workload.name);
                return Err(Error::CannotRun { target: TARGET.into(), reason });
            }
        }
        Ok(())
    }

    async fn apply(&self, desired: &Desired) -> Result<bool, Error> {
        self.step(desired).await
    }

    async fn observe(&self, deployment: &str) -> Result<Vec<Replica>, Error> {
        Ok(store::rows(&self.db, deployment).await?.into_iter().map(Row::into_replica).collect())
    }

    async fn logs(&self, deployment: &str, lines: usize) -> Result<Vec<LogTail>, Error> {
        logs::tails(&self.log_dir(deployment), lines)
    }
}

fn cannot_run(workload: &Workload) -> Option<String> {
    if let Runtime::Container(image) = &workload.runtime {
        return Some(format!("is the container {image}, and this target runs none"));
    }
    if let Some(gpu) = &workload.resources.gpu {
        return Some(format!("needs {} GPUs, and this target has none", gpu.count_per_replica));
    }
    if workload.scale.nodes_per_replica > 1 {
        return Some(format!("spans {} nodes, and this target is one", workload.scale.nodes_per_replica));
    }
    if let Some(volume) = workload.volumes.first() {
        return Some(format!(
            "mounts the volume '{}', and processes here share one file system",
            volume.name
        ));
    }
    None
}

/// The row's workload, if the row is one of the replicas that should be.
fn wanted<'a>(desired: &'a Desired, row: &Row) -> Option<&'a Workload> {
    let current = !desired.removing && row.revision == desired.revision;
    let workload = desired.plan.workloads.iter().find(|workload| workload.name == row.workload);
    workload.filter(|workload| current && row.index < i64::from(workload.scale.replicas_min))
}

fn back_off(restarts: i64) -> Duration {
    let doubled = BACK_OFF_FIRST.saturating_mul(1 << restarts.clamp(0, 10));
    doubled.min(BACK_OFF_MAX)
}

fn read_or_make_id(path: &Path) -> Result<String, Error> {
    if !path.exists() {
        crate::installs::write_whole(path, Uuid::new_v4().simple().to_string().as_bytes())?;
    }
    std::fs::read_to_string(path).map_err(Error::system(path.display().to_string()))
}
