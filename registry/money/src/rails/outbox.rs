//! What is owed to be sent to the processor of payments: refunds and transfers. Each is written in the transaction of its cause, and
//! sent with an idempotency key until the processor has answered, or refuses it for good.

mod answers;
mod deciding;
mod request;
mod undecided;

use chandlery_accounts::Actor;
use chandlery_package::Money;
use chandlery_package::wire::{
    OwedRequest, Page, Paging, PayoutState, RequestKind, RequestState, SettlementWay,
};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::payouts::run;
use crate::{Error, Processor};
use chandlery_store::{Db, Write, time};

use answers::Ended;
use request::{BATCH, OVERTAKEN, Request, Row, number, own_key, read, select};

pub(super) use deciding::must_not_be_made;
pub use deciding::return_payout;
pub(super) use undecided::send_again;
pub use undecided::{count as count_undecided, in_words as undecided_in_words};

/// Owes the refund of so much of a payment.
pub(super) async fn owe_refund(
    write: &mut Write,
    key: &str,
    payment: &str,
    amount: Money,
    now: Timestamp,
) -> Result<(), Error> {
    match owe(write, RequestKind::Refund, key, payment, "", amount, now).await? {
        true => Ok(()),
        false => Err(Error::KeyReused { key: key.to_owned() }),
    }
}

/// Owes a payout's transfer to a connected account. The same again changes nothing.
pub(super) async fn owe_transfer(
    write: &mut Write,
    payout: i64,
    account: &str,
    amount: Money,
    now: Timestamp,
) -> Result<String, Error> {
    let key = format!("payout-{payout}");
    owe(write, RequestKind::Transfer, &key, &payout.to_string(), account, amount, now).await?;
    Ok(key)
}

/// Writes down what is owed, and says whether it was not before.
async fn owe(
    write: &mut Write,
    kind: RequestKind,
    key: &str,
    about: &str,
    destination: &str,
    amount: Money,
    now: Timestamp,
) -> Result<bool, Error> {
    let now = time(now);
    let new = sqlx::query(
        "insert into processor_outbox (key, kind, about, destination, currency, minor, owed_at, due_at, tries, reason)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 0, '') on conflict do nothing",
    )
    .bind(key_of(kind, key))
    .bind(kind.as_str())
    .bind(about)
    .bind(destination)
    .bind(amount.currency().code())
    .bind(amount.minor())
    .bind(&now)
    .bind(&now)
    .execute(&mut **write)
    .await?;
    Ok(new.rows_affected() > 0)
}

/// Refunds have the keys that operators give them, which are no other kind's.
fn key_of(kind: RequestKind, key: &str) -> String {
    format!("{kind}:{key}")
}

/// What of a payment was owed to be given back so far, sent or not, in minor units; without what became something else.
pub(super) async fn refunds_of(db: &mut AnyConnection, payment: &str) -> Result<i64, Error> {
    let (minor,): (i64,) = sqlx::query_as(
        "select cast(coalesce(sum(minor), 0) as bigint) from processor_outbox
         where about = $1 and kind = 'refund' and settled_as is null",
    )
    .bind(payment)
    .fetch_one(db)
    .await?;
    Ok(minor)
}

/// Sends what is owed under a key and not answered, now. What is sent no more is refused, with what an operator can do.
pub(super) async fn send_one(
    db: &Db,
    actor: &Actor,
    processor: &Processor,
    kind: RequestKind,
    key: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let row: Option<Row> =
        sqlx::query_as(select!("and key = $1")).bind(key_of(kind, key)).fetch_optional(db.read()).await?;
    match row.map(read).transpose()? {
        Some(request) if request.refused.is_some() => Err(Error::Conflict(undecided::say(&request))),
        Some(request) => send(db, actor, processor, &request, now).await,
        None => Ok(()),
    }
}

/// Sends the first of what is due, and says whether there was anything. What the processor refuses, or does not answer, is due again
/// later.
pub(super) async fn send_due(db: &Db, processor: &Processor, now: Timestamp) -> Result<bool, Error> {
    let forgotten = deciding::forget_overtaken(db, processor, now).await?;
    let rows: Vec<Row> =
        sqlx::query_as(select!("and refused is null and due_at <= $1 order by due_at, key limit $2"))
            .bind(time(now))
            .bind(BATCH)
            .fetch_all(db.read())
            .await?;
    let is_any = forgotten || !rows.is_empty();
    for row in rows {
        let request = read(row)?;
        if let Err(error) = send(db, &Actor::machine(), processor, &request, now).await {
            tracing::warn!(%error, request = %request.key, "the processor was not told: it is tried again");
        }
    }
    Ok(is_any)
}

