//! Invitations to an organisation, and who may send them: whoever chooses members, and of owners only owners. Nobody gives a power that
//! they have not. An invitation stands as long as whoever sent it may send it.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, MemberOrigin, OrganisationMember, OrganisationRole, Page, Paging};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::members::{admit, called};
use super::parting::part;
use crate::actor::Actor;
use crate::audit::record;
use crate::people::find_within;
use crate::powers::{Power, covers, has};
use crate::standing::{must_be_a_person, must_cover, role_of};
use crate::{Error, suspended};

/// An invitation that waits: as what, and who sent it.
type Invited = (Text<OrganisationRole>, Text<Namespace>);

/// A page of what an account is invited to, by the organisation's name.
pub async fn list(
    db: &Db,
    account: &Namespace,
    paging: &Paging<Namespace>,
) -> Result<Page<OrganisationMember>, Error> {
    let rows: Vec<(Text<Namespace>, Text<OrganisationRole>, Text<Timestamp>)> = sqlx::query_as(
        "select organisation, role, invited_at from organisation_invitations
         where account = $1 and organisation > $2 order by organisation limit $3",
    )
    .bind(account.as_str())
    .bind(paging.after().map_or("", Namespace::as_str))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(Text(organisation), ..)| organisation.clone());
    Ok(page.map(|(Text(organisation), Text(role), Text(since))| OrganisationMember {
        organisation,
        account: account.clone(),
        role,
        origin: None,
        since,
        invited: true,
    }))
}

/// Whether a role may choose that somebody is this, or is it no more: of owners only owners decide.
fn may_choose(role: Option<OrganisationRole>, chosen: OrganisationRole) -> bool {
    let needed = match chosen {
        OrganisationRole::Owner => Power::Own,
        _ => Power::Manage,
    };
    role.is_some_and(|role| has(role, needed))
}

/// Refuses whoever may not choose that somebody is, or is no more, each of these, as the transaction sees it.
async fn must_choose(
    write: &mut Write,
    organisation: &Namespace,
    by: &Namespace,
    chosen: impl IntoIterator<Item = OrganisationRole>,
) -> Result<(), Error> {
    let role = role_of(write, organisation, by).await?;
    match chosen.into_iter().find(|chosen| !may_choose(role, *chosen)) {
        None => Ok(()),
        Some(OrganisationRole::Owner) => {
            Err(Error::forbidden(by, format!("choose the owners of '{organisation}': an owner does")))
        }
        Some(_) => Err(Error::forbidden(by, format!("choose the members of '{organisation}'"))),
    }
}

async fn invited(
    write: &mut Write,
    organisation: &Namespace,
    account: &Namespace,
) -> Result<Option<Invited>, Error> {
    Ok(sqlx::query_as(
        "select role, invited_by from organisation_invitations where organisation = $1 and account = $2",
    )
    .bind(organisation.as_str())
    .bind(account.as_str())
    .fetch_optional(&mut **write)
    .await?)
}

/// Invites an account; the role of one that is a member already changes at once.
pub async fn invite(
    db: &Db,
    actor: &Actor,
    (organisation, by): (&Namespace, &Namespace),
    account: &Namespace,
    role: OrganisationRole,
) -> Result<(), Error> {
    let mut write = db.write().await?;
    let had = role_of(&mut write, organisation, account).await?;
    let waits = invited(&mut write, organisation, account).await?;
    let waiting = waits.as_ref().map(|(Text(role), _)| *role);
    must_choose(&mut write, organisation, by, [Some(role), had, waiting].into_iter().flatten()).await?;
    must_cover(&mut write, organisation, by, role).await?;
    find_within(&mut write, account).await?;
    must_be_a_person(&mut write, account).await?;
    if had.is_some() {
        admit(&mut write, actor, organisation, account, role, MemberOrigin::Invited).await?;
        return Ok(write.commit().await?);
    }
    if waits.is_some_and(|(Text(waiting), Text(sender))| waiting == role && sender == *by) {
        return Ok(());
    }
    sqlx::query(
        "insert into organisation_invitations (organisation, account, role, invited_by, invited_at)
         values ($1, $2, $3, $4, $5) on conflict (organisation, account)
         do update set role = excluded.role, invited_by = excluded.invited_by, invited_at = excluded.invited_at",
    )
    .bind(organisation.as_str())
    .bind(account.as_str())
    .bind(role.as_str())
    .bind(by.as_str())
    .bind(time(Timestamp::now()))
    .execute(&mut *write)
    .await?;
    let (act, subject) = (Act::OrganisationMemberInvited, called(organisation, account));
    record(&mut write, actor, act, &subject, Value::Null, json!({ "role": role })).await?;
    Ok(write.commit().await?)
}

