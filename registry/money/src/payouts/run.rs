//! What becomes of a payout that one operator has proposed: others approve it, its rail sends it, and it is confirmed or returned.
//! Each step may be repeated, and a process that dies in between goes on where it was.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | it is approved | available | withheld tax, in transit |
//! | in another currency | the same through the exchange account, a balanced pair for each currency | |
//! | it is confirmed | in transit, payout fees | bank, or processor |

use chandlery_package::column::Text;
use chandlery_package::wire::{
    Act, Page, Paging, Payout, PayoutProfile, PayoutState, RailKind, TransactionKind,
};
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;
use serde_json::json;
use sqlx::AnyConnection;

use super::{fees, profiles, told};
use crate::ledger::{self, Account, By, Transaction};
use crate::{Error, exchange, sharing};
use chandlery_accounts::Actor;
use chandlery_accounts::audit::record_once;
use chandlery_store::{Db, Write, time};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    run: Option<i64>,
    partner: Text<Namespace>,
    currency: Text<Currency>,
    minor: i64,
    withheld_minor: i64,
    sent_minor: i64,
    sent_currency: Text<Currency>,
    rail: Text<RailKind>,
    state: Text<PayoutState>,
    proposed_by: Text<Namespace>,
    approved_by: Option<Text<Namespace>>,
    bank_reference: Option<String>,
    returned_sent_minor: i64,
}

macro_rules! select_payouts {
    ($condition:literal) => {
        concat!(
            "select id, run, partner, currency, minor, withheld_minor, sent_minor, sent_currency, rail, state, proposed_by,
                    approved_by, bank_reference,
                    (select cast(coalesce(sum(payout_returns.sent_minor), 0) as bigint) from payout_returns
                     where payout_returns.payout = payouts.id) as returned_sent_minor
             from payouts ",
            $condition
        )
    };
}

/// Sends a proposal that was approved on its way: the money leaves the available balance.
pub(crate) async fn approve(
    write: &mut Write,
    actor: &Actor,
    operator: &Namespace,
    id: i64,
    now: Timestamp,
) -> Result<Payout, Error> {
    ledger::by(write, By::Actor(actor));
    let payout = find(write, id).await?;
    match payout.state {
        PayoutState::Approved => return Ok(payout),
        PayoutState::Proposed => {}
        _ => return Err(wrong_state(&payout, "approved")),
    }
    must_not_be_held(write, &payout.partner).await?;
    let profile = profile_of(write, &payout).await?;
    let withheld = payout.amount.at(profile.withheld)?;
    let net = payout.amount.minus(withheld)?;
    let to = profile.currency.unwrap_or(net.currency());
    let stops = || format!("payout {id} to {}", payout.partner);
    let sent: Money = exchange::convert(write, net, to, now, stops).await?.try_into()?;
    let partner = || payout.partner.clone();
    let transaction = Transaction::new(TransactionKind::Payout, id, now)
        .about(format!("payout {id} to {} is on its way", payout.partner))
        .link("payout", id)
        .debit(Account::Available(partner()), payout.amount)
        .credit(Account::WithheldTax, withheld);
    let transaction = through_exchange(transaction, net, sent).credit(Account::InTransit(partner()), sent);
    ledger::post(write, transaction).await?;
    sqlx::query(
        "update payouts set state = 'approved', approved_by = $1, approved_at = $2, withheld_minor = $3, sent_minor = $4,
                sent_currency = $5 where id = $6",
    )
    .bind(operator.as_str())
    .bind(time(now))
    .bind(withheld.minor())
    .bind(sent.minor())
    .bind(sent.currency().code())
    .bind(id)
    .execute(&mut **write)
    .await?;
    let payout = find(write, id).await?;
    tell_of(write, actor, Act::PayoutApproved, &payout).await?;
    Ok(payout)
}

/// Refuses to pay a partner whose earnings are on hold, and says why.
pub(super) async fn must_not_be_held(db: &mut AnyConnection, partner: &Namespace) -> Result<(), Error> {
    match chandlery_accounts::hold(db, partner).await? {
        Some(why) => Err(Error::Conflict(why)),
        None => Ok(()),
    }
}

/// Records what somebody has done with a payout.
pub(super) async fn tell_of(
    write: &mut Write,
    actor: &Actor,
    act: Act,
    payout: &Payout,
) -> Result<(), Error> {
    let after = json!({
        "partner": payout.partner,
        "amount": payout.amount,
        "state": payout.state,
        "bank_reference": payout.bank_reference,
    });
    let subject = format!("payout {}", payout.id);
    Ok(record_once(write, actor, act, &subject, after).await?)
}

/// Between two currencies: a credit of what is given and a debit of what is got, each balanced by the other side's own line.
pub(super) fn through_exchange(transaction: Transaction, given: Money, got: Money) -> Transaction {
    match given.currency() == got.currency() {
        true => transaction,
        false => {
            let between = || Account::between(given.currency(), got.currency());
            transaction.credit(between(), given).debit(between(), got)
        }
    }
}

