//! Where plugins run.
//!
//! A [`Sandbox`] compiles a component once, outside this process where it can ([`Worker`]), and runs each call in a fresh
//! instance within [`Limits`]; each limit ends in an error of its own ([`SandboxError`]). A template or a policy is a pure
//! function. An integration may do what its [`Capabilities`] grant, and every use is noted.
//!
//! Each published version of the contract in `wit/` has a module that turns its types into the package's, so that the rest
//! knows one version alone.
//!
//! Nothing here knows where plugins come from, who consented to what they ask for, or what becomes of a plan. Nothing is
//! written but the cache of compiled code, and no code is loaded that this user's compiler did not make.

mod cache;
mod calls;
mod capabilities;
mod compiler;
mod contract_0_1_0;
mod control;
mod engine;
mod error;
mod event;
mod guard;
mod kinds;
mod limits;
mod questions;
mod sandbox;
mod state;
mod worker;

pub use capabilities::{Capabilities, Use};
pub use compiler::inspect;
pub use control::{Control, DeploymentState, ReplicaState};
pub use error::SandboxError;
pub use event::{Event, EventKind};
pub use kinds::KINDS;
pub use limits::Limits;
pub use questions::{Reaction, Request, Review, Running, Verdict};
pub use sandbox::{Plugin, Sandbox};
pub use worker::{Job, Work, Worker};
