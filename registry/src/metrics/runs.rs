//! When each chore of this process was done last, and what came of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The last time that a chore was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it was done.
    pub at: Timestamp,
    /// How often it is to be, in seconds.
    pub every_seconds: u64,
    /// Why it was not, if it was not: it is tried again.
    pub fault: Option<String>,
}

impl Run {
    /// Whether it should have been done again long since: twice, and a minute.
    pub fn is_late(&self, now: Timestamp) -> bool {
        now.duration_since(self.at).as_secs() > (2 * self.every_seconds + 60) as i64
    }
}

/// The last run of each chore, which clones share.
#[derive(Debug, Clone, Default)]
pub struct Runs(Arc<Mutex<BTreeMap<&'static str, Run>>>);

impl Runs {
    /// Notes that a chore was done just now, or why it was not.
    pub fn note(&self, chore: &'static str, every: Duration, fault: Option<String>) {
        let run = Run { at: Timestamp::now(), every_seconds: every.as_secs(), fault };
        self.lock().insert(chore, run);
    }

    /// The last run of a chore; none: it was not done yet.
    pub fn of(&self, chore: &str) -> Option<Run> {
        self.lock().get(chore).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_chore_is_late_when_it_should_have_been_done_twice() {
        let runs = Runs::default();
        runs.note("notices", Duration::from_secs(60), None);
        assert_eq!(runs.of("garbage"), None);
        let run = runs.of("notices").unwrap();
        let after = |seconds| run.is_late(run.at + SignedDuration::from_secs(seconds));
        assert_eq!([0, 60, 180, 181].map(after), [false, false, false, true]);
    }
}
