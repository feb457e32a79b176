//! Of whom a registry demands a second factor. They are told, and have some days; from then on an account without one has no more
//! power than any other: it neither operates the registry nor publishes or decides in a namespace.

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::wire::{LogInBy, OrganisationRole, Role};
use chandlery_package::{Namespace, words};
use chandlery_store::{Db, Write, time};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use crate::Error;
use crate::notices::tell_owner;
use crate::principal::AccountRole;
use crate::second_factor::{has_passkeys, is_on_within};
use crate::tokens::TokenKind;

/// How long somebody may take to set one up.
const GRACE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// From how many downloads on a plugin is much used.
const MUCH_USED: i64 = 10_000;

words! {
    /// Of whom a second factor is demanded; each of whom the one before it is.
    #[derive(Default)]
    pub enum Demand: "demand of second factors" {
        /// Of nobody at all.
        #[default]
        Off = "off",
        /// Of whoever operates the registry.
        Operators = "operators",
        /// Of operators, and of owners of plugins that cost something or are used much.
        Owners = "owners",
    }
}

/// Tells those of whom a second factor is demanded from now on, and forgets those of whom it is no more.
pub(crate) async fn tell_those(db: &Db, demanded: Demand) -> Result<(), Error> {
    let now = Timestamp::now();
    let mut write = db.write().await?;
    let mut known = known(&mut write).await?;
    for account in wanted(&mut write, demanded).await? {
        if known.remove(&account).is_none() {
            demand(&mut write, &account, now).await?;
        }
    }
    for account in known.into_keys() {
        sqlx::query("delete from factor_demands where account = $1")
            .bind(account.as_str())
            .execute(&mut *write)
            .await?;
    }
    Ok(write.commit().await?)
}

/// Who was told, and when.
async fn known(write: &mut Write) -> Result<BTreeMap<Namespace, Timestamp>, Error> {
    let rows: Vec<(Text<Namespace>, Text<Timestamp>)> =
        sqlx::query_as("select account, since from factor_demands").fetch_all(&mut **write).await?;
    Ok(rows.into_iter().map(|(Text(account), Text(since))| (account, since)).collect())
}

/// Of whom a second factor is demanded now, by name.
async fn wanted(write: &mut Write, demanded: Demand) -> Result<Vec<Namespace>, Error> {
    let rows: Vec<(Text<Namespace>,)> = sqlx::query_as(
        "select name from accounts
         where not exists (select 1 from organisations where organisations.name = accounts.name)
           and (($1 = 1 and role = $2)
            or ($3 = 1 and exists (
                select 1 from namespace_members join plugins on plugins.namespace = namespace_members.namespace
                where (namespace_members.account = accounts.name
                       or exists (select 1 from organisation_members
                                  where organisation_members.organisation = namespace_members.account
                                    and organisation_members.account = accounts.name
                                    and organisation_members.role in ($6, $7)))
                  and namespace_members.role = $4
                  and (plugins.offer is not null
                       or (select coalesce(sum(releases.downloads), 0) from releases
                           where releases.plugin = plugins.id) >= $5))))
         order by name",
    )
    .bind(i64::from(demanded >= Demand::Operators))
    .bind(AccountRole::Operator.as_str())
    .bind(i64::from(demanded == Demand::Owners))
    .bind(Role::Owner.as_str())
    .bind(MUCH_USED)
    .bind(OrganisationRole::Admin.as_str())
    .bind(OrganisationRole::Owner.as_str())
    .fetch_all(&mut **write)
    .await?;
    Ok(rows.into_iter().map(|(Text(name),)| name).collect())
}

async fn demand(write: &mut Write, account: &Namespace, now: Timestamp) -> Result<(), Error> {
    sqlx::query("insert into factor_demands (account, since) values ($1, $2)")
        .bind(account.as_str())
        .bind(time(now))
        .execute(&mut **write)
        .await?;
    if is_on_within(write, account).await? || has_passkeys(write, account).await? {
        return Ok(());
    }
    let body = format!(
        "This registry demands one of whoever operates it, or owns plugins that cost something or are used much. Set it up until {} \
         UTC, on /account/second-factor or with `chandlery account second-factor set-up`, or add a passkey on /account/passkeys. From then \
         on your account does without it what any other may, and nothing more.\n",
        (now + GRACE).strftime("%Y-%m-%d %H:%M")
    );
    let key = format!("second-factor-demanded:{account}:{}", time(now));
    tell_owner(write, account, &key, "Your account needs a second factor", &body, now).await
}

/// Whether a second factor is demanded of an account, however long ago it was told.
pub(crate) async fn is_demanded(db: &mut AnyConnection, account: &Namespace) -> Result<bool, Error> {
    let (demanded,): (i64,) = sqlx::query_as("select count(*) from factor_demands where account = $1")
        .bind(account.as_str())
        .fetch_one(db)
        .await?;
    Ok(demanded > 0)
}

