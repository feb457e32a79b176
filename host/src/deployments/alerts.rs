//! Parts of the limit of deployments that are used up: the largest that is reached is told, once in a month, and no smaller one after it.

use chandlery_package::column::Text;
use chandlery_package::wire::host::Entitlement;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::Error;
use crate::events::new_event;
use crate::licence::{ALERTS_PERCENT, beyond, reached};
use chandlery_sandbox::{Event, EventKind};

/// What is told of where one deployment more reaches some part of the limit. It is written down as told.
pub(super) async fn alert(
    write: &mut SqliteConnection,
    has: &Entitlement,
    now: Timestamp,
) -> Result<Option<Event>, Error> {
    let (used, limit) = (has.used + 1, has.limit.unwrap_or(u32::MAX));
    let Some(percent) = reached(has.used, used, has.limit).into_iter().max() else { return Ok(None) };
    let about = |percent: u32| format!("{percent} % of {limit} of {}, {}", has.tier, now.strftime("%Y-%m"));
    for part in ALERTS_PERCENT.into_iter().filter(|part| *part >= percent) {
        let (told,): (i64,) =
            sqlx::query_as("select count(*) from coverage_notices where plugin = '' and about = $1")
                .bind(about(part))
                .fetch_one(&mut *write)
                .await?;
        if told > 0 {
            return Ok(None);
        }
    }
    sqlx::query("insert into coverage_notices (plugin, about, told_at) values ('', $1, $2)")
        .bind(about(percent))
        .bind(Text(now))
        .execute(&mut *write)
        .await?;
    let upgrade = beyond(limit);
    let detail = format!(
        "{used} of {limit} deployments that {} allows are used: {percent} % are reached; {upgrade}",
        has.tier
    );
    Ok(Some(Event { detail, ..new_event(EventKind::UsageThreshold) }))
}

#[cfg(test)]
mod tests {
    use chandlery_package::Tier;

    use super::*;

    #[tokio::test]
    async fn no_smaller_part_is_told_after_a_larger_one() {
        let folder = tempfile::tempdir().unwrap();
        let db = crate::db::Db::open(&folder.path().join("host.db")).await.unwrap();
        let mut write = db.write().await.unwrap();
        for (month, used, limit, told) in [
            ("2026-01", 6, Some(10), None),
            ("2026-01", 7, Some(10), Some("80 % are")),
            // Less, and so much again.
            ("2026-01", 7, Some(10), None),
            ("2026-01", 9, Some(10), Some("100 % are")),
            ("2026-01", 7, Some(10), None),
            ("2026-01", 9, Some(10), None),
            // Another limit, no limit, and another month.
            ("2026-01", 79, Some(100), Some("80 % are")),
            ("2026-01", 5000, None, None),
            ("2026-02", 7, Some(10), Some("80 % are")),
            // Both at once.
            ("2026-02", 0, Some(1), Some("100 % are")),
            ("2026-02", 0, Some(1), None),
        ] {
            let has = Entitlement {
                account: None,
                tier: Tier::Developer,
                trial: false,
                limit,
                used,
                elsewhere: 0,
                expires_at: None,
                upgrade: None,
                says: None,
                plugins: Vec::new(),
            };
            let now = format!("{month}-15T00:00:00Z").parse().unwrap();
            let event = alert(&mut write, &has, now).await.unwrap();
            let found = event.map(|event| event.detail);
            match told {
                Some(told) => assert!(found.as_ref().is_some_and(|found| found.contains(told)), "{found:?}"),
                None => assert_eq!(found, None, "{month}: {used} of {limit:?}"),
            }
        }
    }
}
