//! The people of an organisation's directory, each with an account. What a request changes is one transaction.

use chandlery_package::column::Text;
use chandlery_package::wire::{Act, EmailAddress};
use chandlery_package::{Digest, Namespace, random_bytes};
use chandlery_store::{Write, time};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sqlx::AnyConnection;

use super::directory::Directory;
use super::error::{Error, Kind};
use super::patch::Operation;
use super::path::Filter;
use super::person::Person;
use super::query::Window;
use super::version::{Conditions, versioned};
use super::{USER, opening, standing};
use crate::audit::record;
use crate::{Accounts, nobodys_password};

/// How many people a directory has at most.
const PEOPLE_MAX: i64 = 10_000;
/// How many digits an id has.
const ID_DIGITS: usize = 32;

/// A person of a directory.
#[derive(Debug, Clone)]
pub(super) struct User {
    id: String,
    account: Namespace,
    person: Person,
    created_at: Timestamp,
    changed_at: Timestamp,
}

type Row = (
    String,
    Text<Namespace>,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<Text<EmailAddress>>,
    i64,
    Text<Timestamp>,
    Text<Timestamp>,
);

impl User {
    fn of(row: Row) -> Self {
        let (
            id,
            Text(account),
            user_name,
            external_id,
            display_name,
            given_name,
            family_name,
            email,
            active,
            Text(created_at),
            Text(changed_at),
        ) = row;
        let email = email.map(|Text(email)| email);
        let active = active == 1;
        let person = Person { user_name, external_id, display_name, given_name, family_name, email, active };
        Self { id, account, person, created_at, changed_at }
    }

    /// The whole resource, and which version of it this is.
    pub(super) fn resource(&self, accounts: &Accounts) -> Map<String, Value> {
        let mut resource = self.person.shown();
        resource.insert("schemas".into(), json!([USER]));
        resource.insert("id".into(), json!(self.id));
        let meta = json!({
            "resourceType": "User", "created": self.created_at, "lastModified": self.changed_at,
            "location": location(accounts, &self.id),
        });
        resource.insert("meta".into(), meta);
        versioned(resource)
    }
}

/// Where a person of this id is found.
pub(super) fn location(accounts: &Accounts, id: &str) -> String {
    accounts.location(&format!("/scim/v2/Users/{id}"))
}

/// An id that nobody guesses.
pub(super) fn new_id() -> String {
    Digest::of(random_bytes::<32>()).hex().chars().take(ID_DIGITS).collect()
}

/// Whether a text is such an id: no database is asked for any other.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// One person of a directory.
pub(super) async fn find(db: &mut AnyConnection, organisation: &Namespace, id: &str) -> Result<User, Error> {
    let none = || Error::not_found("user of this id in the directory");
    if !is_id(id) {
        return Err(none());
    }
    let found: Option<Row> = sqlx::query_as(
        "select id, account, user_name, external_id, display_name, given_name, family_name, email, active, created_at, changed_at
         from scim_users where organisation = $1 and id = $2",
    )
    .bind(organisation.as_str())
    .bind(id)
    .fetch_optional(db)
    .await?;
    found.map(User::of).ok_or_else(none)
}

/// So many people of a directory, and how many there are in all; those that a filter lets through.
pub(super) async fn list(
    directory: &Directory,
    filter: Option<&Filter>,
    window: Window,
) -> Result<(i64, Vec<User>), Error> {
    let [mut id, mut user_name, mut external_id, mut email] = [""; 4];
    if let Some(filter) = filter {
        let wanted = match filter.path.names() {
            ("id", None) => &mut id,
            ("username", None) => &mut user_name,
            ("externalid", None) => &mut external_id,
            ("emails", None | Some("value")) if filter.path.is_of_work() => &mut email,
            _ => {
                let detail = "people are found by id, userName, externalId and emails.value";
                return Err(Error::new(Kind::InvalidFilter, detail));
            }
        };
        *wanted = filter.is.as_str();
        // Nobody has a name that is empty, which below stands for any.
        if filter.is.is_empty() {
            return Ok((0, Vec::new()));
        }
    }
    let organisation = directory.organisation.as_str();
    let mut snapshot = directory.db().snapshot().await?;
    let (total,): (i64,) = sqlx::query_as(
        "select count(*) from scim_users
         where organisation = $1 and ($2 = '' or id = $2) and ($3 = '' or lower(user_name) = $3)
           and ($4 = '' or external_id = $4) and ($5 = '' or lower(email) = $5)",
    )
    .bind(organisation)
    .bind(id)
    .bind(user_name.to_ascii_lowercase())
    .bind(external_id)
    .bind(email.to_ascii_lowercase())
    .fetch_one(&mut *snapshot)
    .await?;
    let rows: Vec<Row> = sqlx::query_as(
        "select id, account, user_name, external_id, display_name, given_name, family_name, email, active, created_at, changed_at
         from scim_users
         where organisation = $1 and ($2 = '' or id = $2) and ($3 = '' or lower(user_name) = $3)
           and ($4 = '' or external_id = $4) and ($5 = '' or lower(email) = $5)
         order by created_at, id limit $6 offset $7",
    )
    .bind(organisation)
    .bind(id)
    .bind(user_name.to_ascii_lowercase())
    .bind(external_id)
    .bind(email.to_ascii_lowercase())
    .bind(window.count)
    .bind(window.skipped())
    .fetch_all(&mut *snapshot)
    .await?;
    Ok((total, rows.into_iter().map(User::of).collect()))
}

