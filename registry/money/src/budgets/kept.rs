//! Budgets, and the teams that deployments are counted to, as they are kept.

use std::collections::BTreeMap;

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, NewBudget, NewCostTeam};
use chandlery_package::{Currency, Money, Namespace, TeamName};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::Error;
use crate::billing::DEPLOYMENT_BYTES_MAX;

/// How many deployments of an account are counted to teams at most.
const DEPLOYMENTS_MAX: i64 = 10_000;

/// The budget that an account has set itself.
pub(super) async fn budget(db: &mut AnyConnection, account: &Namespace) -> Result<Option<Money>, Error> {
    let row: Option<(Text<Currency>, i64)> =
        sqlx::query_as("select currency, minor from budgets where account = $1")
            .bind(account.as_str())
            .fetch_optional(db)
            .await?;
    Ok(row.map(|(Text(currency), minor)| Money::new(minor, currency)).transpose()?)
}

/// Everybody who has a budget.
pub(super) async fn accounts(db: &Db) -> Result<Vec<Namespace>, Error> {
    let rows: Vec<(Text<Namespace>,)> =
        sqlx::query_as("select account from budgets order by account").fetch_all(db.read()).await?;
    Ok(rows.into_iter().map(|(Text(account),)| account).collect())
}

/// The teams that deployments of an account are counted to.
pub(super) async fn teams(
    db: &mut AnyConnection,
    account: &Namespace,
) -> Result<BTreeMap<String, TeamName>, Error> {
    let rows: Vec<(String, Text<TeamName>)> =
        sqlx::query_as("select deployment, team from cost_teams where account = $1")
            .bind(account.as_str())
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(|(deployment, Text(team))| (deployment, team)).collect())
}

/// Sets the budget of each month, of this one already. The same again changes nothing.
pub async fn set(
    db: &Db,
    actor: &Actor,
    account: &Namespace,
    new: &NewBudget,
    now: Timestamp,
) -> Result<(), Error> {
    if !new.monthly.is_positive() {
        return Err(Error::Invalid("a budget is more than nothing".into()));
    }
    let mut write = db.write().await?;
    let before = budget(&mut write, account).await?;
    if before == Some(new.monthly) {
        return Ok(());
    }
    sqlx::query(
        "insert into budgets (account, currency, minor, set_at) values ($1, $2, $3, $4)
         on conflict (account) do update set currency = excluded.currency, minor = excluded.minor, set_at = excluded.set_at",
    )
    .bind(account.as_str())
    .bind(new.monthly.currency().code())
    .bind(new.monthly.minor())
    .bind(time(now))
    .execute(&mut *write)
    .await?;
    record(&mut write, actor, Act::BudgetSet, account.as_str(), json!(before), json!(new.monthly)).await?;
    write.commit().await?;
    Ok(())
}

/// Lets an account have no budget any more. Where it has none, nothing changes.
pub async fn remove(db: &Db, actor: &Actor, account: &Namespace) -> Result<(), Error> {
    let mut write = db.write().await?;
    let Some(before) = budget(&mut write, account).await? else { return Ok(()) };
    sqlx::query("delete from budgets where account = $1").bind(account.as_str()).execute(&mut *write).await?;
    record(&mut write, actor, Act::BudgetSet, account.as_str(), json!(before), Value::Null).await?;
    write.commit().await?;
    Ok(())
}

/// Counts a deployment of an account to a team, or to none.
pub async fn count_to_team(
    db: &Db,
    actor: &Actor,
    account: &Namespace,
    new: &NewCostTeam,
) -> Result<(), Error> {
    let NewCostTeam { deployment, team } = new;
    if deployment.is_empty()
        || deployment.len() > DEPLOYMENT_BYTES_MAX
        || deployment.contains(char::is_control)
    {
        return Err(Error::Invalid(format!(
            "a deployment's name has 1 to {DEPLOYMENT_BYTES_MAX} bytes, none of them control characters"
        )));
    }
    let mut write = db.write().await?;
    let before: Option<(Text<TeamName>,)> =
        sqlx::query_as("select team from cost_teams where account = $1 and deployment = $2")
            .bind(account.as_str())
            .bind(deployment)
            .fetch_optional(&mut *write)
            .await?;
    let before = before.map(|(Text(team),)| team);
    if before == *team {
        return Ok(());
    }
    match team {
        Some(team) => keep_team(&mut write, account, deployment, team).await?,
        None => {
            sqlx::query("delete from cost_teams where account = $1 and deployment = $2")
                .bind(account.as_str())
                .bind(deployment)
                .execute(&mut *write)
                .await?;
        }
    }
    let said = |team: &Option<TeamName>| json!({ "deployment": deployment, "team": team });
    record(&mut write, actor, Act::CostTeamSet, account.as_str(), said(&before), said(team)).await?;
    write.commit().await?;
    Ok(())
}

async fn keep_team(
    write: &mut Write,
    account: &Namespace,
    deployment: &str,
    team: &TeamName,
) -> Result<(), Error> {
    let kept = sqlx::query(
        "insert into cost_teams (account, deployment, team)
         select $1, $2, $3 where (select count(*) from cost_teams where account = $1) < $4
         on conflict (account, deployment) do update set team = excluded.team",
    )
    .bind(account.as_str())
    .bind(deployment)
    .bind(team.as_str())
    .bind(DEPLOYMENTS_MAX)
    .execute(&mut **write)
    .await?;
    match kept.rows_affected() {
        0 => Err(Error::Conflict(format!(
            "{DEPLOYMENTS_MAX} deployments are counted to teams already: let go of those that are no more"
        ))),
        _ => Ok(()),
    }
}

/// Forgets what an account has set, with the account.
pub async fn forget(write: &mut Write, account: &Namespace) -> Result<(), Error> {
    for statement in ["delete from budgets where account = $1", "delete from cost_teams where account = $1"] {
        sqlx::query(statement).bind(account.as_str()).execute(&mut **write).await?;
    }
    Ok(())
}