async fn send(
    db: &Db,
    actor: &Actor,
    processor: &Processor,
    request: &Request,
    now: Timestamp,
) -> Result<(), Error> {
    // Somebody has decided otherwise, or it was answered, meanwhile.
    let Some(until) = answers::depart(db, request).await? else { return Ok(()) };
    let told = match ask(db, processor, request, now).await {
        Ok(Some(remote_id)) => answers::made(db, actor, request, &remote_id, now).await,
        Ok(None) => answers::answered(db, request, "", OVERTAKEN, now).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &told {
        let reason = error.to_string();
        match undecided::end_of(request, error) {
            Some(code) => answers::park(db, request, &code, &reason).await?,
            None => {
                let ended = match undecided::is_refused(error) {
                    true => Ended::Refused { in_flight_until: &until },
                    false => Ended::Unanswered,
                };
                answers::delay(db, request, ended, &reason, now).await?;
            }
        }
    }
    told
}

/// Asks the processor, and gives its id of what it has done; none: it is not to be done any more.
async fn ask(
    db: &Db,
    processor: &Processor,
    request: &Request,
    now: Timestamp,
) -> Result<Option<String>, Error> {
    let Request { about, amount, generation, .. } = request;
    let may_be_made = request.may_be_made(now);
    if may_be_made && let Some(made) = deciding::made_before(processor, request).await? {
        return Ok(Some(made));
    }
    match request.kind {
        RequestKind::Refund => {
            // Not each refusal says that it stays: of what was tried before, the payment itself tells.
            if may_be_made {
                processor.must_have(about, *amount).await?;
            }
            processor.refund(about, *amount, own_key(request), *generation).await.map(Some)
        }
        RequestKind::Transfer => {
            // It may have come back, or been paid by hand, meanwhile.
            let payout = run::find(&mut *db.read().acquire().await?, number(request)?).await?;
            match payout.state {
                PayoutState::Approved => {
                    processor.transfer(about, &request.destination, *amount, *generation).await.map(Some)
                }
                _ => Ok(None),
            }
        }
    }
}

/// What is sent no more, and of which nothing has become yet.
pub(super) struct Refused {
    /// What was asked.
    pub kind: RequestKind,
    /// The payment that was to be given back, or the payout that was to be sent.
    pub about: String,
    /// How much of it.
    pub amount: Money,
    /// Why it is refused: a word of the processor's, or of ours where that has refused it too often.
    pub code: String,
}

/// The request of this key that is refused and not on its way, or that there is none.
pub(super) async fn refused(db: &mut AnyConnection, key: &str) -> Result<Refused, Error> {
    let row: Option<Row> = sqlx::query_as(select!("and key = $1")).bind(key).fetch_optional(db).await?;
    let request = row.map(read).transpose()?;
    let request = request.ok_or_else(|| Error::NotFound(format!("request '{key}' that waits")))?;
    request.must_have_landed()?;
    match request.refused {
        Some(code) => Ok(Refused { kind: request.kind, about: request.about, amount: request.amount, code }),
        None => {
            Err(Error::Conflict(format!("request '{key}' is not refused: it is sent until it is answered")))
        }
    }
}

/// Something else becomes of a request that is refused.
pub(super) async fn settle(
    write: &mut Write,
    key: &str,
    way: SettlementWay,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "update processor_outbox set answered_at = $1, settled_as = $2 where key = $3 and answered_at is null",
    )
    .bind(time(now))
    .bind(way.as_str())
    .bind(key)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// What is owed and not answered, in the order of the keys.
pub(super) async fn list(db: &Db, paging: &Paging<String>) -> Result<Page<OwedRequest>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select!("and key > $1 order by key limit $2"))
        .bind(paging.after().map_or("", String::as_str))
        .bind(paging.rows())
        .fetch_all(db.read())
        .await?;
    paging.cut(rows, |row| row.key.clone()).try_map(|row| {
        let Request { key, kind, about, amount, owed_at, due_at, tries, reason, refused, .. } = read(row)?;
        let state = if refused.is_some() { RequestState::Refused } else { RequestState::Waits };
        Ok(OwedRequest { key, kind, about, amount, owed_at, due_at, tries, reason, state })
    })
}

/// How many requests wait for an answer.
pub async fn waiting(db: &mut AnyConnection) -> Result<i64, Error> {
    let (count,): (i64,) = sqlx::query_as("select count(*) from processor_outbox where answered_at is null")
        .fetch_one(db)
        .await?;
    Ok(count)
}
