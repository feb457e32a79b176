//! What a plugin costs an account, what is agreed to, and how an order stands by which the account may have the plugin.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::DisputeState;
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

/// That the customer's bank has taken a payment for an order back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderDispute {
    /// Since when; where there are several, since the first.
    pub since: Timestamp,
    /// `open`, or `lost` where the bank has decided one for the customer.
    pub state: DisputeState,
}

impl OrderDispute {
    /// What the customer can do about it.
    pub fn remedy(&self, plugin: &PluginId) -> String {
        match self.state {
            DisputeState::Lost => {
                format!("the money is yours again: `chandlery orders place {plugin}` orders it anew")
            }
            DisputeState::Open | DisputeState::Won => format!(
                "withdraw the dispute at the bank or card issuer that you paid with: the order holds again once the bank reports that. An \
                 order that is invoiced by the month can also be ended (`chandlery orders end`) and placed anew \
                 (`chandlery orders place {plugin}`)"
            ),
        }
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
    /// Where that is `disputed`: since when, and whether the bank has decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<OrderDispute>,
    /// Whether the account may have the plugin: by its order, as a member of the namespace, or because it is free.
    pub entitled: bool,
}

impl Quote {
    /// Why the account may not have the plugin, where it may not.
    pub fn why_not(&self) -> String {
        let Self { account, plugin, offer, order, dispute, .. } = self;
        if let Some(OrderDispute { since, .. }) = dispute {
            let day = since.strftime("%F");
            return format!(
                "the payment of {plugin} by '{account}' is disputed: the bank took it back on {day}"
            );
        }
        match (order, offer) {
            (Some(state), _) => format!("the order of {plugin} by '{account}' is {state}"),
            (None, Some(offer)) => format!("'{account}' has not ordered {plugin}, which costs {offer}"),
            (None, None) => format!("'{account}' has not ordered {plugin}"),
        }
    }

    /// What the account can do about that.
    pub fn remedy(&self) -> String {
        let plugin = &self.plugin;
        if let Some(dispute) = self.dispute {
            return dispute.remedy(plugin);
        }
        match self.order {
            None => format!(
                "`chandlery orders place {plugin}` orders it; `chandlery install {plugin}` shows price and terms first"
            ),
            Some(OrderState::Overdue) => "pay it: `chandlery orders list` has its reference".into(),
            Some(OrderState::Refunded | OrderState::Ended) => {
                format!("`chandlery orders place {plugin}` orders it anew")
            }
            Some(_) => format!("ask '{}' or the registry's operator about the order", plugin.namespace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote(order: Option<OrderState>, dispute: Option<OrderDispute>) -> Quote {
        Quote {
            account: "globex".parse().unwrap(),
            plugin: "acme:serving".parse().unwrap(),
            offer: None,
            terms: String::new(),
            summary: String::new(),
            order,
            dispute,
            entitled: false,
        }
    }

    #[test]
    fn whoever_may_not_have_a_plugin_reads_what_to_do_next() {
        let since = "2026-03-02T10:00:00Z".parse().unwrap();
        let disputed = |state| quote(Some(OrderState::Disputed), Some(OrderDispute { since, state }));
        let open = disputed(DisputeState::Open);
        assert_eq!(
            open.why_not(),
            "the payment of acme:serving by 'globex' is disputed: the bank took it back on 2026-03-02"
        );
        for (quote, next) in [
            (open, "withdraw the dispute at the bank"),
            (disputed(DisputeState::Lost), "`chandlery orders place acme:serving` orders it anew"),
            (quote(Some(OrderState::Refunded), None), "`chandlery orders place acme:serving` orders it anew"),
            (quote(Some(OrderState::Ended), None), "`chandlery orders place acme:serving` orders it anew"),
            (quote(Some(OrderState::Overdue), None), "`chandlery orders list` has its reference"),
            (quote(None, None), "`chandlery orders place acme:serving` orders it;"),
        ] {
            assert!(quote.remedy().contains(next), "{}", quote.remedy());
        }
    }
}
