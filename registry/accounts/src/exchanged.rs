//! Tokens of workloads: each acts by the right of the account that trusts it, publishes one plugin, and is short-lived.

use chandlery_package::wire::Act;
use chandlery_package::{Digest, Identity, Namespace, PluginId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use chandlery_store::{Write, time};

use crate::actor::Actor;
use crate::audit::record;
use crate::credential::token_id;
use crate::passwords::random_text;
use crate::tokens::{NOTE_CHARS_MAX, TokenKind, insert};
use crate::{Error, Scope};

/// A token by which a workload publishes one plugin for a time, by an account's right; and the digest that it is kept by.
pub async fn issue_exchanged(
    write: &mut Write,
    actor: &Actor,
    account: &Namespace,
    plugin: &PluginId,
    identity: &Identity,
    lifetime: SignedDuration,
) -> Result<(String, String), Error> {
    sqlx::query("delete from tokens where kind = $1 and expires_at < $2")
        .bind(TokenKind::Exchanged.as_str())
        .bind(time(Timestamp::now()))
        .execute(&mut **write)
        .await?;
    let token = random_text();
    let hash = Digest::of(&token).hex();
    let scope = Scope::Publish(Some(plugin.clone()));
    let note: String = identity.to_string().chars().take(NOTE_CHARS_MAX).collect();
    insert(write, account, &token, TokenKind::Exchanged, &scope, &note, Some(lifetime)).await?;
    let issued = json!({ "token": token_id(&hash), "scope": scope, "identity": identity });
    record(write, actor, Act::TokenExchanged, &plugin.to_string(), Value::Null, issued).await?;
    Ok((token, hash))
}

/// Ends a token that was issued to a workload. One that has ended already is no error.
pub async fn end_exchanged(write: &mut Write, hash: &str) -> Result<(), Error> {
    sqlx::query("delete from tokens where hash = $1 and kind = $2")
        .bind(hash)
        .bind(TokenKind::Exchanged.as_str())
        .execute(&mut **write)
        .await?;
    Ok(())
}