/// Accepts or declines an invitation.
pub async fn answer(
    db: &Db,
    actor: &Actor,
    organisation: &Namespace,
    account: &Namespace,
    yes: bool,
) -> Result<(), Error> {
    let mut write = db.write().await?;
    let waits: Option<Invited> = sqlx::query_as(
        "delete from organisation_invitations where organisation = $1 and account = $2 returning role, invited_by",
    )
    .bind(organisation.as_str())
    .bind(account.as_str())
    .fetch_optional(&mut *write)
    .await?;
    let (Text(role), Text(by)) =
        waits.ok_or_else(|| Error::NotFound(format!("invitation to '{organisation}'")))?;
    match yes {
        true => {
            must_stand(&mut write, organisation, &by, role).await?;
            admit(&mut write, actor, organisation, account, role, MemberOrigin::Invited).await?;
        }
        false => {
            let (act, subject) = (Act::OrganisationInvitationDeclined, called(organisation, account));
            let before = json!({ "invited": role, "by": by });
            record(&mut write, actor, act, &subject, before, Value::Null).await?;
        }
    }
    Ok(write.commit().await?)
}

/// Refuses an invitation whose sender might not send it any more.
async fn must_stand(
    write: &mut Write,
    organisation: &Namespace,
    by: &Namespace,
    role: OrganisationRole,
) -> Result<(), Error> {
    let sender = role_of(write, organisation, by).await?;
    let may = may_choose(sender, role) && sender.is_some_and(|sender| covers(sender, role));
    match may && !suspended::is_suspended(write, by).await? {
        true => Ok(()),
        false => Err(Error::Conflict(format!(
            "the invitation to '{organisation}' has lapsed, since '{by}', who sent it, may not send it any more, or is suspended; \
             ask for another one"
        ))),
    }
}

/// Ends a membership or an invitation. Everybody may end their own.
pub async fn remove(
    db: &Db,
    actor: &Actor,
    (organisation, by): (&Namespace, &Namespace),
    account: &Namespace,
) -> Result<(), Error> {
    let mut write = db.write().await?;
    let had = role_of(&mut write, organisation, account).await?;
    let waiting = invited(&mut write, organisation, account).await?.map(|(Text(role), _)| role);
    if by != account {
        // Whoever chooses nobody at all does not learn who belongs to it.
        let least = OrganisationRole::Viewer;
        must_choose(&mut write, organisation, by, [Some(least), had, waiting].into_iter().flatten()).await?;
    }
    if !part(&mut write, actor, organisation, account).await? {
        let role =
            waiting.ok_or_else(|| Error::NotFound(format!("member '{account}' of '{organisation}'")))?;
        sqlx::query("delete from organisation_invitations where organisation = $1 and account = $2")
            .bind(organisation.as_str())
            .bind(account.as_str())
            .execute(&mut *write)
            .await?;
        let (act, subject) = (Act::OrganisationMemberRemoved, called(organisation, account));
        record(&mut write, actor, act, &subject, json!({ "invited": role }), Value::Null).await?;
    }
    Ok(write.commit().await?)
}
