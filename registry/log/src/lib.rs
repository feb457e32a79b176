//! The transparency log: everything that trust depends on, appended in the transaction that makes it true.

mod checkpoints;
mod error;
mod hashes;
mod routes;
mod witnesses;

use std::path::Path;

use chandlery_package::Licence;
use chandlery_package::log::{Checkpoint, Signer, WitnessKey};
use chandlery_store::files::{self, write_atomic};
use chandlery_store::{Clock, Db, Facts};
use sqlx::AnyConnection;
use tlog_tiles::tree_hash;

use crate::checkpoints::Kept;
use crate::hashes::read_hashes;

pub use error::{Error, KINDS, OTHER_LOG_KEY};
pub use hashes::{append, size};
pub use routes::routes;
pub use witnesses::{WitnessAt, Witnesses};

/// How far a log has come, and what others have seen of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// How many entries it has.
    pub size: u64,
    /// How many of them the last checkpoint has that witnesses cosigned.
    pub witnessed: u64,
    /// When each witness has cosigned that one, in seconds since 1970, by its name; none: it has not.
    pub witnesses: Vec<(String, Option<u64>)>,
}

/// The log's signer.
pub struct Log {
    signer: Signer,
    witnesses: Witnesses,
    kept: Kept,
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
            true => Ok(Self { signer, witnesses: Witnesses::new(witnesses.to_vec()), kept: Kept::default() }),
            false => Err(Error::OtherLogKey { path: path.display().to_string(), begun_with }),
        }
    }

    /// How far the log has come, and what witnesses have seen of it.
    pub async fn told(&self, db: &Db) -> Result<Told, Error> {
        let size = size(&mut *db.read().acquire().await?).await?;
        let Some(note) = checkpoints::last(db).await? else {
            let witnesses = self.witnesses.names().into_iter().map(|name| (name, None)).collect();
            return Ok(Told { size, witnessed: 0, witnesses });
        };
        let checkpoint = Checkpoint::open(&note, self.verifier_key())?;
        let witnesses = self.witnesses.cosigned(&checkpoint);
        Ok(Told { size, witnessed: checkpoint.size(), witnesses })
    }

    /// What installers pin.
    pub fn verifier_key(&self) -> &str {
        self.signer.verifier_key()
    }

    /// The keys of the witnesses that are asked to cosign, as installers name them.
    pub fn witness_keys(&self) -> Vec<String> {
        self.witnesses.keys()
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        self.signer.origin()
    }

    /// A licence, signed with the key that hosts have pinned.
    pub fn sign(&self, licence: &Licence) -> String {
        licence.sign(&self.signer)
    }

    /// A secret that follows from the log's key and what is kept of it, `salt`: whoever has a copy of the database alone does not know it,
    /// and every replica does.
    pub fn secret(&self, purpose: &str, salt: &[u8]) -> [u8; 32] {
        self.signer.secret(purpose, salt)
    }

    /// The signed checkpoint of the tree as this connection sees it.
    pub async fn checkpoint_of(&self, db: &mut AnyConnection) -> Result<String, Error> {
        let size = size(db).await?;
        let root = read_hashes(db, |known| tree_hash(size, known)).await?;
        Ok(self.signer.checkpoint(size, root)?)
    }

    /// The signed checkpoint of the tree as it is now, cosigned by every witness that answers and, to say when this was, by the log
    /// itself.
    pub async fn checkpoint(&self, db: &Db) -> Result<String, Error> {
        let mut snapshot = db.snapshot().await?;
        let note = self.checkpoint_of(&mut snapshot).await?;
        drop(snapshot);
        let checkpoint = Checkpoint::open(&note, self.verifier_key())?;
        let seconds = Clock::Real.now().as_second().unsigned_abs();
        let own = WitnessKey::of_log(&self.signer).cosign(&checkpoint, seconds);
        let size = checkpoint.size();
        let cosigned = self.witnesses.cosign(db, checkpoint).await?;
        if cosigned.len() > note.len() {
            self.kept.keep(db, size, &cosigned).await;
        }
        Ok(cosigned + &own)
    }
}
