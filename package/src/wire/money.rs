//! What the registry and its clients say to each other of money.

mod approvals;
mod bank;
mod billing;
mod books;
mod chains;
mod consultants;
mod debts;
mod documents;
mod earnings;
mod entitlements;
mod explain;
mod figures;
mod payouts;
mod processor;
mod reports;
mod subscriptions;
mod usage;

pub use approvals::*;
pub use bank::*;
pub use billing::*;
pub use books::*;
pub use chains::*;
pub use consultants::*;
pub use debts::*;
pub use documents::*;
pub use earnings::*;
pub use entitlements::*;
pub use explain::*;
pub use figures::*;
pub use payouts::*;
pub use processor::*;
pub use reports::*;
pub use subscriptions::*;
pub use usage::*;
