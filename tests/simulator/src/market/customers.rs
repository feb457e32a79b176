//! What customers do: subscribe, order, use, pay.

use anyhow::Result;
use chandlery_package::Money;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::Market;
use crate::partners::offers;

/// What is used.
const USED: [&str; 4] = ["acme:serving", "berlin:vision", "kyoto:pages", "acme:toolbox"];
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
        }
        if self.random.random_ratio(1, 40) {
            let (plugin, _) = offers()[self.random.random_range(0..offers().len())].clone();
            let referrer = self.partners.choose(&mut self.random).map(|partner| partner.name);
            let referrer =
                referrer.filter(|name| !plugin.starts_with(name) && self.random.random_ratio(1, 2));
            let order = json!({ "plugin": plugin, "referrer": referrer });
            if let Some(order) = self.attempt("orders", &token, Method::POST, "/api/v1/orders", order).await?
            {
                self.pay_order(&order).await?;
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

    async fn pay_order(&mut self, order: &Value) -> Result<()> {
        let (Some(reference), false) = (order["reference"].as_str(), order["due"].is_null()) else {
            return Ok(());
        };
        if order["paid_at"].is_null() && self.random.random_ratio(4, 5) {
            let payment = json!({ "bank_reference": format!("T-{reference}"), "amount": order["due"] });
            let path = format!("/api/v1/orders/{reference}/payment");
            self.operate("order payments", Method::POST, &path, payment).await?;
        }
        Ok(())
    }

    /// Use of today or, sometimes, of weeks ago; some of it sent twice, or corrected later.
    async fn use_plugins(&mut self, index: usize) -> Result<()> {
        let token = self.customers[index].token.clone();
        let mut events = Vec::new();
        for _ in 0..self.random.random_range(1..=self.scenario.batch) {
            if self.random.random_ratio(1, 10)
                && let Some(again) = self.customers[index].sent.choose(&mut self.random)
            {
                events.push(again.clone());
                continue;
            }
            events.push(self.event(index));
        }
        events.dedup_by_key(|event| event["id"].clone());
        let fresh: Vec<Value> = events.iter().filter(|event| event["corrects"].is_null()).cloned().collect();
        self.attempt("usage batches", &token, Method::POST, "/api/v1/usage", json!(events)).await?;
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

    /// Pays what is due, as far as this customer does: by transfers that an operator records, or that the bank's statement tells of.
    async fn pay_invoices(&mut self, index: usize) -> Result<()> {
        let (token, pays) = (self.customers[index].token.clone(), self.customers[index].pays);
        let invoices = self.list(&token, "/api/v1/invoices").await?;
        let mut statement = String::from("id,date,amount,currency,text\n");
        let mut lines = 0;
        for invoice in invoices {
            if invoice["state"] != "open" || self.random.random_range(0..100) >= pays {
                continue;
            }
            let number = &invoice["number"];
            let minor = |field: &str| invoice[field]["minor"].as_i64().unwrap_or(0);
            let due = minor("total") - minor("refunded") - minor("part_paid");
            let amount = |minor: i64| json!({ "minor": minor, "currency": invoice["total"]["currency"] });
            if self.random.random_ratio(1, 2) {
                let payment =
                    json!({ "bank_reference": format!("T-INVOICE-{number}"), "amount": amount(due) });
                let path = format!("/api/v1/invoices/{number}/payment");
                self.operate("invoice payments", Method::POST, &path, payment).await?;
            } else {
                // All, a part, or too much; now and then mistyped.
                let moved = match self.random.random_range(0..10) {
                    0 => (due / 2).max(1),
                    1 => due + 100,
                    _ => due,
                };
                let names = if self.random.random_ratio(1, 8) { "invoice " } else { "INVOICE-" };
                let line = format!("S-{}-INVOICE-{number}", self.day);
                statement.push_str(&line_of(
                    &line,
                    self.now,
                    amount(moved),
                    &format!("for {names}{number}"),
                )?);
                lines += 1;
            }
        }
        if lines > 0 {
            self.operate("bank statements", Method::POST, "/api/v1/bank-statements", json!(statement))
                .await?;
        }
        if self.random.random_ratio(1, 15) {
            self.keep_as_credit(index).await?;
        }
        Ok(())
    }

    /// Keeps what is open of lines that arrived as a customer's credit.
    async fn keep_as_credit(&mut self, index: usize) -> Result<()> {
        let (operator, customer) = (self.operator.clone(), self.customers[index].name.clone());
        for line in self.list(&operator, "/api/v1/bank/lines").await? {
            if line["open"]["minor"].as_i64() <= Some(0) {
                continue;
            }
            let credit = json!({ "kind": "credit", "customer": customer, "amount": line["open"] });
            let allotment = json!({ "line": line["id"], "to": [credit] });
            self.operate("allotments", Method::POST, "/api/v1/bank/allotments", allotment).await?;
        }
        Ok(())
    }
}

/// A line of the bank's statement as a table.
pub(super) fn line_of(id: &str, day: Timestamp, amount: Value, text: &str) -> Result<String> {
    let money: Money = serde_json::from_value(amount)?;
    let written = money.to_string();
    let (amount, currency) = written.split_once(' ').unwrap_or((&written, ""));
    Ok(format!("{id},{},{amount},{currency},{text}\n", day.strftime("%F")))
}
