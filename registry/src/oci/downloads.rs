//! Pulls, counted in memory until they are written down together.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chandlery_store::content::ContentDigest;

use super::repository::Repository;

/// Pulls that were not yet written to the database.
#[derive(Default)]
pub struct Downloads(Mutex<HashMap<Pulled, i64>>);

/// The repository and the digest of a content that was pulled.
pub type Pulled = (String, String);

impl Downloads {
    pub(super) fn count(&self, repository: &Repository, digest: &ContentDigest) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((repository.name().to_owned(), digest.to_string())).or_default() += 1;
    }

    /// How often each content was pulled since this was asked before.
    pub fn take(&self) -> HashMap<Pulled, i64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
