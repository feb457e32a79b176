//! Going back to an earlier revision: which there are, what it would change, and the button that does just that.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::problem::Problem;
use chandlery_package::wire::Paging;
use chandlery_package::wire::host::Revision;
use chandlery_pages::{Column, Link, crumbs, minute, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::values::{self, DEPLOYMENTS};
use super::{layout, plan, problem};
use crate::deployments::Former;
use crate::error::Error;
use crate::extract::{Form, Path, Query};
use crate::host::Host;
use crate::users::Actor;

/// How many revisions are shown, the last ones.
const REVISIONS_MAX: u32 = 50;

#[derive(Deserialize)]
pub(super) struct Chosen {
    /// The revision to go back to.
    revision: Option<i64>,
}

/// What was shown.
#[derive(Deserialize)]
pub(super) struct Given {
    /// The revision to go back to.
    revision: i64,
    /// The one that it was compared with.
    from: i64,
}

/// The page `/deployments/{name}/rollback`.
pub(super) async fn page(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
    Query(chosen): Query<Chosen>,
) -> Result<Response, Error> {
    shown(&host, &by, &name, chosen.revision, None).await
}

pub(super) async fn roll_back(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    match host.deployments.rollback_approved(&by, &name, given.revision, given.from).await {
        Ok(_) => Ok(Redirect::to(&format!("/deployments/{name}/rollout")).into_response()),
        Err(error) => {
            let fault = problem::told(&error.into());
            shown(&host, &by, &name, Some(given.revision), Some(fault)).await
        }
    }
}

async fn shown(
    host: &Host,
    by: &Actor,
    name: &str,
    chosen: Option<i64>,
    fault: Option<Problem>,
) -> Result<Response, Error> {
    let (now, revisions) = match listed(host, name).await {
        Ok(listed) => listed,
        Err(error) => return Ok(problem::page(by, &error, &[DEPLOYMENTS])),
    };
    let former = match chosen {
        Some(revision) => Some(host.deployments.former(name, revision).await),
        None => None,
    };
    let former = former.map(|former| former.map_err(|error| problem::told(&error.into())));
    let status = match (&fault, &former) {
        (Some(problem), _) | (None, Some(Err(problem))) => problem::status(problem),
        _ => StatusCode::OK,
    };
    let (path, title) = (format!("/deployments/{name}"), format!("Roll {name} back"));
    let content = html! {
        (crumbs(&[DEPLOYMENTS, Link { path: &path, name }], "Roll back"))
        h1 { (title) }
        @if let Some(fault) = &fault { (problem::above(fault, &[], &[])) }
        @match &former {
            Some(Ok(former)) => (approval(&path, former)),
            // It was told above.
            Some(Err(_)) if fault.is_some() => "",
            Some(Err(problem)) => (problem::above(problem, &[], &[])),
            None => "",
        }
        h2 { "Revisions" }
        p { "Choose one to see what going back to it would change. Nothing is done before you confirm it." }
        (list(&path, now, &revisions))
    };
    Ok((status, layout::page(&title, Some(by), content)).into_response())
}

/// The number of the revision that should run, and the last ones that there are.
async fn listed(host: &Host, name: &str) -> Result<(i64, Vec<Revision>), Error> {
    let now = host.deployments.get(name).await?.revision;
    let revisions = host.deployments.history(name, &Paging::first(REVISIONS_MAX)).await?;
    Ok((now, revisions.items))
}

fn list(path: &str, now: i64, revisions: &[Revision]) -> Markup {
    let row = |revision: &Revision| {
        let number = revision.revision;
        let link = html! {
            @if number == now { "the one that should run" }
            @else { a href=(format!("{path}/rollback?revision={number}")) { "See what it would change" } }
        };
        vec![
            html! { (number) },
            html! { (minute(revision.created_at)) },
            html! { (revision.release) },
            html! { (values::rollout(revision.state)) @if !revision.detail.is_empty() { " " (revision.detail) } },
            html! { (revision.made_by.as_deref().unwrap_or_default()) },
            link,
        ]
    };
    let rows: Vec<Vec<Markup>> = revisions.iter().map(row).collect();
    let columns = ["Revision", "Made", "Release", "Rollout", "By", "Roll back"].map(Column::Text);
    table("Revisions", &columns, &rows)
}

/// What a former revision would change, and the button.
fn approval(path: &str, former: &Former) -> Markup {
    let Former { revision, from, changes } = former;
    let number = revision.revision;
    html! {
        h2 { "What revision " (number) " would change" }
        @if changes.is_empty() { p { "Its plan is the one that runs: its replicas are started anew." } }
        @else { (plan::changes(changes)) }
        p { "It is of " (revision.release) ", and its plan is " code { (revision.plan_digest) } "." }
        form.card method="post" action=(format!("{path}/rollback")) {
            input type="hidden" name="revision" value=(number);
            input type="hidden" name="from" value=(from);
            button { "Roll back to revision " (number) }
            p.note { "Where another revision should run meanwhile, nothing is changed." }
        }
    }
}
