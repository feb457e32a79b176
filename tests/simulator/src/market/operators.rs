//! What operators do: rates, expenses, exchanges, policies, refunds, disputes, the close of a month.

use anyhow::Result;
use chandlery_package::Money;
use jiff::SignedDuration;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::Market;
use super::lines::money;
use super::requests::refused;

/// What a dispute costs, in minor units.
const DISPUTE_FEE: i64 = 1500;

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
        let as_credit = self.random.random_ratio(1, 4);
        self.give_back(invoice, minor, as_credit).await
    }

    /// Gives back all that a customer was invoiced for, as far as there is something left of each.
    pub(super) async fn refund_all(&mut self, index: usize) -> Result<()> {
        let token = self.customers[index].token.clone();
        for invoice in self.list(&token, "/api/v1/invoices").await? {
            if let Some(net) = invoice["net"]["minor"].as_i64().filter(|net| *net > 0) {
                self.give_back(&invoice, net, false).await?;
            }
        }
        Ok(())
    }

    /// Gives back so much of an invoice, where Stripe has told all that it has given back itself and no bank asks about the payment.
    async fn give_back(&mut self, invoice: &Value, minor: i64, as_credit: bool) -> Result<()> {
        let number = invoice["number"].as_i64().unwrap_or(0);
        if !self.processor.is_told() || self.processor.contested.contains(&number) {
            return Ok(());
        }
        let key = format!("refund-{}-{number}", self.day);
        let refund = json!({
            "key": key, "reason": "it did not work", "as_credit": as_credit,
            "amount": { "minor": minor, "currency": invoice["net"]["currency"] },
        });
        let path = format!("/api/v1/invoices/{number}/refunds");
        let Some(mut note) = self.operate("refunds", Method::POST, &path, refund.clone()).await? else {
            return Ok(());
        };
        // What another operator has approved is answered by the approval; asking again tells what was done.
        if note["cash"].is_null() {
            let operator = self.operator.clone();
            note = self.require(&operator, Method::POST, &path, refund).await?;
        }
        let cash = money(&note["cash"])?;
        if cash.minor() > 0 && invoice["state"] == "paid" && !self.is_given_back_by_stripe(&key).await? {
            let text = format!("REFUND-{}", note["number"]);
            self.moves(&text, cash.negated(), &text);
        }
        Ok(())
    }

    /// Whether a refund leaves by Stripe, which has done it or is owed to be told.
    async fn is_given_back_by_stripe(&mut self, key: &str) -> Result<bool> {
        if self.processor.has_refunded(key) {
            return Ok(true);
        }
        let operator = self.operator.clone();
        let owed = self.list(&operator, "/api/v1/processor/requests").await?;
        Ok(owed.iter().any(|request| request["key"] == format!("refund:{key}")))
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
            let (id, amount) = (format!("dp-{}", self.day), money(&line["amount"])?);
            let dispute = json!({
                "id": id, "sale": line["sale"], "amount": amount, "fee": amount.with_minor(DISPUTE_FEE)?,
            });
            if self.operate("disputes", Method::POST, "/api/v1/disputes", dispute).await?.is_some() {
                self.take(amount, amount.minor() + DISPUTE_FEE);
                self.disputes.insert(id, (self.day, amount));
            }
        }
        let today = self.day;
        let old: Vec<(String, Money)> = self
            .disputes
            .iter()
            .filter(|(_, (since, _))| since + 10 < today)
            .map(|(id, (_, amount))| (id.clone(), *amount))
            .collect();
        for (id, amount) in old {
            let won = self.random.random_ratio(1, 2);
            let decision = json!({ "won": won });
            let path = format!("/api/v1/disputes/{id}");
            if self.operate("decisions", Method::PUT, &path, decision).await?.is_some() {
                self.disputes.remove(&id);
                self.take(amount, if won { -amount.minor() } else { 0 });
            }
        }
        Ok(())
    }

    /// A processor that is told of by hand takes so much, in the currency of an amount.
    fn take(&mut self, like: Money, minor: i64) {
        *self.taken.entry(like.currency().code().to_owned()).or_default() += minor;
    }

    /// A customer's bank takes back what was just paid through Stripe for an invoice.
    pub(super) fn dispute_at_once(&mut self, number: &Value, due: Money) {
        let subject = format!("INVOICE-{number}");
        let is_it =
            |payment: &&Value| payment["metadata"]["subject"] == subject && payment["amount"] == due.minor();
        let id_of = |payment: &Value| payment["id"].as_str().map(str::to_owned);
        let paid =
            self.processor.stripe.with(|account| account.each("payment_intents").find(is_it).and_then(id_of));
        if let (Some(id), Some(number)) = (paid, number.as_i64()) {
            self.processor.contested.insert(number);
            self.processor.stripe.with(|account| account.dispute(&id, due.minor()));
        }
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
            let spent = money(&expense["amount"])?;
            let key = format!("{what}-{}", self.day);
            if self.operate("expenses", Method::POST, "/api/v1/ledger/expenses", expense).await?.is_some() {
                self.moves(&key, spent.negated(), what);
            }
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
        let (sold, got) = (money(&exchange["sold"])?, money(&exchange["bought"])?);
        if self.operate("exchanges", Method::POST, "/api/v1/ledger/exchanges", exchange).await?.is_some() {
            let key = format!("exchange-{}", self.day);
            self.moves(&key, sold.negated(), &key);
            self.moves(&format!("{key}-bought"), got, &key);
        }
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
