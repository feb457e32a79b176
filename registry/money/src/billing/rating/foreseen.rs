//! What the close of a month will charge a customer for it, as far as its use is known: by what the close itself charges by. Nothing is
//! written.

use std::collections::BTreeMap;

use chandlery_package::wire::{InvoiceLineKind, Order};
use chandlery_package::{Money, Month, Namespace, Per, PluginId, Price};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::charges::{self, Charge};
use super::spans::{self, paid_from};
use super::stood_in;
use super::used::{self, Use};
use crate::Error;
use crate::billing::orders;

/// What a month comes to on one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForeseenCharge {
    /// What was ordered.
    pub plugin: PluginId,
    /// By the month, or by use.
    pub kind: InvoiceLineKind,
    /// How much of it was used, as the line of an invoice says it.
    pub quantity: String,
    /// What it costs, without taxes.
    pub amount: Money,
    /// What of it is for each deployment, by what each has used: to the cent, all of it, or nothing where it is for none of them alone.
    pub deployments: BTreeMap<String, Money>,
}

/// What a customer's month comes to so far, by order. What cannot be charged, since it is too much, is left out, as the close does.
pub(crate) async fn foresee(
    db: &mut AnyConnection,
    customer: &Namespace,
    month: Month,
) -> Result<Vec<ForeseenCharge>, Error> {
    let mut foreseen = Vec::new();
    // What was used of a plugin on the orders before.
    let mut so_far: BTreeMap<PluginId, Use> = BTreeMap::new();
    for order in orders::lasting_of(db, customer).await? {
        if !stood_in(&order, month) {
            continue;
        }
        let order = spans::while_it_holds(db, &order).await?;
        let key = (customer.clone(), order.plugin.clone());
        let used = used::within(db, month, &key, Timestamp::UNIX_EPOCH, None).await?;
        let earlier = so_far.entry(order.plugin.clone()).or_default();
        let Ok(charge) = charges::cost(db, &order, month, used.as_ref(), earlier).await? else { continue };
        let Charge { amount, quantity, .. } = charge;
        if amount.is_positive() {
            let deployments = divide(db, &order, month, amount).await?;
            let kind = charges::kind(&order.offer.price);
            foreseen.push(ForeseenCharge { plugin: order.plugin, kind, quantity, amount, deployments });
        }
    }
    Ok(foreseen)
}

/// An amount by deployment, in proportion to what each has used on an order in the month.
async fn divide(
    db: &mut AnyConnection,
    order: &Order,
    month: Month,
    amount: Money,
) -> Result<BTreeMap<String, Money>, Error> {
    let weight = |used: &Use| match &order.offer.price {
        Price::Metered { unit, .. } => used.of(unit),
        Price::Monthly { per: Per::Deployment, .. } => 1,
        Price::Monthly { per: Per::Organisation, .. } | Price::Once { .. } => 0,
    };
    let key = (order.customer.clone(), order.plugin.clone());
    let used = used::by_deployment(db, month, &key, paid_from(order), order.ended_at).await?;
    let weights: Vec<u64> = used.values().map(weight).collect();
    if weights.iter().all(|weight| *weight == 0) {
        return Ok(BTreeMap::new());
    }
    Ok(used.into_keys().zip(amount.split(&weights)?).collect())
}
