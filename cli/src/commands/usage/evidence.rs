//! What an account's month can be checked with, and everything in it that does not agree.

use std::collections::{BTreeSet, HashMap};

use chandlery_package::chain::{Chain, Head, event_digest};
use chandlery_package::log::{LoggedUsage, Tree};
use chandlery_package::wire::{
    HostChain, Order, UsageCharge, UsageEvent, UsageRecord, UsageRoot, UsageSegment,
};
use chandlery_package::{Digest, Money, MoneyError, Month, Namespace, Per, Price, Unit};
use jiff::{SignedDuration, Timestamp};

/// What the registry shows of an account's month.
pub struct Evidence {
    pub account: Namespace,
    pub month: Month,
    pub records: Vec<UsageRecord>,
    pub roots: Vec<UsageRoot>,
    /// What the log has of all accounts, proved.
    pub logged: Vec<LoggedUsage>,
    pub hosts: Vec<HostChain>,
    pub segments: Vec<UsageSegment>,
    pub charges: Vec<UsageCharge>,
}

impl Evidence {
    /// Everything that does not agree, in words.
    pub fn differences(&self) -> Vec<String> {
        let mut found = self.differences_of_records();
        found.extend(self.differences_of_roots());
        found.extend(self.differences_of_hosts());
        found.extend(self.differences_of_charges());
        found
    }

    /// The events that are shown and that a close has charged by.
    fn counted(&self) -> impl Iterator<Item = &UsageEvent> {
        let counts = |record: &&UsageRecord| !record.late && record.corrected_by.is_none();
        self.records.iter().filter(counts).filter_map(|record| record.event.as_ref())
    }

    /// How many records came after the last root.
    pub fn late(&self) -> usize {
        self.records.iter().filter(|record| record.late).count()
    }

    /// How many records no host has signed, of those that are shown.
    pub fn unsigned(&self) -> usize {
        self.records.iter().filter(|record| record.event.is_some() && record.host.is_none()).count()
    }

    fn differences_of_records(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut ids = BTreeSet::new();
        for record in &self.records {
            let Some(event) = &record.event else { continue };
            if event_digest(&self.account, event) != record.digest {
                found.push(format!("event {} is not what its digest says", event.id));
            }
            if Month::of(event.to) != self.month {
                found.push(format!("event {} ended in {}", event.id, Month::of(event.to)));
            }
            if !ids.insert(event.id) {
                found.push(format!("event {} is there twice", event.id));
            }
        }
        found
    }

    fn differences_of_roots(&self) -> Vec<String> {
        let (account, month) = (&self.account, self.month);
        let logged: Vec<&LoggedUsage> =
            self.logged.iter().filter(|logged| logged.account == *account && logged.month == month).collect();
        let mut found = Vec::new();
        for root in &self.roots {
            if !logged.iter().any(|logged| (logged.index, logged.root) == (root.log_index, root.root)) {
                found.push(format!("the log has no such root of {month} at entry {}", root.log_index));
            }
        }
        for logged in &logged {
            if !self.roots.iter().any(|root| root.log_index == logged.index) {
                found.push(format!(
                    "the log has a root of {month} at entry {}, which is not shown",
                    logged.index
                ));
            }
        }
        let mut tree = Tree::default();
        let rooted = self.records.iter().filter(|record| !record.late);
        let mut count = 0;
        for record in rooted {
            count += 1;
            if let Err(error) = tree.push(record.digest.bytes()) {
                found.push(error.to_string());
            }
        }
        let Some(last) = logged.last() else {
            if count > 0 || self.charges.iter().any(is_by_use) {
                found.push(format!("the log has no root of the use of '{account}' in {month}"));
            }
            return found;
        };
        if tree.root().ok() != Some(last.root) {
            found.push(format!(
                "the {count} records of {month} do not make the root at entry {} of the log",
                last.index
            ));
        }
        found
    }

    fn differences_of_hosts(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut signed: HashMap<&str, BTreeSet<Digest>> = HashMap::new();
        let mut heads: HashMap<&str, Head> = HashMap::new();
        for segment in &self.segments {
            let (host, from, to) = (&segment.host, segment.first, segment.head().sequence);
            let Some(known) = self.hosts.iter().find(|chain| chain.host == *host) else {
                found.push(format!("host {host} has no key, and records {from} to {to}"));
                continue;
            };
            let chain =
                Chain { registry: known.registry.clone(), account: self.account.clone(), host: host.clone() };
            if !chain.is_signed(&known.key, segment) {
                found.push(format!("host {host} has not signed its records {from} to {to}"));
                continue;
            }
            if let Some(before) = heads.get(host.as_str()).filter(|before| !continues(**before, segment)) {
                found.push(format!("host {host}: {from} to {to} do not continue record {}", before.sequence));
            }
            heads.insert(host, segment.head());
            signed.entry(host).or_default().extend(&segment.digests);
        }
        for (record, event) in self.records.iter().filter_map(|record| Some((record, record.event.as_ref()?)))
        {
            let Some(host) = &record.host else { continue };
            if !signed.get(host.as_str()).is_some_and(|digests| digests.contains(&record.digest)) {
                found.push(format!("event {} is not what host {host} has signed", event.id));
            }
        }
        found
    }

