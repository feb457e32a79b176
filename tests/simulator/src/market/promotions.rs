//! What sellers do to sell more: coupons, offers for one customer alone, and other prices.

use anyhow::Result;
use jiff::SignedDuration;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::Market;
use crate::partners::offers;

/// An offer with another amount or, where it is metered, with another part that is free.
fn changed(offer: &Value, percent: i64) -> Value {
    let mut offer = offer.clone();
    if let Some(minor) = offer["price"]["amount"]["minor"].as_i64() {
        offer["price"]["amount"]["minor"] = json!((minor * percent / 100).max(1));
    }
    if let Some(free) = offer["price"]["free"].as_i64() {
        offer["price"]["free"] = json!(free * percent / 100);
    }
    offer
}

impl Market {
    /// One seller makes a coupon, an offer for one customer, or a new price for everybody.
    pub(super) async fn promote(&mut self) -> Result<()> {
        let all = offers();
        let Some((plugin, offer)) = all.choose(&mut self.random) else { return Ok(()) };
        let (namespace, name) = plugin.split_once(':').unwrap_or((*plugin, ""));
        let owner = self.owners.get(namespace).cloned().unwrap_or_default();
        let path = format!("/api/v1/plugins/{namespace}/{name}");
        let percent = self.random.random_range(50..120);
        match self.random.random_range(0..3) {
            0 => {
                let code = format!("SPRING-{}", self.day);
                let until = self.now + SignedDuration::from_hours(24 * 60);
                let coupon = json!({
                    "code": code, "discount": format!("{}%", percent / 3), "until": until, "uses_max": 5,
                });
                let coupons = format!("{path}/coupons");
                let made = self.attempt("coupons", &owner, Method::POST, &coupons, coupon).await?;
                self.coupon = made.map(|_| ((*plugin).to_owned(), code));
            }
            1 => {
                let index = self.random.random_range(0..self.customers.len().max(1));
                let Some(customer) = self.customers.get(index).map(|customer| customer.name.clone()) else {
                    return Ok(());
                };
                let offered = json!({ "offer": changed(offer, percent), "customer": customer });
                self.attempt("private offers", &owner, Method::PUT, &format!("{path}/price"), offered)
                    .await?;
            }
            _ => {
                let offered = json!({ "offer": changed(offer, percent) });
                self.attempt("new prices", &owner, Method::PUT, &format!("{path}/price"), offered).await?;
            }
        }
        Ok(())
    }

    /// The coupon that was made last, where it is for a plugin.
    pub(super) fn coupon_for(&self, plugin: &str) -> Option<String> {
        self.coupon.as_ref().filter(|(of, _)| of == plugin).map(|(_, code)| code.clone())
    }
}
