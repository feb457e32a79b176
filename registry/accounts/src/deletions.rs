//! Deleting an account: asked for with all that it is known by, done after some days, and taken back until then. Its name stays, for nobody
//! else, and for the books, the log and the audit trail, which tell of it.

use chandlery_edge::Client;
use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{AccountDeletion, Act, DeletionRequest};
use chandlery_store::{Db, Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::actor::Actor;
use crate::audit::record;
use crate::factors::show_code;
use crate::notices::tell_owner;
use crate::passwords::{hash_password, random_text};
use crate::people::set_password;
use crate::second_factor::is_on;
use crate::{Accounts, Caller, Error};

/// How long its owner may take it back.
const WAIT: SignedDuration = SignedDuration::from_hours(14 * 24);
/// What is an account's own and nobody needs without it.
const OWN: [&str; 21] = [
    "delete from tokens where account = $1",
    "delete from password_resets where account = $1",
    "delete from email_verifications where account = $1",
    "delete from second_factors where account = $1",
    "delete from recovery_codes where account = $1",
    "delete from passkeys where account = $1",
    "delete from passkey_challenges where account = $1",
    "delete from factor_demands where account = $1",
    "delete from identities where account = $1",
    "delete from sign_ins where account = $1",
    "delete from device_log_ins where account = $1",
    "delete from namespace_members where account = $1",
    "delete from invitations where account = $1 or invited_by = $1",
    "delete from organisation_members where account = $1",
    "delete from organisation_invitations where account = $1 or invited_by = $1",
    "delete from operator_proposals where account = $1 or proposed_by = $1",
    "delete from notices where account = $1",
    "delete from account_deletions where account = $1",
    "delete from scim_group_members where scim_user in (select id from scim_users where account = $1)",
    "delete from scim_users where account = $1",
    "update accounts set email = null where name = $1",
];

/// When an account is deleted; none: it stays.
pub(crate) async fn due_at(db: &Db, account: &Namespace) -> Result<Option<Timestamp>, Error> {
    let due: Option<(Text<Timestamp>,)> =
        sqlx::query_as("select due_at from account_deletions where account = $1")
            .bind(account.as_str())
            .fetch_optional(db.read())
            .await?;
    Ok(due.map(|(Text(at),)| at))
}

/// Refuses whoever does not know the password of the account that asks, or has not its second factor.
pub async fn must_be_owner(
    accounts: &Accounts,
    client: Client,
    caller: &Caller,
    shown: &DeletionRequest,
) -> Result<(), Error> {
    let known = accounts.by_password(client, caller.name.as_str(), &shown.password).await?;
    known.ok_or(Error::WrongPassword)?;
    if is_on(&accounts.db, &caller.name).await? {
        show_code(accounts, client, &caller.name, &shown.code).await?;
    }
    Ok(())
}

/// Begins to wait for the deletion of an account, in the transaction that has found nothing against it.
pub async fn ask_deletion(
    write: &mut Write,
    actor: &Actor,
    account: &Namespace,
) -> Result<AccountDeletion, Error> {
    let now = Timestamp::now();
    let due_at = now + WAIT;
    let asked = sqlx::query(
        "insert into account_deletions (account, asked_at, due_at) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(account.as_str())
    .bind(time(now))
    .bind(time(due_at))
    .execute(&mut **write)
    .await?;
    if asked.rows_affected() == 0 {
        return Err(Error::Conflict(format!("the deletion of '{account}' was asked for already")));
    }
    let after = json!({ "due_at": due_at });
    record(write, actor, Act::DeletionAsked, account.as_str(), Value::Null, after).await?;
    let body = format!(
        "Asked for by {}. It is done on {} UTC, unless you run `chandlery account delete --take-back` before.\n",
        actor.in_words(),
        due_at.strftime("%Y-%m-%d %H:%M")
    );
    let key = format!("deletion:{account}:{}", time(now));
    tell_owner(write, account, &key, "Your account is to be deleted", &body, now).await?;
    Ok(AccountDeletion { due_at })
}

/// Lets the account that asks stay.
pub async fn take_deletion_back(accounts: &Accounts, caller: &Caller) -> Result<(), Error> {
    let account = &caller.name;
    let mut write = accounts.db.write().await?;
    let taken = sqlx::query("delete from account_deletions where account = $1")
        .bind(account.as_str())
        .execute(&mut *write)
        .await?;
    if taken.rows_affected() == 0 {
        return Err(Error::NotFound(format!("deletion of '{account}' that waits")));
    }
    record(&mut write, &caller.actor, Act::DeletionTakenBack, account.as_str(), Value::Null, Value::Null)
        .await?;
    Ok(write.commit().await?)
}

/// The accounts whose deletion is due.
pub async fn due_deletions(db: &Db, now: Timestamp) -> Result<Vec<Namespace>, Error> {
    let rows: Vec<(Text<Namespace>,)> =
        sqlx::query_as("select account from account_deletions where due_at <= $1 order by account")
            .bind(time(now))
            .fetch_all(db.read())
            .await?;
    Ok(rows.into_iter().map(|(Text(account),)| account).collect())
}

/// What an account that is deleted has in place of its password: nobody knows it.
pub async fn nobodys_password() -> Result<String, Error> {
    hash_password(random_text()).await
}

/// Deletes what is an account's own, in the transaction that has found nothing against it, and says whether that was still asked for.
pub async fn delete_account(write: &mut Write, account: &Namespace, nobodys: &str) -> Result<bool, Error> {
    let asked: Option<(String,)> =
        sqlx::query_as("select due_at from account_deletions where account = $1 and due_at <= $2")
            .bind(account.as_str())
            .bind(time(Timestamp::now()))
            .fetch_optional(&mut **write)
            .await?;
    if asked.is_none() {
        return Ok(false);
    }
    forget_own(write, account).await?;
    set_password(write, account, nobodys).await?;
    let machine = Actor::machine();
    record(write, &machine, Act::AccountDeleted, account.as_str(), Value::Null, Value::Null).await?;
    Ok(true)
}

/// Deletes what is an account's own and nobody needs without it.
pub(crate) async fn forget_own(write: &mut Write, account: &Namespace) -> Result<(), Error> {
    for statement in OWN {
        sqlx::query(statement).bind(account.as_str()).execute(&mut **write).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Role, members, new_password, operators};

    #[tokio::test]
    async fn the_name_of_an_account_that_was_deleted_is_given_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let db = Db::open(&url).await.unwrap();
        let [op, gone, left, acme] =
            ["op", "gone", "left", "acme"].map(|name| name.parse::<Namespace>().unwrap());
        let mut write = db.write().await.unwrap();
        for (name, role) in [(&op, "operator"), (&gone, "member"), (&left, "member")] {
            sqlx::query(
                "insert into accounts (name, password_hash, role, created_at)
                 values ($1, '', $2, '2020-01-01T00:00:00.000000Z')",
            )
            .bind(name.as_str())
            .bind(role)
            .execute(&mut *write)
            .await
            .unwrap();
        }
        for sql in [
            "insert into namespaces (name, created_at) values ('acme', '')",
            "insert into account_deletions (account, asked_at, due_at) values ('gone', '', '2020-01-15T00:00:00.000000Z')",
        ] {
            sqlx::query(sql).execute(&mut *write).await.unwrap();
        }
        assert!(delete_account(&mut write, &gone, "").await.unwrap());
        write.commit().await.unwrap();

        let machine = Actor::machine();
        for (name, is_there) in [(&left, true), (&gone, false)] {
            let mut write = db.write().await.unwrap();
            let given = members::hand_over(&mut write, &acme, name).await.map(drop);
            drop(write);
            for (what, done) in [
                ("given a namespace", given),
                ("reset", new_password::issue_reset(&db, &machine, name).await.map(drop)),
                ("invited", members::invite(&db, &machine, &acme, name, Role::Viewer, &op).await),
                ("proposed", operators::propose(&db, &machine, &op, name).await.map(drop)),
                ("promoted", operators::promote(&db, name).await),
            ] {
                match is_there {
                    true => assert!(done.is_ok(), "'{name}' is {what}: {done:?}"),
                    false => assert!(matches!(done, Err(Error::NotFound(_))), "'{name}' is {what}: {done:?}"),
                }
            }
        }
    }
}
