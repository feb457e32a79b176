//! Entries and the hashes of their tree, appended in the transaction that makes them true.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use chandlery_package::log::{Entry, LogError};
use chandlery_store::Write;
use sqlx::AnyConnection;
use tlog_tiles::{Error as TileError, Hash, HashReader, stored_hash_index, stored_hashes};

use crate::Error;

/// How many entries there are.
pub async fn size(db: &mut AnyConnection) -> Result<u64, Error> {
    let (size,): (i64,) = sqlx::query_as("select cast(coalesce(max(idx) + 1, 0) as bigint) from log_entries")
        .fetch_one(db)
        .await?;
    Ok(size as u64)
}

/// Appends an entry in the transaction of what it tells of, and gives its index.
pub async fn append(write: &mut Write, entry: &Entry) -> Result<u64, Error> {
    let index = size(write).await?;
    let bytes = entry.to_bytes();
    if bytes.len() > usize::from(u16::MAX) {
        return Err(Error::invalid("a log entry has at most 65,535 bytes"));
    }
    let hashes = read_hashes(write, |known| stored_hashes(index, &bytes, known)).await?;
    sqlx::query("insert into log_entries (idx, entry) values ($1, $2)")
        .bind(index as i64)
        .bind(String::from_utf8_lossy(&bytes).into_owned())
        .execute(&mut **write)
        .await?;
    for (offset, hash) in hashes.iter().enumerate() {
        sqlx::query("insert into log_hashes (idx, hash) values ($1, $2)")
            .bind((stored_hash_index(0, index) as usize + offset) as i64)
            .bind(hex::encode(hash.0))
            .execute(&mut **write)
            .await?;
    }
    Ok(index)
}

/// The tree's hashes that were read so far, and those found lacking.
#[derive(Default)]
pub(crate) struct Known {
    hashes: HashMap<u64, Hash>,
    lacking: RefCell<BTreeSet<u64>>,
}

impl HashReader for Known {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, TileError> {
        let found = indexes.iter().filter_map(|index| {
            let hash = self.hashes.get(index).copied();
            if hash.is_none() {
                self.lacking.borrow_mut().insert(*index);
            }
            hash
        });
        let found: Vec<_> = found.collect();
        if found.len() == indexes.len() { Ok(found) } else { Err(TileError::IndexesNotInTree) }
    }
}

/// Runs a computation over the tree, fetching the hashes that it turns out to need.
pub(crate) async fn read_hashes<T>(
    db: &mut AnyConnection,
    compute: impl Fn(&Known) -> Result<T, TileError>,
) -> Result<T, Error> {
    let mut known = Known::default();
    loop {
        let outcome = compute(&known);
        let lacking = std::mem::take(&mut *known.lacking.borrow_mut());
        match outcome {
            Ok(value) => return Ok(value),
            Err(error) if lacking.is_empty() => return Err(damaged(error.to_string())),
            Err(_) => {}
        }
        for index in lacking {
            known.hashes.insert(index, read_hash(db, index).await?);
        }
    }
}

async fn read_hash(db: &mut AnyConnection, index: u64) -> Result<Hash, Error> {
    let found: Option<(String,)> = sqlx::query_as("select hash from log_hashes where idx = $1")
        .bind(index as i64)
        .fetch_optional(db)
        .await?;
    let (text,) = found.ok_or_else(|| damaged(format!("hash {index} is not there")))?;
    let mut hash = Hash([0; 32]);
    hex::decode_to_slice(&text, &mut hash.0).map_err(|error| damaged(error.to_string()))?;
    Ok(hash)
}

fn damaged(reason: String) -> Error {
    Error::Log(LogError::Tiles { size: 0, reason })
}