/// Gives up a proposal: what it had taken on is free for another.
pub async fn cancel(db: &Db, actor: &Actor, id: i64) -> Result<Payout, Error> {
    let mut write = db.write().await?;
    let payout = find(&mut write, id).await?;
    match payout.state {
        PayoutState::Cancelled => return Ok(payout),
        PayoutState::Proposed => {}
        _ => return Err(wrong_state(&payout, "cancelled")),
    }
    free_items(&mut write, id).await?;
    sqlx::query("update payouts set state = 'cancelled' where id = $1").bind(id).execute(&mut *write).await?;
    let payout = find(&mut write, id).await?;
    tell_of(&mut write, actor, Act::PayoutCancelled, &payout).await?;
    write.commit().await?;
    Ok(payout)
}

/// Adds the same items below zero, and frees what they were of.
pub(super) async fn free_items(write: &mut Write, id: i64) -> Result<(), Error> {
    sqlx::query(
        "insert into payout_items (payout, line, entry, minor)
         select payout, line + (select count(*) from payout_items where payout = $1), entry, -minor
         from payout_items where payout = $1",
    )
    .bind(id)
    .execute(&mut **write)
    .await?;
    sharing::free_entries_of(write, id).await
}

/// The payouts that were approved and not sent yet, all or those of one run, the oldest first. What is on hold waits.
pub(crate) async fn to_send(db: &mut AnyConnection, run: Option<i64>) -> Result<Vec<Payout>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as(select_payouts!("where state = 'approved' and (run = $1 or $1 = 0) order by id"))
            .bind(run.unwrap_or(0))
            .fetch_all(&mut *db)
            .await?;
    let mut free = Vec::new();
    for payout in rows.into_iter().map(read) {
        let payout = payout?;
        if chandlery_accounts::hold(db, &payout.partner).await?.is_none() {
            free.push(payout);
        }
    }
    Ok(free)
}

/// Records that a rail has taken a payout on, and what it calls it.
pub(crate) async fn mark_sent(
    db: &Db,
    actor: &Actor,
    payout: &Payout,
    remote_id: Option<&str>,
    now: Timestamp,
) -> Result<Payout, Error> {
    let mut write = db.write().await?;
    sqlx::query(
        "update payouts set state = 'sent', remote_id = nullif($1, '') where id = $2 and state = 'approved'",
    )
    .bind(remote_id.unwrap_or_default())
    .bind(payout.id)
    .execute(&mut *write)
    .await?;
    if let Some(run) = payout.run {
        sqlx::query("update payout_runs set sent_at = $1 where id = $2 and sent_at is null")
            .bind(time(now))
            .bind(run)
            .execute(&mut *write)
            .await?;
    }
    let payout = find(&mut write, payout.id).await?;
    told::sent(&mut write, &payout, now).await?;
    tell_of(&mut write, actor, Act::PayoutSent, &payout).await?;
    write.commit().await?;
    Ok(payout)
}

/// Records that the bank has paid.
pub async fn confirm(
    db: &Db,
    actor: &Actor,
    id: i64,
    bank_reference: &str,
    left: Option<Money>,
    now: Timestamp,
) -> Result<Payout, Error> {
    let mut write = db.write().await?;
    ledger::by(&mut write, By::Actor(actor));
    settle(&mut write, id, bank_reference, left, now).await?;
    let payout = find(&mut write, id).await?;
    tell_of(&mut write, actor, Act::PayoutConfirmed, &payout).await?;
    write.commit().await?;
    Ok(payout)
}

/// The same within a transaction. What left may be more than what was sent: a fee, and no more than that. The same again changes
/// nothing.
pub async fn settle(
    write: &mut Write,
    id: i64,
    bank_reference: &str,
    left: Option<Money>,
    now: Timestamp,
) -> Result<(), Error> {
    let payout = find(write, id).await?;
    let has_arrived = matches!(payout.state, PayoutState::Paid | PayoutState::PartlyReturned);
    if has_arrived && payout.bank_reference.as_deref() == Some(bank_reference) {
        return Ok(());
    }
    let (left, from) = (left.unwrap_or(payout.sent), paid_from(payout.rail));
    let fee = left.minus(payout.sent)?;
    if fee.is_positive() {
        let most = fees::most(write).await?;
        fees::must_be_fee(&most, fee, &format!("payout {id} of {}", payout.sent))?;
    }
    if from == Account::Bank {
        ledger::must_not_be_told(write, bank_reference, &[left.negated()]).await?;
    }
    arrive(write, &payout, bank_reference, fee, from, now).await
}

