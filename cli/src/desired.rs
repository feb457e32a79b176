//! Desired state: files that say which deployments there should be, the lock beside them, and how what runs differs.

pub mod compare;
pub mod export;
pub mod layers;
pub mod lock;
pub mod place;
pub mod told;

mod file;
mod releases;
