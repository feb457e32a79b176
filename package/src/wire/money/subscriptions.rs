//! Subscriptions: tiers and their prices, trials, agreements, the hosts of an account and its licence.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CreditNote, Invoice};
use crate::{Billed, Money, Namespace, Tier, words};

words! {
    /// How a subscription stands; `docs/money.md` draws what leads from one state to another.
    pub enum SubscriptionState: "state of a subscription" {
        /// Nothing is invoiced.
        Free = "free",
        /// A tier is had for nothing, for as long as the trial lasts.
        Trial = "trial",
        /// A period is invoiced, and not paid.
        Due = "due",
        /// A period is paid, and will be followed by another.
        Active = "active",
        /// It becomes less when what is paid is over.
        Changing = "changing",
        /// It ends when what is paid is over.
        Ending = "ending",
        /// The customer's bank has taken the payment back, and has not decided.
        Disputed = "disputed",
    }
}

impl SubscriptionState {
    /// Whether what is invoiced may be used.
    pub const fn holds(self) -> bool {
        matches!(self, Self::Due | Self::Active | Self::Changing | Self::Ending)
    }
}

/// A tier, as the price list has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TierOffer {
    /// The tier that is offered.
    pub tier: Tier,
    /// How many deployments it allows; none: any number.
    pub deployments: Option<u32>,
    /// What a month costs; none: nothing, or as is agreed.
    pub monthly: Option<Money>,
    /// What a year costs.
    pub yearly: Option<Money>,
}

/// What an account has subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Subscription {
    /// The account that has subscribed.
    pub account: Namespace,
    /// How it stands.
    pub state: SubscriptionState,
    /// What it may use now, by its subscription or its trial.
    pub tier: Tier,
    /// How many deployments that allows; none: any number.
    pub deployments: Option<u32>,
    /// Whether it is a trial.
    pub trial: bool,
    /// Whether there is a trial that has not been begun yet.
    pub trial_left: bool,
    /// How often it is billed; none: never.
    pub billed: Option<Billed>,
    /// Until when it is invoiced, or the trial lasts.
    pub until: Option<Timestamp>,
    /// What it becomes then, where that is something else.
    pub then: Option<Tier>,
    /// Invoices that are not paid.
    pub due: Vec<Invoice>,
}

/// A subscription that was ended before its time, and what was given back of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndedSubscription {
    /// What is left of it.
    pub subscription: Subscription,
    /// What was given back: of its invoice and, where that used up what was left of another one, of that.
    pub credit_notes: Vec<CreditNote>,
}

/// What an account wants to subscribe to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewSubscription {
    /// Which tier; `free` ends a subscription when what was invoiced is over.
    pub tier: Tier,
    /// How often it is billed.
    pub billed: Billed,
}

/// What an account wants to try.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewTrial {
    /// The tier to try.
    pub tier: Tier,
}

/// What was agreed with an account, recorded by an operator.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Agreement {
    /// How many deployments it may have; none: any number.
    pub deployments: Option<u32>,
    /// What it pays each time that it is billed.
    pub price: Money,
    /// How often it pays that.
    pub billed: Billed,
}

/// A host of an account, as it has reported itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostSeen {
    /// What it calls itself.
    pub host: String,
    /// How many deployments it has.
    pub deployments: u32,
    /// When it was last heard of.
    pub seen_at: Timestamp,
}

/// A signed licence.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SignedLicence {
    /// The text of a [`crate::Licence`], signed by the key of the registry's log.
    pub licence: String,
}
