//! Publishers that belong together: what any of them sold counts when a policy asks how much that is.

use std::collections::HashMap;

use chandlery_accounts::must_be_a_namespace;
use chandlery_package::Namespace;
use chandlery_store::Write;
use sqlx::AnyConnection;

use crate::Error;

/// Puts a publisher into a group, or into none, and gives the group that it was in.
pub(super) async fn set(
    write: &mut Write,
    publisher: &Namespace,
    group: Option<&str>,
) -> Result<Option<String>, Error> {
    must_be_a_namespace(write, publisher).await?;
    let before: Option<(String,)> =
        sqlx::query_as("select volume_group from volume_groups where namespace = $1")
            .bind(publisher.as_str())
            .fetch_optional(&mut **write)
            .await?;
    let query = match group {
        None => sqlx::query("delete from volume_groups where namespace = $1").bind(publisher.as_str()),
        Some(group) => sqlx::query(
            "insert into volume_groups (namespace, volume_group) values ($1, $2)
             on conflict (namespace) do update set volume_group = excluded.volume_group",
        )
        .bind(publisher.as_str())
        .bind(group),
    };
    query.execute(&mut **write).await?;
    Ok(before.map(|(group,)| group))
}

/// The group of every publisher that has one.
pub(super) async fn all(db: &mut AnyConnection) -> Result<HashMap<String, String>, Error> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("select namespace, 'group ' || volume_group from volume_groups").fetch_all(db).await?;
    Ok(rows.into_iter().collect())
}
