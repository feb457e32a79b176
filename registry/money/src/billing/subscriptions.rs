//! Subscriptions: a trial, a change for the better at once and for the less at the end of what is invoiced, renewal, and the end
//! of those that are not paid. What is due at a moment is done whenever a subscription is looked at, so that nothing depends
//! on a clock that ticks in time.

use chandlery_package::column::Text;
use chandlery_package::wire::{
    Act, Agreement, CreditNote, InvoiceState, NewRefund, NewSubscription, NewTrial, Subscription,
    SubscriptionState,
};
use chandlery_package::{Billed, Namespace, Tier};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::{Value, json};

use super::periods::{self, NewPeriod};
use super::subscribed::{Subscribed, SubscriptionEvent};
use super::{collection, refunds};
use crate::Error;
use crate::ledger::{self, By, Chore};
use chandlery_accounts::audit::record;
use chandlery_accounts::{Actor, must_be_an_account, tell};
use chandlery_store::{Db, Write, time};

/// How long a trial lasts, in days.
pub const TRIAL_DAYS: i64 = 30;
const TRIAL: SignedDuration = SignedDuration::from_hours(TRIAL_DAYS * 24);
/// How long after it was due an invoice may be unpaid before the subscription ends.
pub(crate) const PATIENCE: SignedDuration = SignedDuration::from_hours(14 * 24);

impl Subscribed {
    /// Begins to be billed now, for the first time or in another way, with what is left of the invoice before.
    async fn begin(
        &mut self,
        write: &mut Write,
        tier: Tier,
        billed: Billed,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.may(write, SubscriptionEvent::Subscribe, now).await?;
        let (mut credit_minor, replaces) = (0, self.invoice);
        if let Some(number) = replaces {
            let mut current = periods::find(write, number).await?;
            periods::recognise(write, &mut current, now).await?;
            let (left, price) = (current.deferred_minor(), self.price(tier, billed));
            if let Some(price) = price.filter(|_| left > 0) {
                if price.currency() != current.price.currency() {
                    return Err(Error::Conflict(format!(
                        "what is left of invoice {number} is in {}: change when its period is over",
                        current.price.currency()
                    )));
                }
                // What is more than a whole new period costs pays for those after it.
                let (more, why) = (left - price.minor(), "more is left of it than what comes instead costs");
                give_rest(write, number, more, Some(true), why, now).await?;
                current = periods::find(write, number).await?;
            }
            credit_minor = periods::cut_short(write, &mut current, now).await?;
        }
        (self.tier, self.billed, self.anchor, self.next) = (tier, billed, Some(now), None);
        self.bill(write, now, credit_minor, replaces, now).await
    }

