//! This machine: each replica is a process group in a cgroup of its own, or a container. Replicas outlive the host; a host that
//! starts again finds them and goes on.

mod cgroups;
mod gpus;
mod images;
mod launch;
pub mod machine;
mod ports;
mod processes;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

use nix::sys::signal::Signal;
use sqlx::SqlitePool;
use tokio::process::Child;
use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

use super::fleet::environments::{Environment, Environments};
use super::fleet::{Begin, Fleet, Liveness, Part, Runner, remove_dir};
use super::replicas::{self, Handle, ReplicaRow};
use super::{Engine, EngineContext};
use crate::{Error, Isolation};
use cgroups::Cgroups;
use chandlery_package::plan::{EngineKind, Facts, Plan, Runtime, RuntimeKind, VolumeKind, Workload};
use chandlery_package::wire::host::Drift;
use gpus::Gpus;
use images::{Image, Images};
use processes::{HOST_VARIABLE, Process, Scan};

/// The status of a container whose program was killed: 128 and SIGKILL.
const CONTAINER_KILLED: i32 = 137;

/// What this target is called.
pub const TARGET: &str = "local";

/// The engine for this machine. Processes of this host that no replica accounts for are ended.
pub async fn open(db: SqlitePool, context: &EngineContext) -> Result<Arc<dyn Engine>, Error> {
    let local = Local::open(context, db.clone()).await?;
    Ok(Arc::new(Fleet::new(db, local, context)?))
}

/// What a host calls itself, made the first time.
pub fn host_id(data: &Path) -> Result<String, Error> {
    let folder = data.join(TARGET);
    std::fs::create_dir_all(&folder).map_err(Error::system(folder.display().to_string()))?;
    read_or_make_id(&folder.join("id"))
}

struct Local {
    data: PathBuf,
    db: SqlitePool,
    /// Marks this host's processes, so that it knows them again.
    host_id: String,
    cgroups: Cgroups,
    gpus: Gpus,
    environments: Environments,
    images: Images,
    isolation: Isolation,
    /// What of this a machine should have and lacks.
    lacks: Option<String>,
    /// Processes that this run of the host has started, whose exit status it can learn.
    children: Mutex<HashMap<String, Child>>,
    /// Held from choosing ports and GPUs until the choice is written down.
    allotting: Mutex<()>,
}

impl Local {
    async fn open(context: &EngineContext, db: SqlitePool) -> Result<Self, Error> {
        let data = context.data.join(TARGET);
        let host_id = context.host_id.clone();
        let mark = (HOST_VARIABLE.to_owned(), host_id.clone());
        let (cgroups, isolation) = (Cgroups::find(&host_id), context.isolation.clone());
        let gpus = Gpus::find();
        let local = Self {
            environments: Environments::new(data.join("environments"), mark, isolation.clone()),
            images: Images::default(),
            lacks: lacks(&cgroups, &isolation, &gpus),
            cgroups,
            isolation,
            gpus,
            data,
            db,
            host_id,
            children: Mutex::default(),
            allotting: Mutex::default(),
        };
        local.end_orphans().await?;
        local.close_meters().await?;
        Ok(local)
    }

    async fn end_orphans(&self) -> Result<(), Error> {
        let known = replicas::ids(&self.db).await?;
        for found in self.scan().await?.strangers(|replica| known.contains(replica)) {
            tracing::warn!(pid = found.pid(), "a process that belongs to no replica is ended");
            found.kill();
        }
        self.images.remove_orphans(&self.host_id, &known).await;
        Ok(())
    }

    /// Nobody knows when a replica ended that ended while no host was there; what was not metered by then is not counted.
    async fn close_meters(&self) -> Result<(), Error> {
        for row in replicas::of_target(&self.db, TARGET).await? {
            if !process(&row).is_some_and(|process| process.is_alive()) {
                replicas::close_meter(&self.db, &row.id).await?;
            }
        }
        Ok(())
    }

