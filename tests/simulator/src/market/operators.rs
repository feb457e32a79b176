//! What operators do: rates, expenses, exchanges, policies, refunds, disputes, the close of a month.

use anyhow::Result;
use jiff::SignedDuration;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::Market;
use super::requests::refused;

/// What a new policy changes: the first one that follows has steps and a reserve, the second one a year's volume and referrals.
const POLICIES: [&str; 2] = [
    r#"{"commission": [{"up_to": "2000.00 USD", "rate": "5%"}, {"rate": "15%"}], "referral": "4%", "services": "20%",
        "reserve": {"rate": "10%", "days": 60}, "minimum": {"USD": "25.00 USD", "EUR": "20.00 EUR"}}"#,
    r#"{"commission": [{"up_to": "5000.00 USD", "rate": "0%"}, {"up_to": "20000.00 USD", "rate": "12.5%"}, {"rate": "17%"}],
        "volume": "trailing-year", "referral": "5%", "services": "20%", "exceptions": {"berlin:labels": "3%"},
        "reserve": {"rate": "5%", "days": 30}, "minimum": {"USD": "25.00 USD"}}"#,
];

impl Market {
    /// Gives back a part, or all, of something that a customer was invoiced for.
    pub(super) async fn refund(&mut self) -> Result<()> {
        let Some(index) =
            (!self.customers.is_empty()).then(|| self.random.random_range(0..self.customers.len()))
        else {
            return Ok(());
        };
        let token = self.customers[index].token.clone();
        let invoices = self.list(&token, "/api/v1/invoices").await?;
        let Some(invoice) = invoices.choose(&mut self.random) else {
            return Ok(());
        };
        let net = invoice["net"]["minor"].as_i64().unwrap_or(0);
        if net <= 0 {
            return Ok(());
        }
        let minor = if self.random.random_ratio(1, 3) { net } else { self.random.random_range(1..=net) };
        let refund = json!({
            "key": format!("refund-{}-{}", self.day, self.customers[index].name), "reason": "it did not work",
            "amount": { "minor": minor, "currency": invoice["net"]["currency"] }, "as_credit": self.random.random_ratio(1, 4),
        });
        let path = format!("/api/v1/invoices/{}/refunds", invoice["number"]);
        self.operate("refunds", Method::POST, &path, refund).await?;
        Ok(())
    }

    /// Opens a dispute of a sale, and decides one that was opened some time ago.
    pub(super) async fn dispute(&mut self) -> Result<()> {
        let Some(index) =
            (!self.customers.is_empty()).then(|| self.random.random_range(0..self.customers.len()))
        else {
            return Ok(());
        };
        let token = self.customers[index].token.clone();
        let invoices = self.list(&token, "/api/v1/invoices").await?;
        let paid = invoices.iter().filter(|invoice| invoice["state"] == "paid");
        let sold: Vec<&Value> = paid
            .filter_map(|invoice| invoice["lines"].as_array())
            .flatten()
            .filter(|line| line["sale"].is_i64())
            .collect();
        if let Some(line) = sold.choose(&mut self.random) {
            let amount = &line["amount"];
            let dispute = json!({
                "id": format!("dp-{}", self.day), "sale": line["sale"], "amount": amount,
                "fee": { "minor": 1500, "currency": amount["currency"] },
            });
            self.operate("disputes", Method::POST, "/api/v1/disputes", dispute).await?;
        }
        let earlier = self.day.saturating_sub(self.random.random_range(10..80));
        for day in earlier..earlier + 12 {
            let path = format!("/api/v1/disputes/dp-{day}");
            let won = self.random.random_ratio(1, 2);
            self.operate("decisions", Method::PUT, &path, json!({ "won": won })).await?;
        }
        Ok(())
    }

