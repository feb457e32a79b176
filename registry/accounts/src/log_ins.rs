//! Log-ins: a token for whoever has shown all that an account asks for, if that is so still when it is issued.

use chandlery_package::wire::{Act, LogInBy};
use chandlery_package::{Digest, Namespace};
use chandlery_store::{Db, Write};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::actor::{Actor, Address};
use crate::audit::record;
use crate::credential::token_id;
use crate::enforced::must_be_free;
use crate::passwords::random_text;
use crate::people::find_within;
use crate::standing::must_be_a_person;
use crate::tokens::{TokenKind, insert, must_owe_no_code, set_opened_by};
use crate::{Error, Scope, suspended};

/// The note of a log-in by the registry's own pages.
pub const PAGES: &str = "pages";

/// A token for an account that has shown the password of this mark, or was opened just now, and a code where it has a second factor. It
/// lasts for a time, and no longer than the password.
pub async fn log_in(
    db: &Db,
    actor: &Actor,
    (account, mark): (&Namespace, Option<&str>),
    note: &str,
    lifetime: SignedDuration,
    by: LogInBy,
) -> Result<String, Error> {
    let mut write = db.write().await?;
    let token = log_in_within(&mut write, actor, (account, mark), note, lifetime, by).await?;
    write.commit().await?;
    Ok(token)
}

/// The same, in the transaction that has found that the account may log in so.
pub(crate) async fn log_in_within(
    write: &mut Write,
    actor: &Actor,
    (account, mark): (&Namespace, Option<&str>),
    note: &str,
    lifetime: SignedDuration,
    by: LogInBy,
) -> Result<String, Error> {
    let token = random_text();
    let hash = Digest::of(&token).hex();
    must_be_a_person(write, account).await?;
    must_know_still(write, account, mark).await?;
    must_owe_no_code(write, account, by).await?;
    must_be_free(write, account, by).await?;
    insert(write, account, &token, TokenKind::LogIn, &Scope::Full, note, Some(lifetime)).await?;
    let Address(address) = actor.address;
    sqlx::query("update tokens set used_at = created_at, address = $1 where hash = $2")
        .bind(address.map(|address| address.to_string()))
        .bind(&hash)
        .execute(&mut **write)
        .await?;
    set_opened_by(write, &hash, by).await?;
    let issued = json!({ "token": token_id(&hash), "note": note, "by": by });
    record(write, actor, Act::LoggedIn, account.as_str(), Value::Null, issued).await?;
    Ok(token)
}

/// Refuses who has shown a password that is another one by now: whoever changed it ended all log-ins until then. Refuses whoever was
/// suspended since, too.
async fn must_know_still(write: &mut Write, account: &Namespace, mark: Option<&str>) -> Result<(), Error> {
    let (_, now) = find_within(write, account).await?;
    if mark.is_some_and(|mark| mark != now.as_str()) {
        return Err(Error::Unauthenticated);
    }
    suspended::must_not_be(write, account).await
}

/// Whether an account was ever logged in by the command line, or has a token for a machine that was used, and neither has ended since.
pub async fn uses_programs(db: &Db, account: &Namespace) -> Result<bool, Error> {
    let found: Option<(String,)> = sqlx::query_as(
        "select hash from tokens where account = $1 and note <> $2 and used_at is not null limit 1",
    )
    .bind(account.as_str())
    .bind(PAGES)
    .fetch_optional(db.read())
    .await?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passwords::hash_password;
    use crate::people::{find_account, register, set_password};

    #[tokio::test]
    async fn a_log_in_counts_on_nothing_that_has_changed_since_it_was_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let db = Db::open(&url).await.unwrap();
        let acme: Namespace = "acme".parse().unwrap();
        register(&db, &acme, "correct horse battery").await.unwrap();
        let (_, first) = find_account(&db, &acme).await.unwrap().unwrap();
        let mut write = db.write().await.unwrap();
        let other = hash_password("another horse battery".into()).await.unwrap();
        set_password(&mut write, &acme, &other).await.unwrap();
        write.commit().await.unwrap();
        let (_, second) = find_account(&db, &acme).await.unwrap().unwrap();
        let suspend = "insert into suspensions (account, reason, since) values ('acme', 'looked into', '')";
        for (happened, mark, refused) in [
            ("", Some(first.as_str()), "unauthenticated"),
            ("", Some(second.as_str()), ""),
            ("", None, ""),
            (suspend, Some(second.as_str()), "suspended"),
            ("", None, "suspended"),
        ] {
            if !happened.is_empty() {
                let mut write = db.write().await.unwrap();
                sqlx::query(happened).execute(&mut *write).await.unwrap();
                write.commit().await.unwrap();
            }
            let lifetime = SignedDuration::from_hours(1);
            let done = log_in(&db, &Actor::machine(), (&acme, mark), "", lifetime, LogInBy::Password).await;
            let word = match done {
                Ok(_) => "",
                Err(Error::Unauthenticated) => "unauthenticated",
                Err(Error::Suspended { .. }) => "suspended",
                Err(_) => "another error",
            };
            assert_eq!(word, refused, "{mark:?} {happened}");
        }
    }
}
