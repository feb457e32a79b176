//! A payout: proposed by one operator, approved by another, then confirmed or returned by the bank. The rail is the
//! operator's own bank transfer. Each step may be repeated.

use chandlery_package::wire::{Payout, PayoutState};
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;

use crate::ledger::{self, Account, Posting, Transaction};
use crate::{Error, Registry, Write};

pub(super) const APPROVED: &str = "payout";
pub(super) const PAID: &str = "payout-paid";
pub(super) const RETURNED: &str = "payout-returned";

type Row = (i64, String, String, i64, String, String, Option<String>, Option<String>);

macro_rules! select_payouts {
    ($condition:literal) => {
        concat!(
            "select id, partner, currency, minor, state, proposed_by, approved_by, bank_reference from payouts ",
            $condition
        )
    };
}

/// Proposes to pay out all that is available to a partner. There is at most one open proposal per partner and currency.
pub async fn propose(
    registry: &Registry,
    operator: &Namespace,
    partner: &Namespace,
    currency: Currency,
) -> Result<Payout, Error> {
    super::release_matured(&registry.db, Timestamp::now()).await?;
    let mut write = registry.db.write().await?;
    let open: Option<Row> =
        sqlx::query_as(select_payouts!("where partner = $1 and currency = $2 and state = $3"))
            .bind(partner.as_str())
            .bind(currency.code())
            .bind(text(PayoutState::Proposed))
            .fetch_optional(&mut *write)
            .await?;
    if let Some(row) = open {
        return read_row(row);
    }
    let owed = ledger::balance(&mut write, &Account::Available(partner.clone()), currency).await?;
    let amount = Money { minor: -owed.minor, ..owed };
    if amount.minor <= 0 {
        return Err(Error::Invalid(format!("nothing is available to '{partner}' in {currency}")));
    }
    let (id,): (i64,) = sqlx::query_as("select cast(coalesce(max(id), 0) + 1 as bigint) from payouts")
        .fetch_one(&mut *write)
        .await?;
    sqlx::query("insert into payouts (id, partner, currency, minor, state, proposed_by) values ($1, $2, $3, $4, $5, $6)")
        .bind(id)
        .bind(partner.as_str())
        .bind(currency.code())
        .bind(amount.minor)
        .bind(text(PayoutState::Proposed))
        .bind(operator.as_str())
        .execute(&mut *write)
        .await?;
    let payout = find(&mut write, id).await?;
    write.commit().await?;
    Ok(payout)
}

/// Approves a proposal: the money leaves the available balance. Whoever proposed it may not.
pub async fn approve(registry: &Registry, operator: &Namespace, id: i64) -> Result<Payout, Error> {
    let mut write = registry.db.write().await?;
    let payout = find(&mut write, id).await?;
    if payout.proposed_by == *operator {
        return Err(Error::forbidden(operator, format!("approve payout {id}, which it proposed itself")));
    }
    match payout.state {
        PayoutState::Approved => return Ok(payout),
        PayoutState::Proposed => {}
        PayoutState::Paid | PayoutState::Returned => return Err(wrong_state(&payout, "approved")),
    }
    let partner = &payout.partner;
    let owed =
        ledger::balance(&mut write, &Account::Available(partner.clone()), payout.amount.currency).await?;
    if -owed.minor < payout.amount.minor {
        return Err(Error::Conflict(format!(
            "less than {} is available to '{partner}' by now",
            payout.amount
        )));
    }
    let lines = [Account::Available(partner.clone()), Account::InTransit(partner.clone())];
    let next = Payout { state: PayoutState::Approved, approved_by: Some(operator.clone()), ..payout };
    advance(write, next, APPROVED, "is on its way", lines).await
}