/// Whether an account was told long enough ago, and has no second factor that whoever asks by this token, or by the password, has shown.
///
/// The password alone opens nothing of an account with codes. Of one with passkeys it opens a log-in, which has not shown a factor: nor has
/// a token that was made by one. Tokens that machines had before the first passkey go on, and so does what a workload exchanged.
pub(crate) async fn owes(db: &Db, account: &Namespace, token: Option<&str>) -> Result<bool, Error> {
    let (owed,): (i64,) = sqlx::query_as(
        "select count(*) from factor_demands where account = $1 and since <= $2
         and not exists (
             select 1 from second_factors
             where second_factors.account = factor_demands.account and second_factors.confirmed_at is not null)
         and not exists (
             select 1 from tokens where tokens.hash = $3 and tokens.account = factor_demands.account
             and exists (select 1 from passkeys where passkeys.account = tokens.account)
             and (tokens.opened_by <> $4 or tokens.kind = $5
                  or (tokens.kind = $6 and tokens.created_at < (
                      select min(passkeys.created_at) from passkeys where passkeys.account = tokens.account))))",
    )
    .bind(account.as_str())
    .bind(time(Timestamp::now() - GRACE))
    .bind(token.unwrap_or(""))
    .bind(LogInBy::Password.as_str())
    .bind(TokenKind::Exchanged.as_str())
    .bind(TokenKind::Made.as_str())
    .fetch_one(db.read())
    .await?;
    Ok(owed > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_are_told_of_whom_it_is_demanded_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let db = Db::open(&url).await.unwrap();
        let mut write = db.write().await.unwrap();
        for (name, role) in [
            ("boss", "member"),
            ("clerk", "member"),
            ("free", "member"),
            ("op", "operator"),
            ("org", "member"),
            ("publisher", "member"),
            ("seller", "member"),
            ("used", "member"),
        ] {
            let sql = "insert into accounts (name, password_hash, role, created_at) values ($1, '', $2, '')";
            sqlx::query(sql).bind(name).bind(role).execute(&mut *write).await.unwrap();
        }
        for (name, offer, downloads) in
            [("free", None, 9_999_i64), ("seller", Some("{}"), 0), ("used", None, 10_000)]
        {
            let sql = "insert into namespaces (name, created_at) values ($1, '')";
            sqlx::query(sql).bind(name).execute(&mut *write).await.unwrap();
            let sql = "insert into plugins (id, namespace, offer) values ($1 || ':p', $1, $2)";
            sqlx::query(sql).bind(name).bind(offer).execute(&mut *write).await.unwrap();
            sqlx::query(
                "insert into releases (plugin, version, kind, title, description, component, component_bytes, artifact, key_id,
                                       log_index, published_at, downloads)
                 values ($1 || ':p', '1.0.0', 'template', '', '', '', 0, '', '', 0, '', $2)",
            )
            .bind(name)
            .bind(downloads)
            .execute(&mut *write)
            .await
            .unwrap();
            for (account, role) in [(name, "owner"), ("publisher", "publisher")] {
                let sql = "insert into namespace_members (namespace, account, role) values ($1, $2, $3)";
                sqlx::query(sql).bind(name).bind(account).bind(role).execute(&mut *write).await.unwrap();
            }
        }
        // Whoever decides for an organisation is asked in its place.
        for sql in [
            "insert into organisations (name, title, created_at, created_by) values ('org', 'Org', '', 'boss')",
            "insert into organisation_members (organisation, account, role, origin, since)
             values ('org', 'boss', 'admin', 'invited', ''), ('org', 'clerk', 'billing', 'invited', '')",
            "insert into namespace_members (namespace, account, role) values ('seller', 'org', 'owner')",
        ] {
            sqlx::query(sql).execute(&mut *write).await.unwrap();
        }
        for (demand, expected) in [
            (Demand::Off, Vec::new()),
            (Demand::Operators, vec!["op"]),
            (Demand::Owners, vec!["boss", "op", "seller", "used"]),
        ] {
            let found = wanted(&mut write, demand).await.unwrap();
            assert_eq!(found.iter().map(Namespace::as_str).collect::<Vec<_>>(), expected, "{demand}");
        }
    }

    #[tokio::test]
    async fn a_passkey_counts_for_what_has_shown_it_and_a_code_for_all() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let db = Db::open(&url).await.unwrap();
        let ann: Namespace = "ann".parse().unwrap();
        let run = async |sql: &'static str| {
            let mut write = db.write().await.unwrap();
            sqlx::query(sql).execute(&mut *write).await.unwrap();
            write.commit().await.unwrap();
        };
        run(
            "insert into accounts (name, password_hash, role, created_at) values ('ann', '', 'operator', '')",
        )
        .await;
        run("insert into tokens (hash, account, created_at, scope, note, kind, opened_by)
             values ('by-password', 'ann', '2026-03-01', 'full', '', 'log-in', 'password'),
                    ('by-passkey', 'ann', '2026-03-01', 'full', '', 'log-in', 'passkey'),
                    ('made-before', 'ann', '2026-01-01', 'full', '', 'made', 'password'),
                    ('made-after', 'ann', '2026-03-01', 'full', '', 'made', 'password'),
                    ('made-by-passkey', 'ann', '2026-03-01', 'full', '', 'made', 'passkey'),
                    ('exchanged', 'ann', '2026-03-01', 'full', '', 'exchanged', 'password')")
        .await;
        let all = ["by-password", "by-passkey", "made-before", "made-after", "made-by-passkey", "exchanged"];
        let owing = async || {
            let mut owing = Vec::new();
            for token in all {
                if owes(&db, &ann, Some(token)).await.unwrap() {
                    owing.push(token);
                }
            }
            if owes(&db, &ann, None).await.unwrap() {
                owing.push("password");
            }
            owing
        };
        assert!(owing().await.is_empty(), "nothing is demanded");
        run("insert into factor_demands (account, since) values ('ann', '2020-01-01T00:00:00.000000Z')")
            .await;
        assert_eq!(owing().await.len(), 7, "there is none");
        run("insert into passkeys (id, account, name, passkey, created_at) values ('p', 'ann', '', '', '2026-02-01')")
            .await;
        assert_eq!(owing().await, ["by-password", "made-after", "password"]);
        run("insert into second_factors (account, secret, made_at, confirmed_at) values ('ann', '', '', '2026-02-01')")
            .await;
        assert!(owing().await.is_empty(), "who has codes has shown one");
    }
}
