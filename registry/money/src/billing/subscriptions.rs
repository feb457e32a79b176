//! Subscriptions: a trial, a change for the better at once and for the less at the end of what is invoiced, renewal, and the end
//! of those that are not paid. What is due at a moment is done whenever a subscription is looked at, so that nothing depends
//! on a clock that ticks in time.

use chandlery_package::column::Text;
use chandlery_package::wire::{Act, Agreement, InvoiceState, NewSubscription, NewTrial, Subscription};
use chandlery_package::{Billed, Currency, Money, Namespace, Tier};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::{Value, json};

use super::collection;
use super::periods::{self, NewPeriod};
use crate::Error;
use crate::ledger::{self, By, Chore};
use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_store::{Db, Write, time};

/// How long a trial lasts.
const TRIAL: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long after it was due an invoice may be unpaid before the subscription ends.
const PATIENCE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A subscription as it is stored.
#[derive(Debug, Clone, PartialEq)]
struct Stored {
    account: Namespace,
    tier: Tier,
    billed: Billed,
    anchor: Option<Timestamp>,
    invoice: Option<i64>,
    next: Option<(Tier, Billed)>,
    /// What was agreed: the limit and the price.
    agreed: Option<(Option<u32>, Money)>,
    trial: Option<(Tier, Timestamp)>,
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

impl Stored {
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

