//! Installing in two steps: what a release is, proved, with its price and what it asks for; and then just that, as agreed.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chandlery_package::problem::Problem;
use chandlery_package::wire::host::{Locked, Step};
use chandlery_package::{Kind, Requirement};
use chandlery_pages::{Field, Link, crumbs};
use maud::{Markup, html};

use super::consent;
use super::draft::{Pairs, value};
use super::{layout, problem};
use crate::error::Error;
use crate::extract::{Form, Query};
use crate::host::Host;
use crate::installs::Prospect;
use crate::system;
use crate::users::{About, Actor};

const PLUGINS: Link<'static> = Link { path: "/plugins", name: "Plugins" };

/// The steps of an installation, as they are taken.
#[derive(Default)]
struct Steps(Mutex<Vec<Step>>);

impl Steps {
    fn note(&self, step: Step) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(step);
    }

    fn taken(&self) -> Vec<Step> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The page `/plugins/install`: which plugin, and what would be installed.
pub(super) async fn page(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Query(pairs): Query<Pairs>,
) -> Result<Response, Error> {
    let asked = value(&pairs, "plugin");
    if asked.is_empty() {
        return Ok(choose(&by, asked, None).into_response());
    }
    match asked.parse::<Requirement>() {
        Ok(requirement) => shown(&host, &by, &requirement, None).await,
        Err(error) => {
            Ok((StatusCode::BAD_REQUEST, choose(&by, asked, Some(&error.to_string()))).into_response())
        }
    }
}

/// Installs what was shown, and tells of each check. What is refused is shown again as it is now, with the reason.
pub(super) async fn install(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Error> {
    let (new, digest) = match consent::agreed(&pairs) {
        Ok(agreed) => agreed,
        Err(error) => return Ok(problem::page(&by, &error.into(), &[PLUGINS])),
    };
    let registry = host.registry()?;
    let requirement = new.requirement.clone();
    let about = Extension(About(requirement.to_string()));
    let steps = Arc::new(Steps::default());
    let (installing, noted) = (host.clone(), Arc::clone(&steps));
    // Whoever asked may be gone: what was ordered is installed all the same.
    let installed = tokio::spawn(async move {
        installing.install(&registry, &new, Some(digest), &|step| noted.note(step)).await
    });
    let response = match installed.await.map_err(|error| system::Error::Damaged(error.to_string()))? {
        Ok(locked) => done(&by, &locked, &steps.taken()).into_response(),
        Err(error) => {
            let fault = problem::told(&error);
            shown(&host, &by, &requirement, Some(fault)).await?
        }
    };
    Ok((about, response).into_response())
}

async fn shown(
    host: &Host,
    by: &Actor,
    requirement: &Requirement,
    fault: Option<Problem>,
) -> Result<Response, Error> {
    let registry = match host.registry() {
        Ok(registry) => registry,
        Err(error) => return Ok(problem::page(by, &error, &[PLUGINS])),
    };
    let steps = Steps::default();
    let looked = host.installs.look(&registry, requirement, &|step| steps.note(step)).await;
    let looked = looked.map_err(|error| problem::told(&error.into()));
    let status = match (&fault, &looked) {
        (Some(problem), _) | (None, Err(problem)) => problem::status(problem),
        (None, Ok(_)) => StatusCode::OK,
    };
    let title = match &looked {
        Ok(prospect) => format!("Install {}", prospect.release),
        Err(_) => format!("Install {requirement}"),
    };
    let content = html! {
        (crumbs(&[PLUGINS], &title))
        h1 { (title) }
        @if let Some(fault) = &fault { (problem::above(fault, &[], &[])) }
        @match &looked {
            Ok(prospect) => (offered(prospect, &steps.taken())),
            Err(problem) => {
                (problem::above(problem, &[], &[]))
                h2 { "What was checked before" }
                (consent::proof(&steps.taken()))
            },
        }
    };
    Ok((status, layout::page(&title, Some(by), content)).into_response())
}

/// All that there is to know before one agrees.
fn offered(prospect: &Prospect, steps: &[Step]) -> Markup {
    html! {
        (consent::about(prospect))
        h2 { "Proof" }
        (consent::proof(steps))
        h2 { "What it asks for" }
        (consent::permissions(prospect))
        h2 { "Price" }
        (consent::price(prospect))
        h2 { "Agree" }
        (consent::form(prospect))
    }
}

fn done(by: &Actor, locked: &Locked, steps: &[Step]) -> Markup {
    let plugin = &locked.release.plugin;
    let content = html! {
        (crumbs(&[PLUGINS], "Installed"))
        h1 { (locked.release) " is installed" }
        p role="status" {
            @match locked.kind {
                Kind::Template => { a.button href=(format!("/deploy?plugin={plugin}")) { "Deploy" } },
                Kind::Policy => "Every plan passes it from now on.",
                Kind::Integration => "It is told of every event from now on.",
            }
        }
        h2 { "Proof" }
        (consent::proof(steps))
        p { "It is in " code { "chandlery.lock" } ", with the component " code { (locked.component) } "." }
    };
    layout::page("Installed", Some(by), content)
}

/// The page that asks which plugin.
fn choose(by: &Actor, asked: &str, fault: Option<&str>) -> Markup {
    let field = Field::new("plugin", "Plugin").value(asked).fault(fault).required();
    let content = html! {
        (crumbs(&[PLUGINS], "Install"))
        h1 { "Install a plugin" }
        form.card method="get" action="/plugins/install" {
            (field.hint("NAMESPACE:NAME, or with a range of versions: acme:ocr-server@^1"))
            button { "Continue" }
        }
        p.note { "Next you see what it is, what it costs and what it asks for. Nothing is installed before you agree." }
    };
    layout::page("Install a plugin", Some(by), content)
}