    /// Chooses ports and GPUs for a replica, and writes the choice down; says for what it waits.
    async fn allot(&self, workload: &Workload, row: &mut ReplicaRow) -> Result<Option<String>, Error> {
        let _held = self.allotting.lock().await;
        let held = held(&replicas::of_target(&self.db, TARGET).await?);
        match self.gpus.choose(workload, &held) {
            Some(chosen) => row.gpus = chosen,
            None => {
                let holders =
                    if held.is_empty() { String::new() } else { format!("; {} are held", held.len()) };
                return Ok(Some(format!("it waits for {} free GPUs{holders}", workload.gpus())));
            }
        }
        row.node = "127.0.0.1".into();
        row.ports = ports::allot(workload, &replicas::ports(&self.db).await?, ports::first(&self.host_id))
            .map_err(|reason| Error::CannotRun { target: TARGET.into(), reason })?;
        replicas::save(&self.db, row).await?;
        Ok(None)
    }

    async fn scan(&self) -> Result<Scan, Error> {
        let host_id = self.host_id.clone();
        let scan = tokio::task::spawn_blocking(move || Scan::of_host(&host_id));
        scan.await.map_err(|error| Error::Damaged(error.to_string()))
    }

    async fn exit_status(&self, replica: &str) -> Option<ExitStatus> {
        self.children.lock().await.get_mut(replica)?.try_wait().ok().flatten()
    }

    async fn was_out_of_memory(&self, row: &ReplicaRow, status: Option<ExitStatus>) -> bool {
        if self.cgroups.out_of_memory(&row.id) {
            return true;
        }
        // Of a container podman does not always learn it; killed with all its memory taken says it, too.
        let is_container = matches!(row.handle, Some(Handle::Container { .. }));
        let killed = status.and_then(|status| status.code()) == Some(CONTAINER_KILLED);
        is_container && (killed && self.cgroups.was_full(&row.id) || self.images.out_of_memory(&row.id).await)
    }

    fn work_dir(&self, replica: &str) -> PathBuf {
        self.data.join("replicas").join(replica)
    }

    /// What a replica sees as `/tmp`.
    fn temporary_dir(&self, replica: &str) -> PathBuf {
        self.data.join("tmp").join(replica)
    }

    /// Where a volume of a deployment is.
    fn volume_dir(&self, row: &ReplicaRow, name: &str, kind: &VolumeKind) -> PathBuf {
        match kind {
            VolumeKind::Scratch => self.work_dir(&row.id).join("volumes").join(name),
            VolumeKind::ModelCache(_) => self.data.join("volumes").join(&row.deployment).join(name),
            VolumeKind::Shared(shared) => self.data.join("shared").join(shared),
        }
    }
}

/// What a pass sees of this machine.
struct Snapshot {
    /// The GPUs that are held.
    held: BTreeSet<String>,
    /// This host's processes, looked for when the first step of the pass asks for them: most passes begin and end nothing.
    scan: OnceCell<Scan>,
}

impl Snapshot {
    async fn scan(&self, local: &Local) -> Result<&Scan, Error> {
        self.scan.get_or_try_init(|| local.scan()).await
    }
}

impl Runner for Local {
    type Snapshot = Snapshot;

    fn target(&self) -> &str {
        TARGET
    }

    async fn facts(&self) -> Result<Facts, Error> {
        let mut runtimes = vec![RuntimeKind::Host];
        if self.environments.python().await.is_some() {
            runtimes.insert(0, RuntimeKind::Python);
        }
        if self.images.podman().await.is_some() {
            runtimes.insert(0, RuntimeKind::Container);
        }
        let held = held(&replicas::of_target(&self.db, TARGET).await?);
        Ok(Facts {
            name: TARGET.into(),
            engine: EngineKind::Local,
            runtimes,
            gpu_pools: self.gpus.pools(&held),
            architecture: std::env::consts::ARCH.into(),
        })
    }

    fn check(&self, plan: &Plan) -> Result<(), Error> {
        for workload in &plan.workloads {
            if let Some(reason) = self.cannot_run(workload) {
                let reason = format!("workload '{}' {reason}", workload.name);
                return Err(Error::CannotRun { target: TARGET.into(), reason });
            }
        }
        Ok(())
    }

