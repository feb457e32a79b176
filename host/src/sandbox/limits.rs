//! What a call may use, and which limit ended one that wanted more.

use std::time::Duration;

use chandlery_package::Release;
use wasmtime::{Error, ResourceLimiter, Trap};

use super::SandboxError;

/// What one call may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Time from its start, waiting included.
    pub time: Duration,
    /// Linear memory, in bytes, of all its memories together.
    pub memory_bytes: usize,
    /// Elements of all its tables together.
    pub table_elements: usize,
    /// Stack, in bytes.
    pub stack_bytes: usize,
    /// What it may hand to the host in one call or answer, in bytes.
    pub output_bytes: usize,
    /// Lines it may log.
    pub log_lines: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(1),
            memory_bytes: 64 << 20,
            table_elements: 20_000,
            stack_bytes: 512 << 10,
            output_bytes: 4 << 20,
            log_lines: 200,
        }
    }
}

/// The longest line that is kept of a plugin's log.
const LOG_LINE_CHARACTERS_MAX: usize = 1000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Refused {
    Memory,
    Table,
}

/// A call's own state.
pub(super) struct State {
    memory_bytes: Allowance,
    table_elements: Allowance,
    log_lines: usize,
    refused: Option<Refused>,
    lines: Vec<(Severity, String)>,
    dropped: usize,
}

/// What is left of a limit that several things share: a component may have any number of memories and tables.
struct Allowance {
    limit: usize,
    used: usize,
}

impl Allowance {
    fn of(limit: usize) -> Self {
        Self { limit, used: 0 }
    }

    /// Whether one of them may grow. What was granted and then failed stays counted.
    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let used = self.used.saturating_sub(current).saturating_add(desired);
        let granted = used <= self.limit;
        if granted {
            self.used = used;
        }
        granted
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Quiet,
    Loud,
    Critical,
}

impl State {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            memory_bytes: Allowance::of(limits.memory_bytes),
            table_elements: Allowance::of(limits.table_elements),
            log_lines: limits.log_lines,
            refused: None,
            lines: Vec::new(),
            dropped: 0,
        }
    }

    pub(super) fn limiter(&mut self) -> &mut dyn ResourceLimiter {
        self
    }

    /// A critical line is always kept: it is how a panic says its message.
    pub(super) fn add_line(&mut self, severity: Severity, message: &str) {
        if self.lines.len() < self.log_lines || severity == Severity::Critical {
            if severity == Severity::Critical {
                self.lines.retain(|(kept, _)| *kept != Severity::Critical);
            }
            self.lines.push((severity, message.chars().take(LOG_LINE_CHARACTERS_MAX).collect()));
        } else {
            self.dropped += 1;
        }
    }

    /// Hands what the plugin said to the host's log.
    pub(super) fn log(&self, release: &Release) {
        for (severity, line) in &self.lines {
            match severity {
                Severity::Quiet => tracing::debug!(plugin = %release, "{line}"),
                Severity::Loud | Severity::Critical => tracing::warn!(plugin = %release, "{line}"),
            }
        }
        if self.dropped > 0 {
            tracing::warn!(plugin = %release, dropped = self.dropped, "it logged more lines than it may");
        }
    }

    /// What ended a call. A refused allocation makes a guest abort, so the refusal explains the trap that followed.
    pub(super) fn explain(&self, error: &Error, limits: &Limits, release: Release) -> SandboxError {
        let critical = self.lines.iter().find(|(severity, _)| *severity == Severity::Critical);
        match (self.refused, error.downcast_ref::<Trap>(), critical) {
            (_, Some(Trap::Interrupt), _) => {
                SandboxError::Deadline { release, limit_ms: limits.time.as_millis() }
            }
            (_, Some(Trap::StackOverflow), _) => {
                SandboxError::Stack { release, limit_kib: limits.stack_bytes >> 10 }
            }
            (Some(Refused::Memory), _, _) => {
                SandboxError::Memory { release, limit_mib: limits.memory_bytes >> 20 }
            }
            (Some(Refused::Table), _, _) => SandboxError::Table { release, limit: limits.table_elements },
            (None, Some(Trap::UnreachableCodeReached), Some((_, message))) => {
                SandboxError::Panicked { release, message: message.clone() }
            }
            (None, Some(trap), _) => SandboxError::Trapped { release, trap: trap.to_string() },
            (None, None, _) if is_output_limit(error) => {
                SandboxError::Output { release, limit_mib: limits.output_bytes >> 20 }
            }
            (None, None, _) if error.is::<wasmtime::PoolConcurrencyLimitError>() => SandboxError::Busy,
            (None, None, _) => SandboxError::Trapped { release, trap: format!("{error:#}") },
        }
    }
}

/// wasmtime has no type for this one.
fn is_output_limit(error: &Error) -> bool {
    format!("{error:#}").contains("fuel allocated for hostcalls has been exhausted")
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let granted = self.memory_bytes.grow(current, desired);
        if !granted {
            self.refused = Some(Refused::Memory);
        }
        Ok(granted)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let granted = self.table_elements.grow(current, desired);
        if !granted {
            self.refused = Some(Refused::Table);
        }
        Ok(granted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_share_one_limit_and_so_do_tables() {
        let limits = Limits { memory_bytes: 100, table_elements: 10, ..Limits::default() };
        let mut state = State::new(&limits);
        assert!(state.memory_growing(0, 60, None).unwrap());
        assert!(state.memory_growing(0, 30, None).unwrap());
        // Growing counts by the difference.
        assert!(state.memory_growing(60, 70, None).unwrap());
        assert!(state.refused.is_none());
        assert!(!state.memory_growing(30, 31, None).unwrap());
        assert!(state.refused == Some(Refused::Memory));
        // What was refused is not counted.
        assert!(state.memory_growing(30, 30, None).unwrap());
        assert!(state.table_growing(0, 10, None).unwrap());
        assert!(!state.table_growing(0, 1, None).unwrap());
        assert!(state.refused == Some(Refused::Table));
    }
}
