//! A database of an older version keeps everything that is in it.

use std::collections::BTreeMap;

use sqlx::{Column as _, Executor as _, Row as _, TypeInfo as _, ValueRef as _};

use super::*;

/// The rows of every table, each as its columns by name.
async fn rows(pool: &SqlitePool) -> BTreeMap<String, Vec<BTreeMap<String, String>>> {
    let tables: Vec<(String,)> = sqlx::query_as(
        "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' and name not like '_sqlx_%'",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut all = BTreeMap::new();
    for (table,) in tables {
        let sql = sqlx::AssertSqlSafe(format!("select * from {table}"));
        let mut rows = Vec::new();
        for row in sqlx::query(sql).fetch_all(pool).await.unwrap() {
            let text = |index: usize| {
                let value = row.try_get_raw(index).unwrap();
                match value.type_info().name() {
                    _ if value.is_null() => "null".to_owned(),
                    "INTEGER" => row.get_unchecked::<i64, _>(index).to_string(),
                    "BLOB" => hex::encode(row.get_unchecked::<Vec<u8>, _>(index)),
                    _ => format!("'{}'", row.get_unchecked::<String, _>(index)),
                }
            };
            rows.push(row.columns().iter().map(|c| (c.name().to_owned(), text(c.ordinal()))).collect());
        }
        all.insert(table, rows);
    }
    all
}

#[tokio::test]
async fn tables_become_strict_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    let all = sqlx::migrate!("../migrations/host");
    // As the version before left it.
    sqlx::migrate::Migrator::with_migrations(all.iter().filter(|step| step.version < 5).cloned().collect())
        .run(&pool)
        .await
        .unwrap();
    pool.execute(
        r#"
        insert into deployments (name, target, revision, desired, created_at, updated_at, team, scale, told, stable,
                                 rollout_until, healing)
            values ('a', 'lab', 2, 'running', 'c', 'u', 'research', '{"w":2}', '2/rolling-out', 1, 'r', 1),
                   ('b', 'local', 1, 'paused', 'c', 'u', null, '{}', '', null, null, 0);
        insert into revisions values
            ('a', 1, 'deployed', 'acme:x@1.0.0', 'c', 'a', 7, '{}', '{}', '{}', '{}', 'd', '[]', 'rolled-out', '', 't'),
            ('a', 2, 'restarted', 'acme:x@1.0.0', 'c', 'a', 7, '{}', '{}', '{}', '{}', 'd', '[]', 'rolling-out', 'x', 't'),
            ('b', 1, 'deployed', 'acme:x@1.0.0', 'c', 'a', 7, '{}', '{}', '{}', '{}', 'd', '[]', 'rolled-out', '', 't');
        insert into replicas (id, deployment, revision, workload, idx, state, detail, ports, restarts, handle, node, gpus,
                              gpu_count, was_ready, started_at, ready_at, program, drain_until, not_before, metered_until)
            values ('r', 'a', 2, 'w', 0, 'ready', '', '{"http":9000}', 3, '{"job":1}', 'n', '["g"]', 1, 1, 's', 'y', 'p', 'd',
                    'n', 'm');
        insert into endpoints values ('a', 'w', 'http', 80, '127.0.0.1:9000');
        insert into targets values ('lab', 'slurm', '{}', '{}', x'00ff', 'u');
        insert into usage_events values ('e', '{}', 1, 'no');
        insert into secrets values ('s', x'0102', 'u');
        insert into plugin_settings values ('p', '{}', 'u');
        insert into kept values ('p', 'k', x'03');
        insert into deliveries values ('e', 'p', '{}', 'waiting', 2, 'n', 'x');
        insert into uses (id, at, release, permission, what, granted) values (41, 'a', 'r', 'p', 'w', 1);
        insert into licence values (1, 'token', 'f');
        "#,
    )
    .await
    .unwrap();
    let mut before = rows(&pool).await;
    pool.close().await;

    let db = Db::open(&path).await.unwrap();
    let mut after = rows(db.pool()).await;
    // What came later has never been anything else.
    after.retain(|table, _| before.contains_key(table));
    assert!(after.values().all(|rows| !rows.is_empty()), "every table is tried: {after:#?}");
    for row in before.get_mut("deployments").unwrap() {
        // One text became two columns.
        let told = row.remove("told").unwrap();
        let (revision, health) = match told.trim_matches('\'').split_once('/') {
            Some((revision, health)) => (revision.to_owned(), format!("'{health}'")),
            None => ("null".into(), "null".into()),
        };
        row.extend([("told_revision".into(), revision), ("told_health".into(), health)]);
        // None was in anybody's files.
        row.insert("owner".into(), "null".into());
    }
    for row in before.get_mut("revisions").unwrap() {
        // Nothing was metered beside time, and nobody had a name.
        row.insert("meters".into(), "'[]'".into());
        row.insert("made_by".into(), "null".into());
    }
    for row in before.get_mut("replicas").unwrap() {
        row.insert("readings".into(), "0".into());
    }
    assert_eq!(after, before);
    let lax: Vec<(String,)> = sqlx::query_as(
        "select name from pragma_table_list where type = 'table' and not strict and schema = 'main'
         and name not like 'sqlite_%' and name not like '_sqlx_%'",
    )
    .fetch_all(db.pool())
    .await
    .unwrap();
    assert_eq!(lax, []);
    let refused = sqlx::query("update deployments set stable = 'x'").execute(db.pool()).await;
    assert!(refused.is_err(), "{refused:?}");
}
