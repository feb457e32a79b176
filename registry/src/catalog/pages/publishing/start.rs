//! Where publishing begins: the namespaces and the drafts of whoever is logged in, and the form that uploads another.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::{Account, Caller, Role, namespaces_of};
use chandlery_edge::{Form, Upload};
use chandlery_package::Namespace;
use chandlery_pages::{Column, Field, Tone, badge, empty, fault, minute, select, table};
use futures::stream::{StreamExt as _, try_unfold};
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

use super::answers::{draft_path, namespace_path, shown, told};
use super::team;
use crate::catalog::drafts::{self, DRAFTS_MAX, Draft, Read};
use crate::catalog::error::Error;
use crate::catalog::state::Catalog;
use crate::shell::{LogIn, PUBLISH};

/// The part of the form that says in which namespace to publish, and comes before the file.
const NAMESPACE: &str = "namespace";
/// The part that is the component, or the archive that it is in.
const COMPONENT: &str = "component";
/// What browsers offer to choose for it.
const ACCEPTED: &str = ".wasm,.zip,.tgz,.gz,application/wasm,application/zip,application/gzip";

/// What the form sends that takes a namespace.
#[derive(Deserialize)]
pub(super) struct Taken {
    #[serde(default)]
    name: String,
}

/// The page `/publish`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PUBLISH)) };
    Ok(content(&catalog, &caller, None).await?.into_response())
}

/// Takes a namespace that nobody has.
pub(super) async fn take(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Form(taken): Form<Taken>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PUBLISH)) };
    let took = async {
        let name: Namespace = taken.name.trim().parse()?;
        chandlery_accounts::take_namespace(&catalog.db, &caller.actor, &caller, &name).await?;
        catalog.oci.cache.changed(&name);
        Ok(name)
    };
    match took.await {
        Ok(name) => Ok(Redirect::to(&namespace_path(&name)).into_response()),
        Err(error) => again(&catalog, &caller, error).await,
    }
}

/// Keeps what is uploaded as a draft.
pub(super) async fn upload(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    form: Result<Upload, chandlery_edge::Error>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PUBLISH)) };
    let uploaded = async { uploaded(&catalog, &caller, form?).await };
    match uploaded.await {
        Ok(draft) => Ok(Redirect::to(&draft_path(draft)).into_response()),
        Err(error) => again(&catalog, &caller, error).await,
    }
}

async fn uploaded(catalog: &Catalog, caller: &Account, mut form: Upload) -> Result<Uuid, Error> {
    let mut namespace = None;
    while let Some(part) = form.next().await? {
        match part.name() {
            Some(NAMESPACE) => namespace = Some(part.text().await?.parse::<Namespace>()?),
            Some(COMPONENT) => {
                let missing = || Error::invalid("choose the namespace first, then the component");
                let namespace = namespace.ok_or_else(missing)?;
                let file = part.file(drafts::bytes_max(catalog));
                let name = file.name().unwrap_or_default().to_owned();
                let pieces = try_unfold(file, |mut file| async move {
                    let piece = file.piece().await?;
                    Ok(piece.map(|piece| (piece, file)))
                });
                return drafts::upload(catalog, caller, &namespace, &name, pieces.boxed()).await;
            }
            _ => {}
        }
    }
    Err(Error::invalid("no component was uploaded: choose the file that `chandlery build` has made"))
}

/// The page again, with why something was refused.
pub(super) async fn again(catalog: &Catalog, caller: &Account, error: Error) -> Result<Response, Error> {
    let (status, fault) = told(error)?;
    Ok((status, content(catalog, caller, Some(&fault)).await?).into_response())
}

async fn content(catalog: &Catalog, caller: &Account, refused: Option<&str>) -> Result<Markup, Error> {
    let mine = namespaces_of(&catalog.db, &caller.name).await?;
    let drafts = drafts::list(&catalog.db, caller.person()).await?;
    let content = html! {
        h1 { "Publish" }
        (fault(refused))
        p.lead {
            "Upload a component that " code { "chandlery build" } " has made, alone or in an archive of the plugin's folder, check what "
            "publishing would say, and sign it. "
            "On the command line, " code { "chandlery publish" } " does all of this."
        }
        (team::invitations(catalog, caller).await?)
        (upload_form(catalog, &mine))
        (all_drafts(&drafts))
        (namespaces(&mine))
        form.card method="post" action="/publish/namespaces" {
            (Field::new("name", "New namespace").hint("The first part of your plugins' names, as in NAMESPACE:plugin. It must not be taken.").required())
            button { "Take the namespace" }
        }
    };
    Ok(shown("Publish", caller, &content))
}

fn upload_form(catalog: &Catalog, mine: &[(Namespace, Role)]) -> Markup {
    let may: Vec<(&str, &str)> = mine
        .iter()
        .filter(|(_, role)| *role >= Role::Publisher)
        .map(|(name, _)| (name.as_str(), name.as_str()))
        .collect();
    let bytes = chandlery_pages::bytes(drafts::bytes_max(catalog));
    html! {
        h2 { "A new release" }
        @if may.is_empty() {
            (empty("You cannot publish in any namespace yet.", &html! { "Take a namespace below, or ask the owner of one to invite you. Invitations appear on this page." }))
        } @else {
            form.card method="post" action=(PUBLISH) enctype="multipart/form-data" {
                (select(NAMESPACE, "Namespace", "", &may))
                div.field {
                    label for=(COMPONENT) { "Component, or archive of its folder" }
                    input id=(COMPONENT) name=(COMPONENT) type="file" accept=(ACCEPTED) required aria-describedby="component-hint";
                    p.note id="component-hint" {
                        "A .wasm file, or a .zip or .tar.gz of the plugin's folder as " code { "chandlery build" } " leaves it, of at most "
                        (bytes) ". Nothing is built here."
                    }
                }
                button { "Upload and check" }
                p.note { "This publishes nothing. Only you see the draft, and it is kept for a week." }
            }
        }
    }
}

fn all_drafts(drafts: &[Draft]) -> Markup {
    let columns = ["Draft", "Namespace", "State", "Kept until"].map(Column::Text);
    let row = |draft: &Draft| {
        let (what, state) = match &draft.read {
            Read::Component(component, _) => {
                (component.manifest.release().to_string(), badge(Tone::Plain, "not signed yet"))
            }
            Read::Refused(_) => (draft.file.clone(), badge(Tone::Bad, "refused")),
        };
        vec![
            html! { a href=(draft_path(draft.id)) { (what) } },
            html! { (draft.namespace) },
            state,
            minute(draft.lapses_at),
        ]
    };
    let rows: Vec<Vec<Markup>> = drafts.iter().map(row).collect();
    html! {
        @if !rows.is_empty() {
            h2 { "Drafts" }
            (table("Drafts", &columns, &rows))
            p.note { "An account has at most " (DRAFTS_MAX) "." }
        }
    }
}

fn namespaces(mine: &[(Namespace, Role)]) -> Markup {
    let columns = ["Namespace", "Your role"].map(Column::Text);
    let rows: Vec<Vec<Markup>> = mine
        .iter()
        .map(|(name, role)| vec![html! { a href=(namespace_path(name)) { (name) } }, html! { (role) }])
        .collect();
    html! {
        h2 { "Namespaces" }
        @if !rows.is_empty() { (table("Namespaces", &columns, &rows)) }
    }
}
