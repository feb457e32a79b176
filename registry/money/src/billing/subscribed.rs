//! What an account has subscribed to, as it is stored, and how that stands: this follows from its trial, its invoice, the time and what
//! became of the money.

mod states;

use chandlery_accounts::tell;
use chandlery_package::column::Text;
use chandlery_package::wire::{InvoiceState, SubscriptionState};
use chandlery_package::{Billed, Currency, Money, Namespace, Tier};
use chandlery_store::{Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::periods;
use crate::Error;

pub use states::takes_more;
pub(super) use states::{SubscriptionEvent, after};

/// A subscription as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Subscribed {
    pub account: Namespace,
    pub tier: Tier,
    pub billed: Billed,
    pub anchor: Option<Timestamp>,
    pub invoice: Option<i64>,
    pub next: Option<(Tier, Billed)>,
    /// What was agreed: the limit and the price.
    pub agreed: Option<(Option<u32>, Money)>,
    pub trial: Option<(Tier, Timestamp)>,
}

#[derive(sqlx::FromRow)]
struct Row {
    tier: Text<Tier>,
    billed: Text<Billed>,
    anchor_at: Option<Text<Timestamp>>,
    invoice: Option<i64>,
    next_tier: Option<Text<Tier>>,
    next_billed: Option<Text<Billed>>,
    limited_to: Option<i64>,
    price_minor: Option<i64>,
    price_currency: Option<Text<Currency>>,
    trial_tier: Option<Text<Tier>>,
    trial_until: Option<Text<Timestamp>>,
}

impl Subscribed {
    fn none(account: &Namespace) -> Self {
        Self {
            account: account.clone(),
            tier: Tier::Free,
            billed: Billed::Monthly,
            anchor: None,
            invoice: None,
            next: None,
            agreed: None,
            trial: None,
        }
    }

    pub async fn load(write: &mut Write, account: &Namespace) -> Result<Self, Error> {
        let row: Option<Row> = sqlx::query_as(
            "select tier, billed, anchor_at, invoice, next_tier, next_billed, limited_to, price_minor, price_currency,
                    trial_tier, trial_until
             from subscriptions where account = $1",
        )
        .bind(account.as_str())
        .fetch_optional(&mut **write)
        .await?;
        match row {
            Some(row) => Self::read(account, row),
            None => Ok(Self::none(account)),
        }
    }

    fn read(account: &Namespace, row: Row) -> Result<Self, Error> {
        let damaged = |_| Error::Damaged(format!("the limit of '{account}' cannot be read"));
        let limit = row.limited_to.map(|limit| u32::try_from(limit).map_err(damaged)).transpose()?;
        let agreed = match row.price_minor.zip(row.price_currency) {
            Some((minor, Text(currency))) => Some((limit, Money::new(minor, currency)?)),
            None => None,
        };
        Ok(Self {
            account: account.clone(),
            tier: row.tier.0,
            billed: row.billed.0,
            anchor: row.anchor_at.map(|Text(at)| at),
            invoice: row.invoice,
            next: row.next_tier.zip(row.next_billed).map(|(Text(tier), Text(billed))| (tier, billed)),
            agreed,
            trial: row.trial_tier.zip(row.trial_until).map(|(Text(tier), Text(until))| (tier, until)),
        })
    }

    /// What the audit trail keeps of it.
    pub fn in_short(&self) -> Value {
        json!({
            "tier": self.tier,
            "billed": self.billed,
            "next": self.next.map(|(tier, _)| tier),
            "tried_until": self.trial.map(|(_, until)| until),
        })
    }

