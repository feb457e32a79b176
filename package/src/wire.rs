//! What servers and their clients say to each other in JSON, below `/api/v1`.

pub mod host;
mod money;
mod page;
mod registry;

pub use money::*;
pub use page::*;
pub use registry::*;
