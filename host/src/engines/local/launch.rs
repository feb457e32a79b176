//! Starting a replica's process: its ports, environment, working directory, log and cgroup.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::processes::Process;
use super::store::Row;
use super::{Local, TARGET};
use crate::Error;
use crate::engines::Revealed;
use crate::plan::{EnvValue, Workload};

/// Marks a process as one of a host's.
pub(super) const HOST_VARIABLE: &str = "CHANDLERY_HOST_ID";
/// Marks a process as one of a replica's.
pub(super) const REPLICA_VARIABLE: &str = "CHANDLERY_REPLICA_ID";

const EXEC_PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Enters every cgroup named in `$0` before the program begins, so that nothing of it is ever outside.
const ENTER: &str = "for group in $0; do echo $$ > \"$group/cgroup.procs\" || exit 125; done; exec \"$@\"";

/// A free port of this machine for each port: the one asked for, or the next that is free.
pub(super) fn allot_ports(
    workload: &Workload,
    taken: &BTreeSet<u16>,
) -> Result<BTreeMap<String, u16>, Error> {
    let mut allotted = BTreeMap::new();
    for port in &workload.ports {
        let is_free = |number: &u16| {
            let ours = taken.contains(number) || allotted.values().any(|other| other == number);
            !ours && TcpListener::bind(("127.0.0.1", *number)).is_ok()
        };
        let number = (port.number..=u16::MAX).find(is_free).ok_or_else(|| Error::CannotRun {
            target: TARGET.into(),
            reason: format!("no port from {} up is free for '{}'", port.number, port.name),
        })?;
        allotted.insert(port.name.clone(), number);
    }
    Ok(allotted)
}

/// Starts the program of a replica.
pub(super) fn launch(
    local: &Local,
    workload: &Workload,
    row: &Row,
    bin: Option<&Path>,
    secrets: &Revealed,
) -> std::io::Result<(Child, Process)> {
    let work_dir = local.work_dir(&row.id);
    fs::create_dir_all(&work_dir)?;
    let log_dir = local.log_dir(&row.deployment);
    fs::create_dir_all(&log_dir)?;
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log_dir.join(format!("{}-{}.log", row.workload, row.index)))?;
    let cgroups = local.cgroups.make(&row.id, &workload.resources);

    let variables = variables(local, workload, row, bin, secrets);
    let mut words = workload.command.iter().map(|word| expand(word, &variables));
    let program = words.next().unwrap_or_default();
    let program = bin
        .map(|bin| bin.join(&program))
        .filter(|path| path.exists())
        .map_or(program, |path| path.display().to_string());
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg(ENTER)
        .arg(cgroups)
        .arg(&program)
        .args(words)
        .env_clear()
        .envs(&variables)
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
    local: &Local,
    workload: &Workload,
    row: &Row,
    command: &[String],
    secrets: &Revealed,
) -> Result<(), String> {
    let variables = variables(local, workload, row, None, secrets);
    let mut words = command.iter().map(|word| expand(word, &variables));
    let program = words.next().ok_or("its probe has no command")?;
    let mut probe = Command::new(program);
    probe.args(words).env_clear().envs(&variables).current_dir(local.work_dir(&row.id));
    probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(EXEC_PROBE_TIMEOUT, probe.status()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("its probe: {status}")),
        Ok(Err(error)) => Err(format!("its probe could not be run: {error}")),
        Err(_) => Err(format!("its probe took longer than {} s", EXEC_PROBE_TIMEOUT.as_secs())),
    }
}

fn variables(
    local: &Local,
    workload: &Workload,
    row: &Row,
    bin: Option<&Path>,
    secrets: &Revealed,
) -> BTreeMap<String, String> {
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".into());
    let path = bin.map_or(path.clone(), |bin| format!("{}:{path}", bin.display()));
    let work_dir = local.work_dir(&row.id).display().to_string();
    let mut variables = BTreeMap::from([
        ("PATH".to_owned(), path),
        ("HOME".to_owned(), work_dir.clone()),
        ("TMPDIR".to_owned(), work_dir),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ("PYTHONUNBUFFERED".to_owned(), "1".to_owned()),
    ]);
    for var in &workload.env {
        let value = match &var.value {
            EnvValue::Text(text) => text.clone(),
            EnvValue::Port(name) => row.port(name).to_string(),
            // Nothing is started before all of them are there.
            EnvValue::Secret(name) => secrets.get(name).unwrap_or_default().to_owned(),
        };
        variables.insert(var.name.clone(), value);
    }
    variables.insert(HOST_VARIABLE.into(), local.host_id.clone());
    variables.insert(REPLICA_VARIABLE.into(), row.id.clone());
    variables
}

/// Replaces `$(NAME)` by the variable's value and `$$(NAME)` by `$(NAME)`; what names no variable stays as it is, as in
/// a Kubernetes container command.
fn expand(word: &str, variables: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            expanded.push('$');
            rest = after;
            continue;
        }
        let name = rest.strip_prefix("$(").and_then(|after| after.split_once(')'));
        match name.and_then(|(name, after)| Some((variables.get(name)?, after))) {
            Some((value, after)) => {
                expanded.push_str(value);
                rest = after;
            }
            None => {
                expanded.push('$');
                rest = &rest[1..];
            }
        }
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_expand_as_in_kubernetes() {
        let variables = BTreeMap::from([("PORT".to_owned(), "80".to_owned())]);
        let cases = [
            ("$(PORT)", "80"),
            ("a$(PORT)b$(PORT)", "a80b80"),
            ("$$(PORT)", "$(PORT)"),
            ("$(OTHER)", "$(OTHER)"),
            ("$(PORT", "$(PORT"),
            ("$PORT", "$PORT"),
            ("100$", "100$"),
            ("$$", "$"),
        ];
        for (word, expanded) in cases {
            assert_eq!(expand(word, &variables), expanded, "{word}");
        }
    }
}
