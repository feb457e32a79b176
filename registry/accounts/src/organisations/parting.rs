//! The end of a membership, and of every trace of its power.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, OrganisationRole, Role};
use chandlery_store::Write;
use serde_json::{Value, json};

use crate::actor::Actor;
use crate::audit::record;
use crate::roles::role_within;
use crate::standing::role_of;
use crate::tokens::TokenKind;
use crate::{Error, suspended};

/// What a member of an organisation, `$1`, has power by, and what its provider has by the member.
const TRACES: [&str; 4] = [
    "delete from organisation_members where organisation = $1 and account = $2",
    "delete from organisation_invitations where organisation = $1 and (account = $2 or invited_by = $2)",
    "delete from tokens where acts_for = $1 and account = $2",
    // By the organisation's provider nobody becomes a person any more whose account it has not made.
    "delete from identities where organisation = $1 and account = $2
       and exists (select 1 from accounts where accounts.name = $2
                   and (accounts.managed_by is null or accounts.managed_by <> $1))",
];

/// Ends a membership and every trace of its power. The last owner stays. False: the account was no member.
pub async fn part(
    write: &mut Write,
    actor: &Actor,
    organisation: &Namespace,
    account: &Namespace,
) -> Result<bool, Error> {
    let Some(role) = role_of(write, organisation, account).await? else { return Ok(false) };
    must_end_no_hold(write, organisation, account, role).await?;
    leave_no_trace(write, organisation, account).await?;
    must_keep_an_owner(write, organisation).await?;
    let subject = format!("{organisation}/{account}");
    let before = json!({ "role": role });
    record(write, actor, Act::OrganisationMemberRemoved, &subject, before, Value::Null).await?;
    Ok(true)
}

/// Ends what a member has power by, whoever else is left.
pub(super) async fn leave_no_trace(
    write: &mut Write,
    organisation: &Namespace,
    account: &Namespace,
) -> Result<(), Error> {
    for statement in TRACES {
        sqlx::query(statement)
            .bind(organisation.as_str())
            .bind(account.as_str())
            .execute(&mut **write)
            .await?;
    }
    let namespaces: Vec<(Text<Namespace>,)> =
        sqlx::query_as("select namespace from namespace_members where account = $1 order by namespace")
            .bind(organisation.as_str())
            .fetch_all(&mut **write)
            .await?;
    for (Text(namespace),) in namespaces {
        end_in_namespace(write, &namespace, account).await?;
    }
    Ok(())
}

/// Ends what somebody has done by a role in a namespace that they have no more: invitations that they sent, and tokens of workloads that
/// act by their right. Who owns it still, by themselves or through another organisation, keeps them.
async fn end_in_namespace(
    write: &mut Write,
    namespace: &Namespace,
    account: &Namespace,
) -> Result<(), Error> {
    if role_within(write, namespace, account).await? == Some(Role::Owner) {
        return Ok(());
    }
    sqlx::query("delete from invitations where namespace = $1 and invited_by = $2")
        .bind(namespace.as_str())
        .bind(account.as_str())
        .execute(&mut **write)
        .await?;
    sqlx::query("delete from tokens where account = $1 and kind = $2 and scope like $3")
        .bind(account.as_str())
        .bind(TokenKind::Exchanged.as_str())
        .bind(format!("publish {namespace}:%"))
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// What the namespaces of an organisation earn is on hold while an owner of it is suspended: other owners do not end that by ending the
/// ownership.
pub(super) async fn must_end_no_hold(
    write: &mut Write,
    organisation: &Namespace,
    account: &Namespace,
    had: OrganisationRole,
) -> Result<(), Error> {
    if had != OrganisationRole::Owner || suspended::reason(write, account).await?.is_none() {
        return Ok(());
    }
    let (owned,): (i64,) =
        sqlx::query_as("select count(*) from namespace_members where account = $1 and role = $2")
            .bind(organisation.as_str())
            .bind(Role::Owner.as_str())
            .fetch_one(&mut **write)
            .await?;
    match owned {
        0 => Ok(()),
        _ => Err(Error::Conflict(format!(
            "'{account}' owns '{organisation}' and is suspended, so what its namespaces earn is on hold: an operator reinstates the \
             account, or gives the namespaces to another one"
        ))),
    }
}

/// Refuses what would leave an organisation without anybody who owns it.
pub(super) async fn must_keep_an_owner(write: &mut Write, organisation: &Namespace) -> Result<(), Error> {
    let (owners,): (i64,) =
        sqlx::query_as("select count(*) from organisation_members where organisation = $1 and role = $2")
            .bind(organisation.as_str())
            .bind(OrganisationRole::Owner.as_str())
            .fetch_one(&mut **write)
            .await?;
    match owners {
        0 => Err(Error::Conflict(format!(
            "'{organisation}' would be left without an owner: make another member an owner first, or delete the organisation"
        ))),
        _ => Ok(()),
    }
}
