//! When and where from tokens were used: kept in memory for a minute, so that nobody who only reads waits for a write.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chandlery_store::{Db, time};
use jiff::Timestamp;

use crate::Error;
use crate::actor::Address;

/// The last use of each token since they were last written down, by the digest under which it is kept.
#[derive(Default)]
pub(crate) struct Uses(Mutex<HashMap<String, (Timestamp, Address)>>);

impl Uses {
    /// A token is used now.
    pub(crate) fn note(&self, hash: &str, from: Address) {
        self.lock().insert(hash.to_owned(), (Timestamp::now(), from));
    }

    /// When and where from a token was used, if that is not written down yet.
    pub(crate) fn last(&self, hash: &str) -> Option<(Timestamp, Address)> {
        self.lock().get(hash).copied()
    }

    /// Writes down what was used since the last time.
    pub(crate) async fn write(&self, db: &Db) -> Result<(), Error> {
        let used = std::mem::take(&mut *self.lock());
        if used.is_empty() {
            return Ok(());
        }
        let mut write = db.write_unsynced().await?;
        for (hash, (at, Address(from))) in used {
            sqlx::query("update tokens set used_at = $1, address = $2 where hash = $3")
                .bind(time(at))
                .bind(from.map(|from| from.to_string()))
                .bind(hash)
                .execute(&mut *write)
                .await?;
        }
        Ok(write.commit().await?)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Timestamp, Address)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