    pub async fn save(&self, write: &mut Write) -> Result<(), Error> {
        let (next_tier, next_billed) = self.next.unzip();
        let (limit, price) = self.agreed.unzip();
        let (trial_tier, trial_until) = self.trial.unzip();
        sqlx::query(
            "insert into subscriptions (account, tier, billed, anchor_at, invoice, next_tier, next_billed, limited_to,
                                        price_minor, price_currency, trial_tier, trial_until)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             on conflict (account) do update set tier = excluded.tier, billed = excluded.billed,
                 anchor_at = excluded.anchor_at, invoice = excluded.invoice, next_tier = excluded.next_tier,
                 next_billed = excluded.next_billed, limited_to = excluded.limited_to, price_minor = excluded.price_minor,
                 price_currency = excluded.price_currency, trial_tier = excluded.trial_tier,
                 trial_until = excluded.trial_until",
        )
        .bind(self.account.as_str())
        .bind(self.tier.as_str())
        .bind(self.billed.as_str())
        .bind(self.anchor.map(time))
        .bind(self.invoice)
        .bind(next_tier.map(Tier::as_str))
        .bind(next_billed.map(Billed::as_str))
        .bind(limit.flatten().map(i64::from))
        .bind(price.map(|price| price.minor()))
        .bind(price.map(|price| price.currency().code()))
        .bind(trial_tier.map(Tier::as_str))
        .bind(trial_until.map(time))
        .execute(&mut **write)
        .await?;
        Ok(())
    }

    /// What it costs each time that it is billed.
    pub fn price(&self, tier: Tier, billed: Billed) -> Option<Money> {
        match tier {
            Tier::EnterprisePlus => self.agreed.map(|(_, price)| price),
            tier => tier.price(billed),
        }
    }

    pub fn limit(&self, tier: Tier) -> Option<u32> {
        match tier {
            Tier::EnterprisePlus => self.agreed.and_then(|(limit, _)| limit),
            tier => tier.deployments(),
        }
    }

    /// What is on trial at this moment.
    pub fn on_trial(&self, now: Timestamp) -> Option<(Tier, Timestamp)> {
        self.trial.filter(|(tier, until)| *until > now && *tier > self.tier)
    }

    /// How it stands: where what has happened to it leads.
    pub async fn state(&self, write: &mut Write, now: Timestamp) -> Result<SubscriptionState, Error> {
        let mut happened = Vec::new();
        if self.on_trial(now).is_some() {
            happened.push(SubscriptionEvent::Try);
        }
        if let Some(number) = self.invoice {
            happened.push(SubscriptionEvent::Subscribe);
            if periods::find(write, number).await?.state == InvoiceState::Paid {
                happened.push(SubscriptionEvent::Pay);
            }
            match self.next {
                Some((Tier::Free, _)) => happened.push(SubscriptionEvent::Cancel),
                Some(_) => happened.push(SubscriptionEvent::Reduce),
                None => {}
            }
            if is_disputed(write, number).await? {
                happened.push(SubscriptionEvent::Dispute);
            }
        }
        Ok(happened
            .into_iter()
            .fold(SubscriptionState::Free, |state, event| after(state, event).unwrap_or(state)))
    }

    /// Where an event leads at this moment, or that it cannot happen.
    pub async fn may(
        &self,
        write: &mut Write,
        event: SubscriptionEvent,
        now: Timestamp,
    ) -> Result<SubscriptionState, Error> {
        let state = self.state(write, now).await?;
        after(state, event).map_err(|why| {
            Error::Conflict(format!("the subscription of '{}' is {state}: {why}", self.account))
        })
    }

    pub fn end(&mut self) {
        (self.tier, self.anchor, self.invoice, self.next, self.agreed) = (Tier::Free, None, None, None, None);
    }
}

/// Whether the customer's bank has taken the payment of an invoice back, and has not decided.
async fn is_disputed(write: &mut Write, invoice: i64) -> Result<bool, Error> {
    let found: Option<(String,)> = sqlx::query_as(
        "select processor_disputes.id from processor_disputes
         join invoices on invoices.payment = processor_disputes.payment
         where number = $1 and processor_disputes.state = 'open' limit 1",
    )
    .bind(invoice)
    .fetch_optional(&mut **write)
    .await?;
    Ok(found.is_some())
}

/// Before something of a period is given back that is not followed by another: what was earned of it stays as it is, and what is not
/// delivered yet is given back first.
pub(super) async fn before_giving_back(write: &mut Write, invoice: i64, now: Timestamp) -> Result<(), Error> {
    let ends: Option<(String,)> =
        sqlx::query_as("select account from subscriptions where invoice = $1 and next_tier = $2")
            .bind(invoice)
            .bind(Tier::Free.as_str())
            .fetch_optional(&mut **write)
            .await?;
    match ends {
        Some(_) => periods::keep_earned(write, invoice, now).await,
        None => Ok(()),
    }
}

/// Lets an account's subscription follow what was given back, or taken back by a bank: it ends at once where nothing of what was paid
/// for its period is left. What it had replaced holds again until its own period is over, where that is still paid for.
pub(super) async fn follow_the_money(
    write: &mut Write,
    account: &Namespace,
    now: Timestamp,
) -> Result<(), Error> {
    let mut subscribed = Subscribed::load(write, account).await?;
    let Some(number) = subscribed.invoice else { return Ok(()) };
    let mut period = periods::find(write, number).await?;
    if !period.is_given_back(now) {
        return Ok(());
    }
    let tier = subscribed.tier;
    // What it came instead of may have been given back before.
    while period.is_given_back(now) {
        let Some(before) = periods::undo(write, &mut period, now).await? else {
            subscribed.may(write, SubscriptionEvent::GiveBack, now).await?;
            subscribed.end();
            break;
        };
        subscribed.may(write, SubscriptionEvent::Undo, now).await?;
        let limit = subscribed.agreed.and_then(|(limit, _)| limit);
        subscribed.agreed = (before.tier == Tier::EnterprisePlus).then_some((limit, before.price));
        subscribed.billed = if before.months < 12 { Billed::Monthly } else { Billed::Yearly };
        (subscribed.tier, subscribed.invoice) = (before.tier, Some(before.invoice));
        (subscribed.anchor, subscribed.next) = (Some(before.from), Some((Tier::Free, subscribed.billed)));
        period = before;
    }
    subscribed.save(write).await?;
    let has = subscribed.tier;
    let subject = format!("Your subscription of {tier} has ended");
    let body = format!(
        "What was paid for it by invoice {number} has gone back. From now on {has} holds, with {}, and nothing more is invoiced. \
         What runs goes on running; beyond that limit nothing new is deployed.\n",
        Tier::in_words(subscribed.limit(has))
    );
    tell(write, account, &format!("ended:{number}"), &subject, &body, now).await?;
    Ok(())
}
