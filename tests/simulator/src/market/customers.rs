//! What customers do: subscribe, order, use, pay.

use anyhow::Result;
use chandlery_package::Money;
use jiff::SignedDuration;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::Market;
use super::lines::money;
use crate::partners::offers;

/// What is used.
const USED: [&str; 5] = ["acme:serving", "berlin:vision", "kyoto:pages", "acme:toolbox", "denver:agents"];
/// After how many days a customer pays again what is still open: its transfer was not recognised.
const PAYS_AGAIN_DAYS: u32 = 20;
const TIERS: [&str; 3] = ["developer", "team", "enterprise"];

impl Market {
    pub(super) async fn customer_acts(&mut self, index: usize) -> Result<()> {
        let token = self.customers[index].token.clone();
        if self.day == self.customers[index].joins {
            let trial = json!({ "tier": TIERS.choose(&mut self.random) });
            self.attempt("trials", &token, Method::POST, "/api/v1/subscription/trial", trial).await?;
            for (plugin, _) in offers() {
                // Most order what they use; the others' use is nobody's to charge.
                if USED.contains(&plugin) && self.random.random_ratio(4, 5) {
                    let order = json!({ "plugin": plugin });
                    self.attempt("orders", &token, Method::POST, "/api/v1/orders", order).await?;
                }
            }
        }
        if self.random.random_ratio(1, 30) {
            let tier = ["free", "developer", "developer", "team", "team", "enterprise"];
            let tier = tier.choose(&mut self.random).copied();
            let billed = if self.random.random_ratio(1, 6) { "yearly" } else { "monthly" };
            let change = json!({ "tier": tier, "billed": billed });
            self.attempt("subscription changes", &token, Method::PUT, "/api/v1/subscription", change).await?;
            if self.random.random_ratio(1, 6) {
                self.refund_all(index).await?;
            }
        }
        if self.random.random_ratio(1, 60) {
            self.end_order(index).await?;
        }
        if self.random.random_ratio(1, 40) {
            let (plugin, _) = offers()[self.random.random_range(0..offers().len())].clone();
            let referrer = self.partners.choose(&mut self.random).map(|partner| partner.name);
            let referrer =
                referrer.filter(|name| !plugin.starts_with(name) && self.random.random_ratio(1, 2));
            let order = json!({ "plugin": plugin, "referrer": referrer, "coupon": self.coupon_for(plugin) });
            if let Some(order) = self.attempt("orders", &token, Method::POST, "/api/v1/orders", order).await?
            {
                self.pay_order(index, &order).await?;
            }
        }
        if self.random.random_ratio(1, 3) {
            self.use_plugins(index).await?;
        }
        if self.random.random_ratio(1, 5) {
            self.pay_invoices(index).await?;
        }
        Ok(())
    }

    async fn pay_order(&mut self, index: usize, order: &Value) -> Result<()> {
        let (Some(reference), false) = (order["reference"].as_str(), order["due"].is_null()) else {
            return Ok(());
        };
        if !order["paid_at"].is_null() || self.random.random_ratio(1, 5) {
            return Ok(());
        }
        let (path, due) = (format!("/api/v1/orders/{reference}"), money(&order["due"])?);
        match self.random.random_range(0..5) {
            0 | 1 => {
                let payment = json!({ "bank_reference": format!("T-{reference}"), "amount": order["due"] });
                let path = format!("{path}/payment");
                if self.operate("order payments", Method::POST, &path, payment).await?.is_some() {
                    self.moves(&format!("T-{reference}"), due, reference);
                }
            }
            2 => {
                let text = match self.random.random_range(0..4) {
                    0 => reference.to_lowercase(),
                    1 => format!("RF18{}", reference.replace('-', "")),
                    // One letter is wrong.
                    2 => format!("for {}Z", reference.split_at(reference.len() - 1).0),
                    _ => format!("for {reference}"),
                };
                self.moves(&format!("L-{reference}-{}", self.day), due, &text);
            }
            _ => {
                self.pay_by_stripe(index, &path).await?;
            }
        }
        Ok(())
    }

    /// Use of today or, sometimes, of weeks ago, which the customer's host signs; some of it is corrected later, by hand.
    async fn use_plugins(&mut self, index: usize) -> Result<()> {
        let token = self.customers[index].token.clone();
        let mut events = Vec::new();
        for _ in 0..self.random.random_range(1..=self.scenario.batch) {
            events.push(self.event(index));
        }
        let honest = events.len();
        if self.random.random_ratio(1, 12) {
            let event = self.event(index);
            let lie = self.lie(index, event);
            events.push(lie);
            self.count("lies");
        }
        let fresh: Vec<Value> =
            events.iter().take(honest).filter(|event| event["corrects"].is_null()).cloned().collect();
        let (used, corrected): (Vec<Value>, Vec<Value>) =
            events.into_iter().partition(|event| event["corrects"].is_null());
        self.report(index, &used).await?;
        if !corrected.is_empty() {
            self.attempt("usage batches", &token, Method::POST, "/api/v1/usage", json!(corrected)).await?;
        }
        let sent = &mut self.customers[index].sent;
        sent.extend(fresh);
        let surplus = sent.len().saturating_sub(200);
        sent.drain(..surplus);
        Ok(())
    }

