//! The provider of an organisation: whom the registry asks who somebody is.

use chandlery_package::column::Text;
use chandlery_package::wire::{
    Act, ClientText, IdentityProvider, LogInBy, NewIdentityProvider, OrganisationRole,
};
use chandlery_package::{Issuer, Namespace};
use chandlery_store::{Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::audit::record;
use crate::enforced::end_lapsed;
use crate::organisations::Power;
use crate::standing::must_cover;
use crate::{Accounts, Caller, Error};

/// Where people come back to, before the organisation's name.
const CALLBACK: &str = "/login/sso/callback";
const HTTPS: &str = "https://";

/// Where people of an organisation come back to. Each has a path of its own: else one organisation's provider could send a browser on to
/// another's, and be given the code with which that one answers (RFC 9700, 4.4).
fn callback(organisation: &Namespace) -> String {
    format!("{CALLBACK}/{organisation}")
}

/// What is kept of a provider.
pub(super) struct Provider {
    pub(super) organisation: Namespace,
    pub(super) issuer: Issuer,
    client_id: ClientText,
    client_secret: Option<ClientText>,
    pub(super) role: OrganisationRole,
    pub(super) enforced: bool,
    set_at: Timestamp,
}

impl Provider {
    /// What asks it, and where it sends people back to.
    pub(super) fn client(&self, accounts: &Accounts) -> Result<chandlery_oidc::Client, Error> {
        Ok(chandlery_oidc::Client {
            issuer: self.issuer.to_string(),
            client_id: self.client_id.to_string(),
            client_secret: self.client_secret.as_ref().map(ToString::to_string),
            redirect_uri: accounts.page(&callback(&self.organisation))?,
            groups_claim: None,
        })
    }

    /// Whether it is the same registration with the same provider.
    pub(super) fn is_same(&self, issuer: &Issuer, client_id: &ClientText) -> bool {
        self.issuer == *issuer && self.client_id == *client_id
    }

    /// Whether nothing has changed of whom it asks.
    pub(super) fn is_still(&self, now: &Self) -> bool {
        self.is_same(&now.issuer, &now.client_id) && self.organisation == now.organisation
    }

    fn shown(self, accounts: &Accounts) -> IdentityProvider {
        let redirect_uri = accounts.page(&callback(&self.organisation)).ok();
        IdentityProvider {
            issuer: self.issuer,
            client_id: self.client_id,
            has_secret: self.client_secret.is_some(),
            role: self.role,
            enforced: self.enforced,
            set_at: self.set_at,
            redirect_uri,
        }
    }

    /// What the audit trail tells of it.
    fn told(&self) -> Value {
        json!({ "issuer": self.issuer, "client_id": self.client_id, "role": self.role, "enforced": self.enforced })
    }
}

/// The provider of an organisation; none: it has none.
pub(super) async fn find(
    db: &mut AnyConnection,
    organisation: &Namespace,
) -> Result<Option<Provider>, Error> {
    type Row = (
        Text<Issuer>,
        Text<ClientText>,
        Option<Text<ClientText>>,
        Text<OrganisationRole>,
        i64,
        Text<Timestamp>,
    );
    let found: Option<Row> = sqlx::query_as(
        "select issuer, client_id, client_secret, role, enforced, set_at from identity_providers
         where organisation = $1",
    )
    .bind(organisation.as_str())
    .fetch_optional(db)
    .await?;
    Ok(found.map(|(Text(issuer), Text(client_id), secret, Text(role), enforced, Text(set_at))| Provider {
        organisation: organisation.clone(),
        issuer,
        client_id,
        client_secret: secret.map(|Text(secret)| secret),
        role,
        enforced: enforced == 1,
        set_at,
    }))
}

fn none(organisation: &Namespace) -> Error {
    Error::NotFound(format!("provider by which people of '{organisation}' sign in"))
}

/// The provider, as who manages the organisation sees it.
pub(crate) async fn show(
    accounts: &Accounts,
    caller: &Caller,
    organisation: &Namespace,
) -> Result<IdentityProvider, Error> {
    caller.must_have(&accounts.db, organisation, Power::Manage, "see the provider of").await?;
    let found = find(&mut *accounts.db.read().acquire().await?, organisation).await?;
    Ok(found.ok_or_else(|| none(organisation))?.shown(accounts))
}

/// Sets the provider. With another issuer, whoever was known at the one before is known there no more, and sessions by it end; where it
/// is enforced, so do those that were opened otherwise.
pub(crate) async fn set(
    accounts: &Accounts,
    caller: &Caller,
    organisation: &Namespace,
    new: &NewIdentityProvider,
) -> Result<IdentityProvider, Error> {
    caller.must_have(&accounts.db, organisation, Power::Manage, "set the provider of").await?;
    must_be_askable(accounts, &new.issuer)?;
    if new.role == OrganisationRole::Owner {
        return Err(Error::Invalid(
            "nobody becomes an owner by signing in: owners are chosen by owners".into(),
        ));
    }
    let mut write = accounts.db.write().await?;
    let had = find(&mut write, organisation).await?;
    if had.as_ref().is_none_or(|had| had.role != new.role) {
        must_cover(&mut write, organisation, &caller.name, new.role).await?;
    }
    let same = had.as_ref().filter(|had| had.is_same(&new.issuer, &new.client_id));
    let client_secret = match &new.client_secret {
        Some(secret) => Some(secret.clone()),
        None => same.and_then(|same| same.client_secret.clone()),
    };
    if new.enforced {
        let is_tried = same.is_some_and(|same| same.client_secret == client_secret);
        must_be_enforceable(&mut write, caller, organisation, &new.issuer, is_tried).await?;
    }
    let set = Provider {
        organisation: organisation.clone(),
        issuer: new.issuer.clone(),
        client_id: new.client_id.clone(),
        client_secret,
        role: new.role,
        enforced: new.enforced,
        set_at: Timestamp::now(),
    };
    keep(&mut write, &set).await?;
    forget_others(&mut write, organisation, set.issuer.as_str()).await?;
    end_lapsed(&mut write).await?;
    let before = had.as_ref().map_or(Value::Null, Provider::told);
    record(&mut write, &caller.actor, Act::ProviderSet, organisation.as_str(), before, set.told()).await?;
    write.commit().await?;
    Ok(set.shown(accounts))
}

/// Removes the provider. Whoever was known there is known there no more, and sessions by it end.
pub(crate) async fn remove(
    accounts: &Accounts,
    caller: &Caller,
    organisation: &Namespace,
) -> Result<(), Error> {
    caller.must_have(&accounts.db, organisation, Power::Manage, "remove the provider of").await?;
    let mut write = accounts.db.write().await?;
    let had = find(&mut write, organisation).await?.ok_or_else(|| none(organisation))?;
    sqlx::query("delete from identity_providers where organisation = $1")
        .bind(organisation.as_str())
        .execute(&mut *write)
        .await?;
    sqlx::query("delete from sign_ins where organisation = $1")
        .bind(organisation.as_str())
        .execute(&mut *write)
        .await?;
    forget_others(&mut write, organisation, "").await?;
    end_lapsed(&mut write).await?;
    record(&mut write, &caller.actor, Act::ProviderRemoved, organisation.as_str(), had.told(), Value::Null)
        .await?;
    Ok(write.commit().await?)
}

/// Refuses an issuer on this machine where the registry is for others: it would ask what only this machine may.
fn must_be_askable(accounts: &Accounts, issuer: &Issuer) -> Result<(), Error> {
    let is_public = accounts.page("").is_ok_and(|url| url.to_ascii_lowercase().starts_with(HTTPS));
    match is_public && !issuer.as_str().starts_with(HTTPS) {
        true => Err(Error::Invalid(format!("'{issuer}' is not asked: a provider is reached by https"))),
        false => Ok(()),
    }
}

/// Refuses to shut anybody out: the organisation has a proved domain, whoever asks has signed in by this provider, and each owner of such an
/// address has, too, or has more than a password.
async fn must_be_enforceable(
    write: &mut Write,
    caller: &Caller,
    organisation: &Namespace,
    issuer: &Issuer,
    is_tried: bool,
) -> Result<(), Error> {
    let (domains,): (i64,) = sqlx::query_as(
        "select count(*) from organisation_domains where organisation = $1 and proved_at is not null",
    )
    .bind(organisation.as_str())
    .fetch_one(&mut **write)
    .await?;
    if domains == 0 {
        return Err(Error::Conflict(format!(
            "'{organisation}' has proved no domain, for which it would be enforced"
        )));
    }
    let (known,): (i64,) = sqlx::query_as(
        "select count(*) from identities where account = $1 and organisation = $2 and issuer = $3",
    )
    .bind(caller.name.as_str())
    .bind(organisation.as_str())
    .bind(issuer.as_str())
    .fetch_one(&mut **write)
    .await?;
    if !is_tried || known == 0 {
        return Err(Error::Conflict(format!(
            "set the provider without enforcing it, sign in by it yourself as a member of '{organisation}', and enforce it then"
        )));
    }
    match shut_out(write, organisation, issuer).await? {
        None => Ok(()),
        Some(owner) => Err(Error::Conflict(format!(
            "'{owner}', who owns '{organisation}', would be shut out, since no provider lets an owner in by an address alone: '{owner}' links \
             the account on /account/sign-on, or sets up a second factor, and you enforce it then"
        ))),
    }
}

/// An owner who would be bound to the provider, is not known there, and has nothing but a password; none: there is no such owner.
async fn shut_out(
    write: &mut Write,
    organisation: &Namespace,
    issuer: &Issuer,
) -> Result<Option<Namespace>, Error> {
    let found: Option<(Text<Namespace>,)> = sqlx::query_as(
        "select accounts.name from accounts
         join organisation_members on organisation_members.account = accounts.name
         join organisation_domains on organisation_domains.organisation = organisation_members.organisation
          and organisation_domains.proved_at is not null
          and lower(accounts.email) like '%@' || organisation_domains.domain
         where organisation_members.organisation = $1 and organisation_members.role = $2
           and not exists (select 1 from identities
                           where identities.account = accounts.name and identities.organisation = $1
                             and identities.issuer = $3)
           and not exists (select 1 from second_factors
                           where second_factors.account = accounts.name and second_factors.confirmed_at is not null)
           and not exists (select 1 from passkeys where passkeys.account = accounts.name)
         order by accounts.name limit 1",
    )
    .bind(organisation.as_str())
    .bind(OrganisationRole::Owner.as_str())
    .bind(issuer.as_str())
    .fetch_optional(&mut **write)
    .await?;
    Ok(found.map(|(Text(owner),)| owner))
}

async fn keep(write: &mut Write, set: &Provider) -> Result<(), Error> {
    sqlx::query(
        "insert into identity_providers (organisation, issuer, client_id, client_secret, role, enforced, set_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (organisation) do update
         set issuer = excluded.issuer, client_id = excluded.client_id, client_secret = excluded.client_secret,
             role = excluded.role, enforced = excluded.enforced, set_at = excluded.set_at",
    )
    .bind(set.organisation.as_str())
    .bind(set.issuer.as_str())
    .bind(set.client_id.as_str())
    .bind(set.client_secret.as_ref().map(ToString::to_string))
    .bind(set.role.as_str())
    .bind(i64::from(set.enforced))
    .bind(time(set.set_at))
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Forgets who somebody is at other issuers than this one, and ends their sessions by those, also what such a session has let a program have.
async fn forget_others(write: &mut Write, organisation: &Namespace, issuer: &str) -> Result<(), Error> {
    for statement in [
        "delete from tokens where opened_by = $1
           and account in (select account from identities where organisation = $2 and issuer <> $3)",
        "delete from device_log_ins where opened_by = $1
           and account in (select account from identities where organisation = $2 and issuer <> $3)",
    ] {
        sqlx::query(statement)
            .bind(LogInBy::Provider.as_str())
            .bind(organisation.as_str())
            .bind(issuer)
            .execute(&mut **write)
            .await?;
    }
    sqlx::query("delete from identities where organisation = $1 and issuer <> $2")
        .bind(organisation.as_str())
        .bind(issuer)
        .execute(&mut **write)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use chandlery_store::Db;

    use super::*;

    #[tokio::test]
    async fn an_owner_is_shut_out_who_is_not_known_there_and_has_a_password_alone() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let db = Db::open(&url).await.unwrap();
        let mut write = db.write().await.unwrap();
        for sql in [
            "insert into accounts (name, password_hash, role, created_at, email) values
             ('corp', '', 'member', '', null), ('ann', '', 'member', '', 'ann@corp.example'),
             ('bob', '', 'member', '', 'bob@mail.example'), ('carol', '', 'member', '', 'carol@corp.example')",
            "insert into organisations (name, title, created_at, created_by) values ('corp', 'Corp', '', 'ann')",
            "insert into organisation_members (organisation, account, role, origin, since) values
             ('corp', 'ann', 'owner', 'invited', ''), ('corp', 'bob', 'owner', 'invited', ''),
             ('corp', 'carol', 'admin', 'invited', '')",
            "insert into organisation_domains (organisation, domain, token, added_at, proved_at)
             values ('corp', 'corp.example', '', '', '')",
        ] {
            sqlx::query(sql).execute(&mut *write).await.unwrap();
        }
        let (corp, ann): (Namespace, Namespace) = ("corp".parse().unwrap(), "ann".parse().unwrap());
        let issuer: Issuer = "https://id.corp.example".parse().unwrap();
        for (way_in, back) in [
            (
                "insert into identities (issuer, subject, account, organisation, linked_at, seen_at)
                 values ('https://id.corp.example', '1', 'ann', 'corp', '', '')",
                "delete from identities",
            ),
            (
                "insert into second_factors (account, secret, made_at, confirmed_at) values ('ann', '', '', '')",
                "delete from second_factors",
            ),
            (
                "insert into passkeys (id, account, name, passkey, created_at) values ('p', 'ann', '', '', '')",
                "delete from passkeys",
            ),
        ] {
            assert_eq!(shut_out(&mut write, &corp, &issuer).await.unwrap().as_ref(), Some(&ann), "{way_in}");
            sqlx::query(way_in).execute(&mut *write).await.unwrap();
            assert_eq!(shut_out(&mut write, &corp, &issuer).await.unwrap(), None, "{way_in}");
            sqlx::query(back).execute(&mut *write).await.unwrap();
        }
    }
}
