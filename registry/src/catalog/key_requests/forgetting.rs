//! The end of requests, below everything that ends them.

use chandlery_package::{KeyId, Namespace};
use chandlery_store::Write;

use crate::catalog::error::Error;

/// Forgets who asked for a key, since it was added or refused.
pub async fn forget(write: &mut Write, namespace: &Namespace, key: &KeyId) -> Result<(), Error> {
    sqlx::query("delete from key_requests where namespace = $1 and key_id = $2")
        .bind(namespace.as_str())
        .bind(key.to_string())
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Forgets what waits in a namespace that goes to another account: none of its members asks any more.
pub async fn forget_all(write: &mut Write, namespace: &Namespace) -> Result<(), Error> {
    sqlx::query("delete from key_requests where namespace = $1")
        .bind(namespace.as_str())
        .execute(&mut **write)
        .await?;
    Ok(())
}
