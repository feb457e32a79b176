//! Who uses a host: users with roles, teams with targets, how users sign in, the tokens and sessions by which they are known, and the trail
//! of what each has done.

mod actor;
mod credential;
mod device;
mod error;
mod first;
mod guesses;
mod identify;
mod passwords;
mod provider;
mod sessions;
mod set_ups;
mod settings;
mod teams;
mod tokens;
mod trail;

use std::sync::Arc;

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::host::{HostRole, NewUser, User};
use chandlery_package::wire::{Page, Paging};
use chandlery_package::{TeamName, UserName};
use jiff::Timestamp;

use crate::db::Db;
use first::must_not_be_first;
use guesses::Guesses;

pub use actor::Actor;
pub use error::{Error, KINDS};
pub use first::{FIRST_ADMIN, FirstToken};
pub(crate) use sessions::HOURS as SESSION_HOURS;
pub use settings::{GROUPS_CLAIM, Provider, SignIn};
pub(crate) use trail::{About, Begun, GoesOn, SoughtActs};

/// The users of a host.
#[derive(Clone)]
pub struct Users {
    db: Db,
    /// The token of the first admin.
    pub(crate) first: FirstToken,
    /// How they sign in.
    pub(crate) settings: Arc<SignIn>,
    guesses: Guesses,
}

/// The tokens that ended with a user, and those of others that it made, by their ids.
pub(crate) struct Removed {
    pub ended: Vec<String>,
    pub made: Vec<String>,
}

impl Users {
    /// The users in this database, the first of them, whose token this is, and how they sign in.
    pub fn new(db: Db, first: FirstToken, settings: SignIn) -> Result<Self, Error> {
        settings.check()?;
        Ok(Self { db, first, settings: Arc::new(settings), guesses: Guesses::default() })
    }

    /// Makes another token of the first admin for whoever shows the one that there is. All its sessions end.
    pub(crate) async fn rotate_first(&self, current: &str) -> Result<String, Error> {
        let mut write = self.db.write().await?;
        if !self.first.is(current) {
            return Err(Error::Invalid("'current' is not the text in the file host.token".into()));
        }
        let first = FIRST_ADMIN.parse::<UserName>().map_err(|_| Error::FirstAdmin)?;
        sessions::end_all(&mut write, &first, None).await?;
        let made = self.first.replace().await?;
        write.commit().await?;
        Ok(made)
    }

    /// Adds a user with this role on the whole host, or gives it to one that there is: whose sessions end, if it had a greater one. Not to
    /// one whom the provider signs in.
    pub async fn put(&self, name: &UserName, new: &NewUser) -> Result<User, Error> {
        must_not_be_first(name)?;
        let mut write = self.db.write().await?;
        let before: Option<(Text<HostRole>, Option<String>)> =
            sqlx::query_as("select role, issuer from users where name = $1")
                .bind(Text(name))
                .fetch_optional(&mut *write)
                .await?;
        if let Some((_, Some(issuer))) = &before {
            return Err(is_of_provider(name, issuer));
        }
        if before.is_some_and(|(Text(before), _)| before > new.role) {
            sessions::end_all(&mut write, name, None).await?;
        }
        sqlx::query(
            "insert into users (name, role, added_at) values ($1, $2, $3)
             on conflict (name) do update set role = excluded.role",
        )
        .bind(Text(name))
        .bind(Text(new.role))
        .bind(Text(Timestamp::now()))
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        let found: Row = sqlx::query_as(sqlx::AssertSqlSafe(format!("{SELECT} where name = $1")))
            .bind(Text(name))
            .fetch_one(self.db.pool())
            .await?;
        Ok(user_of(found))
    }

    /// Removes a user, with its tokens, its sessions and its place in teams.
    pub(crate) async fn remove(&self, name: &UserName) -> Result<Removed, Error> {
        must_not_be_first(name)?;
        let mut write = self.db.write().await?;
        let ended: Vec<(String,)> = sqlx::query_as("select id from user_tokens where owner = $1 order by id")
            .bind(Text(name))
            .fetch_all(&mut *write)
            .await?;
        let made: Vec<(String,)> =
            sqlx::query_as("select id from user_tokens where made_by = $1 and owner <> $1 order by id")
                .bind(Text(name))
                .fetch_all(&mut *write)
                .await?;
        let removed =
            sqlx::query("delete from users where name = $1").bind(Text(name)).execute(&mut *write).await?;
        if removed.rows_affected() == 0 {
            return Err(Error::NotFound(format!("user '{name}'")));
        }
        write.commit().await?;
        let ids = |rows: Vec<(String,)>| rows.into_iter().map(|(id,)| id).collect();
        Ok(Removed { ended: ids(ended), made: ids(made) })
    }

    /// The users by name, a page at a time.
    pub async fn page(&self, paging: &Paging<UserName>) -> Result<Page<User>, Error> {
        let sql = format!("{SELECT} where name > $1 order by name limit $2");
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(paging.after().map_or("", UserName::as_str))
            .bind(paging.rows())
            .fetch_all(self.db.pool())
            .await?;
        Ok(paging.cut(rows, |(Text(name), ..)| name.clone()).map(user_of))
    }
}

/// That nobody gives a user by its name what it may whom a provider signs in: that name was wished for at the provider, and the user may be
/// somebody else than whoever is meant.
fn is_of_provider(name: &UserName, issuer: &str) -> Error {
    Error::Conflict(format!(
        "'{name}' is whom {issuer} signs in under this name, and may what its groups there may: change those, use another name for \
         somebody else, or `chandlery host users remove {name}` first"
    ))
}

type Row = (Text<UserName>, Text<HostRole>, Json<Vec<TeamName>>, Text<Timestamp>, Option<String>);

const SELECT: &str = "select name, role,
    (select json_group_array(team) from team_members where member = users.name), added_at, issuer from users";

fn user_of((Text(name), Text(role), Json(teams), Text(added_at), issuer): Row) -> User {
    User { name, role, teams, added_at, issuer }
}

#[cfg(test)]
mod tests;
