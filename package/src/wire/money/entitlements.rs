//! What a plugin costs an account, what is agreed to, and how an order stands by which the account may have the plugin.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Namespace, Offer, PluginId, words};

words! {
    /// How an order stands; `docs/money.md` draws what leads from one state to another.
    pub enum OrderState: "state of an order" {
        /// It costs nothing yet, and then what was ordered.
        Trial = "trial",
        /// It is invoiced by the month.
        Running = "running",
        /// It costs once, and the time to pay it is not over.
        Ordered = "ordered",
        /// The time to pay it, or what it was invoiced for, is over.
        Overdue = "overdue",
        /// It was paid once, for ever.
        Paid = "paid",
        /// The customer's bank has taken a payment back, for now or for good.
        Disputed = "disputed",
        /// What was paid for it was given back.
        Refunded = "refunded",
        /// The customer has ended it.
        Ended = "ended",
    }
}

impl OrderState {
    /// Whether the customer may pull, install and deploy what was ordered.
    pub const fn entitles(self) -> bool {
        matches!(self, Self::Trial | Self::Running | Self::Ordered | Self::Paid)
    }
}

/// What somebody agrees to by an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acceptance {
    /// The offer that was shown: an order at another one is refused.
    pub offer: Offer,
    /// The version of the terms that were shown.
    pub terms: String,
}

/// What a plugin costs an account at this moment, and whether the account may have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quote {
    /// The account that asks.
    pub account: Namespace,
    /// What it would be for.
    pub plugin: PluginId,
    /// What it costs; none: nothing.
    pub offer: Option<Offer>,
    /// The version of the terms that an order would be on.
    pub terms: String,
    /// What the terms come to, in a sentence.
    pub summary: String,
    /// How the account's order stands; none: it has not ordered.
    pub order: Option<OrderState>,
    /// Whether the account may have the plugin: by its order, as a member of the namespace, or because it is free.
    pub entitled: bool,
}

impl Quote {
    /// Why the account may not have the plugin, where it may not.
    pub fn why_not(&self) -> String {
        let Self { account, plugin, offer, order, .. } = self;
        match (order, offer) {
            (Some(state), _) => format!("the order of {plugin} by '{account}' is {state}"),
            (None, Some(offer)) => format!("'{account}' has not ordered {plugin}, which costs {offer}"),
            (None, None) => format!("'{account}' has not ordered {plugin}"),
        }
    }

    /// What the account can do about that.
    pub fn remedy(&self) -> String {
        let plugin = &self.plugin;
        match self.order {
            None => format!(
                "`chandlery orders place {plugin}` orders it; `chandlery install {plugin}` shows price and terms first"
            ),
            Some(OrderState::Overdue) => "pay it: `chandlery orders list` has its reference".into(),
            Some(_) => format!("ask '{}' or the registry's operator for another order", plugin.namespace),
        }
    }
}
