//! The signing keys of a namespace, which the log tells of.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chandlery_package::log::Entry;
use chandlery_package::wire::{KeyRecord, NewKey};
use chandlery_package::{KeyId, Namespace, PublicKey};
use jiff::Timestamp;

use chandlery_log as log;

use super::error::Error;
use crate::time;
use chandlery_store::Db;

/// Adds a signing key to a namespace and says so in the log, at once. Adding it again changes nothing.
pub async fn add_key(db: &Db, namespace: &Namespace, new: &NewKey) -> Result<KeyRecord, Error> {
    let proof =
        BASE64_STANDARD.decode(&new.proof).map_err(|_| Error::Invalid("the proof is not base64".into()))?;
    new.key.verify(NewKey::proof_text(namespace).as_bytes(), &proof)?;
    let mut write = db.write().await?;
    let known: Option<(i64, Option<String>)> = sqlx::query_as(
        "select log_index, revoked_from from namespace_keys where namespace = $1 and key_id = $2",
    )
    .bind(namespace.as_str())
    .bind(new.key.id().to_string())
    .fetch_optional(&mut *write)
    .await?;
    match known {
        Some((_, Some(_))) => {
            return Err(Error::Conflict(format!("key {} was revoked: use a new one", new.key.id())));
        }
        Some((index, None)) => {
            return Ok(KeyRecord { key: new.key, log_index: index as u64, revoked_from: None });
        }
        None => {}
    }
    let entry = Entry::KeyAdded { namespace: namespace.clone(), key: new.key, at: Timestamp::now() };
    let log_index = log::append(&mut write, &entry).await?;
    sqlx::query("insert into namespace_keys (namespace, key_id, pem, log_index) values ($1, $2, $3, $4)")
        .bind(namespace.as_str())
        .bind(new.key.id().to_string())
        .bind(new.key.to_string())
        .bind(log_index as i64)
        .execute(&mut *write)
        .await?;
    write.commit().await?;
    Ok(KeyRecord { key: new.key, log_index, revoked_from: None })
}

/// Revokes a key from a moment on and says so in the log, at once. A second revocation can only reach further back.
pub async fn revoke_key(db: &Db, namespace: &Namespace, key: &KeyId, from: Timestamp) -> Result<(), Error> {
    let now = Timestamp::now();
    let from = from.min(now);
    let mut write = db.write().await?;
    let known: Option<(Option<String>,)> =
        sqlx::query_as("select revoked_from from namespace_keys where namespace = $1 and key_id = $2")
            .bind(namespace.as_str())
            .bind(key.to_string())
            .fetch_optional(&mut *write)
            .await?;
    let (revoked,) = known.ok_or_else(|| Error::NotFound(format!("key {key} of '{namespace}'")))?;
    if revoked.is_some_and(|before| before <= time(from)) {
        return Ok(());
    }
    let entry = Entry::KeyRevoked { namespace: namespace.clone(), key: key.clone(), from, at: now };
    let log_index = log::append(&mut write, &entry).await?;
    sqlx::query(
        "update namespace_keys set revoked_from = $1, revoked_log_index = $2 where namespace = $3 and key_id = $4",
    )
    .bind(time(from))
    .bind(log_index as i64)
    .bind(namespace.as_str())
    .bind(key.to_string())
    .execute(&mut *write)
    .await?;
    write.commit().await?;
    Ok(())
}

/// The keys of a namespace.
pub async fn keys(db: &Db, namespace: &Namespace) -> Result<Vec<KeyRecord>, Error> {
    let rows: Vec<(String, i64, Option<String>)> = sqlx::query_as(
        "select pem, log_index, revoked_from from namespace_keys where namespace = $1 order by log_index",
    )
    .bind(namespace.as_str())
    .fetch_all(db.read())
    .await?;
    let damaged = |_| Error::Damaged("a key's revocation cannot be read".into());
    rows.into_iter()
        .map(|(pem, index, revoked)| {
            Ok(KeyRecord {
                key: pem.parse::<PublicKey>()?,
                log_index: index as u64,
                revoked_from: revoked.map(|at| at.parse()).transpose().map_err(damaged)?,
            })
        })
        .collect()
}
