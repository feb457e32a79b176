//! An event as Stripe writes it, and what it is about.

use jiff::Timestamp;
use serde_json::Value;

use super::object::{Object, is_id};
use crate::Error;

chandlery_package::words! {
    /// What an event is about, by the path that it is asked for at. Of what waits for the same payment the earlier one goes first.
    pub(super) enum Topic: "object of the processor" {
        /// A customer has paid.
        Payment = "payment_intents",
        /// Some of a payment was given back.
        Charge = "charges",
        /// A refund, by itself.
        Refund = "refunds",
        /// A customer's bank takes a payment back, or asks about it.
        Dispute = "disputes",
        /// Money was sent to a connected account.
        Transfer = "transfers",
        /// Money was sent to the marketplace's bank.
        Payout = "payouts",
    }
}

impl Topic {
    /// The topic of a kind of event; none: it is not known here.
    fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            "payment_intent.succeeded" => Self::Payment,
            "charge.refunded" => Self::Charge,
            "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => Self::Refund,
            "charge.dispute.created"
            | "charge.dispute.updated"
            | "charge.dispute.closed"
            | "charge.dispute.funds_withdrawn"
            | "charge.dispute.funds_reinstated" => Self::Dispute,
            "transfer.created" | "transfer.updated" | "transfer.reversed" => Self::Transfer,
            "payout.created" | "payout.updated" | "payout.paid" | "payout.failed" | "payout.canceled" => {
                Self::Payout
            }
            _ => return None,
        })
    }

    /// What Stripe is to write out of an object of this topic, as its address ends: by which movements of its account the money moved.
    /// A dispute has them by itself.
    pub(super) fn written_out(self) -> &'static str {
        match self {
            Self::Refund => "?expand%5B%5D=balance_transaction&expand%5B%5D=failure_balance_transaction",
            Self::Transfer | Self::Payout => "?expand%5B%5D=balance_transaction",
            Self::Payment | Self::Charge | Self::Dispute => "",
        }
    }
}

/// How the kinds of events begin that move no money, beside those that are followed: what a payment goes through before it has
/// succeeded, and what Stripe keeps in its own words of customers, prices and pages. <https://docs.stripe.com/api/events/types>
const MOVES_NOTHING: [&str; 18] = [
    "account.",
    "balance.",
    "capability.",
    "charge.captured",
    "charge.expired",
    "charge.failed",
    "charge.pending",
    "charge.updated",
    "checkout.session.",
    "customer.",
    "payment_intent.",
    "payment_link.",
    "payment_method.",
    "payout.reconciliation_completed",
    "price.",
    "product.",
    "radar.",
    "setup_intent.",
];

/// What Stripe has told.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: String,
    /// None: a kind that is not known here.
    pub(super) topic: Option<Topic>,
    /// Whether it happened on an account that is connected to the marketplace's, whose money is not the marketplace's.
    pub(super) of_another: bool,
    pub(super) created_at: Option<Timestamp>,
    pub(super) object: Object,
    pub(super) body: String,
}

impl Event {
    pub(super) fn read(body: &[u8]) -> Result<Self, Error> {
        let unreadable =
            |why: &dyn std::fmt::Display| Error::Invalid(format!("the event cannot be read: {why}"));
        let text = std::str::from_utf8(body).map_err(|error| unreadable(&error))?;
        let event: Value = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
        let id = event["id"].as_str().filter(|id| is_id(id)).ok_or_else(|| unreadable(&"it has no id"))?;
        let plain = |kind: &&str| kind.split('.').all(is_id);
        let kind = event["type"].as_str().filter(plain).ok_or_else(|| unreadable(&"it has no type"))?;
        Ok(Self {
            id: id.to_owned(),
            kind: kind.to_owned(),
            topic: Topic::of(kind),
            of_another: event["account"].is_string(),
            created_at: event["created"].as_i64().and_then(|second| Timestamp::from_second(second).ok()),
            object: Object(event["data"]["object"].clone()),
            body: text.to_owned(),
        })
    }

    /// Whether its kind is known to move no money. A charge that was made for a payment is told with that.
    pub(super) fn moves_nothing(&self) -> bool {
        MOVES_NOTHING.iter().any(|beginning| self.kind.starts_with(beginning))
            || self.kind == "charge.succeeded" && self.object.reference("payment_intent").is_some()
    }

    /// What must be in the books before it: a payment, or whatever else it names.
    pub(super) fn about(&self) -> String {
        let id = || self.object.reference("id");
        let about = match self.topic {
            Some(Topic::Charge | Topic::Refund | Topic::Dispute) => self.object.reference("payment_intent"),
            Some(Topic::Payment | Topic::Transfer | Topic::Payout) | None => id(),
        };
        about.unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_event_is_refused_and_what_is_one_has_a_topic_or_none() {
        for wrong in
            ["", "[]", "{}", r#"{"id":"evt_1"}"#, r#"{"id":"a/b","type":"x"}"#, r#"{"id":"e","type":"x y"}"#]
        {
            assert!(Event::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(Event::read(b"\xff").is_err());
        for (kind, topic, about) in [
            ("charge.dispute.created", Some(Topic::Dispute), "pi_1"),
            ("charge.refunded", Some(Topic::Charge), "pi_1"),
            ("payment_intent.succeeded", Some(Topic::Payment), "x_1"),
            ("payout.failed", Some(Topic::Payout), "x_1"),
            ("customer.created", None, "x_1"),
        ] {
            let object = serde_json::json!({ "id": "x_1", "payment_intent": { "id": "pi_1" } });
            let body = serde_json::json!({ "id": "evt_1", "type": kind, "data": { "object": object } });
            let event = Event::read(body.to_string().as_bytes()).unwrap();
            assert_eq!(
                (event.topic, event.about().as_str(), event.of_another),
                (topic, about, false),
                "{kind}"
            );
        }
    }

    #[test]
    fn what_may_move_money_is_not_passed_over() {
        for (kind, object, moves_nothing) in [
            ("checkout.session.completed", serde_json::json!({}), true),
            ("payment_intent.payment_failed", serde_json::json!({}), true),
            ("charge.succeeded", serde_json::json!({ "payment_intent": "pi_1" }), true),
            ("charge.succeeded", serde_json::json!({ "payment_intent": null }), false),
            ("topup.succeeded", serde_json::json!({}), false),
            ("application_fee.created", serde_json::json!({}), false),
        ] {
            let body = serde_json::json!({ "id": "evt_1", "type": kind, "data": { "object": object } });
            let event = Event::read(body.to_string().as_bytes()).unwrap();
            assert_eq!((event.topic, event.moves_nothing()), (None, moves_nothing), "{kind} {object}");
        }
    }
}
