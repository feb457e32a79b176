//! What is above all rooms that earn, owe and pay: the close of a month, the invariants that tie their rows to the ledger, and what
//! is due by the clock.

mod closing;
pub mod invariants;
mod laws;
mod routes;
#[cfg(test)]
mod tests;

pub(crate) use closing::close_within;
pub use closing::{close, due, must_be_due};
pub use routes::routes;

pub use crate::billing::rating::aside::{Place as SetAsidePlace, list as set_aside};

use chandlery_store::Db;
use jiff::Timestamp;

use crate::{Error, billing, budgets, sharing};

/// Does all that is due about money by a moment of the registry's clock: holds end, customers are reminded, subscriptions are renewed or end,
/// and whoever has a budget is told of what is spent of it.
pub async fn do_what_is_due(db: &Db, now: Timestamp) -> Result<(), Error> {
    sharing::release_matured(db, now).await?;
    billing::remind(db, now).await?;
    billing::tell_of_trials(db, now).await?;
    billing::tell_of_ends(db, now).await?;
    billing::advance_all(db, now).await?;
    budgets::warn(db, now).await
}
