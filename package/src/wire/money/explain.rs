//! Where every cent of a payout came from: the sales, what was used, what was invoiced.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Payout;
use crate::{Money, Month, Namespace, PluginId};

crate::words! {
    /// What a partner earns a share of a sale as.
    pub enum LotRole: "role in a sale" {
        /// Whose plugin or service was sold.
        Seller = "seller",
        /// Who brought the customer.
        Referrer = "referrer",
    }

    /// Why what is available to a partner has changed.
    pub enum EntryKind: "kind of entry" {
        /// The hold of a share is over.
        Earning = "earning",
        /// What was kept back of a share is free.
        Reserve = "reserve",
        /// A credit note has taken a part of a share back.
        Refund = "refund",
        /// A dispute holds a part of a share.
        Dispute = "dispute",
        /// A dispute was won, and frees what it had held.
        DisputeWon = "dispute-won",
        /// A part of a payout came back.
        Returned = "returned",
        /// It settles what the partner owes in another currency.
        Offset = "offset",
    }
}

/// A payout and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainedPayout {
    /// The payout that is explained.
    pub payout: Payout,
    /// What it is made of, in order; they sum to its amount, or to nothing once it came back.
    pub items: Vec<PayoutItem>,
    /// The ledger's transactions of it.
    pub transactions: Vec<PayoutStep>,
    /// What was taken for a debt since the payout before, in order, and so is in none of the items.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recoveries: Vec<Recovery>,
}

/// What was taken from a partner's earnings, since it owed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recovery {
    /// The transaction that would have made it available.
    pub step: PayoutStep,
    /// How much of that was taken.
    pub amount: Money,
}

impl ExplainedPayout {
    /// Leaves out what those were known by who have made its transactions: that is for operators.
    pub fn hide_credentials(&mut self) {
        let steps = self.items.iter_mut().filter_map(|item| item.step.as_mut()).chain(&mut self.transactions);
        for step in steps.chain(self.recoveries.iter_mut().map(|taken| &mut taken.step)) {
            let end = step.by.find(" (").unwrap_or(step.by.len());
            step.by.truncate(end);
        }
    }
}

/// A transaction of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutStep {
    /// The ledger's number of it.
    pub transaction: i64,
    /// When it was booked.
    pub at: Timestamp,
    /// What it was about, as people read it.
    pub description: String,
    /// Who has made it, such as `ann (password)` (to partners, `ann` alone), `system:holds`, `processor:stripe:evt_1` or `bank:B-17`;
    /// `unknown`: it is older than that is written down.
    pub by: String,
}

/// One change of what was available that a payout took on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutItem {
    /// Why what was available changed.
    pub kind: EntryKind,
    /// By how much: below zero where it was taken back.
    pub amount: Money,
    /// The transaction that changed it.
    pub step: Option<PayoutStep>,
    /// The share of a sale that it is of.
    pub lot: Option<ExplainedLot>,
}

/// A share of a sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainedLot {
    /// The share's own number.
    pub lot: i64,
    /// What the partner has earned it as.
    pub role: LotRole,
    /// What the partner has earned.
    pub share: Money,
    /// What of it was kept back for a while.
    pub reserve: Money,
    /// What of it was taken back.
    pub returned: Money,
    /// Until when it was on hold.
    pub available_at: Option<Timestamp>,
    /// The sale that it is a share of.
    pub sale: ExplainedSale,
}

/// What was sold, to whom, and how it was shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainedSale {
    /// The sale's number: that of the transaction that shared it.
    pub sale: i64,
    /// By what it was sold.
    pub source: String,
    /// The account that bought.
    pub customer: Namespace,
    /// The plugin that was sold; none: a service.
    pub plugin: Option<PluginId>,
    /// What the customer pays, without taxes; none: the partner has only referred the customer.
    pub gross: Option<Money>,
    /// What the marketplace keeps; none: the partner has only referred the customer.
    pub commission: Option<Money>,
    /// By which version of the policy.
    pub policy: i64,
    /// What the publisher had sold before, in minor units of the policy's currency; none: it is another one's.
    pub sold_before_minor: Option<i64>,
    /// When it was sold.
    pub sold_at: Timestamp,
    /// The invoice, and the payment that paid it.
    pub invoice: Option<(i64, Option<String>)>,
    /// What was used, where it was sold by use.
    pub rating: Option<Rating>,
}

/// What was used, and what that cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rating {
    /// The month that it was used in.
    pub month: Month,
    /// How much, in what the unit counts.
    pub used: i64,
    /// What all of it costs.
    pub charged: Money,
    /// How many events said so.
    pub events: i64,
    /// The first of them.
    pub event_ids: Vec<String>,
}
