//! A replica's folder on shared storage, and the scripts in it. `job-N.sh` is what Slurm runs for the N-th start: it makes sure
//! that this start is run once, finds ports that are free on its node, says where it is, and leaves its exit status behind.
//! `task-N.sh` is the program with its environment, run on each node of the job.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tokio::fs::{self, OpenOptions};
use tokio::io::AsyncWriteExt as _;

use super::model::{cpus, text};
use super::settings::Containers;
use crate::fleet::Part;
use crate::fleet::words::{Piece, pieces, quote, volume_variable};
use crate::replicas::ReplicaRow;
use chandlery_package::plan::{Check, EnvValue, Runtime, Volume, Workload};

/// The variables that say where a program is among the nodes of its replica.
const PLACE: [&str; 3] = ["CHANDLERY_NODE_COUNT", "CHANDLERY_NODE_RANK", "CHANDLERY_LEADER_ADDRESS"];

const PREAMBLE: &str = r#"# This start is run once, even where it was submitted twice; Slurm may requeue the same job.
lock="$folder/attempt-$attempt"
if ! (set -o noclobber; echo "$SLURM_JOB_ID" > "$lock") 2>/dev/null && [ "$(cat "$lock")" != "$SLURM_JOB_ID" ]; then
    echo "job $(cat "$lock") runs this already"
    exit 0
fi
rm -f "$folder/exit-$attempt" "$folder/ports-$attempt" "$folder/ready-$attempt"
# Steps have the environment of this script, and as many cores as the job has on a node.
export SLURM_EXPORT_ENV=ALL SRUN_CPUS_PER_TASK="$cpus"
scratch=$(mktemp -d)
finish() {
    echo "$1" > "$folder/exit-$attempt.new" && mv "$folder/exit-$attempt.new" "$folder/exit-$attempt"
    rm -rf "$scratch"
    exit "$1"
}
# A port that nothing listens on, and that no other replica on this node was given: the lock is held as long as we run.
allot() {
    local number=$1
    while [ "$number" -le 65535 ]; do
        exec {held}>>"${TMPDIR:-/tmp}/chandlery-port-$number.lock"
        if flock --nonblock "$held" && ! (exec 3<>"/dev/tcp/127.0.0.1/$number") 2>/dev/null; then
            echo "$2 $number" >> "$folder/ports-$attempt.new"
            eval "port_$3=$number"
            return
        fi
        exec {held}>&-
        number=$((number + 1))
    done
    echo "no port from $1 up is free on $SLURMD_NODENAME"
    finish 1
}
"#;

const ALONE: &str = r#"export CHANDLERY_NODE_COUNT=1 CHANDLERY_LEADER_ADDRESS=127.0.0.1 SLURM_PROCID=0
bash "$folder/task-$attempt.sh" &
"#;

const TOGETHER: &str = r#"leader=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(scontrol --oneliner show node "$leader" | sed -n 's/.* NodeAddr=\([^ ]*\).*/\1/p')
export CHANDLERY_NODE_COUNT="$SLURM_JOB_NUM_NODES" CHANDLERY_LEADER_ADDRESS="${address:-$leader}"
# A step gets all the GPUs of its job; one that named them without their kind would get none.
srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" --kill-on-bad-exit=1 \
    bash "$folder/task-$attempt.sh" &
"#;

const WAIT: &str = r#"child=$!
# Whoever ends the job signals all of it; the program decides when it is done.
trap 'kill -TERM "$child" 2>/dev/null' TERM
wait "$child"
code=$?
while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    code=$?
done
finish "$code"
"#;

/// A replica's folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub path: PathBuf,
}

impl Folder {
    pub(super) fn of(root: &Path, row: &ReplicaRow) -> Self {
        Self { path: root.join("replicas").join(&row.id) }
    }

    /// The script of a start.
    pub(super) fn job(&self, attempt: i64) -> PathBuf {
        self.path.join(format!("job-{attempt}.sh"))
    }

    /// The folder is shared with the nodes, so that every look at it goes over a network.
    async fn read(&self, what: &str, attempt: i64) -> Option<String> {
        fs::read_to_string(self.path.join(format!("{what}-{attempt}"))).await.ok()
    }

