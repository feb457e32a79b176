//! The days of the market: who does what, by chance, and the laws after each of them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::Settings;
use super::opening::{PASSWORD, Partner, Person, offers, partners};
use super::server::{Answer, Server};
use crate::failure::{Failure, Result};

const BEGIN: &str = "2025-01-01T00:00:00Z";
const TIERS: [&str; 3] = ["developer", "team", "enterprise"];
/// What a new policy changes: the first one that follows has steps and a reserve, the second one a year's volume and referrals.
const POLICIES: [&str; 2] = [
    r#"{"commission": [{"up_to": "2000.00 USD", "rate": "5%"}, {"rate": "15%"}], "referral": "4%", "services": "20%",
        "reserve": {"rate": "10%", "days": 60}, "minimum": {"USD": "25.00 USD", "EUR": "20.00 EUR"}}"#,
    r#"{"commission": [{"up_to": "5000.00 USD", "rate": "0%"}, {"up_to": "20000.00 USD", "rate": "12.5%"}, {"rate": "17%"}],
        "volume": "trailing-year", "referral": "5%", "services": "20%", "exceptions": {"berlin:labels": "3%"},
        "reserve": {"rate": "5%", "days": 30}, "minimum": {"USD": "25.00 USD"}}"#,
];

/// What happened.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// How many days.
    pub days: u32,
    /// How many transactions the books have.
    pub transactions: i64,
    /// How often the registry was killed.
    pub crashes: u32,
    /// What was done, and how often; what the registry refused is `refused …`.
    pub done: BTreeMap<String, u32>,
}

struct Customer {
    name: String,
    token: String,
    /// When it comes to the market.
    joins: u32,
    /// Of a hundred invoices, how many it pays.
    pays: u32,
    sent: Vec<Value>,
}

/// A market.
pub struct Market {
    server: Server,
    settings: Settings,
    random: StdRng,
    now: Timestamp,
    day: u32,
    operator: String,
    second: String,
    partners: Vec<Partner>,
    customers: Vec<Customer>,
    policies: usize,
    summary: Summary,
}

impl Market {
    /// Starts the registry, and prepares everybody for the first day.
    pub async fn open(settings: Settings) -> Result<Self> {
        let server = Server::start(&settings)?;
        let operator = std::fs::read_to_string(settings.data.join("operator.token"))?.trim().to_owned();
        let random = StdRng::seed_from_u64(settings.seed);
        let now = BEGIN.parse().map_err(|_| Failure::of("the beginning is no time"))?;
        let summary = Summary { days: 0, transactions: 0, crashes: 0, done: BTreeMap::new() };
        let mut market = Self {
            server,
            random,
            now,
            day: 0,
            operator,
            second: String::new(),
            partners: partners(),
            customers: Vec::new(),
            policies: 0,
            summary,
            settings,
        };
        market.prepare().await?;
        Ok(market)
    }

    async fn prepare(&mut self) -> Result {
        let folder = tempfile::tempdir()?;
        let operator = self.operator.clone();
        self.must(&operator, Method::PUT, "/api/v1/clock", json!({ "now": self.now })).await?;
        for partner in &self.partners {
            Person { name: partner.name, folder: folder.path(), registry: self.server.url() }.publish()?;
        }
        self.second = self.register("second").await?;
        self.must(&operator, Method::PUT, "/api/v1/operators/second", Value::Null).await?;
        for index in 0..self.settings.customers {
            let name = format!("customer-{index}");
            let token = self.register(&name).await?;
            let span = self.settings.months * 20;
            let joins = if index < 3 { 0 } else { self.random.gen_range(0..span.max(1)) };
            let pays = *[60, 95, 100].choose(&mut self.random).unwrap_or(&100);
            if index % 3 != 0 {
                let tax_id = (index % 3 == 2).then_some("DE136695976");
                let profile = json!({ "country": "DE", "tax_id": tax_id });
                self.must(&token, Method::PUT, "/api/v1/billing-profile", profile).await?;
            }
            self.customers.push(Customer { name, token, joins, pays, sent: Vec::new() });
        }
        let rule = json!({ "country": "DE", "since": "2025-01-01", "name": "VAT", "rate": "19%" });
        self.must(&operator, Method::POST, "/api/v1/tax-rules", rule).await?;
        let account =
            json!({ "holder": "Chandlery", "iban": "FR1420041010050500013M02606", "bic": "PSSTFRPP" });
        self.must(&operator, Method::PUT, "/api/v1/bank-account", account).await?;
        self.set_rates().await?;
        for (plugin, offer) in offers() {
            let (namespace, name) = plugin.split_once(':').unwrap_or((plugin, ""));
            let owner = self.log_in(namespace).await?;
            let path = format!("/api/v1/plugins/{namespace}/{name}/price");
            self.must(&owner, Method::PUT, &path, json!({ "offer": offer })).await?;
        }
        for index in 0..self.partners.len() {
            let (name, profile) = (self.partners[index].name, self.partners[index].profile.clone());
            let path = format!("/api/v1/partners/{name}/payout-profile");
            let written = self.must(&operator, Method::PUT, &path, profile).await?;
            let approve = format!("{path}/{}/approve", written["version"]);
            let second = self.second.clone();
            self.must(&second, Method::POST, &approve, json!({})).await?;
        }
        Ok(())
    }