    async fn observe(&self, rows: &[ReplicaRow]) -> Result<Snapshot, Error> {
        Ok(Snapshot { held: held(rows), scan: OnceCell::new() })
    }

    async fn liveness(&self, _: &Snapshot, row: &ReplicaRow) -> Liveness {
        if process(row).is_some_and(|process| process.is_alive()) {
            return Liveness::Running;
        }
        let status = self.exit_status(&row.id).await;
        let reason = match &status {
            _ if self.was_out_of_memory(row, status).await => {
                "out of memory: it needed more than it was allowed".into()
            }
            Some(status) => status.to_string(),
            None => "it ended".into(),
        };
        Liveness::Ended { well: status.is_some_and(|status| status.success()), reason }
    }

    async fn begin(&self, snapshot: &Snapshot, part: Part<'_>, row: &mut ReplicaRow) -> Result<Begin, Error> {
        // Started just before a crash, and never written down?
        let found = snapshot.scan(self).await?.of_replica(&row.id).iter().find(|process| process.is_leader());
        if let Some(process) = found {
            row.handle = Some(handle(process, &part.workload.runtime));
            return Ok(Begin::Begun);
        }
        let bin = match &part.workload.runtime {
            Runtime::Host => None,
            Runtime::Container(image) => match self.images.get(image).await {
                Image::Here => None,
                Image::Pulling(detail) => return Ok(Begin::NotYet(detail)),
                Image::Failed(reason) => return Ok(Begin::Never(reason)),
            },
            Runtime::Python(requirements) => match self.environments.get(requirements).await {
                Environment::Ready(bin) => Some(bin),
                Environment::Building(detail) => return Ok(Begin::NotYet(detail)),
                Environment::Failed(reason) => return Ok(Begin::Never(reason)),
            },
        };
        if let Some(waits) = self.allot(part.workload, row).await? {
            return Ok(Begin::NotYet(waits));
        }
        match self.launch(part, row, bin.as_deref()).await {
            Ok((child, process)) => {
                row.handle = Some(handle(&process, &part.workload.runtime));
                self.children.lock().await.insert(row.id.clone(), child);
                Ok(Begin::Begun)
            }
            Err(error) => {
                row.gpus.clear();
                Ok(Begin::Never(format!("it could not be started: {error}")))
            }
        }
    }

    async fn settle(&self, _: &Snapshot, _: Part<'_>, row: &mut ReplicaRow) -> Result<(), String> {
        row.program = process(row).and_then(|process| process.program());
        Ok(())
    }

    async fn end(&self, row: &ReplicaRow, insist: bool) -> Result<(), Error> {
        if let Some(process) = process(row) {
            process.signal_group(if insist { Signal::SIGKILL } else { Signal::SIGTERM });
        }
        Ok(())
    }

    async fn clear(&self, snapshot: &Snapshot, row: &ReplicaRow) -> Result<bool, Error> {
        // Where nothing was written down, it may have been a container that was started.
        if matches!(row.handle, None | Some(Handle::Container { .. })) {
            self.images.remove(&row.id).await;
        }
        // What lived when the pass looked may have left children that it did not see: the next pass looks again.
        let left = snapshot.scan(self).await?.of_replica(&row.id);
        if !left.is_empty() {
            left.iter().for_each(Process::kill);
            return Ok(false);
        }
        self.children.lock().await.remove(&row.id);
        self.cgroups.remove(&row.id);
        Ok(true)
    }

    async fn forget(&self, row: &ReplicaRow) -> Result<(), Error> {
        remove_dir(&self.temporary_dir(&row.id)).await?;
        remove_dir(&self.work_dir(&row.id)).await
    }

    async fn forget_deployment(&self, deployment: &str) -> Result<(), Error> {
        remove_dir(&self.log_dir(deployment)).await?;
        remove_dir(&self.data.join("volumes").join(deployment)).await
    }

