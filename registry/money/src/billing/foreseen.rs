//! What something would come to, before it is asked for: it is done as it would be, looked at, and taken back. So nothing is computed
//! twice, and what is shown is what is invoiced, unless a day or a price changes in between.

use chandlery_accounts::Actor;
use chandlery_package::wire::{
    EndedSubscription, Invoice, NewOrder, NewSubscription, Order, Subscription, TaxTerms,
};
use chandlery_package::{Money, Namespace, Price};
use chandlery_store::{Db, Write};
use jiff::Timestamp;

use super::subscribed::Subscribed;
use super::subscriptions::{change_within, current, end_now, show};
use super::{invoices, orders, quotes, taxes};
use crate::Error;

/// What a change of a subscription would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeseenChange {
    /// The subscription as it would be.
    pub subscription: Subscription,
    /// The invoice that would be issued at once; none: nothing is charged now.
    pub invoice: Option<Invoice>,
}

/// What an order of a plugin would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeseenOrder {
    /// The order as it would be.
    pub order: Order,
    /// What it costs once, without taxes; none: it is invoiced by the month.
    pub net: Option<Money>,
    /// By which rule it would be taxed.
    pub terms: TaxTerms,
}

/// What a change of an account's subscription would come to; refused as the change would be. Nothing is changed.
pub async fn foresee_change(
    db: &Db,
    actor: &Actor,
    account: &Namespace,
    new: &NewSubscription,
    now: Timestamp,
) -> Result<ForeseenChange, Error> {
    let mut write = db.write().await?;
    let (stored, invoice) = change_and_invoice(&mut write, actor, account, new, now).await?;
    let subscription = show(&mut write, &stored, now).await?;
    // Without a commit, nothing of it has happened.
    drop(write);
    Ok(ForeseenChange { subscription, invoice })
}

/// Changes an account's subscription where that comes to what was shown: `shown` is the total of the invoice that would be issued at
/// once; none: nothing would be charged.
pub async fn change_as_foreseen(
    db: &Db,
    actor: &Actor,
    account: &Namespace,
    new: &NewSubscription,
    shown: Option<Money>,
    now: Timestamp,
) -> Result<Subscription, Error> {
    let mut write = db.write().await?;
    let (stored, invoice) = change_and_invoice(&mut write, actor, account, new, now).await?;
    let total = invoice.map(|invoice| invoice.total);
    // A form that is sent twice finds it changed already: nothing more is charged, and nothing is put off.
    let is_so = total.is_none() && stored.next.is_none();
    if total != shown && !is_so {
        let said = |amount: Option<Money>| amount.map_or_else(|| "nothing".to_owned(), |it| it.to_string());
        return Err(Error::Conflict(format!(
            "{} would be invoiced at once, and not {}, as was shown: look at it again",
            said(total),
            said(shown)
        )));
    }
    let subscription = show(&mut write, &stored, now).await?;
    write.commit().await?;
    Ok(subscription)
}

/// Changes a subscription, and gives it with the invoice that was issued for that.
async fn change_and_invoice(
    write: &mut Write,
    actor: &Actor,
    account: &Namespace,
    new: &NewSubscription,
    now: Timestamp,
) -> Result<(Subscribed, Option<Invoice>), Error> {
    let before = current(write, account, now).await?.invoice;
    let stored = change_within(write, actor, account, new, now).await?;
    let invoice = match stored.invoice.filter(|number| before != Some(*number)) {
        Some(number) => Some(invoices::find(write, number).await?),
        None => None,
    };
    Ok((stored, invoice))
}

/// What would be given back if a subscription ended at this moment; refused as that would be. Nothing is changed.
pub async fn foresee_end(
    db: &Db,
    actor: &Actor,
    account: &Namespace,
    now: Timestamp,
) -> Result<EndedSubscription, Error> {
    let mut write = db.write().await?;
    let (subscription, notes) = end_now(&mut write, actor, account, now).await?;
    drop(write);
    let credit_notes = notes.into_iter().map(|(_, note)| note).collect();
    Ok(EndedSubscription { subscription, credit_notes })
}

/// What an order would come to; refused as the order would be. Nothing is ordered.
pub async fn foresee_order(
    db: &Db,
    actor: &Actor,
    customer: &Namespace,
    new: &NewOrder,
    now: Timestamp,
) -> Result<ForeseenOrder, Error> {
    let mut write = db.write().await?;
    let order = orders::order_within(&mut write, actor, customer, new, now).await?;
    let net = match &order.offer.price {
        Price::Once { .. } => Some(quotes::price(&order)?),
        Price::Monthly { .. } | Price::Metered { .. } => None,
    };
    let terms = match net {
        // An order that stands keeps the tax that it was quoted.
        Some(_) => quotes::honoured(&mut write, &order, true, now).await?.terms,
        None => taxes::terms(&mut write, customer, now).await?,
    };
    drop(write);
    Ok(ForeseenOrder { order, net, terms })
}