    /// The job that runs a start.
    pub(super) async fn owner(&self, attempt: i64) -> Option<u32> {
        self.read("attempt", attempt).await?.trim().parse().ok()
    }

    /// With which status a start has ended.
    pub(super) async fn exit(&self, attempt: i64) -> Option<i32> {
        self.read("exit", attempt).await?.trim().parse().ok()
    }

    /// Whether its own probe has succeeded.
    pub(super) async fn is_ready(&self, attempt: i64) -> bool {
        fs::try_exists(self.path.join(format!("ready-{attempt}"))).await.unwrap_or(false)
    }

    /// The node that a start runs on, and the ports that it was given there.
    pub(super) async fn published(&self, attempt: i64) -> Option<(String, BTreeMap<String, u16>)> {
        let said = self.read("ports", attempt).await?;
        let mut lines = said.lines();
        let node = lines.next()?.to_owned();
        let port = |line: &str| {
            let (name, number) = line.split_once(' ')?;
            Some((name.to_owned(), number.parse().ok()?))
        };
        Some((node, lines.map(port).collect::<Option<_>>()?))
    }

    /// Writes everything that a start needs. Only this user may read it: secrets are in it.
    pub(super) async fn write(
        &self,
        part: Part<'_>,
        row: &ReplicaRow,
        bin: Option<&Path>,
        volumes: &[(&Volume, Option<PathBuf>)],
        containers: Option<Containers>,
    ) -> std::io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.path.join("work")).await?;
        for folder in volumes.iter().filter_map(|(_, folder)| folder.as_ref()) {
            fs::create_dir_all(folder).await?;
        }
        let attempt = row.restarts;
        self.put(&format!("job-{attempt}.sh"), &self.job_script(part, row)).await?;
        let task = self.task_script(part, bin, volumes, containers);
        self.put(&format!("task-{attempt}.sh"), &task).await?;
        self.put("probe.sh", &self.probe_script(part, bin, volumes)).await
    }

    async fn put(&self, name: &str, script: &str) -> std::io::Result<()> {
        let new = self.path.join(format!("{name}.new"));
        let mut file = OpenOptions::new();
        let mut file = file.create(true).write(true).truncate(true).mode(0o700).open(&new).await?;
        file.write_all(script.as_bytes()).await?;
        file.flush().await?;
        fs::rename(new, self.path.join(name)).await
    }

    fn job_script(&self, part: Part<'_>, row: &ReplicaRow) -> String {
        let Part { desired, workload } = part;
        let mut script = format!(
            "#!/bin/bash\n# Deployment {}, revision {}, {}\nfolder={}\nattempt={}\ncpus={}\n{PREAMBLE}",
            desired.name,
            row.revision,
            row.label(),
            quote(&text(&self.path)),
            row.restarts,
            cpus(&workload.resources),
        );
        script += "echo \"$SLURMD_NODENAME\" > \"$folder/ports-$attempt.new\"\n";
        for port in &workload.ports {
            script += &format!("allot {} {} {}\n", port.number, port.name, shell_name(&port.name));
            script += &format!("export CHANDLERY_PORT_{0}=\"$port_{0}\"\n", shell_name(&port.name));
        }
        script +=
            "mv \"$folder/ports-$attempt.new\" \"$folder/ports-$attempt\"\nexport folder attempt scratch\n";
        if let Some(probe) = &workload.readiness
            && let Check::Exec(_) = &probe.check
        {
            script += &format!(
                "(while :; do\n    if bash \"$folder/probe.sh\" >/dev/null 2>&1; then : > \"$folder/ready-$attempt\"; \
                 else rm -f \"$folder/ready-$attempt\"; fi\n    sleep {}\ndone) &\n",
                probe.period_seconds.max(1)
            );
        }
        script += if workload.scale.nodes_per_replica > 1 { TOGETHER } else { ALONE };
        script + WAIT
    }

    /// Exports what the program is told, and gives the names.
    fn environment(
        part: Part<'_>,
        bin: Option<&Path>,
        volumes: &[(&Volume, Option<PathBuf>)],
    ) -> (String, BTreeSet<String>) {
        let mut script = String::from(
            "export CHANDLERY_NODE_RANK=\"$SLURM_PROCID\"\nexport PYTHONUNBUFFERED=1 LANG=C.UTF-8\n",
        );
        let mut names: BTreeSet<String> = PLACE.iter().map(|name| (*name).to_owned()).collect();
        names.extend(["PATH".to_owned(), "HOME".to_owned(), "CUDA_VISIBLE_DEVICES".to_owned()]);
        script += "export HOME=\"$folder/work\" TMPDIR=\"$scratch\"\n";
        if part.workload.resources.gpu.is_none() {
            script += "export CUDA_VISIBLE_DEVICES=\n";
        }
        if let Some(bin) = bin {
            script += &format!("export PATH={}:\"$PATH\"\n", quote(&text(bin)));
        }
        let is_container = matches!(part.workload.runtime, Runtime::Container(_));
        for (volume, folder) in volumes {
            let name = volume_variable(&volume.name);
            let place = match (is_container, folder) {
                (true, _) => quote(&volume.mount),
                (false, Some(folder)) => quote(&text(folder)),
                (false, None) => format!("\"$scratch\"/{}", quote(&volume.name)),
            };
            script += &format!("export {name}={place}\n");
            if !is_container && folder.is_none() {
                script += &format!("mkdir -p \"${name}\"\n");
            }
            names.insert(name);
        }
        // Texts may name the variables that are no texts.
        let (texts, others): (Vec<_>, Vec<_>) =
            part.workload.env.iter().partition(|var| matches!(var.value, EnvValue::Text(_)));
        names.extend(others.iter().map(|var| var.name.clone()));
        let known = names.clone();
        for var in others.into_iter().chain(texts) {
            let value = match &var.value {
                EnvValue::Text(text) => shell_word(text, &known),
                EnvValue::Port(name) => format!("\"$CHANDLERY_PORT_{}\"", shell_name(name)),
                // Nothing is submitted before all of them are there.
                EnvValue::Secret(name) => quote(part.desired.secrets.get(name).unwrap_or_default()),
            };
            script += &format!("export {}={value}\n", var.name);
            names.insert(var.name.clone());
        }
        (script, names)
    }

    fn task_script(
        &self,
        part: Part<'_>,
        bin: Option<&Path>,
        volumes: &[(&Volume, Option<PathBuf>)],
        containers: Option<Containers>,
    ) -> String {
        let Workload { runtime, command, .. } = part.workload;
        let (environment, names) = Self::environment(part, bin, volumes);
        let words: Vec<_> = command.iter().map(|word| shell_word(word, &names)).collect();
        let start = match (runtime, containers) {
            (Runtime::Container(image), Some(containers)) => {
                container(containers, image, volumes, part.workload)
            }
            _ => String::new(),
        };
        format!("cd \"$folder/work\"\n{environment}exec {start}{}\n", words.join(" "))
    }

    fn probe_script(
        &self,
        part: Part<'_>,
        bin: Option<&Path>,
        volumes: &[(&Volume, Option<PathBuf>)],
    ) -> String {
        let Some(Check::Exec(command)) = part.workload.readiness.as_ref().map(|probe| &probe.check) else {
            return String::new();
        };
        let (environment, names) = Self::environment(part, bin, volumes);
        let words: Vec<_> = command.iter().map(|word| shell_word(word, &names)).collect();
        format!("cd \"$folder/work\"\n{environment}exec {}\n", words.join(" "))
    }
}

