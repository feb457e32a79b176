//! Slurm: each replica is a batch job. Everything that a job needs lies in a folder on storage that this host and the nodes
//! share; what it has to say comes back through the same folder, so that nothing depends on how long Slurm remembers a job.

mod choice;
mod cluster;
mod commands;
mod model;
mod rest;
mod script;
mod settings;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;

use super::fleet::environments::{Environment, Environments};
use super::fleet::{Begin, Fleet, Liveness, Part, Runner, remove_dir};
use super::replicas::{Handle, ReplicaRow};
use super::{Engine, EngineContext, TargetSpec, gpus};
use crate::Error;
use chandlery_package::plan::{Check, EngineKind, Facts, Plan, Runtime, RuntimeKind, VolumeKind, Workload};
use chandlery_package::wire::host::Drift;
use cluster::Cluster;
pub(crate) use commands::PROGRAMS;
use model::{Job, Node, Submission, Submitted};
use script::Folder;
use settings::SlurmSettings;

/// The engine for a Slurm target, whose deployments are reached at this host.
pub(crate) async fn open(
    spec: &TargetSpec,
    db: SqlitePool,
    context: &EngineContext,
) -> Result<Arc<dyn Engine>, Error> {
    let refuse = |reason: String| Error::Target { target: spec.name.clone(), reason };
    let settings: SlurmSettings =
        serde_json::from_value(spec.settings.clone()).map_err(|error| refuse(error.to_string()))?;
    if !settings.directory.is_absolute() {
        return Err(refuse("directory must be an absolute path that the nodes see, too".into()));
    }
    let host = context.host_id.get(..8).unwrap_or(&context.host_id).to_owned();
    let root = settings.directory.join(format!("chandlery-{host}"));
    tokio::fs::create_dir_all(&root).await.map_err(Error::system(root.display().to_string()))?;
    let cluster = Cluster::new(&spec.name, &settings, spec.credential.clone())?;
    let mark = ("CHANDLERY_HOST_ID".to_owned(), context.host_id.clone());
    let slurm = Slurm {
        target: spec.name.clone(),
        host,
        environments: Environments::new(root.join("environments"), mark, context.isolation.clone()),
        root,
        settings,
        cluster,
    };
    Ok(Arc::new(Fleet::new(db, slurm, context)?))
}

struct Slurm {
    target: String,
    /// Tells this host's jobs from others'.
    host: String,
    root: PathBuf,
    settings: SlurmSettings,
    cluster: Cluster,
    environments: Environments,
}

/// The cluster at one moment.
struct Snapshot {
    jobs: BTreeMap<u32, Job>,
    nodes: Vec<Node>,
}

impl Snapshot {
    /// The jobs of this name, the eldest first.
    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Job> {
        self.jobs.values().filter(move |job| job.name == name && !job.state.is_over())
    }
}

impl Slurm {
    fn folder(&self, row: &ReplicaRow) -> Folder {
        Folder::of(&self.root, row)
    }

    /// What a job is called: whose it is, for people; and which start of which replica, for us.
    fn job_name(&self, row: &ReplicaRow) -> String {
        format!("{}.{}@{}.{}.{}", row.deployment, row.label(), self.host, row.id, row.restarts)
    }

    fn job<'a>(&self, snapshot: &'a Snapshot, row: &ReplicaRow) -> Option<&'a Job> {
        match row.handle {
            Some(Handle::Job(id)) => snapshot.jobs.get(&id),
            _ => None,
        }
    }

    /// The nodes that jobs may run on.
    fn usable<'a>(&'a self, nodes: &'a [Node]) -> impl Iterator<Item = &'a Node> {
        let SlurmSettings { partition, constraint, exclude, .. } = &self.settings;
        nodes.iter().filter(move |node| {
            let within = |name: &str| node.partitions.iter().any(|known| known == name);
            node.is_usable
                && partition.as_ref().is_none_or(|name| within(name.as_str()))
                && constraint.as_ref().is_none_or(|constraint| constraint.allows(&node.features))
                && !exclude.contain(&node.name)
        })
    }

    fn memory_mib(&self, kind: &str) -> u32 {
        self.settings.gpu_memory_mib.get(kind).copied().unwrap_or_else(|| gpus::memory_mib(kind))
    }

    /// The GPUs to ask for on each node, by kind and number; none, where a workload needs none. An error says what is not there.
    fn gpus(&self, workload: &Workload, nodes: &[Node]) -> Result<Option<(String, u32)>, String> {
        let usable: Vec<_> = self.usable(nodes).collect();
        choice::choose(workload, &usable, |kind| self.memory_mib(kind))
    }

    fn submission(
        &self,
        part: Part<'_>,
        row: &ReplicaRow,
        folder: &Folder,
        gpus: Option<(String, u32)>,
    ) -> Submission {
        let Workload { resources, scale, kind, .. } = part.workload;
        Submission {
            name: self.job_name(row),
            script: folder.job(row.restarts),
            output: self.log_dir(&row.deployment).join(row.log_name()),
            directory: folder.path.clone(),
            nodes: scale.nodes_per_replica,
            cpus: model::cpus(resources),
            memory_mib: resources.memory_mib,
            gpus,
            time_limit_minutes: self.settings.time_limit_minutes,
            requeue: *kind == chandlery_package::plan::WorkloadKind::Service,
            place: self.settings.place(),
        }
    }

    /// What is asked of containers and cannot be done on nodes.
    fn cannot_contain(&self, workload: &Workload) -> Option<&'static str> {
        let Runtime::Container(_) = workload.runtime else { return None };
        match workload.readiness.as_ref().map(|probe| &probe.check) {
            Some(Check::Exec(_)) => {
                Some("has a probe that runs in its container, which only HTTP and TCP can here")
            }
            _ if workload.command.is_empty() => Some("has no command of its own, which containers need here"),
            _ => None,
        }
    }

    fn volume(&self, row: &ReplicaRow, name: &str, kind: &VolumeKind) -> Option<PathBuf> {
        match kind {
            VolumeKind::Scratch => None,
            VolumeKind::ModelCache(_) => Some(self.root.join("volumes").join(&row.deployment).join(name)),
            VolumeKind::Shared(shared) => self.settings.shared.get(shared).cloned(),
        }
    }
}

