//! Teams: members with a role, and the targets that it is for.

use std::collections::{BTreeMap, BTreeSet};

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::host::{HostRole, NewTeam, Team};
use chandlery_package::wire::{Page, Paging};
use chandlery_package::{TargetName, TeamName, UserName};
use jiff::Timestamp;

use super::{Error, Users, is_of_provider};

impl Users {
    /// Makes a team of these members, with these targets, or changes it to that.
    pub async fn put_team(&self, name: &TeamName, new: &NewTeam) -> Result<Team, Error> {
        if let Some((member, role)) = new.members.iter().find(|(_, role)| **role > HostRole::Deployer) {
            return Err(Error::Invalid(format!(
                "'{member}' cannot be {role} of a team: a role in a team is viewer or deployer, and others are for the whole host"
            )));
        }
        let mut write = self.db.write().await?;
        sqlx::query(
            "insert into teams (name, targets, updated_at) values ($1, $2, $3)
             on conflict (name) do update set targets = excluded.targets, updated_at = excluded.updated_at",
        )
        .bind(Text(name))
        .bind(Json(&new.targets))
        .bind(Text(Timestamp::now()))
        .execute(&mut *write)
        .await?;
        // Whom the provider's groups have made a member may stay one.
        let had: Vec<(String, String)> =
            sqlx::query_as("select member, role from team_members where team = $1")
                .bind(Text(name))
                .fetch_all(&mut *write)
                .await?;
        sqlx::query("delete from team_members where team = $1").bind(Text(name)).execute(&mut *write).await?;
        for (member, role) in &new.members {
            let known: Option<(Option<String>,)> = sqlx::query_as("select issuer from users where name = $1")
                .bind(Text(member))
                .fetch_optional(&mut *write)
                .await?;
            let (issuer,) = known.ok_or_else(|| Error::NotFound(format!("user '{member}'")))?;
            if let Some(issuer) = issuer.filter(|_| !had.contains(&(member.to_string(), role.to_string()))) {
                return Err(is_of_provider(member, &issuer));
            }
            sqlx::query("insert into team_members (team, member, role) values ($1, $2, $3)")
                .bind(Text(name))
                .bind(Text(member))
                .bind(Text(role))
                .execute(&mut *write)
                .await?;
        }
        write.commit().await?;
        Ok(Team { name: name.clone(), targets: new.targets.clone(), members: new.members.clone() })
    }

    /// Ends a team, with the roles in it and the tokens that are for it alone.
    pub async fn remove_team(&self, name: &TeamName) -> Result<(), Error> {
        let removed =
            sqlx::query("delete from teams where name = $1").bind(Text(name)).execute(self.db.pool()).await?;
        match removed.rows_affected() {
            0 => Err(Error::NotFound(format!("team '{name}'"))),
            _ => Ok(()),
        }
    }

    /// The teams by name, a page at a time.
    pub async fn teams(&self, paging: &Paging<TeamName>) -> Result<Page<Team>, Error> {
        type Row = (Text<TeamName>, Json<BTreeSet<TargetName>>, Json<BTreeMap<UserName, HostRole>>);
        let rows: Vec<Row> = sqlx::query_as(
            "select name, targets,
                    (select json_group_object(member, role) from team_members where team = teams.name)
             from teams where name > $1 order by name limit $2",
        )
        .bind(paging.after().map_or("", TeamName::as_str))
        .bind(paging.rows())
        .fetch_all(self.db.pool())
        .await?;
        let team = |(Text(name), Json(targets), Json(members))| Team { name, targets, members };
        Ok(paging.cut(rows, |(Text(name), ..)| name.clone()).map(team))
    }
}
