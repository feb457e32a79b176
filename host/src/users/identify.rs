//! Who it is that shows something: the first admin's token, a token of a user, or a session.

use std::collections::BTreeSet;

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::host::{HostRole, Membership, SessionKind, SignInBy, Whoami};
use chandlery_package::{DeploymentName, TargetName, TeamName, UserName};
use jiff::{SignedDuration, Timestamp};

use super::credential::{digest, digest_beside};
use super::first::FIRST_ADMIN;
use super::{Actor, Error, Users};

/// How often it is written down that something was shown.
const NOTED_EVERY: SignedDuration = SignedDuration::from_secs(60);

impl Users {
    /// Who shows this token; none: it is not known, or has ended.
    pub async fn identify(&self, token: &str) -> Result<Option<Actor>, Error> {
        if self.first.is(token) {
            return Ok(Some(Actor::first(FIRST_ADMIN)));
        }
        match self.by_token(&digest(token)).await? {
            Some(actor) => Ok(Some(actor)),
            None => self.by_session(token, SessionKind::Program).await,
        }
    }

    /// Who shows this cookie on the pages; none: its session is not known, or has ended.
    pub(crate) async fn on_pages(&self, cookie: &str) -> Result<Option<Actor>, Error> {
        self.by_session(cookie, SessionKind::Page).await
    }

    async fn by_token(&self, hash: &str) -> Result<Option<Actor>, Error> {
        type Row = (
            String,
            Text<UserName>,
            Text<HostRole>,
            Text<HostRole>,
            Option<Text<TeamName>>,
            Json<BTreeSet<TargetName>>,
            Json<BTreeSet<DeploymentName>>,
            Option<Text<Timestamp>>,
            Text<Timestamp>,
        );
        let found: Option<Row> = sqlx::query_as(
            "select t.id, u.name, u.role, t.role, t.team, t.targets, t.deployments, t.used_at, t.expires_at
             from user_tokens t join users u on u.name = t.owner where t.hash = $1",
        )
        .bind(hash)
        .fetch_optional(self.db.pool())
        .await?;
        let Some((
            id,
            Text(name),
            Text(role),
            Text(most),
            team,
            Json(targets),
            Json(deployments),
            used,
            ends,
        )) = found
        else {
            return Ok(None);
        };
        let (now, Text(expires_at)) = (Timestamp::now(), ends);
        if expires_at <= now {
            return Ok(None);
        }
        if is_due(used, now) {
            sqlx::query("update user_tokens set used_at = $1 where id = $2")
                .bind(Text(now))
                .bind(&id)
                .execute(self.db.pool())
                .await?;
        }
        let team = team.map(|Text(team)| team);
        let teams = self.memberships(&name, team.as_ref()).await?;
        let known = Whoami { user: name.to_string(), role, teams, token: Some(id), targets, deployments };
        Ok(Some(Actor::by_token(known, most, team.as_ref())))
    }

    /// Of sessions that the first admin's token has opened, only those of the token that there is: it may have been replaced in its file.
    async fn by_session(&self, shown: &str, kind: SessionKind) -> Result<Option<Actor>, Error> {
        type Row = (
            String,
            Text<UserName>,
            Text<HostRole>,
            Text<SignInBy>,
            Option<Text<Timestamp>>,
            Text<Timestamp>,
        );
        let found: Option<Row> = sqlx::query_as(
            "select s.id, u.name, u.role, s.opened_by, s.used_at, s.expires_at
             from sessions s join users u on u.name = s.owner
             where s.hash = $1 and s.opened_by <> $3 and s.kind = $4
                or s.hash = $2 and s.opened_by = $3 and s.kind = $4",
        )
        .bind(digest(shown))
        .bind(digest_beside(shown, &self.first.text()))
        .bind(Text(SignInBy::HostToken))
        .bind(Text(kind))
        .fetch_optional(self.db.pool())
        .await?;
        let Some((id, Text(name), Text(role), Text(by), used, Text(expires_at))) = found else {
            return Ok(None);
        };
        let now = Timestamp::now();
        if expires_at <= now || (by == SignInBy::Password && !self.settings.takes_passwords()) {
            return Ok(None);
        }
        if is_due(used, now) {
            sqlx::query("update sessions set used_at = $1 where id = $2")
                .bind(Text(now))
                .bind(&id)
                .execute(self.db.pool())
                .await?;
        }
        let teams = self.memberships(&name, None).await?;
        let (targets, deployments) = (BTreeSet::new(), BTreeSet::new());
        let known = Whoami { user: name.to_string(), role, teams, token: Some(id), targets, deployments };
        Ok(Some(Actor::by_token(known, HostRole::Admin, None)))
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
}

fn is_due(used: Option<Text<Timestamp>>, now: Timestamp) -> bool {
    used.is_none_or(|Text(at)| now.duration_since(at) >= NOTED_EVERY)
}
