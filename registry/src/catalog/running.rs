//! How many accounts run a plugin: those whose hosts have reported use of it that ended within a day. Hosts sign what they report, and an
//! account counts once, whatever it reports.

use std::collections::BTreeMap;

use chandlery_package::PluginId;
use chandlery_package::column::Text;
use chandlery_store::{Db, time};
use jiff::{SignedDuration, Timestamp};

use super::changes::changed;
use super::error::Error;

/// For how long use counts.
const COUNTS: SignedDuration = SignedDuration::from_hours(24);

/// Counts anew who runs each plugin, and marks those as changed of which that is another number than before.
pub async fn count_running(db: &Db, now: Timestamp) -> Result<(), Error> {
    type Row = (Text<PluginId>, i64);
    let counted: Vec<Row> = sqlx::query_as(
        "select usage_events.plugin, count(distinct usage_events.account) from usage_events
         join plugins on plugins.id = usage_events.plugin
         where usage_events.to_at > $1 and usage_events.to_at <= $2 and usage_events.replica_millis > 0
         group by usage_events.plugin",
    )
    .bind(time(now - COUNTS))
    .bind(time(now))
    .fetch_all(db.read())
    .await?;
    let known: Vec<Row> =
        sqlx::query_as("select id, running from plugins where running > 0").fetch_all(db.read()).await?;
    let known: BTreeMap<PluginId, i64> =
        known.into_iter().map(|(Text(plugin), count)| (plugin, count)).collect();
    let mut now: BTreeMap<&PluginId, i64> = known.keys().map(|plugin| (plugin, 0)).collect();
    now.extend(counted.iter().map(|(Text(plugin), count)| (plugin, *count)));
    now.retain(|plugin, count| known.get(*plugin).copied().unwrap_or(0) != *count);
    if now.is_empty() {
        return Ok(());
    }
    let mut write = db.write().await?;
    for (plugin, count) in now {
        sqlx::query("update plugins set running = $1 where id = $2")
            .bind(count)
            .bind(plugin.to_string())
            .execute(&mut *write)
            .await?;
        changed(&mut write, plugin).await?;
    }
    Ok(write.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{registry, write};

    #[tokio::test]
    async fn an_account_counts_once_for_a_day() {
        let (_folder, registry) = registry().await;
        let mut statements: Vec<String> = vec![
            "insert into namespaces (name, created_at) values ('acme', '')".into(),
            "insert into plugins (id, namespace) values ('acme:x', 'acme')".into(),
            "insert into plugins (id, namespace) values ('acme:y', 'acme')".into(),
        ];
        for account in ["ann", "bob", "eve"] {
            statements.push(format!(
                "insert into accounts (name, password_hash, role, created_at) values ('{account}', '', '', '')"
            ));
        }
        for (id, (account, plugin, ended, millis)) in [
            ("ann", "acme:x", "2026-03-01T12:00:00.000000Z", 5),
            ("ann", "acme:x", "2026-03-01T13:00:00.000000Z", 5),
            ("bob", "acme:x", "2026-03-01T13:00:00.000000Z", 5),
            // It only had a deployment, which did not run.
            ("eve", "acme:x", "2026-03-01T13:00:00.000000Z", 0),
            ("ann", "acme:y", "2026-02-28T13:00:00.000000Z", 5),
            ("ann", "acme:gone", "2026-03-01T13:00:00.000000Z", 5),
        ]
        .into_iter()
        .enumerate()
        {
            statements.push(format!(
                "insert into usage_events (id, account, month, deployment, plugin, version, from_at, to_at, replica_millis, gpu_millis,
                                           units, received_at)
                 values ('{id}', '{account}', '2026-03', 'd', '{plugin}', '1.0.0', '{ended}', '{ended}', {millis}, 0, '', '')"
            ));
        }
        write(&registry, &statements).await;
        let generation = async || -> (i64,) {
            sqlx::query_as("select value from counters where name = 'catalog'")
                .fetch_one(registry.db.read())
                .await
                .unwrap()
        };
        let before = generation().await;
        for (now, running, changes) in [
            ("2026-03-01T14:00:00Z", [2, 0], 1),
            ("2026-03-01T14:10:00Z", [2, 0], 1),
            ("2026-03-02T12:30:00Z", [2, 0], 1),
            ("2026-03-02T13:00:00Z", [0, 0], 2),
            ("2026-03-01T12:00:00Z", [1, 1], 4),
        ] {
            count_running(&registry.db, now.parse().unwrap()).await.unwrap();
            let counted: Vec<(i64,)> = sqlx::query_as("select running from plugins order by id")
                .fetch_all(registry.db.read())
                .await
                .unwrap();
            assert_eq!(counted, running.map(|count| (count,)), "{now}");
            assert_eq!(generation().await.0 - before.0, changes, "{now}");
        }
    }
}
