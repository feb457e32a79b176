//! How calls of plugins end badly: each limit in an error of its own.

use chandlery_package::Release;

use chandlery_package::plan::{PlanError, PlanProblem, say};
use chandlery_package::problem::Explain as _;

/// Why a call of a plugin gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// It cannot be compiled, or imports what is not granted.
    #[error("{release} cannot be loaded: {reason}")]
    Load {
        /// The plugin's release.
        release: Release,
        /// What wasmtime says.
        reason: String,
    },
    /// It ran longer than it may.
    #[error("{release} ran longer than {limit_ms} ms and was stopped")]
    Deadline {
        /// The plugin's release.
        release: Release,
        /// How long it may run.
        limit_ms: u128,
    },
    /// It ran more instructions than it may.
    #[error("{release} ran more than {limit_millions} million instructions and was stopped")]
    Fuel {
        /// The plugin's release.
        release: Release,
        /// How many it may run.
        limit_millions: u64,
    },
    /// It wanted more memory than it may have.
    #[error("{release} wanted more than {limit_mib} MiB of memory")]
    Memory {
        /// The plugin's release.
        release: Release,
        /// How much it may have.
        limit_mib: usize,
    },
    /// It wanted larger tables than it may have.
    #[error("{release} wanted tables of more than {limit} elements")]
    Table {
        /// The plugin's release.
        release: Release,
        /// How many elements it may have.
        limit: usize,
    },
    /// It is made of too many parts.
    #[error("{release} is made of more than {limit} core instances")]
    Instances {
        /// The plugin's release.
        release: Release,
        /// How many it may be made of.
        limit: usize,
    },
    /// It called itself too deeply.
    #[error("{release} used more than {limit_kib} KiB of stack")]
    Stack {
        /// The plugin's release.
        release: Release,
        /// How much it may use.
        limit_kib: usize,
    },
    /// It answered with more than it may.
    #[error("{release} answered with more than {limit_mib} MiB")]
    Output {
        /// The plugin's release.
        release: Release,
        /// How much it may answer.
        limit_mib: usize,
    },
    /// It logged more than it may.
    #[error("{release} logged more than {limit} lines")]
    LogLines {
        /// The plugin's release.
        release: Release,
        /// How many it may log.
        limit: usize,
    },
    /// It called the host too often.
    #[error("{release} called the host more than {limit} times")]
    HostCalls {
        /// The plugin's release.
        release: Release,
        /// How often it may call.
        limit: u64,
    },
    /// It sent more than it may.
    #[error("{release} wanted to send more than {limit_kib} KiB")]
    Traffic {
        /// The plugin's release.
        release: Release,
        /// How much it may send.
        limit_kib: usize,
    },
    /// It wanted to keep more than it may.
    #[error("{release} wanted to keep more than {limit_kib} KiB")]
    Kept {
        /// The plugin's release.
        release: Release,
        /// How much it may keep.
        limit_kib: usize,
    },
    /// Compiling it took too long.
    #[error("compiling {release} took more than {limit_s} s of processor time")]
    CompileTime {
        /// The plugin's release.
        release: Release,
        /// How much it may take.
        limit_s: u64,
    },
    /// Compiling it took too much memory.
    #[error("compiling {release} took more than {limit_mib} MiB of memory")]
    CompileMemory {
        /// The plugin's release.
        release: Release,
        /// How much it may take.
        limit_mib: u64,
    },
    /// It is called more often than it can answer.
    #[error("{release} is called more often than it answers: {limit} calls wait already")]
    TooManyCalls {
        /// The plugin's release.
        release: Release,
        /// How many may wait.
        limit: usize,
    },
    /// It has failed too often, and is left alone for a while.
    #[error(
        "{release} has failed {failures} times in a row and is left alone for {seconds} s; the last time: {last}"
    )]
    CircuitOpen {
        /// The plugin's release.
        release: Release,
        /// How often it has failed.
        failures: u32,
        /// How long it will be left alone, from now.
        seconds: u64,
        /// How it failed last.
        last: String,
    },
    /// It ended in a panic of its own.
    #[error("{release} panicked: {message}")]
    Panicked {
        /// The plugin's release.
        release: Release,
        /// The panic's message.
        message: String,
    },
    /// It ended in another trap.
    #[error("{release} trapped: {trap}")]
    Trapped {
        /// The plugin's release.
        release: Release,
        /// What wasmtime says of the trap.
        trap: String,
    },
    /// More calls at once than the sandbox has room for.
    #[error("the sandbox has no room for another call")]
    Busy,
    /// It looked at the request and says what stands in the way.
    #[error("{release} says: {}", say(.problems))]
    Problems {
        /// The plugin's release.
        release: Release,
        /// What stands in the way.
        problems: Vec<PlanProblem>,
    },
    /// Its plan breaks the contract.
    #[error("{release} made a plan that breaks the contract: {error}")]
    Plan {
        /// The plugin's release.
        release: Release,
        /// The rule that it breaks.
        error: PlanError,
    },
}

impl SandboxError {
    /// Whether the plugin is to blame, so that enough of them in a row have it left alone.
    pub(super) fn is_failure(&self) -> bool {
        !matches!(
            self,
            Self::Problems { .. }
                | Self::Busy
                | Self::TooManyCalls { .. }
                | Self::CircuitOpen { .. }
                | Self::Load { .. }
                | Self::CompileTime { .. }
                | Self::CompileMemory { .. }
        )
    }

    /// A stable word for what ended the call.
    pub fn word(&self) -> &'static str {
        self.kind().word
    }
}
