//! The host's database: SQLite, which has one writer at a time. Whoever checks something and changes it for that reason does
//! both in one transaction that excludes every other writer.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::system::Error;

const CONNECTIONS_MAX: u32 = 4;
/// How long a writer waits for one that is not in the queue, such as an engine.
const PATIENCE: Duration = Duration::from_secs(10);

/// The host's database.
#[derive(Clone)]
pub struct Db {
    pool: SqlitePool,
    /// Those who want to write queue here, in order, since SQLite's own waiting is by polling.
    queue: Arc<Mutex<()>>,
}

/// A transaction that excludes every other one that writes, so that what it reads stays true until it commits. Dropped
/// before its commit, it leaves nothing behind.
pub struct Write {
    transaction: Transaction<'static, Sqlite>,
    _turn: OwnedMutexGuard<()>,
}

impl Db {
    /// Opens the database in this file, which is made where it is not there, and brings its tables up to date.
    pub(crate) async fn open(path: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::from_str(&format!("sqlite://{}", path.display()))?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE);
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS_MAX).connect_with(options).await?;
        sqlx::migrate!("../migrations/host").run(&pool).await?;
        Ok(Self { pool, queue: Arc::default() })
    }

    /// For reading, and for those who have their own tables and write them in single statements.
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Begins a transaction that may write.
    pub async fn write(&self) -> Result<Write, Error> {
        let turn = Arc::clone(&self.queue).lock_owned().await;
        let transaction = self.pool.begin_with("begin immediate").await?;
        Ok(Write { transaction, _turn: turn })
    }
}

impl Write {
    /// Makes it all true at once.
    pub async fn commit(self) -> Result<(), Error> {
        Ok(self.transaction.commit().await?)
    }
}

impl Deref for Write {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}

#[cfg(test)]
mod tests;
