//! Passwords of users: set by an invitation, shown to sign in, changed, and reset by another invitation.

use chandlery_package::UserName;
use chandlery_package::column::Text;
use chandlery_package::wire::host::{SessionKind, SetUp, SignInBy, SignedIn};
use jiff::{SignedDuration, Timestamp};

use super::credential::{Fresh, digest};
use super::first::{FIRST_ADMIN, must_not_be_first};
use super::{Actor, Error, Users, passwords, sessions, trail};

/// How long an invitation lasts, in hours.
const HOURS: i64 = 24;

impl Users {
    /// Invites a user to set a password. The one before is no more, and neither is any session: so an admin resets it.
    pub(crate) async fn invite(&self, name: &UserName) -> Result<SetUp, Error> {
        must_not_be_first(name)?;
        self.must_take_passwords()?;
        let Fresh { text: token, hash, .. } = Fresh::new("");
        let expires_at = sessions::after(SignedDuration::from_hours(HOURS))?;
        let mut write = self.db.write().await?;
        let found: Option<(Option<String>,)> = sqlx::query_as("select issuer from users where name = $1")
            .bind(Text(name))
            .fetch_optional(&mut *write)
            .await?;
        let (issuer,) = found.ok_or_else(|| Error::NotFound(format!("user '{name}'")))?;
        if let Some(issuer) = issuer {
            return Err(Error::Conflict(format!("'{name}' signs in at {issuer}, and has no password here")));
        }
        sqlx::query("update users set password = null where name = $1")
            .bind(Text(name))
            .execute(&mut *write)
            .await?;
        sessions::end_all(&mut write, name, None).await?;
        sqlx::query(
            "insert into set_ups (owner, hash, expires_at) values ($1, $2, $3)
             on conflict (owner) do update set hash = excluded.hash, expires_at = excluded.expires_at",
        )
        .bind(Text(name))
        .bind(&hash)
        .bind(Text(expires_at))
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        let url = self.settings.url.as_deref().map(|url| format!("{url}/set-up?token={token}"));
        Ok(SetUp { user: name.clone(), token, url, expires_at })
    }

    /// Whom this token invites; none: it is not known, was used, or has ended.
    pub(crate) async fn invited(&self, token: &str) -> Result<Option<UserName>, Error> {
        let found: Option<(Text<UserName>, Text<Timestamp>)> =
            sqlx::query_as("select owner, expires_at from set_ups where hash = $1")
                .bind(digest(token))
                .fetch_optional(self.db.pool())
                .await?;
        let holds = found.filter(|(_, Text(expires_at))| *expires_at > Timestamp::now());
        Ok(holds.map(|(Text(owner), _)| owner))
    }

    /// Sets the password of whoever this token invites, and signs in; none: it invites nobody any more.
    pub(crate) async fn set_up(&self, token: &str, password: &str) -> Result<Option<SignedIn>, Error> {
        self.must_take_passwords()?;
        let Some(user) = self.invited(token).await? else { return Ok(None) };
        let hash = passwords::hash(password, &user).await?;
        let mut write = self.db.write().await?;
        let used = sqlx::query("delete from set_ups where hash = $1 and owner = $2")
            .bind(digest(token))
            .bind(Text(&user))
            .execute(&mut *write)
            .await?;
        if used.rows_affected() == 0 {
            return Ok(None);
        }
        sqlx::query("update users set password = $1 where name = $2")
            .bind(&hash)
            .bind(Text(&user))
            .execute(&mut *write)
            .await?;
        let opened =
            sessions::open(&mut write, &self.first, &user, SessionKind::Page, SignInBy::Password).await?;
        let by = (user.as_str(), Some(opened.session.id.as_str()));
        trail::note(&mut write, by, "set-password", user.as_str()).await?;
        write.commit().await?;
        Ok(Some(opened))
    }

    /// Signs somebody in by a password; the first admin by the token in `host.token`, which is one. None: it is wrong.
    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> Result<Option<SignedIn>, Error> {
        let Ok(user) = name.parse::<UserName>() else { return Ok(None) };
        if user.as_str() == FIRST_ADMIN {
            return self.sign_in_first(&user, password).await;
        }
        self.must_take_passwords()?;
        let Some(hash) = self.verified(&user, password).await? else {
            tracing::warn!(%user, "a wrong password was shown");
            return Ok(None);
        };
        let mut write = self.db.write().await?;
        let is_still: Option<(i64,)> =
            sqlx::query_as("select 1 from users where name = $1 and password = $2")
                .bind(Text(&user))
                .bind(&hash)
                .fetch_optional(&mut *write)
                .await?;
        if is_still.is_none() {
            return Ok(None);
        }
        let opened =
            sessions::open(&mut write, &self.first, &user, SessionKind::Page, SignInBy::Password).await?;
        write.commit().await?;
        Ok(Some(opened))
    }

    /// Nobody guesses 256 random bits, so that tries are not counted, and nobody keeps the first admin out.
    async fn sign_in_first(&self, user: &UserName, token: &str) -> Result<Option<SignedIn>, Error> {
        if !self.first.is(token) {
            return Ok(None);
        }
        // Once more in the transaction that another token would be made in.
        let mut write = self.db.write().await?;
        if !self.first.is(token) {
            return Ok(None);
        }
        let opened =
            sessions::open(&mut write, &self.first, user, SessionKind::Page, SignInBy::HostToken).await?;
        write.commit().await?;
        Ok(Some(opened))
    }

    /// The hash of a user's password, if this is the password.
    async fn verified(&self, user: &UserName, password: &str) -> Result<Option<String>, Error> {
        self.guesses.begin(user)?;
        let kept: Option<(Option<String>,)> = sqlx::query_as("select password from users where name = $1")
            .bind(Text(user))
            .fetch_optional(self.db.pool())
            .await?;
        let hash = kept.and_then(|(password,)| password);
        let is_right = passwords::verify(password, hash.as_deref()).await?;
        Ok(hash.filter(|_| is_right))
    }

    /// Whether a user has a password, and could change it.
    pub(crate) async fn has_password(&self, name: &str) -> Result<bool, Error> {
        let found: Option<(i64,)> =
            sqlx::query_as("select 1 from users where name = $1 and password is not null")
                .bind(name)
                .fetch_optional(self.db.pool())
                .await?;
        Ok(found.is_some() && self.settings.takes_passwords())
    }

    /// Changes the password of whoever asks in a session, by the one before. All other sessions end.
    pub(crate) async fn change_password(&self, by: &Actor, current: &str, new: &str) -> Result<(), Error> {
        self.must_take_passwords()?;
        let wrong = || Error::Invalid("this is not the current password".into());
        let user: UserName = by.name().parse().map_err(|_| wrong())?;
        let before = self.verified(&user, current).await?.ok_or_else(wrong)?;
        let hash = passwords::hash(new, &user).await?;
        let mut write = self.db.write().await?;
        let changed = sqlx::query("update users set password = $1 where name = $2 and password = $3")
            .bind(&hash)
            .bind(Text(&user))
            .bind(&before)
            .execute(&mut *write)
            .await?;
        if changed.rows_affected() == 0 {
            return Err(wrong());
        }
        sessions::end_all(&mut write, &user, by.token()).await?;
        trail::note(&mut write, (by.name(), by.token()), "set-password", by.name()).await?;
        Ok(write.commit().await?)
    }

    fn must_take_passwords(&self) -> Result<(), Error> {
        match self.settings.takes_passwords() {
            true => Ok(()),
            false => Err(Error::Conflict(
                "users of this host sign in at its provider, and have no passwords".into(),
            )),
        }
    }
}
