//! The runs that payouts were proposed in, for those who approve and send them.

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::wire::{Page, Paging};
use chandlery_package::{Balance, Currency, Namespace};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;

/// A run of payouts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Counts from 1.
    pub id: i64,
    /// Who has proposed all of it.
    pub proposed_by: Namespace,
    /// When that was.
    pub proposed_at: Timestamp,
    /// When the first of its payouts was given to its rail; none: all wait for approval, or to be sent.
    pub sent_at: Option<Timestamp>,
    /// What it pays, by currency.
    pub parts: Vec<RunPart>,
}

/// What a run pays in one currency, without what was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPart {
    /// All of it, of what partners had available.
    pub amount: Balance,
    /// How many payouts that are.
    pub payouts: i64,
    /// How many of them wait for approval.
    pub proposed: i64,
    /// How many of them are approved, and were not sent yet.
    pub approved: i64,
}

type Row = (i64, Text<Namespace>, Text<Timestamp>, Option<Text<Timestamp>>);

/// The runs, the latest first.
pub async fn runs(db: &mut AnyConnection, paging: &Paging<i64>) -> Result<Page<Run>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, proposed_by, proposed_at, sent_at from payout_runs where id < $1 order by id desc limit $2",
    )
    .bind(paging.after().copied().unwrap_or(i64::MAX))
    .bind(paging.rows())
    .fetch_all(&mut *db)
    .await?;
    let page = paging.cut(rows, |(id, ..)| *id);
    let (first, last) = (page.items.last().map_or(0, |row| row.0), page.items.first().map_or(0, |row| row.0));
    let mut parts = parts(db, first, last).await?;
    Ok(page.map(|row| read(row, &mut parts)))
}

/// A run, or that there is none of this number.
pub async fn run(db: &mut AnyConnection, id: i64) -> Result<Run, Error> {
    let row: Option<Row> =
        sqlx::query_as("select id, proposed_by, proposed_at, sent_at from payout_runs where id = $1")
            .bind(id)
            .fetch_optional(&mut *db)
            .await?;
    let row = row.ok_or_else(|| Error::NotFound(format!("payout run {id}")))?;
    Ok(read(row, &mut parts(db, id, id).await?))
}

/// How many payouts wait for approval, in a run or alone.
pub async fn count_proposed(db: &mut AnyConnection) -> Result<i64, Error> {
    let (count,): (i64,) =
        sqlx::query_as("select count(*) from payouts where state = 'proposed'").fetch_one(db).await?;
    Ok(count)
}

fn read(row: Row, parts: &mut BTreeMap<i64, Vec<RunPart>>) -> Run {
    let (id, Text(proposed_by), Text(proposed_at), sent_at) = row;
    let sent_at = sent_at.map(|Text(at)| at);
    Run { id, proposed_by, proposed_at, sent_at, parts: parts.remove(&id).unwrap_or_default() }
}

/// What the runs from one to another pay, by their numbers.
async fn parts(db: &mut AnyConnection, first: i64, last: i64) -> Result<BTreeMap<i64, Vec<RunPart>>, Error> {
    let rows: Vec<(i64, Text<Currency>, i64, i64, i64, i64)> = sqlx::query_as(
        "select run, currency, cast(sum(minor) as bigint), count(*),
                cast(sum(case when state = 'proposed' then 1 else 0 end) as bigint),
                cast(sum(case when state = 'approved' then 1 else 0 end) as bigint)
         from payouts where run >= $1 and run <= $2 and state <> 'cancelled' group by run, currency order by run, currency",
    )
    .bind(first)
    .bind(last)
    .fetch_all(db)
    .await?;
    let mut all: BTreeMap<i64, Vec<RunPart>> = BTreeMap::new();
    for (run, Text(currency), minor, payouts, proposed, approved) in rows {
        let amount = Balance::new(minor, currency)?;
        all.entry(run).or_default().push(RunPart { amount, payouts, proposed, approved });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use chandlery_accounts::Actor;
    use chandlery_package::Money;
    use chandlery_package::wire::PayoutState;

    use super::*;
    use crate::billing::{order, record_payment};
    use crate::payouts::{all_of_run, cancel, propose_run};
    use crate::testing::{approve, at, market, operator};

    const OFFER: &str =
        r#"{"price": {"kind": "once", "amount": {"minor": 10000, "currency": "USD"}}, "trial_days": 0}"#;

    #[tokio::test]
    async fn a_run_says_what_it_pays_and_what_waits() {
        let (_folder, finance) = market(&["globex"], OFFER).await;
        let (db, actor) = (&finance.db, Actor::machine());
        let (sold, later) = (at("2026-01-01T00:00:00Z"), at("2026-06-01T00:00:00Z"));
        let new = serde_json::from_value(serde_json::json!({ "plugin": "acme:serving" })).unwrap();
        let customer: Namespace = "globex".parse().unwrap();
        let order = order(db, &actor, &customer, &new, sold).await.unwrap();
        let payment = serde_json::json!({ "bank_reference": "B-1", "amount": order.due });
        let payment = serde_json::from_value(payment).unwrap();
        record_payment(db, &actor, 0, &order.reference, &payment, sold).await.unwrap();
        let id = propose_run(db, &actor, &operator(), later).await.unwrap().items[0].id;

        let mut read = db.read().acquire().await.unwrap();
        let eighty_five: Money = "85.00 USD".parse().unwrap();
        let part =
            |proposed, approved| RunPart { amount: eighty_five.into(), payouts: 1, proposed, approved };
        let [found] = runs(&mut read, &Paging::first(10)).await.unwrap().items.try_into().unwrap();
        assert_eq!((found.id, found.proposed_by.as_str(), found.sent_at), (1, "operator", None));
        assert_eq!(found.parts, [part(1, 0)]);
        assert_eq!(found, run(&mut read, 1).await.unwrap());
        assert_eq!(count_proposed(&mut read).await.unwrap(), 1);
        drop(read);

        approve(db, &actor, &customer, id, later).await.unwrap();
        let mut read = db.read().acquire().await.unwrap();
        assert_eq!(run(&mut read, 1).await.unwrap().parts, [part(0, 1)]);
        assert_eq!(all_of_run(&mut read, 1).await.unwrap()[0].state, PayoutState::Approved);
        assert_eq!(count_proposed(&mut read).await.unwrap(), 0);
        assert!(matches!(run(&mut read, 2).await, Err(Error::NotFound(_))));
        drop(read);
        assert!(cancel(db, &actor, id).await.is_err(), "it is approved");
    }
}
