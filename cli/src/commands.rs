//! The commands, a file each.

pub mod account;
pub mod build;
pub mod deploy;
pub mod host;
pub mod install;
pub mod keys;
pub mod log;
pub mod logs;
pub mod namespace;
pub mod orders;
pub mod payouts;
pub mod plan;
pub mod publish;
pub mod registry;
pub mod releases;
pub mod remove;
pub mod replay;
pub mod search;
pub mod status;
pub mod tokens;
pub mod up;
pub mod usage;
pub mod verify;
pub mod witness;
