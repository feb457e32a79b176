//! How long the replicas of a deployment ran on each day, by all of its events together: what no event may say alone, several may not
//! say either.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chandlery_package::Namespace;
use chandlery_package::wire::{RefusedUsage, UsageEvent};
use chandlery_store::{Cell, Write, insert_rows, places};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::bounds::{REPLICAS_MAX, Refusal};
use super::rows::Stored;
use crate::Error;

/// How long a day is, in nanoseconds.
const DAY_NANOS: i128 = 24 * 3_600_000_000_000;
/// The most of one deployment and day, in milliseconds: as many replicas as a plan may ask for, and an hour more of each, since hosts round.
const MILLIS_MAX: i64 = REPLICAS_MAX as i64 * 25 * 3_600_000;
/// How many deployments are looked up in one statement.
const DEPLOYMENTS_MAX: usize = 1000;

/// Milliseconds of replicas, by deployment and day since 1970.
type Days = BTreeMap<(String, i64), i64>;

/// What of so many milliseconds of replicas is of each day, in proportion to the time; the parts sum to it.
fn parts(from: Timestamp, to: Timestamp, millis: i64) -> Vec<(i64, i64)> {
    let (from, to) = (from.as_nanosecond(), to.as_nanosecond());
    let day_of = |nanos: i128| nanos.div_euclid(DAY_NANOS);
    let (span, mut before) = ((to - from).max(1), 0);
    let mut parts = Vec::new();
    for day in day_of(from)..=day_of(to) {
        let by_then = match day == day_of(to) {
            true => i128::from(millis),
            false => i128::from(millis) * ((day + 1) * DAY_NANOS - from) / span,
        };
        if by_then != before {
            parts.push((day as i64, (by_then - before) as i64));
        }
        before = by_then;
    }
    parts
}

fn parts_of(event: &UsageEvent) -> Vec<(i64, i64)> {
    parts(event.from, event.to, i64::try_from(event.replica_millis).unwrap_or(i64::MAX))
}

/// What counts so far of these deployments, on the days from the first to the last one.
async fn stored(
    write: &mut Write,
    account: &Namespace,
    deployments: BTreeSet<&str>,
    (first, last): (i64, i64),
) -> Result<Days, Error> {
    let deployments: Vec<&str> = deployments.into_iter().collect();
    let mut days = Days::new();
    for some in deployments.chunks(DEPLOYMENTS_MAX) {
        // With SQLite, places that have numbers and places that have none do not go together.
        let [own, begin, end] = [0, 1, 2].map(|after| places(write, after, 1));
        let sql = format!(
            "select deployment, day, replica_millis from deployment_days
             where account = {own} and day >= {begin} and day <= {end} and deployment in ({})",
            places(write, 3, some.len())
        );
        let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(account.to_string()).bind(first).bind(last);
        for deployment in some {
            query = query.bind((*deployment).to_owned());
        }
        let rows: Vec<(String, i64, i64)> = query.fetch_all(&mut **write).await?;
        days.extend(rows.into_iter().map(|(deployment, day, millis)| ((deployment, day), millis)));
    }
    Ok(days)
}

async fn add(write: &mut Write, account: &Namespace, more: Days) -> Result<(), Error> {
    let values = more.into_iter().map(|((deployment, day), millis)| -> [Cell; 4] {
        [account.as_str().into(), deployment.as_str().into(), day.into(), millis.into()]
    });
    let table = "deployment_days (account, deployment, day, replica_millis)";
    let after = "on conflict (account, deployment, day) do update set
                 replica_millis = deployment_days.replica_millis + excluded.replica_millis";
    insert_rows(write, table, values.collect(), after).await?;
    Ok(())
}

