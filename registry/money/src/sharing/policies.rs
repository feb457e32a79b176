//! The policies, by date. One that has begun is never changed: another one follows it.

use chandlery_package::RevenueSharePolicy;
use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{Act, NewPolicy, Page, Paging, PolicyVersion};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::approvals::{self, Approved, Ask, Wanted};
use crate::{Error, Finance};
use chandlery_accounts::audit::record;
use chandlery_accounts::{Actor, Caller};
use chandlery_store::{Db, Write, time};

/// The policy of a moment, and its version.
pub async fn in_force(db: &mut AnyConnection, at: Timestamp) -> Result<(i64, RevenueSharePolicy), Error> {
    let (version, Json(policy)): (i64, Json<RevenueSharePolicy>) = sqlx::query_as(
        "select version, body from share_policies where since <= $1 order by since desc, version desc limit 1",
    )
    .bind(time(at))
    .fetch_one(db)
    .await?;
    Ok((version, policy))
}

/// When other policies begin after a moment and up to another one, in order.
pub async fn changes_within(
    db: &mut AnyConnection,
    after: Timestamp,
    until: Timestamp,
) -> Result<Vec<Timestamp>, Error> {
    let rows: Vec<(Text<Timestamp>,)> =
        sqlx::query_as("select since from share_policies where since > $1 and since <= $2 order by since")
            .bind(time(after))
            .bind(time(until))
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(|(Text(since),)| since).collect())
}

/// What a version says.
pub async fn version(db: &mut AnyConnection, version: i64) -> Result<RevenueSharePolicy, Error> {
    let (Json(policy),) = sqlx::query_as("select body from share_policies where version = $1")
        .bind(version)
        .fetch_one(db)
        .await?;
    Ok(policy)
}

/// Lets a policy follow from a moment on that has not come yet, and gives its version. The same again changes nothing.
async fn add(
    write: &mut Write,
    policy: &RevenueSharePolicy,
    since: Timestamp,
    now: Timestamp,
) -> Result<i64, Error> {
    policy.check()?;
    let body = json!(policy).to_string();
    let (last, latest, stored): (i64, String, String) =
        sqlx::query_as("select version, since, body from share_policies order by version desc limit 1")
            .fetch_one(&mut **write)
            .await?;
    if latest == time(since) && stored == body {
        return Ok(last);
    }
    if since < now {
        return Err(Error::Invalid(format!("a policy begins in the future: it is {now} already")));
    }
    if time(since) <= latest {
        return Err(Error::Conflict(format!("policy {last} begins at {latest}: the next one begins later")));
    }
    sqlx::query("insert into share_policies (version, since, body) values ($1, $2, $3)")
        .bind(last + 1)
        .bind(time(since))
        .bind(body)
        .execute(&mut **write)
        .await?;
    Ok(last + 1)
}

/// The same, recorded.
pub(crate) async fn set(
    write: &mut Write,
    actor: &Actor,
    new: &NewPolicy,
    now: Timestamp,
) -> Result<PolicyVersion, Error> {
    let version = add(write, &new.policy, new.since, now).await?;
    let subject = format!("policy {version}");
    record(write, actor, Act::PolicySet, &subject, Value::Null, json!(new)).await?;
    Ok(PolicyVersion { version, since: new.since, policy: new.policy.clone() })
}

/// Lets a policy follow, or asks others where one operator alone may not.
pub async fn follow(
    finance: &Finance,
    caller: &Caller,
    new: &NewPolicy,
) -> Result<Approved<PolicyVersion>, Error> {
    new.policy.check()?;
    let wanted = Wanted::Policy { policy: Box::new(new.clone()) };
    let asked = Ask { by: &caller.name, wanted: &wanted, amount: None };
    if let Some(request) = approvals::ask(finance, &caller.actor, &asked).await? {
        return Ok(Approved::Waits(Box::new(request)));
    }
    let mut write = finance.db.write().await?;
    let version = set(&mut write, &caller.actor, new, finance.clock.now()).await?;
    write.commit().await?;
    Ok(Approved::Done(version))
}

/// The policies, the first one first.
pub async fn list(db: &Db, paging: &Paging<i64>) -> Result<Page<PolicyVersion>, Error> {
    let rows: Vec<(i64, Text<Timestamp>, Json<RevenueSharePolicy>)> = sqlx::query_as(
        "select version, since, body from share_policies where version > $1 order by version limit $2",
    )
    .bind(paging.after().copied().unwrap_or(0))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(version, ..)| *version);
    Ok(page.map(|(version, Text(since), Json(policy))| PolicyVersion { version, since, policy }))
}
