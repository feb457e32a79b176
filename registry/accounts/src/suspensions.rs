//! Suspended accounts: their log-ins have ended, nothing that they have opens the registry, and what they earn is on hold. They keep all
//! else, so that they are reinstated as they were.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, NewSuspension, Page, Paging, Suspension};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::actor::Actor;
use crate::audit::record;
use crate::notices::{tell, tell_operators};
use crate::people::find_within;
use crate::principal::AccountRole;
use crate::suspended::reason;
use crate::{Error, tokens};

const REASON_BYTES_MAX: usize = 2000;

/// Suspends an account, gives another reason for that, or reinstates it.
pub async fn put(db: &Db, actor: &Actor, account: &Namespace, new: &NewSuspension) -> Result<(), Error> {
    if new.reason.trim().is_empty() || new.reason.len() > REASON_BYTES_MAX {
        return Err(Error::Invalid(format!("a reason has from 1 to {REASON_BYTES_MAX} bytes")));
    }
    let (mut write, now) = (db.write().await?, Timestamp::now());
    let (role, _) = find_within(&mut write, account).await?;
    let before = reason(&mut write, account).await?;
    let is_so = match new.suspended {
        true => before.as_deref() == Some(new.reason.as_str()),
        false => before.is_none(),
    };
    if is_so {
        return Ok(());
    }
    let (act, state) = match new.suspended {
        true => {
            // Whoever operates the registry would be suspended by whoever it could object to.
            if role == AccountRole::Operator {
                return Err(Error::Conflict(format!(
                    "'{account}' operates the registry: it is demoted first"
                )));
            }
            begin(&mut write, account, &new.reason, now).await?;
            (Act::AccountSuspended, "suspended")
        }
        false => {
            sqlx::query("delete from suspensions where account = $1")
                .bind(account.as_str())
                .execute(&mut *write)
                .await?;
            (Act::AccountReinstated, "reinstated")
        }
    };
    let before = before.map_or(Value::Null, |reason| json!({ "reason": reason }));
    record(&mut write, actor, act, account.as_str(), before, json!({ "reason": new.reason })).await?;
    let (key, subject) = (format!("{state}:{account}:{}", time(now)), format!("'{account}' is {state}"));
    let body = format!("{}\n", new.reason);
    tell_operators(&mut write, &key, &subject, &format!("By {}. {body}", actor.in_words()), now).await?;
    tell(&mut write, account, &format!("{key}:{account}"), &subject, &body, now).await?;
    write.commit().await?;
    Ok(())
}

async fn begin(write: &mut Write, account: &Namespace, reason: &str, now: Timestamp) -> Result<(), Error> {
    sqlx::query(
        "insert into suspensions (account, reason, since) values ($1, $2, $3)
         on conflict (account) do update set reason = excluded.reason",
    )
    .bind(account.as_str())
    .bind(reason)
    .bind(time(now))
    .execute(&mut **write)
    .await?;
    // Whoever is logged in is not, when it is reinstated; what was made for machines goes on then.
    tokens::end(write, account, false, None).await?;
    sqlx::query("delete from operator_proposals where account = $1")
        .bind(account.as_str())
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// A page of the accounts that are suspended, by name.
pub async fn list(db: &Db, paging: &Paging<Namespace>) -> Result<Page<Suspension>, Error> {
    let rows: Vec<(Text<Namespace>, String, Text<Timestamp>)> = sqlx::query_as(
        "select account, reason, since from suspensions where account > $1 order by account limit $2",
    )
    .bind(paging.after().map_or("", Namespace::as_str))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(Text(account), ..)| account.clone());
    Ok(page.map(|(Text(account), reason, Text(since))| Suspension { account, reason, since }))
}
