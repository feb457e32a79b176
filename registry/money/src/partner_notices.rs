//! What partners are told of what they earn: of sales, refunds, disputes and payouts, by mail and by webhooks, as each has chosen.
//!
//! A notice is written in the transaction that it is about, for those who want it alone. From there it goes out by itself: several in one
//! mail, and each to every webhook that wants it, at least once, by an id that stays the same.

mod announcing;
mod choices;
mod deliveries;
mod delivering;
mod handing_over;
mod mailing;
mod routes;
mod sending;
#[cfg(test)]
mod tests;
mod webhooks;

pub(crate) use announcing::{News, announce};
pub use choices::{choose, chosen};
pub use deliveries::{list as deliveries, send_again};
pub use delivering::{deliver, forget_told};
pub use handing_over::hand_over;
pub use mailing::mail;
pub use routes::routes;
pub use webhooks::{enable, list as webhooks, make, remove, rotate, test};
