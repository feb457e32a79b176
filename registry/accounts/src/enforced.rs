//! Whom an organisation lets sign in by its own provider alone, and what ends with the reason that a provider counts.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{LogInBy, OrganisationRole};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;
use crate::tokens::TokenKind;

/// Where somebody signs in with their organisation.
pub(crate) const SIGN_IN: &str = "/login/sso";

/// Members of an organisation whose provider is enforced, with a verified address in one of its proved domains. An owner, of the role
/// `$1`, with a second factor is none of them: somebody must be able to repair a provider that has failed.
macro_rules! bound {
    () => {
        "select accounts.name, identity_providers.organisation from accounts
         join organisation_members on organisation_members.account = accounts.name
         join identity_providers on identity_providers.organisation = organisation_members.organisation
          and identity_providers.enforced = 1
         join organisation_domains on organisation_domains.organisation = identity_providers.organisation
          and organisation_domains.proved_at is not null
          and lower(accounts.email) like '%@' || organisation_domains.domain
         where not (organisation_members.role = $1 and (
             exists (select 1 from second_factors
                     where second_factors.account = accounts.name and second_factors.confirmed_at is not null)
             or exists (select 1 from passkeys where passkeys.account = accounts.name)))"
    };
}

/// Accounts that an organisation has made and vouches for no more: they are no members, it has no provider, or their domain is not its own.
macro_rules! lapsed {
    () => {
        "select accounts.name from accounts where accounts.managed_by is not null and not exists (
             select 1 from organisation_members
             join identity_providers on identity_providers.organisation = organisation_members.organisation
             join organisation_domains on organisation_domains.organisation = organisation_members.organisation
             where organisation_members.organisation = accounts.managed_by
               and organisation_members.account = accounts.name
               and organisation_domains.proved_at is not null
               and lower(accounts.email) like '%@' || organisation_domains.domain)"
    };
}

const BOUND_ONE: &str =
    concat!(bound!(), " and accounts.name = $2 order by identity_providers.organisation limit 1");
const COUNT_LAPSED: &str =
    concat!("select count(*) from tokens where opened_by = $1 and account in (", lapsed!(), ")");
const END_LAPSED: &str = concat!("delete from tokens where opened_by = $1 and account in (", lapsed!(), ")");
const COUNT_BOUND: &str = concat!(
    "select count(*) from tokens where kind = $2 and opened_by <> $3 and account in (select name from (",
    bound!(),
    ") as bound)"
);
const END_BOUND: &str = concat!(
    "delete from tokens where kind = $2 and opened_by <> $3 and account in (select name from (",
    bound!(),
    ") as bound)"
);

/// The organisation whose provider an account must sign in by; none: it may log in as it likes.
async fn bound_by(db: &mut AnyConnection, account: &Namespace) -> Result<Option<Namespace>, Error> {
    let found: Option<(String, Text<Namespace>)> = sqlx::query_as(BOUND_ONE)
        .bind(OrganisationRole::Owner.as_str())
        .bind(account.as_str())
        .fetch_optional(db)
        .await?;
    Ok(found.map(|(_, Text(organisation))| organisation))
}

/// Whether an account must sign in by the provider of an organisation.
pub(crate) async fn is_bound(db: &mut AnyConnection, account: &Namespace) -> Result<bool, Error> {
    Ok(bound_by(db, account).await?.is_some())
}

/// Refuses a log-in by anything but a provider where the account's organisation demands that.
pub(crate) async fn must_be_free(db: &mut AnyConnection, account: &Namespace) -> Result<(), Error> {
    match bound_by(db, account).await? {
        Some(organisation) => {
            let page = format!("{SIGN_IN}?organisation={organisation} on the registry's pages");
            Err(Error::SsoRequired { account: account.clone(), organisation, page })
        }
        None => Ok(()),
    }
}

/// Ends the sessions that nobody vouches for any more, and those that an organisation lets nobody have; says how many.
pub async fn end_lapsed(write: &mut Write) -> Result<u64, Error> {
    let lapsed = sqlx::query(END_LAPSED).bind(LogInBy::Provider.as_str()).execute(&mut **write).await?;
    let bound = sqlx::query(END_BOUND)
        .bind(OrganisationRole::Owner.as_str())
        .bind(TokenKind::LogIn.as_str())
        .bind(LogInBy::Provider.as_str())
        .execute(&mut **write)
        .await?;
    Ok(lapsed.rows_affected() + bound.rows_affected())
}

