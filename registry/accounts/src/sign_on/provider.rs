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
use crate::{Accounts, Caller, Error};

/// Where people come back to.
pub(super) const CALLBACK: &str = "/login/sso/callback";
const HTTPS: &str = "https://";

/// What is kept of a provider.
pub(super) struct Provider {
    pub(super) organisation: Namespace,
    pub(super) issuer: Issuer,
    client_id: ClientText,
    client_secret: Option<ClientText>,
    pub(super) role: OrganisationRole,
    enforced: bool,
    set_at: Timestamp,
}

impl Provider {
    /// What asks it, and where it sends people back to.
    pub(super) fn client(&self, accounts: &Accounts) -> Result<chandlery_oidc::Client, Error> {
        Ok(chandlery_oidc::Client {
            issuer: self.issuer.to_string(),
            client_id: self.client_id.to_string(),
            client_secret: self.client_secret.as_ref().map(ToString::to_string),
            redirect_uri: accounts.page(CALLBACK)?,
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
        IdentityProvider {
            issuer: self.issuer,
            client_id: self.client_id,
            has_secret: self.client_secret.is_some(),
            role: self.role,
            enforced: self.enforced,
            set_at: self.set_at,
            redirect_uri: accounts.page(CALLBACK).ok(),
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

/// Refuses to shut everybody out: the organisation has a proved domain, and whoever asks has signed in by this provider.
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
    match is_tried && known > 0 {
        true => Ok(()),
        false => Err(Error::Conflict(format!(
            "set the provider without enforcing it, sign in by it yourself as a member of '{organisation}', and enforce it then"
        ))),
    }
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

/// Forgets who somebody is at other issuers than this one, and ends their sessions by those.
async fn forget_others(write: &mut Write, organisation: &Namespace, issuer: &str) -> Result<(), Error> {
    sqlx::query(
        "delete from tokens where opened_by = $1
           and account in (select account from identities where organisation = $2 and issuer <> $3)",
    )
    .bind(LogInBy::Provider.as_str())
    .bind(organisation.as_str())
    .bind(issuer)
    .execute(&mut **write)
    .await?;
    sqlx::query("delete from identities where organisation = $1 and issuer <> $2")
        .bind(organisation.as_str())
        .bind(issuer)
        .execute(&mut **write)
        .await?;
    Ok(())
}
