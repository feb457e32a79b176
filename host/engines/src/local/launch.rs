//! Starting a replica's process: its ports, environment, working directory, log and cgroup.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::fs::{self, OpenOptions};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use super::Local;
use super::images::{self, HOST_LABEL};
use super::processes::{HOST_VARIABLE, Process, REPLICA_VARIABLE};
use crate::fleet::Part;
use crate::fleet::words::{expand, volume_variable};
use crate::isolation::View;
use crate::replicas::ReplicaRow;
use chandlery_package::plan::{EnvValue, Runtime, VolumeKind, Workload};

const EXEC_PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// Enters every cgroup named in `$0` before the program begins, so that nothing of it is ever outside.
const ENTER: &str = "for group in $0; do echo $$ > \"$group/cgroup.procs\" || exit 125; done; exec \"$@\"";

impl Local {
    /// Starts the program of a replica.
    pub(super) async fn launch(
        &self,
        part: Part<'_>,
        row: &ReplicaRow,
        bin: Option<&Path>,
    ) -> std::io::Result<(Child, Process)> {
        let workload = part.workload;
        let work_dir = self.work_dir(&row.id);
        fs::create_dir_all(&work_dir).await?;
        fs::create_dir_all(self.temporary_dir(&row.id)).await?;
        for volume in &workload.volumes {
            make_volume(&self.volume_dir(row, &volume.name, &volume.kind)).await?;
        }
        let log_dir = self.data.join("logs").join(&row.deployment);
        fs::create_dir_all(&log_dir).await?;
        let log = log_dir.join(row.log_name());
        let log = OpenOptions::new().create(true).append(true).open(log).await?.into_std().await;
        let mut command = match &workload.runtime {
            Runtime::Container(image) => container(self, part, row, image).await?,
            Runtime::Python(_) | Runtime::Host => process(self, part, row, bin),
        };
        command
            .env(HOST_VARIABLE, &self.host_id)
            .env(REPLICA_VARIABLE, &row.id)
            .current_dir(&work_dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let child = command.spawn()?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let process = pid.and_then(Process::current);
        process.map(|process| (child, process)).ok_or_else(|| std::io::Error::other("it ended at once"))
    }

    /// Whether the command, with the replica's environment, exits with 0.
    pub(super) async fn exec_probe(
        &self,
        part: Part<'_>,
        row: &ReplicaRow,
        command: &[String],
    ) -> Result<(), String> {
        let variables = variables(part, row, environment(self, part, row, None));
        let mut words = command.iter().map(|word| expand(word, &variables));
        let mut probe = match part.workload.runtime {
            Runtime::Container(_) => {
                let mut probe = images::command();
                probe.args(["exec", "--", &images::name(&row.id)]);
                probe
            }
            Runtime::Python(_) | Runtime::Host => {
                let program = words.next().ok_or("its probe has no command")?;
                let (work_dir, temporary) = (self.work_dir(&row.id), self.temporary_dir(&row.id));
                let view = view(self, part, row, (&work_dir, &temporary), None);
                let mut probe = self.isolation.command(&View { outlives: false, ..view }, &program);
                probe.env_clear().envs(&variables).current_dir(work_dir);
                probe
            }
        };
        probe.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        match tokio::time::timeout(EXEC_PROBE_TIMEOUT, probe.status()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(format!("its probe: {status}")),
            Ok(Err(error)) => Err(format!("its probe could not be run: {error}")),
            Err(_) => Err(format!("its probe took longer than {} s", EXEC_PROBE_TIMEOUT.as_secs())),
        }
    }
}

fn process(local: &Local, part: Part<'_>, row: &ReplicaRow, bin: Option<&Path>) -> Command {
    let variables = variables(part, row, environment(local, part, row, bin));
    let mut words = part.workload.command.iter().map(|word| expand(word, &variables));
    let program = words.next().unwrap_or_default();
    let program = bin
        .map(|bin| bin.join(&program))
        .filter(|path| path.exists())
        .map_or(program, |path| path.display().to_string());
    let mut command = Command::new("/bin/sh");
    let cgroups = local.cgroups.make(&row.id, &part.workload.resources);
    let (work_dir, temporary) = (local.work_dir(&row.id), local.temporary_dir(&row.id));
    let isolated = local.isolation.words(&view(local, part, row, (&work_dir, &temporary), bin));
    command.arg("-c").arg(ENTER).arg(cgroups).args(isolated).arg(&program).args(words);
    command.env_clear().envs(&variables);
    command
}

/// What a replica sees of the host's folders: its own, its volumes, and its Python environment to read. What is scratch is in
/// its own.
fn view<'a>(
    local: &Local,
    part: Part<'_>,
    row: &ReplicaRow,
    (home, temporary): (&'a Path, &'a Path),
    bin: Option<&Path>,
) -> View<'a> {
    let (mut writable, mut readable) = (Vec::new(), Vec::new());
    for volume in part.workload.volumes.iter().filter(|volume| volume.kind != VolumeKind::Scratch) {
        let folder = local.volume_dir(row, &volume.name, &volume.kind);
        let shown = if volume.read_only { &mut readable } else { &mut writable };
        shown.push(folder);
    }
    readable.extend(bin.and_then(Path::parent).map(Path::to_owned));
    View { home, temporary, writable, readable, outlives: true }
}

/// A container may run as another user, who must come into its volumes; nobody else comes as far as these.
async fn make_volume(folder: &Path) -> std::io::Result<()> {
    if fs::try_exists(folder).await? {
        return Ok(());
    }
    fs::create_dir_all(folder).await?;
    fs::set_permissions(folder, entered_by_all()).await
}

