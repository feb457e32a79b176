//! The groups of an organisation's directory. What a request changes is one transaction, the roles that follow from it among it.

use std::collections::BTreeSet;

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::Act;
use chandlery_store::{Write, time};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sqlx::AnyConnection;

use super::directory::Directory;
use super::error::{Error, Kind};
use super::patch::Operation;
use super::path::Filter;
use super::query::Window;
use super::team::Team;
use super::users::{is_id, location, new_id};
use super::version::{Conditions, versioned};
use super::{GROUP, standing};
use crate::Accounts;
use crate::audit::record;

/// How many groups a directory has at most.
const GROUPS_MAX: i64 = 1000;

/// A group of a directory; its people where they are asked for.
#[derive(Debug, Clone)]
pub(super) struct Group {
    id: String,
    team: Team,
    /// Whether its people were read.
    is_whole: bool,
    created_at: Timestamp,
    changed_at: Timestamp,
}

type Row = (String, String, Option<String>, Text<Timestamp>, Text<Timestamp>);

impl Group {
    fn of((id, display_name, external_id, Text(created_at), Text(changed_at)): Row) -> Self {
        let team = Team { display_name, external_id, members: BTreeSet::new() };
        Self { id, team, is_whole: false, created_at, changed_at }
    }

    /// The whole resource and, where its people were read, which version of it this is.
    pub(super) fn resource(&self, accounts: &Accounts) -> Map<String, Value> {
        let member = |id: &String| json!({ "value": id, "$ref": location(accounts, id) });
        let members: Vec<Value> = self.team.members.iter().map(member).collect();
        let resource = json!({
            "schemas": [GROUP],
            "id": self.id,
            "displayName": self.team.display_name,
            "members": members,
            "meta": {
                "resourceType": "Group", "created": self.created_at, "lastModified": self.changed_at,
                "location": accounts.location(&format!("/scim/v2/Groups/{}", self.id)),
            },
        });
        let mut resource = match resource {
            Value::Object(resource) => resource,
            _ => Map::new(),
        };
        if let Some(id) = &self.team.external_id {
            resource.insert("externalId".into(), json!(id));
        }
        if self.is_whole { versioned(resource) } else { resource }
    }

    /// The same with its people.
    async fn whole(mut self, db: &mut AnyConnection) -> Result<Self, Error> {
        self.team.members = members(db, &self.id).await?;
        Ok(Self { is_whole: true, ..self })
    }
}

/// One group of a directory, with its people.
pub(super) async fn find(db: &mut AnyConnection, organisation: &Namespace, id: &str) -> Result<Group, Error> {
    let none = || Error::not_found("group of this id in the directory");
    if !is_id(id) {
        return Err(none());
    }
    let found: Option<Row> = sqlx::query_as(
        "select id, display_name, external_id, created_at, changed_at from scim_groups where organisation = $1 and id = $2",
    )
    .bind(organisation.as_str())
    .bind(id)
    .fetch_optional(&mut *db)
    .await?;
    found.map(Group::of).ok_or_else(none)?.whole(db).await
}

