//! What the people of a directory are in its organisation: members as long as they are active, with the highest role of their groups.

use std::collections::BTreeMap;

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, OrganisationRole};
use chandlery_store::{Write, time};
use jiff::Timestamp;
use serde_json::Value;

use super::error::{Error, Kind};
use crate::actor::Actor;
use crate::audit::record;
use crate::end_all_tokens;
use crate::organisations::{Origin, admit, part, role_of};

/// What somebody is whose groups give no role.
const USUAL: OrganisationRole = OrganisationRole::Member;

/// Makes a person of the directory a member, whose account may log in. An owner stays one.
pub(super) async fn begin(
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
    if role_of(write, organisation, account).await? == Some(OrganisationRole::Owner) {
        return Ok(());
    }
    let role = role_by_groups(write, organisation, account).await?;
    Ok(admit(write, actor, organisation, account, role, Origin::Scim).await?)
}

/// Ends what a person of the directory is. An account that the organisation manages ends with it: every token and session of it, and
/// whoever has its password is refused; any other one was there before, and loses the membership alone.
pub(super) async fn end(
    write: &mut Write,
    actor: &Actor,
    organisation: &Namespace,
    account: &Namespace,
) -> Result<(), Error> {
    if role_of(write, organisation, account).await? == Some(OrganisationRole::Owner) {
        return Err(Error::new(
            Kind::Mutability,
            format!(
                "'{account}' owns '{organisation}', and no directory removes an owner: another owner does"
            ),
        ));
    }
    part(write, actor, organisation, account).await?;
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

/// Gives members the roles that their groups give now. Whoever is no member any more, though the directory has it as active, was
/// removed by somebody of the organisation, and stays so; owners stay what they are.
pub(super) async fn settle(write: &mut Write, actor: &Actor, organisation: &Namespace) -> Result<(), Error> {
    type Row = (Text<Namespace>, Text<OrganisationRole>, Option<Text<OrganisationRole>>);
    let rows: Vec<Row> = sqlx::query_as(
        "select scim_users.account, organisation_members.role, scim_groups.role from scim_users
         join organisation_members on organisation_members.organisation = scim_users.organisation
                                  and organisation_members.account = scim_users.account
         left join scim_group_members on scim_group_members.scim_user = scim_users.id
         left join scim_groups on scim_groups.id = scim_group_members.scim_group
         where scim_users.organisation = $1 and scim_users.active = 1",
    )
    .bind(organisation.as_str())
    .fetch_all(&mut **write)
    .await?;
    let mut people: BTreeMap<Namespace, (OrganisationRole, Option<OrganisationRole>)> = BTreeMap::new();
    for (Text(account), Text(has), by_group) in rows {
        let (_, highest) = people.entry(account).or_insert((has, None));
        *highest = (*highest).max(by_group.map(|Text(role)| role));
    }
    for (account, (has, highest)) in people {
        let role = highest.unwrap_or(USUAL);
        if has != role && has != OrganisationRole::Owner {
            admit(write, actor, organisation, &account, role, Origin::Scim).await?;
        }
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