fn entered_by_all() -> Permissions {
    Permissions::from_mode(0o755)
}

/// A container shares this machine's network, and so listens where it is told to like a process.
async fn container(local: &Local, part: Part<'_>, row: &ReplicaRow, image: &str) -> std::io::Result<Command> {
    let Workload { resources, volumes, grace_seconds, .. } = part.workload;
    let variables = variables(part, row, environment(local, part, row, None));
    let mut command = images::command();
    let cgroup = local.cgroups.path(&row.id);
    if cgroup.is_some() {
        command.arg("--cgroup-manager=cgroupfs");
    }
    command.args(["run", "--replace", "--pull=never", "--network=host", "--log-driver=none"]);
    match cgroup {
        // Its limits are those of any replica, and are still there when podman has forgotten the container.
        Some(path) => {
            local.cgroups.make(&row.id, resources);
            command.arg(format!("--cgroup-parent={path}"));
        }
        None => {
            command.arg(format!("--cpus={}.{:03}", resources.cpu_millis / 1000, resources.cpu_millis % 1000));
            command.arg(format!("--memory={}m", resources.memory_mib));
        }
    }
    command.args(["--name", &images::name(&row.id), "--label", &format!("{HOST_LABEL}={}", local.host_id)]);
    command.arg(format!("--stop-timeout={grace_seconds}"));
    // Processes exchange what they compute through shared memory, of which a container has 64 MiB unless it is told. What they put
    // there counts as memory of theirs.
    if !volumes.iter().any(|volume| volume.mount.starts_with("/dev/shm")) {
        command.arg(format!("--shm-size={}m", resources.memory_mib));
    }
    for gpu in &row.gpus {
        command.args(["--device", &format!("nvidia.com/gpu={gpu}")]);
    }
    for volume in volumes {
        let folder = local.volume_dir(row, &volume.name, &volume.kind);
        let mode = if volume.read_only { "ro" } else { "rw" };
        command.args(["--volume", &format!("{}:{}:{mode}", folder.display(), volume.mount)]);
    }
    command.arg("--env-file").arg(env_file(&local.work_dir(&row.id), &variables).await?);
    if !part.workload.command.is_empty() {
        let words: Vec<_> = part.workload.command.iter().map(|word| expand(word, &variables)).collect();
        command.args(["--entrypoint", &serde_json::json!(words).to_string()]);
    }
    command.args(["--", image]);
    Ok(command)
}

/// Secrets do not stand in a command that others can read.
async fn env_file(folder: &Path, variables: &BTreeMap<String, String>) -> std::io::Result<PathBuf> {
    let mut lines = String::new();
    for (name, value) in variables {
        if value.contains('\n') {
            return Err(std::io::Error::other(format!(
                "a container's variable {name} cannot have two lines"
            )));
        }
        lines.extend([name, "=", value, "\n"]);
    }
    let path = folder.join("environment");
    let mut file = OpenOptions::new();
    let mut file = file.create(true).write(true).truncate(true).mode(0o600).open(&path).await?;
    file.write_all(lines.as_bytes()).await?;
    file.flush().await?;
    Ok(path)
}

/// What a program finds, whatever its plan says.
fn environment(
    local: &Local,
    part: Part<'_>,
    row: &ReplicaRow,
    bin: Option<&Path>,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::from([
        ("CHANDLERY_NODE_COUNT".to_owned(), "1".to_owned()),
        ("CHANDLERY_NODE_RANK".to_owned(), "0".to_owned()),
        ("CHANDLERY_LEADER_ADDRESS".to_owned(), "127.0.0.1".to_owned()),
        // No GPU is as much an allotment as some.
        ("CUDA_VISIBLE_DEVICES".to_owned(), row.gpus.join(",")),
    ]);
    let is_container = matches!(part.workload.runtime, Runtime::Container(_));
    for volume in &part.workload.volumes {
        let folder = match is_container {
            true => volume.mount.clone(),
            false => local.volume_dir(row, &volume.name, &volume.kind).display().to_string(),
        };
        found.insert(volume_variable(&volume.name), folder);
    }
    if !is_container {
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".into());
        let path = bin.map_or(path.clone(), |bin| format!("{}:{path}", bin.display()));
        let work_dir = local.work_dir(&row.id).display().to_string();
        found.extend([
            ("PATH".to_owned(), path),
            ("HOME".to_owned(), work_dir.clone()),
            ("TMPDIR".to_owned(), work_dir),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ("PYTHONUNBUFFERED".to_owned(), "1".to_owned()),
        ]);
    }
    found
}

/// What a program finds and what its plan says, which goes before; texts may name the variables that are no texts.
fn variables(
    part: Part<'_>,
    row: &ReplicaRow,
    mut variables: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut texts = Vec::new();
    for var in &part.workload.env {
        let value = match &var.value {
            EnvValue::Text(text) => {
                texts.push((&var.name, text));
                continue;
            }
            EnvValue::Port(name) => row.ports.get(name).copied().unwrap_or_default().to_string(),
            // Nothing is started before all of them are there.
            EnvValue::Secret(name) => part.desired.secrets.get(name).unwrap_or_default().to_owned(),
        };
        variables.insert(var.name.clone(), value);
    }
    let texts: Vec<_> =
        texts.into_iter().map(|(name, text)| (name.clone(), expand(text, &variables))).collect();
    variables.extend(texts);
    variables
}