async fn members(db: &mut AnyConnection, group: &str) -> Result<BTreeSet<String>, Error> {
    let rows: Vec<(String,)> =
        sqlx::query_as("select scim_user from scim_group_members where scim_group = $1")
            .bind(group)
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// So many groups of a directory, and how many there are in all; those that a filter lets through.
pub(super) async fn list(
    directory: &Directory,
    filter: Option<&Filter>,
    window: Window,
    with_members: bool,
) -> Result<(i64, Vec<Group>), Error> {
    let [mut id, mut display_name, mut external_id] = [""; 3];
    if let Some(filter) = filter {
        let wanted = match filter.path.names() {
            ("id", None) => &mut id,
            ("displayname", None) => &mut display_name,
            ("externalid", None) => &mut external_id,
            _ => {
                let detail = "groups are found by id, displayName and externalId";
                return Err(Error::new(Kind::InvalidFilter, detail));
            }
        };
        *wanted = filter.is.as_str();
        // No group has a name that is empty, which below stands for any.
        if filter.is.is_empty() {
            return Ok((0, Vec::new()));
        }
    }
    let organisation = directory.organisation.as_str();
    let mut snapshot = directory.db().snapshot().await?;
    let (total,): (i64,) = sqlx::query_as(
        "select count(*) from scim_groups
         where organisation = $1 and ($2 = '' or id = $2) and ($3 = '' or lower(display_name) = $3)
           and ($4 = '' or external_id = $4)",
    )
    .bind(organisation)
    .bind(id)
    .bind(display_name.to_ascii_lowercase())
    .bind(external_id)
    .fetch_one(&mut *snapshot)
    .await?;
    let rows: Vec<Row> = sqlx::query_as(
        "select id, display_name, external_id, created_at, changed_at from scim_groups
         where organisation = $1 and ($2 = '' or id = $2) and ($3 = '' or lower(display_name) = $3)
           and ($4 = '' or external_id = $4)
         order by created_at, id limit $5 offset $6",
    )
    .bind(organisation)
    .bind(id)
    .bind(display_name.to_ascii_lowercase())
    .bind(external_id)
    .bind(window.count)
    .bind(window.skipped())
    .fetch_all(&mut *snapshot)
    .await?;
    let mut groups = Vec::with_capacity(rows.len());
    for group in rows.into_iter().map(Group::of) {
        groups.push(if with_members { group.whole(&mut snapshot).await? } else { group });
    }
    Ok((total, groups))
}

/// Adds a group.
pub(super) async fn create(directory: &Directory, team: Team) -> Result<Group, Error> {
    let organisation = &directory.organisation;
    let mut write = directory.write().await?;
    must_be_unused(&mut write, organisation, &team, "").await?;
    must_have_room(&mut write, organisation).await?;
    let id = new_id();
    sqlx::query(
        "insert into scim_groups (id, organisation, display_name, external_id, created_at, changed_at)
         values ($1, $2, $3, $4, $5, $5)",
    )
    .bind(id.as_str())
    .bind(organisation.as_str())
    .bind(team.display_name.as_str())
    .bind(team.external_id.as_deref())
    .bind(time(Timestamp::now()))
    .execute(&mut *write)
    .await?;
    set_members(&mut write, organisation, &id, &BTreeSet::new(), &team.members).await?;
    let after = json!({ "members": team.members.len() });
    tell(&mut write, directory, &id, Value::Null, after).await?;
    // A new group gives no role, so nobody's changes.
    let group = find(&mut write, organisation, &id).await?;
    write.commit().await?;
    Ok(group)
}

/// Lets a group be another one: the whole of it.
pub(super) async fn replace(
    directory: &Directory,
    id: &str,
    team: Team,
    conditions: &Conditions,
) -> Result<Group, Error> {
    let mut write = directory.write().await?;
    let group = find(&mut write, &directory.organisation, id).await?;
    conditions.must_hold(&group.resource(&directory.accounts))?;
    update(write, directory, group, team).await
}

/// Changes a group; where there is nothing to change, nothing is done.
pub(super) async fn change(
    directory: &Directory,
    id: &str,
    operations: &[Operation],
    conditions: &Conditions,
) -> Result<Group, Error> {
    let mut write = directory.write().await?;
    let group = find(&mut write, &directory.organisation, id).await?;
    conditions.must_hold(&group.resource(&directory.accounts))?;
    let team = group.team.clone().changed(operations)?;
    update(write, directory, group, team).await
}

async fn update(mut write: Write, directory: &Directory, before: Group, team: Team) -> Result<Group, Error> {
    if before.team == team {
        return Ok(before);
    }
    let organisation = &directory.organisation;
    must_be_unused(&mut write, organisation, &team, &before.id).await?;
    set_members(&mut write, organisation, &before.id, &before.team.members, &team.members).await?;
    sqlx::query("update scim_groups set display_name = $1, external_id = $2, changed_at = $3 where id = $4")
        .bind(team.display_name.as_str())
        .bind(team.external_id.as_deref())
        .bind(time(Timestamp::now()))
        .bind(before.id.as_str())
        .execute(&mut *write)
        .await?;
    let (was, is) = (before.team.members.len(), team.members.len());
    tell(&mut write, directory, &before.id, json!({ "members": was }), json!({ "members": is })).await?;
    standing::settle(&mut write, &directory.actor, organisation).await?;
    let group = find(&mut write, organisation, &before.id).await?;
    write.commit().await?;
    Ok(group)
}

/// Removes a group, and with it the role that it gave.
pub(super) async fn remove(directory: &Directory, id: &str, conditions: &Conditions) -> Result<(), Error> {
    let organisation = &directory.organisation;
    let mut write = directory.write().await?;
    let group = find(&mut write, organisation, id).await?;
    conditions.must_hold(&group.resource(&directory.accounts))?;
    for sql in
        ["delete from scim_group_members where scim_group = $1", "delete from scim_groups where id = $1"]
    {
        sqlx::query(sql).bind(id).execute(&mut *write).await?;
    }
    let before = json!({ "members": group.team.members.len() });
    tell(&mut write, directory, id, before, Value::Null).await?;
    standing::settle(&mut write, &directory.actor, organisation).await?;
    Ok(write.commit().await?)
}

/// Lets these be the people of a group, each of whom is one of the same directory.
async fn set_members(
    write: &mut Write,
    organisation: &Namespace,
    group: &str,
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
) -> Result<(), Error> {
    let added: Vec<&String> = after.difference(before).collect();
    if !added.is_empty() {
        let rows: Vec<(String,)> = sqlx::query_as("select id from scim_users where organisation = $1")
            .bind(organisation.as_str())
            .fetch_all(&mut **write)
            .await?;
        let people: BTreeSet<&str> = rows.iter().map(|(id,)| id.as_str()).collect();
        if added.iter().any(|id| !people.contains(id.as_str())) {
            return Err(Error::value("a member that is named is no user of this directory"));
        }
    }
    for id in added {
        sqlx::query("insert into scim_group_members (scim_group, scim_user) values ($1, $2)")
            .bind(group)
            .bind(id.as_str())
            .execute(&mut **write)
            .await?;
    }
    for id in before.difference(after) {
        sqlx::query("delete from scim_group_members where scim_group = $1 and scim_user = $2")
            .bind(group)
            .bind(id.as_str())
            .execute(&mut **write)
            .await?;
    }
    Ok(())
}

async fn must_be_unused(
    write: &mut Write,
    organisation: &Namespace,
    team: &Team,
    but: &str,
) -> Result<(), Error> {
    let (others,): (i64,) = sqlx::query_as(
        "select count(*) from scim_groups where organisation = $1 and lower(display_name) = $2 and id <> $3",
    )
    .bind(organisation.as_str())
    .bind(team.display_name.to_ascii_lowercase())
    .bind(but)
    .fetch_one(&mut **write)
    .await?;
    match others {
        0 => Ok(()),
        _ => Err(Error::new(Kind::Uniqueness, format!("there is a group '{}' already", team.display_name))),
    }
}

async fn must_have_room(write: &mut Write, organisation: &Namespace) -> Result<(), Error> {
    let (groups,): (i64,) = sqlx::query_as("select count(*) from scim_groups where organisation = $1")
        .bind(organisation.as_str())
        .fetch_one(&mut **write)
        .await?;
    match groups < GROUPS_MAX {
        true => Ok(()),
        false => Err(Error::new(Kind::TooMany, format!("a directory has at most {GROUPS_MAX} groups"))),
    }
}

async fn tell(
    write: &mut Write,
    directory: &Directory,
    id: &str,
    before: Value,
    after: Value,
) -> Result<(), Error> {
    let subject = format!("{}/{id}", directory.organisation);
    record(write, &directory.actor, Act::DirectoryGroupChanged, &subject, before, after).await?;
    Ok(())
}
