//! What is above all rooms that earn, owe and pay: the close of a month, the invariants that tie their rows to the ledger, and what
//! is due by the clock.

mod closing;
pub mod invariants;
mod routes;

pub use closing::{Closed, close, due};
pub use routes::routes;

use crate::{Error, Finance, billing, sharing};

/// Does all that is due about money by the registry's clock: holds end, customers are reminded, subscriptions are renewed or end.
pub async fn do_what_is_due(finance: &Finance) -> Result<(), Error> {
    let now = finance.clock.now();
    sharing::release_matured(&finance.db, now).await?;
    billing::remind(&finance.db, now).await?;
    billing::tell_of_trials(&finance.db, now).await?;
    billing::advance_all(&finance.db, now).await
}
