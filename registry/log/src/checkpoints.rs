//! Checkpoints that are kept: of each size the first one that witnesses have cosigned, which says since when the log has told of what is
//! in it.

use std::sync::{Mutex, PoisonError};

use chandlery_store::Db;

use crate::Error;

/// What this process has kept last: the checkpoint's size, and how long its note was.
#[derive(Default)]
pub(crate) struct Kept(Mutex<(u64, usize)>);

impl Kept {
    /// Keeps a cosigned checkpoint, unless one of its size with as many cosignatures is kept already. That it could not be kept holds up
    /// nobody who asks for it.
    pub async fn keep(&self, db: &Db, size: u64, note: &str) {
        let now = (size, note.len());
        if *self.0.lock().unwrap_or_else(PoisonError::into_inner) == now {
            return;
        }
        match insert(db, size, note).await {
            Ok(()) => *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now,
            Err(error) => tracing::warn!(%error, size, "a cosigned checkpoint was not kept"),
        }
    }
}

async fn insert(db: &Db, size: u64, note: &str) -> Result<(), Error> {
    let mut write = db.write_shared().await?;
    sqlx::query(
        "insert into log_checkpoints (size, note) values ($1, $2)
         on conflict (size) do update set note = excluded.note
         where length(excluded.note) > length(log_checkpoints.note)",
    )
    .bind(i64::try_from(size).unwrap_or(i64::MAX))
    .bind(note)
    .execute(&mut *write)
    .await?;
    Ok(write.commit().await?)
}

/// The last checkpoint that was kept, as its signed note; none: none was.
pub(crate) async fn last(db: &Db) -> Result<Option<String>, Error> {
    let found: Option<(String,)> =
        sqlx::query_as("select note from log_checkpoints order by size desc limit 1")
            .fetch_optional(db.read())
            .await?;
    Ok(found.map(|(note,)| note))
}

/// The first checkpoint that covers the entry at this index, as its signed note; none: none was kept.
pub(crate) async fn first_that_covers(db: &Db, index: u64) -> Result<Option<String>, Error> {
    let found: Option<(String,)> =
        sqlx::query_as("select note from log_checkpoints where size > $1 order by size limit 1")
            .bind(i64::try_from(index).unwrap_or(i64::MAX))
            .fetch_optional(db.read())
            .await?;
    Ok(found.map(|(note,)| note))
}
