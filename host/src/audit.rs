//! Every use that plugins make of what they were granted, and every attempt at what they were not.

use chandlery_package::Release;
use chandlery_package::column::Text;
use chandlery_package::wire::host::Entry;
use chandlery_package::wire::{Page, Paging};
use jiff::Timestamp;
use sqlx::{SqliteConnection, SqlitePool};

use crate::db::Db;
use crate::system::Error;
use chandlery_sandbox::Use;

/// The most that is kept; the oldest go first.
const KEPT: i64 = 100_000;

/// Writes down what a release did.
pub(crate) async fn write(db: &Db, release: &Release, uses: &[Use]) -> Result<(), Error> {
    if uses.is_empty() {
        return Ok(());
    }
    let mut write = db.write().await?;
    note(&mut write, release, uses).await?;
    write.commit().await
}

/// The same in the transaction of what was done with it.
pub(crate) async fn note(write: &mut SqliteConnection, release: &Release, uses: &[Use]) -> Result<(), Error> {
    let now = Timestamp::now();
    for used in uses {
        if !used.granted {
            tracing::warn!(%release, permission = used.permission, what = used.what, "refused");
        }
        sqlx::query("insert into uses (at, release, permission, what, granted) values ($1, $2, $3, $4, $5)")
            .bind(Text(now))
            .bind(Text(release))
            .bind(&used.permission)
            .bind(&used.what)
            .bind(used.granted)
            .execute(&mut *write)
            .await?;
    }
    sqlx::query("delete from uses where id <= (select max(id) from uses) - $1")
        .bind(KEPT)
        .execute(write)
        .await?;
    Ok(())
}

/// What a release did, the newest first, a page at a time.
pub async fn read(db: &SqlitePool, release: &Release, paging: &Paging<i64>) -> Result<Page<Entry>, Error> {
    type Row = (i64, Text<Timestamp>, Text<Release>, String, String, bool);
    let rows: Vec<Row> = sqlx::query_as(
        "select id, at, release, permission, what, granted from uses
         where release = $1 and id < $2 order by id desc limit $3",
    )
    .bind(Text(release))
    .bind(paging.after().unwrap_or(&i64::MAX))
    .bind(paging.rows())
    .fetch_all(db)
    .await?;
    let entry = |(_, Text(at), Text(release), permission, what, granted)| Entry {
        at,
        release,
        permission,
        what,
        granted,
    };
    Ok(paging.cut(rows, |(id, ..)| *id).map(entry))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn every_use_is_on_one_page() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("host.db")).await.unwrap();
        let (release, other): (Release, Release) =
            ("acme:a@1.0.0".parse().unwrap(), "acme:b@1.0.0".parse().unwrap());
        for nth in 0..5 {
            let used = |what| Use { permission: "keyvalue".into(), what, granted: true };
            write(&db, &release, &[used(format!("use {nth}"))]).await.unwrap();
            write(&db, &other, &[used("another's".into())]).await.unwrap();
        }
        let (mut seen, mut query) = (Vec::new(), json!({ "limit": "2" }));
        loop {
            let paging = serde_json::from_value(query.clone()).unwrap();
            let page = read(db.pool(), &release, &paging).await.unwrap();
            assert!(page.items.len() <= 2);
            seen.extend(page.items.into_iter().map(|entry| entry.what));
            match page.next {
                Some(next) => query["after"] = next.into(),
                None => break,
            }
        }
        assert_eq!(seen, ["use 4", "use 3", "use 2", "use 1", "use 0"]);
        sqlx::query("update uses set at = 'yesterday'").execute(db.pool()).await.unwrap();
        let refused = read(db.pool(), &release, &serde_json::from_value(json!({})).unwrap()).await;
        assert!(refused.unwrap_err().to_string().contains("'yesterday'"), "nothing is made up for it");
    }
}
