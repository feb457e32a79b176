//! What an account may have of what costs something: decided here alone, for the pull of a component, for a quote and for a licence.

mod states;

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{DisputeState, OrderDispute, OrderState, Quote};
use chandlery_package::{
    DisputedOrder, Entitlements, Money, Namespace, Offer, PluginEntitlement, PluginId, Price, Rate, terms,
};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use super::prices;
use crate::Error;
use chandlery_accounts::{Account, tell};
use chandlery_store::{Db, Write, time};

pub(super) use states::{OrderEvent, Paying, after};

/// How many orders a licence tells of.
const ORDERS_MAX: i64 = 10_000;

/// An order, and what has become of the money for it.
#[derive(sqlx::FromRow)]
struct Row {
    reference: String,
    plugin: Text<PluginId>,
    offer: Json<Offer>,
    discount: Text<Rate>,
    ordered_at: Text<Timestamp>,
    ended_at: Option<Text<Timestamp>>,
    paid_at: Option<Text<Timestamp>>,
    /// How many of its sales were given back whole.
    refunded: i64,
    /// Since when the customer's bank holds, or has for good, what was paid for a sale of it.
    disputed_at: Option<Text<Timestamp>>,
    /// How many disputes of its sales are lost.
    lost: i64,
    /// How many of its sales were never paid, and not sold again when they were paid after all.
    unpaid: i64,
}

/// How an order stands, and when that changes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The state that it is in.
    pub state: OrderState,
    /// When a trial becomes what costs, or the time to pay is over.
    pub until: Option<Timestamp>,
}

/// What a plugin costs everybody at this moment; none: nothing. All of its releases cost the same, those too that were published
/// before there was a price.
pub async fn public_offer(db: &Db, plugin: &PluginId, now: Timestamp) -> Result<Option<Offer>, Error> {
    let found: Option<(Json<Offer>,)> = sqlx::query_as(
        "select offer from prices where plugin = $1 and since <= $2 and customer is null
         order by version desc limit 1",
    )
    .bind(plugin.to_string())
    .bind(time(now))
    .fetch_optional(db.read())
    .await?;
    Ok(found.map(|(Json(offer),)| offer))
}

/// How an account's order of a plugin stands; none: it has not ordered.
pub async fn entitled(
    db: &Db,
    account: &Namespace,
    plugin: &PluginId,
    now: Timestamp,
) -> Result<Option<Standing>, Error> {
    let rows = orders(&mut *db.read().acquire().await?, account, &plugin.to_string(), "", 1).await?;
    rows.first().map(|row| row.standing(now)).transpose()
}

/// How one order of an account stands; none: it has no such order.
pub async fn standing_of(
    db: &mut AnyConnection,
    account: &Namespace,
    reference: &str,
    now: Timestamp,
) -> Result<Option<Standing>, Error> {
    let rows = orders(db, account, "", reference, 1).await?;
    rows.first().map(|row| row.standing(now)).transpose()
}

/// Tells the customer of each order that an invoice paid for and that does not hold any more what that means.
pub(super) async fn tell_of_ends(write: &mut Write, invoice: i64, now: Timestamp) -> Result<(), Error> {
    let paid: Vec<(Text<Namespace>, String)> =
        sqlx::query_as("select customer, reference from orders where invoice = $1 order by reference")
            .bind(invoice)
            .fetch_all(&mut **write)
            .await?;
    for (Text(customer), reference) in paid {
        tell_of_end(write, &customer, &reference, now).await?;
    }
    Ok(())
}

/// The same, of one order.
pub(super) async fn tell_of_end(
    write: &mut Write,
    customer: &Namespace,
    reference: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let rows = orders(write, customer, "", reference, 1).await?;
    for row in rows {
        let (state, plugin) = (row.standing(now)?.state, row.plugin.0);
        if state.entitles() {
            continue;
        }
        let subject = format!("Your order {reference} of {plugin} is {state}");
        let body = format!(
            "From now on nothing new of {plugin} is pulled or deployed. What serves goes on for {} days from the day on which its \
             host tells of it, by the terms of {}. To order it again:\n\n    chandlery orders place {plugin}\n",
            terms::NOTICE_DAYS,
            terms::VERSION
        );
        tell(write, customer, &format!("order:{reference}:{state}"), &subject, &body, now).await?;
    }
    Ok(())
}

