//! What an operator says that a line is for.

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::wire::{Act, BankLine, NewAllotment};
use chandlery_store::Db;
use serde_json::{Value, json};

use super::lines;
use super::settling::{Rules, settle};
use crate::Error;
use crate::ledger::{self, By};

/// Lets an open line, or parts of it, be what an operator says: all of it or nothing.
pub(super) async fn allot(
    db: &Db,
    actor: &Actor,
    rules: &Rules,
    new: &NewAllotment,
) -> Result<BankLine, Error> {
    let (actor, rules, new) = (actor.clone(), rules.clone(), new.clone());
    db.group_commit(move |write| {
        Box::pin(async move {
            ledger::by(write, By::Actor(&actor));
            // What others have posted in the same commit is looked at, too.
            write.flush().await?;
            let none = || Error::NotFound(format!("bank line '{}'", new.line));
            let mut line = lines::find(write, &new.line).await?.ok_or_else(none)?;
            if new.to.is_empty() {
                return Err(Error::Invalid("say what the line is for".into()));
            }
            for part in &new.to {
                settle(write, &rules, &mut line, part).await?;
                write.flush().await?;
            }
            let subject = format!("bank line {}", new.line);
            record(write, &actor, Act::BankLineAllotted, &subject, Value::Null, json!(new)).await?;
            line.shown()
        })
    })
    .await
}