    fn event(&mut self, index: usize) -> Value {
        let id = uuid::Builder::from_random_bytes(self.random.random()).into_uuid();
        if self.random.random_ratio(1, 25)
            && let Some(wrong) = self.customers[index].sent.choose(&mut self.random)
        {
            let mut right = wrong.clone();
            right["id"] = json!(id);
            right["corrects"] = wrong["id"].clone();
            for field in ["replica_millis", "gpu_millis"] {
                right[field] = json!(wrong[field].as_u64().unwrap_or(0) / self.random.random_range(1..4));
            }
            return right;
        }
        let late = if self.random.random_ratio(1, 15) { self.random.random_range(1..40) } else { 0 };
        let to = self.now.checked_sub(SignedDuration::from_hours(24 * late)).unwrap_or(self.now);
        let millis: u64 = self.random.random_range(1..4 * 3_600_000);
        let from = to.checked_sub(SignedDuration::from_millis(millis as i64)).unwrap_or(to);
        let plugin = USED.choose(&mut self.random).copied().unwrap_or("acme:serving");
        let mut event = json!({
            "id": id, "deployment": format!("d{}", self.random.random_range(0..3)), "release": format!("{plugin}@1.0.0"),
            "from": from, "to": to, "replica_millis": millis, "gpu_millis": millis * self.random.random_range(0..9),
        });
        if plugin == "kyoto:pages" {
            event["units"] = json!({ "pages": self.random.random_range(1..900) });
        }
        event
    }

    /// Pays what is due, as far as this customer does: by Stripe, or by transfers that an operator records or the bank tells of.
    async fn pay_invoices(&mut self, index: usize) -> Result<()> {
        let (token, pays) = (self.customers[index].token.clone(), self.customers[index].pays);
        for invoice in self.list(&token, "/api/v1/invoices").await? {
            // Some pay what was given up.
            let is_late = invoice["state"] == "uncollectible" && self.random.random_ratio(1, 60);
            if invoice["state"] != "open" && !is_late || self.random.random_range(0..100) >= pays {
                continue;
            }
            let number = &invoice["number"];
            let minor = |field: &str| invoice[field]["minor"].as_i64().unwrap_or(0);
            let due = money(&invoice["total"])?
                .with_minor(minor("total") - minor("refunded") - minor("part_paid"))?;
            let paid = &mut self.customers[index].paid;
            let id = number.as_i64().unwrap_or(0);
            if due.minor() <= 0 || paid.get(&id).is_some_and(|day| day + PAYS_AGAIN_DAYS > self.day) {
                continue;
            }
            paid.insert(id, self.day);
            match self.random.random_range(0..8) {
                0..3 => {
                    let id = format!("T-INVOICE-{number}");
                    let payment = json!({ "bank_reference": id, "amount": due });
                    let path = format!("/api/v1/invoices/{number}/payment");
                    if self.operate("invoice payments", Method::POST, &path, payment).await?.is_some() {
                        self.moves(&id, due, &format!("INVOICE-{number}"));
                    }
                }
                3 | 4 => {
                    let paid = self.pay_by_stripe(index, &format!("/api/v1/invoices/{number}")).await?;
                    // Their bank may take it back before the registry has heard of it, or they pay once more.
                    if paid && self.random.random_ratio(1, 25) {
                        self.dispute_at_once(number, due);
                    } else if paid && self.random.random_ratio(1, 15) {
                        self.transfer(number, due)?;
                    }
                }
                _ => self.transfer(number, due)?,
            }
        }
        Ok(())
    }

    /// A transfer for an invoice: all, a part, or too much, once or twice; now and then its reference is mistyped, or missing.
    fn transfer(&mut self, number: &Value, due: Money) -> Result<()> {
        let minor = match self.random.random_range(0..10) {
            0 => (due.minor() / 2).max(1),
            1 => due.minor() + 100,
            _ => due.minor(),
        };
        let text = match self.random.random_range(0..14) {
            0 => format!("invoice {number}"),
            1 => format!("RF18INVOICE{number}"),
            2 => format!("INVOICE-{number}0000"),
            3 => "for what you know".into(),
            _ => format!("for INVOICE-{number}"),
        };
        let amount = due.with_minor(minor)?;
        self.moves(&format!("S-{}-INVOICE-{number}", self.day), amount, &text);
        if self.random.random_ratio(1, 30) {
            self.moves(&format!("S-{}-INVOICE-{number}-again", self.day), amount, &text);
        }
        Ok(())
    }
}
