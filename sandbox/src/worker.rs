//! Work on untrusted bytes in a process of its own, within bounds of memory, time and stack: whatever a component does to a parser
//! or to a compiler, the server goes on.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use chandlery_package::Component;
use nix::sys::resource::{Resource, setrlimit};
use wasmtime::{Engine, Error, Result};

use crate::engine::config;
use crate::limits::Limits;

/// The largest file that a worker may write, in bytes.
const OUTPUT_BYTES_MAX: u64 = 1 << 30;
/// How much longer than its processor time work may take on a busy machine.
const PATIENCE: u32 = 4;
/// How often is looked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Who works on a component: this process, or one that is started for it.
#[derive(Debug, Clone)]
pub enum Worker {
    /// This process. For one's own plugins.
    Here,
    /// A process of this program, started with these words and then those of a [`Job`]. It must call [`Job::perform`].
    Process {
        /// The program that is started.
        program: PathBuf,
        /// What comes before the rest.
        words: Vec<String>,
    },
}

/// What is done to a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// It is made into code of this machine.
    Compile,
    /// It is validated, and what it says of itself is read: [`Component::parse`].
    Inspect,
}

impl Work {
    fn as_str(self) -> &'static str {
        match self {
            Self::Compile => "compile",
            Self::Inspect => "inspect",
        }
    }

    fn on(self, bytes: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Compile => Engine::new(&config(&Limits::default()))?.precompile_component(bytes),
            Self::Inspect => {
                let component = Component::parse(bytes).map_err(|error| Error::msg(error.to_string()))?;
                Ok(serde_json::to_vec(&component)?)
            }
        }
    }
}

impl FromStr for Work {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Compile, Self::Inspect];
        known.into_iter().find(|work| work.as_str() == text).ok_or_else(|| format!("no work '{text}'"))
    }
}

/// What a worker is to do, and within which bounds.
#[derive(Debug, Clone)]
pub struct Job {
    /// What is to be done.
    pub work: Work,
    /// The file that holds the component.
    pub component: PathBuf,
    /// The file to be written.
    pub output: PathBuf,
    /// Processor time, in seconds.
    pub seconds: u64,
    /// Memory, in bytes.
    pub bytes: u64,
}

impl Job {
    fn words(&self) -> [OsString; 5] {
        let Self { work, component, output, seconds, bytes } = self;
        let bounds = [seconds, bytes].map(|bound| bound.to_string().into());
        let [seconds, bytes] = bounds;
        [work.as_str().into(), component.into(), output.into(), seconds, bytes]
    }

    /// What a worker does: bounds itself, works, and writes the outcome.
    pub fn perform(&self) -> Result<()> {
        let bound = |resource, limit| {
            setrlimit(resource, limit, limit).map_err(|error| Error::msg(error.to_string()))
        };
        bound(Resource::RLIMIT_AS, self.bytes)?;
        bound(Resource::RLIMIT_CPU, self.seconds)?;
        bound(Resource::RLIMIT_FSIZE, OUTPUT_BYTES_MAX)?;
        bound(Resource::RLIMIT_CORE, 0)?;
        let component = std::fs::read(&self.component)?;
        std::fs::write(&self.output, self.work.on(&component)?)?;
        Ok(())
    }
}

/// Why there is no outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failed {
    /// It took longer than it may.
    Time,
    /// It took more memory than it may.
    Memory,
    /// It used more stack than there is.
    Stack,
    /// It was refused, or could not be done.
    Refused(String),
}

impl Worker {
    /// The outcome of some work on a component. Blocks.
    pub(crate) fn run(
        &self,
        work: Work,
        bytes: &[u8],
        time: Duration,
        memory_bytes: u64,
    ) -> Result<Vec<u8>, Failed> {
        let (program, words) = match self {
            Self::Here => return work.on(bytes).map_err(|error| Failed::Refused(format!("{error:#}"))),
            Self::Process { program, words } => (program, words),
        };
        let system = |error: std::io::Error| Failed::Refused(format!("its worker: {error}"));
        let folder = tempfile::tempdir().map_err(system)?;
        let job = Job {
            work,
            component: folder.path().join("component.wasm"),
            output: folder.path().join("output"),
            seconds: time.as_secs(),
            bytes: memory_bytes,
        };
        std::fs::write(&job.component, bytes).map_err(system)?;
        let (status, said) = wait(program, words, &job, time * PATIENCE).map_err(system)?;
        match status {
            Some(status) if status.success() => std::fs::read(&job.output).map_err(system),
            None => Err(Failed::Time),
            Some(status) if ran_out_of_time(status) => Err(Failed::Time),
            Some(_) if ran_out_of_memory(&said) => Err(Failed::Memory),
            Some(_) if said.contains("has overflowed its stack") => Err(Failed::Stack),
            Some(status) if said.trim().is_empty() => Err(Failed::Refused(format!("its worker: {status}"))),
            Some(_) => Err(Failed::Refused(said.trim().to_owned())),
        }
    }
}

/// How a worker ended and what it said; no status: it was killed, since it took too long.
fn wait(
    program: &Path,
    words: &[String],
    job: &Job,
    patience: Duration,
) -> std::io::Result<(Option<ExitStatus>, String)> {
    let mut worker = Command::new(program)
        .args(words)
        .args(job.words())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut pipe = worker.stderr.take();
    let said = std::thread::spawn(move || {
        let mut said = String::new();
        if let Some(pipe) = &mut pipe {
            let _ = pipe.read_to_string(&mut said);
        }
        said
    });
    let deadline = Instant::now() + patience;
    let status = loop {
        match worker.try_wait()? {
            Some(status) => break Some(status),
            None if Instant::now() > deadline => break None,
            None => std::thread::sleep(LOOK_EVERY),
        }
    };
    if status.is_none() {
        let _ = worker.kill();
        let _ = worker.wait();
    }
    Ok((status, said.join().unwrap_or_default()))
}

fn ran_out_of_time(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    // Where both bounds are the same, the system kills at once.
    matches!(status.signal(), Some(signal) if signal == nix::libc::SIGXCPU || signal == nix::libc::SIGKILL)
}

fn ran_out_of_memory(said: &str) -> bool {
    said.contains("memory allocation of") || said.contains("Cannot allocate memory")
}
