//! What becomes of the audit trail beyond the database: its head is in the log, and its entries are told elsewhere. Whoever changes the
//! trail would have to change those, too.

mod export;
mod heads;
mod page;
mod syslog;
mod webhook;

pub use export::{Exports, behind, export};
pub use heads::log_head;
pub use page::pages;
pub use syslog::Syslog;
pub use webhook::Webhook;
