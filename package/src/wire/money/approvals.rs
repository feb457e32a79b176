//! What needs the approval of others, and what waits for it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{Money, Namespace, words};

words! {
    /// What the rules of approval are about.
    pub enum ApprovalKind: "kind of approval" {
        /// A payout that was proposed.
        Payout = "payout",
        /// What an operator gives back: of an invoice, with what was given back of it before; of a payment of more than was due; of a
        /// line of the bank's statement, with what of it was sent back before; and where the bank sends it.
        Refund = "refund",
        /// A payment that an operator records by hand.
        Payment = "payment",
        /// An expense or an exchange that an operator writes into the books by hand.
        Expense = "expense",
        /// What a partner owes and will never pay.
        WriteOff = "write-off",
        /// What the marketplace agrees with a customer for itself.
        Agreement = "agreement",
        /// How a partner is paid.
        PartnerBank = "partner-bank",
        /// The accounts that the marketplace pays from, and the one that its documents ask customers to pay to.
        HouseBank = "house-bank",
        /// How sales are shared.
        Policy = "policy",
        /// A sales tax of a country.
        TaxRule = "tax-rule",
        /// The rules of approval themselves.
        Rules = "rules",
    }
}

words! {
    /// How a request for approval stands.
    pub enum ApprovalState: "state of a request for approval" {
        /// Others have not approved it yet.
        Waiting = "waiting",
        /// It was approved and done.
        Done = "done",
        /// It was approved, and could not be done any more.
        Failed = "failed",
        /// It was refused or taken back.
        Refused = "refused",
        /// Nobody decided it in time, or who asked for it no longer operates the registry.
        Lapsed = "lapsed",
    }
}

/// How many others must approve something. Of the rules that hold, the one that needs most counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalRule {
    /// What it is about.
    pub kind: ApprovalKind,
    /// It holds for what is more than this; none: for everything. In a currency that no rule of the kind names, all of them hold.
    pub above: Option<Money>,
    /// How many approve it beside whoever asked for it: 0, 1 or 2, and at least 1 for the rules themselves.
    pub approvals: i64,
}

/// Something that somebody has asked for, and that others approve before it is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalRequest {
    /// Counts from 1.
    pub id: i64,
    /// What it is about.
    pub kind: ApprovalKind,
    /// What is asked for, as people read it.
    pub about: String,
    /// What is asked for, as it will be done.
    pub wanted: Value,
    /// What the rules compare; none: it is of no amount.
    pub amount: Option<Money>,
    /// Who has asked for it.
    pub asked_by: Namespace,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it lapses.
    pub lapses_at: Timestamp,
    /// From when on whoever asked for it may approve it alone, as it is told when it is asked for; none: others operate the registry,
    /// too.
    pub alone_from: Option<Timestamp>,
    /// Who has approved it so far.
    pub approved_by: Vec<Namespace>,
    /// How it stands.
    pub state: ApprovalState,
    /// Why it was refused, or could not be done.
    pub reason: Option<String>,
}

/// Refuses what somebody has asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApprovalRefusal {
    /// Why, as people read it.
    pub why: String,
}
