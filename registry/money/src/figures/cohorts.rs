//! Customers by the month in which they first paid, and what became of them.

use std::collections::{BTreeMap, BTreeSet};

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{Cohort, CohortMonth, Cohorts, Ratio};
use chandlery_package::{Month, Namespace};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::basis::months_until;
use super::known::{Known, ratio, usd};
use super::rows::{Accounts, accounts_at, counted_until};
use crate::Error;
use crate::table::{self, Cell};

/// What a cohort is.
const CUSTOMERS: &str = "Customers by the month of their first payment of an invoice. By count: those who had MRR at the end of a month, or bought something in it, ÷ all of the cohort. By MRR: the MRR that they had at its end ÷ what they had at the end of their first month.";

const COLUMNS: [&str; 7] =
    ["cohort", "customers", "month", "active", "retained_by_count", "mrr", "retained_by_mrr"];

/// The cohorts of all months until the one of `now`, which is not over.
pub async fn cohorts(db: &mut AnyConnection, now: Timestamp) -> Result<Cohorts, Error> {
    let mut months = Vec::new();
    for month in months_until(&mut *db, now).await? {
        months.push((month, accounts_at(&mut *db, counted_until(month, now)).await?));
    }
    let first = first_payments(&mut *db).await?;
    let cohorts = tabulate(&months, &first, &buyers(db).await?);
    Ok(Cohorts { cohorts, definition: CUSTOMERS.into() })
}

/// The month of each customer's first payment.
async fn first_payments(db: &mut AnyConnection) -> Result<BTreeMap<Namespace, Month>, Error> {
    // Keys begin with their kind, and are indexed.
    let rows: Vec<(Text<Timestamp>, Json<BTreeMap<String, String>>)> = sqlx::query_as(
        "select at, links from ledger_transactions where key >= 'invoice-paid:' and key < 'invoice-paid;'",
    )
    .fetch_all(db)
    .await?;
    let mut first: BTreeMap<Namespace, Month> = BTreeMap::new();
    for (Text(at), Json(links)) in rows {
        if let Some(customer) = links.get("customer") {
            let month = Month::of(at);
            let known = first.entry(customer.parse()?).or_insert(month);
            *known = month.min(*known);
        }
    }
    Ok(first)
}

/// Who bought something in which month.
async fn buyers(db: &mut AnyConnection) -> Result<BTreeSet<(Month, Namespace)>, Error> {
    let rows: Vec<(Text<Month>, Text<Namespace>)> =
        sqlx::query_as("select distinct substr(sold_at, 1, 7), customer from sales").fetch_all(db).await?;
    Ok(rows.into_iter().map(|(Text(month), Text(customer))| (month, customer)).collect())
}

/// The cohorts of those who have paid, by what each account had in each month and by who bought something in it.
pub(super) fn tabulate(
    months: &[(Month, Accounts)],
    first: &BTreeMap<Namespace, Month>,
    bought: &BTreeSet<(Month, Namespace)>,
) -> Vec<Cohort> {
    let mut members: BTreeMap<Month, Vec<Namespace>> = BTreeMap::new();
    for (customer, month) in first {
        members.entry(*month).or_default().push(customer.clone());
    }
    let cohort = |(month, accounts): (Month, Vec<Namespace>)| {
        let mut begin: Option<Known<i128>> = None;
        let mut cells = Vec::new();
        for (at, has) in months.iter().filter(|(at, _)| *at >= month) {
            let active =
                |name: &&Namespace| has.contains_key(*name) || bought.contains(&(*at, (*name).clone()));
            let active = accounts.iter().filter(active).count() as i64;
            let mrr: Known<i128> = accounts
                .iter()
                .filter_map(|name| has.get(name))
                .map(|has| has.minor.clone().map(i128::from))
                .sum();
            let begin = begin.get_or_insert_with(|| mrr.clone());
            cells.push(cell(*at, active, accounts.len() as i64, mrr, begin));
        }
        Cohort { month, customers: accounts.len() as i64, accounts, months: cells }
    };
    members.into_iter().map(cohort).collect()
}

fn cell(month: Month, active: i64, customers: i64, mrr: Known<i128>, begin: &Known<i128>) -> CohortMonth {
    let part = |mrr: Known<i128>| -> Known<Ratio> {
        ratio(mrr?, begin.clone()?, "the cohort had no MRR at the end of its first month")
    };
    let by_mrr = part(mrr.clone());
    CohortMonth {
        month,
        active,
        by_count: Ratio::of(active.into(), customers.into()),
        mrr: usd(mrr).ok(),
        none: by_mrr.as_ref().err().cloned(),
        by_mrr: by_mrr.ok(),
    }
}

/// The same as a table: a row for each month of each cohort.
pub(super) fn csv(cohorts: &Cohorts) -> Result<String, Error> {
    let rows = cohorts.cohorts.iter().flat_map(|cohort| cohort.months.iter().map(move |cell| (cohort, cell)));
    let written = table::rows(rows, |(cohort, cell)| {
        vec![
            Cell::own(cohort.month),
            Cell::own(cohort.customers),
            Cell::own(cell.month),
            Cell::own(cell.active),
            Cell::maybe(cell.by_count.map(Ratio::percent)),
            Cell::maybe(cell.mrr),
            Cell::maybe(cell.by_mrr.map(Ratio::percent)),
        ]
    })?;
    Ok(table::head(&COLUMNS)? + &written)
}
