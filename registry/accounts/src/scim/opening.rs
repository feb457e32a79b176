//! Whose account a person of a directory has: one that has the person's verified address already, or one that is opened for it.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, EmailAddress, OrganisationRole};
use chandlery_store::Write;
use serde_json::{Value, json};

use super::error::Error;
use super::standing::is_managed;
use crate::actor::Actor;
use crate::audit::record;
use crate::managed::open_managed;
use crate::organisations::domains::owner_of;
use crate::organisations::role_of;
use crate::people;
use crate::principal::AccountRole;

/// Refuses an address of a domain that the organisation has not proved: nobody else's mail makes an account, or finds one.
pub(super) async fn must_own(
    write: &mut Write,
    organisation: &Namespace,
    address: &EmailAddress,
) -> Result<(), Error> {
    match owns(write, organisation, address).await? {
        true => Ok(()),
        false => Err(Error::value(format!(
            "the domain of '{address}' is not one that '{organisation}' has proved: people of a directory have addresses of proved \
             domains"
        ))),
    }
}

async fn owns(write: &mut Write, organisation: &Namespace, address: &EmailAddress) -> Result<bool, Error> {
    match address.domain() {
        None => Ok(false),
        Some(domain) => Ok(owner_of(write, &domain).await?.as_ref() == Some(organisation)),
    }
}

/// The account that has this verified address and may become a person's: one that the organisation manages or, where the domain is its
/// own, any that no other organisation manages; of an address elsewhere, only a member's.
pub(super) async fn known(
    write: &mut Write,
    organisation: &Namespace,
    address: &EmailAddress,
) -> Result<Option<Namespace>, Error> {
    let owns = owns(write, organisation, address).await?;
    let found: Option<(Text<Namespace>,)> = sqlx::query_as(
        "select accounts.name from accounts
         left join organisation_members on organisation_members.account = accounts.name
                                       and organisation_members.organisation = $1
         where lower(accounts.email) = $2
           and (accounts.managed_by is null or accounts.managed_by = $1)
           and ($3 = 1 or organisation_members.account is not null)
           and not exists (select 1 from organisations where organisations.name = accounts.name)
         order by case when accounts.managed_by is null then 1 else 0 end,
                  case when organisation_members.account is null then 1 else 0 end,
                  accounts.created_at, accounts.name limit 1",
    )
    .bind(organisation.as_str())
    .bind(address.as_str().to_ascii_lowercase())
    .bind(i64::from(owns))
    .fetch_optional(&mut **write)
    .await?;
    Ok(found.map(|(Text(name),)| name))
}

/// Opens an account that the organisation manages, with an address of its own domain. Nobody has its password.
pub(super) async fn open(
    write: &mut Write,
    actor: &Actor,
    organisation: &Namespace,
    (user_name, address): (&str, &EmailAddress),
    nobodys: &str,
) -> Result<Namespace, Error> {
    must_own(write, organisation, address).await?;
    let name = open_managed(write, organisation, (user_name, address), nobodys).await?;
    let after = json!({ "managed_by": organisation });
    record(write, actor, Act::AccountOpened, name.as_str(), Value::Null, after).await?;
    Ok(name)
}

/// Gives an account that the organisation manages another address; what was sent to the one before opens nothing more. Whoever owns the
/// organisation, or operates the registry, keeps theirs: who keeps a directory may less, and would set the password by a letter.
pub(super) async fn move_to(
    write: &mut Write,
    organisation: &Namespace,
    account: &Namespace,
    address: &EmailAddress,
) -> Result<(), Error> {
    if !is_managed(write, organisation, account).await? {
        return Ok(());
    }
    let is_owner = role_of(write, organisation, account).await? == Some(OrganisationRole::Owner);
    let (role, _) = people::find_within(write, account).await?;
    if is_owner || role == AccountRole::Operator {
        return Ok(());
    }
    must_own(write, organisation, address).await?;
    sqlx::query("update accounts set email = $1 where name = $2")
        .bind(address.as_str())
        .bind(account.as_str())
        .execute(&mut **write)
        .await?;
    for sql in [
        "delete from password_resets where account = $1",
        "delete from email_verifications where account = $1",
    ] {
        sqlx::query(sql).bind(account.as_str()).execute(&mut **write).await?;
    }
    Ok(())
}
