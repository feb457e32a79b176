//! Tasks that run as long as their process, watched: one that dies or ends before its time is started again and counted, and whoever
//! answers for the process's readiness can ask which of them are down. And [`connections`], by which both servers are asked.

pub mod connections;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use futures::FutureExt as _;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

/// How long a task that died is down before it is started again: twice as long with each time in a row, so that one that dies at
/// once neither takes the whole processor nor fills the log.
const BACK_OFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_secs(1))
    .with_max_delay(WAIT_MAX)
    .without_max_times();
const WAIT_MAX: Duration = Duration::from_secs(60);
/// A task that ran as long as this was well: when it dies, that is the first time again.
const RAN_WELL: Duration = Duration::from_secs(120);

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

/// Whether a task does what it is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Status {
    /// It runs, as far as anybody knows.
    #[default]
    Running,
    /// It died, or ended before its time, and was not started again yet.
    Down,
    /// It had an end, and has come to it.
    Over,
}

/// What is known of a task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskState {
    /// Whether it does what it is for.
    pub status: Status,
    /// How often it was started again.
    pub restarts: u64,
}

/// What it means that a task returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lasts {
    /// Something is wrong.
    ForEver,
    /// It has done what it was for.
    ToItsEnd,
}

/// How long to wait before a task is started again.
struct Waits(ExponentialBackoff);

impl Default for Waits {
    fn default() -> Self {
        Self(BACK_OFF.build())
    }
}

impl Waits {
    /// After it ran for so long.
    fn after(&mut self, ran: Duration) -> Duration {
        if ran >= RAN_WELL {
            *self = Self::default();
        }
        self.0.next().unwrap_or(WAIT_MAX)
    }
}

impl Supervisor {
    /// Starts a task that runs for ever, and starts it again with `start` whenever it panics or returns.
    pub fn spawn<F>(&self, name: &'static str, start: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.watch(name, Lasts::ForEver, start);
    }

    /// Starts a task that has an end, and starts it again with `start` whenever it panics. When it returns, it is over.
    pub fn spawn_once<F>(&self, name: &'static str, start: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.watch(name, Lasts::ToItsEnd, start);
    }

    fn watch<F>(&self, name: &'static str, lasts: Lasts, start: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let trip = Arc::new(Notify::new());
        self.lock()
            .insert(name, Watched { state: TaskState::default(), trip: Arc::clone(&trip), handle: None });
        // The task has no share in the supervisor, so that it ends with the last of those who asked for it.
        let tasks = Arc::clone(&self.tasks.0);
        let handle = tokio::spawn(async move {
            let mut waits = Waits::default();
            loop {
                let (began, task) = (Instant::now(), start());
                let run = async {
                    tokio::select! {
                        () = task => {}
                        () = trip.notified() => tripped(name),
                    }
                };
                match AssertUnwindSafe(run).catch_unwind().await {
                    Ok(()) if lasts == Lasts::ToItsEnd => {
                        change(&tasks, name, |state| state.status = Status::Over);
                        return;
                    }
                    Ok(()) => {
                        tracing::error!(task = name, "a task has ended that should not: it is started again")
                    }
                    Err(_) => tracing::error!(task = name, "a task died: it is started again"),
                }
                change(&tasks, name, |state| state.status = Status::Down);
                tokio::time::sleep(waits.after(began.elapsed())).await;
                change(&tasks, name, |state| {
                    *state = TaskState { status: Status::Running, restarts: state.restarts + 1 }
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
        let down = |(name, state): (_, TaskState)| (state.status == Status::Down).then_some(name);
        self.states().into_iter().filter_map(down).collect()
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
        assert_eq!(supervisor.states(), [("loop", TaskState { status: Status::Running, restarts: 1 })]);
    }

    #[test]
    fn a_task_that_ends_before_its_time_is_started_again_later_and_later() {
        let mut waits = Waits::default();
        let mut after = |seconds| waits.after(Duration::from_secs(seconds)).as_secs();
        assert_eq!([0; 8].map(&mut after), [1, 2, 4, 8, 16, 32, 60, 60], "twice as long, up to a minute");
        assert_eq!([119, 120, 0].map(&mut after), [60, 1, 2], "after it ran well, as at first");
    }

    #[tokio::test]
    async fn a_task_that_returns_before_its_time_is_started_again() {
        let (supervisor, runs) = (Supervisor::default(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&runs);
        supervisor.spawn("ends", move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                if run > 0 {
                    std::future::pending::<()>().await;
                }
            }
        });
        until(|| supervisor.down() == ["ends"]).await;
        until(|| runs.load(Ordering::SeqCst) == 2).await;
        until(|| supervisor.states() == [("ends", TaskState { status: Status::Running, restarts: 1 })]).await;
    }

    #[tokio::test]
    async fn a_task_that_has_an_end_is_over_then_and_not_before() {
        let (supervisor, runs) = (Supervisor::default(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&runs);
        supervisor.spawn_once("job", move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(run > 0, "the first run dies");
            }
        });
        let state = || supervisor.states()[0].1;
        until(|| supervisor.down() == ["job"]).await;
        until(|| state().status == Status::Over).await;
        assert_eq!(state(), TaskState { status: Status::Over, restarts: 1 });
        assert!(supervisor.down().is_empty());
        assert_eq!(runs.load(Ordering::SeqCst), 2);
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
