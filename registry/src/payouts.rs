//! What partners earn and are paid: holds, balances, and payouts that two operators agree on.

mod earnings;
mod routes;
mod run;

use chandlery_package::wire::Balance;
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::ledger::{self, Account, Posting, Transaction};
use crate::{Db, Error, time};

pub use earnings::{MonthlyEarning, PluginEarning, by_month, by_plugin, transactions};
pub use routes::{routes, transactions_csv};
pub use run::{approve, confirm, list, propose, returned};

/// Makes every earning available whose hold ended by `now`.
pub async fn release_matured(db: &Db, now: Timestamp) -> Result<(), Error> {
    let mut write = db.write().await?;
    let matured: Vec<(i64, String, String, String, i64)> = sqlx::query_as(
        "select transaction_id, partner, plugin, currency, net_minor from lots
         where released_by is null and available_at <= $1 order by transaction_id",
    )
    .bind(time(now))
    .fetch_all(&mut *write)
    .await?;
    for (lot, partner, plugin, currency, minor) in matured {
        let partner: Namespace = partner.parse()?;
        let amount = Money::new(minor, currency.parse()?);
        let release = Transaction {
            key: format!("release:{lot}"),
            kind: "release",
            description: format!("earning {lot} of {plugin} is available"),
            at: now,
            postings: vec![
                Posting::debit(Account::Pending(partner.clone()), amount),
                Posting::credit(Account::Available(partner), amount),
            ],
        };
        let transaction = ledger::post(&mut write, &release).await?;
        sqlx::query("update lots set released_by = $1 where transaction_id = $2")
            .bind(transaction)
            .bind(lot)
            .execute(&mut *write)
            .await?;
    }
    write.commit().await?;
    Ok(())
}

/// A partner's balances, one for each currency that it ever earned in.
pub async fn balances(db: &mut AnyConnection, partner: &Namespace) -> Result<Vec<Balance>, Error> {
    let earned: Vec<(String,)> =
        sqlx::query_as("select distinct currency from lots where partner = $1 order by currency")
            .bind(partner.as_str())
            .fetch_all(&mut *db)
            .await?;
    let mut balances = Vec::new();
    for (currency,) in earned {
        balances.push(balance(db, partner, currency.parse()?).await?);
    }
    Ok(balances)
}

async fn balance(db: &mut AnyConnection, partner: &Namespace, currency: Currency) -> Result<Balance, Error> {
    let owed = async |db: &mut AnyConnection, account: Account| -> Result<Money, Error> {
        let balance = ledger::balance(db, &account, currency).await?;
        Ok(Money { minor: -balance.minor, ..balance })
    };
    Ok(Balance {
        on_hold: owed(db, Account::Pending(partner.clone())).await?,
        available: owed(db, Account::Available(partner.clone())).await?,
        in_transit: owed(db, Account::InTransit(partner.clone())).await?,
        paid: paid(db, partner, currency).await?,
    })
}

/// What reached the partner's bank, from the postings that left the marketplace's.
async fn paid(db: &mut AnyConnection, partner: &Namespace, currency: Currency) -> Result<Money, Error> {
    let (minor,): (Option<i64>,) = sqlx::query_as(
        "select cast(sum(ledger_postings.minor) as bigint)
         from ledger_postings join ledger_transactions on id = transaction_id
         where account = $1 and currency = $2 and kind = $3",
    )
    .bind(Account::InTransit(partner.clone()).to_string())
    .bind(currency.code())
    .bind(run::PAID)
    .fetch_one(db)
    .await?;
    Ok(Money::new(minor.unwrap_or(0), currency))
}
