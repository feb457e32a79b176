//! The keys of hosts, and how far each has come: a report that continues what its host has said is taken, the same one again is known,
//! and anything else is refused and kept as an incident.

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::chain::{Chain, Fault, GRACE, Head, judge};
use chandlery_package::column::Text;
use chandlery_package::wire::{
    Act, ChainState, HostChain, IncidentKind, Page, Paging, UsageReceipt, UsageReport, UsageSegment,
};
use chandlery_package::{Digest, Namespace, PublicKey};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::bounds::Bounds;
use super::incidents;
use super::intake::Batch;
use super::records::segments_from;
use crate::Error;

/// How long the name of a host may be, in bytes.
const NAME_MAX: usize = 64;
/// How many hosts of an account may have keys.
const HOSTS_MAX: i64 = 10_000;

/// Refuses what is no name of a host.
pub(crate) fn must_be_host(name: &str) -> Result<(), Error> {
    let is_name = (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    let why = || Error::Invalid(format!("a host's name has 1 to {NAME_MAX} visible ASCII characters"));
    is_name.then_some(()).ok_or_else(why)
}

#[derive(sqlx::FromRow)]
struct Row {
    account: Text<Namespace>,
    host: String,
    pem: Text<PublicKey>,
    sequence: i64,
    head: Text<Digest>,
    heard_at: Text<Timestamp>,
    forgotten_at: Option<Text<Timestamp>>,
}

impl Row {
    fn head(&self) -> Head {
        Head { sequence: self.sequence.unsigned_abs(), hash: self.head.0 }
    }

    fn state(&self, now: Timestamp) -> ChainState {
        match self.heard_at.0 < grace_began(now) {
            _ if self.forgotten_at.is_some() => ChainState::Forgotten,
            true => ChainState::Silent,
            false => ChainState::Reporting,
        }
    }

    async fn read(self, db: &mut AnyConnection, registry: &str, now: Timestamp) -> Result<HostChain, Error> {
        let state = self.state(now);
        let incidents = incidents::of_host(db, &self.account.0, &self.host).await?;
        Ok(HostChain {
            registry: registry.to_owned(),
            account: self.account.0,
            host: self.host,
            key: self.pem.0,
            sequence: self.sequence.unsigned_abs(),
            head: self.head.0,
            heard_at: self.heard_at.0,
            state,
            incidents,
        })
    }
}

/// Whoever was last heard of before this is silent.
fn grace_began(now: Timestamp) -> Timestamp {
    now.checked_sub(GRACE).unwrap_or(Timestamp::MIN)
}

async fn find(db: &mut AnyConnection, account: &Namespace, host: &str) -> Result<Option<Row>, Error> {
    Ok(sqlx::query_as(
        "select account, host, pem, sequence, head, heard_at, forgotten_at from host_chains
         where account = $1 and host = $2",
    )
    .bind(account.as_str())
    .bind(host)
    .fetch_optional(db)
    .await?)
}

/// The chain of a host, which begins where its key is registered. A host keeps its key for good.
pub(crate) async fn register(
    db: &Db,
    registry: &str,
    (actor, account): (&Actor, &Namespace),
    host: &str,
    key: &PublicKey,
    now: Timestamp,
) -> Result<HostChain, Error> {
    must_be_host(host)?;
    let mut reader = db.read().acquire().await?;
    if let Some(row) = find(&mut reader, account, host).await?.filter(|row| row.pem.0 == *key) {
        return row.read(&mut reader, registry, now).await;
    }
    drop(reader);
    let mut write = db.write().await?;
    if let Some(row) = find(&mut write, account, host).await?.filter(|row| row.pem.0 != *key) {
        let fault = Fault { kind: IncidentKind::OtherKey, sequence: row.sequence.unsigned_abs() };
        return Err(refuse(write, account, host, fault, now).await?);
    }
    begin(&mut write, registry, (actor, account), host, key, now).await?;
    let row = find(&mut write, account, host).await?;
    let row = row.ok_or_else(|| Error::Damaged(format!("the chain of host '{host}' was not kept")))?;
    let chain = row.read(&mut write, registry, now).await?;
    write.commit().await?;
    Ok(chain)
}

/// Begins the chain of a host that has none.
async fn begin(
    write: &mut Write,
    registry: &str,
    (actor, account): (&Actor, &Namespace),
    host: &str,
    key: &PublicKey,
    now: Timestamp,
) -> Result<(), Error> {
    let (hosts,): (i64,) = sqlx::query_as("select count(*) from host_chains where account = $1")
        .bind(account.as_str())
        .fetch_one(&mut **write)
        .await?;
    if hosts >= HOSTS_MAX {
        return Err(Error::Conflict(format!(
            "'{account}' has {hosts} hosts with keys, as many as there may be"
        )));
    }
    let chain = Chain { registry: registry.into(), account: account.clone(), host: host.into() };
    let begun = sqlx::query(
        "insert into host_chains (account, host, pem, sequence, head, registered_at, heard_at)
         values ($1, $2, $3, 0, $4, $5, $5) on conflict (account, host) do nothing",
    )
    .bind(account.as_str())
    .bind(host)
    .bind(key.to_string())
    .bind(chain.start().hash.to_string())
    .bind(time(now))
    .execute(&mut **write)
    .await?;
    if begun.rows_affected() > 0 {
        let (subject, after) = (format!("{account}/{host}"), json!({ "key": key.id() }));
        record(write, actor, Act::HostKeyAdded, &subject, Value::Null, after).await?;
    }
    Ok(())
}

/// Keeps what a host has done, and gives what it is told.
async fn refuse(
    mut write: Write,
    account: &Namespace,
    host: &str,
    fault: Fault,
    now: Timestamp,
) -> Result<Error, Error> {
    incidents::note(&mut write, account, host, fault, now).await?;
    write.commit().await?;
    Ok(Error::Chain { host: host.into(), fault })
}

/// Takes what a host reports: what is new continues what it has said, and what it sends again is known.
pub(crate) async fn take(
    db: &Db,
    registry: &str,
    account: &Namespace,
    host: &str,
    report: &UsageReport,
    bounds: Bounds,
) -> Result<UsageReceipt, Error> {
    must_be_host(host)?;
    let now = bounds.now;
    let chain = Chain { registry: registry.into(), account: account.clone(), host: host.into() };
    let segment = chain.segment(report);
    let no_key = || Error::NotFound(format!("key of host '{host}': register it first"));
    let mut reader = db.read().acquire().await?;
    let key = find(&mut reader, account, host).await?.ok_or_else(no_key)?.pem.0;
    drop(reader);
    let (is_signed, head) = (chain.is_signed(&key, &segment), segment.head());
    let batch = Batch::of(&report.events, bounds, host);
    let mut write = db.write().await?;
    let row = find(&mut write, account, host).await?.ok_or_else(no_key)?;
    let judged = match is_signed {
        false => Err(Fault { kind: IncidentKind::Unsigned, sequence: report.first }),
        true => {
            let known = match segment.first <= row.head().sequence {
                true => segments_from(&mut write, account, &segment).await?,
                false => Vec::new(),
            };
            judge(row.head(), row.heard_at.0, &known, &segment, now)
        }
    };
    let new = match judged {
        Ok(new) => new,
        Err(fault) => return Err(refuse(write, account, host, fault, now).await?),
    };
    if new > 0 {
        keep(&mut write, account, &segment, head, now).await?;
    }
    if new > 0 || segment.digests.is_empty() {
        hear(&mut write, account, host, if new > 0 { head } else { row.head() }, now).await?;
    }
    let taken = batch.take(&mut write, account).await?;
    for (event, sequence) in report.events.iter().zip(report.first..) {
        if taken.others.contains(&event.id) {
            let fault = Fault { kind: IncidentKind::OtherEvent, sequence };
            incidents::note(&mut write, account, host, fault, now).await?;
        }
    }
    write.commit().await?;
    Ok(taken.receipt)
}

/// Keeps what a host has signed. `head` is its last record.
async fn keep(
    write: &mut Write,
    account: &Namespace,
    segment: &UsageSegment,
    head: Head,
    now: Timestamp,
) -> Result<(), Error> {
    let digests: String = segment.digests.iter().map(Digest::hex).collect();
    sqlx::query(
        "insert into usage_segments (account, host, last, first, before, digests, heard_at, signature, received_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(account.as_str())
    .bind(&segment.host)
    .bind(whole(head.sequence)?)
    .bind(whole(segment.first)?)
    .bind(segment.before.to_string())
    .bind(digests)
    .bind(time(segment.heard_at))
    .bind(&segment.signature)
    .bind(time(now))
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// A host was heard of, and this is its last record.
async fn hear(
    write: &mut Write,
    account: &Namespace,
    host: &str,
    head: Head,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "update host_chains set sequence = $1, head = $2, heard_at = $3, forgotten_at = null
         where account = $4 and host = $5",
    )
    .bind(whole(head.sequence)?)
    .bind(head.hash.to_string())
    .bind(time(now))
    .bind(account.as_str())
    .bind(host)
    .execute(&mut **write)
    .await?;
    Ok(())
}

fn whole(number: u64) -> Result<i64, Error> {
    i64::try_from(number).map_err(|_| Error::Invalid(format!("{number} is no number of a record")))
}

/// Its account has said that a host is no more; gives whether it had a key.
pub(crate) async fn forget(
    write: &mut Write,
    account: &Namespace,
    host: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let forgotten = sqlx::query(
        "update host_chains set forgotten_at = $1 where account = $2 and host = $3 and forgotten_at is null",
    )
    .bind(time(now))
    .bind(account.as_str())
    .bind(host)
    .execute(&mut **write)
    .await?;
    Ok(forgotten.rows_affected() > 0)
}

/// Refuses a host that has stopped reporting.
pub(crate) async fn must_report(
    db: &mut AnyConnection,
    account: &Namespace,
    host: &str,
    now: Timestamp,
) -> Result<(), Error> {
    match find(db, account, host).await? {
        Some(row) if row.heard_at.0 < grace_began(now) => {
            Err(Error::HostSilent { host: row.host, heard_at: row.heard_at.0 })
        }
        _ => Ok(()),
    }
}

/// A host's place among all that have keys: its account, and what it calls itself.
pub(crate) type Place = (Namespace, String);

/// The hosts that have keys, of an account or of all.
pub async fn list(
    db: &mut AnyConnection,
    registry: &str,
    account: Option<&Namespace>,
    paging: &Paging<Place>,
    now: Timestamp,
) -> Result<Page<HostChain>, Error> {
    let (after, after_host) =
        paging.after().map_or_else(Default::default, |(account, host)| (account.to_string(), host.clone()));
    let rows: Vec<Row> = sqlx::query_as(
        "select account, host, pem, sequence, head, heard_at, forgotten_at from host_chains
         where ($1 = '' or account = $1) and (account > $2 or account = $2 and host > $3)
         order by account, host limit $4",
    )
    .bind(account.map_or("", Namespace::as_str))
    .bind(after)
    .bind(after_host)
    .bind(paging.rows())
    .fetch_all(&mut *db)
    .await?;
    let page = paging.cut(rows, |row| (row.account.0.clone(), row.host.clone()));
    let mut items = Vec::with_capacity(page.items.len());
    for row in page.items {
        items.push(row.read(db, registry, now).await?);
    }
    Ok(Page { items, next: page.next })
}

/// How many hosts there are in each state, and how often hosts have done what no honest one does.
pub async fn count_hosts(
    db: &mut AnyConnection,
    now: Timestamp,
) -> Result<(Vec<(ChainState, i64)>, Vec<(IncidentKind, i64)>), Error> {
    let states: Vec<(Text<ChainState>, i64)> = sqlx::query_as(
        "select state, count(*) from (
             select case when forgotten_at is not null then 'forgotten' when heard_at < $1 then 'silent'
                         else 'reporting' end as state
             from host_chains) as states
         group by state",
    )
    .bind(time(grace_began(now)))
    .fetch_all(&mut *db)
    .await?;
    let states = states.into_iter().map(|(Text(state), count)| (state, count)).collect();
    Ok((states, incidents::count(db).await?))
}

#[cfg(test)]
mod tests;
