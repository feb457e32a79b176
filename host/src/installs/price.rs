//! What costs something: nothing of it is installed before the host's account may have it, by an order that somebody has agreed to.

use chandlery_package::wire::{Acceptance, NewOrder, Quote, ReleaseRecord};

use super::progress::{Progress, pass};
use super::{Error, RegistryClient};

/// What a release costs the host's account; none: nothing, or the registry does not guard what costs something. Refused, where nobody is
/// there to pay it.
pub(super) async fn quote(client: &RegistryClient, record: &ReleaseRecord) -> Result<Option<Quote>, Error> {
    let Some(offer) = &record.price else { return Ok(None) };
    let release = &record.release;
    if !client.has_account() {
        return Err(Error::NoAccount { release: release.clone(), price: offer.to_string() });
    }
    client.quote(&release.plugin).await
}

/// Orders a release that costs something and that the host's account has not ordered, where somebody has agreed to that; refuses it
/// where nobody has. A registry that does not guard what costs is not asked for more.
pub(super) async fn must_be_ordered(
    client: &RegistryClient,
    record: &ReleaseRecord,
    acceptance: Option<&Acceptance>,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let Some(quote) = quote(client, record).await? else { return Ok(()) };
    let release = &record.release;
    if quote.entitled {
        return Ok(());
    }
    // An order that holds no longer is not made again by agreeing to it.
    let Some(acceptance) = acceptance.filter(|_| quote.order.is_none()) else {
        return Err(Error::Costs { release: release.clone(), quote: Box::new(quote) });
    };
    let new = NewOrder {
        plugin: release.plugin.clone(),
        referrer: None,
        coupon: None,
        acceptance: Some(acceptance.clone()),
    };
    let order = client.order(&new).await?;
    let found = format!("{} for '{}': {}", order.reference, order.customer, order.offer);
    pass(progress, "ordered", found);
    Ok(())
}
