//! The deployments that hosts sign for: what is said of them without a signature does not count.

use std::collections::{BTreeSet, HashMap};

use chandlery_package::Namespace;
use chandlery_store::{Cell, Write, insert_rows};
use sqlx::AnyConnection;

use super::rows::Stored;
use crate::Error;

/// Which deployments of these are signed for, and by which host.
pub(super) async fn signed(
    db: &mut AnyConnection,
    account: &Namespace,
    rows: &[Stored<'_>],
) -> Result<HashMap<String, String>, Error> {
    let mut signed = HashMap::new();
    let any: Option<(String,)> =
        sqlx::query_as("select deployment from signed_deployments where account = $1 limit 1")
            .bind(account.as_str())
            .fetch_optional(&mut *db)
            .await?;
    if any.is_none() {
        return Ok(signed);
    }
    let deployments: BTreeSet<&str> = rows.iter().map(|row| row.event.deployment.as_str()).collect();
    for deployment in deployments {
        let host: Option<(String,)> =
            sqlx::query_as("select host from signed_deployments where account = $1 and deployment = $2")
                .bind(account.as_str())
                .bind(deployment)
                .fetch_optional(&mut *db)
                .await?;
        signed.extend(host.map(|(host,)| (deployment.to_owned(), host)));
    }
    Ok(signed)
}

/// Remembers that a host signs for the deployments of these rows.
pub(super) async fn note(
    write: &mut Write,
    account: &Namespace,
    host: &str,
    rows: &[Stored<'_>],
) -> Result<(), Error> {
    let deployments: BTreeSet<&str> = rows.iter().map(|row| row.event.deployment.as_str()).collect();
    let values = deployments
        .into_iter()
        .map(|deployment| -> [Cell; 3] { [account.as_str().into(), deployment.into(), host.into()] });
    let table = "signed_deployments (account, deployment, host)";
    insert_rows(write, table, values.collect(), "on conflict do nothing").await?;
    Ok(())
}
