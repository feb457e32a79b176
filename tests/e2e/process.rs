//! Processes of the binary, and waiting for what they do.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a condition may take to come true, on a slow machine that does other things, too.
pub const PATIENCE: Duration = Duration::from_secs(240);

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The binary, built beside this test.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().unwrap().parent().unwrap().join("chandlery");
    assert!(binary.exists(), "{} is missing: run `make test`", binary.display());
    binary
}

/// Ports that the system gives to nobody who does not ask for them, below those of replicas, and that browsers do not refuse.
const PORTS: Range<u32> = 10_100..18_000;

/// A port of this machine that is free, and stays so until somebody listens there, and again once nobody does: no other test is given
/// it for long, and one that the system chooses may be anybody's the moment that nobody listens there.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = PORTS.end - PORTS.start;
    // Tests of another process begin elsewhere.
    let first = std::process::id().wrapping_mul(997);
    let next = || PORTS.start + first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % count;
    let mut ports = std::iter::repeat_with(next).take(count as usize).map(|port| port as u16);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("no port is free")
}

/// The same, as an address.
pub fn free_address() -> String {
    format!("127.0.0.1:{}", free_port())
}

/// Waits until a condition holds.
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "{what} did not come true");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A server process, which says where it listens.
pub struct Server {
    child: Child,
    pub address: String,
    panics: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn start(home: &Path, words: &[impl AsRef<OsStr> + std::fmt::Debug], listens: &str) -> Self {
        Self::start_with(home, words, listens, &[])
    }

    /// The same, with variables in its environment.
    pub fn start_with(
        home: &Path,
        words: &[impl AsRef<OsStr> + std::fmt::Debug],
        listens: &str,
        environment: &[(String, String)],
    ) -> Self {
        let mut command = Command::new(binary());
        command.envs(environment.iter().cloned());
        command.args(words).env("CHANDLERY_HOME", home).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("CHANDLERY_LOG", "error,kube_client=off");
        // Each host has data of its own; what pip downloads for one is of use to the others.
        command.env("PIP_CACHE_DIR", workspace().join("target/pip"));
        let mut child = command.spawn().unwrap();
        let panics = Arc::default();
        follow(child.stderr.take().unwrap(), Arc::clone(&panics));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains(listens)));
        let line = line.unwrap_or_else(|| panic!("{words:?} did not start"));
        let address = line.split("http://").nth(1).unwrap().split([',', ' ']).next().unwrap().to_owned();
        // Whatever it says later must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, panics }
    }

    /// Where it has panicked, in its own words.
    pub fn panics(&self) -> Vec<String> {
        self.panics.lock().unwrap().clone()
    }

    /// Its number among the processes of this machine.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The memory that it has, in KiB.
    pub fn resident_kib(&self) -> u64 {
        self.memory_kib("VmRSS")
    }

    /// The most memory that it ever had, in KiB.
    pub fn peak_kib(&self) -> u64 {
        self.memory_kib("VmHWM")
    }

    fn memory_kib(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// SIGTERM: it may finish what is at hand.
    pub fn terminate(&self) {
        let status = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Until it has ended by itself.
    pub fn wait(&mut self) {
        assert!(self.child.wait().unwrap().success());
    }

    /// SIGKILL: it has no time for anything.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGKILL, unless it has ended already.
    pub fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Shows what a server says of errors, and notes where it panics.
fn follow(stderr: ChildStderr, panics: Arc<Mutex<Vec<String>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            eprintln!("{line}");
            if line.contains("panicked at") {
                panics.lock().unwrap().push(line);
            }
        }
    });
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits for the next day, where this one is over in ten minutes: what is earned by the day, or in a month, is the same from the
/// beginning of a test to its end.
pub fn within_a_day() {
    const DAY: u64 = 24 * 3600;
    let left = || DAY - std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() % DAY;
    while left() < 600 {
        std::thread::sleep(Duration::from_secs(1));
    }
}
