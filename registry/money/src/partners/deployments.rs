//! What runs of a partner's plugins: how often each release was fetched, and what is in use by what hosts report.

use chandlery_package::{Month, Namespace};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use super::Range;
use crate::Error;
use chandlery_store::time;

/// How long after its last report a deployment is taken for one that runs: hosts report every hour.
const SILENT_HOURS_MAX: i64 = 24;

/// How often a release was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Such as `acme:ocr-server@1.2.0`.
    pub release: String,
    /// How often its component was fetched since it was published.
    pub times: i64,
}

/// The use of a release in a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// Such as `acme:ocr-server@1.2.0`.
    pub release: String,
    /// Deployments whose use was reported for the last 24 hours.
    pub active: i64,
    /// Deployments that used it in the time.
    pub deployments: i64,
    /// Accounts that used it in the time.
    pub customers: i64,
    /// How long replicas ran, summed over them, in thousandths of an hour.
    pub replica_hours_thousandths: i64,
    /// How long GPUs were held, summed over them, in thousandths of an hour.
    pub gpu_hours_thousandths: i64,
}

/// The first and the one past the last of the names that plugins of a namespace have.
fn names(partner: &Namespace) -> [String; 2] {
    [format!("{partner}:"), format!("{partner};")]
}

/// How often each release was fetched, in the order of their plugins and of when they were published.
pub async fn installs(db: &mut AnyConnection, partner: &Namespace) -> Result<Vec<Installed>, Error> {
    let [first, end] = names(partner);
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select plugin || '@' || version, downloads from releases
         where plugin >= $1 and plugin < $2 order by plugin, log_index",
    )
    .bind(first)
    .bind(end)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(release, times)| Installed { release, times }).collect())
}

/// The use of a partner's releases in a time, and of those that are active, whatever the time; what was corrected does not count. Hours are
/// rounded down to a thousandth of each report.
pub async fn in_use(
    db: &mut AnyConnection,
    partner: &Namespace,
    range: &Range,
    now: Timestamp,
) -> Result<Vec<InUse>, Error> {
    let [first, end] = names(partner);
    let heard =
        now.checked_sub(SignedDuration::from_hours(SILENT_HOURS_MAX)).unwrap_or(Timestamp::UNIX_EPOCH);
    // Of a month an index finds the rows: use counts in the month in which it ended.
    let rows: Vec<(String, i64, i64, i64, i64, i64)> = sqlx::query_as(
        "select plugin || '@' || version, count(distinct case when to_at >= $7 then account || '/' || deployment end),
                count(distinct case when to_at >= $5 and to_at < $6 then account || '/' || deployment end),
                count(distinct case when to_at >= $5 and to_at < $6 then account end),
                cast(sum(case when to_at >= $5 and to_at < $6 then replica_millis / 3600 else 0 end) as bigint),
                cast(sum(case when to_at >= $5 and to_at < $6 then gpu_millis / 3600 else 0 end) as bigint)
         from usage_events
         where plugin >= $3 and plugin < $4 and ((month >= $1 and month <= $2 and to_at >= $5 and to_at < $6)
                                                 or (month >= $8 and to_at >= $7))
           and not exists (select 1 from usage_corrections where corrects = usage_events.id
                             and usage_corrections.account = usage_events.account
                             and usage_corrections.plugin = usage_events.plugin)
         group by 1 order by 1",
    )
    .bind(range.first.strftime("%Y-%m").to_string())
    .bind(range.last().strftime("%Y-%m").to_string())
    .bind(first)
    .bind(end)
    .bind(range.since())
    .bind(range.until())
    .bind(time(heard))
    .bind(Month::of(heard).to_string())
    .fetch_all(db)
    .await?;
    let read = |(release, active, deployments, customers, replicas, gpus)| InUse {
        release,
        active,
        deployments,
        customers,
        replica_hours_thousandths: replicas,
        gpu_hours_thousandths: gpus,
    };
    Ok(rows.into_iter().map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partners::RangeName;
    use crate::testing::{at, finance};

    #[tokio::test]
    async fn what_is_active_now_is_so_whatever_time_is_looked_at() {
        let (_folder, finance) = finance().await;
        let account = "insert into accounts (name, password_hash, role, created_at) values ('globex', '', 'member', '')";
        sqlx::query(account).execute(finance.db.read()).await.unwrap();
        for (id, month, to) in
            [("1", "2026-01", "2026-01-15T00:00:00.000000Z"), ("2", "2026-02", "2026-02-01T06:00:00.000000Z")]
        {
            sqlx::query(
                "insert into usage_events (id, account, month, deployment, plugin, version, from_at, to_at, replica_millis,
                                           gpu_millis, units, received_at)
                 values ($1, 'globex', $2, 'web', 'acme:serving', '1.0.0', $3, $3, 3600000, 0, '', $3)",
            )
            .bind(id)
            .bind(month)
            .bind(to)
            .execute(finance.db.read())
            .await
            .unwrap();
        }
        let mut db = finance.db.snapshot().await.unwrap();
        for (name, now, active, deployments) in [
            (RangeName::LastMonth, "2026-02-01T12:00:00Z", 1, 1),
            (RangeName::ThisMonth, "2026-02-01T12:00:00Z", 1, 1),
            (RangeName::Yesterday, "2026-02-01T12:00:00Z", 1, 0),
            (RangeName::LastMonth, "2026-02-03T12:00:00Z", 0, 1),
        ] {
            let range = Range::read(name, "", "", at(now)).unwrap();
            let found = in_use(&mut db, &"acme".parse().unwrap(), &range, at(now)).await.unwrap();
            let [row] = found.as_slice() else { panic!("{name}: {found:?}") };
            let hours = (row.deployments, row.customers, row.replica_hours_thousandths);
            assert_eq!(
                (row.active, hours),
                (active, (deployments, deployments, deployments * 1000)),
                "{name}"
            );
        }
    }
}
