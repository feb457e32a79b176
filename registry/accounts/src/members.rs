//! Who belongs to a namespace: viewers see what is private there, publishers push and publish, owners decide the rest.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, Member, Page, Paging, Role};
use jiff::Timestamp;
use serde_json::{Value, json};

use chandlery_store::{Db, Write, time};

use crate::actor::Actor;
use crate::audit::record;
use crate::people::find_within;
use crate::powers::Power;
use crate::roles::{must_be_a_namespace, own_role, role_within};
use crate::standing::speaks_for;
use crate::{Error, suspended};

/// Makes an account a member, or changes its role.
pub async fn join(
    write: &mut Write,
    namespace: &Namespace,
    account: &Namespace,
    role: Role,
) -> Result<(), Error> {
    sqlx::query(
        "insert into namespace_members (namespace, account, role) values ($1, $2, $3)
         on conflict (namespace, account) do update set role = excluded.role",
    )
    .bind(namespace.as_str())
    .bind(account.as_str())
    .bind(role.as_str())
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Where a member stands among a namespace's: those invited come last, each by the account's name.
pub type Place = (bool, Namespace);

/// A page of the members and those invited.
pub async fn list(db: &Db, namespace: &Namespace, paging: &Paging<Place>) -> Result<Page<Member>, Error> {
    let (no_members, member, invited) = match paging.after() {
        None => (false, "", ""),
        Some((false, member)) => (false, member.as_str(), ""),
        Some((true, invited)) => (true, "", invited.as_str()),
    };
    let rows: Vec<(Text<Namespace>, Text<Role>, i64)> = sqlx::query_as(
        "select account, role, cast(0 as bigint) as invited from namespace_members
         where namespace = $1 and $2 = 0 and account > $3
         union all
         select account, role, cast(1 as bigint) as invited from invitations where namespace = $1 and account > $4
         order by invited, account limit $5",
    )
    .bind(namespace.as_str())
    .bind(i64::from(no_members))
    .bind(member)
    .bind(invited)
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(Text(account), _, invited)| (*invited == 1, account.clone()));
    Ok(page.map(|(Text(account), Text(role), invited)| Member {
        namespace: namespace.clone(),
        account,
        role,
        invited: invited == 1,
    }))
}

/// A page of what an account is invited to, by the namespace's name.
pub async fn invitations(
    db: &Db,
    account: &Namespace,
    paging: &Paging<Namespace>,
) -> Result<Page<Member>, Error> {
    let rows: Vec<(Text<Namespace>, Text<Role>)> = sqlx::query_as(
        "select namespace, role from invitations
         where account = $1 and namespace > $2 order by namespace limit $3",
    )
    .bind(account.as_str())
    .bind(paging.after().map_or("", Namespace::as_str))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(Text(namespace), _)| namespace.clone());
    Ok(page.map(|(Text(namespace), Text(role))| Member {
        namespace,
        account: account.clone(),
        role,
        invited: true,
    }))
}

/// The roles that an account may give others in a namespace: none, unless it owns it; and that of an owner only if it sees the money.
pub async fn may_give(db: &Db, namespace: &Namespace, by: &Namespace) -> Result<Vec<Role>, Error> {
    let mut read = db.read().acquire().await?;
    if role_within(&mut read, namespace, by).await? != Some(Role::Owner) {
        return Ok(Vec::new());
    }
    let sees_money = speaks_for(&mut read, namespace, by, Power::Pay).await?;
    Ok(Role::ALL.into_iter().filter(|role| *role != Role::Owner || sees_money).collect())
}

