//! The account that the marketplace pays from, and what its bank takes.

use chandlery_package::wire::BankAccount;
use chandlery_store::{Db, Facts};

use crate::Error;

/// The fact that it is.
pub(super) const BANK_ACCOUNT: &str = "bank-account";

/// The account, or that none is set.
pub(super) async fn own_account(db: &Db) -> Result<BankAccount, Error> {
    let none =
        || Error::Conflict("no bank account is set to pay from: `chandlery payouts from` sets it".into());
    find(db).await?.ok_or_else(none)
}

/// The account, if one is set.
pub(super) async fn find(db: &Db) -> Result<Option<BankAccount>, Error> {
    let Some(text) = Facts(db).get(BANK_ACCOUNT).await? else { return Ok(None) };
    let account = serde_json::from_str(&text);
    account.map(Some).map_err(|_| Error::Damaged("the bank account cannot be read".into()))
}
