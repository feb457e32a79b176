//! What authors work with: a plugin's folder, its language, its cases, and trying it without a host.

pub mod cases;
pub mod language;
pub mod project;
pub mod starter;
pub mod trial;