/// Invites an account; the role of one that is a member already changes at once. Owners are chosen by whoever sees the money: who owns
/// a namespace sees what it earns, and says where that is paid.
pub async fn invite(
    db: &Db,
    actor: &Actor,
    namespace: &Namespace,
    account: &Namespace,
    role: Role,
    by: &Namespace,
) -> Result<(), Error> {
    let mut write = db.write().await?;
    find_within(&mut write, account).await?;
    let had = own_role(&mut write, namespace, account).await?;
    if role == Role::Owner && had != Some(role) {
        must_choose_owners(&mut write, namespace, by).await?;
    }
    if had.is_none() && account == by && !speaks_for(&mut write, namespace, by, Power::Pay).await? {
        return Err(Error::forbidden(
            by,
            format!(
                "invite themselves to '{namespace}': they act there by their place in an organisation, and what they gave themselves \
                 would outlive that; another owner invites them"
            ),
        ));
    }
    let invited: Option<(Text<Role>, Text<Namespace>)> =
        sqlx::query_as("select role, invited_by from invitations where namespace = $1 and account = $2")
            .bind(namespace.as_str())
            .bind(account.as_str())
            .fetch_optional(&mut *write)
            .await?;
    let is_so = match (had, invited) {
        (Some(had), _) => had == role,
        (None, invited) => {
            invited.is_some_and(|(Text(invited), Text(inviter))| invited == role && inviter == *by)
        }
    };
    if is_so {
        return Ok(());
    }
    let act = match had {
        Some(had) => {
            must_end_no_hold(&mut write, namespace, account, had).await?;
            join(&mut write, namespace, account, role).await?;
            must_keep_an_owner(&mut write, namespace).await?;
            Act::RoleChanged
        }
        None => {
            sqlx::query(
                "insert into invitations (namespace, account, role, invited_by, invited_at)
                 values ($1, $2, $3, $4, $5) on conflict (namespace, account)
                 do update set role = excluded.role, invited_by = excluded.invited_by, invited_at = excluded.invited_at",
            )
            .bind(namespace.as_str())
            .bind(account.as_str())
            .bind(role.as_str())
            .bind(by.as_str())
            .bind(time(Timestamp::now()))
            .execute(&mut *write)
            .await?;
            Act::MemberInvited
        }
    };
    let before = had.map_or(Value::Null, |role| json!({ "role": role }));
    let subject = member(namespace, account);
    record(&mut write, actor, act, &subject, before, json!({ "role": role })).await?;
    write.commit().await?;
    Ok(())
}

/// What the audit trail calls a member.
fn member(namespace: &Namespace, account: &Namespace) -> String {
    format!("{namespace}/{account}")
}

/// Accepts or declines an invitation.
pub async fn answer(
    db: &Db,
    actor: &Actor,
    namespace: &Namespace,
    account: &Namespace,
    yes: bool,
) -> Result<(), Error> {
    let mut write = db.write().await?;
    let invited: Option<(Text<Role>, Text<Namespace>)> = sqlx::query_as(
        "delete from invitations where namespace = $1 and account = $2 returning role, invited_by",
    )
    .bind(namespace.as_str())
    .bind(account.as_str())
    .fetch_optional(&mut *write)
    .await?;
    let (Text(role), Text(by)) =
        invited.ok_or_else(|| Error::NotFound(format!("invitation to '{namespace}'")))?;
    if yes {
        must_stand(&mut write, namespace, &by, role).await?;
        join(&mut write, namespace, account, role).await?;
    }
    let (act, after) = match yes {
        true => (Act::InvitationAccepted, json!({ "role": role })),
        false => (Act::InvitationDeclined, Value::Null),
    };
    let before = json!({ "invited": role, "by": by });
    record(&mut write, actor, act, &member(namespace, account), before, after).await?;
    write.commit().await?;
    Ok(())
}

/// Refuses whoever owns the namespace through an organisation alone in which it does not pay: it would see as an owner itself what it may
/// not see for the organisation.
async fn must_choose_owners(write: &mut Write, namespace: &Namespace, by: &Namespace) -> Result<(), Error> {
    match speaks_for(write, namespace, by, Power::Pay).await? {
        true => Ok(()),
        false => Err(Error::forbidden(
            by,
            format!(
                "choose the owners of '{namespace}', who see what it earns: that takes the power '{}' in the \
                 organisation that owns it",
                Power::Pay
            ),
        )),
    }
}