    async fn register(&mut self, name: &str) -> Result<String> {
        let new = json!({ "name": name, "password": PASSWORD });
        let opened = self.must("", Method::POST, "/api/v1/accounts", new).await?;
        Ok(opened["token"].as_str().unwrap_or_default().to_owned())
    }

    async fn log_in(&mut self, name: &str) -> Result<String> {
        let login = json!({ "name": name, "password": PASSWORD });
        let token = self.must("", Method::POST, "/api/v1/tokens", login).await?;
        Ok(token["token"].as_str().unwrap_or_default().to_owned())
    }

    /// Lives through all the days. Tells of each before it begins.
    pub async fn run(&mut self, tell: impl Fn(String)) -> Result<Summary> {
        let begin = self.now.to_zoned(TimeZone::UTC);
        let months = i64::from(self.settings.months);
        let end = begin.checked_add(months.months()).map_err(|error| Failure::of(error.to_string()))?;
        while self.now < end.timestamp() {
            tell(format!("{}: {} transactions", self.now.strftime("%F"), self.summary.transactions));
            self.one_day().await?;
            self.check().await?;
            self.now += SignedDuration::from_hours(24);
            self.day += 1;
        }
        self.close_months().await?;
        self.check().await?;
        self.summary.days = self.day;
        Ok(self.summary.clone())
    }

    async fn one_day(&mut self) -> Result {
        let operator = self.operator.clone();
        self.must(&operator, Method::PUT, "/api/v1/clock", json!({ "now": self.now })).await?;
        let date = self.now.to_zoned(TimeZone::UTC).date();
        match date.day() {
            1 if self.day > 0 => self.set_rates().await?,
            2 => self.spend().await?,
            3 => self.close_months().await?,
            4 if [5, 14].contains(&(self.day / 30)) => self.follow_policy().await?,
            10 | 20 => self.exchange().await?,
            _ => {}
        }
        for index in 0..self.customers.len() {
            if self.customers[index].joins <= self.day {
                self.customer_acts(index).await?;
            }
        }
        if self.random.gen_ratio(1, 6) {
            self.give_back().await?;
        }
        if self.random.gen_ratio(1, 12) {
            self.dispute().await?;
        }
        if self.day % 7 == 5 {
            self.pay_out().await?;
        }
        Ok(())
    }