/// What stands before a command to run it in a container.
fn container(
    containers: Containers,
    image: &str,
    volumes: &[(&Volume, Option<PathBuf>)],
    workload: &Workload,
) -> String {
    let mode = |volume: &Volume| if volume.read_only { ":ro" } else { "" };
    let mount = |(volume, folder): &(&Volume, Option<PathBuf>)| match folder {
        Some(folder) => quote(&format!("{}:{}{}", text(folder), volume.mount, mode(volume))),
        None => format!(
            "\"$scratch\"/{}:{}",
            quote(&volume.name),
            quote(&format!("{}{}", volume.mount, mode(volume)))
        ),
    };
    let mounts: Vec<_> = volumes.iter().map(mount).collect();
    match containers {
        Containers::Apptainer => {
            let nv = if workload.gpus() > 0 { " --nv" } else { "" };
            let binds: String = mounts.iter().map(|mount| format!(" --bind {mount}")).collect();
            format!("apptainer exec{nv} --pwd /{binds} {} ", quote(&format!("docker://{image}")))
        }
        Containers::Pyxis => {
            // The step keeps the GPUs of the job; the environment is handed on name by name. One step within another, as where a
            // replica spans nodes, would wait for ever for what that one holds.
            let within = match workload.scale.nodes_per_replica {
                1 => "",
                _ => " --overlap --nodes=1 --nodelist=\"$SLURMD_NODENAME\"",
            };
            let joined = mounts.join(",");
            let mounts =
                if joined.is_empty() { String::new() } else { format!(" --container-mounts={joined}") };
            let passed_on: Vec<_> = workload.env.iter().map(|variable| variable.name.as_str()).collect();
            let env = if passed_on.is_empty() {
                String::new()
            } else {
                format!(" --container-env={}", passed_on.join(","))
            };
            format!("srun{within} --ntasks=1 --container-image={}{mounts}{env} ", quote(&enroot_name(image)))
        }
    }
}

