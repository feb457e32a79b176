//! Sessions: who is signed in, at the pages or with a program. A session ends by itself, with its user, and wherever what opened it
//! does.

use chandlery_package::UserName;
use chandlery_package::column::Text;
use chandlery_package::wire::host::{HOST_TOKEN_PREFIX, HostSession, SessionKind, SignInBy, SignedIn};
use chandlery_package::wire::{Page, Paging};
use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;

use super::credential::{Fresh, digest_beside};
use super::first::FirstToken;
use super::{Actor, Error, Users, trail};

/// How long a session on the pages lasts, and one that a provider has opened: its groups are asked for again then.
pub(crate) const HOURS: i64 = 12;
/// How long a program's lasts, where no provider has a say in it.
const PROGRAM_HOURS: i64 = 30 * 24;
/// How many sessions a user is shown on a page.
const SHOWN_MAX: i64 = 100;

type Row = (
    String,
    Text<UserName>,
    Text<SessionKind>,
    Text<SignInBy>,
    Text<Timestamp>,
    Option<Text<Timestamp>>,
    Text<Timestamp>,
);

const SELECT: &str = "select id, owner, kind, opened_by, opened_at, used_at, expires_at from sessions";

fn session_of(
    (id, Text(user), Text(kind), Text(opened_by), Text(opened_at), used, ends): Row,
) -> HostSession {
    let (used_at, Text(expires_at)) = (used.map(|Text(at)| at), ends);
    HostSession { id, user, kind, opened_by, opened_at, used_at, expires_at }
}

/// When something that begins now ends.
pub(super) fn after(lasts: SignedDuration) -> Result<Timestamp, Error> {
    Timestamp::now().checked_add(lasts).map_err(|error| Error::Invalid(error.to_string()))
}

/// Opens a session of a user, and writes down that it did. One that the first admin's token opens holds only beside that token.
pub(super) async fn open(
    write: &mut SqliteConnection,
    first: &FirstToken,
    user: &UserName,
    kind: SessionKind,
    by: SignInBy,
) -> Result<SignedIn, Error> {
    let prefix = match kind {
        SessionKind::Page => "",
        SessionKind::Program => HOST_TOKEN_PREFIX,
    };
    let Fresh { text: token, hash, id } = Fresh::new(prefix);
    let hash = match by {
        SignInBy::HostToken => digest_beside(&token, &first.text()),
        SignInBy::Password | SignInBy::Provider => hash,
    };
    let hours = match (kind, by) {
        (SessionKind::Page, _) | (_, SignInBy::Provider) => HOURS,
        (SessionKind::Program, _) => PROGRAM_HOURS,
    };
    let (opened_at, expires_at) = (Timestamp::now(), after(SignedDuration::from_hours(hours))?);
    sqlx::query("delete from sessions where expires_at <= $1")
        .bind(Text(opened_at))
        .execute(&mut *write)
        .await?;
    sqlx::query(
        "insert into sessions (id, hash, owner, kind, opened_by, opened_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&id)
    .bind(&hash)
    .bind(Text(user))
    .bind(Text(kind))
    .bind(Text(by))
    .bind(Text(opened_at))
    .bind(Text(expires_at))
    .execute(&mut *write)
    .await?;
    trail::note(write, (user.as_str(), Some(id.as_str())), "sign-in", by.as_str()).await?;
    let user = user.clone();
    let session = HostSession { id, user, kind, opened_by: by, opened_at, used_at: None, expires_at };
    Ok(SignedIn { token, session })
}

/// Ends all sessions of a user, and the programs that wait for one; of all but one, where that is named.
pub(super) async fn end_all(
    write: &mut SqliteConnection,
    user: &UserName,
    but: Option<&str>,
) -> Result<(), Error> {
    sqlx::query("delete from sessions where owner = $1 and id <> $2")
        .bind(Text(user))
        .bind(but.unwrap_or_default())
        .execute(write)
        .await?;
    Ok(())
}

impl Users {
    /// The sessions of all users by their ids, a page at a time.
    pub async fn sessions(&self, paging: &Paging<String>) -> Result<Page<HostSession>, Error> {
        let sql = format!("{SELECT} where id > $1 and expires_at > $2 order by id limit $3");
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(paging.after().map_or("", String::as_str))
            .bind(Text(Timestamp::now()))
            .bind(paging.rows())
            .fetch_all(self.db.pool())
            .await?;
        Ok(paging.cut(rows, |(id, ..)| id.clone()).map(session_of))
    }

    /// The sessions of one user, the last first; as many as fit on a page.
    pub(crate) async fn sessions_of(&self, user: &str) -> Result<Vec<HostSession>, Error> {
        let sql =
            format!("{SELECT} where owner = $1 and expires_at > $2 order by opened_at desc, id limit $3");
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(user)
            .bind(Text(Timestamp::now()))
            .bind(SHOWN_MAX)
            .fetch_all(self.db.pool())
            .await?;
        Ok(rows.into_iter().map(session_of).collect())
    }

    /// Ends a session at once.
    pub async fn end_session(&self, id: &str) -> Result<(), Error> {
        let ended =
            sqlx::query("delete from sessions where id = $1").bind(id).execute(self.db.pool()).await?;
        match ended.rows_affected() {
            0 => Err(Error::NotFound(format!("session '{id}'"))),
            _ => Ok(()),
        }
    }

    /// Ends a session of whoever asks, such as the one that it asks by.
    pub(crate) async fn end_own_session(&self, by: &Actor, id: &str) -> Result<(), Error> {
        let mut write = self.db.write().await?;
        let ended = sqlx::query("delete from sessions where id = $1 and owner = $2")
            .bind(id)
            .bind(by.name())
            .execute(&mut *write)
            .await?;
        if ended.rows_affected() == 0 {
            return Err(Error::NotFound(format!("session '{id}' of yours")));
        }
        trail::note(&mut write, (by.name(), by.token()), "end-session", id).await?;
        Ok(write.commit().await?)
    }

    /// Ends the session by which a program asks.
    pub(crate) async fn sign_out(&self, by: &Actor) -> Result<(), Error> {
        let ended = sqlx::query("delete from sessions where id = $1 and owner = $2")
            .bind(by.token().unwrap_or_default())
            .bind(by.name())
            .execute(self.db.pool())
            .await?;
        match ended.rows_affected() {
            0 => Err(Error::Conflict("this is a token, and no session: an admin of the host ends it".into())),
            _ => Ok(()),
        }
    }
}
