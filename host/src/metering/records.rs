//! The records that this host signs: each event that waits gets the next number, once for good.

use chandlery_package::Digest;
use chandlery_package::chain::{Chain, Head, event_digest};
use chandlery_package::column::{Json, Text};
use chandlery_package::wire::UsageEvent;
use sqlx::{SqliteConnection, SqlitePool};

use super::Error;

/// Records that follow each other.
pub(super) struct Batch {
    /// The record before the first one.
    pub before: Head,
    /// The last one.
    pub last: Head,
    /// What they say.
    pub events: Vec<UsageEvent>,
}

fn whole(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// Refuses a head of the registry that is another one here.
pub(super) async fn must_be_known(db: &SqlitePool, chain: &Chain, head: Head) -> Result<(), Error> {
    let mut db = db.acquire().await?;
    match hash_of(&mut db, chain, head.sequence).await? {
        Some(own) if own != head.hash => Err(Error::Forked(head.sequence)),
        _ => Ok(()),
    }
}

async fn hash_of(db: &mut SqliteConnection, chain: &Chain, sequence: u64) -> Result<Option<Digest>, Error> {
    let found: Option<(Text<Digest>,)> = sqlx::query_as(
        "select hash from usage_records where registry = $1 and account = $2 and sequence = $3",
    )
    .bind(&chain.registry)
    .bind(chain.account.as_str())
    .bind(whole(sequence))
    .fetch_optional(db)
    .await?;
    Ok(found.map(|(Text(hash),)| hash))
}

/// The last record of this host, or what the registry has of it where that is more: then this host has lost some, as one does whose
/// data folder was restored, and goes on after them.
async fn last(db: &mut SqliteConnection, chain: &Chain, head: Head) -> Result<Head, Error> {
    let own: Option<(i64, Text<Digest>)> = sqlx::query_as(
        "select sequence, hash from usage_records where registry = $1 and account = $2
         order by sequence desc limit 1",
    )
    .bind(&chain.registry)
    .bind(chain.account.as_str())
    .fetch_optional(db)
    .await?;
    Ok(match own {
        Some((sequence, Text(hash))) if sequence.unsigned_abs() >= head.sequence => {
            Head { sequence: sequence.unsigned_abs(), hash }
        }
        _ => head,
    })
}

/// Gives the next numbers to the oldest events that wait and have none, at most `limit`.
pub(super) async fn extend(db: &SqlitePool, chain: &Chain, head: Head, limit: i64) -> Result<(), Error> {
    let mut write = db.begin_with("begin immediate").await?;
    let waiting: Vec<(String, Json<UsageEvent>)> = sqlx::query_as(
        "select id, body from usage_events
         where sent = 0 and not exists (select 1 from usage_records
                                        where registry = $1 and account = $2 and event = usage_events.id)
         order by id limit $3",
    )
    .bind(&chain.registry)
    .bind(chain.account.as_str())
    .bind(limit)
    .fetch_all(&mut *write)
    .await?;
    let mut at = last(&mut write, chain, head).await?;
    for (id, Json(event)) in waiting {
        at = at.then(&event_digest(&chain.account, &event));
        sqlx::query(
            "insert into usage_records (registry, account, sequence, event, hash) values ($1, $2, $3, $4, $5)",
        )
        .bind(&chain.registry)
        .bind(chain.account.as_str())
        .bind(whole(at.sequence))
        .bind(id)
        .bind(Text(at.hash))
        .execute(&mut *write)
        .await?;
    }
    write.commit().await?;
    Ok(())
}

/// The next records to send, at most `limit`: those that the registry does not have, and those that it is to take again. None: there
/// are none from this number on.
pub(super) async fn unsent(
    db: &SqlitePool,
    chain: &Chain,
    head: Head,
    from: u64,
    limit: i64,
) -> Result<Option<Batch>, Error> {
    let rows: Vec<(i64, Text<Digest>, Json<UsageEvent>)> = sqlx::query_as(
        "select sequence, hash, body from usage_records join usage_events on id = event
         where registry = $1 and account = $2 and sequence >= (
             select min(sequence) from usage_records join usage_events on id = event
             where registry = $1 and account = $2 and sequence >= $3 and (sequence > $4 or sent = 0))
         order by sequence limit $5",
    )
    .bind(&chain.registry)
    .bind(chain.account.as_str())
    .bind(whole(from))
    .bind(whole(head.sequence))
    .bind(limit)
    .fetch_all(db)
    .await?;
    let Some((first, ..)) = rows.first() else { return Ok(None) };
    let before = before(db, chain, head, first.unsigned_abs().saturating_sub(1)).await?;
    let mut batch = Batch { before, last: before, events: Vec::with_capacity(rows.len()) };
    for (sequence, Text(hash), Json(event)) in rows {
        let sequence = sequence.unsigned_abs();
        // Of records that were lost here, the registry has those.
        if sequence != batch.last.sequence + 1 {
            break;
        }
        batch.last = Head { sequence, hash };
        batch.events.push(event);
    }
    Ok(Some(batch))
}

/// The record of this number, here or at the registry.
async fn before(db: &SqlitePool, chain: &Chain, head: Head, sequence: u64) -> Result<Head, Error> {
    if sequence == 0 {
        return Ok(chain.start());
    }
    let mut db = db.acquire().await?;
    match hash_of(&mut db, chain, sequence).await? {
        Some(hash) => Ok(Head { sequence, hash }),
        None if sequence == head.sequence => Ok(head),
        None => Err(Error::Forked(sequence)),
    }
}

#[cfg(test)]
mod tests;
