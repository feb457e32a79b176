//! The audit trail: who did what, written in the transaction that does it. Rows are added and never changed, and each is bound to
//! the one before it by its hash, so that a cut is seen.

use chandlery_package::Namespace;
use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{Act, AuditEntry, Page, Paging};
use chandlery_store::{Db, Write, time};
use futures::{Stream, stream};
use jiff::Timestamp;
use serde_json::Value;

use crate::Error;
use crate::actor::{Actor, Address};

/// How many entries are read at a time.
const CHUNK: i64 = 500;

/// Which entries are asked for; none: all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those of one account.
    pub actor: Option<Namespace>,
    /// Those of one act.
    pub act: Option<Act>,
    /// Those that were done to one thing, such as a plugin, a policy, a country or a pair of currencies.
    pub subject: Option<String>,
    /// Those from this moment on.
    pub from: Option<Timestamp>,
    /// Those before this moment.
    pub before: Option<Timestamp>,
}

/// Records what somebody does, in its transaction, which must exclude others that write. Null: there is nothing to tell of before or
/// after. No secret belongs into either.
pub async fn record(
    write: &mut Write,
    actor: &Actor,
    act: Act,
    subject: &str,
    before: Value,
    after: Value,
) -> Result<(), Error> {
    let last: Option<(i64, String)> =
        sqlx::query_as("select number, hash from audit order by number desc limit 1")
            .fetch_optional(&mut **write)
            .await?;
    let (number, previous) = last.map_or((1, String::new()), |(number, hash)| (number + 1, hash));
    let now = Timestamp::now();
    let Address(address) = actor.address;
    let mut entry = AuditEntry {
        number,
        // As finely as it is stored.
        at: Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now),
        actor: actor.account.clone(),
        credential: actor.credential.clone(),
        address: address.map(|address| address.to_string()),
        act,
        subject: subject.into(),
        before: Some(before).filter(|value| !value.is_null()),
        after: Some(after).filter(|value| !value.is_null()),
        previous,
        hash: String::new(),
    };
    entry.hash = entry.expected_hash();
    sqlx::query(
        "insert into audit (number, at, actor, credential, address, act, subject, was, became, previous, hash)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(entry.number)
    .bind(time(entry.at))
    .bind(entry.actor.map(|actor| actor.to_string()))
    .bind(entry.credential)
    .bind(entry.address)
    .bind(act.as_str())
    .bind(entry.subject)
    .bind(entry.before.map(|value| value.to_string()))
    .bind(entry.after.map(|value| value.to_string()))
    .bind(entry.previous)
    .bind(entry.hash)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Records what may be asked for again under the same name and changes nothing then, as a payment with its reference does: once.
pub async fn record_once(
    write: &mut Write,
    actor: &Actor,
    act: Act,
    subject: &str,
    after: Value,
) -> Result<(), Error> {
    let recorded: Option<(i64,)> =
        sqlx::query_as("select number from audit where subject = $1 and act = $2 and became = $3 limit 1")
            .bind(subject)
            .bind(act.as_str())
            .bind(after.to_string())
            .fetch_optional(&mut **write)
            .await?;
    match recorded {
        Some(_) => Ok(()),
        None => record(write, actor, act, subject, Value::Null, after).await,
    }
}

type Row = (
    i64,
    Text<Timestamp>,
    Option<Text<Namespace>>,
    String,
    Option<String>,
    Text<Act>,
    String,
    Option<Json<Value>>,
    Option<Json<Value>>,
    String,
    String,
);

fn entry(row: Row) -> AuditEntry {
    let (number, Text(at), actor, credential, address, Text(act), subject, before, after, previous, hash) =
        row;
    AuditEntry {
        number,
        at,
        actor: actor.map(|Text(actor)| actor),
        credential,
        address,
        act,
        subject,
        before: before.map(|Json(value)| value),
        after: after.map(|Json(value)| value),
        previous,
        hash,
    }
}

/// A page of the trail, the newest first.
pub async fn list(db: &Db, filter: &Filter, paging: &Paging<i64>) -> Result<Page<AuditEntry>, Error> {
    let rows = older(db, filter, paging.after().copied().unwrap_or(i64::MAX), paging.rows()).await?;
    Ok(paging.cut(rows, |row| row.0).map(entry))
}

/// All that a filter leaves, some hundreds at a time, the newest first.
pub fn chunks(db: Db, filter: Filter) -> impl Stream<Item = Result<Vec<AuditEntry>, Error>> {
    stream::try_unfold((i64::MAX, filter), move |(last, filter)| {
        let db = db.clone();
        async move {
            let rows = older(&db, &filter, last, CHUNK).await?;
            let Some(last) = rows.last().map(|row| row.0) else { return Ok(None) };
            Ok(Some((rows.into_iter().map(entry).collect(), (last, filter))))
        }
    })
}

/// So many rows before the one with this number that a filter leaves, the newest first.
async fn older(db: &Db, filter: &Filter, number: i64, rows: i64) -> Result<Vec<Row>, Error> {
    Ok(sqlx::query_as(
        "select number, at, actor, credential, address, act, subject, was, became, previous, hash from audit
         where number < $1 and ($2 = '' or actor = $2) and ($3 = '' or act = $3) and ($4 = '' or subject = $4)
               and ($5 = '' or at >= $5) and ($6 = '' or at < $6)
         order by number desc limit $7",
    )
    .bind(number)
    .bind(filter.actor.as_ref().map_or("", Namespace::as_str))
    .bind(filter.act.map_or("", Act::as_str))
    .bind(filter.subject.as_deref().unwrap_or(""))
    .bind(filter.from.map(time).unwrap_or_default())
    .bind(filter.before.map(time).unwrap_or_default())
    .bind(rows)
    .fetch_all(db.read())
    .await?)
}

/// The next entries after one, some hundreds at most, the oldest first.
pub async fn after(db: &Db, number: i64) -> Result<Vec<AuditEntry>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select number, at, actor, credential, address, act, subject, was, became, previous, hash from audit
         where number > $1 order by number limit $2",
    )
    .bind(number)
    .bind(CHUNK)
    .fetch_all(db.read())
    .await?;
    Ok(rows.into_iter().map(entry).collect())
}

