//! How many replicas of each workload run.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::plan::Workload;
use chandlery_package::problem::Problem;
use chandlery_pages::{Field, Link, crumbs, select};
use maud::{Markup, html};
use serde::Deserialize;

use super::values::DEPLOYMENTS;
use super::{layout, problem};
use crate::deployments::Basis;
use crate::error::Error;
use crate::extract::{Form, Path};
use crate::host::Host;
use crate::users::{self, Actor};

/// What the form sends.
#[derive(Default, Deserialize)]
pub(super) struct Given {
    workload: String,
    replicas: String,
}

/// The page `/deployments/{name}/scale`.
pub(super) async fn page(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
) -> Result<Response, Error> {
    match host.deployments.basis(&name).await {
        Ok(basis) => Ok(shown(&by, &name, &basis, &Given::default(), None).into_response()),
        Err(error) => Ok(problem::page(&by, &error.into(), &[DEPLOYMENTS])),
    }
}

pub(super) async fn scale(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let fault = match scaled(&host, &by, &name, &given).await {
        Ok(()) => return Ok(Redirect::to(&format!("/deployments/{name}/rollout")).into_response()),
        Err(error) => problem::told(&error),
    };
    match host.deployments.basis(&name).await {
        Ok(basis) => {
            let page = shown(&by, &name, &basis, &given, Some(&fault));
            Ok((problem::status(&fault), page).into_response())
        }
        Err(error) => Ok(problem::page(&by, &error.into(), &[DEPLOYMENTS])),
    }
}

async fn scaled(host: &Host, by: &Actor, name: &str, given: &Given) -> Result<(), Error> {
    let replicas: u32 = given.replicas.trim().parse().map_err(|_| {
        users::Error::Invalid(format!("'{}' is not a number of replicas: enter 0 or more", given.replicas))
    })?;
    host.deployments.scale(by, name, &given.workload, replicas).await?;
    Ok(())
}

fn shown(by: &Actor, name: &str, basis: &Basis, given: &Given, fault: Option<&Problem>) -> Markup {
    let (path, title) = (format!("/deployments/{name}"), format!("Scale {name}"));
    let content = html! {
        (crumbs(&[DEPLOYMENTS, Link { path: &path, name }], "Scale"))
        h1 { (title) }
        @if let Some(fault) = fault { (problem::above(fault, &[], &[])) }
        p { "The plan stays as it is. A plan that wants another number replaces what is set here." }
        @if basis.paused { p { "It is paused: the numbers hold when it is resumed." } }
        (form(&path, &basis.plan.workloads, given))
    };
    layout::page(&title, Some(by), content)
}

/// The form: which workload, where there are several, and how many.
fn form(path: &str, workloads: &[Workload], given: &Given) -> Markup {
    let labels: Vec<String> = workloads.iter().map(now).collect();
    let options = workloads.iter().zip(&labels);
    let options: Vec<(&str, &str)> =
        options.map(|(workload, label)| (workload.name.as_str(), label.as_str())).collect();
    // What is no number is shown again as it was typed, which a field for numbers does not do.
    let kind = if given.replicas.bytes().all(|byte| byte.is_ascii_digit()) { "number" } else { "text" };
    html! {
        form.card method="post" action=(format!("{path}/scale")) {
            @if let [workload] = workloads {
                input type="hidden" name="workload" value=(workload.name);
                p { (now(workload)) }
            } @else {
                (select("workload", "Workload", &given.workload, &options))
            }
            (Field::new("replicas", "Replicas").kind(kind).value(&given.replicas).hint("From 0 to 1000").required())
            button { "Scale" }
        }
    }
}

/// How many replicas of a workload there should be now.
fn now(workload: &Workload) -> String {
    let scale = &workload.scale;
    match &scale.target {
        Some(target) => format!(
            "{}: {} now, up to {} by {}",
            workload.name, scale.replicas_min, scale.replicas_max, target.metric
        ),
        None => format!("{}: {} now", workload.name, scale.replicas_min),
    }
}
