//! What a partner owes and will never pay: one operator proposes to give it up, and others approve by the rules of approval.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | a debt is given up | bad debt | what the partner owes |

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::column::Text;
use chandlery_package::wire::{
    Act, DebtWriteOff, NewDebtWriteOff, Page, Paging, TransactionKind, WriteOffState,
};
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::Error;
use crate::ledger::{self, Account, By, Transaction};
use chandlery_store::{Db, Write, time};

/// How long a reason may be.
const REASON_MAX: usize = 500;

type Row = (
    i64,
    Text<Namespace>,
    Text<Currency>,
    i64,
    String,
    Text<WriteOffState>,
    Text<Namespace>,
    Option<Text<Namespace>>,
);

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "select id, partner, currency, minor, reason, state, proposed_by, decided_by from debt_write_offs ",
            $condition
        )
    };
}

fn read(row: Row) -> Result<DebtWriteOff, Error> {
    let (id, Text(partner), Text(currency), minor, reason, Text(state), Text(proposed_by), decided_by) = row;
    Ok(DebtWriteOff {
        id,
        partner,
        amount: Money::new(minor, currency)?,
        reason,
        state,
        proposed_by,
        decided_by: decided_by.map(|Text(name)| name),
    })
}

/// The proposal of this number, or that there is none.
pub(super) async fn find(db: &mut AnyConnection, id: i64) -> Result<DebtWriteOff, Error> {
    let row: Option<Row> = sqlx::query_as(select!("where id = $1")).bind(id).fetch_optional(db).await?;
    read(row.ok_or_else(|| Error::NotFound(format!("write-off {id}")))?)
}

/// The proposals, the latest first.
pub(super) async fn list(db: &Db, paging: &Paging<i64>) -> Result<Page<DebtWriteOff>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select!("where id < $1 order by id desc limit $2"))
        .bind(paging.after().copied().unwrap_or(i64::MAX))
        .bind(paging.rows())
        .fetch_all(db.read())
        .await?;
    paging.cut(rows, |(id, ..)| *id).try_map(read)
}

/// Refuses what a partner does not owe.
async fn must_be_owed(write: &mut Write, partner: &Namespace, amount: Money) -> Result<(), Error> {
    let owed = ledger::owed(write, &Account::OwedBy(partner.clone()), amount.currency()).await?.negated();
    match amount.is_positive() && amount.minor() <= owed.minor() {
        true => Ok(()),
        false => Err(Error::Conflict(format!("'{partner}' owes {owed}: {amount} of it cannot be given up"))),
    }
}

/// Proposes to give up what a partner owes.
pub(crate) async fn propose(
    db: &Db,
    actor: &Actor,
    operator: &Namespace,
    new: &NewDebtWriteOff,
    now: Timestamp,
) -> Result<DebtWriteOff, Error> {
    if new.reason.trim().is_empty() || new.reason.chars().count() > REASON_MAX {
        return Err(Error::Invalid(format!("a reason has 1 to {REASON_MAX} characters")));
    }
    let mut write = db.write().await?;
    must_be_owed(&mut write, &new.partner, new.amount).await?;
    let (id,): (i64,) =
        sqlx::query_as("select cast(coalesce(max(id), 0) + 1 as bigint) from debt_write_offs")
            .fetch_one(&mut *write)
            .await?;
    sqlx::query(
        "insert into debt_write_offs (id, partner, currency, minor, reason, state, proposed_by, proposed_at)
         values ($1, $2, $3, $4, $5, 'proposed', $6, $7)",
    )
    .bind(id)
    .bind(new.partner.as_str())
    .bind(new.amount.currency().code())
    .bind(new.amount.minor())
    .bind(&new.reason)
    .bind(operator.as_str())
    .bind(time(now))
    .execute(&mut *write)
    .await?;
    let (subject, after) = (format!("write-off {id}"), json!(new));
    record(&mut write, actor, Act::DebtWriteOffProposed, &subject, Value::Null, after).await?;
    let proposed = find(&mut write, id).await?;
    write.commit().await?;
    Ok(proposed)
}

/// Gives up what was proposed and approved: what is owed is lost. The same again changes nothing.
pub(crate) async fn approve(
    write: &mut Write,
    actor: &Actor,
    operator: &Namespace,
    id: i64,
    now: Timestamp,
) -> Result<DebtWriteOff, Error> {
    ledger::by(write, By::Actor(actor));
    let proposed = find(write, id).await?;
    match proposed.state {
        WriteOffState::Approved => return Ok(proposed),
        WriteOffState::Proposed => {}
        WriteOffState::Cancelled => return Err(cancelled(id)),
    }
    let DebtWriteOff { partner, amount, reason, .. } = proposed;
    must_be_owed(write, &partner, amount).await?;
    let transaction = Transaction::new(TransactionKind::DebtWrittenOff, id, now)
        .about(format!("{amount} that {partner} owes are given up: {reason}"))
        .link("partner", &partner)
        .debit(Account::BadDebt, amount)
        .credit(Account::OwedBy(partner), amount);
    ledger::post(write, transaction).await?;
    decide(write, actor, operator, id, WriteOffState::Approved).await?;
    find(write, id).await
}

/// That a proposal was taken back.
pub(super) fn cancelled(id: i64) -> Error {
    Error::Conflict(format!("write-off {id} is cancelled"))
}

/// Takes a proposal back before anybody approved it. The same again changes nothing.
pub(super) async fn cancel(
    db: &Db,
    actor: &Actor,
    operator: &Namespace,
    id: i64,
) -> Result<DebtWriteOff, Error> {
    let mut write = db.write().await?;
    let proposed = find(&mut write, id).await?;
    match proposed.state {
        WriteOffState::Cancelled => return Ok(proposed),
        WriteOffState::Proposed => {}
        WriteOffState::Approved => return Err(Error::Conflict(format!("write-off {id} is approved"))),
    }
    decide(&mut write, actor, operator, id, WriteOffState::Cancelled).await?;
    let cancelled = find(&mut write, id).await?;
    write.commit().await?;
    Ok(cancelled)
}

async fn decide(
    write: &mut Write,
    actor: &Actor,
    operator: &Namespace,
    id: i64,
    state: WriteOffState,
) -> Result<(), Error> {
    sqlx::query("update debt_write_offs set state = $1, decided_by = $2 where id = $3")
        .bind(state.as_str())
        .bind(operator.as_str())
        .bind(id)
        .execute(&mut **write)
        .await?;
    let act = match state {
        WriteOffState::Approved => Act::DebtWriteOffApproved,
        WriteOffState::Proposed | WriteOffState::Cancelled => Act::DebtWriteOffCancelled,
    };
    let after = json!({ "state": state });
    Ok(record(write, actor, act, &format!("write-off {id}"), Value::Null, after).await?)
}
