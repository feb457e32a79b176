//! What owners do with a namespace on its page, and what its other publishers ask them for.

use axum::extract::{Form, State};
use axum::response::Response;
use chandlery_accounts::{Caller, Role};
use chandlery_edge::Path;
use chandlery_package::wire::NewKey;
use chandlery_package::{KeyId, Namespace};
use jiff::Timestamp;
use serde::Deserialize;

use super::answers::{namespace_path, unknown};
use super::namespace::answer;
use crate::catalog::error::Error;
use crate::catalog::key_requests;
use crate::catalog::keys;
use crate::catalog::state::Catalog;
use crate::catalog::two_people;
use crate::shell::LogIn;

/// What a form sends whose buttons say what is to be done.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    act: String,
}

/// What the script sends when it has shown that it has a key.
#[derive(Deserialize)]
pub(super) struct Added {
    #[serde(default)]
    key: String,
    #[serde(default)]
    proof: String,
}

/// From when on a key is not to be trusted; empty: from now on.
#[derive(Deserialize)]
pub(super) struct Revoked {
    #[serde(default)]
    from: String,
}

/// Adds a key to a namespace.
pub(super) async fn add_key(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path(namespace): Path<Namespace>,
    Form(added): Form<Added>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&namespace_path(&namespace))) };
    let done = async {
        caller.must_own(&catalog.db, &namespace, "add keys to").await?;
        let new = NewKey { key: added.key.parse()?, proof: added.proof };
        keys::add_key(&catalog.db, &caller.actor, &namespace, &new).await
    };
    answer(&catalog, &caller, &namespace, done.await.map(drop)).await
}

/// Asks the owners to add a key.
pub(super) async fn request_key(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path(namespace): Path<Namespace>,
    Form(added): Form<Added>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&namespace_path(&namespace))) };
    let done = async {
        caller.must_be(&catalog.db, Role::Publisher, &namespace, "ask for a key in").await?;
        let new = NewKey { key: added.key.parse()?, proof: added.proof };
        key_requests::ask(&catalog.db, (&caller.actor, &caller.name), &namespace, &new).await
    };
    answer(&catalog, &caller, &namespace, done.await.map(drop)).await
}

/// Adds the key that a member asks for, or refuses it.
pub(super) async fn decide_key(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path((namespace, key)): Path<(Namespace, String)>,
    Form(asked): Form<Asked>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&namespace_path(&namespace))) };
    let done = async {
        caller.must_be(&catalog.db, Role::Publisher, &namespace, "refuse keys in").await?;
        let (db, key) = (&catalog.db, key.parse::<KeyId>()?);
        match asked.act.as_str() {
            "approve" => {
                caller.must_own(db, &namespace, "add keys to").await?;
                key_requests::approve(db, &caller.actor, &namespace, &key).await.map(drop)
            }
            "refuse" => key_requests::refuse(db, (&caller.actor, &caller.name), &namespace, &key).await,
            other => Err(unknown(other)),
        }
    };
    answer(&catalog, &caller, &namespace, done.await).await
}

/// Revokes a key.
pub(super) async fn revoke_key(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path((namespace, key)): Path<(Namespace, String)>,
    Form(revoked): Form<Revoked>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&namespace_path(&namespace))) };
    let done = async {
        caller.must_own(&catalog.db, &namespace, "revoke keys of").await?;
        let key: KeyId = key.parse()?;
        keys::revoke_key(&catalog.db, &caller.actor, &namespace, &key, moment(&revoked.from)?).await
    };
    answer(&catalog, &caller, &namespace, done.await).await
}

fn moment(text: &str) -> Result<Timestamp, Error> {
    match text.trim() {
        "" => Ok(Timestamp::now()),
        text => text.parse().map_err(|_| {
            Error::invalid(format!(
                "'{text}' is not a time: write it as 2026-01-31T12:00:00Z, or leave it empty for now"
            ))
        }),
    }
}

/// Says whether it takes two members to publish.
pub(super) async fn two_people(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path(namespace): Path<Namespace>,
    Form(asked): Form<Asked>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&namespace_path(&namespace))) };
    let done = async {
        caller.must_own(&catalog.db, &namespace, "choose how many publish in").await?;
        match asked.act.as_str() {
            "require" => two_people::require(&catalog.db, &caller.actor, &namespace).await,
            "end" => two_people::end(&catalog.db, &caller.actor, &caller.name, &namespace).await,
            other => Err(unknown(other)),
        }
    };
    answer(&catalog, &caller, &namespace, done.await.map(drop)).await
}
