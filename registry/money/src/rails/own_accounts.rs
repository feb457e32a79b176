//! The marketplace's own bank accounts, one for each currency and holder: whose statements are brought, and where payouts and refunds
//! leave from.

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::column::Json;
use chandlery_package::wire::{Act, BankAccount};
use chandlery_package::{Currency, Namespace};
use chandlery_store::Write;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::ledger::Account;
use crate::{Error, payouts};

/// What the first account is called. It may be of every currency that no other one is of.
pub(super) const MAIN: &str = "main";

/// What stands for an account's name with what is told by the processor of payments, as a name of its own no account can have.
pub(super) const PROCESSOR: &str = "processor:stripe";

/// All of them, by their names.
pub(super) async fn all(db: &mut AnyConnection) -> Result<Vec<BankAccount>, Error> {
    let rows: Vec<(String, Json<BankAccount>)> =
        sqlx::query_as("select name, body from bank_accounts order by name").fetch_all(db).await?;
    Ok(rows.into_iter().map(|(name, Json(account))| BankAccount { name, ..account }).collect())
}

/// The numbers of which statements were brought as the first account's.
pub(super) async fn brought_as_main(db: &mut AnyConnection) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> =
        sqlx::query_as("select distinct account from bank_statements where name = $1 and account <> ''")
            .bind(MAIN)
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(|(number,)| number).collect())
}

/// Whether an account is another one than is kept, or that it cannot be one.
pub(super) async fn would_change(db: &mut AnyConnection, account: &BankAccount) -> Result<bool, Error> {
    let all = all(db).await?;
    must_be_possible(&all, account)?;
    if account.name != MAIN && brought_as_main(db).await?.contains(&account.iban) {
        return Err(Error::Conflict(format!(
            "statements of {} were brought before it had a name: it is a part of bank account '{MAIN}'",
            account.iban
        )));
    }
    Ok(!all.contains(account))
}

/// Keeps an account, where that changes anything.
pub(crate) async fn set(write: &mut Write, actor: &Actor, account: &BankAccount) -> Result<(), Error> {
    if !would_change(write, account).await? {
        return Ok(());
    }
    sqlx::query(
        "insert into bank_accounts (name, body) values ($1, $2)
         on conflict (name) do update set body = excluded.body",
    )
    .bind(&account.name)
    .bind(json!(account).to_string())
    .execute(&mut **write)
    .await?;
    let subject = match account.name.as_str() {
        MAIN => "bank-account".to_owned(),
        name => format!("bank-account {name}"),
    };
    record(write, actor, Act::BankAccountSet, &subject, Value::Null, Value::Null).await?;
    Ok(())
}

fn must_be_possible(all: &[BankAccount], new: &BankAccount) -> Result<(), Error> {
    payouts::check_account(&new.holder, &new.iban, Some(&new.bic))?;
    if new.name.parse::<Namespace>().is_err() {
        return Err(Error::Invalid(format!(
            "'{}' is no name of a bank account: it has small letters, digits and '-'",
            new.name
        )));
    }
    if let Some(wrong) = new.fees_max.iter().find(|most| most.minor() < 0) {
        return Err(Error::Invalid(format!("a bank takes nothing or more, not {wrong}")));
    }
    if new.name != MAIN && new.currency.is_none() {
        return Err(Error::Invalid(format!("say which currency bank account '{}' is of", new.name)));
    }
    match all.iter().find(|known| known.iban == new.iban && known.name != new.name) {
        Some(known) => Err(Error::Conflict(format!("{} is bank account '{}' already", new.iban, known.name))),
        None => Ok(()),
    }
}

/// The account that transfers in a currency leave from.
pub(super) fn paying(all: &[BankAccount], currency: Currency) -> Result<&BankAccount, Error> {
    let of_it = all.iter().find(|account| account.currency == Some(currency));
    let none = || {
        Error::Conflict(format!(
            "no bank account is set to pay from in {currency}: `chandlery payouts from` or `chandlery books bank add` sets it"
        ))
    };
    of_it.or_else(|| all.iter().find(|account| account.currency.is_none())).ok_or_else(none)
}

/// What the ledger calls an account of this name.
pub(super) fn in_ledger(name: &str) -> Account {
    match name {
        MAIN => Account::Bank,
        PROCESSOR => Account::Processor,
        name => Account::BankOf(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, currency: Option<Currency>, iban: &str) -> BankAccount {
        BankAccount {
            name: name.into(),
            currency,
            holder: "Chandlery".into(),
            iban: iban.into(),
            bic: "DEUTDEFF".into(),
            fees_max: Vec::new(),
        }
    }

    #[test]
    fn a_transfer_leaves_from_the_account_of_its_currency() {
        let all = [
            account("main", None, "DE89370400440532013000"),
            account("main-eur", Some(Currency::Eur), "FR1420041010050500013M02606"),
        ];
        for (currency, name) in
            [(Currency::Eur, "main-eur"), (Currency::Usd, "main"), (Currency::Jpy, "main")]
        {
            assert_eq!(paying(&all, currency).unwrap().name, name, "{currency}");
        }
        assert!(paying(&all[1..], Currency::Usd).is_err());
        for (new, may) in [
            (account("main-usd", Some(Currency::Usd), "GB29NWBK60161331926819"), true),
            // It has no currency, no name, another one's number, or no number.
            (account("main-usd", None, "GB29NWBK60161331926819"), false),
            (account("A b", Some(Currency::Usd), "GB29NWBK60161331926819"), false),
            (account("main-usd", Some(Currency::Usd), "DE89370400440532013000"), false),
            (account("main-usd", Some(Currency::Usd), "DE89370400440532013001"), false),
        ] {
            assert_eq!(must_be_possible(&all, &new).is_ok(), may, "{new:?}");
        }
    }
}