    /// Issues the invoice for the period that begins at `from`.
    async fn bill(
        &mut self,
        write: &mut Write,
        from: Timestamp,
        credit_minor: i64,
        replaces: Option<i64>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let price = self.price(self.tier, self.billed).ok_or_else(|| {
            Error::Invalid(format!("{} has no price: an operator records what was agreed", self.tier))
        })?;
        let to = next_period(self.anchor.unwrap_or(from), from, self.billed)?;
        let (account, tier, months) = (&self.account, self.tier, self.billed.months());
        let new = NewPeriod { account, tier, from, to, months, price, credit_minor, replaces };
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
            if current.ended_at.is_some() {
                self.end();
                break;
            }
            let over = current.to;
            if over > now {
                break;
            }
            let follows = self.may(write, SubscriptionEvent::PeriodOver, now).await?;
            match current.state {
                InvoiceState::Open => collection::write_off(write, number, now).await?,
                InvoiceState::Paid | InvoiceState::Uncollectible => {
                    periods::recognise(write, &mut current, now).await?;
                }
            }
            if follows == SubscriptionState::Free {
                self.end();
                break;
            }
            if let Some((tier, billed)) = self.next.take() {
                if billed != self.billed {
                    self.anchor = Some(over);
                }
                (self.tier, self.billed) = (tier, billed);
            }
            self.bill(write, over, 0, None, now).await?;
        }
        Ok(())
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
pub(super) async fn current(
    write: &mut Write,
    account: &Namespace,
    now: Timestamp,
) -> Result<Subscribed, Error> {
    ledger::by(write, By::System(Chore::Renewals));
    let mut stored = Subscribed::load(write, account).await?;
    let before = stored.clone();
    stored.advance(write, now).await?;
    if stored != before {
        stored.save(write).await?;
    }
    Ok(stored)
}

/// A subscription as its account sees it.
pub(super) async fn show(
    write: &mut Write,
    stored: &Subscribed,
    now: Timestamp,
) -> Result<Subscription, Error> {
    let state = stored.state(write, now).await?;
    let paid = if state.holds() { stored.tier } else { Tier::Free };
    let trial = stored.on_trial(now);
    let tier = trial.map_or(paid, |(tier, _)| tier);
    let until = match (trial, stored.invoice) {
        (Some((_, until)), _) => Some(until),
        (None, Some(number)) => Some(periods::find(write, number).await?.to),
        (None, None) => None,
    };
    let due = collection::overdue(write, &stored.account, Timestamp::MAX).await?;
    Ok(Subscription {
        account: stored.account.clone(),
        state,
        tier,
        deployments: stored.limit(tier),
        trial: trial.is_some(),
        trial_left: stored.trial.is_none(),
        billed: stored.invoice.map(|_| stored.billed),
        until,
        then: match trial {
            Some(_) => Some(paid),
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
            stored.may(&mut write, SubscriptionEvent::Try, now).await?;
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
    let mut write = db.write().await?;
    let stored = change_within(&mut write, actor, account, new, now).await?;
    let shown = show(&mut write, &stored, now).await?;
    write.commit().await?;
    Ok(shown)
}

/// The same within a transaction.
pub(super) async fn change_within(
    write: &mut Write,
    actor: &Actor,
    account: &Namespace,
    new: &NewSubscription,
    now: Timestamp,
) -> Result<Subscribed, Error> {
    let NewSubscription { tier, billed } = *new;
    if tier == Tier::EnterprisePlus {
        return Err(Error::Invalid("enterprise-plus is agreed on: an operator records it".into()));
    }
    let mut stored = current(write, account, now).await?;
    ledger::by(write, By::Actor(actor));
    let before = stored.clone();
    if tier == Tier::Free && stored.invoice.is_none() {
        // A trial ends at once.
        stored.may(write, SubscriptionEvent::Cancel, now).await?;
        stored.trial = stored.trial.map(|(tried, until)| (tried, until.min(now)));
    } else if (tier, billed) == (stored.tier, stored.billed) {
        stored.may(write, SubscriptionEvent::Keep, now).await?;
        stored.next = None;
    } else if stored.invoice.is_none() || (tier, billed) > (stored.tier, stored.billed) {
        stored.agreed = None;
        stored.begin(write, tier, billed, now).await?;
    } else {
        let less = if tier == Tier::Free { SubscriptionEvent::Cancel } else { SubscriptionEvent::Reduce };
        stored.may(write, less, now).await?;
        stored.next = Some((tier, billed));
    }
    stored.save(write).await?;
    if stored != before {
        let (was, is) = (before.in_short(), stored.in_short());
        record(write, actor, Act::SubscriptionChanged, account.as_str(), was, is).await?;
    }
    Ok(stored)
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
    must_be_an_account(write, account).await?;
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

/// Gives so much of what is not earned of a period back, nothing where that is not above zero: of its own invoice first, and then of those
/// of which it has what was left. Where it is not said whether as credit, it is where it was not paid through the processor. Gives the
/// key of each credit note, too.
async fn give_rest(
    write: &mut Write,
    number: i64,
    minor: i64,
    as_credit: Option<bool>,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<(String, CreditNote)>, Error> {
    let (mut of, mut rest, mut notes) = (Some(number), minor, Vec::new());
    while let Some(number) = of.filter(|_| rest > 0) {
        periods::keep_earned(write, number, now).await?;
        let left = refunds::left_of(write, number).await?;
        let amount = left.at_most(left.with_minor(rest)?)?;
        if amount.is_positive() {
            let through_processor = refunds::processor_payment(write, number).await?.is_some();
            let new = NewRefund {
                // What is left becomes less by it.
                key: format!("rest of invoice {number}, of {left} left"),
                amount,
                line: None,
                reason: reason.into(),
                as_credit: as_credit.unwrap_or(!through_processor),
            };
            notes.push((new.key.clone(), refunds::book_rest(write, number, &new, now).await?));
            rest -= amount.minor();
        }
        of = periods::find(write, number).await?.replaces;
    }
    Ok(notes)
}

/// Ends what an account has subscribed to, now: a trial as well as what is invoiced, of which the rest is given back by the day.
pub(crate) async fn end_now(
    write: &mut Write,
    actor: &Actor,
    account: &Namespace,
    now: Timestamp,
) -> Result<(Subscription, Vec<(String, CreditNote)>), Error> {
    let mut stored = current(write, account, now).await?;
    ledger::by(write, By::Actor(actor));
    stored.may(write, SubscriptionEvent::EndNow, now).await?;
    let before = stored.clone();
    stored.trial = stored.trial.map(|(tried, until)| (tried, until.min(now)));
    stored.end();
    stored.save(write).await?;
    let mut notes = Vec::new();
    if let Some(number) = before.invoice {
        let mut period = periods::find(write, number).await?;
        periods::recognise(write, &mut period, now).await?;
        let why = "the subscription was ended before its time";
        notes = give_rest(write, number, period.deferred_minor(), None, why, now).await?;
        let mut period = periods::find(write, number).await?;
        periods::end(write, &mut period, now).await?;
        let back = notes.iter().map(|(_, note)| format!("{} by credit note {}", note.net, note.number));
        let back: Vec<_> = back.collect();
        let back = if back.is_empty() { "nothing".into() } else { back.join(", ") };
        let body = format!(
            "It was ended as was asked for. Given back of what was invoiced, without taxes: {back}. What runs goes on running.\n"
        );
        let subject = format!("Your subscription of {} has ended", before.tier);
        tell(write, account, &format!("ended:{number}"), &subject, &body, now).await?;
    }
    let (was, is) = (before.in_short(), stored.in_short());
    record(write, actor, Act::SubscriptionChanged, account.as_str(), was, is).await?;
    Ok((show(write, &stored, now).await?, notes))
}

/// Does what is due for every account that has a subscription, or has not paid an invoice in time.
pub async fn advance_all(db: &Db, now: Timestamp) -> Result<(), Error> {
    let accounts: Vec<(Text<Namespace>,)> = sqlx::query_as(
        "select subscriptions.account from subscriptions join plan_periods on plan_periods.invoice = subscriptions.invoice
         where to_at <= $1 or ended_at is not null
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
