//! What something would come to, before it is asked for: it is done as it would be, looked at, and taken back. So nothing is computed
//! twice, and what is shown is what is invoiced, unless a day or a price changes in between.

use chandlery_accounts::Actor;
use chandlery_package::wire::{
    EndedSubscription, Invoice, NewOrder, NewSubscription, Order, Subscription, TaxTerms,
};
use chandlery_package::{Money, Namespace, Price};
use chandlery_store::Db;
use jiff::Timestamp;

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
    let before = current(&mut write, account, now).await?.invoice;
    let stored = change_within(&mut write, actor, account, new, now).await?;
    let invoice = match stored.invoice.filter(|number| before != Some(*number)) {
        Some(number) => Some(invoices::find(&mut write, number).await?),
        None => None,
    };
    let subscription = show(&mut write, &stored, now).await?;
    // Without a commit, nothing of it has happened.
    drop(write);
    Ok(ForeseenChange { subscription, invoice })
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
    let terms = taxes::terms(&mut write, customer, now).await?;
    drop(write);
    Ok(ForeseenOrder { order, net, terms })
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
        let changed = billing::change(db, &machine, &me, &to(Tier::Developer), now).await.unwrap();
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
        assert!(billing::orders(db, &customer, &Paging::first(10)).await.unwrap().items.is_empty());
    }
}
