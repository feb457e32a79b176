//! The signing keys of a namespace, which the log tells of.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chandlery_package::column::Text;
use chandlery_package::log::Entry;
use chandlery_package::wire::{Act, KeyRecord, NewKey, Page, Paging};
use chandlery_package::{Digest, KeyId, Namespace, PublicKey, Release};
use jiff::Timestamp;
use serde_json::{Value, json};

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_log as log;

use super::error::Error;
use super::key_requests::forgetting;
use crate::trusted::{Exchange, is_trusted};
use chandlery_store::{Db, Write, time};

/// Adds a signing key to a namespace and says so in the log, at once. Adding it again changes nothing.
pub async fn add_key(
    db: &Db,
    actor: &Actor,
    namespace: &Namespace,
    new: &NewKey,
) -> Result<KeyRecord, Error> {
    let mut write = db.write().await?;
    let added = add(&mut write, actor, namespace, new, None).await?;
    write.commit().await?;
    Ok(added)
}

/// The same within a transaction. `asked_by` is the member who has asked for it; none: whoever adds it holds it.
pub(super) async fn add(
    write: &mut Write,
    actor: &Actor,
    namespace: &Namespace,
    new: &NewKey,
    asked_by: Option<&Namespace>,
) -> Result<KeyRecord, Error> {
    must_hold(namespace, new)?;
    let id = new.key.id();
    forgetting::forget(write, namespace, &id).await?;
    if let Some(known) = known(write, namespace, new.key).await? {
        return Ok(known);
    }
    let entry = Entry::KeyAdded { namespace: namespace.clone(), key: new.key, at: Timestamp::now() };
    let log_index = log::append(write, &entry).await?;
    sqlx::query("insert into namespace_keys (namespace, key_id, pem, log_index) values ($1, $2, $3, $4)")
        .bind(namespace.as_str())
        .bind(id.to_string())
        .bind(new.key.to_string())
        .bind(log_index as i64)
        .execute(&mut **write)
        .await?;
    let after = match asked_by {
        None => json!({ "key": id.to_string() }),
        Some(asked_by) => json!({ "key": id.to_string(), "asked_by": asked_by }),
    };
    record(write, actor, Act::KeyAdded, namespace.as_str(), Value::Null, after).await?;
    Ok(KeyRecord { key: new.key, log_index, revoked_from: None })
}

/// Refuses a key without the proof that whoever sends it holds its private half.
pub(super) fn must_hold(namespace: &Namespace, new: &NewKey) -> Result<(), Error> {
    let proof = BASE64_STANDARD.decode(&new.proof).map_err(|_| Error::invalid("the proof is not base64"))?;
    Ok(new.key.verify(NewKey::proof_text(namespace).as_bytes(), &proof)?)
}

/// What is known of a key that signs for a namespace; none: it may be added. A key that may sign no more is refused.
pub(super) async fn known(
    write: &mut Write,
    namespace: &Namespace,
    key: PublicKey,
) -> Result<Option<KeyRecord>, Error> {
    let id = key.id();
    let found: Option<(i64, Option<String>, Option<String>)> = sqlx::query_as(
        "select log_index, revoked_from, release from namespace_keys where namespace = $1 and key_id = $2",
    )
    .bind(namespace.as_str())
    .bind(id.to_string())
    .fetch_optional(&mut **write)
    .await?;
    match found {
        None => Ok(None),
        Some((.., Some(release))) => {
            Err(Error::conflict(format!("key {id} was bound to {release}: use a new one")))
        }
        Some((_, Some(_), None)) => Err(Error::conflict(format!("key {id} was revoked: use a new one"))),
        Some((index, None, None)) => Ok(Some(KeyRecord { key, log_index: index as u64, revoked_from: None })),
    }
}

/// Revokes a key from a moment on and says so in the log, at once. A second revocation can only reach further back.
pub async fn revoke_key(
    db: &Db,
    actor: &Actor,
    namespace: &Namespace,
    key: &KeyId,
    from: Timestamp,
) -> Result<(), Error> {
    let mut write = db.write().await?;
    revoke(&mut write, actor, namespace, key, from).await?;
    write.commit().await?;
    Ok(())
}