    async fn load(write: &mut Write, account: &Namespace) -> Result<Self, Error> {
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
    fn in_short(&self) -> Value {
        json!({
            "tier": self.tier,
            "billed": self.billed,
            "next": self.next.map(|(tier, _)| tier),
            "tried_until": self.trial.map(|(_, until)| until),
        })
    }

    async fn save(&self, write: &mut Write) -> Result<(), Error> {
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
    fn price(&self, tier: Tier, billed: Billed) -> Option<Money> {
        match tier {
            Tier::EnterprisePlus => self.agreed.map(|(_, price)| price),
            tier => tier.price(billed),
        }
    }

    fn limit(&self, tier: Tier) -> Option<u32> {
        match tier {
            Tier::EnterprisePlus => self.agreed.and_then(|(limit, _)| limit),
            tier => tier.deployments(),
        }
    }

    /// What is on trial at this moment.
    fn on_trial(&self, now: Timestamp) -> Option<(Tier, Timestamp)> {
        self.trial.filter(|(tier, until)| *until > now && *tier > self.tier)
    }

    /// Begins to be billed now, for the first time or in another way, with what is left of the invoice before.
    async fn begin(
        &mut self,
        write: &mut Write,
        tier: Tier,
        billed: Billed,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut credit_minor = 0;
        if let Some(number) = self.invoice {
            let mut current = periods::find(write, number).await?;
            if current.state == InvoiceState::Open {
                return Err(Error::Conflict(format!(
                    "invoice {number} of {} is not paid yet: change to more when it is",
                    current.total
                )));
            }
            credit_minor = periods::cut_short(write, &mut current, now).await?;
            let new = self.price(tier, billed).map(|price| price.currency());
            if credit_minor > 0 && new.is_some_and(|currency| currency != current.price.currency()) {
                return Err(Error::Conflict(format!(
                    "what is left of invoice {number} is in {}: change when its period is over",
                    current.price.currency()
                )));
            }
        }
        (self.tier, self.billed, self.anchor, self.next) = (tier, billed, Some(now), None);
        self.bill(write, now, credit_minor, now).await
    }

    /// Issues the invoice for the period that begins at `from`.
    async fn bill(
        &mut self,
        write: &mut Write,
        from: Timestamp,
        credit_minor: i64,
        now: Timestamp,
    ) -> Result<(), Error> {
        let price = self.price(self.tier, self.billed).ok_or_else(|| {
            Error::Invalid(format!("{} has no price: an operator records what was agreed", self.tier))
        })?;
        let to = next_period(self.anchor.unwrap_or(from), from, self.billed)?;
        let (account, tier, months) = (&self.account, self.tier, self.billed.months());
        let new = NewPeriod { account, tier, from, to, months, price, credit_minor };
        self.invoice = Some(periods::bill(write, &new, now).await?);
        Ok(())
    }

    /// Does what is due by now: ends what was never paid, and renews or ends what is over.
    async fn advance(&mut self, write: &mut Write, now: Timestamp) -> Result<(), Error> {
        let before = now.checked_sub(PATIENCE).unwrap_or(now);
        for unpaid in collection::overdue(write, &self.account, before).await? {
            collection::write_off(write, unpaid.number, now).await?;
            if self.invoice == Some(unpaid.number) {
                self.end();
            }
        }
        while let Some(number) = self.invoice {
            let mut current = periods::find(write, number).await?;
            let over = current.to;
            if over > now {
                break;
            }
            // A period that was never paid is not followed by another.
            if current.state == InvoiceState::Open {
                collection::write_off(write, number, now).await?;
                self.end();
                break;
            }
            periods::recognise(write, &mut current, now).await?;
            if let Some((tier, billed)) = self.next.take() {
                if billed != self.billed {
                    self.anchor = Some(over);
                }
                (self.tier, self.billed) = (tier, billed);
            }
            match self.tier {
                Tier::Free => self.end(),
                _ => self.bill(write, over, 0, now).await?,
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        (self.tier, self.anchor, self.invoice, self.next, self.agreed) = (Tier::Free, None, None, None, None);
    }
}

/// The end of the period that begins at `from`: whole months after the anchor, so that the 31st stays the 31st where there is one.
fn next_period(anchor: Timestamp, from: Timestamp, billed: Billed) -> Result<Timestamp, Error> {
    let anchor = anchor.to_zoned(TimeZone::UTC);
    let mut months = 0;
    loop {
        months += billed.months();
        let end = anchor.checked_add(months.months()).map_err(|error| Error::Damaged(error.to_string()))?;
        if end.timestamp() > from {
            return Ok(end.timestamp());
        }
    }
}

/// Loads a subscription, and does what is due.
async fn current(write: &mut Write, account: &Namespace, now: Timestamp) -> Result<Stored, Error> {
    ledger::by(write, By::System(Chore::Renewals));
    let mut stored = Stored::load(write, account).await?;
    let before = stored.clone();
    stored.advance(write, now).await?;
    if stored != before {
        stored.save(write).await?;
    }
    Ok(stored)
}

async fn show(write: &mut Write, stored: &Stored, now: Timestamp) -> Result<Subscription, Error> {
    let trial = stored.on_trial(now);
    let tier = trial.map_or(stored.tier, |(tier, _)| tier);
    let until = match (trial, stored.invoice) {
        (Some((_, until)), _) => Some(until),
        (None, Some(number)) => Some(periods::find(write, number).await?.to),
        (None, None) => None,
    };
    let due = collection::overdue(write, &stored.account, Timestamp::MAX).await?;
    Ok(Subscription {
        account: stored.account.clone(),
        tier,
        deployments: stored.limit(tier),
        trial: trial.is_some(),
        trial_left: stored.trial.is_none(),
        billed: stored.invoice.map(|_| stored.billed),
        until,
        then: match trial {
            Some(_) => Some(stored.tier),
            None => stored.next.map(|(tier, _)| tier),
        },
        due,
    })
}

/// What an account has subscribed to.
pub async fn subscription(db: &Db, account: &Namespace, now: Timestamp) -> Result<Subscription, Error> {
    let mut write = db.write().await?;
    let stored = current(&mut write, account, now).await?;
    let shown = show(&mut write, &stored, now).await?;
    write.commit().await?;
    Ok(shown)
}

/// Begins an account's one trial.
pub async fn try_out(
    db: &Db,
    actor: &Actor,
    account: &Namespace,
    new: &NewTrial,
    now: Timestamp,
) -> Result<Subscription, Error> {
    if matches!(new.tier, Tier::Free | Tier::EnterprisePlus) {
        return Err(Error::Invalid(format!("{} is not tried: try developer, team or enterprise", new.tier)));
    }
    let mut write = db.write().await?;
    let mut stored = current(&mut write, account, now).await?;
    ledger::by(&mut write, By::Actor(actor));
    match stored.trial {
        // Asked again.
        Some((tier, until)) if tier == new.tier && until > now => {}
        Some((tier, until)) => {
            return Err(Error::Conflict(format!("'{account}' has had its trial, of {tier} until {until}")));
        }
        None if stored.tier >= new.tier => {
            return Err(Error::Conflict(format!("'{account}' has {} already", stored.tier)));
        }
        None => {
            let until = now.checked_add(TRIAL).map_err(|error| Error::Damaged(error.to_string()))?;
            stored.trial = Some((new.tier, until));
            stored.save(&mut write).await?;
            let after = json!({ "tried": new.tier, "until": until });
            record(&mut write, actor, Act::SubscriptionChanged, account.as_str(), Value::Null, after).await?;
        }
    }
    let shown = show(&mut write, &stored, now).await?;
    write.commit().await?;
    Ok(shown)
}

/// Changes what an account has subscribed to: to more at once, with what is left of its invoice credited; to less when what is
/// invoiced is over.
pub async fn change(
    db: &Db,
    actor: &Actor,
    account: &Namespace,
    new: &NewSubscription,
    now: Timestamp,
) -> Result<Subscription, Error> {
    let NewSubscription { tier, billed } = *new;
    if tier == Tier::EnterprisePlus {
        return Err(Error::Invalid("enterprise-plus is agreed on: an operator records it".into()));
    }
    let mut write = db.write().await?;
    let mut stored = current(&mut write, account, now).await?;
    ledger::by(&mut write, By::Actor(actor));
    let before = stored.clone();
    if tier == Tier::Free && stored.invoice.is_none() {
        // A trial ends at once.
        stored.trial = stored.trial.map(|(tried, until)| (tried, until.min(now)));
    } else if (tier, billed) == (stored.tier, stored.billed)
        || tier == Tier::Free && stored.tier == Tier::Free
    {
        stored.next = None;
    } else if tier > stored.tier && billed >= stored.billed || stored.invoice.is_none() {
        stored.agreed = None;
        stored.begin(&mut write, tier, billed, now).await?;
    } else if tier == stored.tier && billed > stored.billed {
        stored.begin(&mut write, tier, billed, now).await?;
    } else {
        stored.next = Some((tier, billed));
    }
    stored.save(&mut write).await?;
    if stored != before {
        let (was, is) = (before.in_short(), stored.in_short());
        record(&mut write, actor, Act::SubscriptionChanged, account.as_str(), was, is).await?;
    }
    let shown = show(&mut write, &stored, now).await?;
    write.commit().await?;
    Ok(shown)
}

/// Records what was agreed with an account, which holds from now on.
pub async fn agree(
    db: &Db,
    actor: &Actor,
    account: &Namespace,
    agreement: &Agreement,
    now: Timestamp,
) -> Result<Subscription, Error> {
    let mut write = db.write().await?;
    let shown = agree_within(&mut write, actor, account, agreement, now).await?;
    write.commit().await?;
    Ok(shown)
}

/// The same within a transaction.
pub(crate) async fn agree_within(
    write: &mut Write,
    actor: &Actor,
    account: &Namespace,
    agreement: &Agreement,
    now: Timestamp,
) -> Result<Subscription, Error> {
    if agreement.price.minor() < 0 {
        return Err(Error::Invalid(format!("a price is not below zero, as {} is", agreement.price)));
    }
    let known: Option<(String,)> = sqlx::query_as("select name from accounts where name = $1")
        .bind(account.as_str())
        .fetch_optional(&mut **write)
        .await?;
    if known.is_none() {
        return Err(Error::NotFound(format!("account '{account}'")));
    }
    let mut stored = current(write, account, now).await?;
    ledger::by(write, By::Actor(actor));
    let agreed = Some((agreement.deployments, agreement.price));
    if (stored.tier, stored.billed, stored.agreed) != (Tier::EnterprisePlus, agreement.billed, agreed) {
        let before = json!({ "tier": stored.tier, "billed": stored.billed });
        stored.agreed = agreed;
        stored.begin(write, Tier::EnterprisePlus, agreement.billed, now).await?;
        stored.save(write).await?;
        let subject = account.as_str();
        record(write, actor, Act::SubscriptionAgreed, subject, before, json!(agreement)).await?;
    }
    show(write, &stored, now).await
}

/// Does what is due for every account that has a subscription, or has not paid an invoice in time.
pub async fn advance_all(db: &Db, now: Timestamp) -> Result<(), Error> {
    let accounts: Vec<(Text<Namespace>,)> = sqlx::query_as(
        "select subscriptions.account from subscriptions join plan_periods on plan_periods.invoice = subscriptions.invoice
         where to_at <= $1
         union select account from invoices where state = 'open' and due_at < $1 order by 1",
    )
    .bind(time(now))
    .fetch_all(db.read())
    .await?;
    for (Text(account),) in accounts {
        subscription(db, &account, now).await?;
    }
    periods::recognise_all(db, now).await
}

#[cfg(test)]
mod tests;
