//! How often something may be done in a while.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What everybody may do so many times in a period, which begins with the first time. What turns out not to count is given back.
pub struct Allowance<K> {
    max: u32,
    period: Duration,
    used: Mutex<HashMap<K, Used>>,
}

struct Used {
    since: Instant,
    times: u32,
}

impl<K: Eq + Hash> Allowance<K> {
    /// Nobody has done anything yet.
    pub fn new(max: u32, period: Duration) -> Self {
        Self { max, period, used: Mutex::default() }
    }

    /// Counts one more time, or gives how many seconds are left until there is a next one.
    pub fn take(&self, who: K) -> Result<(), u64> {
        let now = Instant::now();
        let mut all = self.lock();
        let used = all.entry(who).or_insert(Used { since: now, times: 0 });
        let passed = now.duration_since(used.since);
        if passed >= self.period {
            *used = Used { since: now, times: 0 };
        } else if used.times >= self.max {
            return Err(self.period.saturating_sub(passed).as_secs() + 1);
        }
        used.times += 1;
        Ok(())
    }

    /// What was taken does not count.
    pub fn give_back(&self, who: &K) {
        if let Some(used) = self.lock().get_mut(who) {
            used.times = used.times.saturating_sub(1);
        }
    }

    /// Forgets what is over.
    pub fn tidy(&self) {
        self.lock().retain(|_, used| used.since.elapsed() < self.period);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Used>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_an_allowance_that_comes_back() {
        let period = Duration::from_secs(60);
        let allowance = Allowance::new(2, period);
        assert!(allowance.take("one").is_ok() && allowance.take("one").is_ok());
        assert!(allowance.take("one").is_err_and(|left| (1..=61).contains(&left)));
        assert!(allowance.take("other").is_ok());
        allowance.give_back(&"one");
        assert!(allowance.take("one").is_ok() && allowance.take("one").is_err());
        // As if the period had passed, twice.
        let passes = || {
            for used in allowance.lock().values_mut() {
                used.since -= period;
            }
        };
        passes();
        assert!(allowance.take("one").is_ok());
        passes();
        allowance.tidy();
        assert!(allowance.lock().is_empty());
    }
}
