//! How a rollout goes, until it has arrived, has failed, or was taken back: its replicas, and what has happened.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chandlery_package::browser::SCRIPTED_POLICY;
use chandlery_package::wire::Paging;
use chandlery_package::wire::host::{Deployment, Health, Replica, Revision, RolloutState};
use chandlery_pages::{Column, Link, Tone, badge, banner, crumbs, minute, table};
use jiff::Timestamp;
use maud::{Markup, html};

use super::values::{DEPLOYMENTS, label};
use super::{actions, layout, problem, values};
use crate::deployments::Error as DeploymentError;
use crate::error::Error;
use crate::extract::Path;
use crate::host::Host;
use crate::users::Actor;

/// How many revisions are looked at, the last ones.
const REVISIONS_MAX: u32 = 10;
/// How many events are shown, the last ones.
const EVENTS_MAX: usize = 30;

/// What has become of a rollout.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    tone: Tone,
    says: String,
    /// Whether it will not change by itself.
    done: bool,
}

/// The script, which the page names and nothing else runs.
pub(super) async fn script() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("rollout.js"))
}

/// The page `/deployments/{name}/rollout`.
pub(super) async fn page(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
) -> Result<Response, Error> {
    let deployment = match host.deployments.get(&name).await {
        Ok(deployment) => deployment,
        Err(DeploymentError::NoDeployment(_)) => return Ok(gone(&by, &name)),
        Err(error) => return Ok(problem::page(&by, &error.into(), &[DEPLOYMENTS])),
    };
    let revisions = host.deployments.history(&name, &Paging::first(REVISIONS_MAX)).await?.items;
    let outcome = outcome(&deployment, &revisions);
    let path = format!("/deployments/{name}");
    let content = html! {
        (crumbs(&[DEPLOYMENTS, Link { path: &path, name: &name }], "Rollout"))
        section id="rollout" data-under-way[!outcome.done] {
            h1 { "Rollout of " (name) }
            (state(&deployment, &outcome))
            @if !outcome.done { p { a href=(format!("{path}/rollout")) { "Refresh" } } }
            h2 { "Replicas" }
            (replicas(&deployment))
            h2 { "What has happened" }
            (events(&revisions, &deployment.replicas))
            (actions::offered(&by, &deployment))
        }
        script type="module" src="/rollout.js" { }
    };
    Ok(scripted(StatusCode::OK, layout::page(&format!("Rollout of {name}"), Some(&by), content)))
}

/// What is said of a deployment that is not there, as after it was removed.
fn gone(by: &Actor, name: &str) -> Response {
    let content = html! {
        (crumbs(&[DEPLOYMENTS], name))
        section id="rollout" {
            h1 { "There is no deployment " (name) }
            p role="status" { "Nothing of it is left on this host." }
            p { a href="/deployments" { "All deployments" } }
        }
    };
    scripted(StatusCode::NOT_FOUND, layout::page("No such deployment", Some(by), content))
}

/// A page that runs the host's own script.
fn scripted(status: StatusCode, page: Markup) -> Response {
    (status, [(header::CONTENT_SECURITY_POLICY, SCRIPTED_POLICY)], page).into_response()
}

/// How it fares as a whole, in a sentence.
fn state(deployment: &Deployment, outcome: &Outcome) -> Markup {
    html! {
        (banner(outcome.tone, &html! { p role="status" { (outcome.says) } }))
        p {
            "Revision " (deployment.revision) " of " (deployment.release) " on " (deployment.target) ": "
            (badge(outcome.tone, deployment.health.as_str()))
        }
        @if let Some(trouble) = &deployment.trouble {
            p.fault { "The target does not answer: " (trouble) }
        }
        @if !deployment.endpoints.is_empty() {
            ul {
                @for endpoint in &deployment.endpoints {
                    li { (endpoint.workload) ", " (endpoint.port) ": " code { (endpoint.address) } }
                }
            }
        }
    }
}

