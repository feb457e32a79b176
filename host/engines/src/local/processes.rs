//! Processes, known by their number and the moment they began: a number alone may be another's by now.

use std::fs;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

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
        Some(Self { pid, started: Stat::read(pid)?.started })
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    pub(super) fn started(&self) -> i64 {
        self.started
    }

    /// Whether it is still the same one, and not a zombie.
    pub(super) fn is_alive(&self) -> bool {
        Stat::read(self.pid)
            .is_some_and(|stat| stat.started == self.started && !matches!(stat.state, 'Z' | 'X'))
    }

    /// Whether it leads its own process group.
    pub(super) fn is_leader(&self) -> bool {
        Stat::read(self.pid).is_some_and(|stat| stat.group == self.pid)
    }

    /// The file that it runs: the script, where an interpreter runs one.
    pub(super) fn program(&self) -> Option<String> {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).ok()?;
        let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        let is_script = words.first()?.rsplit('/').next()?.starts_with("python");
        words.get(usize::from(is_script)).map(|word| word.to_string())
    }

    /// The value of a variable in the environment that it was started with.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        variable(self.pid, name)
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

fn report(outcome: Result<(), Errno>) {
    match outcome {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => tracing::warn!(%error, "a signal could not be sent"),
    }
}

/// Every living process whose environment has this variable with this value.
pub(super) fn marked(name: &str, value: &str) -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| variable(*pid, name).as_deref() == Some(value))
        .filter_map(Process::current)
        .filter(Process::is_alive)
        .collect()
}

fn variable(pid: i32, name: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let found = environment
        .split(|byte| *byte == 0)
        .find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    Some(String::from_utf8_lossy(found).into_owned())
}

struct Stat {
    state: char,
    group: i32,
    started: i64,
}

impl Stat {
    /// The second field is the program's name in parentheses and may hold anything, so fields are counted after it.
    fn read(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = text.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let group = fields.nth(1)?.parse().ok()?;
        let started = fields.nth(16)?.parse().ok()?;
        Some(Self { state, group, started })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_beginning() {
        let mut child =
            std::process::Command::new("sleep").arg("60").env("CHANDLERY_TEST_MARK", "here").spawn().unwrap();
        let process = Process::current(child.id() as i32).unwrap();
        assert!(process.is_alive());
        assert!(!Process::recorded(process.pid(), process.started() - 1).is_alive());
        // For a moment after it began, the kernel does not show a process's environment.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while marked("CHANDLERY_TEST_MARK", "here").is_empty() && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(marked("CHANDLERY_TEST_MARK", "here"), std::slice::from_ref(&process));
        assert!(marked("CHANDLERY_TEST_MARK", "elsewhere").is_empty());
        process.kill();
        child.wait().unwrap();
        assert!(!process.is_alive());
    }
}
