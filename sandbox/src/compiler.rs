//! Compiling in a process of its own, within bounds: whatever a component does to the compiler, the host goes on.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use chandlery_package::Release;
use nix::sys::resource::{Resource, setrlimit};
use wasmtime::{Engine, Error, Result};

use crate::engine::config;
use crate::error::SandboxError;
use crate::limits::Limits;

/// The largest file that is made of a component, in bytes.
const CODE_BYTES_MAX: u64 = 1 << 30;
/// How much longer than its processor time compiling may take on a busy machine.
const PATIENCE: u32 = 4;
/// How often is looked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Which process compiles components.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// This process. For one's own plugins.
    Here,
    /// A process of this program, started with these words and then [`Compilation`]'s. It must call [`compile`].
    Worker {
        /// The path of the program.
        program: PathBuf,
        /// What comes before the rest.
        words: Vec<String>,
    },
}

/// What a worker is to do, and within which bounds.
#[derive(Debug, Clone)]
pub struct Compilation {
    /// The file that holds the component.
    pub component: PathBuf,
    /// The file to be written.
    pub code: PathBuf,
    /// Processor time, in seconds.
    pub seconds: u64,
    /// Memory, in bytes.
    pub bytes: u64,
}

impl Compilation {
    fn words(&self) -> [OsString; 4] {
        let Self { component, code, seconds, bytes } = self;
        [component.into(), code.into(), seconds.to_string().into(), bytes.to_string().into()]
    }
}

/// What a worker does: bounds itself, compiles the component, and writes the code.
pub fn compile(compilation: &Compilation) -> Result<()> {
    let bound =
        |resource, limit| setrlimit(resource, limit, limit).map_err(|error| Error::msg(error.to_string()));
    bound(Resource::RLIMIT_AS, compilation.bytes)?;
    bound(Resource::RLIMIT_CPU, compilation.seconds)?;
    bound(Resource::RLIMIT_FSIZE, CODE_BYTES_MAX)?;
    bound(Resource::RLIMIT_CORE, 0)?;
    let component = std::fs::read(&compilation.component)?;
    let engine = Engine::new(&config(&Limits::default()))?;
    std::fs::write(&compilation.code, engine.precompile_component(&component)?)?;
    Ok(())
}

impl Compiler {
    /// Compiled code for a component. Blocks.
    pub(super) fn compile(
        &self,
        engine: &Engine,
        release: &Release,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Vec<u8>, SandboxError> {
        let refuse =
            |error: Error| SandboxError::Load { release: release.clone(), reason: format!("{error:#}") };
        match self {
            Self::Here => engine.precompile_component(bytes).map_err(refuse),
            Self::Worker { program, words } => work(program, words, release, bytes, limits),
        }
    }
}

fn work(
    program: &Path,
    words: &[String],
    release: &Release,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Vec<u8>, SandboxError> {
    let refuse = |reason: String| SandboxError::Load { release: release.clone(), reason };
    let system = |error: std::io::Error| refuse(format!("its compiler: {error}"));
    let folder = tempfile::tempdir().map_err(system)?;
    let compilation = Compilation {
        component: folder.path().join("component.wasm"),
        code: folder.path().join("code"),
        seconds: limits.compile_time.as_secs(),
        bytes: limits.compile_bytes,
    };
    std::fs::write(&compilation.component, bytes).map_err(system)?;
    let mut worker = Command::new(program)
        .args(words)
        .args(compilation.words())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(system)?;
    let mut pipe = worker.stderr.take();
    let said = std::thread::spawn(move || {
        let mut said = String::new();
        if let Some(pipe) = &mut pipe {
            let _ = pipe.read_to_string(&mut said);
        }
        said
    });
    let deadline = Instant::now() + limits.compile_time * PATIENCE;
    let status = loop {
        match worker.try_wait().map_err(system)? {
            Some(status) => break Some(status),
            None if Instant::now() > deadline => break None,
            None => std::thread::sleep(LOOK_EVERY),
        }
    };
    if status.is_none() {
        let _ = worker.kill();
        let _ = worker.wait();
    }
    let said = said.join().unwrap_or_default();
    match status {
        Some(status) if status.success() => std::fs::read(&compilation.code).map_err(system),
        Some(status) if !ran_out_of_time(status) && ran_out_of_memory(&said) => {
            Err(SandboxError::CompileMemory {
                release: release.clone(),
                limit_mib: limits.compile_bytes >> 20,
            })
        }
        Some(status) if !ran_out_of_time(status) => Err(refuse(said.trim().to_owned())),
        _ => Err(SandboxError::CompileTime {
            release: release.clone(),
            limit_s: limits.compile_time.as_secs(),
        }),
    }
}

fn ran_out_of_time(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    // Where both bounds are the same, the system kills at once.
    matches!(status.signal(), Some(signal) if signal == nix::libc::SIGXCPU || signal == nix::libc::SIGKILL)
}

fn ran_out_of_memory(said: &str) -> bool {
    said.contains("memory allocation of") || said.contains("Cannot allocate memory")
}
