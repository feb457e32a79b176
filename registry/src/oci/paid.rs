//! What costs something is pulled by those alone who may have it: the component of a release whose plugin has a price, in whichever
//! repository it lies. Manifests, signatures and all else are as public as their namespace.

use chandlery_money::billing;
use chandlery_package::PluginId;
use chandlery_package::column::Text;

use super::cache::Fact;
use super::error::Error;
use super::state::{At, Oci};
use chandlery_store::content::ContentDigest;

/// Refuses a content that is a component which costs something and which whoever asks may not have.
pub(super) async fn must_be_entitled(at: &At, digest: &ContentDigest) -> Result<(), Error> {
    let At { oci, principal, repository } = at;
    let Some(plugin) = component_of(oci, digest).await? else { return Ok(()) };
    let now = oci.clock.now();
    if billing::public_offer(&oci.db, &plugin, now).await?.is_none() {
        return Ok(());
    }
    let account = principal.account.as_ref().ok_or_else(Error::unauthenticated)?;
    if !principal.grant.allows_pull(repository.name()) {
        let action = format!("pull what costs something from {repository} with this token");
        return Err(Error::forbidden(&account.name, action));
    }
    let quote = billing::quote(&oci.db, account, &plugin, now).await?;
    match quote.entitled {
        true => Ok(()),
        false => Err(Error::OrderNeeded(Box::new(quote))),
    }
}

/// The plugin of the release that a content is the component of: of one at most, since a component says which release it is.
pub(super) async fn component_of(oci: &Oci, digest: &ContentDigest) -> Result<Option<PluginId>, Error> {
    let name = digest.to_string();
    let key = oci.cache.component_key(&name);
    if let Some(Fact::Component { of }) = oci.cache.get(&key) {
        return Ok(of);
    }
    let found: Option<(Text<PluginId>,)> =
        sqlx::query_as("select plugin from releases where component = $1 limit 1")
            .bind(name)
            .fetch_optional(oci.db.read())
            .await?;
    let of = found.map(|(Text(plugin),)| plugin);
    oci.cache.put(key, Fact::Component { of: of.clone() });
    Ok(of)
}
