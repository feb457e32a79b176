//! The transparency log: everything that trust depends on, appended in the transaction that makes it true.

mod routes;
mod witnesses;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use chandlery_package::Licence;
use chandlery_package::log::{Checkpoint, Entry, LogError, Signer};
use sqlx::AnyConnection;
use tlog_tiles::{Error as TileError, Hash, HashReader, stored_hash_index, stored_hashes, tree_hash};

use chandlery_store::Facts;
use chandlery_store::files::{self, write_atomic};

use crate::{Db, Error, Write};

pub use routes::routes;
pub use witnesses::{WitnessAt, Witnesses};

/// The log's signer.
pub struct Log {
    signer: Signer,
    witnesses: Witnesses,
}

impl Log {
    /// Reads the log's key, or makes one on the first start. A log is signed by one key: another is refused.
    pub async fn open(
        path: &Path,
        origin: &str,
        witnesses: &[WitnessAt],
        facts: &Facts<'_>,
    ) -> Result<Self, Error> {
        if !path.exists() {
            write_atomic(path, &Signer::generate(origin))?;
        }
        let text = files::read(path)?;
        let signer = Signer::new(text.trim())?;
        let begun_with = facts.get_or("log-key", || signer.verifier_key().to_owned()).await?;
        match signer.verifier_key() == begun_with {
            true => Ok(Self { signer, witnesses: Witnesses::new(witnesses.to_vec()) }),
            false => Err(Error::OtherLogKey { path: path.display().to_string(), begun_with }),
        }
    }

    /// What installers pin.
    pub fn verifier_key(&self) -> &str {
        self.signer.verifier_key()
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        self.signer.origin()
    }

    /// A licence, signed with the key that hosts have pinned.
    pub fn sign(&self, licence: &Licence) -> String {
        licence.sign(&self.signer)
    }

    /// The signed checkpoint of the tree as this connection sees it.
    pub async fn checkpoint_of(&self, db: &mut AnyConnection) -> Result<String, Error> {
        let size = size(db).await?;
        let root = read_hashes(db, |known| tree_hash(size, known)).await?;
        Ok(self.signer.checkpoint(size, root)?)
    }

    /// The signed checkpoint of the tree as it is now, cosigned by every witness that answers.
    pub async fn checkpoint(&self, db: &Db) -> Result<String, Error> {
        let mut snapshot = db.snapshot().await?;
        let note = self.checkpoint_of(&mut snapshot).await?;
        drop(snapshot);
        self.witnesses.cosign(db, Checkpoint::open(&note, self.verifier_key())?).await
    }
}

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
        return Err(Error::Invalid("a log entry has at most 65,535 bytes".into()));
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
struct Known {
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
async fn read_hashes<T>(
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
