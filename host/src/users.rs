//! Who uses a host: users with roles, teams with targets, the tokens by which users are known, and the trail of what each has done.

mod actor;
mod error;
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

pub use actor::Actor;
pub use error::{Error, FORBIDDEN};

/// The user who has the host's file `host.token`.
pub const FIRST_ADMIN: &str = "admin";

/// The users of a host.
#[derive(Clone)]
pub struct Users {
    db: Db,
    /// The token of the first admin.
    pub(crate) first_token: Arc<str>,
}

/// The tokens that ended with a user, and those of others that it made, by their ids.
pub(crate) struct Removed {
    pub ended: Vec<String>,
    pub made: Vec<String>,
}

impl Users {
    /// The users in this database, and the first of them, whose token this is.
    pub fn new(db: Db, first_token: &str) -> Self {
        Self { db, first_token: first_token.into() }
    }

    /// Adds a user with this role on the whole host, or gives it to one that there is.
    pub async fn put(&self, name: &UserName, new: &NewUser) -> Result<User, Error> {
        must_not_be_first(name)?;
        sqlx::query(
            "insert into users (name, role, added_at) values ($1, $2, $3)
             on conflict (name) do update set role = excluded.role",
        )
        .bind(Text(name))
        .bind(Text(new.role))
        .bind(Text(Timestamp::now()))
        .execute(self.db.pool())
        .await?;
        let found: Row = sqlx::query_as(sqlx::AssertSqlSafe(format!("{SELECT} where name = $1")))
            .bind(Text(name))
            .fetch_one(self.db.pool())
            .await?;
        Ok(user_of(found))
    }

    /// Removes a user, with its tokens and its place in teams.
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

type Row = (Text<UserName>, Text<HostRole>, Json<Vec<TeamName>>, Text<Timestamp>);

const SELECT: &str = "select name, role,
    (select json_group_array(team) from team_members where member = users.name), added_at from users";

fn user_of((Text(name), Text(role), Json(teams), Text(added_at)): Row) -> User {
    User { name, role, teams, added_at }
}

fn must_not_be_first(name: &UserName) -> Result<(), Error> {
    match name.as_str() {
        FIRST_ADMIN => Err(Error::FirstAdmin),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