    fn differences_of_charges(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut charges: Vec<&UsageCharge> = self.charges.iter().collect();
        charges.sort_by_key(|charge| (charge.order.ordered_at, charge.order.reference.clone()));
        let mut before: Vec<&Order> = Vec::new();
        for charge in charges {
            let order = &charge.order;
            // What is free of a month, and its steps, do not begin anew with another order of the same plugin.
            let earlier = before.iter().filter(|earlier| earlier.plugin == order.plugin);
            let earlier = earlier.map(|earlier| self.used(earlier, order)).fold(0, u64::saturating_add);
            before.push(order);
            let about = |what: String| format!("order {}, {}: {what}", order.reference, charge.month);
            match differences_of(charge, self.used(order, order), earlier) {
                Ok(said) => found.extend(said.into_iter().map(about)),
                Err(error) => found.push(about(error.to_string())),
            }
        }
        found
    }

    /// How much was used on an order, in what the price of another one counts.
    fn used(&self, on: &Order, by: &Order) -> u64 {
        let trial = SignedDuration::from_hours(24 * i64::from(on.offer.trial_days));
        let from = on.ordered_at.checked_add(trial).unwrap_or(Timestamp::MAX);
        let events = self.counted().filter(|event| {
            event.release.plugin == on.plugin
                && from <= event.from
                && on.ended_at.is_none_or(|end| event.from < end)
        });
        match &by.offer.price {
            Price::Metered { unit, .. } => {
                events.map(|event| count(event, unit)).fold(0, u64::saturating_add)
            }
            Price::Monthly { per: Per::Deployment, .. } => {
                events.map(|event| &event.deployment).collect::<BTreeSet<_>>().len() as u64
            }
            Price::Monthly { .. } | Price::Once { .. } => 0,
        }
    }
}

/// Whether a segment continues what came before it of the same host, of which it may say the last ones again.
fn continues(before: Head, segment: &UsageSegment) -> bool {
    let mut at = segment.begin();
    let mut digests = segment.digests.iter();
    while at.sequence < before.sequence {
        let Some(digest) = digests.next() else { return false };
        at = at.then(digest);
    }
    at == before
}

/// Whether something was charged for use.
fn is_by_use(charge: &UsageCharge) -> bool {
    let is_metered = matches!(charge.order.offer.price, Price::Metered { .. });
    is_metered && charge.closes.last().is_some_and(|last| last.used > 0)
}

/// How much of a unit an event counts.
fn count(event: &UsageEvent, unit: &Unit) -> u64 {
    match unit {
        Unit::GpuHour => event.gpu_millis,
        Unit::DeploymentHour => event.replica_millis,
        Unit::Reported(word) => event.units.get(word).copied().unwrap_or_default(),
    }
}

/// So much of a unit, as invoices say it.
pub fn quantity(used: u64, unit: &Unit) -> String {
    match unit.size() {
        1 => format!("{used} {unit}"),
        size => format!("{}.{:03} {unit}", used / size, used % size * 1000 / size),
    }
}

/// What of a charge does not agree with what was used, and with itself.
fn differences_of(charge: &UsageCharge, used: u64, earlier: u64) -> Result<Vec<String>, MoneyError> {
    let mut found = Vec::new();
    let price = &charge.order.offer.price;
    let Some(last) = charge.closes.last() else { return Ok(found) };
    match price {
        Price::Metered { unit, .. } => {
            let (said, was) = (quantity(last.used, unit), quantity(used, unit));
            if last.used != used {
                found.push(format!("charged by {said}, but the records say {was}"));
            }
            let all = price.charge(earlier.saturating_add(used))?.minus(price.charge(earlier)?)?;
            let costs = all.at(charge.order.discount.rest())?;
            if costs != last.charged {
                found.push(format!("{} was charged, but {was} cost {costs}", last.charged));
            }
        }
        Price::Monthly { per: Per::Deployment, .. } if last.used != used => {
            found.push(format!("charged by {} deployments, but the records say {used}", last.used));
        }
        Price::Monthly { .. } | Price::Once { .. } => {}
    }
    let mut before = Money::zero(price.currency());
    for close in &charge.closes {
        let more = close.charged.minus(before)?;
        let mut sum = Money::zero(price.currency());
        for line in &close.lines {
            sum = sum.plus(line.amount)?;
            if let Price::Metered { unit, .. } = price {
                let was = quantity(close.used, unit);
                if line.quantity != was && !line.quantity.ends_with(&format!(" of {was}")) {
                    let (invoice, said) = (line.invoice, &line.quantity);
                    found.push(format!("invoice {invoice} says {said}, and {was} was charged"));
                }
            }
        }
        // What is less than before is a credit note.
        let due = if more.is_positive() { more } else { Money::zero(price.currency()) };
        if sum != due {
            let invoices: Vec<String> = close.lines.iter().map(|line| line.invoice.to_string()).collect();
            found.push(format!("invoice {} has lines of {sum}, not of {due}", invoices.join(", ")));
        }
        before = close.charged;
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
