//! What may be done with a deployment: the links to it, and the pages that ask before it is done.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::wire::host::{Deployment, Drift, Health, Removal};
use chandlery_pages::{Column, Field, Link, crumbs, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::values::DEPLOYMENTS;
use super::{layout, problem};
use crate::deployments::Error as DeploymentError;
use crate::error::Error;
use crate::extract::{Form, Path};
use crate::host::Host;
use crate::users::Actor;

/// What is asked for once more before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Restart,
    Pause,
    Resume,
    Repair,
    Remove,
}

impl Act {
    /// What it is called, on links and buttons.
    fn name(self) -> &'static str {
        match self {
            Self::Restart => "Restart",
            Self::Pause => "Pause",
            Self::Resume => "Resume",
            Self::Repair => "Repair",
            Self::Remove => "Remove",
        }
    }

    /// The last part of its path.
    fn word(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Repair => "repair",
            Self::Remove => "remove",
        }
    }

    /// What comes of it.
    fn about(self) -> &'static str {
        match self {
            Self::Restart => "Each replica is restarted, as a new revision of the same plan.",
            Self::Pause => "All replicas stop. Everything else is kept, and the deployment can be resumed.",
            Self::Resume => "The replicas start again, as the plan says.",
            Self::Repair => "What others have changed is set back to what the plan says.",
            Self::Remove => {
                "All replicas stop, and the revisions, logs and scratch volumes are deleted. This cannot be undone."
            }
        }
    }
}

/// The links and buttons that an actor may use for a deployment.
pub(super) fn offered(actor: &Actor, deployment: &Deployment) -> Markup {
    let may = actor.must_deploy_to(&deployment.target).and_then(|()| actor.must_change(&deployment.name));
    let at = |word: &str| format!("/deployments/{}/{word}", deployment.name);
    let is_leaving = deployment.health == Health::Removing;
    html! {
        nav.actions aria-label="Actions" {
            a href=(at("rollout")) { "Rollout" }
            @if may.is_ok() && !is_leaving {
                a href=(at("upgrade")) { "Upgrade" }
                a href=(at("rollback")) { "Roll back" }
                a href=(at("scale")) { "Scale" }
                @for act in acts(deployment) { a href=(at(act.word())) { (act.name()) } }
            }
        }
    }
}

/// What there is to be done with a deployment, as it is.
fn acts(deployment: &Deployment) -> Vec<Act> {
    let pause = if deployment.health == Health::Paused { Act::Resume } else { Act::Pause };
    let repair = (!deployment.drift.is_empty()).then_some(Act::Repair);
    [Act::Restart, pause].into_iter().chain(repair).chain([Act::Remove]).collect()
}

/// What the form of such a page sends.
#[derive(Deserialize)]
pub(super) struct Given {
    /// The deployment's name, where it has to be written.
    #[serde(default)]
    typed: String,
}

/// The page that says what will come of an act, and asks.
pub(super) async fn ask(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Extension(act): Extension<Act>,
    Path(name): Path<String>,
) -> Result<Response, Error> {
    match host.deployments.get(&name).await {
        Ok(deployment) => Ok(asking(&by, act, &deployment, None).into_response()),
        Err(error) => Ok(problem::page(&by, &error.into(), &[DEPLOYMENTS])),
    }
}

/// Does it, and leads to where one sees how it goes.
pub(super) async fn act(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Extension(act): Extension<Act>,
    Path(name): Path<String>,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let deployment = match host.deployments.get(&name).await {
        Ok(deployment) => deployment,
        Err(error) => return Ok(problem::page(&by, &error.into(), &[DEPLOYMENTS])),
    };
    if act == Act::Remove && given.typed.trim() != name {
        let page = asking(&by, act, &deployment, Some("The name does not match, so nothing was removed."));
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    }
    match done(&host, &by, act, &name).await {
        Ok(()) => Ok(Redirect::to(&format!("/deployments/{name}/rollout")).into_response()),
        Err(error) => {
            let path = format!("/deployments/{name}");
            Ok(problem::page(&by, &error.into(), &[Link { path: &path, name: &name }, DEPLOYMENTS]))
        }
    }
}

async fn done(host: &Host, by: &Actor, act: Act, name: &str) -> Result<(), DeploymentError> {
    let deployments = &host.deployments;
    match act {
        Act::Restart => deployments.restart(by, name).await.map(drop),
        Act::Pause => deployments.pause(by, name, true).await.map(drop),
        Act::Resume => deployments.pause(by, name, false).await.map(drop),
        Act::Repair => deployments.repair(by, name).await.map(drop),
        Act::Remove => deployments.remove(by, name, &Removal::default()).await,
    }
}

fn asking(by: &Actor, act: Act, deployment: &Deployment, fault: Option<&str>) -> Markup {
    let name = deployment.name.as_str();
    let (path, title) = (format!("/deployments/{name}"), format!("{} {name}", act.name()));
    let content = html! {
        (crumbs(&[DEPLOYMENTS, Link { path: &path, name }], act.name()))
        h1 { (title) }
        p { (act.about()) }
        @if act == Act::Repair { (drifted(&deployment.drift)) }
        form.card method="post" action=(format!("{path}/{}", act.word())) {
            @if act == Act::Remove {
                (Field::new("typed", "Type the name of the deployment to remove it").fault(fault).required())
            }
            button.danger[act == Act::Remove] { (act.name()) " " (name) }
        }
        p { a href=(path) { "Cancel" } }
    };
    layout::page(&title, Some(by), content)
}

/// What is not as it was made.
fn drifted(drift: &[Drift]) -> Markup {
    let row = |drift: &Drift| vec![html! { (drift.path) }, html! { (drift.should) }, html! { (drift.is) }];
    let rows: Vec<Vec<Markup>> = drift.iter().map(row).collect();
    html! {
        @if rows.is_empty() { p.note { "Nothing had been changed by others when the host last looked." } }
        @else {
            (table("Changed by others", &[Column::Text("What"), Column::Text("Should be"), Column::Text("Is")], &rows))
        }
    }
}
