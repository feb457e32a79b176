//! What a month's figures are made of.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Balance, Month, Namespace, Tier};

crate::words! {
    /// How an account's MRR has changed since the month before.
    pub enum Change: "change" {
        /// It had none.
        New = "new",
        /// It has more now.
        Expansion = "expansion",
        /// It has less now, but some.
        Contraction = "contraction",
        /// It has none any more.
        Churn = "churn",
        /// It has what it had.
        Same = "same",
    }
}

/// The rows behind a month's figures. An amount that cannot be converted, since an exchange rate is missing, is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FigureRows {
    /// The month, in UTC.
    pub month: Month,
    /// The moment up to which it is counted, while it is not over; none: it is over.
    pub to_date: Option<Timestamp>,
    /// Every account that had MRR at the end of this month or of the one before.
    pub accounts: Vec<AccountRow>,
    /// Every account of the ledger for revenue and expenses that was posted to.
    pub postings: Vec<PostingRow>,
    /// What was sold, by seller: GMV, and what was kept of it.
    pub sales: Vec<SoldRow>,
    /// The credit notes that refunds are the sum of.
    pub refunds: Vec<RefundRow>,
    /// What customers' banks took back for good, by currency.
    pub chargebacks: Vec<PostingRow>,
}

/// What an account had before and has now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountRow {
    /// The account that has subscribed.
    pub account: Namespace,
    /// What it has; what it had, where it has none now.
    pub tier: Tier,
    /// How its MRR has changed; none: an exchange rate is missing.
    pub change: Option<Change>,
    /// MRR at the end of the month before.
    pub before: Option<Balance>,
    /// MRR at the end of this month.
    pub now: Option<Balance>,
    /// The invoice that says so.
    pub invoice: i64,
}

/// What was posted to an account of the ledger in a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PostingRow {
    /// As the journal writes it, such as `revenue:plans`.
    pub account: String,
    /// Debits less credits.
    pub posted: Balance,
    /// The same in the currency of the figures.
    pub converted: Option<Balance>,
}

/// What a seller sold in a month, in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SoldRow {
    /// Whose sales they were.
    pub seller: Namespace,
    /// Whether they were of a consultant's services, and not of plugins.
    pub services: bool,
    /// How many sales there were.
    pub sales: i64,
    /// What they came to, without taxes.
    pub gross: Balance,
    /// What of that the marketplace kept.
    pub kept: Balance,
    /// The gross in the currency of the figures.
    pub converted: Option<Balance>,
    /// What was kept in the currency of the figures.
    pub kept_converted: Option<Balance>,
}

/// A credit note of a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefundRow {
    /// The number of the credit note.
    pub credit_note: i64,
    /// The invoice that it is of, if it is of one.
    pub invoice: Option<i64>,
    /// What was given back, without taxes.
    pub amount: Balance,
    /// The same in the currency of the figures.
    pub converted: Option<Balance>,
}
