//! What the registry and its clients say to each other of accounts, releases and the log.

mod accounts;
mod audit;
mod catalog;
mod directory;
mod domains;
mod factors;
mod listing;
mod log;
mod moderation;
mod operation;
mod organisations;
mod passkeys;
mod people;
mod reviews;
mod sign_on;
mod trusted;

pub use accounts::*;
pub use audit::*;
pub use catalog::*;
pub use directory::*;
pub use domains::*;
pub use factors::*;
pub use listing::*;
pub use log::*;
pub use moderation::*;
pub use operation::*;
pub use organisations::*;
pub use passkeys::*;
pub use people::*;
pub use reviews::*;
pub use sign_on::*;
pub use trusted::*;