    async fn customer_acts(&mut self, index: usize) -> Result {
        let token = self.customers[index].token.clone();
        if self.day == self.customers[index].joins {
            let trial = json!({ "tier": TIERS.choose(&mut self.random) });
            self.did("trials", &token, Method::POST, "/api/v1/subscription/trial", trial).await?;
        }
        if self.random.gen_ratio(1, 30) {
            let tier = ["free", "developer", "developer", "team", "team", "enterprise"];
            let tier = tier.choose(&mut self.random).copied();
            let billed = if self.random.gen_ratio(1, 6) { "yearly" } else { "monthly" };
            let change = json!({ "tier": tier, "billed": billed });
            self.did("subscription changes", &token, Method::PUT, "/api/v1/subscription", change).await?;
        }
        if self.random.gen_ratio(1, 40) {
            let (plugin, _) = offers()[self.random.gen_range(0..offers().len())].clone();
            let referrer = self.partners.choose(&mut self.random).map(|partner| partner.name);
            let referrer = referrer.filter(|name| !plugin.starts_with(name) && self.random.gen_ratio(1, 2));
            let order = json!({ "plugin": plugin, "referrer": referrer });
            if let Some(order) = self.did("orders", &token, Method::POST, "/api/v1/orders", order).await? {
                self.pay_order(&order).await?;
            }
        }
        if self.random.gen_ratio(1, 3) {
            self.use_plugins(index).await?;
        }
        if self.random.gen_ratio(1, 5) {
            self.pay_invoices(index).await?;
        }
        Ok(())
    }

    async fn pay_order(&mut self, order: &Value) -> Result {
        let (Some(reference), false) = (order["reference"].as_str(), order["due"].is_null()) else {
            return Ok(());
        };
        if order["paid_at"].is_null() && self.random.gen_ratio(4, 5) {
            let operator = self.operator.clone();
            let payment = json!({ "bank_reference": format!("T-{reference}"), "amount": order["due"] });
            let path = format!("/api/v1/orders/{reference}/payment");
            self.did("order payments", &operator, Method::POST, &path, payment).await?;
        }
        Ok(())
    }

    /// Use of today or, sometimes, of weeks ago; some of it sent twice, or corrected later.
    async fn use_plugins(&mut self, index: usize) -> Result {
        let token = self.customers[index].token.clone();
        let mut events = Vec::new();
        for _ in 0..self.random.gen_range(1..=self.settings.batch) {
            if self.random.gen_ratio(1, 10)
                && let Some(again) = self.customers[index].sent.choose(&mut self.random)
            {
                events.push(again.clone());
                continue;
            }
            events.push(self.event(index));
        }
        events.dedup_by_key(|event| event["id"].clone());
        let fresh: Vec<Value> = events.iter().filter(|event| event["corrects"].is_null()).cloned().collect();
        self.did("usage batches", &token, Method::POST, "/api/v1/usage", json!(events)).await?;
        let sent = &mut self.customers[index].sent;
        sent.extend(fresh);
        let surplus = sent.len().saturating_sub(200);
        sent.drain(..surplus);
        Ok(())
    }

