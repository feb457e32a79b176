//! What hosts have done that no honest one does: kept, so that it is seen, and never taken back.

use chandlery_package::Namespace;
use chandlery_package::chain::Fault;
use chandlery_package::column::Text;
use chandlery_package::wire::{HostIncident, IncidentKind};
use chandlery_store::{Write, time};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;

/// How many incidents of one host are kept apart; of what comes later, those are counted that are known.
const KEPT_MAX: i64 = 1000;
/// How many are shown of each host.
const SHOWN: i64 = 100;

/// Keeps an incident, or counts it once more.
pub(super) async fn note(
    write: &mut Write,
    account: &Namespace,
    host: &str,
    fault: Fault,
    now: Timestamp,
) -> Result<(), Error> {
    tracing::warn!(%account, host, kind = fault.kind.as_str(), sequence = fault.sequence, "a host's report is not believed");
    let sequence = i64::try_from(fault.sequence).unwrap_or(i64::MAX);
    let counted = sqlx::query(
        "update host_incidents set times = times + 1, last_at = $1
         where account = $2 and host = $3 and kind = $4 and sequence = $5",
    )
    .bind(time(now))
    .bind(account.as_str())
    .bind(host)
    .bind(fault.kind.as_str())
    .bind(sequence)
    .execute(&mut **write)
    .await?;
    let (kept,): (i64,) =
        sqlx::query_as("select count(*) from host_incidents where account = $1 and host = $2")
            .bind(account.as_str())
            .bind(host)
            .fetch_one(&mut **write)
            .await?;
    if counted.rows_affected() > 0 || kept >= KEPT_MAX {
        return Ok(());
    }
    sqlx::query(
        "insert into host_incidents (account, host, kind, sequence, times, first_at, last_at)
         values ($1, $2, $3, $4, 1, $5, $5)",
    )
    .bind(account.as_str())
    .bind(host)
    .bind(fault.kind.as_str())
    .bind(sequence)
    .bind(time(now))
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// What a host has done, the latest first.
pub(super) async fn of_host(
    db: &mut AnyConnection,
    account: &Namespace,
    host: &str,
) -> Result<Vec<HostIncident>, Error> {
    type Row = (Text<IncidentKind>, i64, i64, Text<Timestamp>, Text<Timestamp>);
    let rows: Vec<Row> = sqlx::query_as(
        "select kind, sequence, times, first_at, last_at from host_incidents
         where account = $1 and host = $2 order by last_at desc, kind, sequence limit $3",
    )
    .bind(account.as_str())
    .bind(host)
    .bind(SHOWN)
    .fetch_all(db)
    .await?;
    let read = |(Text(kind), sequence, times, Text(first_at), Text(last_at)): Row| HostIncident {
        kind,
        sequence: sequence.unsigned_abs(),
        times: times.unsigned_abs(),
        first_at,
        last_at,
    };
    Ok(rows.into_iter().map(read).collect())
}

/// How often hosts have done each.
pub(super) async fn count(db: &mut AnyConnection) -> Result<Vec<(IncidentKind, i64)>, Error> {
    let rows: Vec<(Text<IncidentKind>, i64)> =
        sqlx::query_as("select kind, cast(sum(times) as bigint) from host_incidents group by kind")
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(|(Text(kind), count)| (kind, count)).collect())
}
