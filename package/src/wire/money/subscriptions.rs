//! Subscriptions: tiers and their prices, trials, agreements, the hosts of an account and its licence.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Invoice;
use crate::{Billed, Money, Namespace, Tier};

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