    fn event(&mut self, index: usize) -> Value {
        let id = uuid::Builder::from_random_bytes(self.random.r#gen()).into_uuid();
        if self.random.gen_ratio(1, 25)
            && let Some(wrong) = self.customers[index].sent.choose(&mut self.random)
        {
            let mut right = wrong.clone();
            right["id"] = json!(id);
            right["corrects"] = wrong["id"].clone();
            for field in ["replica_millis", "gpu_millis"] {
                right[field] = json!(wrong[field].as_u64().unwrap_or(0) / self.random.gen_range(1..4));
            }
            return right;
        }
        let late = if self.random.gen_ratio(1, 15) { self.random.gen_range(1..40) } else { 0 };
        let to = self.now.checked_sub(SignedDuration::from_hours(24 * late)).unwrap_or(self.now);
        let millis: u64 = self.random.gen_range(1..4 * 3_600_000);
        let from = to.checked_sub(SignedDuration::from_millis(millis as i64)).unwrap_or(to);
        let plugin = ["acme:serving", "berlin:vision", "kyoto:pages", "acme:toolbox"];
        let plugin = plugin.choose(&mut self.random).copied().unwrap_or("acme:serving");
        let mut event = json!({
            "id": id, "deployment": format!("d{}", self.random.gen_range(0..3)), "release": format!("{plugin}@1.0.0"),
            "from": from, "to": to, "replica_millis": millis, "gpu_millis": millis * self.random.gen_range(0..9),
        });
        if plugin == "kyoto:pages" {
            event["units"] = json!({ "pages": self.random.gen_range(1..900) });
        }
        event
    }

    /// Pays what is due, as far as this customer does: by transfers that an operator records, or that the bank's statement tells of.
    async fn pay_invoices(&mut self, index: usize) -> Result {
        let (token, pays) = (self.customers[index].token.clone(), self.customers[index].pays);
        let operator = self.operator.clone();
        let invoices = self.must(&token, Method::GET, "/api/v1/invoices", Value::Null).await?;
        let mut statement = String::from("id,date,amount,currency,text\n");
        let mut lines = 0;
        for invoice in invoices["items"].as_array().into_iter().flatten() {
            if invoice["state"] != "open" || self.random.gen_range(0..100) >= pays {
                continue;
            }
            let number = &invoice["number"];
            let minor = |field: &str| invoice[field]["minor"].as_i64().unwrap_or(0);
            let due = json!({ "minor": minor("total") - minor("refunded"), "currency": invoice["total"]["currency"] });
            if self.random.gen_ratio(1, 2) {
                let payment = json!({ "bank_reference": format!("T-INVOICE-{number}"), "amount": due });
                let path = format!("/api/v1/invoices/{number}/payment");
                self.did("invoice payments", &operator, Method::POST, &path, payment).await?;
            } else {
                let money: chandlery_package::Money =
                    serde_json::from_value(due).map_err(|error| Failure::of(error.to_string()))?;
                let text = money.to_string();
                let (amount, currency) = text.split_once(' ').unwrap_or((&text, ""));
                statement.push_str(&format!(
                    "S-INVOICE-{number},2025-01-01,{amount},{currency},for INVOICE-{number}\n"
                ));
                lines += 1;
            }
        }
        if lines > 0 {
            self.did("bank statements", &operator, Method::POST, "/api/v1/bank-statements", json!(statement))
                .await?;
        }
        Ok(())
    }

    /// Gives back a part, or all, of something that a customer was invoiced for.
    async fn give_back(&mut self) -> Result {
        let Some(index) =
            (!self.customers.is_empty()).then(|| self.random.gen_range(0..self.customers.len()))
        else {
            return Ok(());
        };
        let (token, operator) = (self.customers[index].token.clone(), self.operator.clone());
        let invoices = self.must(&token, Method::GET, "/api/v1/invoices", Value::Null).await?;
        let Some(invoice) = invoices["items"].as_array().and_then(|all| all.choose(&mut self.random)) else {
            return Ok(());
        };
        let net = invoice["net"]["minor"].as_i64().unwrap_or(0);
        if net <= 0 {
            return Ok(());
        }
        let minor = if self.random.gen_ratio(1, 3) { net } else { self.random.gen_range(1..=net) };
        let refund = json!({
            "key": format!("refund-{}-{}", self.day, self.customers[index].name), "reason": "it did not work",
            "amount": { "minor": minor, "currency": invoice["net"]["currency"] }, "as_credit": self.random.gen_ratio(1, 4),
        });
        let path = format!("/api/v1/invoices/{}/refunds", invoice["number"]);
        self.did("refunds", &operator, Method::POST, &path, refund).await?;
        Ok(())
    }

    /// Opens a dispute of a sale, and decides one that was opened some time ago.
    async fn dispute(&mut self) -> Result {
        let operator = self.operator.clone();
        let Some(index) =
            (!self.customers.is_empty()).then(|| self.random.gen_range(0..self.customers.len()))
        else {
            return Ok(());
        };
        let token = self.customers[index].token.clone();
        let invoices = self.must(&token, Method::GET, "/api/v1/invoices", Value::Null).await?;
        let lines =
            invoices["items"].as_array().into_iter().flatten().filter(|invoice| invoice["state"] == "paid");
        let sold: Vec<&Value> = lines
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
            self.did("disputes", &operator, Method::POST, "/api/v1/disputes", dispute).await?;
        }
        let earlier = self.day.saturating_sub(self.random.gen_range(10..80));
        for day in earlier..earlier + 12 {
            let path = format!("/api/v1/disputes/dp-{day}");
            let won = self.random.gen_ratio(1, 2);
            self.did("decisions", &operator, Method::PUT, &path, json!({ "won": won })).await?;
        }
        Ok(())
    }

