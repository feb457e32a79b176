//! A simulated marketplace: a real registry in a process of its own, and everybody who would use it, acting by chance. The same
//! seed acts in the same way. It is the test of the money as a whole, its load, and what there is to look at in a demo.

mod market;
mod opening;
mod server;

pub use market::Market;

use std::path::PathBuf;

/// What to simulate.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The same seed makes the same market.
    pub seed: u64,
    /// For how long.
    pub months: u32,
    /// How many customers there may be.
    pub customers: usize,
    /// How many requests, of a thousand, are cut off by a SIGKILL.
    pub kills: u32,
    /// How many usage events are sent at once, at most.
    pub batch: usize,
    /// Whether to say why something was refused.
    pub refusals: bool,
    /// Where the registry keeps everything.
    pub data: PathBuf,
    /// The database; none: SQLite in the data folder.
    pub database: Option<String>,
}
