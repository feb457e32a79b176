//! What is not as it should be yet. These lists only become shorter.

/// References that close a circle of files.
pub const FILES: &[(&str, &str)] = &[];
/// References that close a circle of rooms.
pub const ROOMS: &[(&str, &str)] = &[];
/// Crates that are built on one that is not below them.
pub const ARROWS: &[&str] = &[];
/// Tables that several rooms write, and files with statements that do not name what they write.
pub const TABLES: &[&str] = &[];
/// Calls that block a thread of a server.
pub const BLOCKING: &[&str] = &[];
/// Files of too many lines.
pub const LONG: &[&str] = &[];
/// How many docs of one or two words a crate has.
pub const SHORT_DOCS: &[(&str, usize)] = &[];
