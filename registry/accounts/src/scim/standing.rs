//! What the people of a directory are in its organisation: members as long as they are active, with the highest role of their groups.

use std::collections::BTreeMap;

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, OrganisationRole};
use chandlery_store::{Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::directory::Directory;
use super::error::{Error, Kind};
use crate::actor::Actor;
use crate::audit::record;
use crate::end_all_tokens;
use crate::organisations::{Origin, admit, part, role_of};

/// What somebody is whose groups give no role.
const USUAL: OrganisationRole = OrganisationRole::Member;

/// Makes a person of the directory a member, whose account may log in. Whoever has an account that the organisation does not manage, and
/// is no member, is invited instead: nobody acts for an organisation, or signs in by its provider, who has not said so. An owner stays one.
pub(super) async fn begin(
    write: &mut Write,
    directory: &Directory,
    account: &Namespace,
) -> Result<(), Error> {
    let (organisation, actor) = (&directory.organisation, &directory.actor);
    restore(write, actor, organisation, account).await?;
    let role = role_by_groups(write, organisation, account).await?;
    let had = role_of(write, organisation, account).await?;
    if had == Some(OrganisationRole::Owner) {
        return Ok(());
    }
    match had.is_some() || is_managed(write, organisation, account).await? {
        true => Ok(admit(write, actor, organisation, account, role, Origin::Scim).await?),
        false => invite(write, directory, account, role).await,
    }
}

/// Ends what a person of the directory is. An account that the organisation manages ends with it: every token and session of it, and
/// whoever has its password is refused; any other one was there before, and loses the membership alone.
pub(super) async fn end(write: &mut Write, directory: &Directory, account: &Namespace) -> Result<(), Error> {
    let (organisation, actor) = (&directory.organisation, &directory.actor);
    if role_of(write, organisation, account).await? == Some(OrganisationRole::Owner) {
        return Err(Error::new(
            Kind::Mutability,
            format!(
                "'{account}' owns '{organisation}', and no directory removes an owner: another owner does"
            ),
        ));
    }
    part(write, actor, organisation, account).await?;
    sqlx::query("delete from organisation_invitations where organisation = $1 and account = $2")
        .bind(organisation.as_str())
        .bind(account.as_str())
        .execute(&mut **write)
        .await?;
    let ended = sqlx::query(
        "update accounts set ended_at = $1 where name = $2 and managed_by = $3 and ended_at is null",
    )
    .bind(time(Timestamp::now()))
    .bind(account.as_str())
    .bind(organisation.as_str())
    .execute(&mut **write)
    .await?;
    if ended.rows_affected() > 0 {
        end_all_tokens(write, account).await?;
        sqlx::query("delete from password_resets where account = $1")
            .bind(account.as_str())
            .execute(&mut **write)
            .await?;
        record(write, actor, Act::AccountEnded, account.as_str(), Value::Null, Value::Null).await?;
    }
    Ok(())
}

/// What somebody has in the organisation, and what the groups give.
#[derive(Default)]
struct Place {
    is: Option<OrganisationRole>,
    invited: Option<OrganisationRole>,
    by_groups: Option<OrganisationRole>,
}

/// Gives members, and those invited, the roles that their groups give now. Whoever is neither, though the directory has it as active, was
/// removed by somebody of the organisation, and stays so; owners stay what they are.
pub(super) async fn settle(write: &mut Write, actor: &Actor, organisation: &Namespace) -> Result<(), Error> {
    for (account, place) in places(write, organisation).await? {
        let role = place.by_groups.unwrap_or(USUAL);
        match (place.is, place.invited) {
            (Some(OrganisationRole::Owner), _) | (None, Some(OrganisationRole::Owner) | None) => {}
            (Some(is), _) if is == role => {}
            (Some(_), _) => admit(write, actor, organisation, &account, role, Origin::Scim).await?,
            (None, Some(_)) => {
                let sql =
                    "update organisation_invitations set role = $1 where organisation = $2 and account = $3";
                sqlx::query(sql)
                    .bind(role.as_str())
                    .bind(organisation.as_str())
                    .bind(account.as_str())
                    .execute(&mut **write)
                    .await?;
            }
        }
    }
    Ok(())
}

/// The active people of a directory, each with a row for each group.
async fn places(write: &mut Write, organisation: &Namespace) -> Result<BTreeMap<Namespace, Place>, Error> {
    type Maybe = Option<Text<OrganisationRole>>;
    let rows: Vec<(Text<Namespace>, Maybe, Maybe, Maybe)> = sqlx::query_as(
        "select scim_users.account, organisation_members.role, organisation_invitations.role, scim_groups.role
         from scim_users
         left join organisation_members on organisation_members.organisation = scim_users.organisation
                                       and organisation_members.account = scim_users.account
         left join organisation_invitations on organisation_invitations.organisation = scim_users.organisation
                                           and organisation_invitations.account = scim_users.account
         left join scim_group_members on scim_group_members.scim_user = scim_users.id
         left join scim_groups on scim_groups.id = scim_group_members.scim_group
         where scim_users.organisation = $1 and scim_users.active = 1",
    )
    .bind(organisation.as_str())
    .fetch_all(&mut **write)
    .await?;
    let role = |role: Maybe| role.map(|Text(role)| role);
    let mut places: BTreeMap<Namespace, Place> = BTreeMap::new();
    for (Text(account), is, invited, by_group) in rows {
        let place = places.entry(account).or_default();
        (place.is, place.invited) = (role(is), role(invited));
        place.by_groups = place.by_groups.max(role(by_group));
    }
    Ok(places)
}

/// Lets an account of the organisation log in again that its directory has ended.
async fn restore(
    write: &mut Write,
    actor: &Actor,
    organisation: &Namespace,
    account: &Namespace,
) -> Result<(), Error> {
    let restored = sqlx::query(
        "update accounts set ended_at = null where name = $1 and managed_by = $2 and ended_at is not null",
    )
    .bind(account.as_str())
    .bind(organisation.as_str())
    .execute(&mut **write)
    .await?;
    if restored.rows_affected() > 0 {
        record(write, actor, Act::AccountRestored, account.as_str(), Value::Null, Value::Null).await?;
    }
    Ok(())
}

/// Whether the organisation manages an account.
pub(super) async fn is_managed(
    write: &mut Write,
    organisation: &Namespace,
    account: &Namespace,
) -> Result<bool, Error> {
    let managed: Option<(String,)> =
        sqlx::query_as("select name from accounts where name = $1 and managed_by = $2")
            .bind(account.as_str())
            .bind(organisation.as_str())
            .fetch_optional(&mut **write)
            .await?;
    Ok(managed.is_some())
}

/// Invites an account in the name of whoever has made the directory's token. An invitation that waits stays.
async fn invite(
    write: &mut Write,
    directory: &Directory,
    account: &Namespace,
    role: OrganisationRole,
) -> Result<(), Error> {
    let invited = sqlx::query(
        "insert into organisation_invitations (organisation, account, role, invited_by, invited_at)
         values ($1, $2, $3, $4, $5) on conflict do nothing",
    )
    .bind(directory.organisation.as_str())
    .bind(account.as_str())
    .bind(role.as_str())
    .bind(directory.maker.as_str())
    .bind(time(Timestamp::now()))
    .execute(&mut **write)
    .await?;
    if invited.rows_affected() > 0 {
        let subject = format!("{}/{account}", directory.organisation);
        let (act, after) = (Act::OrganisationMemberInvited, json!({ "role": role }));
        record(write, &directory.actor, act, &subject, Value::Null, after).await?;
    }
    Ok(())
}

async fn role_by_groups(
    write: &mut Write,
    organisation: &Namespace,
    account: &Namespace,
) -> Result<OrganisationRole, Error> {
    let rows: Vec<(Text<OrganisationRole>,)> = sqlx::query_as(
        "select scim_groups.role from scim_users
         join scim_group_members on scim_group_members.scim_user = scim_users.id
         join scim_groups on scim_groups.id = scim_group_members.scim_group
         where scim_users.organisation = $1 and scim_users.account = $2 and scim_groups.role is not null",
    )
    .bind(organisation.as_str())
    .bind(account.as_str())
    .fetch_all(&mut **write)
    .await?;
    Ok(rows.into_iter().map(|(Text(role),)| role).max().unwrap_or(USUAL))
}
