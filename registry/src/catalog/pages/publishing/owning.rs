//! What owners do with a namespace on its page, and what its other publishers ask them for.

use axum::response::Response;
use chandlery_edge::{Form, Path};
use chandlery_package::KeyId;
use chandlery_package::wire::NewKey;
use jiff::Timestamp;
use serde::Deserialize;

use super::answers::unknown;
use super::namespace::Manager;
use crate::catalog::error::Error;
use crate::catalog::key_requests;
use crate::catalog::keys;
use crate::catalog::two_people;
use crate::team::Chosen;

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

impl Added {
    fn read(self) -> Result<NewKey, Error> {
        Ok(NewKey { key: self.key.parse()?, proof: self.proof })
    }
}

/// A key of the namespace, by its id, as the path has it.
#[derive(Deserialize)]
pub(super) struct OfKey {
    key: String,
}

/// From when on a key is not to be trusted; empty: from now on.
#[derive(Deserialize)]
pub(super) struct Revoked {
    #[serde(default)]
    from: String,
}

/// Adds a key to a namespace.
pub(super) async fn add_key(by: Manager, Form(added): Form<Added>) -> Result<Response, Error> {
    let done = async {
        by.must_own("add keys to").await?;
        keys::add_key(by.db(), by.actor(), &by.namespace, &added.read()?).await
    };
    by.answer(done.await.map(drop), Chosen::default()).await
}

/// Asks the owners to add a key.
pub(super) async fn request_key(by: Manager, Form(added): Form<Added>) -> Result<Response, Error> {
    let done = async {
        by.must_publish("ask for a key in").await?;
        key_requests::ask(by.db(), by.member(), &by.namespace, &added.read()?).await
    };
    by.answer(done.await.map(drop), Chosen::default()).await
}

/// Adds the key that a member asks for, or refuses it.
pub(super) async fn decide_key(
    by: Manager,
    Path(of): Path<OfKey>,
    Form(asked): Form<Asked>,
) -> Result<Response, Error> {
    let done = async {
        by.must_publish("refuse keys in").await?;
        let key = of.key.parse::<KeyId>()?;
        match asked.act.as_str() {
            "approve" => {
                by.must_own("add keys to").await?;
                key_requests::approve(by.db(), by.actor(), &by.namespace, &key).await.map(drop)
            }
            "refuse" => key_requests::refuse(by.db(), by.member(), &by.namespace, &key).await,
            other => Err(unknown(other)),
        }
    };
    by.answer(done.await, Chosen::default()).await
}

/// Revokes a key.
pub(super) async fn revoke_key(
    by: Manager,
    Path(of): Path<OfKey>,
    Form(revoked): Form<Revoked>,
) -> Result<Response, Error> {
    let done = async {
        by.must_own("revoke keys of").await?;
        let key: KeyId = of.key.parse()?;
        keys::revoke_key(by.db(), by.actor(), &by.namespace, &key, moment(&revoked.from)?).await
    };
    by.answer(done.await, Chosen::default()).await
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
pub(super) async fn two_people(by: Manager, Form(asked): Form<Asked>) -> Result<Response, Error> {
    let done = async {
        by.must_own("choose how many publish in").await?;
        match asked.act.as_str() {
            "require" => two_people::require(by.db(), by.actor(), &by.namespace).await,
            "end" => two_people::end(by.db(), by.actor(), &by.caller.name, &by.namespace).await,
            other => Err(unknown(other)),
        }
    };
    by.answer(done.await.map(drop), Chosen::default()).await
}
