//! How fast passwords and codes of a user may be tried.

use std::num::NonZeroU32;
use std::sync::Arc;

use chandlery_package::UserName;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::error::Error;

/// How many passwords and codes of a user are looked at in a minute, whoever shows them.
const IN_A_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
/// From how many names on those that were tried long ago are forgotten.
const NAMES_MAX: usize = 4096;

/// Counts what is tried, in memory: a host that starts again begins anew.
#[derive(Clone)]
pub(super) struct Guesses(Arc<DefaultKeyedRateLimiter<UserName>>);

impl Default for Guesses {
    fn default() -> Self {
        Self(Arc::new(RateLimiter::keyed(Quota::per_minute(IN_A_MINUTE))))
    }
}

impl Guesses {
    /// Counts one more try, before it is looked at.
    pub(super) fn begin(&self, user: &UserName) -> Result<(), Error> {
        if self.0.len() >= NAMES_MAX {
            self.0.retain_recent();
        }
        let refused = |_| Error::TooMany(format!("passwords and codes of '{user}' are tried too often"));
        self.0.check_key(user).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_is_tried_so_often_by_all_together() {
        let guesses = Guesses::default();
        let [ann, bob]: [UserName; 2] = ["ann", "bob"].map(|name| name.parse().unwrap());
        let tried = (0..100).filter(|_| guesses.begin(&ann).is_ok()).count();
        assert!((10..=12).contains(&tried), "{tried}");
        assert!(guesses.begin(&bob).is_ok());
    }
}
