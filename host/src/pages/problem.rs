//! What a page says where something is refused: what happened, why, and what to do next.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chandlery_package::problem::{Explain as _, Problem};
use chandlery_package::wire::host::HostRole;
use chandlery_pages::{Failure, Link, Tone, banner};
use maud::{Markup, html};

use super::{approvers, layout};
use crate::error::Error;
use crate::host::Host;
use crate::users::{self, Actor};

/// A page that says why something cannot be shown or done, and where to go on.
pub(super) fn page(by: &Actor, error: &Error, links: &[Link<'_>]) -> Response {
    let problem = told(error);
    let content = Failure {
        status: problem.status,
        title: &problem.title,
        detail: &problem.detail,
        remedy: problem.remedy.as_deref(),
        links,
    }
    .content();
    (status(&problem), layout::page(&problem.title, Some(by), content)).into_response()
}

/// A page for whoever has too small a role: which one it takes, and who has it.
pub(crate) async fn not_allowed(
    host: &Host,
    by: &Actor,
    role: HostRole,
    error: users::Error,
) -> Result<Response, Error> {
    let problem = told(&error.into());
    let names = approvers::with_role(host, role).await?;
    let content = html! {
        (Failure {
            status: problem.status,
            title: &problem.title,
            detail: &problem.detail,
            remedy: problem.remedy.as_deref(),
            links: &[],
        }.content())
        p { "Hand the address of this page to somebody who may: " (approvers::in_words(&names)) "." }
    };
    Ok((status(&problem), layout::page(&problem.title, Some(by), content)).into_response())
}

/// The problem above a form, of which some may stand beside its fields; what does is left out here.
pub(super) fn above(problem: &Problem, beside: &[(String, String)], rest: &[String]) -> Markup {
    banner(
        Tone::Bad,
        &html! {
            div role="alert" {
                p { strong { (problem.title) } }
                @if beside.is_empty() { p { (problem.detail) } }
                @else { @for says in rest { p { (says) } } }
                @if let Some(remedy) = &problem.remedy { p { (remedy) } }
            }
        },
    )
}

/// The problem that an error is; one that is the host's own is told of in its log, too.
pub(super) fn told(error: &Error) -> Problem {
    let problem = error.problem();
    if problem.status == 500 {
        tracing::error!(%error, "request failed");
    }
    problem
}

/// The status of HTTP that a problem is answered with.
pub(super) fn status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
