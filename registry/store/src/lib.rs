//! What a registry keeps: a database and a blob store that all its rooms share, the facts that it knows of itself, and the time that
//! holds for its money. Nothing here knows HTTP or a domain.

pub mod clock;
pub mod content;
pub mod db;
mod error;
pub mod facts;
pub mod files;
pub mod storage;

pub use clock::Clock;
pub use content::ContentDigest;
pub use db::{BeforeCommit, Cell, Db, Write, insert_rows, places, time};
pub use error::{Error, INTERNAL, KINDS, NOT_READY};
pub use facts::Facts;
pub use storage::Storage;
