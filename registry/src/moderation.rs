//! Moderation: what operators do where a plugin may be the danger.

mod advisories;
mod pages;
mod quarantine;
mod reports;
mod routes;
mod transfer;

pub use pages::pages;
pub use reports::count_open as count_reports;
pub use routes::routes;
