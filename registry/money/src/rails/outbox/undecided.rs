//! What is sent no more, because the processor refuses it for good or has refused it too often: an operator says what becomes of it.

use chandlery_package::wire::RequestKind;
use chandlery_store::{Write, time};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::request::{Request, Row, read, select};
use crate::Error;

/// After how many refusals a request is sent no more: three days, by how long it waits after each.
pub(super) const REFUSALS_MAX: i64 = 80;
/// Why, in a word that is none of the processor's.
pub(super) const TOO_OFTEN: &str = "refused_too_often";

/// Whether the processor has answered that it does not do something. Without an answer, and after any other, it may have done it.
pub(super) fn is_refused(error: &Error) -> bool {
    matches!(error, Error::Refused(_) | Error::RefusedForGood { .. })
}

/// By which word a request is sent no more after an error; none: it is tried again.
pub(super) fn end_of(request: &Request, error: &Error) -> Option<String> {
    match error {
        Error::RefusedForGood { code, .. } if request.kind == RequestKind::Refund => Some(code.clone()),
        _ if is_refused(error) && request.refusals + 1 >= REFUSALS_MAX => Some(TOO_OFTEN.to_owned()),
        _ => None,
    }
}

/// Sends it again, from now on and as often as before, by another key: by the old one it would be refused unseen. Whether it was done by
/// the last try is asked first.
pub(in crate::rails) async fn send_again(write: &mut Write, key: &str, now: Timestamp) -> Result<(), Error> {
    sqlx::query(
        "update processor_outbox set refused = null, tries = 1, refusals = 0, generation = generation + 1, due_at = $1
         where key = $2 and answered_at is null",
    )
    .bind(time(now))
    .bind(key)
    .execute(&mut **write)
    .await?;
    Ok(())
}

macro_rules! undecided {
    () => {
        "and refused is not null
         and (kind <> 'transfer' or about in (select cast(id as text) from payouts where state = 'approved'))"
    };
}

/// How many there are, without the transfers of payouts that came back or were paid in another way.
pub async fn count(db: &mut AnyConnection) -> Result<i64, Error> {
    let (count,): (i64,) = sqlx::query_as(concat!(
        "select count(*) from processor_outbox where answered_at is null ",
        undecided!()
    ))
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// Each of them in words, with the commands that say what becomes of it, in the order of the keys.
pub async fn in_words(db: &mut AnyConnection) -> Result<Vec<String>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as(concat!(select!(""), undecided!(), " order by key")).fetch_all(db).await?;
    rows.into_iter().map(|row| Ok(say(&read(row)?))).collect()
}

/// One of them in words.
pub(super) fn say(request: &Request) -> String {
    let Request { key, kind, about, amount, reason, .. } = request;
    let again = format!("`chandlery books requests settle {} --as again`", quoted(key));
    let otherwise = match kind {
        RequestKind::Refund => "`--as credit` or `--as bank`".to_owned(),
        RequestKind::Transfer => format!("`chandlery payouts return {about}`"),
    };
    format!("{key} of {amount} is sent no more ({reason}): {again} tries it again, {otherwise} does without")
}

/// A word as a shell takes it: the keys of refunds are whatever operators have written.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_word_of_a_shell() {
        for (key, word) in [
            ("refund:R-1", "'refund:R-1'"),
            ("refund:a b; $(reboot)", "'refund:a b; $(reboot)'"),
            ("refund:it's", r"'refund:it'\''s'"),
        ] {
            assert_eq!(quoted(key), word);
        }
    }
}
