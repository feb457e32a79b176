//! The end of an organisation, when nothing stands against it: its members part, and what is its own goes. Its name stays, for nobody else.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::Act;
use chandlery_store::Write;
use serde_json::{Value, json};

use super::parting::leave_no_trace;
use crate::audit::record;
use crate::deletions::forget_own;
use crate::powers::{Power, has};
use crate::standing::role_of;
use crate::{Caller, Error};

/// What is an organisation's own beside what is an account's, each after what refers to it.
const OWN: [&str; 12] = [
    "delete from organisation_invitations where organisation = $1",
    "delete from tokens where acts_for = $1",
    "delete from tokens where opened_by = 'provider' and account in (select name from accounts where managed_by = $1)",
    "update accounts set managed_by = null, ended_at = null where managed_by = $1",
    "delete from scim_group_members where scim_group in (select id from scim_groups where organisation = $1)",
    "delete from scim_groups where organisation = $1",
    "delete from scim_users where organisation = $1",
    "delete from identities where organisation = $1",
    "delete from sign_ins where organisation = $1",
    "delete from identity_providers where organisation = $1",
    "delete from organisation_domains where organisation = $1",
    "delete from organisations where name = $1",
];

/// Deletes an organisation for one of its owners, in the transaction that has found nothing against it.
pub async fn delete(write: &mut Write, caller: &Caller, organisation: &Namespace) -> Result<(), Error> {
    let role = role_of(write, organisation, &caller.name).await?;
    if !role.is_some_and(|role| has(role, Power::Own)) {
        return Err(Error::forbidden(&caller.name, format!("delete '{organisation}'")));
    }
    let members: Vec<(Text<Namespace>,)> =
        sqlx::query_as("select account from organisation_members where organisation = $1 order by account")
            .bind(organisation.as_str())
            .fetch_all(&mut **write)
            .await?;
    for (Text(member),) in &members {
        leave_no_trace(write, organisation, member).await?;
    }
    for statement in OWN {
        sqlx::query(statement).bind(organisation.as_str()).execute(&mut **write).await?;
    }
    forget_own(write, organisation).await?;
    let members: Vec<Namespace> = members.into_iter().map(|(Text(member),)| member).collect();
    let before = json!({ "organisation": true, "members": members });
    record(write, &caller.actor, Act::AccountDeleted, organisation.as_str(), before, Value::Null).await
}
