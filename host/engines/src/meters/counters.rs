//! How much counters have grown. The marks up to which they were read change in the transaction that writes the event, so that
//! nothing is counted twice or lost, whenever the host ends.

use std::collections::BTreeMap;

use chandlery_package::Unit;
use chandlery_package::column::Text;
use chandlery_package::meter::{COUNT_MAX, SERIES_MAX};
use chandlery_package::wire::host::ReplicaState;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::Reading;
use crate::Error;

/// At what counters stand, by unit and series.
type Counts = BTreeMap<(Unit, String), u64>;
/// By how much each unit has grown.
type Grown = BTreeMap<String, u64>;

/// How much a replica's counters have grown since they were read last; nothing, where another reading has overtaken this one, or
/// another program runs by now. What cannot be counted is noted, and counted when it can be: counters go on.
pub(crate) async fn count(
    write: &mut SqliteConnection,
    replica: &str,
    reading: &Reading,
) -> Result<Option<Grown>, Error> {
    let next = sqlx::query(
        "update replicas set readings = readings + 1 where id = $1 and started_at = $2 and readings = $3",
    )
    .bind(replica)
    .bind(Text(reading.run))
    .bind(reading.before)
    .execute(&mut *write)
    .await?;
    if next.rows_affected() == 0 {
        return Ok(None);
    }
    let (grown, gap) = match &reading.shown {
        Err(reason) => (Grown::new(), Some(reason.clone())),
        Ok(exposed) => match count_from_marks(write, replica, reading.run, &exposed.counts).await? {
            Err(reason) => (Grown::new(), Some(reason)),
            Ok(grown) => {
                let missing = exposed.missing.as_ref();
                (grown, missing.map(|series| format!("it does not show {series}, or not yet")))
            }
        },
    };
    match (gap, reading.state) {
        (Some(reason), ReplicaState::Stopping) => {
            let reason = reason.as_str();
            tracing::warn!(replica, reason, "what its meters counted before its end could not be read");
        }
        (gap, state) if gap.is_none() || state == ReplicaState::Ready => {
            note(write, replica, gap.as_deref()).await?;
        }
        _ => {}
    }
    Ok(Some(grown))
}

/// Counts from the marks of this run of the program, and moves them; or says why nothing can be counted.
async fn count_from_marks(
    write: &mut SqliteConnection,
    replica: &str,
    run: Timestamp,
    counts: &Counts,
) -> Result<Result<Grown, String>, Error> {
    // The counters of a program that is started anew begin at 0, too.
    sqlx::query("delete from meter_counters where replica = $1 and run <> $2")
        .bind(replica)
        .bind(Text(run))
        .execute(&mut *write)
        .await?;
    let rows: Vec<(Text<Unit>, String, i64)> =
        sqlx::query_as("select unit, series, seen from meter_counters where replica = $1")
            .bind(replica)
            .fetch_all(&mut *write)
            .await?;
    let mark = |(Text(unit), series, seen): (Text<Unit>, String, i64)| ((unit, series), seen.unsigned_abs());
    let marks: Counts = rows.into_iter().map(mark).collect();
    let grown = match increase(&marks, counts) {
        Ok(grown) => grown,
        Err(reason) => return Ok(Err(reason)),
    };
    for (key, now) in counts {
        if marks.get(key) == Some(now) {
            continue;
        }
        let (unit, series) = key;
        sqlx::query(
            "insert into meter_counters (replica, unit, series, run, seen) values ($1, $2, $3, $4, $5)
             on conflict (replica, unit, series) do update set seen = excluded.seen",
        )
        .bind(replica)
        .bind(Text(unit))
        .bind(series)
        .bind(Text(run))
        .bind(i64::try_from(*now).unwrap_or(i64::MAX))
        .execute(&mut *write)
        .await?;
    }
    Ok(Ok(grown))
}

