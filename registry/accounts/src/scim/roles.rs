//! Which role each group of a directory gives in its organisation, as those who manage it choose.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, DirectoryGroup, OrganisationRole, Page, Paging};
use chandlery_store::Db;
use serde_json::json;

use super::error::Error;
use super::standing;
use super::users::is_id;
use crate::Caller;
use crate::audit::record;
use crate::standing::must_cover;

/// A page of the groups of a directory, by name.
pub(super) async fn list(
    db: &Db,
    organisation: &Namespace,
    paging: &Paging<String>,
) -> Result<Page<DirectoryGroup>, Error> {
    type Row = (String, String, Option<Text<OrganisationRole>>, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "select scim_groups.id, scim_groups.display_name, scim_groups.role,
                (select count(*) from scim_group_members where scim_group_members.scim_group = scim_groups.id)
         from scim_groups where scim_groups.organisation = $1 and scim_groups.display_name > $2
         order by scim_groups.display_name limit $3",
    )
    .bind(organisation.as_str())
    .bind(paging.after().map_or("", String::as_str))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(_, display_name, ..)| display_name.clone());
    Ok(page.map(|(id, display_name, role, members)| DirectoryGroup {
        id,
        display_name,
        role: role.map(|Text(role)| role),
        members: members.unsigned_abs(),
    }))
}

/// Chooses the role that a group gives; none: it gives none. Its people have it at once.
pub(super) async fn set(
    db: &Db,
    caller: &Caller,
    organisation: &Namespace,
    id: &str,
    role: Option<OrganisationRole>,
) -> Result<(), Error> {
    if role == Some(OrganisationRole::Owner) {
        let why = "a directory makes nobody an owner: an owner of the organisation does";
        return Err(crate::Error::Invalid(why.into()).into());
    }
    let none = || crate::Error::NotFound(format!("group '{id}' in the directory of '{organisation}'"));
    if !is_id(id) {
        return Err(none().into());
    }
    let mut write = db.write().await?;
    let found: Option<(Option<Text<OrganisationRole>>,)> =
        sqlx::query_as("select role from scim_groups where organisation = $1 and id = $2")
            .bind(organisation.as_str())
            .bind(id)
            .fetch_optional(&mut *write)
            .await?;
    let (had,) = found.ok_or_else(none)?;
    let had = had.map(|Text(role)| role);
    if had == role {
        return Ok(());
    }
    if let Some(role) = role {
        must_cover(&mut write, organisation, &caller.name, role).await?;
    }
    sqlx::query("update scim_groups set role = $1 where id = $2")
        .bind(role.map(OrganisationRole::as_str))
        .bind(id)
        .execute(&mut *write)
        .await?;
    let (before, after) = (json!({ "role": had }), json!({ "role": role }));
    let subject = format!("{organisation}/{id}");
    record(&mut write, &caller.actor, Act::DirectoryGroupMapped, &subject, before, after).await?;
    standing::settle(&mut write, &caller.actor, organisation).await?;
    Ok(write.commit().await?)
}
