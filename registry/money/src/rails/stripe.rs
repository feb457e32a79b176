//! Stripe: payment intents, refunds, disputes, transfers to connected accounts, payouts to the marketplace's bank.
//!
//! Events come in any order, several times, or late. Each is kept when it arrives, and then the books follow the state of the
//! object that it is about, asked for again, so that neither an event's name nor its order matters. What it is about must be in the
//! books before: until then it is parked.
//!
//! <https://docs.stripe.com/api>, <https://docs.stripe.com/webhooks>

mod client;
mod disputes;
mod event;
mod events;
mod hosted;
mod intents;
mod movements;
mod object;
mod payments;
mod refunds;
mod refused;
#[cfg(test)]
mod tests;
mod transfers;
mod unfollowed;
mod webhook;

pub use disputes::ToldDispute;
pub(crate) use disputes::{answer_by, payer, told};
pub(crate) use events::of_object as events_of;
pub use events::{count as count_events, find as find_event, list as list_events};
pub use hosted::{PaymentPage, is_offered as offers_page, payment_page};
pub use intents::begin;
pub use payments::{give_back as give_surplus_back, list as list_surplus, surplus_of};
pub(super) use refused::settle as settle_refused;
pub use unfollowed::{count as count_unfollowed, in_words as unfollowed_in_words};
pub use webhook::receive;
pub(super) use webhook::retry as retry_parked;
