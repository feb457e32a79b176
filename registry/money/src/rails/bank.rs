//! The bank's statements: every line is in the books when it is seen, and leaves suspense when it is known what it is for: by what
//! it names, or by what an operator says.

mod accounts;
mod allotting;
mod balances;
mod camt;
mod claiming;
mod continuity;
mod desk;
mod held;
mod lines;
mod matching;
mod reading;
mod recorded;
mod routes;
mod settling;
mod statement;
mod suggestions;

use chandlery_accounts::Actor;
use chandlery_accounts::audit::{record, record_once};
use chandlery_package::Digest;
use chandlery_package::problem::Explain as _;
use chandlery_package::wire::{Act, BankLine};
use chandlery_store::{Db, Write};
use serde_json::{Value, json};

use self::statement::Statement;
use super::own_accounts;
use crate::Error;
use crate::ledger::{self, By};

pub(crate) use allotting::allot_within;
pub use continuity::faults;
pub use desk::{
    BankPart, allot, bring as bring_statement, compare, count_open, find as find_line, list as list_lines,
};
pub(super) use held::{put_back, see, take};
pub use routes::routes;
pub use settling::Rules;

/// What the transfers of a statement say, by which they are matched.
pub fn texts(statement: &str) -> Result<Vec<String>, Error> {
    Ok(reading::read(statement)?.lines.into_iter().map(|line| line.text).collect())
}

/// Takes a statement's lines into the books, and looks for what each line that is open is for. One that cannot be matched stays in
/// suspense, and says why. `account` is the name of the own account that the statement is of, where that does not say it. Gives what
/// became of the statement's lines.
pub async fn reconcile(
    db: &Db,
    actor: &Actor,
    rules: &Rules,
    account: Option<&str>,
    statement: &str,
) -> Result<Vec<BankLine>, Error> {
    let digest = Digest::of(statement);
    let mut statement = reading::read(statement)?;
    let mut read = db.read().acquire().await?;
    let own = own_accounts::all(&mut read).await?;
    accounts::assign(&own, &own_accounts::brought_as_main(&mut read).await?, account, &mut statement)?;
    drop(read);
    let brought = json!({ "lines": statement.lines.len(), "digest": digest });
    let (by, now) = (actor.clone(), rules.now);
    let ids = db
        .group_commit(move |write| {
            Box::pin(async move {
                ledger::by(write, By::Actor(&by));
                record_once(write, &by, Act::StatementReconciled, "bank statement", brought).await?;
                let Statement { mut lines, balances, .. } = statement;
                let new = balances::take(write, balances, &mut lines, now).await?;
                let taken = lines::take(write, lines, now).await?;
                balances::count(write, &new, &taken).await?;
                Ok::<Vec<String>, Error>(taken.into_iter().map(|taken| taken.id).collect())
            })
        })
        .await?;
    let waiting = lines::waiting(&mut *db.read().acquire().await?).await?;
    for id in waiting {
        match_one(db, actor, rules, id).await?;
    }
    let mut shown = Vec::with_capacity(ids.len());
    let mut read = db.read().acquire().await?;
    for id in ids {
        let line = lines::find(&mut read, &id).await?;
        shown.push(line.ok_or_else(|| Error::Damaged(format!("bank line {id} vanished")))?.shown()?);
    }
    Ok(shown)
}

/// Looks for what one line is for, all of it or nothing.
async fn match_one(db: &Db, actor: &Actor, rules: &Rules, id: String) -> Result<(), Error> {
    let (by, own, line) = (actor.clone(), rules.clone(), id.clone());
    let matched =
        db.group_commit(move |write| Box::pin(async move { settle(write, &by, &own, &line).await })).await;
    let Err(error) = matched else { return Ok(()) };
    if error.kind().status >= 500 {
        return Err(error);
    }
    let mut write = db.write().await?;
    lines::explain(&mut write, &id, &format!("unmatched: {error}")).await?;
    Ok(write.commit().await?)
}

async fn settle(write: &mut Write, actor: &Actor, rules: &Rules, id: &str) -> Result<(), Error> {
    ledger::by(write, By::Line(id));
    // What others have posted in the same commit is looked at, too.
    write.flush().await?;
    let Some(mut line) = lines::find(write, id).await?.filter(|line| line.waits) else { return Ok(()) };
    let Some(open) = line.open()? else { return Ok(()) };
    for part in matching::named(write, rules, &line, open).await? {
        claiming::settle(write, rules, &mut line, &part).await?;
    }
    let after = json!({ "amount": line.amount, "outcome": line.outcome });
    record(write, actor, Act::StatementLineSettled, &line.id, Value::Null, after).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
