//! A partner's balances, from the ledger's own.

use chandlery_package::column::Text;
use chandlery_package::wire::{PartnerBalance, TransactionKind};
use chandlery_package::{Balance, Currency, Namespace};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::schedule;
use crate::Error;
use crate::ledger::{self, Account};

/// A partner's balances, one for each currency that it ever earned or was paid in.
pub async fn balances(
    db: &mut AnyConnection,
    partner: &Namespace,
    now: Timestamp,
) -> Result<Vec<PartnerBalance>, Error> {
    let mut balances = Vec::new();
    for currency in currencies(db, partner).await? {
        balances.push(balance(db, partner, currency, now).await?);
    }
    Ok(balances)
}

/// The currencies that a partner ever earned or was paid in, in the order of their codes.
pub async fn currencies(db: &mut AnyConnection, partner: &Namespace) -> Result<Vec<Currency>, Error> {
    let rows: Vec<(Text<Currency>,)> = sqlx::query_as(
        "select currency from lots where partner = $1
         union select sent_currency from payouts where partner = $1 and sent_currency <> '' order by 1",
    )
    .bind(partner.as_str())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(Text(currency),)| currency).collect())
}

/// A partner's balances in one currency.
pub async fn balance(
    db: &mut AnyConnection,
    partner: &Namespace,
    currency: Currency,
    now: Timestamp,
) -> Result<PartnerBalance, Error> {
    let of = async |db: &mut AnyConnection, account: fn(Namespace) -> Account| -> Result<Balance, Error> {
        Ok(ledger::balance(db, &account(partner.clone()), currency).await?.negated())
    };
    Ok(PartnerBalance {
        accrued: of(db, Account::Accrued).await?,
        on_hold: of(db, Account::Pending).await?,
        reserve: of(db, Account::Reserve).await?,
        available: of(db, Account::Available).await?,
        disputed: of(db, Account::Disputed).await?,
        in_transit: of(db, Account::InTransit).await?,
        paid: paid(db, partner, currency).await?,
        owed: of(db, Account::OwedBy).await?.negated(),
        next_payout: schedule::next(db, partner, currency, now).await?,
    })
}

/// What reached the partner's bank, from the postings that left the marketplace's.
async fn paid(db: &mut AnyConnection, partner: &Namespace, currency: Currency) -> Result<Balance, Error> {
    let (minor,): (i64,) = sqlx::query_as(
        "select cast(coalesce(sum(ledger_postings.minor), 0) as bigint)
         from ledger_postings join ledger_transactions on id = transaction_id
         where account = $1 and currency = $2 and kind in ($3, $4)",
    )
    .bind(Account::InTransit(partner.clone()).to_string())
    .bind(currency.code())
    .bind(TransactionKind::PayoutPaid.as_str())
    .bind(TransactionKind::PayoutBounced.as_str())
    .fetch_one(db)
    .await?;
    Ok(Balance::new(minor, currency)?)
}
