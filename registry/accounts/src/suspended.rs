//! Who is suspended, and why; and whose account was ended by the directory of the organisation that manages it.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{OrganisationRole, Role};
use sqlx::AnyConnection;

use crate::Error;

/// Why an account is suspended; none: it is not.
pub(crate) async fn reason(db: &mut AnyConnection, account: &Namespace) -> Result<Option<String>, Error> {
    let found: Option<(String,)> = sqlx::query_as("select reason from suspensions where account = $1")
        .bind(account.as_str())
        .fetch_optional(db)
        .await?;
    Ok(found.map(|(reason,)| reason))
}

/// Whether an account may do nothing: it is suspended, or its organisation's directory has ended it.
pub async fn is_suspended(db: &mut AnyConnection, account: &Namespace) -> Result<bool, Error> {
    Ok(reason(&mut *db, account).await?.is_some() || is_ended(db, account).await?)
}

/// Refuses an account that is suspended or was ended, and says why.
pub(crate) async fn must_not_be(db: &mut AnyConnection, account: &Namespace) -> Result<(), Error> {
    if let Some(reason) = reason(&mut *db, account).await? {
        return Err(Error::Suspended { account: account.clone(), reason });
    }
    match is_ended(db, account).await? {
        true => Err(Error::Ended(account.clone())),
        false => Ok(()),
    }
}

/// Whether its organisation's directory has ended an account.
async fn is_ended(db: &mut AnyConnection, account: &Namespace) -> Result<bool, Error> {
    let ended: Option<(String,)> =
        sqlx::query_as("select ended_at from accounts where name = $1 and ended_at is not null")
            .bind(account.as_str())
            .fetch_optional(db)
            .await?;
    Ok(ended.is_some())
}

/// Who is suspended of an account: it is itself or, of an organisation, somebody who owns it; none: nobody is.
pub(crate) async fn suspended_of(
    db: &mut AnyConnection,
    account: &Namespace,
) -> Result<Option<Namespace>, Error> {
    let found: Option<(Text<Namespace>,)> = sqlx::query_as(
        "select suspensions.account from suspensions
         where suspensions.account = $1 or exists (
             select 1 from organisation_members
             where organisation_members.organisation = $1 and organisation_members.role = $2
               and organisation_members.account = suspensions.account)
         order by suspensions.account limit 1",
    )
    .bind(account.as_str())
    .bind(OrganisationRole::Owner.as_str())
    .fetch_optional(db)
    .await?;
    Ok(found.map(|(Text(suspended),)| suspended))
}

/// Why nothing is paid to a namespace, in words: one of its owners is suspended, or whoever owns an organisation that is one of them;
/// none: nobody is.
pub async fn hold(db: &mut AnyConnection, namespace: &Namespace) -> Result<Option<String>, Error> {
    let found: Option<(Text<Namespace>, String)> = sqlx::query_as(
        "select suspensions.account, suspensions.reason from suspensions
         where exists (
             select 1 from namespace_members
             where namespace_members.namespace = $1 and namespace_members.role = $2
               and (namespace_members.account = suspensions.account or exists (
                   select 1 from organisation_members
                   where organisation_members.organisation = namespace_members.account and organisation_members.role = $3
                     and organisation_members.account = suspensions.account)))
         order by suspensions.account limit 1",
    )
    .bind(namespace.as_str())
    .bind(Role::Owner.as_str())
    .bind(OrganisationRole::Owner.as_str())
    .fetch_optional(db)
    .await?;
    Ok(found.map(|(Text(owner), reason)| {
        format!("what '{namespace}' earns is on hold, since its owner '{owner}' is suspended: {reason}")
    }))
}
