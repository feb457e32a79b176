//! What stands before every call of a plugin: few at once, so that one plugin leaves room for the others, and none for a
//! while after it has failed too often.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chandlery_package::{Digest, Release};

use crate::error::SandboxError;
use crate::limits::Limits;

/// The gates of all plugins, by their components.
#[derive(Clone, Default)]
pub(super) struct Guard(Arc<Mutex<HashMap<Digest, Arc<Gate>>>>);

#[derive(Default)]
struct Gate {
    state: Mutex<Traffic>,
    left: Condvar,
}

#[derive(Default)]
struct Traffic {
    running: usize,
    waiting: usize,
    failures: u32,
    last_failure: String,
    closed_until: Option<Instant>,
}

impl Traffic {
    fn must_be_open(&self, release: &Release) -> Result<(), SandboxError> {
        let left = self.closed_until.and_then(|until| until.checked_duration_since(Instant::now()));
        match left {
            None => Ok(()),
            Some(left) => Err(SandboxError::CircuitOpen {
                release: release.clone(),
                failures: self.failures,
                seconds: left.as_secs() + 1,
                last: self.last_failure.clone(),
            }),
        }
    }
}

/// A call that was let in; another may come when it is dropped.
pub(super) struct Pass {
    gate: Arc<Gate>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Guard {
    /// Lets a call in, when there is room. Blocks.
    pub(super) fn enter(
        &self,
        component: Digest,
        release: &Release,
        limits: &Limits,
    ) -> Result<Pass, SandboxError> {
        let gate = held(&self.0).entry(component).or_default().clone();
        let mut traffic = held(&gate.state);
        traffic.must_be_open(release)?;
        if traffic.running >= limits.calls_at_once {
            if traffic.waiting >= limits.calls_waiting {
                let (release, limit) = (release.clone(), limits.calls_waiting);
                return Err(SandboxError::TooManyCalls { release, limit });
            }
            traffic.waiting += 1;
            let full = |traffic: &mut Traffic| traffic.running >= limits.calls_at_once;
            let waited = gate.left.wait_timeout_while(traffic, limits.time, full);
            let (woken, patience) = waited.unwrap_or_else(PoisonError::into_inner);
            traffic = woken;
            traffic.waiting -= 1;
            if patience.timed_out() {
                let (release, limit) = (release.clone(), traffic.waiting);
                return Err(SandboxError::TooManyCalls { release, limit });
            }
            // It may have failed once too often meanwhile. Then nobody is let in who would wake the next one.
            traffic.must_be_open(release).inspect_err(|_| gate.left.notify_one())?;
        }
        if traffic.closed_until.is_some() {
            // This call tries it out; others are kept off until it has ended.
            traffic.closed_until = Some(Instant::now() + limits.time);
        }
        traffic.running += 1;
        drop(traffic);
        Ok(Pass { gate })
    }
}

impl Pass {
    /// Remembers how the call ended, and lets the next one in.
    pub(super) fn ended(self, failure: Option<&SandboxError>, limits: &Limits) {
        let mut traffic = held(&self.gate.state);
        match failure {
            Some(failure) => {
                traffic.failures = traffic.failures.saturating_add(1);
                traffic.last_failure = failure.to_string();
                let closed = traffic.failures >= limits.failures;
                traffic.closed_until = closed.then(|| Instant::now() + limits.cool_down);
            }
            None => (traffic.failures, traffic.closed_until) = (0, None),
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        held(&self.gate.state).running -= 1;
        self.gate.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn release() -> Release {
        "acme:x@1.0.0".parse().unwrap()
    }

    fn failure() -> SandboxError {
        SandboxError::Trapped { release: release(), trap: "unreachable".into() }
    }

    #[test]
    fn a_plugin_that_keeps_failing_is_left_alone_and_tried_again() {
        let limits = Limits { failures: 2, ..Limits::default() };
        let (guard, digest) = (Guard::default(), Digest::of("x"));
        let enter = || guard.enter(digest, &release(), &limits);
        enter().unwrap().ended(Some(&failure()), &limits);
        // One success in between begins the count anew.
        enter().unwrap().ended(None, &limits);
        enter().unwrap().ended(Some(&failure()), &limits);
        enter().unwrap().ended(Some(&failure()), &limits);
        assert!(matches!(enter(), Err(SandboxError::CircuitOpen { failures: 2, .. })));
        assert!(guard.enter(Digest::of("y"), &release(), &limits).is_ok());
        // As if it had been left alone for so long.
        let long_ago = Instant::now().checked_sub(limits.cool_down);
        held(&held(&guard.0)[&digest].state).closed_until = long_ago;
        let trial = enter().unwrap();
        assert!(matches!(enter(), Err(SandboxError::CircuitOpen { .. })));
        trial.ended(None, &limits);
        assert!(enter().is_ok());
    }

    #[test]
    fn who_waits_is_told_at_once_that_the_plugin_is_left_alone() {
        let hour = Duration::from_secs(3600);
        let limits =
            Limits { calls_at_once: 1, failures: 1, time: hour, cool_down: hour, ..Limits::default() };
        let (guard, digest) = (Guard::default(), Digest::of("x"));
        let first = guard.enter(digest, &release(), &limits).unwrap();
        std::thread::scope(|scope| {
            let enter = || guard.enter(digest, &release(), &limits).map(drop);
            let others = [(); 3].map(|()| scope.spawn(enter));
            while held(&held(&guard.0)[&digest].state).waiting < others.len() {
                std::thread::yield_now();
            }
            first.ended(Some(&failure()), &limits);
            for other in others {
                let told = other.join().unwrap();
                assert!(matches!(told, Err(SandboxError::CircuitOpen { .. })), "{told:?}");
            }
        });
    }

    #[test]
    fn calls_beyond_the_limit_wait_and_then_are_refused() {
        let limits = Limits { calls_at_once: 1, calls_waiting: 1, ..Limits::default() };
        let (guard, digest) = (Guard::default(), Digest::of("x"));
        let first = guard.enter(digest, &release(), &limits).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| guard.enter(digest, &release(), &limits).is_ok());
            while held(&held(&guard.0)[&digest].state).waiting == 0 {
                std::thread::yield_now();
            }
            let third = guard.enter(digest, &release(), &limits);
            assert!(matches!(third, Err(SandboxError::TooManyCalls { limit: 1, .. })));
            drop(first);
            assert!(second.join().unwrap());
        });
    }
}
