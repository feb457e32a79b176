//! Compiling a component, and reading what it is, by a worker; each bound ends in an error of its own.

use std::time::Duration;

use chandlery_package::{Component, ComponentError, Release};
use wasmtime::Engine;

use crate::error::SandboxError;
use crate::limits::Limits;
use crate::worker::{Failed, Work, Worker};

/// Processor time for validating a component. The largest that are accepted take less than a second.
const INSPECT_TIME: Duration = Duration::from_secs(10);
/// Memory for validating a component, in bytes.
const INSPECT_BYTES: u64 = 1 << 30;

/// Compiled code of this engine for a component. Blocks.
pub(crate) fn compile(
    engine: &Engine,
    worker: &Worker,
    release: &Release,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Vec<u8>, SandboxError> {
    let compiled = match worker {
        // The engine may be one of another configuration than a worker's.
        Worker::Here => {
            engine.precompile_component(bytes).map_err(|error| Failed::Refused(format!("{error:#}")))
        }
        Worker::Process { .. } => worker.run(Work::Compile, bytes, limits.compile_time, limits.compile_bytes),
    };
    let release = release.clone();
    compiled.map_err(|failed| match failed {
        Failed::Time => SandboxError::CompileTime { release, limit_s: limits.compile_time.as_secs() },
        Failed::Memory => SandboxError::CompileMemory { release, limit_mib: limits.compile_bytes >> 20 },
        Failed::Stack => {
            SandboxError::Load { release, reason: "it is nested too deeply to be compiled".into() }
        }
        Failed::Refused(reason) => SandboxError::Load { release, reason },
    })
}

/// A component that somebody sent, read and checked by [`Component::parse`] where nothing that it does to a parser does harm. Blocks.
pub fn inspect(worker: &Worker, bytes: &[u8]) -> Result<Component, ComponentError> {
    let found = worker.run(Work::Inspect, bytes, INSPECT_TIME, INSPECT_BYTES);
    let outcome = found.map_err(|failed| match failed {
        Failed::Time => {
            ComponentError::Costly(format!("more than {} s of processor time", INSPECT_TIME.as_secs()))
        }
        Failed::Memory => ComponentError::Costly(format!("more than {} MiB of memory", INSPECT_BYTES >> 20)),
        Failed::Stack => ComponentError::Costly("more stack than there is: it is nested too deeply".into()),
        Failed::Refused(reason) => ComponentError::Refused(reason),
    })?;
    serde_json::from_slice(&outcome).map_err(|error| ComponentError::Refused(error.to_string()))
}
