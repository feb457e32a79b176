//! What the bank tells, and what operators make of lines that are open.

use anyhow::Result;
use chandlery_package::{Currency, Money};
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::Market;
use crate::bank::foreign;

const STATEMENTS: &str = "/api/v1/bank-statements";
const OPEN: &str = "/api/v1/bank/lines?state=open";

/// An amount of the API, as it is computed with.
pub(super) fn money(value: &Value) -> Result<Money> {
    Ok(serde_json::from_value(value.clone())?)
}

impl Market {
    /// Something moves at the bank, unless something of this id did before.
    pub(super) fn moves(&mut self, id: &str, amount: Money, text: &str) {
        self.bank.moved(id, amount, text, self.now);
    }

    /// The bank tells what moved, now and then some days later; and now and then it is brought once more.
    pub(super) async fn bank_tells(&mut self) -> Result<()> {
        if self.random.random_ratio(1, 20) {
            self.strangers_pay().await?;
        }
        if !self.bank.is_quiet() && self.random.random_ratio(2, 3) {
            let statement = self.bring_statement().await?;
            if self.random.random_ratio(1, 25) {
                self.operate("statements brought again", Method::POST, STATEMENTS, statement).await?;
            }
        }
        Ok(())
    }

    /// Brings a statement of all that was not told, which must be taken.
    pub(super) async fn bring_statement(&mut self) -> Result<Value> {
        let statement = json!(self.bank.statement(self.now, &mut self.random));
        let operator = self.operator.clone();
        self.require(&operator, Method::POST, STATEMENTS, statement.clone()).await?;
        self.count("bank statements");
        Ok(statement)
    }

    /// Somebody pays for nothing that is known, mistypes a reference, pays in another currency; or the bank takes something.
    async fn strangers_pay(&mut self) -> Result<()> {
        let currencies = [Currency::Usd, Currency::Eur, Currency::Jpy];
        let currency = currencies.choose(&mut self.random).copied().unwrap_or(Currency::Usd);
        let minor = self.random.random_range(1..60_000);
        let texts =
            ["rent", "", "INVOICE-999999", "ch 2345678923", "PAYOUT-99999", "for customer-1", "thanks"];
        let text = texts.choose(&mut self.random).copied().unwrap_or("rent");
        let id = format!("X-{}", self.day);
        match self.random.random_range(0..6) {
            0 => {
                let told = json!(foreign(&id));
                self.operate("foreign lines", Method::POST, STATEMENTS, told).await?;
            }
            // Of each day another amount: the same line again would be nothing new.
            1 => {
                let other = Money::new(777_000 + i64::from(self.day), currency)?;
                self.bank.moved_by_a_known_id(other, self.now, &mut self.random);
            }
            2 => self.moves(&id, Money::new(-minor, currency)?, text),
            _ => self.moves(&id, Money::new(minor, currency)?, text),
        }
        Ok(())
    }

    /// Operators look at what is open, some days later, and say what some of it is for.
    pub(super) async fn work_on_lines(&mut self) -> Result<()> {
        let operator = self.operator.clone();
        for line in self.list(&operator, OPEN).await? {
            if let Some(to) = self.what_it_may_be(&line) {
                self.allot(&line, &to).await?;
            } else if line["id"].as_str().is_some_and(|id| id.starts_with("X-")) {
                self.spend_what_left(&line).await?;
            }
        }
        Ok(())
    }

    /// What a stranger took was spent: the expense is known by the line's own id.
    async fn spend_what_left(&mut self, line: &Value) -> Result<()> {
        if line["open"]["minor"].as_i64().is_some_and(|minor| minor < 0) {
            let left = money(&line["open"])?.negated();
            let expense = json!({
                "key": line["id"], "description": "what the bank took", "on": { "kind": "hosting" }, "amount": left,
            });
            self.operate("expenses", Method::POST, "/api/v1/ledger/expenses", expense).await?;
        }
        Ok(())
    }

    /// What an operator takes a line for; none: it is left for later.
    fn what_it_may_be(&mut self, line: &Value) -> Option<Value> {
        let open = line["open"]["minor"].as_i64()?;
        let part = |minor: i64| json!({ "minor": minor, "currency": line["open"]["currency"] });
        let suggested = line["suggestions"][0]["to"].clone();
        if suggested["kind"] == "recorded" {
            // The bank's own references say nothing of what was exchanged.
            let is_exchange = line["text"].as_str().is_some_and(|text| text.starts_with("exchange"));
            return is_exchange.then(|| json!([suggested]));
        }
        // What is Stripe's payout is nobody else's, and waits until Stripe has told of it.
        if line["text"].as_str().is_some_and(|text| text.starts_with("po_")) {
            return None;
        }
        let index = self.random.random_range(0..self.customers.len().max(1));
        let customer = json!(self.customers.get(index)?.name);
        match self.random.random_range(0..6) {
            0 | 1 if !suggested.is_null() => Some(json!([suggested])),
            2 if open > 0 => Some(json!([{ "kind": "credit", "customer": customer, "amount": part(open) }])),
            3 if open > 1 => Some(json!([
                { "kind": "credit", "customer": customer, "amount": part(open / 2) },
                { "kind": "send-back", "amount": part(open - open / 2) },
            ])),
            4 if open > 0 => Some(json!([{ "kind": "send-back", "amount": part(open) }])),
            _ => None,
        }
    }

    /// Says what a line is for. What is sent back leaves the bank.
    async fn allot(&mut self, line: &Value, to: &Value) -> Result<bool> {
        let crashes = self.summary.crashes;
        let allotment = json!({ "line": line["id"], "to": to });
        let done = self.operate("allotments", Method::POST, "/api/v1/bank/allotments", allotment).await?;
        let back = to.as_array().into_iter().flatten().find(|part| part["kind"] == "send-back");
        let Some(back) = back else { return Ok(done.is_some()) };
        let is_done = done.is_some();
        let outcome = match done {
            Some(line) if line["outcome"].is_string() => line["outcome"].clone(),
            // Another operator has approved it, or it may have been done before the crash.
            other if other.is_some() || self.summary.crashes > crashes => {
                self.outcome_of(&line["id"]).await?
            }
            _ => return Ok(false),
        };
        let after = outcome.as_str().and_then(|text| text.rsplit_once("BACK-")).map(|(_, number)| number);
        if let Some(number) = after.and_then(|rest| rest.split([',', ';', ' ']).next()) {
            let text = format!("BACK-{number}");
            self.moves(&text, money(&back["amount"])?.negated(), &text);
        }
        Ok(is_done)
    }

    /// What became of a line.
    pub(super) async fn outcome_of(&mut self, line: &Value) -> Result<Value> {
        let operator = self.operator.clone();
        let all = self.list(&operator, "/api/v1/bank/lines").await?;
        let found = all.into_iter().find(|known| known["id"] == *line);
        Ok(found.map_or(Value::Null, |line| line["outcome"].clone()))
    }

    /// The bank tells all, and operators find what they had recorded before.
    pub(super) async fn all_lines_are_seen(&mut self) -> Result<()> {
        let operator = self.operator.clone();
        loop {
            if !self.bank.is_quiet() {
                self.bring_statement().await?;
            }
            let mut found = false;
            for line in self.list(&operator, OPEN).await? {
                let suggested = line["suggestions"][0]["to"].clone();
                if suggested["kind"] == "recorded" {
                    found |= self.allot(&line, &json!([suggested])).await?;
                }
            }
            if !found {
                return Ok(());
            }
        }
    }
}