    fn has_room(&self, snapshot: &Snapshot, workload: &Workload) -> bool {
        self.gpus.choose(workload, &snapshot.held).is_some()
    }

    async fn probe(&self, part: Part<'_>, row: &ReplicaRow, command: &[String]) -> Result<(), String> {
        self.exec_probe(part, row, command).await
    }

    fn drift(&self, _: &Snapshot, part: Part<'_>, row: &ReplicaRow) -> Vec<Drift> {
        self.cgroups.drift(row, &part.workload.resources)
    }

    async fn repair(&self, part: Part<'_>, row: &ReplicaRow) -> Result<bool, Error> {
        self.cgroups.make(&row.id, &part.workload.resources);
        Ok(true)
    }

    fn log_dir(&self, deployment: &str) -> PathBuf {
        self.data.join("logs").join(deployment)
    }

    fn warning(&self) -> Option<&str> {
        self.lacks.as_deref()
    }
}

impl Local {
    fn cannot_run(&self, workload: &Workload) -> Option<String> {
        if workload.scale.nodes_per_replica > 1 {
            return Some(format!("spans {} nodes, and this target is one", workload.scale.nodes_per_replica));
        }
        let total_mib = memory_mib();
        if total_mib.is_some_and(|total| workload.resources.memory_mib > total) {
            let needed = workload.resources.memory_mib;
            return Some(format!(
                "needs {needed} MiB, and this machine has {}",
                total_mib.unwrap_or_default()
            ));
        }
        for volume in &workload.volumes {
            if let VolumeKind::Shared(name) = &volume.kind {
                let path = self.data.join("shared").join(name);
                if name.contains(['/', '\0']) || name.starts_with('.') || !path.is_dir() {
                    return Some(format!(
                        "mounts the shared volume '{name}', and {} is no folder",
                        path.display()
                    ));
                }
            }
        }
        None
    }
}

/// What keeps this machine from holding programs to their limits and to their own files, and from giving out all its GPUs.
fn lacks(cgroups: &Cgroups, isolation: &Isolation, gpus: &Gpus) -> Option<String> {
    let limits = cgroups.fault().map(|fault| format!("its limits are not enforced: {fault}"));
    let files = isolation.fault().map(|fault| format!("it can read this host's files: {fault}"));
    let lacks: Vec<_> = limits.into_iter().chain(files).chain(gpus.fault()).collect();
    (!lacks.is_empty()).then(|| lacks.join("; "))
}

/// The memory of this machine; none, where the kernel does not say.
fn memory_mib() -> Option<u32> {
    use procfs::Current as _;
    let bytes = procfs::Meminfo::current().ok()?.mem_total;
    u32::try_from(bytes >> 20).ok()
}

fn held(rows: &[ReplicaRow]) -> BTreeSet<String> {
    rows.iter().flat_map(|row| row.gpus.iter().cloned()).collect()
}

fn handle(process: &Process, runtime: &Runtime) -> Handle {
    let (pid, started) = (process.pid(), process.started());
    match runtime {
        Runtime::Container(_) => Handle::Container { pid, started },
        Runtime::Python(_) | Runtime::Host => Handle::Process { pid, started },
    }
}

fn process(row: &ReplicaRow) -> Option<Process> {
    match &row.handle {
        Some(Handle::Process { pid, started } | Handle::Container { pid, started }) => {
            Some(Process::recorded(*pid, *started))
        }
        _ => None,
    }
}

fn read_or_make_id(path: &Path) -> Result<String, Error> {
    use std::io::Write as _;
    let make = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut draft = tempfile::NamedTempFile::new_in(folder)?;
        draft.write_all(Uuid::new_v4().simple().to_string().as_bytes())?;
        draft.as_file().sync_all()?;
        draft.persist(path).map(drop).map_err(|error| error.error)
    };
    if !path.exists() {
        make().map_err(Error::system(path.display().to_string()))?;
    }
    std::fs::read_to_string(path).map_err(Error::system(path.display().to_string()))
}