/// What a plugin costs an account, and whether the account may have it.
pub async fn quote(db: &Db, account: &Account, plugin: &PluginId, now: Timestamp) -> Result<Quote, Error> {
    let costs = public_offer(db, plugin, now).await?.is_some();
    let offer = match costs {
        true => prices::offer_at(&mut *db.read().acquire().await?, plugin, &account.name, now).await?,
        false => None,
    };
    let rows = orders(&mut *db.read().acquire().await?, &account.name, &plugin.to_string(), "", 1).await?;
    let placed = rows.first();
    let order = placed.map(|row| row.standing(now)).transpose()?.map(|standing| standing.state);
    let dispute = placed.and_then(Row::dispute).filter(|_| order == Some(OrderState::Disputed));
    let member =
        account.operator || chandlery_accounts::role(db, &plugin.namespace, &account.name).await?.is_some();
    // A namespace that is not there is answered as one that may not be seen.
    let public = match chandlery_accounts::is_public(db, &plugin.namespace).await {
        Err(chandlery_accounts::Error::NotFound(_)) => false,
        found => found?,
    };
    if !member && !public {
        return Err(Error::NotFound(format!("plugin '{plugin}'")));
    }
    Ok(Quote {
        account: account.name.clone(),
        plugin: plugin.clone(),
        terms: terms::VERSION.into(),
        summary: offer.as_ref().map(terms::summary).unwrap_or_default(),
        entitled: offer.is_none() || member || order.is_some_and(OrderState::entitles),
        offer,
        order,
        dispute,
    })
}

/// All that costs something and that an account may deploy at this moment, and what disputes withhold from it, for its licence.
pub(crate) async fn entitlements(db: &Db, account: &Account, now: Timestamp) -> Result<Entitlements, Error> {
    let (mut plugins, mut disputed) = (Vec::new(), Vec::new());
    let rows = orders(&mut *db.read().acquire().await?, &account.name, "", "", ORDERS_MAX).await?;
    for row in rows {
        let Standing { state, until } = row.standing(now)?;
        let dispute = row.dispute().filter(|_| state == OrderState::Disputed);
        let (plugin, reference) = (row.plugin.0, row.reference);
        if state.entitles() {
            let (until, trial) = (until.map(Timestamp::as_second), state == OrderState::Trial);
            plugins.push(PluginEntitlement { plugin, reference, until, quantity: None, trial });
        } else if let Some(OrderDispute { since, state }) = dispute {
            let (since, lost) = (since.as_second(), state == DisputeState::Lost);
            disputed.push(DisputedOrder { plugin, reference, since, lost });
        }
    }
    let namespaces = chandlery_accounts::namespaces_of(db, &account.name).await?;
    let namespaces = namespaces.into_iter().map(|(namespace, _)| namespace).collect();
    Ok(Entitlements { plugins, disputed, namespaces, everything: account.operator })
}

/// The orders of an account, of one plugin and of one reference or, with an empty text, of all: of each plugin first the one that holds.
async fn orders(
    db: &mut AnyConnection,
    account: &Namespace,
    plugin: &str,
    reference: &str,
    rows: i64,
) -> Result<Vec<Row>, Error> {
    // The sales of an order are called `order CH-…`, followed by the month where it is invoiced by the month.
    Ok(sqlx::query_as(
        "select reference, plugin, offer, discount, ordered_at, ended_at, paid_at,
                (select cast(count(*) as bigint) from sales
                 where sales.source >= 'order ' || orders.reference and sales.source < 'order ' || orders.reference || '-'
                   and gross_minor > 0 and refunded_minor >= gross_minor) as refunded,
                (select min(disputes.opened_at) from sales join disputes on disputes.sale = sales.id
                 where sales.source >= 'order ' || orders.reference and sales.source < 'order ' || orders.reference || '-'
                   and disputes.state <> 'won') as disputed_at,
                (select cast(count(*) as bigint) from sales join disputes on disputes.sale = sales.id
                 where sales.source >= 'order ' || orders.reference and sales.source < 'order ' || orders.reference || '-'
                   and disputes.state = 'lost') as lost,
                (select cast(count(*) as bigint) from sales
                 where sales.source >= 'order ' || orders.reference and sales.source < 'order ' || orders.reference || '-'
                   and void_at is not null
                   and not exists (select 1 from sales as again where again.source = sales.source || ', again')) as unpaid
         from orders where customer = $1 and ($2 = '' or plugin = $2) and ($3 = '' or reference = $3)
         order by plugin, case when ended_at is null then 0 else 1 end, case when paid_at is null then 1 else 0 end,
                  ordered_at desc, reference limit $4",
    )
    .bind(account.as_str())
    .bind(plugin)
    .bind(reference)
    .bind(rows)
    .fetch_all(db)
    .await?)
}

impl Row {
    /// The dispute of a payment for it that the customer's bank has not decided for the marketplace.
    fn dispute(&self) -> Option<OrderDispute> {
        let state = if self.lost > 0 { DisputeState::Lost } else { DisputeState::Open };
        self.disputed_at.as_ref().map(|Text(since)| OrderDispute { since: *since, state })
    }