impl Runner for Slurm {
    type Snapshot = Snapshot;

    fn target(&self) -> &str {
        &self.target
    }

    fn pace(&self) -> Duration {
        Duration::from_secs(self.settings.poll_seconds.max(1))
    }

    async fn facts(&self) -> Result<Facts, Error> {
        let nodes = self.cluster.nodes().await?;
        let mut runtimes = vec![RuntimeKind::Host];
        if self.environments.python().await.is_some() {
            runtimes.insert(0, RuntimeKind::Python);
        }
        if self.settings.containers.is_some() {
            runtimes.insert(0, RuntimeKind::Container);
        }
        let architecture = self.usable(&nodes).map(|node| node.architecture.clone()).next();
        Ok(Facts {
            name: self.target.clone(),
            engine: EngineKind::Slurm,
            runtimes,
            gpu_pools: model::pools(self.usable(&nodes), |kind| self.memory_mib(kind)),
            architecture: architecture.unwrap_or_else(|| std::env::consts::ARCH.into()),
        })
    }

    fn check(&self, plan: &Plan) -> Result<(), Error> {
        for workload in &plan.workloads {
            if let Some(reason) = self.cannot_contain(workload) {
                let reason = format!("workload '{}' {reason}", workload.name);
                return Err(Error::CannotRun { target: self.target.clone(), reason });
            }
            for volume in &workload.volumes {
                if let VolumeKind::Shared(name) = &volume.kind
                    && !self.settings.shared.contains_key(name)
                {
                    let known: Vec<_> = self.settings.shared.keys().cloned().collect();
                    let reason = format!(
                        "workload '{}' mounts the shared volume '{name}', and the target's setting 'shared' names {}",
                        workload.name,
                        if known.is_empty() { "none".into() } else { known.join(", ") }
                    );
                    return Err(Error::CannotRun { target: self.target.clone(), reason });
                }
            }
        }
        Ok(())
    }

    async fn observe(&self, _: &[ReplicaRow]) -> Result<Snapshot, Error> {
        let (jobs, nodes) = tokio::try_join!(self.cluster.jobs(), self.cluster.nodes())?;
        Ok(Snapshot { jobs: jobs.into_iter().map(|job| (job.id, job)).collect(), nodes })
    }

    async fn liveness(&self, snapshot: &Snapshot, row: &ReplicaRow) -> Liveness {
        let exit = self.folder(row).exit(row.restarts).await;
        let Some(job) = self.job(snapshot, row) else {
            return match exit {
                Some(code) => Liveness::Ended { well: code == 0, reason: format!("exit status: {code}") },
                None => {
                    Liveness::Ended { well: false, reason: "Slurm does not know its job any more".into() }
                }
            };
        };
        words::liveness(job, exit, &snapshot.jobs)
    }

