//! What an account is in a namespace.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::Role;
use chandlery_store::{Db, Write};

use crate::Error;

/// The role of an account in a namespace.
pub async fn role(db: &Db, namespace: &Namespace, account: &Namespace) -> Result<Option<Role>, Error> {
    let found: Option<(Text<Role>,)> =
        sqlx::query_as("select role from namespace_members where namespace = $1 and account = $2")
            .bind(namespace.as_str())
            .bind(account.as_str())
            .fetch_optional(db.read())
            .await?;
    Ok(found.map(|(Text(role),)| role))
}

/// The role of an account in a namespace, as a transaction sees it.
pub async fn role_within(
    write: &mut Write,
    namespace: &Namespace,
    account: &Namespace,
) -> Result<Option<Role>, Error> {
    let found: Option<(Text<Role>,)> =
        sqlx::query_as("select role from namespace_members where namespace = $1 and account = $2")
            .bind(namespace.as_str())
            .bind(account.as_str())
            .fetch_optional(&mut **write)
            .await?;
    Ok(found.map(|(Text(role),)| role))
}
