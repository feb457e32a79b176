//! The terms that plugins are sold on, as far as programs keep them; `docs/terms.md` is their text.

use crate::{Offer, Price};

/// The version of the terms that an order made now is on.
pub const VERSION: &str = "2026-11-28";
/// Within how many days what costs once is to be paid: so long it may be used before that.
pub const PAYMENT_DAYS: i64 = 14;
/// How many days what serves goes on, after its host has told that its plugin is not covered any more.
pub const NOTICE_DAYS: i64 = 30;
/// How many days before a trial or the time to pay is over a host tells of it.
pub const WARNING_DAYS: i64 = 3;

/// What the terms come to for an offer, in a sentence for whoever is about to agree.
pub fn summary(offer: &Offer) -> String {
    let paid = match &offer.price {
        Price::Once { .. } => format!("to be paid within {PAYMENT_DAYS} days, taxes added"),
        Price::Monthly { .. } | Price::Metered { .. } => {
            "invoiced when a month is over, taxes added, until the order is ended".into()
        }
    };
    format!(
        "{paid}; after the end of an order, a refund or a chargeback nothing new is deployed, and what serves goes on \
         for {NOTICE_DAYS} days"
    )
}
