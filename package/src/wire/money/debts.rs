//! Partners that leave, and what partners owe: taken from another currency, or given up.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Payout;
use crate::{Balance, Currency, Money, Namespace};

crate::words! {
    /// Why what a partner has earned cannot be paid out yet.
    pub enum HeldFor: "reason to hold" {
        /// Its customers have not paid.
        Unpaid = "unpaid",
        /// It is on hold, as everything is for a while after it was paid.
        Hold = "hold",
        /// It is kept back for refunds.
        Reserve = "reserve",
        /// The customer's bank has not decided a dispute.
        Dispute = "dispute",
    }

    /// How the proposal stands to give up what a partner owes.
    pub enum WriteOffState: "state of a write-off" {
        /// One operator has proposed it.
        Proposed = "proposed",
        /// Another one has approved it: it is given up.
        Approved = "approved",
        /// It was taken back before anybody approved it.
        Cancelled = "cancelled",
    }
}

/// What of a partner's is held, in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldBack {
    /// Why it cannot be paid out yet.
    pub reason: HeldFor,
    /// How much of it is held.
    pub amount: Balance,
    /// When the last of it is free; none: when somebody has paid or decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Whether a partner leaves, and what must end before it is paid the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Leaving {
    /// The partner that leaves, or does not.
    pub partner: Namespace,
    /// Since when it leaves; none: it does not.
    pub since: Option<Timestamp>,
    /// What is held. Once that is nothing in a currency, the next run pays all that is available in it, however little.
    pub held: Vec<HeldBack>,
}

/// What a run of payouts has proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutRun {
    /// The payouts, in order of their partners.
    pub items: Vec<Payout>,
    /// What could not be done, and why, for people: all else was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// What a partner agrees to: what it owes in one currency is taken from what is available to it in another, at the day's rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DebtOffset {
    /// What is available in this currency is taken.
    pub from: Currency,
    /// What is owed in this one is settled.
    pub to: Currency,
    /// Whether it is agreed to; not any more, otherwise.
    pub agreed: bool,
}

/// Proposes to give up what a partner owes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewDebtWriteOff {
    /// The partner that owes it.
    pub partner: Namespace,
    /// How much of it: not more than it owes in that currency.
    pub amount: Money,
    /// Why it will never be paid, for people.
    pub reason: String,
}

/// A proposal to give up what a partner owes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DebtWriteOff {
    /// Its number, unique for ever.
    pub id: i64,
    /// The partner that owes it.
    pub partner: Namespace,
    /// How much is given up.
    pub amount: Money,
    /// Why it will never be paid, for people.
    pub reason: String,
    /// How it stands.
    pub state: WriteOffState,
    /// The operator who proposed it.
    pub proposed_by: Namespace,
    /// The operator who approved it, or took it back.
    pub decided_by: Option<Namespace>,
}