    /// Confirms or refuses the corrections that may lower what is owed.
    pub(super) async fn decide_corrections(&mut self) -> Result<()> {
        let operator = self.operator.clone();
        let held = self.list(&operator, "/api/v1/usage-corrections").await?;
        for held in held.iter().filter(|held| held["state"] == "pending") {
            let path =
                format!("/api/v1/usage-corrections/{}", held["event"]["id"].as_str().unwrap_or_default());
            let decision = json!({ "confirmed": self.random.random_ratio(3, 4) });
            self.operate("corrections", Method::PUT, &path, decision).await?;
        }
        Ok(())
    }

    pub(super) async fn set_rates(&mut self) -> Result<()> {
        let day = self.now.strftime("%F").to_string();
        for (base, quote, numerator, denominator) in
            [("EUR", "USD", 108, 100), ("USD", "JPY", 15_000, 100), ("EUR", "JPY", 16_200, 100)]
        {
            let numerator = numerator + self.random.random_range(0..numerator / 20 + 1);
            let rate = json!({ "base": base, "quote": quote, "day": day, "numerator": numerator, "denominator": denominator });
            self.operate("exchange rates", Method::PUT, "/api/v1/exchange-rates", rate).await?;
        }
        Ok(())
    }

    pub(super) async fn spend(&mut self) -> Result<()> {
        for (what, on) in [
            ("hosting", json!({ "kind": "hosting" })),
            ("developer", json!({ "kind": "acquisition", "segment": "developer" })),
            ("team", json!({ "kind": "acquisition", "segment": "team" })),
            ("enterprise", json!({ "kind": "acquisition", "segment": "enterprise" })),
        ] {
            let expense = json!({
                "key": format!("{what}-{}", self.day), "description": what, "on": on,
                "amount": { "minor": self.random.random_range(2_000..40_000), "currency": "USD" },
            });
            self.operate("expenses", Method::POST, "/api/v1/ledger/expenses", expense).await?;
        }
        Ok(())
    }

    /// Buys the euros that payouts in them have cost.
    pub(super) async fn exchange(&mut self) -> Result<()> {
        let operator = self.operator.clone();
        let balances = self.list(&operator, "/api/v1/ledger/balances").await?;
        let open = balances.iter().find(|held| {
            held["account"] == "equity:fx:EUR-JPY"
                && held["balance"]["currency"] == "JPY"
                && held["balance"]["minor"].as_i64() < Some(0)
        });
        let Some(yen) = open.and_then(|held| held["balance"]["minor"].as_i64()).map(|minor| -minor) else {
            return Ok(());
        };
        let bought = (yen * 100 / self.random.random_range(155..170)).max(1);
        let exchange = json!({
            "key": format!("exchange-{}", self.day), "sold": { "minor": yen, "currency": "JPY" },
            "bought": { "minor": bought, "currency": "EUR" },
        });
        self.operate("exchanges", Method::POST, "/api/v1/ledger/exchanges", exchange).await?;
        Ok(())
    }

    pub(super) async fn follow_policy(&mut self) -> Result<()> {
        let Some(policy) = POLICIES.get(self.policies) else { return Ok(()) };
        self.policies += 1;
        let policy: Value = serde_json::from_str(policy)?;
        let since = self.now.checked_add(SignedDuration::from_hours(24)).unwrap_or(self.now);
        let new = json!({ "since": since, "policy": policy });
        self.operate("policies", Method::POST, "/api/v1/policies", new).await?;
        Ok(())
    }

    pub(super) async fn close_months(&mut self) -> Result<()> {
        let operator = self.operator.clone();
        let months = self.read(&operator, "/api/v1/ledger/months").await?;
        for month in months["due"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let path = format!("/api/v1/ledger/months/{month}/close");
            let answer = self.ask(&operator, &Method::POST, &path, &json!({})).await?;
            // Asked again after a crash, it may have been closed before it.
            if !answer.is_done() && !answer.body["detail"].to_string().contains("closed already") {
                return Err(refused(&Method::POST, &path, &answer));
            }
            *self.summary.done.entry("closed months".into()).or_default() += 1;
        }
        Ok(())
    }
}