/// The same, where there are any: also for what has lapsed outside of the registry, as a domain does. Forgets sign-ins and programs that
/// nobody came back for.
pub async fn end_lapsed_sign_ons(db: &Db) -> Result<(), Error> {
    let now = time(Timestamp::now());
    let (lapsed,): (i64,) =
        sqlx::query_as(COUNT_LAPSED).bind(LogInBy::Provider.as_str()).fetch_one(db.read()).await?;
    let (bound,): (i64,) = sqlx::query_as(COUNT_BOUND)
        .bind(OrganisationRole::Owner.as_str())
        .bind(TokenKind::LogIn.as_str())
        .bind(LogInBy::Provider.as_str())
        .fetch_one(db.read())
        .await?;
    let (waiting,): (i64,) = sqlx::query_as(
        "select (select count(*) from sign_ins where expires_at <= $1)
              + (select count(*) from device_log_ins where expires_at <= $1)",
    )
    .bind(&now)
    .fetch_one(db.read())
    .await?;
    if lapsed + bound + waiting == 0 {
        return Ok(());
    }
    let mut write = db.write().await?;
    end_lapsed(&mut write).await?;
    for statement in
        ["delete from sign_ins where expires_at <= $1", "delete from device_log_ins where expires_at <= $1"]
    {
        sqlx::query(statement).bind(&now).execute(&mut *write).await?;
    }
    Ok(write.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An organisation `corp` with the proved domain `corp.example` and a provider, and members.
    const CORP: &[&str] = &[
        "insert into accounts (name, password_hash, role, created_at, email) values
         ('corp', '', 'member', '', null), ('own', '', 'member', '', 'own@corp.example'),
         ('ann', '', 'member', '', 'Ann@CORP.example'), ('bob', '', 'member', '', 'bob@notcorp.example'),
         ('eve', '', 'member', '', 'eve@corp.example'), ('made', '', 'member', '', 'made@corp.example')",
        "insert into organisations (name, title, created_at, created_by) values ('corp', 'Corp', '', 'own')",
        "update accounts set managed_by = 'corp' where name = 'made'",
        "insert into organisation_members (organisation, account, role, origin, since) values
         ('corp', 'own', 'owner', 'invited', ''), ('corp', 'ann', 'admin', 'invited', ''),
         ('corp', 'bob', 'member', 'invited', ''), ('corp', 'made', 'member', 'sso', '')",
        "insert into organisation_domains (organisation, domain, token, added_at, proved_at)
         values ('corp', 'corp.example', '', '', '')",
        "insert into identity_providers (organisation, issuer, client_id, role, enforced, set_at)
         values ('corp', 'https://id.corp.example', 'chandlery', 'member', 1, '')",
        "insert into tokens (hash, account, created_at, expires_at, kind, scope, note, opened_by) values
         ('1', 'own', '', '', 'log-in', 'full', '', 'password'), ('2', 'ann', '', '', 'log-in', 'full', '', 'totp'),
         ('3', 'ann', '', '', 'made', 'full', '', 'password'), ('4', 'bob', '', '', 'log-in', 'full', '', 'password'),
         ('5', 'ann', '', '', 'log-in', 'full', '', 'provider'), ('6', 'made', '', '', 'log-in', 'full', '', 'provider')",
    ];

    async fn corp() -> (tempfile::TempDir, Db) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let db = Db::open(&url).await.unwrap();
        for statement in CORP {
            change(&db, statement).await;
        }
        (folder, db)
    }

    async fn change(db: &Db, statement: &'static str) {
        let mut write = db.write().await.unwrap();
        sqlx::query(statement).execute(&mut *write).await.unwrap();
        write.commit().await.unwrap();
    }

    async fn left(db: &Db) -> String {
        end_lapsed_sign_ons(db).await.unwrap();
        let rows: Vec<(String,)> =
            sqlx::query_as("select hash from tokens order by hash").fetch_all(db.read()).await.unwrap();
        rows.into_iter().map(|(hash,)| hash).collect()
    }

    #[tokio::test]
    async fn members_of_an_enforced_domain_are_bound_but_for_owners_with_a_second_factor() {
        let (_folder, db) = corp().await;
        let free = async |name: &str| {
            let mut read = db.read().acquire().await.unwrap();
            !is_bound(&mut read, &name.parse().unwrap()).await.unwrap()
        };
        for (name, is_free) in [("own", false), ("ann", false), ("bob", true), ("eve", true), ("made", false)]
        {
            assert_eq!(free(name).await, is_free, "{name}");
        }
        change(
            &db,
            "insert into second_factors (account, secret, made_at, confirmed_at) values ('own', '', '', '')",
        )
        .await;
        change(
            &db,
            "insert into second_factors (account, secret, made_at, confirmed_at) values ('ann', '', '', '')",
        )
        .await;
        assert!(free("own").await && !free("ann").await, "an admin is bound, whatever it shows");
        change(&db, "update organisation_domains set proved_at = null").await;
        assert!(free("ann").await);
    }

    #[tokio::test]
    async fn sessions_end_with_their_reason() {
        let (_folder, db) = corp().await;
        assert_eq!(left(&db).await, "3456", "what was opened otherwise ends, and machines go on");
        change(&db, "delete from organisation_members where account in ('ann', 'made')").await;
        assert_eq!(
            left(&db).await,
            "345",
            "a session of an account that the organisation has not made goes on"
        );
        for lapse in [
            "delete from identity_providers",
            "update organisation_domains set proved_at = null",
            "update accounts set email = 'made@other.example' where name = 'made'",
            "delete from organisation_members where account = 'made'",
        ] {
            let (_folder, db) = corp().await;
            assert!(left(&db).await.contains('6'));
            change(&db, lapse).await;
            assert!(!left(&db).await.contains('6'), "{lapse}");
        }
    }
}