/// An image as enroot has it: the registry ends in `#`.
fn enroot_name(image: &str) -> String {
    match image.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => format!("{host}#{path}"),
        _ => image.to_owned(),
    }
}

/// A word of a command as a shell reads it, with its variables.
fn shell_word(word: &str, names: &BTreeSet<String>) -> String {
    let pieces = pieces(word, |name| names.contains(name));
    let written = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => quote(text),
        Piece::Variable(name) => format!("\"${name}\""),
    });
    match written.collect::<String>() {
        empty if empty.is_empty() => "''".into(),
        written => written,
    }
}

/// A port's name as part of a variable's.
fn shell_name(port: &str) -> String {
    port.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Desired;
    use chandlery_package::plan::{EnvVar, Plan, VolumeKind};

    #[test]
    fn words_are_quoted_and_variables_are_not() {
        let names = BTreeSet::from(["PORT".to_owned()]);
        assert_eq!(shell_word("--port=$(PORT)", &names), "'--port='\"$PORT\"");
        assert_eq!(shell_word("it's $HOME", &names), r"'it'\''s ''$''HOME'");
        assert_eq!(shell_word("", &names), "''");
        assert_eq!(enroot_name("ghcr.io/a/b:1"), "ghcr.io#a/b:1");
        assert_eq!(enroot_name("vllm/vllm-openai:1"), "vllm/vllm-openai:1");
    }

    #[test]
    fn a_replica_is_a_script_that_can_be_read() {
        let mut workload = chandlery_package::plan::example::workload();
        workload.command =
            vec!["serve".into(), "--port".into(), "$(PORT)".into(), "--rank=$(CHANDLERY_NODE_RANK)".into()];
        workload.env.push(EnvVar { name: "TOKEN".into(), value: EnvValue::Text("it's".into()) });
        let volume = Volume {
            name: "cache".into(),
            mount: "/cache".into(),
            kind: VolumeKind::ModelCache(1),
            read_only: false,
        };
        let volumes = [(&volume, Some(PathBuf::from("/shared/cache")))];
        let desired = Desired {
            name: "llm".into(),
            revision: 3,
            plan: Plan { workloads: vec![workload.clone()], notes: Vec::new() },
            former: BTreeMap::new(),
            removing: false,
            repairing: false,
            held: false,
            secrets: crate::Revealed::default(),
        };
        let row =
            ReplicaRow { workload: "server".into(), revision: 3, id: "r".into(), ..ReplicaRow::default() };
        let folder = Folder { path: "/shared/replicas/r".into() };
        let script = |workload: &Workload, containers| {
            let part = Part { desired: &desired, workload };
            let task = folder.task_script(part, Some(Path::new("/shared/env/bin")), &volumes, containers);
            format!("{}\n#### task\n{task}", folder.job_script(part, &row))
        };
        insta::assert_snapshot!("slurm-python", script(&workload, None));
        workload.runtime = Runtime::Container("ghcr.io/org/serve:1".into());
        insta::assert_snapshot!("slurm-pyxis", script(&workload, Some(Containers::Pyxis)));
        workload.scale.nodes_per_replica = 2;
        insta::assert_snapshot!("slurm-apptainer", script(&workload, Some(Containers::Apptainer)));
        insta::assert_snapshot!("slurm-pyxis-nodes", script(&workload, Some(Containers::Pyxis)));
    }
}
