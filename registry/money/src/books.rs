//! What is above all rooms that earn, owe and pay: the close of a month, the invariants that tie their rows to the ledger, and what
//! is due by the clock.

mod closing;
pub mod invariants;
mod laws;
mod routes;
#[cfg(test)]
mod tests;

pub use closing::{close, due};
pub use routes::routes;

use chandlery_store::Db;
use jiff::Timestamp;

use crate::{Error, billing, sharing};

/// Does all that is due about money by a moment of the registry's clock: holds end, customers are reminded, subscriptions are renewed or end.
pub async fn do_what_is_due(db: &Db, now: Timestamp) -> Result<(), Error> {
    sharing::release_matured(db, now).await?;
    billing::remind(db, now).await?;
    billing::tell_of_trials(db, now).await?;
    billing::tell_of_ends(db, now).await?;
    billing::advance_all(db, now).await
}
