//! Before anything else becomes of what was to be sent, the processor says whether it has done it after all: an answer may have been
//! lost. If it has, that is the answer, and nothing is paid a second time.

use chandlery_accounts::Actor;
use chandlery_package::wire::{NewSettlement, Payout, RequestKind, SettlementWay};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::answers::{Ended, answered, delay, made};
use super::request::{BATCH, OVERTAKEN, Request, Row, on_its_way, own_key, read, select};
use super::undecided::TOO_OFTEN;
use crate::{Error, Finance, Processor, payouts};

/// What the processor has done of a request before, by its id.
pub(super) async fn made_before(processor: &Processor, request: &Request) -> Result<Option<String>, Error> {
    match request.kind {
        RequestKind::Refund => processor.refund_made(&request.about, own_key(request)).await,
        RequestKind::Transfer => processor.transfer_made(&request.about).await,
    }
}

/// The same where that has to be known: refuses where it cannot be asked.
async fn surely_made(processor: Option<&Processor>, request: &Request) -> Result<Option<String>, Error> {
    let key = &request.key;
    let none = || {
        Error::Conflict(format!(
            "the processor of payments may have done '{key}' all the same, and this registry cannot ask it: start it with \
             `--stripe-key`, and try again"
        ))
    };
    let processor = processor.filter(|processor| processor.can_be_asked()).ok_or_else(none)?;
    made_before(processor, request).await.map_err(|error| {
        Error::Processor(format!(
            "it has to say first whether it has done '{key}' all the same, and does not: {error}"
        ))
    })
}

/// Refuses where the processor has done it after all, and takes that for its answer.
async fn must_not_be_made_by(
    finance: &Finance,
    actor: &Actor,
    request: &Request,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(id) = surely_made(finance.processor.as_deref(), request).await? else { return Ok(()) };
    made(&finance.db, actor, request, &id, now).await?;
    Err(Error::Conflict(format!(
        "the processor of payments has done '{}' after all, as {id}: that is its answer now, and nothing else was changed",
        request.key
    )))
}

/// Refuses to give a customer in another way what the processor has given back after all. Where it cannot be asked at all, what it has
/// refused by a word of its own is certain enough.
pub(in crate::rails) async fn must_not_be_made(
    finance: &Finance,
    actor: &Actor,
    new: &NewSettlement,
    now: Timestamp,
) -> Result<(), Error> {
    let row: Option<Row> =
        sqlx::query_as(select!("and kind = 'refund' and refused is not null and key = $1"))
            .bind(&new.request)
            .fetch_optional(finance.db.read())
            .await?;
    let request = row.map(read).transpose()?.filter(|_| new.way != SettlementWay::Again);
    let can_be_asked = finance.processor.as_deref().is_some_and(Processor::can_be_asked);
    match request {
        Some(request) if can_be_asked || request.refused.as_deref() == Some(TOO_OFTEN) => {
            must_not_be_made_by(finance, actor, &request, now).await
        }
        _ => Ok(()),
    }
}

/// The transfer of a payout that is owed and not answered.
async fn transfer_of(db: &mut AnyConnection, payout: i64) -> Result<Option<Request>, Error> {
    let row: Option<Row> = sqlx::query_as(select!("and kind = 'transfer' and about = $1"))
        .bind(payout.to_string())
        .fetch_optional(db)
        .await?;
    row.map(read).transpose()
}

/// Records that a payout could not be paid, or came back: the money is available again. One that the processor may have sent is not
/// returned before that says that it has not: where it has, the payout is sent, and it is refused.
pub async fn return_payout(
    finance: &Finance,
    actor: &Actor,
    payout: i64,
    now: Timestamp,
) -> Result<Payout, Error> {
    let seen = transfer_of(&mut *finance.db.read().acquire().await?, payout).await?;
    if let Some(request) = &seen {
        request.must_have_landed()?;
        must_not_be_made_by(finance, actor, request, now).await?;
    }
    let mut write = finance.db.write().await?;
    let current = transfer_of(&mut write, payout).await?;
    must_be_as_seen(seen.as_ref(), current.as_ref())?;
    if let Some(request) = &current {
        overtake(&mut write, request, now).await?;
    }
    let returned = payouts::returned(&mut write, actor, payout, now).await?;
    write.commit().await?;
    Ok(returned)
}

/// Refuses where a transfer was owed, sent or answered since the processor was asked.
fn must_be_as_seen(seen: Option<&Request>, current: Option<&Request>) -> Result<(), Error> {
    let tried = |request: &Request| (request.generation, request.tries);
    match seen.or(current) {
        Some(request) if seen.map(tried) != current.map(tried) => Err(on_its_way(&request.key)),
        _ => current.map_or(Ok(()), Request::must_have_landed),
    }
}

/// Ends a transfer that is not to be made any more.
async fn overtake(write: &mut Write, request: &Request, now: Timestamp) -> Result<(), Error> {
    sqlx::query("update processor_outbox set answered_at = $1, reason = $2 where key = $3")
        .bind(time(now))
        .bind(OVERTAKEN)
        .bind(&request.key)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Forgets the first transfers that are sent no more, and whose payouts came back or were paid in another way meanwhile, and says whether
/// there was any. Of which the processor cannot say whether it has made it is asked again later.
pub(super) async fn forget_overtaken(db: &Db, processor: &Processor, now: Timestamp) -> Result<bool, Error> {
    let rows: Vec<Row> = sqlx::query_as(select!(
        "and refused is not null and kind = 'transfer' and due_at <= $1
         and about not in (select cast(id as text) from payouts where state = 'approved') order by due_at, key limit $2"
    ))
    .bind(time(now))
    .bind(BATCH)
    .fetch_all(db.read())
    .await?;
    let is_any = !rows.is_empty();
    for row in rows {
        let request = read(row)?;
        match surely_made(Some(processor), &request).await {
            Ok(Some(id)) => made(db, &Actor::machine(), &request, &id, now).await?,
            Ok(None) => answered(db, &request, "", OVERTAKEN, now).await?,
            Err(error) => delay(db, &request, Ended::Unanswered, &error.to_string(), now).await?,
        }
    }
    Ok(is_any)
}
