//! What is sent no more, because the processor refuses it for good or has refused it too often: an operator says what becomes of it.

use chandlery_package::wire::RequestKind;
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::{OVERTAKEN, Request, Row, answered, read};
use crate::Error;

/// After how many tries a request is sent no more, whatever it is refused for: three days, by how long it waits after each.
pub(super) const TRIES_MAX: i64 = 80;
/// Why, in a word that is none of the processor's.
pub(super) const TOO_OFTEN: &str = "refused_too_often";

/// By which word a request is sent no more after an error; none: it is tried again.
pub(super) fn end_of(request: &Request, error: &Error) -> Option<String> {
    match error {
        Error::RefusedForGood { code, .. } if request.kind == RequestKind::Refund => Some(code.clone()),
        _ if request.tries + 1 >= TRIES_MAX => Some(TOO_OFTEN.to_owned()),
        _ => None,
    }
}

/// Sends it again, from now on and as often as before. Whether it was done by the last try is asked first.
pub(in crate::rails) async fn send_again(write: &mut Write, key: &str, now: Timestamp) -> Result<(), Error> {
    sqlx::query(
        "update processor_outbox set refused = null, tries = 1, due_at = $1 where key = $2 and answered_at is null",
    )
    .bind(time(now))
    .bind(key)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Forgets transfers of payouts that came back, or were paid in another way, meanwhile.
pub(super) async fn forget_overtaken(db: &Db, now: Timestamp) -> Result<(), Error> {
    let rows: Vec<Row> = sqlx::query_as(super::select!(
        "and refused is not null and kind = 'transfer'
         and about not in (select cast(id as text) from payouts where state = 'approved')"
    ))
    .fetch_all(db.read())
    .await?;
    for row in rows {
        answered(db, &read(row)?, "", OVERTAKEN, now).await?;
    }
    Ok(())
}

/// How many there are.
pub async fn count(db: &mut AnyConnection) -> Result<i64, Error> {
    let (count,): (i64,) = sqlx::query_as(
        "select count(*) from processor_outbox where answered_at is null and refused is not null",
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// Each of them in words, with the commands that say what becomes of it, in the order of the keys.
pub async fn in_words(db: &mut AnyConnection) -> Result<Vec<String>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as(super::select!("and refused is not null order by key")).fetch_all(db).await?;
    rows.into_iter().map(|row| Ok(say(&read(row)?))).collect()
}

fn say(request: &Request) -> String {
    let Request { key, kind, about, amount, reason, .. } = request;
    let again = format!("`chandlery books requests settle {key} --as again`");
    let otherwise = match kind {
        RequestKind::Refund => "`--as credit` or `--as bank`".to_owned(),
        RequestKind::Transfer => format!("`chandlery payouts return {about}`"),
    };
    format!("{key} of {amount} is sent no more ({reason}): {again} tries it again, {otherwise} does without")
}