/// Adds a person, who gets the account with the same verified address, or a new one.
pub(super) async fn create(directory: &Directory, person: Person) -> Result<User, Error> {
    // Takes its time, and so comes before the transaction.
    let nobodys = nobodys_password().await?;
    let (organisation, actor) = (&directory.organisation, &directory.actor);
    let mut write = directory.write().await?;
    must_be_unused(&mut write, organisation, &person, "").await?;
    must_have_room(&mut write, organisation).await?;
    let address = address(&person)?;
    let account = match opening::known(&mut write, organisation, &address).await? {
        Some(account) => account,
        None => {
            let named = (person.user_name.as_str(), &address);
            opening::open(&mut write, actor, organisation, named, &nobodys).await?
        }
    };
    must_be_nobody_elses(&mut write, organisation, &account).await?;
    let now = Timestamp::now();
    let user = User { id: new_id(), account, person, created_at: now, changed_at: now };
    insert(&mut write, organisation, &user).await?;
    let after = json!({ "id": user.id, "active": user.person.active });
    tell(&mut write, directory, &user, Value::Null, after).await?;
    match user.person.active {
        true => standing::begin(&mut write, directory, &user.account).await?,
        false => standing::end(&mut write, directory, &user.account).await?,
    }
    // As finely as it is stored.
    let user = find(&mut write, organisation, &user.id).await?;
    write.commit().await?;
    Ok(user)
}

/// Lets a person be another one: the whole of it.
pub(super) async fn replace(
    directory: &Directory,
    id: &str,
    person: Person,
    conditions: &Conditions,
) -> Result<User, Error> {
    let mut write = directory.write().await?;
    let user = find(&mut write, &directory.organisation, id).await?;
    conditions.must_hold(&user.resource(&directory.accounts))?;
    update(write, directory, user, person).await
}

/// Changes a person; where there is nothing to change, nothing is done.
pub(super) async fn change(
    directory: &Directory,
    id: &str,
    operations: &[Operation],
    conditions: &Conditions,
) -> Result<User, Error> {
    let mut write = directory.write().await?;
    let user = find(&mut write, &directory.organisation, id).await?;
    conditions.must_hold(&user.resource(&directory.accounts))?;
    let person = user.person.clone().changed(operations)?;
    update(write, directory, user, person).await
}

async fn update(
    mut write: Write,
    directory: &Directory,
    before: User,
    person: Person,
) -> Result<User, Error> {
    if before.person == person {
        return Ok(before);
    }
    let organisation = &directory.organisation;
    must_be_unused(&mut write, organisation, &person, &before.id).await?;
    let (was_active, old_address) = (before.person.active, before.person.address());
    let new_address = address(&person)?;
    if old_address.as_ref() != Some(&new_address) {
        opening::move_to(&mut write, organisation, &before.account, &new_address).await?;
    }
    let user = User { person, changed_at: Timestamp::now(), ..before };
    store(&mut write, &user).await?;
    let (was, is) = (json!({ "active": was_active }), json!({ "active": user.person.active }));
    tell(&mut write, directory, &user, was, is).await?;
    match (was_active, user.person.active) {
        (false, true) => standing::begin(&mut write, directory, &user.account).await?,
        (true, false) => standing::end(&mut write, directory, &user.account).await?,
        (true, true) | (false, false) => {}
    }
    let user = find(&mut write, organisation, &user.id).await?;
    write.commit().await?;
    Ok(user)
}

