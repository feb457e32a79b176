//! Who is suspended, and why.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::Role;
use sqlx::AnyConnection;

use crate::Error;

/// Why an account is suspended; none: it is not.
pub(crate) async fn reason(db: &mut AnyConnection, account: &Namespace) -> Result<Option<String>, Error> {
    let found: Option<(String,)> = sqlx::query_as("select reason from suspensions where account = $1")
        .bind(account.as_str())
        .fetch_optional(db)
        .await?;
    Ok(found.map(|(reason,)| reason))
}

/// Whether an account is suspended.
pub async fn is_suspended(db: &mut AnyConnection, account: &Namespace) -> Result<bool, Error> {
    Ok(reason(db, account).await?.is_some())
}

/// Refuses an account that is suspended, and says why.
pub(crate) async fn must_not_be(db: &mut AnyConnection, account: &Namespace) -> Result<(), Error> {
    match reason(db, account).await? {
        Some(reason) => Err(Error::Suspended { account: account.clone(), reason }),
        None => Ok(()),
    }
}

/// Why nothing is paid to a namespace, in words: one of its owners is suspended; none: none is.
pub async fn hold(db: &mut AnyConnection, namespace: &Namespace) -> Result<Option<String>, Error> {
    let found: Option<(Text<Namespace>, String)> = sqlx::query_as(
        "select suspensions.account, suspensions.reason from suspensions
         join namespace_members on namespace_members.account = suspensions.account
         where namespace_members.namespace = $1 and namespace_members.role = $2
         order by suspensions.account limit 1",
    )
    .bind(namespace.as_str())
    .bind(Role::Owner.as_str())
    .fetch_optional(db)
    .await?;
    Ok(found.map(|(Text(owner), reason)| {
        format!("what '{namespace}' earns is on hold, since its owner '{owner}' is suspended: {reason}")
    }))
}
