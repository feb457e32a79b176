//! Stripe as a registry sees it, for tests: an endpoint with payments, refunds, disputes, transfers and payouts, and an account of its
//! own of every cent. Nothing of it is shared with the registry: what both say must be the same.
//!
//! <https://docs.stripe.com/api>

mod account;
mod disputes;
mod endpoint;
mod signature;

pub use account::Account;
pub use endpoint::Stripe;
pub use signature::sign;
