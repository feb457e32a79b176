//! Payments through Stripe, what happens there without the registry, and how it is told: late, twice, in any order.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use chandlery_package::{Currency, Money};
use chandlery_stripe::{Account, Stripe, sign};
use jiff::Timestamp;
use rand::RngExt as _;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use reqwest::Method;
use serde_json::{Value, json};

use super::Market;
use super::requests::refused;
use crate::registry::{STRIPE_SECRET, WEBHOOK};

/// Stripe, and what it has not told yet.
pub struct Processor {
    pub(super) stripe: Stripe,
    pub(super) is_down: bool,
    /// What happened and was not told, and from which day on it is.
    untold: Vec<(u32, Value)>,
    /// Every event, by its id.
    happened: BTreeMap<String, Value>,
    /// Whose each payment is, by its id: the index of the customer.
    payers: BTreeMap<String, usize>,
    /// The invoices whose payment a customer's bank has asked about: nobody gives anything back of them.
    pub(super) contested: BTreeSet<i64>,
}

impl Processor {
    pub(super) fn new(stripe: Stripe) -> Self {
        Self {
            stripe,
            is_down: false,
            untold: Vec::new(),
            happened: BTreeMap::new(),
            payers: BTreeMap::new(),
            contested: BTreeSet::new(),
        }
    }

    /// Whether the registry knows all that happened.
    pub(super) fn is_told(&self) -> bool {
        self.untold.is_empty() && self.stripe.with(|account| account.is_quiet())
    }

    /// Whether this is a refund that the registry has asked for by a key.
    pub(super) fn has_refunded(&self, key: &str) -> bool {
        self.stripe.with(|account| account.each("refunds").any(|refund| refund["metadata"]["refund"] == key))
    }
}

impl Market {
    /// A customer begins to pay for an invoice or an order, and completes it; whether it did.
    pub(super) async fn pay_by_stripe(&mut self, index: usize, path: &str) -> Result<bool> {
        if self.processor.is_down {
            return Ok(false);
        }
        let token = self.customers[index].token.clone();
        let path = format!("{path}/payment-intent");
        let begun = self.attempt("begun payments", &token, Method::POST, &path, json!({})).await?;
        let Some(id) = begun.as_ref().and_then(|begun| begun["id"].as_str()) else { return Ok(false) };
        if !self.processor.stripe.with(|account| account.pay(id)) {
            return Ok(false);
        }
        self.processor.payers.insert(id.to_owned(), index);
        self.count("payments by stripe");
        Ok(true)
    }

    /// What happened at Stripe is told: some of it days later, some twice, all of it in any order.
    pub(super) async fn stripe_tells(&mut self) -> Result<()> {
        self.gather_events();
        if self.processor.is_down {
            return Ok(());
        }
        let today = self.day;
        let (mut now, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.processor.untold).into_iter().partition(|(day, _)| *day <= today);
        self.processor.untold = later;
        now.shuffle(&mut self.random);
        for (_, event) in now {
            self.tell(&event).await?;
            if self.random.random_ratio(1, 10) {
                self.tell(&event).await?;
            }
        }
        Ok(())
    }

    fn gather_events(&mut self) {
        for event in self.processor.stripe.with(Account::take_events) {
            let id = event["id"].as_str().unwrap_or_default().to_owned();
            self.processor.happened.insert(id, event.clone());
            let late = if self.random.random_ratio(1, 8) { self.random.random_range(1..6) } else { 0 };
            self.processor.untold.push((self.day + late, event));
        }
    }

    /// Tells of an event, as Stripe signs it.
    async fn tell(&mut self, event: &Value) -> Result<()> {
        let body = event.to_string();
        let signature = sign(STRIPE_SECRET, &body, Timestamp::now().as_second());
        let signature = signature.context("the secret of the webhook cannot be used")?;
        let answer = self.ask(&signature, &Method::POST, WEBHOOK, &json!(body)).await?;
        if !answer.is_done() {
            return Err(refused(&Method::POST, WEBHOOK, &answer));
        }
        self.count("events of stripe");
        Ok(())
    }

    /// Whether the registry waits for no answer of Stripe's.
    pub(super) async fn owes_stripe_nothing(&mut self) -> Result<bool> {
        let operator = self.operator.clone();
        Ok(self.list(&operator, "/api/v1/processor/requests").await?.is_empty())
    }

