//! What is quarantined is pulled by its namespace's members and by operators alone, in whichever repository its component lies.

use chandlery_accounts::role;
use chandlery_package::Subject;
use chandlery_package::column::Text;

use super::error::Error;
use super::paid;
use super::state::At;
use chandlery_store::content::ContentDigest;

/// Refuses a content that is a component which is quarantined, or whose plugin is.
pub(super) async fn must_not_hold(at: &At, digest: &ContentDigest) -> Result<(), Error> {
    let At { oci, principal, repository } = at;
    let Some(plugin) = paid::component_of(oci, digest).await? else { return Ok(()) };
    let found: Option<(Text<Subject>, String)> = sqlx::query_as(
        "select quarantines.subject, quarantines.reason from quarantines
         join releases on releases.plugin = quarantines.plugin
         where quarantines.plugin = $1 and releases.component = $2
               and quarantines.subject in (releases.plugin, releases.plugin || '@' || releases.version)
         order by quarantines.subject limit 1",
    )
    .bind(plugin.to_string())
    .bind(digest.to_string())
    .fetch_optional(oci.db.read())
    .await?;
    let Some((Text(subject), reason)) = found else { return Ok(()) };
    if let Some(account) = &principal.account
        && principal.grant.allows_pull(repository.name())
        && (account.operator || role(&oci.db, &plugin.namespace, &account.name).await?.is_some())
    {
        return Ok(());
    }
    Err(Error::Quarantined { subject, reason })
}
