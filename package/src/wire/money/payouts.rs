//! Shares and payouts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Party;
use crate::{Balance, Currency, Money, Namespace, Rate, RevenueSharePolicy, words};

/// A policy of shares, and from when on it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyVersion {
    /// Its number: later versions have higher ones.
    pub version: i64,
    /// From when on it holds.
    pub since: Timestamp,
    /// What it says.
    pub policy: RevenueSharePolicy,
}

/// Lets a policy follow.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewPolicy {
    /// From when on; not in the past.
    pub since: Timestamp,
    /// What it says.
    pub policy: RevenueSharePolicy,
}

/// Says with whom a publisher belongs together.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewVolumeGroup {
    /// Publishers with the same one count their sales together; none: it counts alone.
    pub group: Option<String>,
}

words! {
    /// How a dispute stands.
    pub enum DisputeState: "state of a dispute" {
        /// The customer's bank has not decided.
        Open = "open",
        /// It has decided for the marketplace.
        Won = "won",
        /// It has decided for the customer.
        Lost = "lost",
    }
}

/// The customer's bank has taken a payment back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewDispute {
    /// As the processor calls it.
    pub id: String,
    /// Of which sale.
    pub sale: i64,
    /// How much of it.
    pub amount: Money,
    /// What the processor takes for it.
    pub fee: Money,
}

/// A payment, or a part of one, that its customer's bank has taken back, as far as operators follow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dispute {
    /// As the processor or whoever recorded it calls it.
    pub id: String,
    /// The processor's payment that it is about; none: an operator has recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<String>,
    /// Who has paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Namespace>,
    /// How much was taken back.
    pub amount: Money,
    /// How it stands.
    pub state: DisputeState,
    /// When it was in the books first.
    pub opened_at: Timestamp,
    /// Until when the processor takes evidence, as far as it has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Timestamp>,
    /// Why the customer disputes it, in the processor's word, such as `fraudulent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The bank has decided.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClosedDispute {
    /// For the marketplace.
    pub won: bool,
}

/// A partner's money in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartnerBalance {
    /// Earned, and not yet paid by customers.
    pub accrued: Balance,
    /// Paid, and not yet to be paid out.
    pub on_hold: Balance,
    /// Kept back for refunds.
    pub reserve: Balance,
    /// To be paid out.
    pub available: Balance,
    /// Part of payments that are disputed.
    pub disputed: Balance,
    /// Being paid out.
    pub in_transit: Balance,
    /// Paid out so far, as the bank has confirmed.
    pub paid: Balance,
    /// Owed by the partner, and recovered from what it earns next.
    pub owed: Balance,
    /// What would be paid out next.
    pub next_payout: NextPayout,
}

/// What a partner would be paid next in a currency, as things are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextPayout {
    /// All that is available and that no payout has taken on.
    pub amount: Balance,
    /// The least that is paid out.
    pub minimum: Money,
    /// From when on a run takes it on, by the partner's schedule; none: any run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

crate::words! {
    /// The state of a payout.
    pub enum PayoutState: "state of a payout" {
        /// One operator has proposed it.
        Proposed = "proposed",
        /// It was taken back before anybody approved it.
        Cancelled = "cancelled",
        /// A second one has approved it; the money has left the available balance.
        Approved = "approved",
        /// The rail has it.
        Sent = "sent",
        /// The bank has confirmed it.
        Paid = "paid",
        /// The bank has returned it; the money is available again.
        Returned = "returned",
        /// The bank has paid it, and a part of it came back: that part is available again.
        PartlyReturned = "partly-returned",
    }
}

/// Proposes to pay out all that is available to a partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewPayout {
    /// The partner who is to be paid.
    pub partner: Namespace,
    /// What is available in this currency.
    pub currency: Currency,
}

/// Confirms that the bank has paid a payout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutConfirmation {
    /// The bank's own reference of the transfer.
    pub bank_reference: String,
    /// What left the bank, if that is more than what was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Money>,
}

/// Money on its way to a partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Payout {
    /// Its number, unique for ever.
    pub id: i64,
    /// The run that it is part of.
    pub run: Option<i64>,
    /// The partner who is paid.
    pub partner: Namespace,
    /// How much of what was available.
    pub amount: Money,
    /// What of that was withheld for the state.
    pub withheld: Money,
    /// What is sent, in the currency that the partner is paid in.
    pub sent: Money,
    /// What of that came back in parts after it had arrived; none: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<Money>,
    /// By which rail it is sent.
    pub rail: RailKind,
    /// How far it is.
    pub state: PayoutState,
    /// Who proposed it.
    pub proposed_by: Namespace,
    /// Who approved it.
    pub approved_by: Option<Namespace>,
    /// The bank's reference.
    pub bank_reference: Option<String>,
}

/// How a partner is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayoutProfile {
    /// By which rail.
    pub rail: Rail,
    /// In which currency; none: in whatever was earned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// The least that is paid out, where it is more than the policy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Money>,
    /// Which runs pay this partner.
    #[serde(default)]
    pub schedule: Schedule,
    /// What is withheld for the state; set by operators.
    #[serde(default)]
    pub withheld: Rate,
    /// Who the partner is on self-billed invoices; none: it gets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal: Option<Party>,
}

crate::words! {
    /// How often a partner is paid: by each run of payouts, or by the first one in each period (UTC).
    pub enum Schedule: "schedule" {
        /// Whenever a run is made.
        EveryRun = "every-run",
        /// Once in a week, which begins on Monday.
        Weekly = "weekly",
        /// Once in a calendar month.
        Monthly = "monthly",
        /// Once in a quarter of a calendar year.
        Quarterly = "quarterly",
    }

    /// Which rail money leaves by.
    pub enum RailKind: "rail" {
        /// A transfer that an operator makes by hand.
        Manual = "manual",
        /// A bank file of transfers.
        Sepa = "sepa",
        /// A transfer to a connected account at Stripe.
        Stripe = "stripe",
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::ALL[0]
    }
}

/// By which way money leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Rail {
    /// A transfer that an operator makes by hand.
    Manual,
    /// A bank file of transfers (ISO 20022 pain.001).
    Sepa {
        /// Whose account it is.
        holder: String,
        /// The account's IBAN (ISO 13616), without spaces.
        iban: String,
        /// ISO 9362; none: the bank finds it by the IBAN.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bic: Option<String>,
    },
    /// A transfer to a connected account at Stripe.
    Stripe {
        /// The id of the connected account, `acct_…`.
        account: String,
    },
}

impl Rail {
    /// Which rail it is, without the account at its end.
    pub fn kind(&self) -> RailKind {
        match self {
            Self::Manual => RailKind::Manual,
            Self::Sepa { .. } => RailKind::Sepa,
            Self::Stripe { .. } => RailKind::Stripe,
        }
    }
}

/// A version of a partner's payout profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfileVersion {
    /// Its number: later versions have higher ones.
    pub version: i64,
    /// What it says.
    pub profile: PayoutProfile,
    /// Who wrote it.
    pub changed_by: Namespace,
    /// The operator who approved it; none: it does not hold yet.
    pub approved_by: Option<Namespace>,
    /// From when it holds where it was approved and pays elsewhere than before; none: from its approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_from: Option<Timestamp>,
}