    /// What Stripe refuses to give back becomes the customer's credit, once no bank asks about the payment; a transfer is sent again.
    pub(super) async fn settle_refused(&mut self) -> Result<()> {
        for owed in self.refused_requests().await? {
            let way = if owed["kind"] == "transfer" { "again" } else { "credit" };
            let new = json!({ "request": owed["key"], "as": way });
            self.operate("settlements", Method::POST, "/api/v1/processor/settlements", new).await?;
        }
        let left = self.refused_requests().await?;
        let unsettled = left.iter().find(|owed| !self.is_disputed(owed["about"].as_str()));
        match unsettled {
            Some(owed) => bail!("seed {}: {owed} could not be settled", self.scenario.seed),
            None => Ok(()),
        }
    }

    async fn refused_requests(&mut self) -> Result<Vec<Value>> {
        let operator = self.operator.clone();
        let owed = self.list(&operator, "/api/v1/processor/requests").await?;
        Ok(owed.into_iter().filter(|one| one["state"] == "refused").collect())
    }

    /// Whether a customer's bank has still to decide of a payment.
    fn is_disputed(&self, payment: Option<&str>) -> bool {
        self.processor.stripe.with(|account| {
            account.each("disputes").any(|dispute| {
                dispute["payment_intent"].as_str() == payment && dispute["status"] == "needs_response"
            })
        })
    }

    /// Stripe goes down and comes up; customers' banks decide, and something new happens.
    pub(super) async fn stripe_lives(&mut self) -> Result<()> {
        if self.random.random_ratio(1, if self.processor.is_down { 2 } else { 100 }) {
            self.processor.is_down = !self.processor.is_down;
            self.processor.stripe.refuse(self.processor.is_down.then_some("it is down"));
        }
        if self.processor.is_down {
            return Ok(());
        }
        self.banks_decide();
        if self.random.random_ratio(1, 25) {
            self.stranger_pays_by_link();
        }
        if self.random.random_ratio(1, 6) && self.processor.is_told() && self.owes_stripe_nothing().await? {
            self.something_happens_at_stripe().await?;
        }
        if self.day % 7 == 1 {
            self.stripe_pays_out()?;
        }
        if self.day % 10 == 4 && self.processor.is_told() {
            self.give_surplus_back().await?;
            self.settle_refused().await?;
        }
        Ok(())
    }

    /// Somebody pays by a link of Stripe's, for whatever it says.
    fn stranger_pays_by_link(&mut self) {
        let texts = ["a workshop", "", "INVOICE-999999", "INVOICE-3", "for customer-1"];
        let currencies = ["usd", "eur", "jpy"];
        let (text, currency) = (texts.choose(&mut self.random), currencies.choose(&mut self.random));
        let minor = self.random.random_range(100..60_000);
        let (text, currency) = (text.copied().unwrap_or_default(), currency.copied().unwrap_or("usd"));
        self.processor.stripe.with(|account| account.pay_by_link(minor, currency, text));
        self.count("payments by links");
    }

    fn banks_decide(&mut self) {
        let stripe = &self.processor.stripe;
        for dispute in stripe.with(|account| account.all("disputes")) {
            let id = dispute["id"].as_str().unwrap_or_default();
            let (happens, first) = (self.random.random_ratio(1, 20), self.random.random_ratio(1, 2));
            if !happens {
                continue;
            }
            stripe.with(|account| match dispute["status"].as_str() {
                Some("needs_response") => account.decide(id, first),
                Some("warning_needs_response") if first => account.escalate(id),
                Some("warning_needs_response") => account.let_go(id),
                _ => false,
            });
        }
    }

    /// A refund that the registry did not ask for, or that fails; a dispute; an inquiry; a transfer that comes back.
    async fn something_happens_at_stripe(&mut self) -> Result<()> {
        let chance = self.random.random_range(0..6);
        let kind = match chance {
            4 => "refunds",
            5 => "transfers",
            _ => "payment_intents",
        };
        let (stripe, random) = (&self.processor.stripe, &mut self.random);
        let chosen = stripe.with(|account| {
            let all: Vec<&Value> = account.each(kind).collect();
            all.choose(random).map(|object| (*object).clone())
        });
        let Some(object) = chosen else { return Ok(()) };
        let (id, amount) =
            (object["id"].as_str().unwrap_or_default(), object["amount"].as_i64().unwrap_or(0));
        let part = self.random.random_range(1..=amount.max(1));
        let charge = id.replace("pi_", "ch_");
        let charge = self.processor.stripe.with(|account| account.find("charges", &charge).cloned());
        let given_back = charge.map_or(0, |charge| charge["amount_refunded"].as_i64().unwrap_or(0));
        let left = amount - given_back;
        let is_ours = object["status"] == "succeeded";
        match chance {
            0 | 1 if is_ours => {
                let minor = if chance == 0 { left } else { part.min(left) };
                self.processor.stripe.with(|account| account.refund(id, minor, json!({})));
            }
            2 | 3 if is_ours => {
                self.contest(&object).await?;
                self.processor.stripe.with(|account| match chance {
                    2 => account.dispute(id, left),
                    _ => account.inquire(id, left),
                });
            }
            4 => {
                self.processor.stripe.with(|account| account.fail_refund(id));
            }
            5 => {
                self.processor.stripe.with(|account| account.reverse(id, part));
            }
            _ => return Ok(()),
        }
        self.count("happenings at stripe");
        Ok(())
    }

