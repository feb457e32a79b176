//! Processes, known by their number and the moment they began: a number alone may be another's by now.

use std::collections::HashMap;
use std::ffi::OsStr;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use procfs::process::{Stat, all_processes};

use crate::isolation::HEAR;

/// Marks a process as one of a host's.
pub(super) const HOST_VARIABLE: &str = "CHANDLERY_HOST_ID";
/// Marks a process as one of a replica's.
pub(super) const REPLICA_VARIABLE: &str = "CHANDLERY_REPLICA_ID";

/// A process that was seen alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pid: i32,
    /// Clock ticks since the machine started, as in `/proc/PID/stat`.
    started: i64,
}

impl Process {
    /// A process as it was written down.
    pub(super) fn recorded(pid: i32, started: i64) -> Self {
        Self { pid, started }
    }

    /// The process that has this number now.
    pub(super) fn current(pid: i32) -> Option<Self> {
        Some(Self { pid, started: started(&stat(pid)?) })
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    pub(super) fn started(&self) -> i64 {
        self.started
    }

    /// Whether it is still the same one, and not a zombie.
    pub(super) fn is_alive(&self) -> bool {
        stat(self.pid).is_some_and(|stat| started(&stat) == self.started && runs(&stat))
    }

    /// Whether it leads its own process group.
    pub(super) fn is_leader(&self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.pgrp == self.pid)
    }

    /// The file that it runs: the script, where an interpreter runs one.
    pub(super) fn program(&self) -> Option<String> {
        let words = procfs::process::Process::new(self.pid).and_then(|process| process.cmdline()).ok()?;
        program(words)
    }

    /// Sends a signal to it and its whole group, if it is still the same one.
    pub(super) fn signal_group(&self, signal: Signal) {
        if self.is_alive() {
            report(killpg(Pid::from_raw(self.pid), signal));
        }
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        if self.is_alive() {
            report(kill(Pid::from_raw(self.pid), Signal::SIGKILL));
        }
    }
}

/// The file that a process with these words runs, whoever waits for it.
fn program(words: Vec<String>) -> Option<String> {
    let before = words.windows(HEAR.len()).position(|window| window == HEAR);
    let words = &words[before.map_or(0, |at| at + HEAR.len())..];
    let is_script = words.first()?.rsplit('/').next()?.starts_with("python");
    words.get(usize::from(is_script)).cloned()
}

fn report(outcome: Result<(), Errno>) {
    match outcome {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => tracing::warn!(%error, "a signal could not be sent"),
    }
}

fn stat(pid: i32) -> Option<Stat> {
    procfs::process::Process::new(pid).and_then(|process| process.stat()).ok()
}

fn started(stat: &Stat) -> i64 {
    i64::try_from(stat.starttime).unwrap_or(i64::MAX)
}

/// Whether it is neither a zombie nor dead.
fn runs(stat: &Stat) -> bool {
    !matches!(stat.state, 'Z' | 'X')
}

/// The processes of this machine that carry a host's mark, at one moment.
pub(super) struct Scan {
    /// By the replica that they belong to, as they say.
    replicas: HashMap<String, Vec<Process>>,
    /// Those that belong to no replica.
    others: Vec<Process>,
}

impl Scan {
    /// Reads the environment of every process that lets us: of a machine with many, that takes its time.
    pub(super) fn of_host(host_id: &str) -> Self {
        let (mut replicas, mut others) = (HashMap::<_, Vec<_>>::new(), Vec::new());
        // One that ends while it is read is none of ours any more.
        for process in all_processes().into_iter().flatten().flatten() {
            let Ok(environment) = process.environ() else { continue };
            let is_ours = environment.get(OsStr::new(HOST_VARIABLE)).is_some_and(|id| id == host_id);
            let Some(stat) = process.stat().ok().filter(|stat| is_ours && runs(stat)) else { continue };
            let found = Process { pid: stat.pid, started: started(&stat) };
            match environment.get(OsStr::new(REPLICA_VARIABLE)) {
                Some(replica) => {
                    replicas.entry(replica.to_string_lossy().into_owned()).or_default().push(found);
                }
                None => others.push(found),
            }
        }
        Self { replicas, others }
    }

    /// The processes of a replica.
    pub(super) fn of_replica(&self, replica: &str) -> &[Process] {
        self.replicas.get(replica).map_or(&[], Vec::as_slice)
    }

    /// The processes of no replica for which `known` holds.
    pub(super) fn strangers(&self, known: impl Fn(&str) -> bool) -> impl Iterator<Item = &Process> {
        let unknown = self.replicas.iter().filter(move |(replica, _)| !known(replica));
        unknown.flat_map(|(_, processes)| processes).chain(&self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_behind_who_waits_for_it() {
        let cases = [
            ("sleep 60", Some("sleep")),
            ("/usr/bin/python3 /env/bin/uvicorn app", Some("/env/bin/uvicorn")),
            ("/usr/bin/bwrap --dev /dev -- /usr/bin/env --default-signal=TERM -- sleep 60", Some("sleep")),
            ("/usr/bin/bwrap -- /usr/bin/env --default-signal=TERM -- python3 /x/y", Some("/x/y")),
            ("/usr/bin/bwrap -- /usr/bin/env --default-signal=TERM --", None),
            ("", None),
        ];
        for (words, found) in cases {
            let words = words.split_whitespace().map(str::to_owned).collect();
            assert_eq!(program(words).as_deref(), found);
        }
    }

    #[test]
    fn a_process_is_known_by_its_beginning_and_its_marks() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .env(HOST_VARIABLE, "a-test's-host")
            .env(REPLICA_VARIABLE, "its-replica")
            .spawn()
            .unwrap();
        let process = Process::current(child.id() as i32).unwrap();
        assert!(process.is_alive());
        assert!(!Process::recorded(process.pid(), process.started() - 1).is_alive());
        // For a moment after it began, the kernel does not show a process's environment.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let mut scan = Scan::of_host("a-test's-host");
        while scan.of_replica("its-replica").is_empty() && std::time::Instant::now() < deadline {
            std::thread::yield_now();
            scan = Scan::of_host("a-test's-host");
        }
        assert_eq!(scan.of_replica("its-replica"), std::slice::from_ref(&process));
        assert!(scan.of_replica("another").is_empty());
        assert_eq!(scan.strangers(|known| known == "its-replica").count(), 0);
        assert_eq!(scan.strangers(|_| false).collect::<Vec<_>>(), [&process]);
        assert!(Scan::of_host("another-host").of_replica("its-replica").is_empty());
        assert!(process.program().is_some_and(|program| program.ends_with("sleep")));
        process.kill();
        child.wait().unwrap();
        assert!(!process.is_alive());
    }
}
