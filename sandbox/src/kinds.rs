//! The stable words of calls that end badly.

use chandlery_package::problem::{Explain, Explanation, Kind};

use crate::SandboxError;

/// A plugin that failed: nothing that it began has an effect.
const fn failed(word: &'static str, when: &'static str) -> Kind {
    let remedy = Some("nothing was changed; tell the plugin's publisher");
    Kind { word, status: 422, title: "The plugin failed", when, remedy }
}

/// A call for which there is no room at the moment.
const fn no_room(word: &'static str, when: &'static str) -> Kind {
    Kind { word, status: 503, title: "Busy", when, remedy: Some("try again in a moment") }
}

const LOAD: Kind = failed("cannot-load", "a component cannot be compiled, or imports what is not granted");
const DEADLINE: Kind = failed("deadline", "a plugin runs longer than it may");
const FUEL: Kind = failed("fuel-limit", "a plugin runs more instructions than it may");
const MEMORY: Kind = failed("memory-limit", "a plugin wants more memory than it may have");
const TABLE: Kind = failed("table-limit", "a plugin wants larger tables than it may have");
const INSTANCES: Kind = failed("instance-limit", "a plugin is made of more parts than it may be");
const STACK: Kind = failed("stack-limit", "a plugin calls itself too deeply");
const OUTPUT: Kind = failed("output-limit", "a plugin answers with more than it may");
const LOG_LINES: Kind = failed("log-limit", "a plugin logs more than it may");
const HOST_CALLS: Kind = failed("host-call-limit", "a plugin calls the host more often than it may");
const TRAFFIC: Kind = failed("traffic-limit", "an integration sends more than it may");
const KEPT: Kind = failed("keyvalue-limit", "an integration keeps more than it may");
const COMPILE_TIME: Kind = failed("compile-time-limit", "compiling a plugin takes longer than it may");
const COMPILE_MEMORY: Kind =
    failed("compile-memory-limit", "compiling a plugin takes more memory than it may");
const PANICKED: Kind = failed("panicked", "a plugin panics; its message follows");
const TRAPPED: Kind = failed("trapped", "a plugin ends in a trap of WebAssembly, such as a division by zero");
const PLAN: Kind = failed("invalid-plan", "a template makes a plan that breaks the contract");
const TOO_MANY_CALLS: Kind = no_room("too-many-calls", "more calls of one plugin wait than it can answer");
const CIRCUIT_OPEN: Kind =
    no_room("circuit-open", "a plugin has failed several times in a row, and is left alone for a while");
const BUSY: Kind = no_room("busy", "more plugins are called at once than there is room for");
const PROBLEMS: Kind = Kind {
    word: "no-plan",
    status: 422,
    title: "No plan",
    when: "a template says what stands in the way of a plan",
    remedy: Some("change the parameters, or the target"),
};

/// The kinds of this crate.
pub const KINDS: &[&Kind] = &[
    &LOAD,
    &DEADLINE,
    &FUEL,
    &MEMORY,
    &TABLE,
    &INSTANCES,
    &STACK,
    &OUTPUT,
    &LOG_LINES,
    &HOST_CALLS,
    &TRAFFIC,
    &KEPT,
    &COMPILE_TIME,
    &COMPILE_MEMORY,
    &PANICKED,
    &TRAPPED,
    &PLAN,
    &TOO_MANY_CALLS,
    &CIRCUIT_OPEN,
    &BUSY,
    &PROBLEMS,
];

impl Explain for SandboxError {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::Load { .. } => &LOAD,
            Self::Deadline { .. } => &DEADLINE,
            Self::Fuel { .. } => &FUEL,
            Self::Memory { .. } => &MEMORY,
            Self::Table { .. } => &TABLE,
            Self::Instances { .. } => &INSTANCES,
            Self::Stack { .. } => &STACK,
            Self::Output { .. } => &OUTPUT,
            Self::LogLines { .. } => &LOG_LINES,
            Self::HostCalls { .. } => &HOST_CALLS,
            Self::Traffic { .. } => &TRAFFIC,
            Self::Kept { .. } => &KEPT,
            Self::CompileTime { .. } => &COMPILE_TIME,
            Self::CompileMemory { .. } => &COMPILE_MEMORY,
            Self::Panicked { .. } => &PANICKED,
            Self::Trapped { .. } => &TRAPPED,
            Self::Plan { .. } => &PLAN,
            Self::TooManyCalls { .. } => &TOO_MANY_CALLS,
            Self::CircuitOpen { .. } => &CIRCUIT_OPEN,
            Self::Busy => &BUSY,
            Self::Problems { .. } => &PROBLEMS,
        };
        kind.into()
    }
}
