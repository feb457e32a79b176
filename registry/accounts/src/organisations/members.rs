//! Who belongs to an organisation, and as what.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, MemberOrigin, OrganisationMember, OrganisationRole, Page, Paging};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::parting::{must_end_no_hold, must_keep_an_owner};
use crate::Error;
use crate::actor::Actor;
use crate::audit::record;
use crate::people::find_within;
use crate::standing::{must_be_a_person, role_of};

/// Where a member stands among an organisation's: those invited come last, each by the account's name.
pub type Place = (bool, Namespace);

/// A page of the members and those invited.
pub async fn list(
    db: &Db,
    organisation: &Namespace,
    paging: &Paging<Place>,
) -> Result<Page<OrganisationMember>, Error> {
    type Row = (Text<Namespace>, Text<OrganisationRole>, Option<Text<MemberOrigin>>, Text<Timestamp>, i64);
    let (no_members, member, invited) = match paging.after() {
        None => (false, "", ""),
        Some((false, member)) => (false, member.as_str(), ""),
        Some((true, invited)) => (true, "", invited.as_str()),
    };
    let rows: Vec<Row> = sqlx::query_as(
        "select account, role, origin, since, cast(0 as bigint) as invited from organisation_members
         where organisation = $1 and $2 = 0 and account > $3
         union all
         select account, role, cast(null as text) as origin, invited_at as since, cast(1 as bigint) as invited
         from organisation_invitations where organisation = $1 and account > $4
         order by invited, account limit $5",
    )
    .bind(organisation.as_str())
    .bind(i64::from(no_members))
    .bind(member)
    .bind(invited)
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(Text(account), .., invited)| (*invited == 1, account.clone()));
    Ok(page.map(|(Text(account), Text(role), origin, Text(since), invited)| OrganisationMember {
        organisation: organisation.clone(),
        account,
        role,
        origin: origin.map(|Text(origin)| origin),
        since,
        invited: invited == 1,
    }))
}

/// Makes an account a member, or changes the role of one; records it in the audit trail. How a member came stays as it was.
pub async fn admit(
    write: &mut Write,
    actor: &Actor,
    organisation: &Namespace,
    account: &Namespace,
    role: OrganisationRole,
    origin: MemberOrigin,
) -> Result<(), Error> {
    find_within(write, account).await?;
    must_be_a_person(write, account).await?;
    let had = role_of(write, organisation, account).await?;
    if had == Some(role) {
        return Ok(());
    }
    if let Some(had) = had {
        must_end_no_hold(write, organisation, account, had).await?;
    }
    insert_member(write, organisation, account, role, origin).await?;
    must_keep_an_owner(write, organisation).await?;
    sqlx::query("delete from organisation_invitations where organisation = $1 and account = $2")
        .bind(organisation.as_str())
        .bind(account.as_str())
        .execute(&mut **write)
        .await?;
    let (act, before, after) = match had {
        Some(had) => (Act::OrganisationRoleChanged, json!({ "role": had }), json!({ "role": role })),
        None => (Act::OrganisationMemberAdmitted, Value::Null, json!({ "role": role, "origin": origin })),
    };
    record(write, actor, act, &called(organisation, account), before, after).await
}

/// Writes a member down.
pub(super) async fn insert_member(
    write: &mut Write,
    organisation: &Namespace,
    account: &Namespace,
    role: OrganisationRole,
    origin: MemberOrigin,
) -> Result<(), Error> {
    sqlx::query(
        "insert into organisation_members (organisation, account, role, origin, since) values ($1, $2, $3, $4, $5)
         on conflict (organisation, account) do update set role = excluded.role",
    )
    .bind(organisation.as_str())
    .bind(account.as_str())
    .bind(role.as_str())
    .bind(origin.as_str())
    .bind(time(Timestamp::now()))
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// What the audit trail calls a member.
pub(super) fn called(organisation: &Namespace, account: &Namespace) -> String {
    format!("{organisation}/{account}")
}
