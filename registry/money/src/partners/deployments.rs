//! What runs of a partner's plugins: how often each release was fetched, and what is in use by what hosts report.

use chandlery_package::Namespace;
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

/// The use of a partner's releases in a time; what was corrected does not count. Hours are rounded down to a thousandth of each report.
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
                count(distinct account || '/' || deployment), count(distinct account),
                cast(sum(replica_millis / 3600) as bigint), cast(sum(gpu_millis / 3600) as bigint)
         from usage_events
         where month >= $1 and month <= $2 and plugin >= $3 and plugin < $4 and to_at >= $5 and to_at < $6
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
