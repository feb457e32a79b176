//! A namespace that goes to somebody else: what its former owners have earned does not go with it, and what is earned from then on is
//! not paid to them.

use chandlery_accounts::{Account, Actor};
use chandlery_package::Namespace;
use chandlery_package::wire::PartnerBalance;
use chandlery_store::Write;
use jiff::Timestamp;

use super::{balances, leaving, profiles};
use crate::Error;

/// Lets a namespace go, in the transaction of what follows from it: refused while it earns, is paid or owes, since that is its former
/// owners'; from then on it is paid by hand, until its new owner says how.
pub async fn hand_over(
    write: &mut Write,
    actor: &Actor,
    operator: &Account,
    partner: &Namespace,
    now: Timestamp,
) -> Result<(), Error> {
    for balance in balances(write, partner, now).await? {
        let PartnerBalance { accrued, on_hold, reserve, available, disputed, in_transit, owed, .. } = balance;
        let open = [accrued, on_hold, reserve, available, disputed, in_transit, owed];
        if open.iter().any(|balance| !balance.is_zero()) {
            return Err(Error::Conflict(format!(
                "'{partner}' has earnings or debts that are its owners': they are settled before it goes to somebody else"
            )));
        }
    }
    leaving::mark(write, actor, partner, &operator.name, false, now).await?;
    profiles::forget(write, actor, &operator.name, partner, now).await
}
