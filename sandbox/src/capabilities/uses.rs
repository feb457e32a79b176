//! What a call did with what it was granted, and what it tried.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// The most uses that are noted of one call.
const USES_MAX: usize = 1000;

/// One use of a capability, or one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Use {
    /// The permission that it needs.
    pub permission: String,
    /// What was done with it.
    pub what: String,
    /// Whether it was granted.
    pub granted: bool,
}

/// What a call did, shared with the requests that it has under way.
#[derive(Clone, Default)]
pub(crate) struct Uses(Arc<Mutex<Vec<Use>>>);

impl Uses {
    pub(crate) fn note(&self, permission: impl ToString, what: String, granted: bool) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < USES_MAX {
            uses.push(Use { permission: permission.to_string(), what, granted });
        }
    }

    /// All that was noted.
    pub(crate) fn take(&self) -> Vec<Use> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