/// By how much counters have grown from these marks on. One that has fallen has begun anew, at 0; so has one that is new.
fn increase(marks: &Counts, counts: &Counts) -> Result<Grown, String> {
    let new = counts.keys().filter(|key| !marks.contains_key(*key)).count();
    if marks.len() + new > SERIES_MAX {
        return Err(format!("it has shown more than {SERIES_MAX} series"));
    }
    let mut grown = Grown::new();
    for (key, now) in counts {
        let before = marks.get(key).copied().unwrap_or(0);
        let more = if *now >= before { now - before } else { *now };
        let sum = grown.entry(key.0.to_string()).or_default();
        *sum = sum.saturating_add(more);
    }
    if let Some((unit, count)) = grown.iter().find(|(_, count)| **count > COUNT_MAX) {
        return Err(format!("{count} {unit} more at once cannot be: the most is {COUNT_MAX}"));
    }
    grown.retain(|_, count| *count > 0);
    Ok(grown)
}

/// Notes since when a replica's meters cannot be read, and why; or that they can.
async fn note(write: &mut SqliteConnection, replica: &str, gap: Option<&str>) -> Result<(), Error> {
    let Some(reason) = gap else {
        let gone =
            sqlx::query("delete from meter_gaps where replica = $1").bind(replica).execute(write).await?;
        if gone.rows_affected() > 0 {
            tracing::info!(replica, "its meters can be read again");
        }
        return Ok(());
    };
    let noted = sqlx::query(
        "insert into meter_gaps (replica, since, reason) values ($1, $2, $3)
         on conflict (replica) do update set reason = excluded.reason where meter_gaps.reason <> excluded.reason",
    )
    .bind(replica)
    .bind(Text(Timestamp::now()))
    .bind(reason)
    .execute(write)
    .await?;
    if noted.rows_affected() > 0 {
        tracing::warn!(replica, reason, "its meters cannot be read");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chandlery_package::meter::Exposed;
    use sqlx::{Connection as _, Executor as _};

    use super::*;

    fn counts(all: &[(&str, &str, u64)]) -> Counts {
        all.iter()
            .map(|(unit, series, count)| ((unit.parse().unwrap(), (*series).to_owned()), *count))
            .collect()
    }

    fn grown(all: &[(&str, u64)]) -> Grown {
        all.iter().map(|(unit, count)| ((*unit).to_owned(), *count)).collect()
    }

    #[test]
    fn counters_grow_as_prometheus_says() {
        for (marks, now, expected) in [
            (&[][..], &[][..], &[][..]),
            // A new one has grown from 0.
            (&[], &[("tokens", "a", 7)], &[("tokens", 7)]),
            (&[("tokens", "a", 7)], &[("tokens", "a", 7)], &[]),
            (&[("tokens", "a", 7)], &[("tokens", "a", 10)], &[("tokens", 3)]),
            // One that fell has begun anew.
            (&[("tokens", "a", 7)], &[("tokens", "a", 2)], &[("tokens", 2)]),
            (&[("tokens", "a", 7)], &[("tokens", "a", 0)], &[]),
            // Each by itself: the sum of two may rise though one of them fell.
            (
                &[("tokens", "a", 7), ("tokens", "b", 5)],
                &[("tokens", "a", 1), ("tokens", "b", 50)],
                &[("tokens", 46)],
            ),
            // One that is not shown for a while has not begun anew.
            (&[("tokens", "a", 7), ("tokens", "b", 5)], &[("tokens", "b", 6)], &[("tokens", 1)]),
            (
                &[("requests", "c", 1)],
                &[("requests", "c", 2), ("tokens", "a", 3)],
                &[("requests", 1), ("tokens", 3)],
            ),
            (&[], &[("tokens", "a", COUNT_MAX)], &[("tokens", COUNT_MAX)]),
        ] {
            assert_eq!(increase(&counts(marks), &counts(now)), Ok(grown(expected)), "{marks:?} to {now:?}");
        }
    }

    #[test]
    fn what_is_too_much_is_not_counted() {
        let most = COUNT_MAX / 2 + 1;
        let refused = increase(&Counts::new(), &counts(&[("tokens", "a", most), ("tokens", "b", most)]));
        assert_eq!(
            refused.unwrap_err(),
            "10000000000002 tokens more at once cannot be: the most is 10000000000000"
        );
        let many = |from: usize, to: usize| -> Counts {
            (from..to).map(|number| (("tokens".parse().unwrap(), number.to_string()), 1)).collect()
        };
        assert_eq!(increase(&many(0, 600), &many(400, 1000)), Ok(grown(&[("tokens", 400)])));
        assert_eq!(
            increase(&many(0, 600), &many(400, 1001)).unwrap_err(),
            "it has shown more than 1000 series"
        );
    }

    async fn database() -> SqliteConnection {
        let mut db = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::migrate!("../../migrations/host").run(&mut db).await.unwrap();
        db.execute(
            "insert into deployments (name, target, revision, desired, created_at, updated_at)
                 values ('d', 'local', 1, 'running', '', '');
             insert into replicas (id, deployment, revision, workload, idx, state, detail, ports, restarts, started_at)
                 values ('r', 'd', 1, 'w', 0, 'ready', '', '{}', 0, '2026-01-01T00:00:00Z');",
        )
        .await
        .unwrap();
        db
    }

    /// What is counted of tokens when the program that began then shows this, and the gap that is noted.
    async fn counted(
        db: &mut SqliteConnection,
        began: &str,
        shown: Result<u64, &str>,
    ) -> (Option<u64>, Option<String>) {
        let exposed =
            |count| Exposed { counts: counts(&[("tokens", "http/metrics a", count)]), missing: None };
        let shown = shown.map(exposed).map_err(str::to_owned);
        let (before,): (i64,) =
            sqlx::query_as("select readings from replicas").fetch_one(&mut *db).await.unwrap();
        let reading = Reading { run: began.parse().unwrap(), before, state: ReplicaState::Ready, shown };
        let grown = count(db, "r", &reading).await.unwrap().unwrap_or_default();
        let gap: Option<(String,)> =
            sqlx::query_as("select reason from meter_gaps").fetch_optional(db).await.unwrap();
        (grown.get("tokens").copied(), gap.map(|(reason,)| reason))
    }

    #[tokio::test]
    async fn marks_follow_the_run_of_the_program_and_outlive_gaps() {
        let mut db = database().await;
        let (first, second) = ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z");
        assert_eq!(counted(&mut db, first, Ok(100)).await, (Some(100), None));
        assert_eq!(counted(&mut db, first, Ok(100)).await, (None, None));
        for _ in 0..2 {
            let gap = counted(&mut db, first, Err("nothing listens")).await;
            assert_eq!(gap, (None, Some("nothing listens".to_owned())));
        }
        // What was counted meanwhile is counted now.
        assert_eq!(counted(&mut db, first, Ok(130)).await, (Some(30), None));
        // A reading of a program that is not the one that runs is left.
        assert_eq!(counted(&mut db, second, Ok(500)).await, (None, None));
        sqlx::query("update replicas set started_at = $1").bind(second).execute(&mut db).await.unwrap();
        // Another program has passed the old mark before it was read for the first time.
        assert_eq!(counted(&mut db, second, Ok(140)).await, (Some(140), None));
        let (_, gap) = counted(&mut db, second, Ok(COUNT_MAX * 2)).await;
        assert!(gap.unwrap().starts_with("19999999999860 tokens more"));
        assert_eq!(counted(&mut db, second, Ok(141)).await, (Some(1), None));
        // Of two that are under way at once, the one that is done last may be the older one.
        let older = Reading {
            run: second.parse().unwrap(),
            before: 0,
            state: ReplicaState::Ready,
            shown: Ok(Exposed { counts: counts(&[("tokens", "http/metrics a", 130)]), missing: None }),
        };
        assert_eq!(count(&mut db, "r", &older).await.unwrap(), None);
        assert_eq!(counted(&mut db, second, Ok(142)).await, (Some(1), None));
        sqlx::query("delete from replicas").execute(&mut db).await.unwrap();
        let (left,): (i64,) =
            sqlx::query_as("select count(*) from meter_counters").fetch_one(&mut db).await.unwrap();
        assert_eq!(left, 0);
    }
}
