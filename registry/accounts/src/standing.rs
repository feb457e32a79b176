//! What an account is to an organisation, as the database says at this moment.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{OrganisationRole, Role};
use sqlx::AnyConnection;

use crate::powers::{Power, covers, has};
use crate::{Error, suspended};

/// The role of an account in an organisation; none: it is no member.
pub async fn role_of(
    db: &mut AnyConnection,
    organisation: &Namespace,
    account: &Namespace,
) -> Result<Option<OrganisationRole>, Error> {
    let found: Option<(Text<OrganisationRole>,)> =
        sqlx::query_as("select role from organisation_members where organisation = $1 and account = $2")
            .bind(organisation.as_str())
            .bind(account.as_str())
            .fetch_optional(db)
            .await?;
    Ok(found.map(|(Text(role),)| role))
}

/// Refuses to make somebody of an organisation what has a power that whoever does it has not.
pub(crate) async fn must_cover(
    db: &mut AnyConnection,
    organisation: &Namespace,
    by: &Namespace,
    given: OrganisationRole,
) -> Result<(), Error> {
    match role_of(db, organisation, by).await? {
        Some(role) if covers(role, given) => Ok(()),
        _ => {
            let action = format!(
                "make anybody {given} in '{organisation}', which has a power beyond its own: an owner does"
            );
            Err(Error::forbidden(by, action))
        }
    }
}

/// Whether an account is an organisation.
pub async fn is_one(db: &mut AnyConnection, account: &Namespace) -> Result<bool, Error> {
    let found: Option<(String,)> = sqlx::query_as("select name from organisations where name = $1")
        .bind(account.as_str())
        .fetch_optional(db)
        .await?;
    Ok(found.is_some())
}

/// Refuses an organisation where only a person can be meant.
pub(crate) async fn must_be_a_person(db: &mut AnyConnection, account: &Namespace) -> Result<(), Error> {
    match is_one(db, account).await? {
        true => Err(Error::Conflict(format!(
            "'{account}' is an organisation: people act for it, each with an account of their own"
        ))),
        false => Ok(()),
    }
}

/// Whether an account owns a namespace, or has a power in an organisation that does. One that is suspended gives none.
pub async fn speaks_for(
    db: &mut AnyConnection,
    namespace: &Namespace,
    account: &Namespace,
    power: Power,
) -> Result<bool, Error> {
    let owners: Vec<(Text<Namespace>,)> =
        sqlx::query_as("select account from namespace_members where namespace = $1 and role = $2")
            .bind(namespace.as_str())
            .bind(Role::Owner.as_str())
            .fetch_all(&mut *db)
            .await?;
    for (Text(owner),) in owners {
        let has_power = role_of(&mut *db, &owner, account).await?.is_some_and(|role| has(role, power));
        if owner == *account || (has_power && suspended::reason(&mut *db, &owner).await?.is_none()) {
            return Ok(true);
        }
    }
    Ok(false)
}