/// The number and the hash of the last entry before a moment; none: there is none.
pub async fn head(write: &mut Write, before: Timestamp) -> Result<Option<(i64, String)>, Error> {
    Ok(sqlx::query_as("select number, hash from audit where at < $1 order by number desc limit 1")
        .bind(time(before))
        .fetch_optional(&mut **write)
        .await?)
}

/// The whole trail as lines of JSON, the oldest entry first.
pub fn export(db: Db) -> impl Stream<Item = Result<String, Error>> {
    stream::try_unfold(0_i64, move |last| {
        let db = db.clone();
        async move {
            let entries = after(&db, last).await?;
            let Some(last) = entries.last().map(|entry| entry.number) else { return Ok(None) };
            let lines: String =
                entries.iter().map(|entry| format!("{}\n", serde_json::json!(entry))).collect();
            Ok(Some((lines, last)))
        }
    })
}

#[cfg(test)]
mod tests {
    use chandlery_package::wire::{AuditChain, BrokenChain};
    use futures::TryStreamExt as _;
    use serde_json::json;

    use super::*;

    async fn trail(entries: i64) -> (tempfile::TempDir, Db) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let db = Db::open(&url).await.unwrap();
        let mut write = db.write().await.unwrap();
        for number in 1..=entries {
            let who = match number % 2 {
                0 => Actor::machine(),
                _ => Actor::of_reset(&"ann".parse().unwrap(), Address("192.0.2.7".parse().ok())),
            };
            let after = json!({ "b": number, "a": ["é\u{1}\"", null] });
            record(&mut write, &who, Act::TokenMade, "ann", Value::Null, after).await.unwrap();
        }
        write.commit().await.unwrap();
        (folder, db)
    }

    async fn check(db: &Db) -> Result<Option<i64>, BrokenChain> {
        let text: String = export(db.clone()).try_collect().await.unwrap();
        let mut chain = AuditChain::default();
        for line in text.lines() {
            chain.follow(&serde_json::from_str(line).unwrap())?;
        }
        Ok(chain.head().map(|(number, _)| number))
    }

    #[tokio::test]
    async fn an_export_is_the_trail_that_was_recorded() {
        let (_folder, db) = trail(CHUNK + 3).await;
        assert_eq!(check(&db).await, Ok(Some(CHUNK + 3)));
    }

    #[tokio::test]
    async fn what_is_changed_in_the_database_is_seen() {
        for (change, broken) in [
            ("update audit set became = null where number = 3", BrokenChain::Changed(3)),
            ("update audit set actor = 'bob' where number = 3", BrokenChain::Changed(3)),
            ("update audit set at = '2020-01-01T00:00:00.000000Z' where number = 3", BrokenChain::Changed(3)),
            ("delete from audit where number = 3", BrokenChain::Number { expected: 3, found: 4 }),
            ("delete from audit where number = 1", BrokenChain::Number { expected: 1, found: 2 }),
        ] {
            let (_folder, db) = trail(5).await;
            assert_eq!(check(&db).await, Ok(Some(5)));
            sqlx::query(change).execute(db.read()).await.unwrap();
            assert_eq!(check(&db).await, Err(broken), "{change}");
        }
    }

    #[tokio::test]
    async fn a_list_is_the_newest_first_and_of_whom_it_is_asked_for() {
        let (_folder, db) = trail(5).await;
        let numbers = async |filter: Filter, limit| {
            let page = list(&db, &filter, &Paging::first(limit)).await.unwrap();
            page.items.into_iter().map(|entry| entry.number).collect::<Vec<_>>()
        };
        let ann = Filter { actor: "ann".parse().ok(), ..Filter::default() };
        assert_eq!(numbers(Filter::default(), 3).await, [5, 4, 3]);
        assert_eq!(numbers(ann, 9).await, [5, 3, 1]);
        let of_act = |act| Filter { act: Some(act), ..Filter::default() };
        let of = |subject: &str| Filter { subject: Some(subject.into()), ..Filter::default() };
        assert_eq!(numbers(of_act(Act::TokenMade), 9).await, [5, 4, 3, 2, 1]);
        assert_eq!(numbers(of_act(Act::LoggedIn), 9).await, [0; 0]);
        assert_eq!(numbers(of("ann"), 2).await, [5, 4]);
        assert_eq!(numbers(of("bob"), 9).await, [0; 0]);
        let third = after(&db, 2).await.unwrap()[0].at;
        let from = Filter { from: Some(third), ..Filter::default() };
        let before = Filter { before: Some(third), ..Filter::default() };
        assert_eq!(numbers(from, 9).await, [5, 4, 3]);
        assert_eq!(numbers(before, 9).await, [2, 1]);
        let all: Vec<_> = chunks(db.clone(), of("ann")).try_concat().await.unwrap();
        assert_eq!(all.iter().map(|entry| entry.number).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
    }

    #[tokio::test]
    async fn what_changes_nothing_the_second_time_is_recorded_once() {
        let (_folder, db) = trail(1).await;
        let mut write = db.write().await.unwrap();
        for (subject, after) in
            [("invoice 1", 1), ("invoice 1", 1), ("invoice 2", 1), ("invoice 1", 2), ("invoice 1", 1)]
        {
            let (machine, after) =
                (Actor::machine(), json!({ "bank_reference": after, "amount": "1.00 USD" }));
            record_once(&mut write, &machine, Act::PaymentRecorded, subject, after).await.unwrap();
        }
        write.commit().await.unwrap();
        assert_eq!(check(&db).await, Ok(Some(4)));
    }

    #[tokio::test]
    async fn what_is_not_done_is_not_recorded() {
        let (_folder, db) = trail(1).await;
        let mut write = db.write().await.unwrap();
        record(&mut write, &Actor::machine(), Act::TokenMade, "ann", Value::Null, Value::Null).await.unwrap();
        drop(write);
        assert_eq!(check(&db).await, Ok(Some(1)));
    }
}