/// Removes a person, who is a member no more, and forgets what the directory said of it.
pub(super) async fn remove(directory: &Directory, id: &str, conditions: &Conditions) -> Result<(), Error> {
    let organisation = &directory.organisation;
    let mut write = directory.write().await?;
    let user = find(&mut write, organisation, id).await?;
    conditions.must_hold(&user.resource(&directory.accounts))?;
    standing::end(&mut write, directory, &user.account).await?;
    for sql in ["delete from scim_group_members where scim_user = $1", "delete from scim_users where id = $1"]
    {
        sqlx::query(sql).bind(&user.id).execute(&mut *write).await?;
    }
    let before = json!({ "id": user.id, "active": user.person.active });
    tell(&mut write, directory, &user, before, Value::Null).await?;
    Ok(write.commit().await?)
}

/// Where a person is written to, as each is.
fn address(person: &Person) -> Result<EmailAddress, Error> {
    person
        .address()
        .ok_or_else(|| Error::value("a person has an e-mail address: among emails, or as userName"))
}

async fn must_be_unused(
    write: &mut Write,
    organisation: &Namespace,
    person: &Person,
    but: &str,
) -> Result<(), Error> {
    let (others,): (i64,) = sqlx::query_as(
        "select count(*) from scim_users where organisation = $1 and lower(user_name) = $2 and id <> $3",
    )
    .bind(organisation.as_str())
    .bind(person.user_name.to_ascii_lowercase())
    .bind(but)
    .fetch_one(&mut **write)
    .await?;
    match others {
        0 => Ok(()),
        _ => Err(Error::new(Kind::Uniqueness, format!("there is a user '{}' already", person.user_name))),
    }
}

async fn must_be_nobody_elses(
    write: &mut Write,
    organisation: &Namespace,
    account: &Namespace,
) -> Result<(), Error> {
    let (others,): (i64,) =
        sqlx::query_as("select count(*) from scim_users where organisation = $1 and account = $2")
            .bind(organisation.as_str())
            .bind(account.as_str())
            .fetch_one(&mut **write)
            .await?;
    match others {
        0 => Ok(()),
        _ => Err(Error::new(Kind::Uniqueness, "there is a user with this e-mail address already")),
    }
}

async fn must_have_room(write: &mut Write, organisation: &Namespace) -> Result<(), Error> {
    let (people,): (i64,) = sqlx::query_as("select count(*) from scim_users where organisation = $1")
        .bind(organisation.as_str())
        .fetch_one(&mut **write)
        .await?;
    match people < PEOPLE_MAX {
        true => Ok(()),
        false => Err(Error::new(Kind::TooMany, format!("a directory has at most {PEOPLE_MAX} people"))),
    }
}

async fn insert(write: &mut Write, organisation: &Namespace, user: &User) -> Result<(), Error> {
    sqlx::query(
        "insert into scim_users (id, organisation, account, user_name, external_id, display_name, given_name, family_name, email,
                                 active, created_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
    )
    .bind(user.id.as_str())
    .bind(organisation.as_str())
    .bind(user.account.as_str())
    .bind(user.person.user_name.as_str())
    .bind(user.person.external_id.as_deref())
    .bind(user.person.display_name.as_deref())
    .bind(user.person.given_name.as_deref())
    .bind(user.person.family_name.as_deref())
    .bind(user.person.email.as_ref().map(EmailAddress::as_str))
    .bind(i64::from(user.person.active))
    .bind(time(user.created_at))
    .execute(&mut **write)
    .await?;
    Ok(())
}

async fn store(write: &mut Write, user: &User) -> Result<(), Error> {
    sqlx::query(
        "update scim_users set user_name = $1, external_id = $2, display_name = $3, given_name = $4, family_name = $5, email = $6,
                               active = $7, changed_at = $8 where id = $9",
    )
    .bind(user.person.user_name.as_str())
    .bind(user.person.external_id.as_deref())
    .bind(user.person.display_name.as_deref())
    .bind(user.person.given_name.as_deref())
    .bind(user.person.family_name.as_deref())
    .bind(user.person.email.as_ref().map(EmailAddress::as_str))
    .bind(i64::from(user.person.active))
    .bind(time(user.changed_at))
    .bind(user.id.as_str())
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Records what was done to a person, without what the directory says of it: the trail goes to others.
async fn tell(
    write: &mut Write,
    directory: &Directory,
    user: &User,
    before: Value,
    after: Value,
) -> Result<(), Error> {
    let subject = format!("{}/{}", directory.organisation, user.account);
    record(write, &directory.actor, Act::DirectoryPersonChanged, &subject, before, after).await?;
    Ok(())
}
