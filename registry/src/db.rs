//! The database: one SQL text for SQLite and PostgreSQL through sqlx's `Any` driver.

use jiff::Timestamp;
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{Any, AnyPool, Executor as _, Transaction};

/// A transaction that may write.
pub type Write = Transaction<'static, Any>;

/// The registry's database.
#[derive(Clone)]
pub struct Db {
    pool: AnyPool,
}

impl Db {
    /// Opens the database at this address (`sqlite://…`) and brings its tables up to date.
    pub async fn open(url: &str) -> Result<Self, sqlx::Error> {
        install_default_drivers();
        let pool = AnyPoolOptions::new()
            .max_connections(8)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    // Readers do not wait for the writer, and what was committed survives a loss of power.
                    connection.execute("pragma journal_mode = wal").await?;
                    connection.execute("pragma synchronous = full").await?;
                    Ok(())
                })
            })
            .connect(url)
            .await?;
        sqlx::migrate!("../migrations/registry").run(&pool).await?;
        Ok(Self { pool })
    }

    /// For reading outside a transaction.
    pub fn read(&self) -> &AnyPool {
        &self.pool
    }

    /// Begins a transaction that holds the write lock from its start, so that what it reads stays true until it
    /// commits. Dropped before its commit, it leaves nothing behind.
    pub async fn write(&self) -> Result<Write, sqlx::Error> {
        self.pool.begin_with("begin immediate").await
    }
}

/// A time as it is stored: always as wide, so that times sort as text.
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_text_and_read_back() {
        let at = |text: &str| time(text.parse().unwrap());
        assert_eq!(at("2026-11-23T10:00:00Z"), "2026-11-23T10:00:00.000000Z");
        assert!(at("2026-11-23T10:00:00Z") < at("2026-11-23T10:00:00.5Z"));
        assert!(at("2026-11-23T10:00:00.5Z").parse::<Timestamp>().is_ok());
    }
}
