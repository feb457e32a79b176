//! Every use that plugins make of what they were granted, and every attempt at what they were not.

use chandlery_package::Release;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{SqliteConnection, SqlitePool};

use crate::db::Db;
use crate::system::Error;
use chandlery_sandbox::Use;

/// The most that is kept; the oldest go first.
const KEPT: i64 = 100_000;
/// The most that is shown at once.
const SHOWN: i64 = 200;

/// One use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct Entry {
    /// When, in RFC 3339.
    pub at: String,
    /// Who.
    pub release: String,
    /// By which permission.
    pub permission: String,
    /// What was done, or tried.
    pub what: String,
    /// Whether it was granted.
    pub granted: bool,
}

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
    let now = Timestamp::now().to_string();
    for used in uses {
        if !used.granted {
            tracing::warn!(%release, permission = used.permission, what = used.what, "refused");
        }
        sqlx::query("insert into uses (at, release, permission, what, granted) values ($1, $2, $3, $4, $5)")
            .bind(&now)
            .bind(release.to_string())
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

/// What a release did last, the newest first.
pub async fn read(db: &SqlitePool, release: &Release) -> Result<Vec<Entry>, Error> {
    let sql = "select at, release, permission, what, granted from uses where release = $1 order by id desc limit $2";
    Ok(sqlx::query_as(sql).bind(release.to_string()).bind(SHOWN).fetch_all(db).await?)
}
