//! From what was sold to what is left: the price of the sales of a time, what was taken back of it until now, who shares the rest, and
//! what was withheld for the state from the payouts of that time. Each line is a sum of rows that tie to the ledger.

use chandlery_package::{Balance, Currency, Namespace};
use sqlx::AnyConnection;

use super::{Earned, Range};
use crate::Error;

/// How a line stands to those above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// What is taken off, below zero, or added.
    Change,
    /// What the lines above come to.
    Total,
}

/// A line of the way from gross to net.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is, as one word for programs: `gross`, `refunded`, ….
    pub word: &'static str,
    /// What it is, for people.
    pub name: &'static str,
    /// How it stands to those above it.
    pub kind: LineKind,
    /// In the time.
    pub now: Balance,
    /// In the time before.
    pub before: Balance,
}

/// The lines from gross to net, in order. Each total is the sum of what is above it.
pub async fn waterfall(
    db: &mut AnyConnection,
    partner: &Namespace,
    earned: &Earned,
    range: &Range,
) -> Result<Vec<Line>, Error> {
    let withheld = [
        withheld(db, partner, earned.currency, range).await?,
        withheld(db, partner, earned.currency, &range.before()).await?,
    ];
    let both = [(&earned.now, withheld[0]), (&earned.before, withheld[1])];
    let amounts = both.map(|(sold, withheld)| {
        [
            sold.gross,
            -sold.refunded,
            -sold.disputed,
            -sold.unpaid,
            sold.paid(),
            -sold.marketplace(),
            -sold.referrers,
            sold.referral,
            sold.share(),
            -withheld,
            sold.share() - withheld,
        ]
    });
    let names = [
        ("gross", "Sold", LineKind::Total),
        ("refunded", "Given back", LineKind::Change),
        ("disputed", "Disputed", LineKind::Change),
        ("unpaid", "Never paid", LineKind::Change),
        ("paid", "Customers pay", LineKind::Total),
        ("marketplace", "Marketplace", LineKind::Change),
        ("referrers", "Referrers", LineKind::Change),
        ("referral", "For referring", LineKind::Change),
        ("share", "Your share", LineKind::Total),
        ("withheld", "Tax withheld", LineKind::Change),
        ("net", "Net", LineKind::Total),
    ];
    let lines = names.into_iter().zip(amounts[0]).zip(amounts[1]);
    let read = |(((word, name, kind), now), before)| {
        Ok(Line { word, name, kind, now: earned.money(now)?, before: earned.money(before)? })
    };
    lines.map(read).collect()
}

/// What was withheld for the state from the payouts that were approved in a time, less what came back with them until now, in minor units.
async fn withheld(
    db: &mut AnyConnection,
    partner: &Namespace,
    currency: Currency,
    range: &Range,
) -> Result<i64, Error> {
    let (minor,): (i64,) = sqlx::query_as(
        "select cast(coalesce(sum(withheld_minor - coalesce(
                    (select sum(payout_returns.withheld_minor) from payout_returns
                     where payout_returns.payout = payouts.id), 0)), 0) as bigint)
         from payouts where partner = $1 and currency = $2 and approved_at >= $3 and approved_at < $4
           and state in ('approved', 'sent', 'paid', 'partly-returned')",
    )
    .bind(partner.as_str())
    .bind(currency.code())
    .bind(range.since())
    .bind(range.until())
    .fetch_one(db)
    .await?;
    Ok(minor)
}
