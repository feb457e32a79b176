//! What the registry and its clients say to each other of money.

mod billing;
mod consultants;
mod payouts;
mod subscriptions;

pub use billing::*;
pub use consultants::*;
pub use payouts::*;
pub use subscriptions::*;