/// Records that a payout has left an account, and what that cost beside it.
pub(crate) async fn arrive(
    write: &mut Write,
    payout: &Payout,
    bank_reference: &str,
    fee: Money,
    from: Account,
    now: Timestamp,
) -> Result<(), Error> {
    if !matches!(payout.state, PayoutState::Approved | PayoutState::Sent) {
        return Err(wrong_state(payout, "confirmed"));
    }
    let (id, left) = (payout.id, payout.sent.plus(fee)?);
    if fee.minor() < 0 {
        return Err(Error::Invalid(format!(
            "{left} left the bank, less than payout {id} of {}",
            payout.sent
        )));
    }
    let transaction = Transaction::new(TransactionKind::PayoutPaid, id, now)
        .about(format!("payout {id} to {} has arrived: {bank_reference}", payout.partner))
        .link("payout", id)
        .link("payment", bank_reference)
        .debit(Account::InTransit(payout.partner.clone()), payout.sent)
        .debit(Account::PayoutFees, fee)
        .credit(from, left);
    ledger::post(write, transaction).await?;
    sqlx::query("update payouts set state = 'paid', bank_reference = $1, settled_at = $2 where id = $3")
        .bind(bank_reference)
        .bind(time(now))
        .bind(id)
        .execute(&mut **write)
        .await?;
    told::arrived(write, payout, bank_reference, now).await
}

/// The account that a rail's payouts leave from.
pub(super) fn paid_from(rail: RailKind) -> Account {
    match rail {
        RailKind::Manual | RailKind::Sepa => Account::Bank,
        RailKind::Stripe => Account::Processor,
    }
}

/// The payouts to one partner or to all, newest first.
pub async fn list(
    db: &mut AnyConnection,
    partner: Option<&Namespace>,
    paging: &Paging<i64>,
) -> Result<Page<Payout>, Error> {
    let before = paging.after().copied().unwrap_or(i64::MAX);
    Ok(paging.cut(list_before(db, partner, before, paging.rows()).await?, |payout| payout.id))
}

/// So many of the same, of those that were proposed before the one of this number.
pub(crate) async fn list_before(
    db: &mut AnyConnection,
    partner: Option<&Namespace>,
    before: i64,
    limit: i64,
) -> Result<Vec<Payout>, Error> {
    let query = match partner {
        None => sqlx::query_as(select_payouts!("where id < $1 order by id desc limit $2")),
        Some(_) => {
            sqlx::query_as(select_payouts!("where id < $1 and partner = $3 order by id desc limit $2"))
        }
    };
    let query = query.bind(before).bind(limit);
    let query = match partner {
        None => query,
        Some(partner) => query.bind(partner.as_str()),
    };
    let rows: Vec<Row> = query.fetch_all(db).await?;
    rows.into_iter().map(read).collect()
}

/// All payouts of a run, whatever became of them, in the order in which they were proposed.
pub async fn all_of_run(db: &mut AnyConnection, run: i64) -> Result<Vec<Payout>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as(select_payouts!("where run = $1 order by id")).bind(run).fetch_all(db).await?;
    rows.into_iter().map(read).collect()
}

/// The payouts of a run that were approved and not returned, and how each is sent. What is on hold and was not sent yet is left out.
pub(crate) async fn of_run(db: &mut AnyConnection, run: i64) -> Result<Vec<(Payout, PayoutProfile)>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_payouts!(
        "where run = $1 and state in ('approved', 'sent', 'paid', 'partly-returned') order by id"
    ))
    .bind(run)
    .fetch_all(&mut *db)
    .await?;
    let mut payouts = Vec::new();
    for row in rows {
        let payout = read(row)?;
        let waits = payout.state == PayoutState::Approved;
        if waits && chandlery_accounts::hold(db, &payout.partner).await?.is_some() {
            continue;
        }
        let profile = profile_of(db, &payout).await?;
        payouts.push((payout, profile));
    }
    Ok(payouts)
}

/// The profile that a payout was proposed by: a change since then is for the next one.
pub(crate) async fn profile_of(db: &mut AnyConnection, payout: &Payout) -> Result<PayoutProfile, Error> {
    let (version,): (Option<i64>,) = sqlx::query_as("select profile from payouts where id = $1")
        .bind(payout.id)
        .fetch_one(&mut *db)
        .await?;
    let found = profiles::find(db, &payout.partner, version.unwrap_or(0)).await?;
    Ok(found.map_or_else(profiles::by_hand, |found| found.profile))
}

pub(super) fn wrong_state(payout: &Payout, wanted: &str) -> Error {
    Error::Conflict(format!("payout {} is {} and cannot be {wanted}", payout.id, payout.state))
}

/// The payout of this number, or that there is none.
pub(crate) async fn find(db: &mut AnyConnection, id: i64) -> Result<Payout, Error> {
    let row: Option<Row> =
        sqlx::query_as(select_payouts!("where id = $1")).bind(id).fetch_optional(db).await?;
    read(row.ok_or_else(|| Error::NotFound(format!("payout {id}")))?)
}

fn read(row: Row) -> Result<Payout, Error> {
    let Text(currency) = row.currency;
    let sent = Money::new(row.sent_minor, row.sent_currency.0)?;
    let returned = sent.with_minor(row.returned_sent_minor)?;
    Ok(Payout {
        id: row.id,
        run: row.run,
        partner: row.partner.0,
        amount: Money::new(row.minor, currency)?,
        withheld: Money::new(row.withheld_minor, currency)?,
        sent,
        returned: (!returned.is_zero()).then_some(returned),
        rail: row.rail.0,
        state: row.state.0,
        proposed_by: row.proposed_by.0,
        approved_by: row.approved_by.map(|Text(name)| name),
        bank_reference: row.bank_reference,
    })
}
