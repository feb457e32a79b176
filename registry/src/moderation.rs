//! Moderation: what operators do where a plugin may be the danger.

mod advisories;
mod quarantine;
mod reports;
mod routes;

pub use routes::routes;
