//! An account that signs in with an organisation no more: who it is at the organisation's provider is forgotten, and what that has opened
//! ends. Nobody shuts themselves out by it.

use chandlery_package::Namespace;
use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{Act, LogInBy};
use chandlery_store::{Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::audit::record;
use crate::enforced::{end_lapsed, must_be_free};
use crate::notices::tell_owner;
use crate::second_factor::is_on_within;
use crate::{Accounts, Caller, Error};

/// How far back it is looked for what an account was linked to.
const LOOKED_BACK: i64 = 100;

/// Lets the account that asks be nobody at the provider of an organisation any more.
pub async fn unlink(accounts: &Accounts, caller: &Caller, organisation: &Namespace) -> Result<(), Error> {
    let (account, now) = (&caller.name, Timestamp::now());
    let mut write = accounts.db.write().await?;
    let issuers: Vec<(String,)> =
        sqlx::query_as("delete from identities where account = $1 and organisation = $2 returning issuer")
            .bind(account.as_str())
            .bind(organisation.as_str())
            .fetch_all(&mut *write)
            .await?;
    let Some((issuer,)) = issuers.first() else {
        return Err(Error::NotFound(format!("identity at the provider of '{organisation}'")));
    };
    must_have_another_way(&mut write, account).await?;
    must_need_no_provider(&mut write, account, organisation).await?;
    end_opened(&mut write, account).await?;
    end_lapsed(&mut write).await?;
    let before = json!({ "organisation": organisation, "issuer": issuer });
    record(&mut write, &caller.actor, Act::IdentityUnlinked, account.as_str(), before, Value::Null).await?;
    let at = now.strftime("%Y-%m-%d %H:%M");
    let body = match is_made_by(&mut write, organisation, account).await? {
        true => format!(
            "What the provider of '{organisation}' ({issuer}) has opened of '{account}' has ended, at {at} UTC. '{organisation}' manages \
             the account: whoever has its address at the provider is it again with the next sign-in there.\n"
        ),
        false => format!(
            "Nobody signs in as '{account}' by the provider of '{organisation}' ({issuer}) any more, since {at} UTC. If that is wrong, \
             log in as before, and link the account again on the registry's page /account/sign-on.\n"
        ),
    };
    let key = format!("identity-gone:{account}:{}", time(now));
    let subject = "Your account signs in with an organisation no more";
    tell_owner(&mut write, account, &key, subject, &body, now).await?;
    Ok(write.commit().await?)
}

/// Whether an account is one that an organisation has opened, and manages.
pub(super) async fn is_made_by(
    db: &mut AnyConnection,
    organisation: &Namespace,
    account: &Namespace,
) -> Result<bool, Error> {
    let found: Option<(String,)> =
        sqlx::query_as("select name from accounts where name = $1 and managed_by = $2")
            .bind(account.as_str())
            .bind(organisation.as_str())
            .fetch_optional(db)
            .await?;
    Ok(found.is_some())
}

/// Whether the owner of an account has unlinked it from an organisation, and it was not linked to that again, as the audit trail says.
pub(super) async fn has_unlinked(
    db: &mut AnyConnection,
    organisation: &Namespace,
    account: &Namespace,
) -> Result<bool, Error> {
    let rows: Vec<(Text<Act>, Json<Value>)> = sqlx::query_as(
        "select act, coalesce(was, became, 'null') from audit where subject = $1 and act in ($2, $3)
         order by number desc limit $4",
    )
    .bind(account.as_str())
    .bind(Act::IdentityUnlinked.as_str())
    .bind(Act::IdentityLinked.as_str())
    .bind(LOOKED_BACK)
    .fetch_all(db)
    .await?;
    let last = rows.into_iter().find(|(_, Json(said))| said["organisation"] == organisation.as_str());
    Ok(last.is_some_and(|(Text(act), _)| act == Act::IdentityUnlinked))
}

/// Refuses an account of which nobody knows a password, and that has neither a passkey nor another identity.
async fn must_have_another_way(db: &mut AnyConnection, account: &Namespace) -> Result<(), Error> {
    let (ways,): (i64,) = sqlx::query_as(
        "select (select count(*) from accounts where name = $1 and passwordless_since is null)
              + (select count(*) from passkeys where account = $1)
              + (select count(*) from identities where account = $1)",
    )
    .bind(account.as_str())
    .fetch_one(db)
    .await?;
    match ways {
        0 => Err(Error::Conflict(format!(
            "'{account}' signs in by this alone, and has neither a password nor a passkey: add a passkey on the page \
             /account/passkeys, or set a password by what `chandlery account forgot {account}` sends to its address, and unlink it then"
        ))),
        _ => Ok(()),
    }
}

/// Refuses an account that this organisation lets sign in by its provider alone.
async fn must_need_no_provider(
    write: &mut Write,
    account: &Namespace,
    organisation: &Namespace,
) -> Result<(), Error> {
    let by = match is_on_within(write, account).await? || has_passkey(write, account).await? {
        true => LogInBy::Totp,
        false => LogInBy::Password,
    };
    match must_be_free(write, account, by).await {
        Err(Error::SsoRequired { organisation: demands, .. }) if demands == *organisation => {
            Err(Error::Conflict(format!(
                "'{organisation}' lets '{account}' sign in by its provider alone: leave the organisation first \
                 (`chandlery organisation leave {organisation}`), or ask one of its admins"
            )))
        }
        Ok(()) | Err(Error::SsoRequired { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn has_passkey(db: &mut AnyConnection, account: &Namespace) -> Result<bool, Error> {
    let found: Option<(String,)> = sqlx::query_as("select account from passkeys where account = $1 limit 1")
        .bind(account.as_str())
        .fetch_optional(db)
        .await?;
    Ok(found.is_some())
}

/// Ends what a provider has opened of an account, also what such a session has let a program have.
async fn end_opened(write: &mut Write, account: &Namespace) -> Result<(), Error> {
    for statement in [
        "delete from tokens where account = $1 and opened_by = $2",
        "delete from device_log_ins where account = $1 and opened_by = $2",
    ] {
        sqlx::query(statement)
            .bind(account.as_str())
            .bind(LogInBy::Provider.as_str())
            .execute(&mut **write)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chandlery_store::Db;

    use super::*;
    use crate::actor::{Actor, Address};
    use crate::credential::Credential;
    use crate::principal::{Account, AccountRole};
    use crate::session::SessionCookie;

    #[tokio::test]
    async fn nobody_is_left_without_a_way_to_log_in() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let db = Db::open(&url).await.unwrap();
        let accounts = Accounts::open(db.clone(), SessionCookie::Plain).await.unwrap();
        let (ann, corp): (Namespace, Namespace) = ("ann".parse().unwrap(), "corp".parse().unwrap());
        let change = async |statements: &[&'static str]| {
            let mut write = db.write().await.unwrap();
            for statement in statements {
                sqlx::query(*statement).execute(&mut *write).await.unwrap();
            }
            write.commit().await.unwrap();
        };
        let linked = "insert into identities (issuer, subject, account, organisation, linked_at, seen_at)
                      values ('https://id.corp.example', '1', 'ann', 'corp', '', '')";
        change(&[
            "insert into accounts (name, password_hash, role, created_at, email, passwordless_since) values
             ('corp', '', 'member', '', null, ''), ('ann', '', 'member', '', 'ann@corp.example', '')",
            "insert into organisations (name, title, created_at, created_by) values ('corp', 'Corp', '', 'ann')",
            "insert into organisation_members (organisation, account, role, origin, since)
             values ('corp', 'ann', 'member', 'sso', '')",
            "insert into organisation_domains (organisation, domain, token, added_at, proved_at)
             values ('corp', 'corp.example', '', '', '')",
            "insert into identity_providers (organisation, issuer, client_id, role, enforced, set_at)
             values ('corp', 'https://id.corp.example', 'chandlery', 'member', 0, '')",
            "insert into tokens (hash, account, created_at, expires_at, kind, scope, note, opened_by) values
             ('1', 'ann', '', '', 'log-in', 'full', '', 'provider'), ('2', 'ann', '', '', 'log-in', 'full', '', 'password')",
            linked,
        ])
        .await;
        let account = Account::of(ann.clone(), AccountRole::Member);
        let credential = Credential::Password("mark".into());
        let actor = Actor::new(&ann, &credential, Address(None));
        let caller = Caller { account, credential, actor };

        let refused = unlink(&accounts, &caller, &corp).await.unwrap_err().to_string();
        assert!(refused.contains("chandlery account forgot ann"), "{refused}");
        let (enforce, free) =
            ("update identity_providers set enforced = 1", "update identity_providers set enforced = 0");
        for way in [
            "update accounts set passwordless_since = null",
            "insert into passkeys (id, account, name, passkey, created_at) values ('p', 'ann', '', '', '')",
        ] {
            change(&["update accounts set passwordless_since = ''", way, enforce]).await;
            let refused = unlink(&accounts, &caller, &corp).await.unwrap_err().to_string();
            assert!(refused.contains("by its provider alone"), "{refused}");
            change(&[free]).await;
            unlink(&accounts, &caller, &corp).await.unwrap();
            assert!(matches!(unlink(&accounts, &caller, &corp).await, Err(Error::NotFound(_))));
            change(&[linked]).await;
        }
        // By its address alone it is nobody's at the provider of before any more.
        let (ann, other): (Namespace, Namespace) = ("ann".parse().unwrap(), "other".parse().unwrap());
        let mut read = db.read().acquire().await.unwrap();
        assert!(has_unlinked(&mut read, &corp, &ann).await.unwrap());
        assert!(!has_unlinked(&mut read, &other, &ann).await.unwrap());
        assert!(!has_unlinked(&mut read, &corp, &other).await.unwrap());
        drop(read);
        let left: Vec<(String,)> =
            sqlx::query_as("select hash from tokens order by hash").fetch_all(db.read()).await.unwrap();
        assert_eq!(left, [("2".to_owned(),)], "what the provider has opened ends");
    }
}
