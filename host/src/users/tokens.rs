//! Tokens, each a user's, with an end, and with a role, targets and deployments that it is for no more than.

use std::collections::BTreeSet;

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::host::{HOST_TOKEN_PREFIX, HostRole, HostToken, MadeHostToken, NewHostToken};
use chandlery_package::wire::{Page, Paging};
use chandlery_package::{DeploymentName, TargetName, TeamName, UserName};
use jiff::{SignedDuration, Timestamp};

use super::credential::Fresh;
use super::{Actor, Error, Users, trail};

/// How long a token may last, in days.
const DAYS_MAX: u32 = 366;
/// How long one that has ended is still shown.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How many targets and deployments a token may name.
const NAMES_MAX: usize = 100;
/// How many tokens a user is shown on a page.
const SHOWN_MAX: i64 = 100;

/// A token as it is kept, without its digest.
type Kept = (
    String,
    Text<UserName>,
    Text<HostRole>,
    Option<Text<TeamName>>,
    Json<BTreeSet<TargetName>>,
    Json<BTreeSet<DeploymentName>>,
    String,
    String,
    Text<Timestamp>,
    Option<Text<Timestamp>>,
    Text<Timestamp>,
);

const SELECT: &str =
    "select id, owner, role, team, targets, deployments, note, made_by, made_at, used_at, expires_at
    from user_tokens";

fn token_of(kept: Kept) -> HostToken {
    let (id, Text(user), Text(role), team, Json(targets), Json(deployments), note, made_by, made, used, ends) =
        kept;
    HostToken {
        id,
        user,
        role,
        team: team.map(|Text(team)| team),
        targets,
        deployments,
        note,
        made_by,
        made_at: made.0,
        used_at: used.map(|Text(at)| at),
        expires_at: ends.0,
    }
}

impl Users {
    /// Makes a token for a user. Its text is never seen again.
    pub async fn make_token(&self, by: &Actor, new: &NewHostToken) -> Result<MadeHostToken, Error> {
        if !(1..=DAYS_MAX).contains(&new.days_valid) {
            return Err(Error::Invalid(format!("a token lasts from 1 to {DAYS_MAX} days")));
        }
        let names = new.targets.len() + new.deployments.len();
        if names > NAMES_MAX {
            return Err(Error::Invalid(format!("a token names at most {NAMES_MAX} targets and deployments")));
        }
        if names > 0 && new.role > HostRole::Deployer {
            return Err(Error::Invalid(format!(
                "a token for some targets or deployments is not for {}: it is for viewer or deployer",
                new.role
            )));
        }
        let Fresh { text: token, hash, id } = Fresh::new(HOST_TOKEN_PREFIX);
        let now = Timestamp::now();
        let expires_at = now
            .checked_add(SignedDuration::from_hours(24 * i64::from(new.days_valid)))
            .map_err(|error| Error::Invalid(error.to_string()))?;
        let mut write = self.db.write().await?;
        let owner: Option<(i64,)> = sqlx::query_as("select 1 from users where name = $1")
            .bind(Text(&new.user))
            .fetch_optional(&mut *write)
            .await?;
        owner.ok_or_else(|| Error::NotFound(format!("user '{}'", new.user)))?;
        if let Some(team) = &new.team {
            let found: Option<(i64,)> = sqlx::query_as("select 1 from teams where name = $1")
                .bind(Text(team))
                .fetch_optional(&mut *write)
                .await?;
            found.ok_or_else(|| Error::NotFound(format!("team '{team}'")))?;
        }
        sqlx::query("delete from user_tokens where expires_at <= $1")
            .bind(Text(now - KEPT))
            .execute(&mut *write)
            .await?;
        sqlx::query(
            "insert into user_tokens
                 (id, hash, owner, role, team, targets, deployments, note, made_by, made_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(&id)
        .bind(&hash)
        .bind(Text(&new.user))
        .bind(Text(new.role))
        .bind(new.team.as_ref().map(Text))
        .bind(Json(&new.targets))
        .bind(Json(&new.deployments))
        .bind(&new.note)
        .bind(by.name())
        .bind(Text(now))
        .bind(Text(expires_at))
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        let kept = HostToken {
            id,
            user: new.user.clone(),
            role: new.role,
            team: new.team.clone(),
            targets: new.targets.clone(),
            deployments: new.deployments.clone(),
            note: new.note.clone(),
            made_by: by.name().into(),
            made_at: now,
            used_at: None,
            expires_at,
        };
        Ok(MadeHostToken { token, kept })
    }

    /// The tokens of all users by their ids, without their texts, a page at a time.
    pub async fn tokens(&self, paging: &Paging<String>) -> Result<Page<HostToken>, Error> {
        let sql = format!("{SELECT} where id > $1 order by id limit $2");
        let rows: Vec<Kept> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(paging.after().map_or("", String::as_str))
            .bind(paging.rows())
            .fetch_all(self.db.pool())
            .await?;
        Ok(paging.cut(rows, |(id, ..)| id.clone()).map(token_of))
    }

    /// Ends a token at once.
    pub async fn revoke(&self, id: &str) -> Result<(), Error> {
        let revoked =
            sqlx::query("delete from user_tokens where id = $1").bind(id).execute(self.db.pool()).await?;
        match revoked.rows_affected() {
            0 => Err(Error::NotFound(format!("token '{id}'"))),
            _ => Ok(()),
        }
    }
    /// The tokens of one user, those that were made last first, without their texts; as many as fit on a page.
    pub(crate) async fn tokens_of(&self, user: &str) -> Result<Vec<HostToken>, Error> {
        let sql = format!("{SELECT} where owner = $1 order by made_at desc, id limit $2");
        let rows: Vec<Kept> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(user)
            .bind(SHOWN_MAX)
            .fetch_all(self.db.pool())
            .await?;
        Ok(rows.into_iter().map(token_of).collect())
    }

    /// Ends a token of whoever asks, at once.
    pub(crate) async fn revoke_own(&self, by: &Actor, id: &str) -> Result<(), Error> {
        let mut write = self.db.write().await?;
        let revoked = sqlx::query("delete from user_tokens where id = $1 and owner = $2")
            .bind(id)
            .bind(by.name())
            .execute(&mut *write)
            .await?;
        if revoked.rows_affected() == 0 {
            return Err(Error::NotFound(format!("token '{id}' of yours")));
        }
        trail::note(&mut write, (by.name(), by.token()), "revoke-token", id).await?;
        Ok(write.commit().await?)
    }
}
