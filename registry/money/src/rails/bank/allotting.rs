//! What an operator says that a line is for.

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::Money;
use chandlery_package::wire::{Act, Allotment, BankLine, NewAllotment};
use chandlery_store::{Db, Write};
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::claiming::settle;
use super::settling::Rules;
use super::{lines, recorded};
use crate::Error;
use crate::ledger::{self, By};

/// How a line stood when somebody said what it is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// What of it would be sent back by then, which the rules of approval have compared.
    pub sent_back: Option<Money>,
    /// How many parts of it had been allotted; none: nobody has looked.
    pub parts: Option<usize>,
}

/// Lets an open line, or parts of it, be what an operator says: all of it or nothing, and only while it stands as it was seen.
pub(super) async fn allot(
    db: &Db,
    actor: &Actor,
    rules: &Rules,
    new: &NewAllotment,
    seen: Seen,
) -> Result<BankLine, Error> {
    let (actor, rules, new) = (actor.clone(), rules.clone(), new.clone());
    db.group_commit(move |write| {
        Box::pin(async move {
            must_be_as_seen(write, &new, seen).await?;
            allot_within(write, &actor, &rules, &new).await
        })
    })
    .await
}

async fn must_be_as_seen(write: &mut Write, new: &NewAllotment, seen: Seen) -> Result<(), Error> {
    if sent_back(write, new).await? != seen.sent_back {
        let why = format!("something else of bank line '{}' was sent back by now: ask again", new.line);
        return Err(Error::Conflict(why));
    }
    let Some(parts) = seen.parts else { return Ok(()) };
    let (now,): (i64,) = sqlx::query_as("select count(*) from bank_allotments where line = $1")
        .bind(&new.line)
        .fetch_one(&mut **write)
        .await?;
    match usize::try_from(now) == Ok(parts) {
        true => Ok(()),
        false => Err(Error::Conflict(format!(
            "something of bank line '{}' was allotted since it was looked at: look at it again",
            new.line
        ))),
    }
}

/// The same within a transaction.
pub(crate) async fn allot_within(
    write: &mut Write,
    actor: &Actor,
    rules: &Rules,
    new: &NewAllotment,
) -> Result<BankLine, Error> {
    ledger::by(write, By::Actor(actor));
    // What others have posted in the same commit is looked at, too.
    write.flush().await?;
    let none = || Error::NotFound(format!("bank line '{}'", new.line));
    let mut line = lines::find(write, &new.line).await?.ok_or_else(none)?;
    if new.to.is_empty() {
        return Err(Error::Invalid("say what the line is for".into()));
    }
    if !new.to.iter().all(|part| matches!(part, Allotment::Recorded { .. })) {
        recorded::must_not_be_of_processor(write, &line).await?;
    }
    recorded::must_be_among(write, &line, &new.to).await?;
    for part in &new.to {
        settle(write, rules, &mut line, part).await?;
        write.flush().await?;
    }
    let subject = format!("bank line {}", new.line);
    record(write, actor, Act::BankLineAllotted, &subject, Value::Null, json!(new)).await?;
    line.shown()
}

/// What of a line would have been sent back by then, many small parts as one; none: nothing of it is sent back now.
pub(super) async fn sent_back(db: &mut AnyConnection, new: &NewAllotment) -> Result<Option<Money>, Error> {
    let mut parts = new.to.iter().filter_map(|part| match part {
        Allotment::SendBack { amount } => Some(*amount),
        _ => None,
    });
    let Some(first) = parts.next() else { return Ok(None) };
    let (before,): (i64,) = sqlx::query_as(
        "select cast(coalesce(sum(minor), 0) as bigint) from bank_allotments
         where line = $1 and currency = $2 and target like 'is sent back %'",
    )
    .bind(&new.line)
    .bind(first.currency().code())
    .fetch_one(db)
    .await?;
    let with_before = first.plus(first.with_minor(before)?)?;
    Ok(Some(parts.try_fold(with_before, Money::plus)?))
}
