//! The days of the market: who does what, by chance, and the invariants after each of them.

mod customers;
mod hostile;
mod hosts;
mod laws;
mod lines;
mod opening;
mod operators;
mod payouts;
mod processor;
mod promotions;
mod requests;

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use chandlery_package::Money;
use chandlery_stripe::Stripe;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;
use serde_json::Value;

use crate::bank::Bank;
use crate::partners::{Partner, partners};
use crate::registry::{Launch, Registry, STRIPE_KEY};
use hosts::Host;
use processor::Processor;

const BEGIN: &str = "2025-01-01T00:00:00Z";

/// What to simulate.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The seed of everything that happens by chance.
    pub seed: u64,
    /// For how many months.
    pub months: u32,
    /// How many customers there may be.
    pub customers: usize,
    /// How many requests, of a thousand, are cut off by a SIGKILL.
    pub kills: u32,
    /// How many usage events are sent at once, at most.
    pub batch: usize,
    /// Whether to say why something was refused.
    pub refusals: bool,
}

/// What happened, counted.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// How many days were lived through.
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
    /// Its last usage events, to be corrected.
    sent: Vec<Value>,
    /// What signs its usage; none: it has used nothing yet.
    host: Option<Host>,
    /// The invoices that it has paid, or thinks so, and on which day.
    paid: BTreeMap<i64, u32>,
}

/// A marketplace and everybody in it, on one day.
pub struct Market {
    registry: Registry,
    scenario: Scenario,
    random: StdRng,
    now: Timestamp,
    day: u32,
    /// The token of the operator.
    operator: String,
    /// The token of the operator who approves.
    second: String,
    partners: Vec<Partner>,
    customers: Vec<Customer>,
    /// The tokens of the partners' owners, by their names.
    owners: BTreeMap<String, String>,
    bank: Bank,
    processor: Processor,
    /// Disputes that are told by hand and not decided: by their ids, since which day, and of how much.
    disputes: BTreeMap<String, (u32, Money)>,
    /// What such disputes have taken from the processor, in minor units, by currency.
    taken: BTreeMap<String, i64>,
    /// The plugin that the last coupon is for, and its code.
    coupon: Option<(String, String)>,
    /// How many of the new policies were set.
    policies: usize,
    summary: Summary,
}

impl Market {
    /// Starts the registry, and prepares everybody for the first day.
    pub async fn open(scenario: Scenario, launch: Launch) -> Result<Self> {
        let stripe = Stripe::serve(STRIPE_KEY).await?;
        if scenario.seed % 2 == 1 {
            // Every other marketplace has an account that settles in euros, whatever it is paid in.
            stripe.with(|account| account.settle_in("eur", 92, 100));
        }
        let registry = Registry::start(Launch { stripe: Some(stripe.url().to_owned()), ..launch })?;
        let operator =
            std::fs::read_to_string(registry.launch().data.join("operator.token"))?.trim().to_owned();
        let random = StdRng::seed_from_u64(scenario.seed);
        let now = BEGIN.parse()?;
        let summary = Summary { days: 0, transactions: 0, crashes: 0, done: BTreeMap::new() };
        let mut market = Self {
            registry,
            random,
            now,
            day: 0,
            operator,
            second: String::new(),
            partners: partners(),
            customers: Vec::new(),
            owners: BTreeMap::new(),
            bank: Bank::open(),
            processor: Processor::new(stripe),
            disputes: BTreeMap::new(),
            taken: BTreeMap::new(),
            coupon: None,
            policies: 0,
            summary,
            scenario,
        };
        market.prepare().await?;
        Ok(market)
    }

    /// Lives through all the days. Tells of each before it begins.
    pub async fn run(&mut self, tell: impl Fn(String)) -> Result<Summary> {
        let begin = self.now.to_zoned(TimeZone::UTC);
        let months = i64::from(self.scenario.months);
        let end = begin.checked_add(months.months())?;
        while self.now < end.timestamp() {
            tell(format!("{}: {} transactions", self.now.strftime("%F"), self.summary.transactions));
            self.one_day().await?;
            self.check().await?;
            self.now += SignedDuration::from_hours(24);
            self.day += 1;
        }
        self.settle_up().await?;
        self.outside_agrees().await?;
        self.hosts_agree().await?;
        self.close_months().await?;
        self.check().await?;
        self.summary.days = self.day;
        Ok(self.summary.clone())
    }

    async fn one_day(&mut self) -> Result<()> {
        self.set_clock(self.now).await?;
        let date = self.now.to_zoned(TimeZone::UTC).date();
        match date.day() {
            1 if self.day > 0 => self.set_rates().await?,
            2 => self.spend().await?,
            3 => self.close_months().await?,
            4 if [5, 14].contains(&(self.day / 30)) => self.follow_policy().await?,
            6 | 16 | 26 => self.promote().await?,
            10 | 20 => self.exchange().await?,
            15 if self.day / 30 == 6 => self.appoint_another().await?,
            _ => {}
        }
        for index in 0..self.customers.len() {
            if self.customers[index].joins <= self.day {
                self.customer_acts(index).await?;
            }
        }
        self.stripe_lives().await?;
        self.stripe_tells().await?;
        if self.random.random_ratio(1, 6) {
            self.refund().await?;
        }
        if self.random.random_ratio(1, 12) {
            self.dispute().await?;
        }
        self.bank_tells().await?;
        if self.day % 5 == 2 {
            self.work_on_lines().await?;
        }
        if self.day % 7 == 3 {
            self.decide_corrections().await?;
        }
        if self.day % 7 == 5 {
            self.pay_out().await?;
        }
        Ok(())
    }

    /// The invariants of the books, after every day.
    async fn check(&mut self) -> Result<()> {
        let operator = self.operator.clone();
        let found = self.read(&operator, "/api/v1/ledger/check").await?;
        self.summary.transactions = found["transactions"].as_i64().unwrap_or(0);
        match found["faults"].as_array() {
            Some(faults) if faults.is_empty() => Ok(()),
            faults => bail!(
                "the books do not hold: seed {}, {}: {faults:?}",
                self.scenario.seed,
                self.now.strftime("%F")
            ),
        }
    }
}
