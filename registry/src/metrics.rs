//! `/metrics` in Prometheus's text format, whether the registry is alive and ready, and how it is, for its operators.

mod health;
mod replicas;
mod runs;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry as Registered, Unit};

use chandlery_log as log;
use chandlery_money::{billing, rails};
use chandlery_package::wire::{ChainState, EventState, IncidentKind};
use chandlery_store::{Clock, Db, Storage};
use chandlery_tasks::Supervisor;
use jiff::Timestamp;
use uuid::Uuid;

use crate::error::Error;

pub use health::{Health, pages};
use replicas::{Replica, Task};
pub use runs::Runs;

/// The bounds of how long an answer took, in seconds.
const SECONDS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 2.5, 10.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskName {
    task: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Told {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Incident {
    kind: &'static str,
}

/// What is counted, and what is asked whether it is well.
#[derive(Clone)]
pub struct Metrics {
    db: Db,
    clock: Clock,
    storage: Storage,
    tasks: Supervisor,
    /// What this replica calls itself, and when it was started.
    replica: (String, Timestamp),
    /// When its chores were done last.
    pub runs: Runs,
    registered: Arc<Registered>,
    requests: Family<Answer, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    log_entries: Gauge,
    task_restarts: Family<TaskName, Counter>,
    processor_events: Family<Told, Gauge>,
    processor_requests: Gauge,
    usage_hosts: Family<Told, Gauge>,
    usage_incidents: Family<Incident, Gauge>,
}

impl Metrics {
    /// Those of a registry with this database, this clock, this blob store and these tasks.
    pub fn new(db: Db, clock: Clock, storage: Storage, tasks: Supervisor) -> Self {
        let mut registered = Registered::with_prefix("chandlery");
        let requests = Family::default();
        registered.register("http_requests", "Requests answered", requests.clone());
        let seconds: Family<_, _, fn() -> _> = Family::new_with_constructor(|| Histogram::new(SECONDS));
        registered.register_with_unit(
            "http_request",
            "How long answers took to begin",
            Unit::Seconds,
            seconds.clone(),
        );
        let log_entries = Gauge::default();
        registered.register("log_entries", "Entries of the transparency log", log_entries.clone());
        let task_restarts = Family::default();
        let help = "Tasks that died and were started again";
        registered.register("task_restarts", help, task_restarts.clone());
        let processor_events = Family::default();
        let help = "Events that the processor of payments has told, by what became of them";
        registered.register("processor_events", help, processor_events.clone());
        let processor_requests = Gauge::default();
        let help = "Requests that the processor of payments has not answered";
        registered.register("processor_requests_waiting", help, processor_requests.clone());
        let usage_hosts = Family::default();
        let help = "Hosts that sign their usage, by how their reports stand";
        registered.register("usage_hosts", help, usage_hosts.clone());
        let usage_incidents = Family::default();
        let help = "How often hosts have reported what no honest one does, by what it was";
        registered.register("usage_incidents", help, usage_incidents.clone());
        let registered = Arc::new(registered);
        Self {
            db,
            clock,
            storage,
            tasks,
            replica: (Uuid::new_v4().simple().to_string(), Timestamp::now()),
            runs: Runs::default(),
            registered,
            requests,
            seconds,
            log_entries,
            task_restarts,
            processor_events,
            processor_requests,
            usage_hosts,
            usage_incidents,
        }
    }

    /// Writes down that this replica serves.
    pub async fn report(&self) -> Result<(), Error> {
        replicas::report(&self.db, &self.own()).await
    }

    /// Forgets this replica, which ends.
    pub async fn leave(&self) -> Result<(), Error> {
        replicas::forget(&self.db, &self.replica.0).await
    }

    /// How this replica is.
    fn own(&self) -> Replica {
        let states = [self.db.tasks().states(), self.tasks.states()].concat();
        let (id, started_at) = self.replica.clone();
        Replica {
            id,
            version: env!("CARGO_PKG_VERSION").into(),
            started_at,
            seen_at: Timestamp::now(),
            tasks: states
                .into_iter()
                .map(|(name, state)| Task::new(name, state, self.runs.of(name)))
                .collect(),
        }
    }

    /// Routes are patterns, so there are only so many.
    fn request(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        // A method of somebody's own making must not become a label.
        let method = if method.as_str().len() <= 7 { method.as_str() } else { "other" };
        let answer = Answer { method: method.into(), route: route.into(), status: status.as_u16() };
        self.requests.get_or_create(&answer).inc();
        self.seconds.get_or_create(&Route { route: route.into() }).observe(took.as_secs_f64());
    }
}

/// Counts a request and its answer, and how long that took to begin.
pub async fn count(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    metrics.request(&method, route.as_deref().unwrap_or("none"), response.status(), started.elapsed());
    response
}

/// The routes of this room.
pub fn routes<S>(metrics: Metrics) -> Router<S> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(text))
        .with_state(metrics)
}

/// Ready: the database and the blob store answer, and no task is down.
async fn ready(State(metrics): State<Metrics>) -> Result<&'static str, Error> {
    let down = [metrics.db.tasks().down(), metrics.tasks.down()].concat();
    if !down.is_empty() {
        return Err(not_ready(format!("{} died and will be started again", down.join(", "))));
    }
    let asked = sqlx::query("select 1").execute(metrics.db.read()).await;
    asked.map_err(|error| not_ready(error.to_string()))?;
    metrics.storage.check().await.map_err(|error| not_ready(error.to_string()))?;
    Ok("ready\n")
}

fn not_ready(why: String) -> Error {
    chandlery_store::Error::NotReady(why).into()
}

async fn text(State(metrics): State<Metrics>) -> Result<([(HeaderName, &'static str); 1], String), Error> {
    let mut db = metrics.db.read().acquire().await?;
    metrics.log_entries.set(log::size(&mut db).await? as i64);
    metrics.processor_requests.set(rails::requests_waiting(&mut db).await?);
    let told = rails::count_events(&mut db).await?;
    for state in EventState::ALL {
        let count = told.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count);
        metrics.processor_events.get_or_create(&Told { state: state.as_str() }).set(count);
    }
    let (hosts, incidents) = billing::count_hosts(&mut db, metrics.clock.now()).await?;
    for state in ChainState::ALL {
        let count = hosts.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count);
        metrics.usage_hosts.get_or_create(&Told { state: state.as_str() }).set(count);
    }
    for kind in IncidentKind::ALL {
        let count = incidents.iter().find(|(known, _)| *known == kind).map_or(0, |(_, count)| *count);
        metrics.usage_incidents.get_or_create(&Incident { kind: kind.as_str() }).set(count);
    }
    for (task, state) in [metrics.db.tasks().states(), metrics.tasks.states()].concat() {
        let counter = metrics.task_restarts.get_or_create(&TaskName { task });
        counter.inc_by(state.restarts.saturating_sub(counter.get()));
    }
    let mut text = String::new();
    encode(&mut text, &metrics.registered).map_err(|error| Error::damaged(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}
