//! A namespace that goes to another account: reclaimed from whoever squats it, or given to whom it belongs. What was published stays as
//! it is, and stays signed; who signed until then signs nothing more.

use chandlery_accounts::audit::record;
use chandlery_accounts::{Caller, tell, tell_operators};
use chandlery_money::{partner_notices, payouts};
use chandlery_package::Namespace;
use chandlery_package::log::Entry;
use chandlery_package::wire::{Act, NewOwner};
use chandlery_store::time;
use jiff::Timestamp;
use serde_json::json;

use crate::catalog::{Catalog, forget_staged, forget_two_people, must_be_short, revoke_all};
use crate::error::Error;

/// Gives a namespace to an account, which is its only member from then on, and tells all that are concerned.
pub(super) async fn transfer(
    catalog: &Catalog,
    caller: &Caller,
    namespace: &Namespace,
    new: &NewOwner,
) -> Result<(), Error> {
    must_be_short("a reason", &new.reason)?;
    let (Caller { actor, .. }, now) = (caller, Timestamp::now());
    let mut write = catalog.db.write().await?;
    let former = chandlery_accounts::hand_over(&mut write, namespace, &new.account).await?;
    payouts::hand_over(&mut write, actor, caller, namespace, catalog.oci.clock.now()).await?;
    partner_notices::hand_over(&mut write, actor, namespace).await?;
    revoke_all(&mut write, actor, namespace).await?;
    forget_staged(&mut write, namespace).await?;
    forget_two_people(&mut write, actor, namespace).await?;
    let entry =
        Entry::NamespaceTransferred { namespace: namespace.clone(), reason: new.reason.clone(), at: now };
    chandlery_log::append(&mut write, &entry).await?;
    let (before, after) =
        (json!({ "members": former }), json!({ "owner": new.account, "reason": new.reason }));
    record(&mut write, actor, Act::NamespaceTransferred, namespace.as_str(), before, after).await?;
    let key = format!("transfer:{namespace}:{}", time(now));
    let title = format!("the namespace '{namespace}' belongs to '{}' from now on", new.account);
    let body = format!(
        "{}\n\nWhoever was a member of it is none any more, and its signing keys are revoked from now on: its owner adds one with \
         `chandlery keys add {namespace}`, and says how it is paid with `chandlery payouts profile {namespace}`. One member is enough to \
         publish, until it runs `chandlery namespace two-people {namespace} yes`.\n",
        new.reason
    );
    for account in former.iter().filter(|member| **member != new.account).chain([&new.account]) {
        tell(&mut write, account, &format!("{key}:{account}"), &title, &body, now).await?;
    }
    // Who was told already is not told again.
    tell_operators(&mut write, &key, &title, &body, now).await?;
    write.commit().await?;
    catalog.oci.cache.changed(namespace);
    tracing::warn!(%namespace, "transferred");
    Ok(())
}
