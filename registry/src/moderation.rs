//! Moderation: what operators do where a plugin may be the danger.

mod advisories;
mod quarantine;
mod reports;
mod routes;
mod transfer;

pub use routes::routes;
