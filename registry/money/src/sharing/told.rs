//! What the beneficiaries of a sale are told of it.

use chandlery_package::wire::{LotRole, NoticeKind};
use chandlery_package::{Money, Namespace, PluginId};
use jiff::Timestamp;
use serde_json::json;

use super::lots::{self, Lot};
use crate::Error;
use crate::partner_notices::{News, announce};
use chandlery_store::Write;

/// A sale, as it is told of.
pub(super) struct Told<'a> {
    pub id: i64,
    /// What; none: a consultant's service.
    pub plugin: Option<&'a PluginId>,
    pub customer: &'a Namespace,
    pub gross: Money,
}

impl Told<'_> {
    fn what(&self) -> String {
        self.plugin.map_or_else(|| "a service".into(), ToString::to_string)
    }
}

/// Tells a beneficiary that something was sold, and what its share of it is.
pub(super) async fn of_sale(
    write: &mut Write,
    sale: &Told<'_>,
    (partner, role, share): (&Namespace, LotRole, Money),
    at: Timestamp,
) -> Result<(), Error> {
    let Told { id, plugin, customer, gross } = sale;
    let what = sale.what();
    let news = News {
        partner,
        kind: NoticeKind::Sale,
        key: format!("sale:{id}:{role}"),
        text: format!(
            "{what} was sold to {customer} for {gross}, of which {share} are your share (sale {id})"
        ),
        data: json!({
            "sale": id, "plugin": plugin, "customer": customer, "role": role, "gross": gross, "share": share,
        }),
        at,
    };
    announce(write, news).await
}

/// Tells a beneficiary that so much of a sale was given back, and what of its share that has taken. `so_far` is what was given back of the
/// sale with this.
pub(super) async fn of_refund(
    write: &mut Write,
    sale: &Told<'_>,
    lot: &Lot,
    (amount, share): (Money, Money),
    so_far: Money,
    at: Timestamp,
) -> Result<(), Error> {
    let Told { id, plugin, customer, .. } = sale;
    let what = sale.what();
    let news = News {
        partner: &lot.partner,
        kind: NoticeKind::Refund,
        key: format!("refund:{id}:{}:{}", lot.role, so_far.minor()),
        text: format!(
            "{amount} of what {customer} paid for {what} were given back, {share} of them from your share (sale {id})"
        ),
        data: json!({
            "sale": id, "plugin": plugin, "customer": customer, "role": lot.role, "amount": amount, "share": share,
            "refunded": so_far,
        }),
        at,
    };
    announce(write, news).await
}

/// Tells a beneficiary how a dispute stands, and how much of its share it is about.
pub(super) async fn of_dispute(
    write: &mut Write,
    dispute: &str,
    state: &str,
    (sale, lot, share): (i64, i64, Money),
    at: Timestamp,
) -> Result<(), Error> {
    let lot = lots::find(write, lot).await?;
    let what = match state {
        "open" => format!(
            "The customer's bank has taken back what sale {sale} was paid with: {share} of your share are held"
        ),
        "won" => format!("The dispute of sale {sale} is won: {share} of your share are free again"),
        _ => format!("The dispute of sale {sale} is lost: {share} of your share went back to the customer"),
    };
    let news = News {
        partner: &lot.partner,
        kind: NoticeKind::Dispute,
        key: format!("dispute:{dispute}:{state}:{}", lot.id),
        text: format!("{what} (dispute {dispute})"),
        data: json!({ "dispute": dispute, "state": state, "sale": sale, "role": lot.role, "share": share }),
        at,
    };
    announce(write, news).await
}
