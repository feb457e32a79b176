//! What a host may do for an account, signed; and the hosts of an account, whose deployments count together.

use chandlery_package::column::Text;
use chandlery_package::wire::{HostSeen, Page, Paging};
use chandlery_package::{Licence, Namespace, NextTier};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sqlx::AnyConnection;

use super::entitlements::entitlements;
use super::notices::warn_of_limit;
use super::subscriptions::subscription;
use super::usage::chains;
use crate::Error;
use chandlery_accounts::Account;
use chandlery_log::Log;
use chandlery_store::{Db, time};

/// How long a licence holds: a host that cannot ask for another one honours it for a while longer.
const LICENCE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long a host counts after it was last heard of.
const REMEMBERED: SignedDuration = LICENCE;
/// How many hosts an account may have.
const HOSTS_MAX: i64 = 10_000;

/// What a host says of itself when it asks for a licence.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Report {
    /// What it calls itself.
    pub host: Option<String>,
    /// How many deployments it has.
    pub deployments: Option<u32>,
}

/// What a host may do for an account, signed. The account is told when almost all that it may have is used.
pub async fn licence(
    db: &Db,
    log: &Log,
    holder: &Account,
    report: &Report,
    now: Timestamp,
) -> Result<String, Error> {
    let account = &holder.name;
    if let Some(host) = &report.host {
        chains::must_be_host(host)?;
        chains::must_report(&mut *db.read().acquire().await?, account, host, now).await?;
    }
    let elsewhere = note(db, account, report, now).await?;
    if let Some(here) = report.deployments {
        warn_of_limit(db, account, here.saturating_add(elsewhere), now).await?;
    }
    let has = subscription(db, account, now).await?;
    let mut expires = now.checked_add(LICENCE).unwrap_or(now);
    let next = has.until.zip(has.then);
    // What ends sooner is not promised for longer.
    if let Some((until, _)) = next {
        expires = expires.min(until);
    }
    let licence = Licence {
        issuer: log.origin().into(),
        account: account.clone(),
        tier: has.tier,
        deployments: has.deployments,
        elsewhere,
        trial: has.trial,
        next: next.map(|(at, tier)| NextTier { tier, at: at.as_second() }),
        entitlements: Some(entitlements(db, holder, now).await?),
        issued_at: now.as_second(),
        expires_at: expires.as_second(),
    };
    Ok(log.sign(&licence))
}

/// Writes down what a host has said, forgets those that were not heard of for long, and gives how many deployments the others have.
async fn note(db: &Db, account: &Namespace, report: &Report, now: Timestamp) -> Result<u32, Error> {
    let mut write = db.write().await?;
    sqlx::query("delete from hosts where account = $1 and seen_at < $2")
        .bind(account.as_str())
        .bind(time(now.checked_sub(REMEMBERED).unwrap_or(now)))
        .execute(&mut *write)
        .await?;
    if let (Some(host), Some(deployments)) = (&report.host, report.deployments) {
        sqlx::query(
            "insert into hosts (account, host, deployments, seen_at) values ($1, $2, $3, $4)
             on conflict (account, host) do update set deployments = excluded.deployments, seen_at = excluded.seen_at",
        )
        .bind(account.as_str())
        .bind(host)
        .bind(i64::from(deployments))
        .bind(time(now))
        .execute(&mut *write)
        .await?;
    }
    let (hosts, elsewhere): (i64, i64) = sqlx::query_as(
        "select count(*), cast(coalesce(sum(deployments), 0) as bigint) from hosts where account = $1 and host <> $2",
    )
    .bind(account.as_str())
    .bind(report.host.as_deref().unwrap_or_default())
    .fetch_one(&mut *write)
    .await?;
    if hosts >= HOSTS_MAX {
        return Err(Error::Conflict(format!("'{account}' has {hosts} hosts: forget those that are no more")));
    }
    write.commit().await?;
    Ok(u32::try_from(elsewhere).unwrap_or(u32::MAX))
}

/// A host's place among its account's: what it calls itself, since what it has changes while pages are read.
pub(crate) type Key = String;

/// The hosts of an account, by name.
pub async fn hosts(
    db: &mut AnyConnection,
    account: &Namespace,
    paging: &Paging<Key>,
) -> Result<Page<HostSeen>, Error> {
    let rows: Vec<(String, i64, Text<Timestamp>)> = sqlx::query_as(
        "select host, deployments, seen_at from hosts
         where account = $1 and host > $2 order by host limit $3",
    )
    .bind(account.as_str())
    .bind(paging.after().map_or("", String::as_str))
    .bind(paging.rows())
    .fetch_all(db)
    .await?;
    let read = |(host, deployments, Text(seen_at)): (String, i64, Text<Timestamp>)| {
        let damaged = |_| Error::Damaged(format!("host '{host}' of '{account}' cannot be read"));
        let deployments = u32::try_from(deployments).map_err(damaged)?;
        Ok(HostSeen { host, deployments, seen_at })
    };
    let hosts = rows.into_iter().map(read).collect::<Result<Vec<_>, Error>>()?;
    Ok(paging.cut(hosts, |seen| seen.host.clone()))
}

/// How many deployments all hosts of an account have.
pub async fn deployments(db: &mut AnyConnection, account: &Namespace) -> Result<u32, Error> {
    let (sum,): (i64,) =
        sqlx::query_as("select cast(coalesce(sum(deployments), 0) as bigint) from hosts where account = $1")
            .bind(account.as_str())
            .fetch_one(db)
            .await?;
    Ok(u32::try_from(sum).unwrap_or(u32::MAX))
}

/// Forgets a host that is no more: what it had does not count from now on.
pub async fn forget_host(db: &Db, account: &Namespace, host: &str, now: Timestamp) -> Result<(), Error> {
    let mut write = db.write().await?;
    let forgotten = sqlx::query("delete from hosts where account = $1 and host = $2")
        .bind(account.as_str())
        .bind(host)
        .execute(&mut *write)
        .await?;
    let had_key = chains::forget(&mut write, account, host, now).await?;
    write.commit().await?;
    match forgotten.rows_affected() {
        0 if !had_key => Err(Error::NotFound(format!("host '{host}' of '{account}'"))),
        _ => Ok(()),
    }
}