    /// Remembers the invoice that a payment was for.
    async fn contest(&mut self, payment: &Value) -> Result<()> {
        let subject = match payment["metadata"]["subject"].as_str() {
            Some(subject) => subject.to_owned(),
            // An operator has said what a payment by a link is for.
            None => {
                let line = format!("processor:stripe/{}", payment["id"].as_str().unwrap_or_default());
                let outcome = self.outcome_of(&json!(line)).await?;
                let words = outcome.as_str().unwrap_or_default().split([' ', ',', ';']);
                words.rev().find(|word| word.starts_with("INVOICE-")).unwrap_or_default().to_owned()
            }
        };
        if let Some(number) = subject.strip_prefix("INVOICE-").and_then(|number| number.parse().ok()) {
            self.processor.contested.insert(number);
            return Ok(());
        }
        let payer = payment["id"].as_str().and_then(|id| self.processor.payers.get(id)).copied();
        let Some(payer) = payer else { return Ok(()) };
        let token = self.customers[payer].token.clone();
        let orders = self.list(&token, "/api/v1/orders").await?;
        let order = orders.iter().find(|order| order["reference"] == *subject);
        let invoice = order.and_then(|order| order["invoice"].as_i64());
        self.processor.contested.extend(invoice);
        Ok(())
    }

    /// What is on its way to the bank arrives or, long after, does not; half of what is there is sent.
    fn stripe_pays_out(&mut self) -> Result<()> {
        self.payouts_arrive()?;
        for payout in self.processor.stripe.with(|account| account.all("payouts")) {
            let (id, amount) = payout_of(&payout)?;
            if self.random.random_ratio(1, 300)
                && self.processor.stripe.with(|account| account.fail_payout(id))
            {
                self.moves(&format!("{id}-failed"), amount.negated(), id);
            }
        }
        self.processor.stripe.with(|account| {
            for (currency, held) in account.held.clone() {
                if held > 20_000 {
                    account.pay_out(held / 2, &currency);
                }
            }
        });
        Ok(())
    }

    fn payouts_arrive(&mut self) -> Result<()> {
        for payout in self.processor.stripe.with(|account| account.all("payouts")) {
            let (id, amount) = payout_of(&payout)?;
            if self.processor.stripe.with(|account| account.arrive(id)) {
                self.moves(&format!("{id}-arrived"), amount, id);
            }
        }
        Ok(())
    }

    async fn give_surplus_back(&mut self) -> Result<()> {
        let operator = self.operator.clone();
        for surplus in self.list(&operator, "/api/v1/processor/surplus").await? {
            let id = surplus["id"].as_str().unwrap_or_default();
            let is_contested = self
                .processor
                .stripe
                .with(|account| account.each("disputes").any(|dispute| dispute["payment_intent"] == id));
            if !is_contested && self.random.random_ratio(1, 2) {
                let path = format!("/api/v1/processor/surplus/{id}/refund");
                self.operate("surpluses given back", Method::POST, &path, json!({})).await?;
            }
        }
        Ok(())
    }

    /// Stripe is up, and everything that happened there is told again.
    pub(super) async fn all_events_are_told(&mut self) -> Result<()> {
        self.processor.is_down = false;
        self.processor.stripe.refuse(None);
        self.payouts_arrive()?;
        self.gather_events();
        for (_, event) in std::mem::take(&mut self.processor.untold) {
            self.tell(&event).await?;
        }
        let operator = self.operator.clone();
        for parked in self.list(&operator, "/api/v1/processor/events?state=parked").await? {
            let known = parked["id"].as_str().and_then(|id| self.processor.happened.get(id)).cloned();
            if let Some(event) = known {
                self.tell(&event).await?;
            }
        }
        Ok(())
    }
}

/// The id of a payout to the bank, and what it is of.
fn payout_of(payout: &Value) -> Result<(&str, Money)> {
    let currency: Currency = payout["currency"].as_str().unwrap_or_default().to_uppercase().parse()?;
    let amount = Money::new(payout["amount"].as_i64().unwrap_or(0), currency)?;
    Ok((payout["id"].as_str().unwrap_or_default(), amount))
}