/// Records that the bank has paid.
pub async fn confirm(registry: &Registry, id: i64, bank_reference: &str) -> Result<Payout, Error> {
    let mut write = registry.db.write().await?;
    let payout = find(&mut write, id).await?;
    match payout.state {
        PayoutState::Paid if payout.bank_reference.as_deref() == Some(bank_reference) => return Ok(payout),
        PayoutState::Approved => {}
        _ => return Err(wrong_state(&payout, "confirmed")),
    }
    let lines = [Account::InTransit(payout.partner.clone()), Account::Bank];
    let next = Payout { state: PayoutState::Paid, bank_reference: Some(bank_reference.into()), ..payout };
    advance(write, next, PAID, "has arrived", lines).await
}

/// Records that the bank could not pay: the money is available again.
pub async fn returned(registry: &Registry, id: i64) -> Result<Payout, Error> {
    let mut write = registry.db.write().await?;
    let payout = find(&mut write, id).await?;
    match payout.state {
        PayoutState::Returned => return Ok(payout),
        PayoutState::Approved => {}
        PayoutState::Proposed | PayoutState::Paid => return Err(wrong_state(&payout, "returned")),
    }
    let lines = [Account::InTransit(payout.partner.clone()), Account::Available(payout.partner.clone())];
    let next = Payout { state: PayoutState::Returned, ..payout };
    advance(write, next, RETURNED, "came back", lines).await
}

/// The payouts, newest first.
pub async fn list(registry: &Registry) -> Result<Vec<Payout>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as(select_payouts!("order by id desc")).fetch_all(registry.db.read()).await?;
    rows.into_iter().map(read_row).collect()
}

/// Moves a payout on, and its money with it.
async fn advance(
    mut write: Write,
    next: Payout,
    kind: &'static str,
    what: &str,
    [from, to]: [Account; 2],
) -> Result<Payout, Error> {
    let transaction = Transaction {
        key: format!("{kind}:{}", next.id),
        kind,
        description: format!("payout {} to {} {what}", next.id, next.partner),
        at: Timestamp::now(),
        postings: vec![Posting::debit(from, next.amount), Posting::credit(to, next.amount)],
    };
    ledger::post(&mut write, &transaction).await?;
    sqlx::query("update payouts set state = $1, approved_by = $2, bank_reference = $3 where id = $4")
        .bind(text(next.state))
        .bind(next.approved_by.as_ref().map(Namespace::as_str))
        .bind(&next.bank_reference)
        .bind(next.id)
        .execute(&mut *write)
        .await?;
    write.commit().await?;
    Ok(next)
}

fn wrong_state(payout: &Payout, wanted: &str) -> Error {
    Error::Conflict(format!("payout {} is {} and cannot be {wanted}", payout.id, text(payout.state)))
}

async fn find(write: &mut Write, id: i64) -> Result<Payout, Error> {
    let row: Option<Row> =
        sqlx::query_as(select_payouts!("where id = $1")).bind(id).fetch_optional(&mut **write).await?;
    read_row(row.ok_or_else(|| Error::NotFound(format!("payout {id}")))?)
}

fn text(state: PayoutState) -> &'static str {
    match state {
        PayoutState::Proposed => "proposed",
        PayoutState::Approved => "approved",
        PayoutState::Paid => "paid",
        PayoutState::Returned => "returned",
    }
}

fn read_row(row: Row) -> Result<Payout, Error> {
    let (id, partner, currency, minor, state, proposed_by, approved_by, bank_reference) = row;
    let states = [PayoutState::Proposed, PayoutState::Approved, PayoutState::Paid, PayoutState::Returned];
    let state = states.into_iter().find(|known| text(*known) == state);
    Ok(Payout {
        id,
        partner: partner.parse()?,
        amount: Money::new(minor, currency.parse()?),
        state: state.ok_or_else(|| Error::Damaged(format!("payout {id} has no known state")))?,
        proposed_by: proposed_by.parse()?,
        approved_by: approved_by.map(|name| name.parse()).transpose()?,
        bank_reference,
    })
}
