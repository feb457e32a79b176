//! Tokens: 256 random bits of which only the digest is kept, each a user's, with a role that it is no more than and an end.

use std::collections::BTreeSet;

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::host::{
    HOST_TOKEN_PREFIX, HostRole, HostToken, MadeHostToken, Membership, NewHostToken, Whoami,
};
use chandlery_package::wire::{Page, Paging};
use chandlery_package::{Digest, TargetName, TeamName, UserName, random_bytes};
use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq as _;

use super::{Actor, Error, FIRST_ADMIN, Users};

/// How long a token may last, in days.
const DAYS_MAX: u32 = 366;
/// How much of a token's digest is its id, in hexadecimal digits.
const ID_DIGITS: usize = 12;

/// A token as it is kept, without its digest.
type Kept = (
    String,
    Text<UserName>,
    Text<HostRole>,
    Option<Text<TeamName>>,
    String,
    String,
    Text<Timestamp>,
    Text<Timestamp>,
);

fn token_of(kept: Kept) -> HostToken {
    let (id, Text(user), Text(role), team, note, made_by, Text(made_at), Text(expires_at)) = kept;
    HostToken { id, user, role, team: team.map(|Text(team)| team), note, made_by, made_at, expires_at }
}

/// A token with its user: what each may, the team that the token is for, and when it ends.
type Found =
    (String, Text<UserName>, Text<HostRole>, Text<HostRole>, Option<Text<TeamName>>, Text<Timestamp>);

impl Users {
    /// Who shows this token; none: it is not known, or has ended. Found by its digest, so how long it takes tells nothing of how much of
    /// a guess was right.
    pub async fn identify(&self, token: &str) -> Result<Option<Actor>, Error> {
        if bool::from(token.as_bytes().ct_eq(self.first_token.as_bytes())) {
            return Ok(Some(Actor::first(FIRST_ADMIN)));
        }
        let found: Option<Found> = sqlx::query_as(
            "select t.id, u.name, u.role, t.role, t.team, t.expires_at
             from user_tokens t join users u on u.name = t.owner where t.hash = $1",
        )
        .bind(Digest::of(token).hex())
        .fetch_optional(self.db.pool())
        .await?;
        let Some((id, Text(name), Text(role), Text(most), team, Text(expires_at))) = found else {
            return Ok(None);
        };
        if expires_at <= Timestamp::now() {
            return Ok(None);
        }
        let team = team.map(|Text(team)| team);
        let teams = self.memberships(&name, team.as_ref()).await?;
        let known = Whoami { user: name.to_string(), role, teams, token: Some(id) };
        Ok(Some(Actor::by_token(known, most, team.as_ref())))
    }

    /// The teams of a user, and beside them the one that a token is for.
    async fn memberships(&self, user: &UserName, team: Option<&TeamName>) -> Result<Vec<Membership>, Error> {
        type Row = (Text<TeamName>, Option<Text<HostRole>>, Json<BTreeSet<TargetName>>);
        let rows: Vec<Row> = sqlx::query_as(
            "select t.name, m.role, t.targets
             from teams t left join team_members m on m.team = t.name and m.member = $1
             where m.member is not null or t.name = $2 order by t.name",
        )
        .bind(Text(user))
        .bind(team.map(Text))
        .fetch_all(self.db.pool())
        .await?;
        let membership = |(Text(team), role, Json(targets)): Row| Membership {
            team,
            role: role.map_or(HostRole::Viewer, |Text(role)| role),
            targets,
        };
        Ok(rows.into_iter().map(membership).collect())
    }

    /// Makes a token for a user. Its text is never seen again.
    pub async fn make_token(&self, by: &Actor, new: &NewHostToken) -> Result<MadeHostToken, Error> {
        if !(1..=DAYS_MAX).contains(&new.days_valid) {
            return Err(Error::Invalid(format!("a token lasts from 1 to {DAYS_MAX} days")));
        }
        let token = format!("{HOST_TOKEN_PREFIX}{}", hex::encode(random_bytes::<32>()));
        let hash = Digest::of(&token).hex();
        let id = hash.chars().take(ID_DIGITS).collect::<String>();
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
        sqlx::query(
            "insert into user_tokens (id, hash, owner, role, team, note, made_by, made_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&id)
        .bind(&hash)
        .bind(Text(&new.user))
        .bind(Text(new.role))
        .bind(new.team.as_ref().map(Text))
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
            note: new.note.clone(),
            made_by: by.name().into(),
            made_at: now,
            expires_at,
        };
        Ok(MadeHostToken { token, kept })
    }

    /// The tokens of all users by their ids, without their texts, a page at a time.
    pub async fn tokens(&self, paging: &Paging<String>) -> Result<Page<HostToken>, Error> {
        let rows: Vec<Kept> = sqlx::query_as(
            "select id, owner, role, team, note, made_by, made_at, expires_at
             from user_tokens where id > $1 order by id limit $2",
        )
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
}