    fn standing(&self, now: Timestamp) -> Result<Standing, Error> {
        let Json(offer) = &self.offer;
        let due = match &offer.price {
            Price::Once { amount } => Some(amount.at(self.discount.0.rest())?),
            Price::Monthly { .. } | Price::Metered { .. } => None,
        };
        let facts = Facts {
            due,
            trial_days: offer.trial_days,
            ordered_at: self.ordered_at.0,
            ended: self.ended_at.is_some_and(|Text(at)| at <= now),
            paid: self.paid_at.is_some(),
            refunded: self.refunded > 0,
            disputed: self.disputed_at.is_some(),
            unpaid: self.unpaid > 0,
        };
        Ok(facts.standing(now))
    }
}

/// What decides how an order stands.
struct Facts {
    /// What is to be paid once, without taxes; none: it is invoiced by the month.
    due: Option<Money>,
    trial_days: u32,
    ordered_at: Timestamp,
    ended: bool,
    paid: bool,
    refunded: bool,
    disputed: bool,
    unpaid: bool,
}

impl Facts {
    /// Where what has happened to the order leads.
    fn standing(&self, now: Timestamp) -> Standing {
        let after_days = |days: i64| {
            let span = SignedDuration::from_hours(24 * days);
            self.ordered_at.checked_add(span).unwrap_or(Timestamp::MAX)
        };
        let (pay_by, paid_from) = (after_days(terms::PAYMENT_DAYS), after_days(i64::from(self.trial_days)));
        let (paying, begin) = match self.due {
            Some(_) => (Paying::Once, OrderState::Ordered),
            None if self.trial_days > 0 => (Paying::ByMonth, OrderState::Trial),
            None => (Paying::ByMonth, OrderState::Running),
        };
        let happened = [
            (now >= paid_from, OrderEvent::TrialOver),
            (now >= pay_by, OrderEvent::TimeOver),
            (self.paid || self.due.is_some_and(|due| due.is_zero()), OrderEvent::Pay),
            (self.refunded, OrderEvent::GiveBack),
            (self.unpaid, OrderEvent::GiveUp),
            (self.disputed, OrderEvent::Dispute),
            (self.ended, OrderEvent::Replace),
        ];
        let happened = happened.into_iter().filter(|(has, _)| *has);
        // What is none for its state, such as the end of the time to pay where nothing is to be paid, changes nothing.
        let state = happened.fold(begin, |state, (_, event)| after(paying, state, event).unwrap_or(state));
        let until = match state {
            OrderState::Ordered => Some(pay_by),
            OrderState::Trial => Some(paid_from),
            _ => None,
        };
        Standing { state, until }
    }
}

#[cfg(test)]
mod tests {
    use chandlery_package::Currency;

    use super::*;

    #[test]
    fn every_edge_of_an_order_leads_where_it_is_drawn() {
        let day = |number: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * number);
        let money = |minor| Some(Money::new(minor, Currency::Usd).unwrap());
        let facts = |due, trial_days| Facts {
            due,
            trial_days,
            ordered_at: day(0),
            ended: false,
            paid: false,
            refunded: false,
            disputed: false,
            unpaid: false,
        };
        let once = || facts(money(100), 0);
        let by_month = || facts(None, 0);
        let settled = |state| Standing { state, until: None };
        let cases = [
            (once(), 0, Standing { state: OrderState::Ordered, until: Some(day(14)) }),
            (once(), 13, Standing { state: OrderState::Ordered, until: Some(day(14)) }),
            (once(), 14, settled(OrderState::Overdue)),
            (facts(money(0), 0), 14, settled(OrderState::Paid)),
            (Facts { paid: true, ..once() }, 1, settled(OrderState::Paid)),
            // Late, and still paid.
            (Facts { paid: true, ..once() }, 400, settled(OrderState::Paid)),
            (Facts { paid: true, refunded: true, ..once() }, 1, settled(OrderState::Refunded)),
            (Facts { paid: true, disputed: true, ..once() }, 1, settled(OrderState::Disputed)),
            (
                Facts { paid: true, disputed: true, refunded: true, ..once() },
                1,
                settled(OrderState::Disputed),
            ),
            (facts(None, 14), 0, Standing { state: OrderState::Trial, until: Some(day(14)) }),
            (facts(None, 14), 14, settled(OrderState::Running)),
            (Facts { ended: true, ..facts(None, 14) }, 1, settled(OrderState::Ended)),
            (by_month(), 0, settled(OrderState::Running)),
            (Facts { refunded: true, ..by_month() }, 40, settled(OrderState::Running)),
            (Facts { disputed: true, ..by_month() }, 40, settled(OrderState::Disputed)),
            (Facts { unpaid: true, ..by_month() }, 80, settled(OrderState::Overdue)),
            (Facts { ended: true, ..by_month() }, 1, settled(OrderState::Ended)),
        ];
        for (index, (facts, at, expected)) in cases.iter().enumerate() {
            assert_eq!(facts.standing(day(*at)), *expected, "case {index}");
        }
        let entitling = OrderState::ALL.into_iter().filter(|state| state.entitles());
        assert_eq!(
            entitling.map(OrderState::as_str).collect::<Vec<_>>(),
            ["trial", "running", "ordered", "paid"]
        );
    }
}
