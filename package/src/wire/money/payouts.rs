//! Shares and payouts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Balance, Currency, Money, Namespace, PluginId, Rate, RevenueSharePolicy};

/// A policy of shares, and from when on it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyVersion {
    /// Its number: later versions have higher ones.
    pub version: i64,
    /// From when on.
    pub since: String,
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

/// One change of a partner's money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Earning {
    /// The ledger's transaction.
    pub transaction: i64,
    /// When it was booked.
    pub at: Timestamp,
    /// `sale`, `refund`, `payout`, …
    pub kind: String,
    /// What it was about.
    pub description: String,
    /// The plugin, where it was about one.
    pub plugin: Option<PluginId>,
    /// What the customer pays, for a sale.
    pub gross: Option<Money>,
    /// What the partner gained or, below zero, gave back or was paid out.
    pub net: Money,
    /// When a sale's earning becomes available, once the customer has paid.
    pub available_at: Option<Timestamp>,
}

/// The state of a payout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PayoutState {
    /// One operator has proposed it.
    Proposed,
    /// It was taken back before anybody approved it.
    Cancelled,
    /// A second one has approved it; the money has left the available balance.
    Approved,
    /// The rail has it.
    Sent,
    /// The bank has confirmed it.
    Paid,
    /// The bank has returned it; the money is available again.
    Returned,
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
    /// By which rail: `manual`, `sepa` or `stripe`.
    pub rail: String,
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
}

/// How often a partner is paid: by each run of payouts, or by the first one in each period (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Whenever a run is made.
    #[default]
    EveryRun,
    /// Once in a week, which begins on Monday.
    Weekly,
    /// Once in a calendar month.
    Monthly,
    /// Once in a quarter of a calendar year.
    Quarterly,
}

impl std::str::FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        serde_json::from_value(text.into())
            .map_err(|_| format!("'{text}' is none of every-run, weekly, monthly, quarterly"))
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
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Sepa { .. } => "sepa",
            Self::Stripe { .. } => "stripe",
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
}
