//! What must be so at the end: what everybody outside has counted by themselves is in the books, to the cent.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use jiff::SignedDuration;
use serde_json::Value;

use super::Market;

/// How many hours of the last day what the registry owes to Stripe may take to be sent: after a refusal it waits for an hour at most.
const HOURS_MAX: i64 = 23;

/// What accounts hold, in minor units, by account and currency.
type Held = BTreeMap<(String, String), i64>;

/// What of some is in one currency.
fn in_currency(held: &Held, account: &str, currency: &str) -> i64 {
    let own = format!("{account}:");
    let of_it = held.iter().filter(|((name, code), _)| {
        (name == account || name.starts_with(&own)) && code.eq_ignore_ascii_case(currency)
    });
    of_it.map(|(_, minor)| minor).sum()
}

impl Market {
    /// The bank and Stripe tell all that they have not told, and everything that waited for that is done.
    pub(super) async fn settle_up(&mut self) -> Result<()> {
        let last_day = self.now - SignedDuration::from_hours(24);
        for hour in 1.. {
            self.all_events_are_told().await?;
            self.settle_refused().await?;
            let parked = self.read_list("/api/v1/processor/events?state=parked").await?;
            if parked.is_empty() && self.processor.is_told() && self.owes_stripe_nothing().await? {
                break;
            }
            let owed = self.read_list("/api/v1/processor/requests").await?;
            ensure!(
                hour <= HOURS_MAX,
                "seed {}: after all was told, these events wait: {parked:?}; and these requests: {owed:?}; Stripe has {:?}",
                self.scenario.seed,
                self.about_payments(&owed)
            );
            self.set_clock(last_day + SignedDuration::from_hours(hour)).await?;
        }
        self.all_lines_are_seen().await
    }

    /// What Stripe has of the payments that requests are about.
    fn about_payments(&self, requests: &[Value]) -> Vec<Value> {
        let kinds = ["charges", "refunds", "disputes"];
        let all = self.processor.stripe.with(|account| kinds.map(|kind| account.all(kind)).concat());
        let is_about = |object: &Value| requests.iter().any(|one| one["about"] == object["payment_intent"]);
        all.into_iter().filter(is_about).collect()
    }

    /// What the bank and Stripe have is what the books have; suspense is what is open; nothing is owed to nobody.
    pub(super) async fn outside_agrees(&mut self) -> Result<()> {
        let seed = self.scenario.seed;
        let held = self.held().await?;
        for (currency, told) in self.bank.told().clone() {
            let books = in_currency(&held, "assets:bank", currency);
            ensure!(books == told, "seed {seed}: the bank has {told} {currency}, and the books {books}");
        }
        let mut open: Held = BTreeMap::new();
        for line in self.read_list("/api/v1/bank/lines?state=open").await? {
            let Some(minor) = line["open"]["minor"].as_i64() else { continue };
            let currency = text(&line["open"]["currency"]);
            *open.entry(("liabilities:suspense".into(), currency)).or_default() -= minor;
        }
        for currency in ["EUR", "JPY", "USD"] {
            let [books, lines] =
                [&held, &open].map(|held| in_currency(held, "liabilities:suspense", currency));
            ensure!(books == lines, "seed {seed}: {lines} {currency} are open, and suspense holds {books}");
            let (at_stripe, disputed) = self.at_processors(currency);
            let books = in_currency(&held, "assets:processor clearing", currency);
            ensure!(books == at_stripe, "seed {seed}: Stripe has {at_stripe} {currency}, the books {books}");
            let books = in_currency(&held, "assets:disputes held", currency);
            ensure!(books == disputed, "seed {seed}: {disputed} {currency} are disputed, not {books}");
        }
        self.all_are_somebody(&held)
    }

    /// What is at Stripe, less what was taken where disputes are told by hand; and what is disputed at either.
    fn at_processors(&self, currency: &str) -> (i64, i64) {
        let code = currency.to_lowercase();
        let (at_stripe, disputes) = self
            .processor
            .stripe
            .with(|account| (account.held.get(&code).copied().unwrap_or(0), account.all("disputes")));
        let open = disputes.iter().filter(|one| one["status"] == "needs_response" && one["currency"] == code);
        let open: i64 = open.filter_map(|dispute| dispute["amount"].as_i64()).sum();
        let by_hand = self.disputes.values().filter(|(_, amount)| amount.currency().code() == currency);
        let by_hand: i64 = by_hand.map(|(_, amount)| amount.minor()).sum();
        let taken = self.taken.get(currency).copied().unwrap_or(0);
        (at_stripe - taken, open + by_hand)
    }

    fn all_are_somebody(&self, held: &Held) -> Result<()> {
        let customers: Vec<&str> = self.customers.iter().map(|customer| customer.name.as_str()).collect();
        let partners: Vec<&str> = self.partners.iter().map(|partner| partner.name).collect();
        for (account, _) in held.iter().filter(|(_, minor)| **minor != 0).map(|(key, _)| key) {
            let (of, known) = if let Some(name) = account.strip_prefix("liabilities:credit:") {
                (name, &customers)
            } else if let Some(name) = account.strip_prefix("liabilities:partner:") {
                (name, &partners)
            } else if let Some(name) = account.strip_prefix("assets:receivable:partner:") {
                (name, &partners)
            } else {
                continue;
            };
            let name = of.split(':').next().unwrap_or_default();
            ensure!(known.contains(&name), "seed {}: {account} is of nobody", self.scenario.seed);
        }
        Ok(())
    }

    async fn held(&mut self) -> Result<Held> {
        let mut held = BTreeMap::new();
        for row in self.read_list("/api/v1/ledger/balances").await? {
            let key = (text(&row["account"]), text(&row["balance"]["currency"]));
            held.insert(key, row["balance"]["minor"].as_i64().unwrap_or(0));
        }
        Ok(held)
    }

    async fn read_list(&mut self, path: &str) -> Result<Vec<Value>> {
        let operator = self.operator.clone();
        self.list(&operator, path).await
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
