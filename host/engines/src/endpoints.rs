//! Where deployments' ports are reached, written down.

use sqlx::SqlitePool;

use crate::Error;

/// A port of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub deployment: String,
    pub workload: String,
    pub port: String,
}

/// The number that was asked for, and where the port was reached before; none, where it never was.
pub(super) async fn find(db: &SqlitePool, key: &Key) -> Result<Option<(i64, String)>, Error> {
    let found = sqlx::query_as(
        "select asked, address from endpoints where deployment = $1 and workload = $2 and port = $3",
    );
    Ok(found.bind(&key.deployment).bind(&key.workload).bind(&key.port).fetch_optional(db).await?)
}

pub(super) async fn set(db: &SqlitePool, key: &Key, asked: u16, address: &str) -> Result<(), Error> {
    sqlx::query(
        "insert into endpoints (deployment, workload, port, asked, address) values ($1, $2, $3, $4, $5)
         on conflict (deployment, workload, port) do update set asked = excluded.asked, address = excluded.address",
    )
    .bind(&key.deployment)
    .bind(&key.workload)
    .bind(&key.port)
    .bind(asked)
    .bind(address)
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn forget(db: &SqlitePool, key: &Key) -> Result<(), Error> {
    sqlx::query("delete from endpoints where deployment = $1 and workload = $2 and port = $3")
        .bind(&key.deployment)
        .bind(&key.workload)
        .bind(&key.port)
        .execute(db)
        .await?;
    Ok(())
}

/// The ports of a deployment that are written down.
pub(super) async fn of(db: &SqlitePool, deployment: &str) -> Result<Vec<(Key, String)>, Error> {
    let rows: Vec<(String, String, String)> =
        sqlx::query_as("select workload, port, address from endpoints where deployment = $1")
            .bind(deployment)
            .fetch_all(db)
            .await?;
    let key =
        |(workload, port, address)| (Key { deployment: deployment.to_owned(), workload, port }, address);
    Ok(rows.into_iter().map(key).collect())
}
