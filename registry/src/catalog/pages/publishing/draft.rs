//! A draft: what publishing would refuse, what it would say, and how it is signed.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::{Caller, Role, role};
use chandlery_edge::{Form, Path};
use chandlery_package::problem::Problem;
use chandlery_package::signature::{SignedPayload, bundle};
use chandlery_package::{Component, Digest};
use chandlery_pages::{Link, Tone, banner, crumbs, fault, minute};
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

use super::answers::{draft_path, namespace_path, plugin_path, shown, told};
use super::signing::{Place, UnknownKey, key_form, script_tag};
use super::told as saying;
use crate::catalog::drafts::{self, Draft, Origin, Read, Signed, faults};
use crate::catalog::error::Error;
use crate::catalog::keys::trusted;
use crate::catalog::pages::telling::release_path;
use crate::catalog::publish::Published;
use crate::catalog::state::Catalog;
use crate::shell::{LogIn, PUBLISH, scripted};

/// What the script sends when it has signed.
#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    key: String,
    #[serde(default)]
    payload: String,
    #[serde(default)]
    bundle: String,
    #[serde(default)]
    proof: String,
}

/// The page `/publish/{draft}`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path(id): Path<Uuid>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PUBLISH)) };
    let draft = drafts::find(&catalog.db, caller.person(), id).await?;
    content(&catalog, &caller, &draft, None).await
}

/// Publishes a draft that was signed, or leaves it for another member to approve.
pub(super) async fn sign(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path(id): Path<Uuid>,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&draft_path(id))) };
    let draft = drafts::find(&catalog.db, caller.person(), id).await?;
    match signed(&catalog, &caller, &draft, given).await {
        Ok(Published::Released(record)) => Ok(Redirect::to(&release_path(&record.release)).into_response()),
        Ok(Published::Staged(staged)) => {
            Ok(Redirect::to(&plugin_path(&staged.release.plugin)).into_response())
        }
        Err(error) => {
            let (status, fault) = told(error)?;
            let mut answer = content(&catalog, &caller, &draft, Some(&fault)).await?;
            *answer.status_mut() = status;
            Ok(answer)
        }
    }
}

async fn signed(catalog: &Catalog, caller: &Caller, draft: &Draft, given: Given) -> Result<Published, Error> {
    let Given { key, payload, bundle, proof } = given;
    let signed = Signed { key: key.parse()?, payload, bundle, proof };
    drafts::publish(catalog, caller, draft, signed).await
}

/// Forgets a draft.
pub(super) async fn discard(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path(id): Path<Uuid>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&draft_path(id))) };
    drafts::discard(&catalog.db, caller.person(), id).await?;
    Ok(Redirect::to(PUBLISH).into_response())
}

async fn content(
    catalog: &Catalog,
    caller: &Caller,
    draft: &Draft,
    refused: Option<&str>,
) -> Result<Response, Error> {
    let faults = faults(catalog, caller, draft).await?;
    let title = match &draft.read {
        Read::Component(component, _) => component.manifest.release().to_string(),
        Read::Refused(_) => draft.file.clone(),
    };
    let says = match &draft.read {
        Read::Component(component, _) => Some(saying::says(catalog, draft, component).await?),
        Read::Refused(_) => None,
    };
    let signing = match &draft.read {
        Read::Component(component, artifact) if faults.is_empty() => {
            Some(to_be_signed(catalog, caller, draft, component, *artifact).await?)
        }
        _ => None,
    };
    let content = html! {
        (crumbs(&[Link { path: PUBLISH, name: "Publish" }], &title))
        h1 { "Draft of " (title) }
        (fault(refused))
        (checked(&faults))
        @if let Some(origin) = &draft.origin { (unpacked(origin)) }
        @if let Some(signing) = &signing { (signing) }
        @if let Some(says) = &says { (says) }
        form method="post" action=(format!("{}/discard", draft_path(draft.id))) {
            p { "This draft is kept until " (minute(draft.lapses_at)) ". " button.quiet { "Discard draft" } }
        }
    };
    let page = shown(&title, caller, &content);
    Ok(match signing {
        Some(_) => scripted(page),
        None => page.into_response(),
    })
}

/// Where it was in its archive, and what its sender may have forgotten to build.
fn unpacked(origin: &Origin) -> Markup {
    html! {
        @if !origin.differences.is_empty() {
            (banner(Tone::Warning, &html! {
                strong { "The source has changed since this was built: build again. " }
                "The folder in the archive differs from the component, and the component is what would be published:"
                ul { @for difference in &origin.differences { li { (difference) } } }
            }))
        }
        p.note { "It was in the archive as " code { (origin.path) } "." }
    }
}

fn checked(faults: &[Problem]) -> Markup {
    html! {
        @if faults.is_empty() {
            (banner(Tone::Good, &html! { strong { "Ready to publish. " } "Only a signature is missing." }))
        } @else {
            h2 { "What publishing would refuse" }
            @for fault in faults {
                (banner(Tone::Bad, &html! { strong { (fault.title) ". " } (fault.in_words()) }))
            }
            p { "Fix this, build again, and upload the new component. This draft cannot be changed." }
        }
    }
}

async fn to_be_signed(
    catalog: &Catalog,
    caller: &Caller,
    draft: &Draft,
    component: &Component,
    artifact: Digest,
) -> Result<Markup, Error> {
    let plugin = &component.manifest.name;
    let keys = trusted(&catalog.db, &plugin.namespace).await?;
    let owns = role(&catalog.db, &plugin.namespace, &caller.name).await? == Some(Role::Owner);
    let (payload, statement) = (SignedPayload::text(plugin, artifact), bundle::text(artifact));
    let place = Place {
        action: &draft_path(draft.id),
        namespace: &plugin.namespace,
        keys: &keys,
        unknown: if owns { UnknownKey::Added } else { UnknownKey::Refused },
        button: "Sign and publish",
        texts: &[("payload", payload.as_str()), ("bundle", statement.as_str())],
    };
    Ok(html! {
        h2 { "Sign" }
        p { "You sign " code { (artifact) } ", the artifact that carries this component. The log records that for ever." }
        (key_form(&place))
        @if !owns {
            p.note {
                "Your key does not sign yet? " a href=(format!("{}#keys", namespace_path(&plugin.namespace))) { "Ask the owners to add it" } "."
            }
        }
        h3 { "On the command line" }
        p { "With a key in a file, this command publishes the same component:" }
        (chandlery_pages::command(&format!("chandlery publish {}", draft.file)))
        (script_tag())
    })
}
