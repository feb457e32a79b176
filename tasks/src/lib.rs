//! Tasks that run as long as their process, watched: one that dies is started again and counted, and whoever answers for the
//! process's readiness can ask which of them are down.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// How long a task that died is down before it is started again, so that one that dies at once does not take the whole processor.
pub const PAUSE: Duration = Duration::from_secs(1);

/// The tasks of a process or of a part of it. Clones watch the same tasks; when the last of them is dropped, the tasks are ended.
#[derive(Clone, Default)]
pub struct Supervisor {
    tasks: Arc<Tasks>,
}

#[derive(Default)]
struct Tasks(Arc<Mutex<Names>>);

type Names = BTreeMap<&'static str, Watched>;

struct Watched {
    state: TaskState,
    trip: Arc<Notify>,
    handle: Option<JoinHandle<()>>,
}

impl Watched {
    fn end(&self) {
        if let Some(handle) = &self.handle {
            handle.abort();
        }
    }
}

/// What is known of a task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskState {
    /// Whether it died and was not started again yet.
    pub down: bool,
    /// How often it was started again.
    pub restarts: u64,
}

impl Supervisor {
    /// Starts a task by its name, and starts it again with `start` whenever it panics. One that returns is over.
    pub fn spawn<F>(&self, name: &'static str, start: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let trip = Arc::new(Notify::new());
        self.lock()
            .insert(name, Watched { state: TaskState::default(), trip: Arc::clone(&trip), handle: None });
        // The task has no share in the supervisor, so that it ends with the last of those who asked for it.
        let tasks = Arc::clone(&self.tasks.0);
        let handle = tokio::spawn(async move {
            loop {
                let task = start();
                let run = async {
                    tokio::select! {
                        () = task => {}
                        () = trip.notified() => tripped(name),
                    }
                };
                if AssertUnwindSafe(run).catch_unwind().await.is_ok() {
                    return;
                }
                tracing::error!(task = name, "a task died: it is started again");
                change(&tasks, name, |state| state.down = true);
                tokio::time::sleep(PAUSE).await;
                change(&tasks, name, |state| {
                    *state = TaskState { down: false, restarts: state.restarts + 1 }
                });
            }
        });
        if let Some(watched) = self.lock().get_mut(name) {
            watched.handle = Some(handle);
        }
    }

    /// Starts a task that does something now and then again after each interval, counted from the beginning of the last time.
    pub fn spawn_every<F>(
        &self,
        name: &'static str,
        interval: Duration,
        job: impl Fn() -> F + Clone + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn(name, move || {
            let job = job.clone();
            async move {
                let mut ticks = tokio::time::interval(interval);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    job().await;
                }
            }
        });
    }

    /// The tasks and what is known of each, by their names.
    pub fn states(&self) -> Vec<(&'static str, TaskState)> {
        self.lock().iter().map(|(name, watched)| (*name, watched.state)).collect()
    }

    /// The names of those that are down.
    pub fn down(&self) -> Vec<&'static str> {
        self.states().into_iter().filter(|(_, state)| state.down).map(|(name, _)| name).collect()
    }

    /// Ends all tasks, and forgets them.
    pub fn stop(&self) {
        for watched in std::mem::take(&mut *self.lock()).values() {
            watched.end();
        }
    }

    /// Makes a task panic where it stands: for tests of what depends on it.
    pub fn trip(&self, name: &str) {
        if let Some(watched) = self.lock().get(name) {
            watched.trip.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        lock(&self.tasks.0)
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        lock(&self.0).values().for_each(Watched::end);
    }
}

fn lock(tasks: &Mutex<Names>) -> MutexGuard<'_, Names> {
    tasks.lock().unwrap_or_else(PoisonError::into_inner)
}

fn change(tasks: &Mutex<Names>, name: &'static str, how: impl FnOnce(&mut TaskState)) {
    if let Some(watched) = lock(tasks).get_mut(name) {
        how(&mut watched.state);
    }
}

#[allow(clippy::panic)]
fn tripped(name: &str) {
    panic!("the task '{name}' was tripped by a test");
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Waits until something holds.
    async fn until(holds: impl Fn() -> bool) {
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while !holds() {
            assert!(std::time::Instant::now() < deadline, "it never held");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_task_that_dies_is_down_for_a_while_and_started_again() {
        let (supervisor, runs) = (Supervisor::default(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&runs);
        supervisor.spawn_every("loop", Duration::from_secs(600), move || {
            let counted = Arc::clone(&counted);
            async move {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        until(|| runs.load(Ordering::SeqCst) == 1).await;
        assert!(supervisor.down().is_empty());
        supervisor.trip("loop");
        until(|| supervisor.down() == ["loop"]).await;
        until(|| runs.load(Ordering::SeqCst) == 2).await;
        assert_eq!(supervisor.states(), [("loop", TaskState { down: false, restarts: 1 })]);
    }

    #[tokio::test]
    async fn tasks_end_with_whoever_asked_for_them() {
        let (supervisor, alive) = (Supervisor::default(), Arc::new(()));
        let held = Arc::clone(&alive);
        supervisor.spawn("idle", move || {
            let held = Arc::clone(&held);
            async move {
                std::future::pending::<()>().await;
                drop(held);
            }
        });
        assert!(Arc::strong_count(&alive) > 1);
        drop(supervisor);
        until(|| Arc::strong_count(&alive) == 1).await;
    }
}