/// Counts the events of a batch that are new, and refuses each with which its deployment would come to more than can be. `known` are the
/// ids of those that are there already.
pub(super) async fn count<'a>(
    write: &mut Write,
    account: &Namespace,
    rows: Vec<Stored<'a>>,
    mut known: HashSet<String>,
) -> Result<(Vec<Stored<'a>>, Vec<RefusedUsage>), Error> {
    let days = |row: &Stored<'_>| parts_of(row.event).into_iter().map(|(day, _)| day);
    let (Some(first), Some(last)) = (rows.iter().flat_map(days).min(), rows.iter().flat_map(days).max())
    else {
        return Ok((rows, Vec::new()));
    };
    let deployments = rows.iter().map(|row| row.event.deployment.as_str()).collect();
    let mut all = stored(write, account, deployments, (first, last)).await?;
    let (mut more, mut kept, mut refused) = (Days::new(), Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        // What was told before, or was taken already of this batch, counts once.
        if known.contains(&row.id) {
            kept.push(row);
            continue;
        }
        let parts = parts_of(row.event);
        let key = |day: i64| (row.event.deployment.clone(), day);
        let fits = |(day, part): &(i64, i64)| {
            all.get(&key(*day)).copied().unwrap_or(0).saturating_add(*part) <= MILLIS_MAX
        };
        if !parts.iter().all(fits) {
            refused.push(too_much(&row.event.deployment).of(row.event));
            continue;
        }
        for (day, part) in parts {
            *all.entry(key(day)).or_default() += part;
            *more.entry(key(day)).or_default() += part;
        }
        known.insert(row.id.clone());
        kept.push(row);
    }
    add(write, account, more).await?;
    Ok((kept, refused))
}

fn too_much(deployment: &str) -> Refusal {
    Refusal::for_good(format!(
        "with what was told of '{deployment}' before, it is more than {REPLICAS_MAX} replicas on a day"
    ))
}

/// Whether so much more of a deployment than what is corrected can have been used.
pub(super) async fn fits(
    write: &mut Write,
    account: &Namespace,
    event: &UsageEvent,
    corrected: i64,
) -> Result<bool, Error> {
    let more = i64::try_from(event.replica_millis).unwrap_or(i64::MAX).saturating_sub(corrected);
    let parts = parts(event.from, event.to, more);
    let (Some((first, _)), Some((last, _))) = (parts.first(), parts.last()) else { return Ok(true) };
    let all = stored(write, account, BTreeSet::from([event.deployment.as_str()]), (*first, *last)).await?;
    let fits = |(day, part): &(i64, i64)| {
        let so_far = all.get(&(event.deployment.clone(), *day)).copied().unwrap_or(0);
        so_far.saturating_add(*part) <= MILLIS_MAX
    };
    Ok(parts.iter().all(fits))
}

/// Counts a correction instead of what it corrects: of this deployment, from when to when, and for so many milliseconds of replicas.
pub(super) async fn replace(
    write: &mut Write,
    account: &Namespace,
    event: &UsageEvent,
    (deployment, from, to, millis): (&str, Timestamp, Timestamp, i64),
) -> Result<(), Error> {
    let mut more = Days::new();
    for (day, part) in parts_of(event) {
        *more.entry((event.deployment.clone(), day)).or_default() += part;
    }
    for (day, part) in parts(from, to, millis) {
        *more.entry((deployment.to_owned(), day)).or_default() -= part;
    }
    add(write, account, more).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_is_of_the_days_that_it_covers() {
        let parts = |from: &str, to: &str, millis| parts(from.parse().unwrap(), to.parse().unwrap(), millis);
        // The first of January 1970 is day 0.
        for (from, to, millis, expected) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z", 7, vec![(0, 7)]),
            ("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", 7, vec![(0, 7)]),
            ("1970-01-01T18:00:00Z", "1970-01-03T06:00:00Z", 6001, vec![(0, 1000), (1, 4000), (2, 1001)]),
            ("1970-01-02T12:00:00Z", "1970-01-02T12:00:00Z", 5, vec![(1, 5)]),
            ("1969-12-31T23:00:00Z", "1970-01-01T01:00:00Z", 5, vec![(-1, 2), (0, 3)]),
            ("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", 0, vec![]),
        ] {
            assert_eq!(parts(from, to, millis), expected, "{from} {to}");
        }
    }
}