    /// A run of payouts: proposed, approved by a second person, sent; confirmed, returned, or returned after it had arrived.
    async fn pay_out(&mut self) -> Result {
        let (operator, second) = (self.operator.clone(), self.second.clone());
        self.did("payout runs", &operator, Method::POST, "/api/v1/payout-runs", json!({})).await?;
        let payouts = self.must(&operator, Method::GET, "/api/v1/payouts", Value::Null).await?;
        let mut runs = Vec::new();
        for payout in payouts["items"].as_array().cloned().unwrap_or_default() {
            let path = format!("/api/v1/payouts/{}", payout["id"]);
            match payout["state"].as_str() {
                Some("proposed") if self.random.gen_ratio(1, 12) => {
                    self.did(
                        "cancelled payouts",
                        &operator,
                        Method::POST,
                        &format!("{path}/cancel"),
                        json!({}),
                    )
                    .await?;
                }
                Some("proposed") => {
                    let approve = format!("{path}/approve");
                    let approved = self.did("approvals", &second, Method::POST, &approve, json!({})).await?;
                    if approved.is_some() {
                        runs.push(payout["run"].clone());
                    }
                }
                Some("sent") if self.random.gen_ratio(1, 8) => {
                    self.did(
                        "returned payouts",
                        &operator,
                        Method::POST,
                        &format!("{path}/return"),
                        json!({}),
                    )
                    .await?;
                }
                Some("sent") => {
                    let confirm = json!({ "bank_reference": format!("PAID-{}", payout["id"]) });
                    self.did(
                        "confirmed payouts",
                        &operator,
                        Method::POST,
                        &format!("{path}/confirm"),
                        confirm,
                    )
                    .await?;
                }
                Some("paid") if self.random.gen_ratio(1, 150) => {
                    self.did(
                        "bounced payouts",
                        &operator,
                        Method::POST,
                        &format!("{path}/return"),
                        json!({}),
                    )
                    .await?;
                }
                _ => {}
            }
        }
        runs.dedup();
        for run in runs.iter().filter(|run| run.is_i64()) {
            let path = format!("/api/v1/payout-runs/{run}/send");
            self.did("sent runs", &operator, Method::POST, &path, json!({})).await?;
        }
        Ok(())
    }

    async fn set_rates(&mut self) -> Result {
        let operator = self.operator.clone();
        let day = self.now.strftime("%F").to_string();
        for (base, quote, numerator, denominator) in
            [("EUR", "USD", 108, 100), ("USD", "JPY", 15_000, 100), ("EUR", "JPY", 16_200, 100)]
        {
            let numerator = numerator + self.random.gen_range(0..numerator / 20 + 1);
            let rate = json!({ "base": base, "quote": quote, "day": day, "numerator": numerator, "denominator": denominator });
            self.did("exchange rates", &operator, Method::PUT, "/api/v1/exchange-rates", rate).await?;
        }
        Ok(())
    }

    async fn spend(&mut self) -> Result {
        let operator = self.operator.clone();
        for (what, on) in [
            ("hosting", json!({ "kind": "hosting" })),
            ("developer", json!({ "kind": "acquisition", "segment": "developer" })),
            ("team", json!({ "kind": "acquisition", "segment": "team" })),
            ("enterprise", json!({ "kind": "acquisition", "segment": "enterprise" })),
        ] {
            let expense = json!({
                "key": format!("{what}-{}", self.day), "description": what, "on": on,
                "amount": { "minor": self.random.gen_range(2_000..40_000), "currency": "USD" },
            });
            self.did("expenses", &operator, Method::POST, "/api/v1/ledger/expenses", expense).await?;
        }
        Ok(())
    }

