//! What a partner owes in one currency, taken from what is available to it in another, where it has agreed to that.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | a run settles a debt, by the day's rate | available; equity:fx | equity:fx; what the partner owes |

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, DebtOffset, EntryKind, TransactionKind};
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::entries::{self, NewEntry};
use crate::Error;
use crate::exchange::{self, Ratio};
use crate::ledger::{self, Account, Transaction};
use chandlery_store::{Db, Write, time};

/// Lets a partner agree to an offset, or not any more. The same again changes nothing.
pub async fn agree(
    db: &Db,
    actor: &Actor,
    partner: &Namespace,
    owner: &Namespace,
    offset: &DebtOffset,
    now: Timestamp,
) -> Result<(), Error> {
    let DebtOffset { from, to, agreed } = offset;
    if from == to {
        return Err(Error::Invalid(format!(
            "what is owed in {to} is taken from what comes next in {to} anyway"
        )));
    }
    let mut write = db.write().await?;
    let was = offsets(&mut write, partner).await?.iter().any(|one| (one.from, one.to) == (*from, *to));
    if was == *agreed {
        return Ok(());
    }
    let query = match agreed {
        true => sqlx::query(
            "insert into partner_offsets (partner, from_currency, to_currency, agreed_by, agreed_at)
             values ($1, $2, $3, $4, $5)",
        ),
        false => sqlx::query(
            "delete from partner_offsets where partner = $1 and from_currency = $2 and to_currency = $3",
        ),
    };
    let query = query.bind(partner.as_str()).bind(from.code()).bind(to.code());
    let query = match agreed {
        true => query.bind(owner.as_str()).bind(time(now)),
        false => query,
    };
    query.execute(&mut *write).await?;
    record(&mut write, actor, Act::DebtOffsetAgreed, partner.as_str(), Value::Null, json!(offset)).await?;
    write.commit().await?;
    Ok(())
}

/// The offsets that a partner has agreed to.
pub async fn offsets(db: &mut AnyConnection, partner: &Namespace) -> Result<Vec<DebtOffset>, Error> {
    let rows: Vec<(Text<Currency>, Text<Currency>)> = sqlx::query_as(
        "select from_currency, to_currency from partner_offsets where partner = $1 order by to_currency, from_currency",
    )
    .bind(partner.as_str())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(Text(from), Text(to))| DebtOffset { from, to, agreed: true }).collect())
}

/// Settles what partners owe as they have agreed, those of one or all. Gives what could not be settled for want of a rate.
pub async fn settle_debts(
    write: &mut Write,
    only: Option<&Namespace>,
    now: Timestamp,
) -> Result<Vec<String>, Error> {
    let agreed: Vec<(Text<Namespace>, Text<Currency>, Text<Currency>)> = sqlx::query_as(
        "select partner, from_currency, to_currency from partner_offsets where $1 = '' or partner = $1
         order by partner, to_currency, from_currency",
    )
    .bind(only.map_or("", Namespace::as_str))
    .fetch_all(&mut **write)
    .await?;
    let mut left_out = Vec::new();
    for (Text(partner), Text(from), Text(to)) in agreed {
        match settle_debt(write, &partner, from, to, now).await {
            Err(missing @ Error::NoRate { .. }) => left_out.push(missing.to_string()),
            other => other?,
        }
    }
    Ok(left_out)
}

async fn settle_debt(
    write: &mut Write,
    partner: &Namespace,
    from: Currency,
    to: Currency,
    now: Timestamp,
) -> Result<(), Error> {
    let owed = entries::deficit(write, partner, to).await?.up_to(Money::new(Money::LARGEST, to)?)?;
    let free = entries::free(write, partner, from).await?.up_to(Money::new(Money::LARGEST, from)?)?;
    if owed.is_zero() || free.is_zero() {
        return Ok(());
    }
    let stops = || format!("what '{partner}' owes in {to} and agreed to settle in {from}");
    let rate = exchange::rate(write, from, to, now, stops).await?;
    let worth = rate.convert(free, to)?;
    let (taken, settled) = match worth.minor() <= owed.minor() {
        true => (free, Money::try_from(worth)?),
        false => {
            let back = Ratio { numerator: rate.denominator, denominator: rate.numerator };
            (Money::try_from(back.convert(owed, from)?)?.at_most(free)?, owed)
        }
    };
    // What is worth less than the smallest unit of the other currency waits.
    if taken.is_zero() || settled.is_zero() {
        return Ok(());
    }
    let (entry,): (i64,) =
        sqlx::query_as("select cast(coalesce(max(id), 0) + 1 as bigint) from available_entries")
            .fetch_one(&mut **write)
            .await?;
    let between = || Account::between(from, to);
    let transaction = Transaction::new(TransactionKind::DebtOffset, format!("{partner}:{entry}"), now)
        .about(format!("{settled} that {partner} owed are settled by {taken} that were available, as agreed"))
        .link("partner", partner)
        .debit(Account::Available(partner.clone()), taken)
        .credit(between(), taken)
        .debit(between(), settled)
        .credit(Account::OwedBy(partner.clone()), settled);
    let posted = ledger::post(write, transaction).await?;
    let entry =
        NewEntry { partner: partner.clone(), amount: taken.negated(), kind: EntryKind::Offset, lot: None };
    entries::add(write, &entry, posted).await
}
