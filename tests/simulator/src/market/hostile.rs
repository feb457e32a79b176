//! Customers who report what cannot be, and who end and begin orders as it suits them.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::Market;

impl Market {
    /// An event that lies: of another age, of more than there can be, of nothing after all, or of somebody else's.
    pub(super) fn lie(&mut self, index: usize, honest: Value) -> Value {
        let mut lie = honest;
        let day = |days: i64, now: Timestamp| {
            now.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX)
        };
        match self.random.random_range(0..8) {
            0 => {
                lie["from"] = json!("0001-01-01T00:00:00Z");
                lie["to"] = json!("0001-01-01T01:00:00Z");
            }
            1 => {
                lie["from"] = json!(day(400, self.now));
                lie["to"] = json!(day(401, self.now));
            }
            2 => {
                lie["replica_millis"] = json!(u64::MAX);
                lie["gpu_millis"] = json!(i64::MAX);
            }
            3 => {
                let millis = lie["replica_millis"].as_u64().unwrap_or(0);
                lie["replica_millis"] = json!(millis * 5_000);
                lie["gpu_millis"] = json!(millis * 5_000 * 2_000);
            }
            4 => lie["from"] = json!(day(1, self.now)),
            5 => lie["release"] = json!("acme:nothing@9.9.9"),
            6 => {
                let other = (index + 1) % self.customers.len().max(1);
                if let Some(forged) = self.customers[other].sent.choose(&mut self.random) {
                    lie["id"] = forged["id"].clone();
                }
            }
            _ => {
                if let Some(own) = self.customers[index].sent.choose(&mut self.random) {
                    let id = lie["id"].clone();
                    lie = own.clone();
                    lie["corrects"] = own["id"].clone();
                    lie["id"] = id;
                    lie["replica_millis"] = json!(0);
                    lie["gpu_millis"] = json!(0);
                }
            }
        }
        lie
    }

    /// Ends an order that is invoiced by the month; it may be made anew on any later day.
    pub(super) async fn end_order(&mut self, index: usize) -> Result<()> {
        let token = self.customers[index].token.clone();
        let orders = self.list(&token, "/api/v1/orders").await?;
        let lasting: Vec<&Value> =
            orders.iter().filter(|order| order["due"].is_null() && order["ended_at"].is_null()).collect();
        if let Some(order) = lasting.choose(&mut self.random) {
            let path = format!("/api/v1/orders/{}", order["reference"].as_str().unwrap_or_default());
            self.attempt("ended orders", &token, Method::DELETE, &path, Value::Null).await?;
        }
        Ok(())
    }
}
