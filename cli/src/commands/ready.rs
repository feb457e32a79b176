//! Whether an account can publish: what it lacks is found before anything is built, and told at once.

use chandlery_package::wire::{KeyRecord, Member, Organisation, OrganisationRole, Page, Role};
use chandlery_package::{Namespace, PublicKey};

use crate::api::{Context, given_token};
use crate::failure::{Failure, Result};
use crate::words;

/// An account that can publish in a namespace.
pub struct Ready {
    /// By whose right; none: its token may publish, and may not look.
    pub member: Option<Member>,
    /// The key that signs.
    pub key: KeyRecord,
}

/// Looks for all that publishing in a namespace takes beside the plugin, with the signing key of this name.
pub async fn ready(context: &Context, namespace: &Namespace, key: &str) -> Result<Ready> {
    let member = match may_publish(context, namespace).await {
        Err(failure) if failure.is("away") => return Err(failure),
        Err(failure) if failure.is("forbidden") && given_token().is_some() => Ok(None),
        found => found.map(Some),
    };
    let key = match context.home.key(key) {
        Ok(found) => key_of(context, namespace, found.public(), key).await,
        Err(failure) if failure.is("no-key") => Err(failure.remedy(format!(
            "make one with `chandlery keys new {key}`; then add it as an owner with `chandlery keys add {namespace} --key {key}`, or \
             ask the owners with `chandlery keys request {namespace} --key {key}`"
        ))),
        Err(failure) => Err(failure),
    };
    match (member, key) {
        (Ok(member), Ok(key)) => Ok(Ready { member, key }),
        (Err(first), Err(second)) => Err(first.and(second)),
        (Err(only), Ok(_)) | (Ok(_), Err(only)) => Err(only),
    }
}

async fn may_publish(context: &Context, namespace: &Namespace) -> Result<Member> {
    let account = context.account().await?;
    let may_not = || {
        Failure::new(&words::MAY_NOT_PUBLISH, format!("'{account}' may not publish in '{namespace}'")).remedy(
            format!(
                "take the namespace if nobody has it: `chandlery namespace take {namespace}`; or ask one of its owners: `chandlery \
                 namespace invite {namespace} {account}`"
            ),
        )
    };
    let path = format!("/api/v1/namespaces/{namespace}/members");
    let members: Page<Member> = match context.registry_list(&path).await {
        Err(failure) if failure.is("forbidden") => return Err(may_not()),
        members => members?,
    };
    let names = publishing_names(context, &account).await?;
    let may = |member: &Member| {
        names.contains(&member.account) && !member.invited && member.role >= Role::Publisher
    };
    members.items.into_iter().find(may).ok_or_else(may_not)
}

/// By whose right the account publishes: its own, and that of organisations for which it may; of one alone that it is to act for.
async fn publishing_names(context: &Context, account: &Namespace) -> Result<Vec<Namespace>> {
    if let Some(organisation) = &context.settings.acts_for {
        return Ok(vec![organisation.clone()]);
    }
    let belongs: Page<Organisation> = context.registry_list("/api/v1/organisations").await?;
    let publishes = |role: OrganisationRole| {
        matches!(role, OrganisationRole::Publisher | OrganisationRole::Admin | OrganisationRole::Owner)
    };
    let through = belongs.items.into_iter().filter(|found| publishes(found.role)).map(|found| found.name);
    Ok(through.chain([account.clone()]).collect())
}

/// What the registry knows of the key of this name, which may sign releases of a namespace.
pub async fn key_of(
    context: &Context,
    namespace: &Namespace,
    key: PublicKey,
    name: &str,
) -> Result<KeyRecord> {
    let path = format!("/api/v1/namespaces/{namespace}/keys");
    let keys: Page<KeyRecord> = context.public_list(&path).await?;
    let found = keys.items.into_iter().find(|record| record.key == key && record.revoked_from.is_none());
    found.ok_or_else(|| {
        let detail = format!("{} may not sign releases of '{namespace}'", key.id());
        // The key that is called like the namespace need not be named.
        let named = if name == namespace.as_str() { String::new() } else { format!(" --key {name}") };
        Failure::new(&words::NOT_A_KEY_OF_THE_NAMESPACE, detail).remedy(format!(
            "as an owner of '{namespace}', add it with `chandlery keys add {namespace}{named}`; otherwise ask the owners with \
             `chandlery keys request {namespace}{named}`"
        ))
    })
}
