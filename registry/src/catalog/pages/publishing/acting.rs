//! What publishers do with a plugin on its page.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use chandlery_accounts::{Caller, Role};
use chandlery_edge::{Form, Path};
use chandlery_package::wire::Deprecation;
use chandlery_package::{
    Digest, Issuer, Namespace, PluginId, PluginName, PublisherError, Release, TrustedPublisher,
};
use semver::Version;
use serde::Deserialize;

use super::answers::{plugin_path, unknown};
use super::plugin::answer;
use crate::catalog::error::Error;
use crate::catalog::lifecycle;
use crate::catalog::staging;
use crate::catalog::state::Catalog;
use crate::shell::LogIn;
use crate::trusted;

/// What the form of a release sends.
#[derive(Deserialize)]
pub(super) struct Advised {
    #[serde(default)]
    act: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    successor: String,
}

#[derive(Deserialize)]
pub(super) struct Withdrawn {
    #[serde(default)]
    reason: String,
}

/// What the form of a staged release sends.
#[derive(Deserialize)]
pub(super) struct Decided {
    #[serde(default)]
    act: String,
    #[serde(default)]
    artifact: String,
}

type OfRelease = (Namespace, PluginName, Version);

fn as_release((namespace, name, version): OfRelease) -> Release {
    Release { plugin: PluginId { namespace, name }, version }
}

/// Yanks or deprecates a release, or takes that back.
pub(super) async fn advise(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path(path): Path<OfRelease>,
    Form(given): Form<Advised>,
) -> Result<Response, Error> {
    let release = as_release(path);
    let Some(caller) = caller else { return Ok(log_in.then(&plugin_path(&release.plugin))) };
    let done = done(&catalog, &caller, &release, &given).await;
    answer(&catalog, &caller, &release.plugin, done).await
}

async fn done(catalog: &Catalog, caller: &Caller, release: &Release, given: &Advised) -> Result<(), Error> {
    let (db, actor) = (&catalog.db, &caller.actor);
    caller.must_be(db, Role::Publisher, &release.plugin.namespace, "push to").await?;
    match given.act.as_str() {
        "yank" => lifecycle::yank(db, actor, release, true).await,
        "unyank" => lifecycle::yank(db, actor, release, false).await,
        "deprecate" => {
            let successor = match given.successor.trim() {
                "" => None,
                name => Some(name.parse::<PluginId>()?),
            };
            let advice = Deprecation { note: given.note.trim().to_owned(), successor };
            lifecycle::deprecate(db, actor, release, Some(&advice)).await
        }
        "undeprecate" => lifecycle::deprecate(db, actor, release, None).await,
        other => Err(unknown(other)),
    }
}

/// Withdraws a release, for ever.
pub(super) async fn withdraw(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path(path): Path<OfRelease>,
    Form(given): Form<Withdrawn>,
) -> Result<Response, Error> {
    let release = as_release(path);
    let Some(caller) = caller else { return Ok(log_in.then(&plugin_path(&release.plugin))) };
    let done = async {
        if !caller.operator {
            let namespace = &release.plugin.namespace;
            caller.must_be(&catalog.db, Role::Owner, namespace, "withdraw releases of").await?;
        }
        lifecycle::withdraw(&catalog.db, &caller.actor, &release, given.reason.trim()).await
    };
    answer(&catalog, &caller, &release.plugin, done.await).await
}

/// Approves what another member has staged, or refuses it.
pub(super) async fn decide(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path(path): Path<OfRelease>,
    Form(given): Form<Decided>,
) -> Result<Response, Error> {
    let release = as_release(path);
    let Some(caller) = caller else { return Ok(log_in.then(&plugin_path(&release.plugin))) };
    let done = async {
        caller.must_be(&catalog.db, Role::Publisher, &release.plugin.namespace, "publish in").await?;
        match given.act.as_str() {
            "approve" => {
                let (by, artifact) = ((&caller.actor, &caller.name), given.artifact.parse::<Digest>()?);
                staging::approve(&catalog, by, &release, artifact).await.map(drop)
            }
            "refuse" => staging::refuse(&catalog.db, &caller.actor, &release).await,
            other => Err(unknown(other)),
        }
    };
    answer(&catalog, &caller, &release.plugin, done.await).await
}

/// Who is to be trusted: an issuer, and claims of its tokens, each on a line of its own.
#[derive(Deserialize)]
pub(super) struct Trusted {
    #[serde(default)]
    issuer: String,
    #[serde(default)]
    claims: String,
}

/// Lets a workload publish a plugin.
pub(super) async fn trust(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
    Form(given): Form<Trusted>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    let Some(caller) = caller else { return Ok(log_in.then(&plugin_path(&plugin))) };
    let done = async {
        caller.must_own(&catalog.db, &plugin.namespace, "choose who publishes in").await?;
        let new = publisher(&given)?;
        trusted::trust(&catalog.db, &caller.actor, caller.person(), &plugin, new).await?;
        Ok(())
    };
    answer(&catalog, &caller, &plugin, done.await).await
}

/// Ends that a workload publishes a plugin.
pub(super) async fn distrust(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path((namespace, name, id)): Path<(Namespace, PluginName, i64)>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    let Some(caller) = caller else { return Ok(log_in.then(&plugin_path(&plugin))) };
    let done = async {
        caller.must_own(&catalog.db, &plugin.namespace, "choose who publishes in").await?;
        trusted::distrust(&catalog.db, &caller.actor, &plugin, id).await?;
        Ok(())
    };
    answer(&catalog, &caller, &plugin, done.await).await
}

/// What the lines of a form say, by the rules of the API.
fn publisher(given: &Trusted) -> Result<TrustedPublisher, Error> {
    let mut claims = BTreeMap::new();
    for line in given.claims.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once('=').ok_or_else(|| {
            Error::invalid(format!("'{line}' is not a claim: write NAME=VALUE, one on each line"))
        })?;
        claims.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    let refused = |error: PublisherError| Error::invalid(error.to_string());
    let issuer: Issuer = given.issuer.trim().parse().map_err(refused)?;
    TrustedPublisher::new(issuer, claims).map_err(refused)
}