    async fn begin(&self, snapshot: &Snapshot, part: Part<'_>, row: &mut ReplicaRow) -> Result<Begin, Error> {
        let folder = self.folder(row);
        let name = self.job_name(row);
        // Submitted before, and never written down: the answer was lost, or the host was.
        let owner = folder.owner(row.restarts).await;
        let found = owner.or_else(|| snapshot.named(&name).map(|job| job.id).next());
        if let Some(id) = found {
            for double in snapshot.named(&name).filter(|job| job.id != id) {
                tracing::warn!(job = double.id, id, "a job that was submitted twice is cancelled");
                self.cluster.cancel(double.id, None).await?;
            }
            row.handle = Some(Handle::Job(id));
            return Ok(Begin::Begun);
        }
        let gpus = match self.gpus(part.workload, &snapshot.nodes) {
            Ok(gpus) => gpus,
            Err(reason) => return Ok(Begin::NotYet(reason)),
        };
        let bin = match &part.workload.runtime {
            Runtime::Host | Runtime::Container(_) => None,
            Runtime::Python(requirements) => match self.environments.get(requirements).await {
                Environment::Ready(bin) => Some(bin),
                Environment::Building(detail) => return Ok(Begin::NotYet(detail)),
                Environment::Failed(reason) => return Ok(Begin::Never(reason)),
            },
        };
        row.ports.clear();
        row.node.clear();
        let volumes =
            part.workload.volumes.iter().map(|volume| (volume, self.volume(row, &volume.name, &volume.kind)));
        let volumes: Vec<_> = volumes.collect();
        let log_dir = self.log_dir(&row.deployment);
        tokio::fs::create_dir_all(&log_dir).await.map_err(Error::system(log_dir.display().to_string()))?;
        folder
            .write(part, row, bin.as_deref(), &volumes, self.settings.containers)
            .await
            .map_err(Error::system(folder.path.display().to_string()))?;
        let submission = self.submission(part, row, &folder, gpus);
        Ok(match self.cluster.submit(&submission).await? {
            Submitted::Job(id) => {
                row.handle = Some(Handle::Job(id));
                Begin::Begun
            }
            Submitted::NotNow(reason) => Begin::NotYet(format!("Slurm takes no job now: {reason}")),
            Submitted::Refused(reason) => Begin::Never(format!("Slurm refused the job: {reason}")),
        })
    }

    async fn settle(&self, snapshot: &Snapshot, part: Part<'_>, row: &mut ReplicaRow) -> Result<(), String> {
        if !row.node.is_empty() && row.ports.len() == part.workload.ports.len() {
            return Ok(());
        }
        let published = self.folder(row).published(row.restarts).await;
        let (node, ports) = published.ok_or("its job has begun")?;
        let address =
            snapshot.nodes.iter().find(|known| known.name == node).map(|known| known.address.clone());
        row.node = address.unwrap_or(node);
        row.ports = ports;
        Ok(())
    }

    async fn end(&self, row: &ReplicaRow, insist: bool) -> Result<(), Error> {
        match row.handle {
            Some(Handle::Job(id)) if insist || row.started_at.is_none() => {
                self.cluster.cancel(id, None).await
            }
            Some(Handle::Job(id)) => self.cluster.cancel(id, Some("TERM")).await,
            _ => Ok(()),
        }
    }

    async fn clear(&self, snapshot: &Snapshot, row: &ReplicaRow) -> Result<bool, Error> {
        // One that was submitted and never written down, or twice, or is held for ever.
        let name = self.job_name(row);
        let mut left = false;
        for job in snapshot.named(&name) {
            self.cluster.cancel(job.id, None).await?;
            left = true;
        }
        Ok(!left)
    }

    async fn forget(&self, row: &ReplicaRow) -> Result<(), Error> {
        remove_dir(&self.folder(row).path).await
    }

    async fn forget_deployment(&self, deployment: &str) -> Result<(), Error> {
        remove_dir(&self.log_dir(deployment)).await?;
        remove_dir(&self.root.join("volumes").join(deployment)).await
    }

    fn has_room(&self, snapshot: &Snapshot, workload: &Workload) -> bool {
        let Ok(gpus) = self.gpus(workload, &snapshot.nodes) else { return false };
        let fits = |node: &&Node| {
            let has_gpus = gpus.as_ref().is_none_or(|(kind, count)| node.free_gpus(kind) >= *count);
            let cpus = model::cpus(&workload.resources);
            has_gpus && node.free_cpus >= cpus && node.free_mib >= u64::from(workload.resources.memory_mib)
        };
        self.usable(&snapshot.nodes).filter(fits).count() >= workload.scale.nodes_per_replica as usize
    }

    async fn probe(&self, _: Part<'_>, row: &ReplicaRow, _: &[String]) -> Result<(), String> {
        // The job probes itself, where its program is.
        match self.folder(row).is_ready(row.restarts).await {
            true => Ok(()),
            false => Err("its probe has not succeeded yet".into()),
        }
    }

    fn drift(&self, snapshot: &Snapshot, _: Part<'_>, row: &ReplicaRow) -> Vec<Drift> {
        let asked = self.settings.time_limit_minutes.map(u64::from);
        let is = self.job(snapshot, row).and_then(|job| job.time_limit_minutes);
        match (asked, is) {
            (Some(asked), Some(is)) if asked != is => vec![Drift {
                path: format!("{} time limit", row.label()),
                should: format!("{asked} min"),
                is: format!("{is} min"),
            }],
            _ => Vec::new(),
        }
    }

    /// Only an administrator may raise a job's limits: it is replaced.
    async fn repair(&self, _: Part<'_>, _: &ReplicaRow) -> Result<bool, Error> {
        Ok(false)
    }

    fn log_dir(&self, deployment: &str) -> PathBuf {
        self.root.join("logs").join(deployment)
    }
}
