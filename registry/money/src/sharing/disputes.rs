//! Disputes: the customer's bank takes a payment back, and holds it until it has decided.

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record_once;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, ClosedDispute, DisputeState, EntryKind, TransactionKind};
use chandlery_package::{Currency, Money};
use jiff::Timestamp;
use serde_json::json;

use super::entries;
use super::lots;
use super::refunds::{ClawBack, claw_back};
use super::sales;
use super::told;
use crate::Error;
use crate::ledger::{self, Account, By, Transaction};
use chandlery_store::{Db, Write, time};

/// Opens a dispute of so much of a sale. The same again changes nothing.
pub async fn open(
    write: &mut Write,
    id: &str,
    sale: i64,
    amount: Money,
    fee: Money,
    now: Timestamp,
) -> Result<(), Error> {
    let known: Option<(i64, i64)> = sqlx::query_as("select sale, minor from disputes where id = $1")
        .bind(id)
        .fetch_optional(&mut **write)
        .await?;
    match known {
        Some(stored) if stored == (sale, amount.minor()) => return Ok(()),
        Some(_) => return Err(Error::KeyReused { key: format!("dispute {id}") }),
        None => {}
    }
    if sales::find(write, sale).await?.collected_at.is_none() {
        return Err(Error::Conflict(format!("sale {sale} is not paid: there is nothing to dispute")));
    }
    let opened = Transaction::new(TransactionKind::DisputeOpened, id, now)
        .about(format!("dispute {id}: {amount} of sale {sale} are held by the processor"))
        .link("dispute", id)
        .link("sale", sale)
        .debit(Account::DisputesHeld, amount)
        .debit(Account::DisputeFees, fee)
        .credit(Account::Processor, amount.plus(fee)?);
    ledger::post(write, opened).await?;
    let held = Transaction::new(TransactionKind::DisputeHeld, id, now)
        .about(format!("dispute {id}: what sale {sale} was shared to is held"))
        .link("dispute", id);
    let mut taken = claw_back(write, sale, amount, EntryKind::Dispute, ClawBack::new(held), false).await?;
    for (lot, part, _) in &taken.parts {
        let lot = lots::find(write, *lot).await?;
        taken.transaction = taken.transaction.credit(Account::Disputed(lot.partner), *part);
    }
    if !taken.transaction.postings.is_empty() {
        let transaction = ledger::post(write, taken.transaction).await?;
        for entry in &taken.entries {
            entries::add(write, entry, transaction).await?;
        }
    }
    sqlx::query(
        "insert into disputes (id, sale, currency, minor, fee_minor, state, opened_at) values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(sale)
    .bind(amount.currency().code())
    .bind(amount.minor())
    .bind(fee.minor())
    .bind(DisputeState::Open.as_str())
    .bind(time(now))
    .execute(&mut **write)
    .await?;
    for (lot, part, reserve) in taken.parts {
        told::of_dispute(write, id, DisputeState::Open.as_str(), (sale, lot, part), now).await?;
        sqlx::query("insert into dispute_parts (dispute, lot, minor, reserve_minor) values ($1, $2, $3, $4)")
            .bind(id)
            .bind(lot)
            .bind(part.minor())
            .bind(reserve)
            .execute(&mut **write)
            .await?;
    }
    sqlx::query("update sales set disputed_minor = disputed_minor + $1 where id = $2")
        .bind(amount.minor())
        .bind(sale)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Records how the bank has decided a dispute, as an operator says. The same again changes nothing.
pub async fn decide(
    db: &Db,
    actor: &Actor,
    id: &str,
    decided: &ClosedDispute,
    now: Timestamp,
) -> Result<(), Error> {
    let (actor, id, decided) = (actor.clone(), id.to_owned(), decided.clone());
    db.group_commit(move |write| {
        Box::pin(async move {
            ledger::by(write, By::Actor(&actor));
            close(write, &id, decided.won, now).await?;
            record_once(write, &actor, Act::DisputeClosed, &id, json!(decided)).await?;
            Ok::<_, Error>(())
        })
    })
    .await
}

/// Closes a dispute as the bank has decided. The same again changes nothing.
pub async fn close(write: &mut Write, id: &str, won: bool, now: Timestamp) -> Result<(), Error> {
    let found: Option<(i64, Text<Currency>, i64, Text<DisputeState>)> =
        sqlx::query_as("select sale, currency, minor, state from disputes where id = $1")
            .bind(id)
            .fetch_optional(&mut **write)
            .await?;
    let (sale, Text(currency), minor, Text(state)) =
        found.ok_or_else(|| Error::NotFound(format!("dispute '{id}'")))?;
    let outcome = if won { DisputeState::Won } else { DisputeState::Lost };
    match state {
        DisputeState::Open => {}
        state if state == outcome => return Ok(()),
        state => return Err(Error::Conflict(format!("dispute '{id}' was {state}"))),
    }
    let amount = Money::new(minor, currency)?;
    let parts: Vec<(i64, i64, i64)> =
        sqlx::query_as("select lot, minor, reserve_minor from dispute_parts where dispute = $1 order by lot")
            .bind(id)
            .fetch_all(&mut **write)
            .await?;
    match won {
        true => win(write, id, amount, &parts, now).await?,
        false => lose(write, id, sale, amount, &parts, now).await?,
    }
    for (lot, part, _) in &parts {
        let part = amount.with_minor(*part)?;
        told::of_dispute(write, id, outcome.as_str(), (sale, *lot, part), now).await?;
    }
    sqlx::query("update sales set disputed_minor = disputed_minor - $1 where id = $2")
        .bind(minor)
        .bind(sale)
        .execute(&mut **write)
        .await?;
    sqlx::query("update disputes set state = $1, closed_at = $2 where id = $3")
        .bind(outcome.as_str())
        .bind(time(now))
        .bind(id)
        .execute(&mut **write)
        .await?;
    Ok(())
}

async fn lose(
    write: &mut Write,
    id: &str,
    sale: i64,
    amount: Money,
    parts: &[(i64, i64, i64)],
    now: Timestamp,
) -> Result<(), Error> {
    let mut transaction = Transaction::new(TransactionKind::DisputeLost, id, now)
        .about(format!("dispute {id} is lost: {amount} of sale {sale} go back to the customer"))
        .link("dispute", id)
        .link("sale", sale)
        .credit(Account::DisputesHeld, amount);
    let mut commission = amount;
    for (lot, minor, _) in parts {
        let lot = lots::find(write, *lot).await?;
        let part = lot.money(*minor)?;
        commission = commission.minus(part)?;
        transaction = transaction.debit(Account::Disputed(lot.partner), part);
    }
    ledger::post(write, transaction.debit(Account::Commission, commission)).await?;
    sqlx::query(
        "update sales set refunded_minor = refunded_minor + $1,
                commission_returned_minor = commission_returned_minor + $2 where id = $3",
    )
    .bind(amount.minor())
    .bind(commission.minor())
    .bind(sale)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Each lot gets back what it gave, where it is by now.
async fn win(
    write: &mut Write,
    id: &str,
    amount: Money,
    parts: &[(i64, i64, i64)],
    now: Timestamp,
) -> Result<(), Error> {
    let back = Transaction::new(TransactionKind::DisputeWon, id, now)
        .about(format!("dispute {id} is won: {amount} come back"))
        .link("dispute", id)
        .debit(Account::Processor, amount)
        .credit(Account::DisputesHeld, amount);
    ledger::post(write, back).await?;
    for (lot, minor, reserve) in parts {
        let mut lot = lots::find(write, *lot).await?;
        let partner = lot.partner.clone();
        let (part, reserve) = (lot.money(*minor)?, lot.money(*reserve)?);
        let mut transaction =
            Transaction::new(TransactionKind::DisputeFreed, format!("{id}:{}", lot.id), now)
                .about(format!("dispute {id} is won: lot {} has its part again", lot.id))
                .link("dispute", id)
                .link("lot", lot.id)
                .debit(Account::Disputed(partner.clone()), part);
        let mut free = Money::zero(part.currency());
        match lot.reserve_released_by {
            None => transaction = transaction.credit(Account::Reserve(partner.clone()), reserve),
            Some(_) => free = free.plus(reserve)?,
        }
        let rest = part.minus(reserve)?;
        match lot.released_by {
            None => transaction = transaction.credit(Account::Pending(partner.clone()), rest),
            Some(_) => free = free.plus(rest)?,
        }
        let (transaction, entry) =
            entries::credit(write, transaction, &partner, free, EntryKind::DisputeWon, Some(lot.id)).await?;
        if !transaction.postings.is_empty() {
            let posted = ledger::post(write, transaction).await?;
            entries::add(write, &entry, posted).await?;
        }
        lot.returned_minor -= part.minor();
        lot.reserve_returned_minor -= reserve.minor();
        lot.save_returned(write).await?;
    }
    Ok(())
}