/// An invitation stands as long as whoever sent it may send it.
async fn must_stand(
    write: &mut Write,
    namespace: &Namespace,
    by: &Namespace,
    role: Role,
) -> Result<(), Error> {
    let owns = role_within(write, namespace, by).await? == Some(Role::Owner);
    let may = owns && (role != Role::Owner || speaks_for(write, namespace, by, Power::Pay).await?);
    match may && !suspended::is_suspended(write, by).await? {
        true => Ok(()),
        false => Err(Error::Conflict(format!(
            "the invitation to '{namespace}' has lapsed, since '{by}', who sent it, may not send it any more, or is \
             suspended; ask an owner for another one"
        ))),
    }
}

/// Ends a membership or an invitation, and the invitations that the member sent. The last owner stays.
pub async fn remove(db: &Db, actor: &Actor, namespace: &Namespace, account: &Namespace) -> Result<(), Error> {
    let mut write = db.write().await?;
    let had = own_role(&mut write, namespace, account).await?;
    if let Some(had) = had {
        must_end_no_hold(&mut write, namespace, account, had).await?;
    }
    let mut ended = 0;
    for sql in [
        "delete from invitations where namespace = $1 and account = $2",
        "delete from namespace_members where namespace = $1 and account = $2",
        "delete from invitations where namespace = $1 and invited_by = $2",
    ] {
        let query = sqlx::query(sql).bind(namespace.as_str()).bind(account.as_str());
        ended += query.execute(&mut *write).await?.rows_affected();
    }
    if ended == 0 {
        return Err(Error::NotFound(format!("member '{account}' of '{namespace}'")));
    }
    must_keep_an_owner(&mut write, namespace).await?;
    let before = had.map_or_else(|| json!({ "invited": true }), |role| json!({ "role": role }));
    record(&mut write, actor, Act::MemberRemoved, &member(namespace, account), before, Value::Null).await?;
    write.commit().await?;
    Ok(())
}

/// Makes an account the only member of a namespace, in the transaction of what follows from it, and gives its members until then.
/// Invitations end.
pub async fn hand_over(
    write: &mut Write,
    namespace: &Namespace,
    to: &Namespace,
) -> Result<Vec<Namespace>, Error> {
    must_be_a_namespace(write, namespace).await?;
    find_within(write, to).await?;
    suspended::must_not_be(write, to).await?;
    let members: Vec<(Text<Namespace>,)> =
        sqlx::query_as("select account from namespace_members where namespace = $1 order by account")
            .bind(namespace.as_str())
            .fetch_all(&mut **write)
            .await?;
    let members: Vec<Namespace> = members.into_iter().map(|(Text(account),)| account).collect();
    if members == [to.clone()] {
        return Err(Error::Conflict(format!("'{to}' is the only member of '{namespace}' already")));
    }
    for sql in
        ["delete from namespace_members where namespace = $1", "delete from invitations where namespace = $1"]
    {
        sqlx::query(sql).bind(namespace.as_str()).execute(&mut **write).await?;
    }
    join(write, namespace, to, Role::Owner).await?;
    Ok(members)
}

/// What a namespace earns is on hold while an owner of it is suspended: other owners do not end that by ending the ownership.
async fn must_end_no_hold(
    write: &mut Write,
    namespace: &Namespace,
    account: &Namespace,
    had: Role,
) -> Result<(), Error> {
    match suspended::suspended_of(write, account).await? {
        Some(suspended) if had == Role::Owner => Err(Error::Conflict(format!(
            "'{account}' owns '{namespace}' and '{suspended}' is suspended, so what '{namespace}' earns is on hold: an operator \
             reinstates that account, or gives the namespace to another one"
        ))),
        _ => Ok(()),
    }
}

async fn must_keep_an_owner(write: &mut Write, namespace: &Namespace) -> Result<(), Error> {
    let (owners,): (i64,) =
        sqlx::query_as("select count(*) from namespace_members where namespace = $1 and role = $2")
            .bind(namespace.as_str())
            .bind(Role::Owner.as_str())
            .fetch_one(&mut **write)
            .await?;
    match owners {
        0 => Err(Error::Conflict(format!(
            "'{namespace}' would be left without an owner: make another member an owner first"
        ))),
        _ => Ok(()),
    }
}
