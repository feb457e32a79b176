//! The account that the marketplace pays from, and what its bank takes.

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::wire::{Act, BankAccount};
use chandlery_store::{Db, Facts, Write};
use serde_json::{Value, json};

use crate::{Error, payouts};

/// The fact that it is.
pub(super) const BANK_ACCOUNT: &str = "bank-account";

/// The account, or that none is set.
pub(super) async fn own_account(db: &Db) -> Result<BankAccount, Error> {
    let none =
        || Error::Conflict("no bank account is set to pay from: `chandlery payouts from` sets it".into());
    find(db).await?.ok_or_else(none)
}

/// Sets it, where that changes anything.
pub(crate) async fn set(write: &mut Write, actor: &Actor, account: &BankAccount) -> Result<(), Error> {
    check(account)?;
    let text = json!(account).to_string();
    let known: Option<(String,)> = sqlx::query_as("select value from facts where name = $1")
        .bind(BANK_ACCOUNT)
        .fetch_optional(&mut **write)
        .await?;
    if known != Some((text.clone(),)) {
        Facts::set_within(write, BANK_ACCOUNT, &text).await?;
        record(write, actor, Act::BankAccountSet, BANK_ACCOUNT, Value::Null, Value::Null).await?;
    }
    Ok(())
}

/// Refuses what no bank knows, and a fee below zero.
pub(super) fn check(account: &BankAccount) -> Result<(), Error> {
    payouts::check_account(&account.holder, &account.iban, Some(&account.bic))?;
    match account.fees_max.iter().find(|most| most.minor() < 0) {
        Some(wrong) => Err(Error::Invalid(format!("a bank takes nothing or more, not {wrong}"))),
        None => Ok(()),
    }
}

/// The account, if one is set.
pub(super) async fn find(db: &Db) -> Result<Option<BankAccount>, Error> {
    let Some(text) = Facts(db).get(BANK_ACCOUNT).await? else { return Ok(None) };
    let account = serde_json::from_str(&text);
    account.map(Some).map_err(|_| Error::Damaged("the bank account cannot be read".into()))
}
