//! What a call may use, and what it has used.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// What one call may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Time from its start, waiting and the host's work included.
    pub time: Duration,
    /// The same for a call of an integration, which may wait for others.
    pub integration_time: Duration,
    /// Instructions, as wasmtime counts fuel. Unlike time it is the same on every machine, so that whether there is a
    /// plan does not depend on where it is made.
    pub fuel: u64,
    /// Linear memory, in bytes, of all its memories together.
    pub memory_bytes: usize,
    /// Elements of all its tables together.
    pub table_elements: usize,
    /// Core instances that it is made of.
    pub instances: usize,
    /// Stack, in bytes.
    pub stack_bytes: usize,
    /// What it may hand to the host in one call or answer, in bytes.
    pub output_bytes: usize,
    /// Lines it may log.
    pub log_lines: usize,
    /// Calls of the host's functions.
    pub host_calls: u64,
    /// What its HTTP requests may send, in bytes, all together; and what each may receive.
    pub traffic_bytes: usize,
    /// What it may keep between calls, in bytes, keys included.
    pub kept_bytes: usize,
    /// Calls of one plugin that may run at once; others wait.
    pub calls_at_once: usize,
    /// Calls of one plugin that may wait.
    pub calls_waiting: usize,
    /// Calls that may fail one after another before the plugin is left alone for a while.
    pub failures: u32,
    /// How long it is left alone.
    pub cool_down: Duration,
    /// Processor time for compiling it.
    pub compile_time: Duration,
    /// Memory for compiling it, in bytes.
    pub compile_bytes: u64,
    /// Compiled plugins that are kept in memory; others are loaded from the cache again.
    pub loaded: usize,
    /// Compiled code that is kept on disk, in bytes, all together: what was loaded longest ago goes first, and is compiled again.
    pub code_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            time: Duration::from_secs(5),
            integration_time: Duration::from_secs(15),
            fuel: 1_000_000_000,
            memory_bytes: 64 << 20,
            table_elements: 20_000,
            instances: 100,
            stack_bytes: 512 << 10,
            output_bytes: 4 << 20,
            log_lines: 200,
            host_calls: 10_000,
            traffic_bytes: 1 << 20,
            kept_bytes: 1 << 20,
            // However busy one plugin is, there are processors for the others.
            calls_at_once: (cores / 2).max(1),
            calls_waiting: 64,
            failures: 5,
            cool_down: Duration::from_secs(30),
            compile_time: Duration::from_secs(60),
            compile_bytes: 4 << 30,
            loaded: 4096,
            // As much as is installed.
            code_bytes: u64::MAX,
        }
    }
}

/// A limit that something was refused for. wasmtime turns what follows from a refusal into its own errors, so it is
/// remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Memory,
    Table,
    LogLines,
    HostCalls,
    Traffic,
    Kept,
}

impl Refused {
    /// Whether a call has failed by it, whatever else it answered. A plugin may do with less memory than it wanted.
    pub(super) fn ends_calls(self) -> bool {
        !matches!(self, Self::Memory | Self::Table)
    }
}

/// What a call has taken of what several things share: a component may have any number of memories and tables.
pub(super) struct Meter {
    pub(super) memory_bytes: Allowance,
    table_elements: Allowance,
    instances: usize,
    pub(super) host_calls: u64,
    pub(super) refused: Option<Refused>,
}

pub(super) struct Allowance {
    limit: usize,
    used: usize,
}

impl Allowance {
    fn of(limit: usize) -> Self {
        Self { limit, used: 0 }
    }

    pub(super) fn used(&self) -> usize {
        self.used
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

impl Meter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            memory_bytes: Allowance::of(limits.memory_bytes),
            table_elements: Allowance::of(limits.table_elements),
            instances: limits.instances,
            host_calls: 0,
            refused: None,
        }
    }
}

impl ResourceLimiter for Meter {
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

    fn instances(&self) -> usize {
        self.instances
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_share_one_limit_and_so_do_tables() {
        let mut meter = Meter::new(&Limits { memory_bytes: 100, table_elements: 10, ..Limits::default() });
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(meter.memory_growing(0, 30, None).unwrap());
        // Growing counts by the difference.
        assert!(meter.memory_growing(60, 70, None).unwrap());
        assert!(meter.refused.is_none());
        assert!(!meter.memory_growing(30, 31, None).unwrap());
        assert!(meter.refused == Some(Refused::Memory));
        // What was refused is not counted.
        assert!(meter.memory_growing(30, 30, None).unwrap());
        assert_eq!(meter.memory_bytes.used(), 100);
        assert!(meter.table_growing(0, 10, None).unwrap());
        assert!(!meter.table_growing(0, 1, None).unwrap());
        assert!(meter.refused == Some(Refused::Table));
    }
}