fn outcome(deployment: &Deployment, revisions: &[Revision]) -> Outcome {
    let number = deployment.revision;
    let is = |tone, says: String, done| Outcome { tone, says, done };
    match deployment.health {
        Health::Removing => return is(Tone::Warning, "It is being removed.".into(), false),
        Health::Paused => {
            let done = deployment.replicas.is_empty();
            let says =
                if done { "It is paused: nothing of it runs." } else { "It is paused: its replicas end." };
            return is(Tone::Warning, says.into(), done);
        }
        _ => {}
    }
    let current = revisions.iter().find(|revision| revision.revision == number);
    let arrived = current.is_none_or(|revision| revision.state != RolloutState::RollingOut);
    if let Some(failed) = current.filter(|revision| revision.state == RolloutState::Failed) {
        return is(Tone::Bad, format!("Revision {number} has failed: {}", failed.detail), true);
    }
    let newest = revisions.first().filter(|newest| newest.revision > number);
    if let Some(failed) = newest.filter(|newest| newest.state == RolloutState::Failed) {
        let again = if arrived { "runs again" } else { "is on its way again" };
        let says = format!(
            "Revision {} has failed and was taken back: {}. Revision {number} {again}.",
            failed.revision, failed.detail
        );
        return is(Tone::Bad, says, arrived && is_settled(deployment.health));
    }
    match (arrived, deployment.health) {
        (false, Health::Failed) => {
            is(Tone::Warning, format!("Revision {number} fails, and will be taken back."), false)
        }
        (false, _) => is(Tone::Plain, format!("Revision {number} is on its way."), false),
        (true, Health::Ready) => is(Tone::Good, format!("Revision {number} is ready."), true),
        (true, Health::Succeeded) => is(Tone::Good, "Every job has ended well.".into(), true),
        (true, Health::Failed) => is(Tone::Bad, "A replica has failed for good.".into(), true),
        (true, _) => is(Tone::Warning, "Not all replicas are ready.".into(), false),
    }
}

/// Whether a health stays until something happens.
fn is_settled(health: Health) -> bool {
    matches!(health, Health::Ready | Health::Succeeded | Health::Failed)
}

fn replicas(deployment: &Deployment) -> Markup {
    let row = |replica: &Replica| {
        let addresses = replica.addresses.iter().map(|(port, address)| format!("{port} {address}"));
        vec![
            html! { (label(replica)) },
            html! { (replica.revision) },
            values::replica_state(replica.state),
            html! { (replica.detail) },
            html! { (replica.restarts) },
            html! { (replica.gpus.join(", ")) },
            html! { (addresses.collect::<Vec<_>>().join(", ")) },
        ]
    };
    let rows: Vec<Vec<Markup>> = deployment.replicas.iter().map(row).collect();
    let columns = [
        Column::Text("Replica"),
        Column::Number("Revision"),
        Column::Text("State"),
        Column::Text("Why"),
        Column::Number("Restarts"),
        Column::Text("GPUs"),
        Column::Text("Addresses"),
    ];
    table("Replicas", &columns, &rows)
}

/// What has happened, the last first.
fn events(revisions: &[Revision], replicas: &[Replica]) -> Markup {
    let rows = happened(revisions, replicas);
    let rows: Vec<Vec<Markup>> =
        rows.into_iter().map(|(at, says)| vec![minute(at), html! { (says) }]).collect();
    table("What has happened", &[Column::Text("When"), Column::Text("What")], &rows)
}

fn happened(revisions: &[Revision], replicas: &[Replica]) -> Vec<(Timestamp, String)> {
    let made = revisions.iter().map(|revision| {
        let by = revision.made_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let why = if revision.detail.is_empty() { String::new() } else { format!(": {}", revision.detail) };
        let Revision { revision: number, cause, release, state, created_at, .. } = revision;
        (*created_at, format!("revision {number} of {release} was {cause}{by}, and is {state}{why}"))
    });
    let started = replicas.iter().flat_map(|replica| {
        let (name, number) = (label(replica), replica.revision);
        let started = replica.started_at.map(|at| (at, format!("{name} of revision {number} was started")));
        let ready = replica.ready_at.map(|at| (at, format!("{name} of revision {number} was ready")));
        started.into_iter().chain(ready)
    });
    let mut all: Vec<(Timestamp, String)> = made.chain(started).collect();
    all.sort_by(|(a, _), (b, _)| b.cmp(a));
    all.truncate(EVENTS_MAX);
    all
}