/// Orders a plugin where that comes to what was shown: `shown` is what is due for it, with taxes; none: it is invoiced by the month.
pub async fn order_as_foreseen(
    db: &Db,
    actor: &Actor,
    customer: &Namespace,
    new: &NewOrder,
    shown: Option<Money>,
    now: Timestamp,
) -> Result<Order, Error> {
    let mut write = db.write().await?;
    let order = orders::order_within(&mut write, actor, customer, new, now).await?;
    if order.due != shown && order.paid_at.is_none() {
        return Err(Error::Conflict(format!(
            "'{}' comes to another sum with its taxes by now than was shown: look at it again",
            order.plugin
        )));
    }
    write.commit().await?;
    Ok(order)
}

#[cfg(test)]
mod tests {
    use chandlery_package::wire::Paging;
    use chandlery_package::{Billed, Tier};

    use super::*;
    use crate::billing;
    use crate::testing::{at, finance, market, operator};

    #[tokio::test]
    async fn a_change_that_was_foreseen_comes_to_the_same_and_has_not_happened_before() {
        let (_folder, finance) = finance().await;
        let (db, machine, me) = (&finance.db, Actor::machine(), operator());
        let to = |tier| NewSubscription { tier, billed: Billed::Monthly };
        let now = at("2026-03-01T00:00:00Z");
        let foreseen = foresee_change(db, &machine, &me, &to(Tier::Developer), now).await.unwrap();
        let invoice = foreseen.invoice.unwrap();
        assert_eq!(invoice.total.to_string(), "99.00 USD");
        assert_eq!(billing::subscription(db, &me, now).await.unwrap().tier, Tier::Free);
        assert!(billing::invoices(db, &me, &Paging::first(10)).await.unwrap().items.is_empty());
        // What was shown otherwise is not done; what was sent twice is done once.
        let change =
            async |shown| change_as_foreseen(db, &machine, &me, &to(Tier::Developer), shown, now).await;
        let refused = change(None).await.unwrap_err().to_string();
        assert!(refused.contains("99.00 USD would be invoiced at once, and not nothing"), "{refused}");
        assert_eq!(billing::subscription(db, &me, now).await.unwrap().tier, Tier::Free);
        let changed = change(Some(invoice.total)).await.unwrap();
        assert_eq!(change(Some(invoice.total)).await.unwrap(), changed);
        assert_eq!(changed, foreseen.subscription);
        assert_eq!(changed.due, [invoice]);
        // The same refusals: what is due is paid before there is more.
        let refused = foresee_change(db, &machine, &me, &to(Tier::Team), now).await.unwrap_err().to_string();
        assert!(refused.contains("is not paid yet"), "{refused}");
        let less = foresee_change(db, &machine, &me, &to(Tier::Free), now).await.unwrap();
        assert_eq!((less.invoice, less.subscription.then), (None, Some(Tier::Free)));
        assert_eq!(billing::subscription(db, &me, now).await.unwrap().then, None);
        let ended = foresee_end(db, &machine, &me, now).await.unwrap();
        assert_eq!(ended.subscription.tier, Tier::Free);
        assert_eq!(billing::subscription(db, &me, now).await.unwrap().tier, Tier::Developer);
    }

    #[tokio::test]
    async fn an_order_that_was_foreseen_is_not_placed() {
        let offer = r#"{"price":{"kind":"once","amount":{"minor":10000,"currency":"USD"}}}"#;
        let (_folder, finance) = market(&["globex"], offer).await;
        let (db, now) = (&finance.db, at("2026-03-01T00:00:00Z"));
        let customer: Namespace = "globex".parse().unwrap();
        let plugin = "acme:serving".parse().unwrap();
        let new = NewOrder { plugin, referrer: None, coupon: None, acceptance: None };
        let foreseen = foresee_order(db, &Actor::machine(), &customer, &new, now).await.unwrap();
        let net = foreseen.net.map(|net| net.to_string());
        assert_eq!((net.as_deref(), foreseen.order.due), (Some("100.00 USD"), foreseen.net));
        let order = async |shown| order_as_foreseen(db, &Actor::machine(), &customer, &new, shown, now).await;
        assert!(order(None).await.unwrap_err().to_string().contains("look at it again"));
        assert!(billing::orders(db, &customer, &Paging::first(10)).await.unwrap().items.is_empty());
        let placed = order(foreseen.order.due).await.unwrap();
        assert_eq!(order(foreseen.order.due).await.unwrap(), placed);
    }
}
