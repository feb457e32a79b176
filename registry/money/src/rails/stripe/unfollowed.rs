//! What Stripe has told and the books do not follow: kinds of events that are not known here, and what waits in vain.

use chandlery_package::column::Text;
use chandlery_package::wire::EventState;
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;

/// After how many tries what is parked waits in vain: more than an hour, by how long it waits after each.
const TRIES: i64 = 9;
/// How many of them are named one by one.
const NAMED_MAX: i64 = 20;

/// How many events there are that the books do not follow: those of kinds that are not known here, and those that wait in vain.
pub async fn count(db: &mut AnyConnection) -> Result<i64, Error> {
    let (count,): (i64,) = sqlx::query_as(
        "select count(*) from processor_events where state = $1 or state = $2 and tries >= $3",
    )
    .bind(EventState::Unhandled.as_str())
    .bind(EventState::Parked.as_str())
    .bind(TRIES)
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// The same in words, with the commands that show them: each kind that is not known here, and the first of those that wait in vain.
pub async fn in_words(db: &mut AnyConnection) -> Result<Vec<String>, Error> {
    let kinds: Vec<(String, i64)> = sqlx::query_as(
        "select kind, count(*) from processor_events where state = $1 group by kind order by kind",
    )
    .bind(EventState::Unhandled.as_str())
    .fetch_all(&mut *db)
    .await?;
    let mut words: Vec<String> = kinds.into_iter().map(|(kind, count)| not_known(&kind, count)).collect();
    let parked: Vec<(String, String, Text<Timestamp>, String)> = sqlx::query_as(
        "select id, kind, received_at, reason from processor_events where state = $1 and tries >= $2
         order by received_at, id limit $3",
    )
    .bind(EventState::Parked.as_str())
    .bind(TRIES)
    .bind(NAMED_MAX)
    .fetch_all(db)
    .await?;
    words.extend(parked.into_iter().map(|(id, kind, Text(since), reason)| {
        format!(
            "event {id} ({kind}) waits since {since}: {reason}; `chandlery books events show {id}` shows it"
        )
    }));
    Ok(words)
}

fn not_known(kind: &str, count: i64) -> String {
    format!(
        "{count} of the processor's events are of the kind {kind}, which the books do not follow: \
         `chandlery books events --state unhandled` shows them"
    )
}