/// Revokes every key of a namespace from now on, and forgets which ones are asked for, in the transaction of what follows from it.
pub async fn revoke_all(write: &mut Write, actor: &Actor, namespace: &Namespace) -> Result<(), Error> {
    let keys: Vec<(Text<KeyId>,)> = sqlx::query_as(
        "select key_id from namespace_keys where namespace = $1 and revoked_from is null and release is null order by log_index",
    )
    .bind(namespace.as_str())
    .fetch_all(&mut **write)
    .await?;
    for (Text(key),) in keys {
        revoke(write, actor, namespace, &key, Timestamp::now()).await?;
    }
    forgetting::forget_all(write, namespace).await
}

async fn revoke(
    write: &mut Write,
    actor: &Actor,
    namespace: &Namespace,
    key: &KeyId,
    from: Timestamp,
) -> Result<(), Error> {
    let now = Timestamp::now();
    let from = from.min(now);
    let known: Option<(Option<String>,)> = sqlx::query_as(
        "select revoked_from from namespace_keys where namespace = $1 and key_id = $2 and release is null",
    )
    .bind(namespace.as_str())
    .bind(key.to_string())
    .fetch_optional(&mut **write)
    .await?;
    let (revoked,) = known.ok_or_else(|| Error::not_found(format!("key {key} of '{namespace}'")))?;
    if revoked.is_some_and(|before| before <= time(from)) {
        return Ok(());
    }
    let entry = Entry::KeyRevoked { namespace: namespace.clone(), key: key.clone(), from, at: now };
    let log_index = log::append(write, &entry).await?;
    sqlx::query(
        "update namespace_keys set revoked_from = $1, revoked_log_index = $2 where namespace = $3 and key_id = $4",
    )
    .bind(time(from))
    .bind(log_index as i64)
    .bind(namespace.as_str())
    .bind(key.to_string())
    .execute(&mut **write)
    .await?;
    let before = json!({ "key": key.to_string() });
    let after = json!({ "key": key.to_string(), "revoked_from": from });
    record(write, actor, Act::KeyRevoked, namespace.as_str(), before, after).await?;
    Ok(())
}

/// A page of the keys of a namespace, in the order in which they were added.
pub async fn keys(db: &Db, namespace: &Namespace, paging: &Paging<i64>) -> Result<Page<KeyRecord>, Error> {
    let rows: Vec<(Text<PublicKey>, i64, Option<Text<Timestamp>>)> = sqlx::query_as(
        "select pem, log_index, revoked_from from namespace_keys
         where namespace = $1 and release is null and log_index > $2 order by log_index limit $3",
    )
    .bind(namespace.as_str())
    .bind(paging.after().copied().unwrap_or(-1))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(_, log_index, _)| *log_index);
    Ok(page.map(|(Text(key), log_index, revoked)| KeyRecord {
        key,
        log_index: log_index as u64,
        revoked_from: revoked.map(|Text(at)| at),
    }))
}

/// Binds the key of a workload to the one release that it has signed, and says so in the log.
pub(super) async fn bind(
    write: &mut Write,
    release: &Release,
    artifact: Digest,
    exchange: &Exchange,
    at: Timestamp,
) -> Result<(), Error> {
    let Exchange { identity, key } = exchange;
    let namespace = &release.plugin.namespace;
    let known: Option<(i64,)> =
        sqlx::query_as("select log_index from namespace_keys where namespace = $1 and key_id = $2")
            .bind(namespace.as_str())
            .bind(key.id().to_string())
            .fetch_optional(&mut **write)
            .await?;
    // Its publisher may have been removed since its token was issued.
    if known.is_some() || !is_trusted(write, &release.plugin, identity).await? {
        return Err(Error::UntrustedSignature { release: release.clone() });
    }
    let entry =
        Entry::KeyBound { release: release.clone(), artifact, key: *key, identity: identity.clone(), at };
    let log_index = log::append(write, &entry).await?;
    sqlx::query(
        "insert into namespace_keys (namespace, key_id, pem, log_index, release, identity)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(namespace.as_str())
    .bind(key.id().to_string())
    .bind(key.to_string())
    .bind(log_index as i64)
    .bind(release.to_string())
    .bind(json!(identity).to_string())
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// The keys that may sign releases of a namespace now.
pub(super) async fn trusted(db: &Db, namespace: &Namespace) -> Result<Vec<PublicKey>, Error> {
    let rows: Vec<(Text<PublicKey>,)> = sqlx::query_as(
        "select pem from namespace_keys
         where namespace = $1 and revoked_from is null and release is null order by log_index",
    )
    .bind(namespace.as_str())
    .fetch_all(db.read())
    .await?;
    Ok(rows.into_iter().map(|(Text(key),)| key).collect())
}