    /// Buys the euros that payouts in them have cost.
    async fn exchange(&mut self) -> Result {
        let operator = self.operator.clone();
        let balances = self.must(&operator, Method::GET, "/api/v1/ledger/balances", Value::Null).await?;
        let open = balances["items"].as_array().into_iter().flatten().find(|held| {
            held["account"] == "equity:fx:EUR-JPY"
                && held["balance"]["currency"] == "JPY"
                && held["balance"]["minor"].as_i64() < Some(0)
        });
        let Some(yen) = open.and_then(|held| held["balance"]["minor"].as_i64()).map(|minor| -minor) else {
            return Ok(());
        };
        let bought = (yen * 100 / self.random.gen_range(155..170)).max(1);
        let exchange = json!({
            "key": format!("exchange-{}", self.day), "sold": { "minor": yen, "currency": "JPY" },
            "bought": { "minor": bought, "currency": "EUR" },
        });
        self.did("exchanges", &operator, Method::POST, "/api/v1/ledger/exchanges", exchange).await?;
        Ok(())
    }

    async fn follow_policy(&mut self) -> Result {
        let Some(policy) = POLICIES.get(self.policies) else { return Ok(()) };
        self.policies += 1;
        let operator = self.operator.clone();
        let policy: Value = serde_json::from_str(policy).map_err(|error| Failure::of(error.to_string()))?;
        let since = self.now.checked_add(SignedDuration::from_hours(24)).unwrap_or(self.now);
        let new = json!({ "since": since, "policy": policy });
        self.did("policies", &operator, Method::POST, "/api/v1/policies", new).await?;
        Ok(())
    }

    async fn close_months(&mut self) -> Result {
        let operator = self.operator.clone();
        let months = self.must(&operator, Method::GET, "/api/v1/ledger/months", Value::Null).await?;
        for month in months["due"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let path = format!("/api/v1/ledger/months/{month}/close");
            let answer = self.ask(&operator, &Method::POST, &path, &json!({})).await?;
            // Asked again after a crash, it may have been closed before it.
            if !answer.is_done() && !answer.body["detail"].to_string().contains("closed already") {
                return Err(failed(&Method::POST, &path, &answer));
            }
            *self.summary.done.entry("closed months".into()).or_default() += 1;
        }
        Ok(())
    }

    /// The laws, after every day.
    async fn check(&mut self) -> Result {
        let operator = self.operator.clone();
        let found = self.must(&operator, Method::GET, "/api/v1/ledger/check", Value::Null).await?;
        self.summary.transactions = found["transactions"].as_i64().unwrap_or(0);
        match found["faults"].as_array() {
            Some(faults) if faults.is_empty() => Ok(()),
            faults => Err(Failure::new(
                "unbalanced",
                "The books do not hold",
                format!("seed {}, {}: {faults:?}", self.settings.seed, self.now.strftime("%F")),
            )),
        }
    }

    /// Asks for something that may be refused, and counts it.
    async fn did(
        &mut self,
        what: &str,
        token: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> Result<Option<Value>> {
        let answer = self.ask(token, &method, path, &body).await?;
        if !answer.is_done() && self.settings.refusals {
            eprintln!("{} {what}: {}", self.now.strftime("%F"), answer.body["detail"]);
        }
        let counted = if answer.is_done() { what.to_owned() } else { format!("refused {what}") };
        *self.summary.done.entry(counted).or_default() += 1;
        match answer.status {
            500.. => Err(failed(&method, path, &answer)),
            _ => Ok(answer.is_done().then_some(answer.body)),
        }
    }

    /// Asks for something that must not be refused.
    async fn must(&mut self, token: &str, method: Method, path: &str, body: Value) -> Result<Value> {
        let answer = self.ask(token, &method, path, &body).await?;
        if answer.is_done() { Ok(answer.body) } else { Err(failed(&method, path, &answer)) }
    }

    /// Asks; now and then the registry dies of it, and is asked again.
    async fn ask(&mut self, token: &str, method: &Method, path: &str, body: &Value) -> Result<Answer> {
        if *method != Method::GET && self.random.gen_range(0..1000) < self.settings.kills && self.day > 0 {
            let after = Duration::from_micros(self.random.gen_range(100..20_000));
            self.server.ask_and_kill(method, path, token, body, after).await?;
            self.summary.crashes += 1;
        }
        self.server.ask(method, path, token, body).await
    }
}

fn failed(method: &Method, path: &str, answer: &Answer) -> Failure {
    Failure::of(format!("{method} {path}: {} {}", answer.status, answer.body))
}
