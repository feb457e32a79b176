//! Whom an organisation lets sign in by its own provider alone, and what ends with the reason that a provider counts.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{LogInBy, OrganisationRole};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;
use crate::credential::Credential;
use crate::tokens::TokenKind;

/// Where somebody signs in with their organisation.
const SIGN_IN: &str = "/login/sso";

/// Members of an organisation whose provider is enforced, with a verified address in one of its proved domains, and their roles.
macro_rules! bound {
    () => {
        "select accounts.name as account, organisation_members.organisation, organisation_members.role from accounts
         join organisation_members on organisation_members.account = accounts.name
         join identity_providers on identity_providers.organisation = organisation_members.organisation
          and identity_providers.enforced = 1
         join organisation_domains on organisation_domains.organisation = identity_providers.organisation
          and organisation_domains.proved_at is not null
          and lower(accounts.email) like '%@' || organisation_domains.domain"
    };
}

/// Log-ins by something else than a provider, `$2`, of those whom it binds. An owner, of the role `$3`, who has shown more than the password,
/// `$4`, is not bound: somebody must be able to repair a provider that has failed. Whoever is not known at this one has signed in by another's.
macro_rules! bound_tokens {
    () => {
        concat!(
            "from tokens where kind = $1 and exists (select 1 from (",
            bound!(),
            ") as bound where bound.account = tokens.account
               and ((tokens.opened_by <> $2 and not (bound.role = $3 and tokens.opened_by <> $4))
                 or (tokens.opened_by = $2 and not exists (
                     select 1 from identities
                     where identities.account = bound.account and identities.organisation = bound.organisation))))"
        )
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

const BOUND_ONE: &str = concat!(
    "select organisation from (",
    bound!(),
    ") as bound where account = $1 and not (role = $2 and $3 = 1) order by organisation limit 1"
);
const COUNT_LAPSED: &str =
    concat!("select count(*) from tokens where opened_by = $1 and account in (", lapsed!(), ")");
const END_LAPSED: &str = concat!("delete from tokens where opened_by = $1 and account in (", lapsed!(), ")");
const COUNT_BOUND: &str = concat!("select count(*) ", bound_tokens!());
const END_BOUND: &str = concat!("delete ", bound_tokens!());

/// The organisation whose provider an account must sign in by, that has shown this; none: it may log in so.
async fn bound_by(
    db: &mut AnyConnection,
    account: &Namespace,
    by: LogInBy,
) -> Result<Option<Namespace>, Error> {
    if by == LogInBy::Provider {
        return Ok(None);
    }
    let found: Option<(Text<Namespace>,)> = sqlx::query_as(BOUND_ONE)
        .bind(account.as_str())
        .bind(OrganisationRole::Owner.as_str())
        .bind(i64::from(by != LogInBy::Password))
        .fetch_optional(db)
        .await?;
    Ok(found.map(|(Text(organisation),)| organisation))
}

/// Whether the password alone opens nothing of an account, since an organisation has a provider for it.
pub(crate) async fn is_bound(db: &mut AnyConnection, account: &Namespace) -> Result<bool, Error> {
    Ok(bound_by(db, account, LogInBy::Password).await?.is_some())
}

/// Whether somebody was signed in by an organisation's provider, which asks for what the organisation wants.
pub(crate) async fn is_vouched_for(db: &Db, credential: &Credential) -> Result<bool, Error> {
    let (vouched,): (i64,) = sqlx::query_as("select count(*) from tokens where hash = $1 and opened_by = $2")
        .bind(credential.token_hash().unwrap_or(""))
        .bind(LogInBy::Provider.as_str())
        .fetch_one(db.read())
        .await?;
    Ok(vouched > 0)
}

/// Refuses a sign-in by the provider of one organisation where another one demands its own.
pub(crate) async fn must_be_free_for(
    db: &mut AnyConnection,
    account: &Namespace,
    organisation: &Namespace,
) -> Result<(), Error> {
    match bound_by(db, account, LogInBy::Password).await? {
        Some(other) if other != *organisation => Err(required(account, other)),
        _ => Ok(()),
    }
}

fn required(account: &Namespace, organisation: Namespace) -> Error {
    let page = format!("{SIGN_IN}?organisation={organisation} on the registry's pages");
    Error::SsoRequired { account: account.clone(), organisation, page }
}

/// Refuses a log-in by anything but a provider where the account's organisation demands that.
pub(crate) async fn must_be_free(
    db: &mut AnyConnection,
    account: &Namespace,
    by: LogInBy,
) -> Result<(), Error> {
    match bound_by(db, account, by).await? {
        Some(organisation) => Err(required(account, organisation)),
        None => Ok(()),
    }
}

/// Ends the sessions that nobody vouches for any more, and those that an organisation lets nobody have; says how many.
pub async fn end_lapsed(write: &mut Write) -> Result<u64, Error> {
    let lapsed = sqlx::query(END_LAPSED).bind(LogInBy::Provider.as_str()).execute(&mut **write).await?;
    let bound = sqlx::query(END_BOUND)
        .bind(TokenKind::LogIn.as_str())
        .bind(LogInBy::Provider.as_str())
        .bind(OrganisationRole::Owner.as_str())
        .bind(LogInBy::Password.as_str())
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
        .bind(TokenKind::LogIn.as_str())
        .bind(LogInBy::Provider.as_str())
        .bind(OrganisationRole::Owner.as_str())
        .bind(LogInBy::Password.as_str())
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
        "insert into identities (issuer, subject, account, organisation, linked_at, seen_at) values
         ('https://id.corp.example', '1', 'ann', 'corp', '', ''), ('https://id.corp.example', '2', 'made', 'corp', '', '')",
        "insert into tokens (hash, account, created_at, expires_at, kind, scope, note, opened_by) values
         ('1', 'own', '', '', 'log-in', 'full', '', 'password'), ('2', 'ann', '', '', 'log-in', 'full', '', 'totp'),
         ('3', 'ann', '', '', 'made', 'full', '', 'password'), ('4', 'bob', '', '', 'log-in', 'full', '', 'password'),
         ('5', 'ann', '', '', 'log-in', 'full', '', 'provider'), ('6', 'made', '', '', 'log-in', 'full', '', 'provider'),
         ('7', 'own', '', '', 'log-in', 'full', '', 'totp')",
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
    async fn members_of_an_enforced_domain_are_bound_but_for_owners_who_show_a_second_factor() {
        let (_folder, db) = corp().await;
        let free = async |name: &str, by: LogInBy| {
            let mut read = db.read().acquire().await.unwrap();
            must_be_free(&mut read, &name.parse().unwrap(), by).await.is_ok()
        };
        for (name, password, totp) in [
            ("own", false, true),
            ("ann", false, false),
            ("bob", true, true),
            ("eve", true, true),
            ("made", false, false),
        ] {
            assert_eq!(free(name, LogInBy::Password).await, password, "{name}");
            assert_eq!(free(name, LogInBy::Totp).await, totp, "{name}");
            assert!(free(name, LogInBy::Provider).await, "{name}");
        }
        let mut read = db.read().acquire().await.unwrap();
        let ann: Namespace = "ann".parse().unwrap();
        for (organisation, counts) in [("corp", true), ("own", false)] {
            let by = must_be_free_for(&mut read, &ann, &organisation.parse().unwrap()).await;
            assert_eq!(by.is_ok(), counts, "another organisation's provider is not the one: {organisation}");
        }
        drop(read);
        change(&db, "update organisation_domains set proved_at = null").await;
        assert!(free("ann", LogInBy::Password).await);
    }

    #[tokio::test]
    async fn sessions_end_with_their_reason() {
        let (_folder, db) = corp().await;
        assert_eq!(left(&db).await, "34567", "what was opened otherwise ends, and machines go on");
        change(&db, "delete from organisation_members where account in ('ann', 'made')").await;
        assert_eq!(
            left(&db).await,
            "3457",
            "a session of an account that the organisation has not made goes on"
        );
        let (_folder, db) = corp().await;
        change(&db, "delete from identities where account = 'ann'").await;
        assert_eq!(left(&db).await, "3467", "one that another organisation's provider has opened ends");
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
