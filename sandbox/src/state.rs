//! A call's own state: what it has used and said, and what it was granted.

use std::time::Duration;

use chandlery_package::Release;
use wasmtime::component::ResourceTable;
use wasmtime::{CallHook, Error, ResourceLimiter, StoreContextMut, Trap};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::capabilities::Capabilities;
use crate::capabilities::http::{Body, Io};
use crate::error::SandboxError;
use crate::limits::{Limits, Meter, Refused};

/// The longest line that is kept of a plugin's log.
const LOG_LINE_CHARACTERS_MAX: usize = 1000;

pub(super) struct State {
    limits: Limits,
    pub(super) meter: Meter,
    lines: Vec<(Severity, String)>,
    table: ResourceTable,
    http: WasiHttpCtx,
    closed: Closed,
    capabilities: Option<Box<Capabilities>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Quiet,
    Loud,
    Critical,
}

impl State {
    /// Of a call that is granted nothing but words.
    pub(super) fn pure(limits: &Limits) -> Self {
        Self {
            meter: Meter::new(limits),
            limits: limits.clone(),
            lines: Vec::new(),
            table: ResourceTable::new(),
            http: WasiHttpCtx::new(),
            closed: Closed,
            capabilities: None,
        }
    }

    pub(super) fn with(limits: &Limits, capabilities: Capabilities) -> Self {
        Self { capabilities: Some(Box::new(capabilities)), ..Self::pure(limits) }
    }

    pub(super) fn limiter(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.meter
    }

    /// How long the call may take.
    pub(super) fn time(&self) -> Duration {
        self.limits.time
    }

    /// Counts the calls of the host's functions.
    pub(super) fn count_host_call(
        mut store: StoreContextMut<'_, Self>,
        hook: CallHook,
    ) -> wasmtime::Result<()> {
        if !matches!(hook, CallHook::CallingHost) {
            return Ok(());
        }
        let state = store.data_mut();
        state.meter.host_calls += 1;
        match state.meter.host_calls > state.limits.host_calls {
            true => Err(state.refuse(Refused::HostCalls)),
            false => Ok(()),
        }
    }

    /// Ends the call for a limit.
    fn refuse(&mut self, limit: Refused) -> Error {
        self.meter.refused = Some(limit);
        Error::msg(format!("{limit:?}"))
    }

    /// What the call was granted. Pure calls have no functions that ask.
    pub(super) fn capabilities(&mut self) -> wasmtime::Result<&mut Capabilities> {
        self.capabilities.as_deref_mut().ok_or_else(|| Error::msg("a pure call has no capabilities"))
    }

    pub(super) fn into_capabilities(self) -> Option<Capabilities> {
        self.capabilities.map(|capabilities| *capabilities)
    }

    pub(super) fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// Keeps a value for later calls.
    pub(super) fn keep(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<()> {
        let limit = self.limits.kept_bytes;
        let kept = &mut self.capabilities()?.kept;
        let others: usize =
            kept.iter().filter(|(other, _)| **other != key).map(|(key, value)| key.len() + value.len()).sum();
        if others + key.len() + value.len() > limit {
            return Err(self.refuse(Refused::Kept));
        }
        kept.insert(key, value);
        Ok(())
    }

    /// A critical line is always kept: it is how a panic says its message.
    pub(super) fn add_line(&mut self, severity: Severity, message: &str) -> wasmtime::Result<()> {
        if severity == Severity::Critical {
            self.lines.retain(|(kept, _)| *kept != Severity::Critical);
        } else if self.lines.len() >= self.limits.log_lines {
            return Err(self.refuse(Refused::LogLines));
        }
        self.lines.push((severity, message.chars().take(LOG_LINE_CHARACTERS_MAX).collect()));
        Ok(())
    }

    /// Hands what the plugin said to the host's log.
    pub(super) fn log(&self, release: &Release) {
        for (severity, line) in &self.lines {
            // It writes no lines in the name of others.
            let line = line.replace(char::is_control, " ");
            match severity {
                Severity::Quiet => tracing::debug!(plugin = %release, "{line}"),
                Severity::Loud | Severity::Critical => tracing::warn!(plugin = %release, "{line}"),
            }
        }
    }

    /// The limit that something was refused for, whatever the plugin made of the refusal.
    pub(super) fn refused(&self) -> Option<Refused> {
        let traffic =
            || self.capabilities.as_ref().is_some_and(|capabilities| capabilities.exceeded_traffic());
        self.meter.refused.or_else(|| traffic().then_some(Refused::Traffic))
    }

    /// What ended a call. A refused allocation makes a guest abort, so the refusal explains the trap that followed.
    pub(super) fn explain(&self, error: &Error, release: Release) -> SandboxError {
        let limits = &self.limits;
        let critical = self.lines.iter().find(|(severity, _)| *severity == Severity::Critical);
        match (self.refused(), error.downcast_ref::<Trap>(), critical) {
            (_, Some(Trap::Interrupt), _) => {
                SandboxError::Deadline { release, limit_ms: limits.time.as_millis() }
            }
            (_, Some(Trap::OutOfFuel), _) => {
                SandboxError::Fuel { release, limit_millions: limits.fuel / 1_000_000 }
            }
            (_, Some(Trap::StackOverflow), _) => {
                SandboxError::Stack { release, limit_kib: limits.stack_bytes >> 10 }
            }
            (Some(refused), _, _) => self.explain_refusal(refused, release),
            (None, Some(Trap::UnreachableCodeReached), Some((_, message))) => {
                SandboxError::Panicked { release, message: message.clone() }
            }
            (None, Some(trap), _) => SandboxError::Trapped { release, trap: trap.to_string() },
            (None, None, _) if error.is::<wasmtime::PoolConcurrencyLimitError>() => SandboxError::Busy,
            (None, None, _) => {
                let says = format!("{error:#}");
                // wasmtime has no types for these two.
                match says {
                    _ if says.contains("fuel allocated for hostcalls has been exhausted") => {
                        SandboxError::Output { release, limit_mib: limits.output_bytes >> 20 }
                    }
                    _ if says.contains("instance count too high") => {
                        SandboxError::Instances { release, limit: limits.instances }
                    }
                    trap => SandboxError::Trapped { release, trap },
                }
            }
        }
    }

    pub(super) fn explain_refusal(&self, refused: Refused, release: Release) -> SandboxError {
        let limits = &self.limits;
        match refused {
            Refused::Memory => SandboxError::Memory { release, limit_mib: limits.memory_bytes >> 20 },
            Refused::Table => SandboxError::Table { release, limit: limits.table_elements },
            Refused::LogLines => SandboxError::LogLines { release, limit: limits.log_lines },
            Refused::HostCalls => SandboxError::HostCalls { release, limit: limits.host_calls },
            Refused::Traffic => SandboxError::Traffic { release, limit_kib: limits.traffic_bytes >> 10 },
            Refused::Kept => SandboxError::Kept { release, limit_kib: limits.kept_bytes >> 10 },
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let hooks: &mut dyn WasiHttpHooks = match self.capabilities.as_deref_mut() {
            Some(capabilities) => &mut capabilities.outgoing,
            None => &mut self.closed,
        };
        WasiHttpCtxView { hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// The way out of a call that has none.
struct Closed;

impl WasiHttpHooks for Closed {
    fn send_request(
        &mut self,
        _: http::Request<Body>,
        _: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(http::Response<Body>, Io), HttpError>> + Send> {
        Box::new(async { Err(HttpError::HttpRequestDenied) })
    }
}
