//! What is written down of a request when it leaves for the processor, and when that has answered or has not.

use chandlery_accounts::Actor;
use chandlery_package::wire::{PayoutState, RequestKind};
use chandlery_store::{Db, time};
use jiff::{SignedDuration, Timestamp};

use super::request::{Request, number};
use crate::Error;
use crate::payouts::run;

/// How long a request waits before it is tried again, in seconds: at first, and at most.
const WAITS_SECONDS: [i64; 2] = [10, 3600];
/// For how long a request may be on its way to the processor and back, in real time: it asks three times at most, each for 30 s.
const IN_FLIGHT: SignedDuration = SignedDuration::from_mins(2);
/// How much of a refusal is kept, in characters.
const REASON_MAX: usize = 500;

/// Writes down that a request is on its way, and gives until when; none: it is not to be sent any more.
pub(super) async fn depart(db: &Db, request: &Request) -> Result<Option<String>, Error> {
    let until = time(Timestamp::now() + IN_FLIGHT);
    let mut write = db.write().await?;
    let sent = sqlx::query(
        "update processor_outbox set in_flight_until = $1
         where key = $2 and generation = $3 and answered_at is null and refused is null",
    )
    .bind(&until)
    .bind(&request.key)
    .bind(request.generation)
    .execute(&mut *write)
    .await?;
    write.commit().await?;
    Ok((sent.rows_affected() > 0).then_some(until))
}

/// The processor has done it: a payout that waits for that is sent.
pub(super) async fn made(
    db: &Db,
    actor: &Actor,
    request: &Request,
    remote_id: &str,
    now: Timestamp,
) -> Result<(), Error> {
    if request.kind == RequestKind::Transfer {
        let payout = run::find(&mut *db.read().acquire().await?, number(request)?).await?;
        match payout.state {
            PayoutState::Approved => drop(run::mark_sent(db, actor, &payout, Some(remote_id), now).await?),
            PayoutState::Returned => {
                tracing::error!(%remote_id, payout = payout.id, "a transfer was made of a payout that came back");
            }
            _ => {}
        }
    }
    answered(db, request, remote_id, "", now).await
}

/// The processor has answered by the id of what it has done or, without one, was not asked for a reason.
pub(super) async fn answered(
    db: &Db,
    request: &Request,
    remote_id: &str,
    reason: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let mut write = db.write().await?;
    sqlx::query(
        "update processor_outbox set answered_at = $1, remote_id = nullif($2, ''), reason = $3, tries = tries + 1
         where key = $4",
    )
    .bind(time(now))
    .bind(remote_id)
    .bind(reason)
    .bind(&request.key)
    .execute(&mut *write)
    .await?;
    Ok(write.commit().await?)
}

/// How a try has ended that did nothing, as far as is known.
pub(super) enum Ended<'a> {
    /// By an answer that it is not done, so that the flight until then, as `depart` gave it, has landed.
    Refused { in_flight_until: &'a str },
    /// Without an answer that is certain: what was sent may still arrive.
    Unanswered,
}

/// Lets a request be tried again later, and keeps why. What was refused is tried by another key: by the old one it would be refused
/// unseen.
pub(super) async fn delay(
    db: &Db,
    request: &Request,
    ended: Ended<'_>,
    reason: &str,
    now: Timestamp,
) -> Result<(), Error> {
    // No flight is until "".
    let (refusals, landed) = match ended {
        Ended::Refused { in_flight_until } => (1_i64, in_flight_until),
        Ended::Unanswered => (0, ""),
    };
    let seconds = (WAITS_SECONDS[0] << request.tries.clamp(0, 20)).min(WAITS_SECONDS[1]);
    let due_at = now + SignedDuration::from_secs(seconds);
    let mut write = db.write().await?;
    sqlx::query(
        "update processor_outbox set due_at = $1, reason = $2, tries = tries + 1, refusals = refusals + $3,
                generation = generation + $3, in_flight_until = nullif(in_flight_until, $4)
         where key = $5 and generation = $6 and answered_at is null",
    )
    .bind(time(due_at))
    .bind(reason.chars().take(REASON_MAX).collect::<String>())
    .bind(refusals)
    .bind(landed)
    .bind(&request.key)
    .bind(request.generation)
    .execute(&mut *write)
    .await?;
    Ok(write.commit().await?)
}

/// What is refused for good, or too often, is not sent any more: an operator says what becomes of it.
pub(super) async fn park(db: &Db, request: &Request, code: &str, reason: &str) -> Result<(), Error> {
    let mut write = db.write().await?;
    sqlx::query(
        "update processor_outbox set refused = $1, reason = $2, tries = tries + 1, in_flight_until = null
         where key = $3 and generation = $4 and answered_at is null",
    )
    .bind(code)
    .bind(reason.chars().take(REASON_MAX).collect::<String>())
    .bind(&request.key)
    .bind(request.generation)
    .execute(&mut *write)
    .await?;
    Ok(write.commit().await?)
}