#[cfg(test)]
mod tests {
    use chandlery_package::Digest;
    use chandlery_package::wire::host::Cause;

    use super::*;

    fn revision(number: i64, state: RolloutState) -> Revision {
        Revision {
            revision: number,
            cause: Cause::Deployed,
            release: "acme:x@1.0.0".parse().unwrap(),
            plan_digest: Digest::of("a plan"),
            state,
            detail: if state == RolloutState::Failed { "server-0: it ended".into() } else { String::new() },
            created_at: Timestamp::from_second(number).unwrap(),
            made_by: Some("ann".into()),
        }
    }

    fn deployment(number: i64, health: Health) -> Deployment {
        Deployment {
            name: "web".into(),
            target: "local".into(),
            team: None,
            owner: None,
            parameters: serde_json::json!({}),
            release: "acme:x@1.0.0".parse().unwrap(),
            component: Digest::of("a component"),
            artifact: Digest::of("an artifact"),
            log_index: 1,
            plan_digest: Digest::of("a plan"),
            revision: number,
            health,
            workloads: vec!["server".into()],
            endpoints: Vec::new(),
            replicas: Vec::new(),
            notes: Vec::new(),
            objection: None,
            advisories: Vec::new(),
            drift: Vec::new(),
            trouble: None,
        }
    }

    #[test]
    fn a_rollout_is_looked_at_until_it_is_ready_has_failed_or_is_taken_back() {
        use RolloutState::{Failed, RolledOut, RollingOut};
        // The revision that should run and its health, all revisions, and what is said.
        let table: [(i64, Health, &[(i64, RolloutState)], &str, bool); 9] = [
            (1, Health::RollingOut, &[(1, RollingOut)], "Revision 1 is on its way.", false),
            (1, Health::Ready, &[(1, RolledOut)], "Revision 1 is ready.", true),
            (1, Health::Failed, &[(1, Failed)], "Revision 1 has failed: server-0: it ended", true),
            (1, Health::Degraded, &[(2, Failed), (1, RollingOut)], "Revision 1 is on its way again.", false),
            (1, Health::Ready, &[(2, Failed), (1, RolledOut)], "Revision 1 runs again.", true),
            // Somebody went back to it.
            (1, Health::Ready, &[(2, RolledOut), (1, RolledOut)], "Revision 1 is ready.", true),
            (2, Health::Degraded, &[(2, RolledOut), (1, Failed)], "Not all replicas are ready.", false),
            (1, Health::Paused, &[(1, RolledOut)], "It is paused: nothing of it runs.", true),
            (1, Health::Removing, &[(1, RolledOut)], "It is being removed.", false),
        ];
        for (number, health, all, says, done) in table {
            let revisions: Vec<_> = all.iter().map(|(number, state)| revision(*number, *state)).collect();
            let found = outcome(&deployment(number, health), &revisions);
            assert!(found.says.ends_with(says), "{found:?}");
            assert_eq!(found.done, done, "{found:?}");
        }
    }

    #[test]
    fn what_has_happened_is_told_the_last_first() {
        let told = happened(&[revision(1, RolloutState::Failed), revision(2, RolloutState::RolledOut)], &[]);
        let told: Vec<_> = told.iter().map(|(_, says)| says.as_str()).collect();
        assert_eq!(
            told,
            [
                "revision 2 of acme:x@1.0.0 was deployed by ann, and is rolled-out",
                "revision 1 of acme:x@1.0.0 was deployed by ann, and is failed: server-0: it ended",
            ]
        );
    }
}
