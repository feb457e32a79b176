//! What a host does beside answering: each loop is a task of its own, watched by its name and started again when it dies.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::deployments::Deployments;
use crate::installs::{Installs, RegistryClient};
use crate::integrations::Integrations;
use crate::licence::Licences;
use crate::metering::Reporter;
use crate::{deployments, metering};
use chandlery_tasks::Supervisor;
use sqlx::SqlitePool;

/// How often it is looked at whether what costs something is covered.
const COVER_EVERY: Duration = Duration::from_secs(10);

/// What the loops work with.
pub(crate) struct Loops {
    pub db: SqlitePool,
    pub registry: Option<RegistryClient>,
    pub reporter: Option<Reporter>,
    pub installs: Installs,
    pub licences: Licences,
    pub deployments: Deployments,
    pub integrations: Integrations,
    pub meter_every: Duration,
    pub follow_every: Duration,
}

impl Loops {
    /// Starts all of them.
    pub(crate) fn start(self, tasks: &Supervisor) {
        let Self { db, registry, reporter, installs, licences, deployments, integrations, .. } = self;
        let compiled = installs.clone();
        tasks.spawn_once("compile", move || compile(compiled.clone()));
        tasks.spawn("deliver", move || integrations.clone().run());
        let reconciled = deployments.clone();
        tasks.spawn("reconcile", move || reconciled.clone().reconcile());
        let every = self.meter_every;
        tasks.spawn("meter", move || metering::run(db.clone(), reporter.clone(), every));
        let (covered, minded) = (deployments.clone(), deployments.clone());
        tasks.spawn_every("cover", COVER_EVERY, move || cover(covered.clone()));
        tasks.spawn("license", move || {
            let deployments = deployments.clone();
            licences.clone().run(move || count(deployments.clone()))
        });
        if let Some(registry) = registry {
            tasks.spawn_every("follow", self.follow_every, move || {
                follow(installs.clone(), registry.clone(), minded.clone())
            });
        }
    }
}

async fn cover(deployments: Deployments) {
    if let Err(error) = deployments.mind_coverage().await {
        tracing::warn!(%error, "it could not be seen whether what costs something is covered");
    }
}

async fn count(deployments: Deployments) -> Result<u32, deployments::Error> {
    deployments.count().await
}

async fn compile(installs: Installs) {
    if let Err(error) = installs.compile_all().await {
        tracing::warn!(%error, "a plugin will be compiled when it is used");
    }
}

async fn follow(installs: Installs, registry: RegistryClient, deployments: Deployments) {
    if let Err(error) = installs.follow(&registry).await {
        tracing::warn!(%error, "the registry's log could not be followed");
    }
    // What is known already is told also where the registry does not answer.
    if let Err(error) = deployments.mind_concerns().await {
        tracing::warn!(%error, "it could not be told what is said against releases that are deployed");
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskName {
    task: &'static str,
}

/// Adds how often each task was started again to what a scrape shows.
pub(crate) fn register_metrics(tasks: &Supervisor, registry: &mut Registry) {
    let restarts = Family::<TaskName, Counter>::default();
    for (task, state) in tasks.states() {
        restarts.get_or_create(&TaskName { task }).inc_by(state.restarts);
    }
    registry.register(
        "task_restarts",
        "Tasks that died or ended before their time, and were started again",
        restarts,
    );
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use chandlery_sandbox::{Limits, Worker};
    use tower::ServiceExt as _;

    use super::*;
    use crate::engines::Isolate;
    use crate::users::SignIn;
    use crate::{Host, Settings, Trust, api};

    async fn get(host: &Host, path: &str) -> (StatusCode, String) {
        let token = format!("Bearer {}", host.users.first.text());
        let request = Request::get(path).header("authorization", token).body(Body::empty()).unwrap();
        let answer = api::router(host.clone()).oneshot(request).await.unwrap();
        let status = answer.status();
        let text = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(text.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readiness_knows_of_a_loop_that_died_and_of_its_return() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            data: folder.path().join("host"),
            // Nobody listens there: what is asked of it fails, and the loops go on.
            registry: Some("http://127.0.0.1:9".into()),
            registry_token: None,
            trust: Trust::default(),
            meter_every: Duration::from_secs(1),
            follow_every: Duration::from_secs(1),
            worker: Worker::Here,
            limits: Limits::default(),
            expose: "127.0.0.1".parse().unwrap(),
            isolate: Isolate::Off,
            hidden: Vec::new(),
            sign_in: SignIn::default(),
        };
        let host = Host::open(&settings).await.unwrap();
        host.start(&settings);
        let loops = ["deliver", "follow", "license", "meter", "reconcile"];
        for name in loops {
            assert_eq!(get(&host, "/readyz").await.0, StatusCode::OK, "before {name} died");
            host.tasks.trip(name);
            let mut answer = get(&host, "/readyz").await;
            while answer.0 == StatusCode::OK {
                tokio::task::yield_now().await;
                answer = get(&host, "/readyz").await;
            }
            assert_eq!(answer.0, StatusCode::SERVICE_UNAVAILABLE);
            assert!(answer.1.contains("not-ready") && answer.1.contains(name), "{}", answer.1);
            // Nothing but readiness suffers.
            assert_eq!(get(&host, "/api/v1/deployments").await.0, StatusCode::OK);
            while get(&host, "/readyz").await.0 != StatusCode::OK {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let (_, metrics) = get(&host, "/metrics").await;
        for name in loops {
            let line = format!("chandlery_task_restarts_total{{task=\"{name}\"}} 1");
            assert!(metrics.contains(&line), "{line}\n{metrics}");
        }
        host.tasks.stop();
    }
}
