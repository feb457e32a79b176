//! Whose an account is beside its own: whoever has proposed it, made it an operator or issued a reset of its password may act through
//! it, and so may whose that one is. Whoever holds the registry's machine vouches for an account when it makes it an operator: what
//! others did to it before counts no more.

use std::collections::BTreeSet;

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::Act;
use chandlery_store::time;
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;
use crate::principal::AccountRole;

/// Everybody who may act through an account, itself among them. Two accounts are independent where these sets have nobody in common.
pub async fn behind(db: &mut AnyConnection, account: &Namespace) -> Result<BTreeSet<Namespace>, Error> {
    let (mut all, mut open) = (BTreeSet::from([account.clone()]), vec![account.clone()]);
    while let Some(next) = open.pop() {
        for maker in makers(db, &next).await? {
            if all.insert(maker.clone()) {
                open.push(maker);
            }
        }
    }
    Ok(all)
}

async fn makers(db: &mut AnyConnection, account: &Namespace) -> Result<Vec<Namespace>, Error> {
    let rows: Vec<(Text<Namespace>,)> = sqlx::query_as(
        "select distinct actor from audit
         where subject = $1 and act in ($2, $3, $4) and actor is not null
           and number > (select coalesce(max(vouched.number), 0) from audit vouched
                         where vouched.subject = $1 and vouched.act = $3 and vouched.actor is null)",
    )
    .bind(account.as_str())
    .bind(Act::OperatorProposed.as_str())
    .bind(Act::OperatorMade.as_str())
    .bind(Act::PasswordResetIssued.as_str())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(Text(name),)| name).collect())
}

/// Everybody who operates the registry, by name.
pub async fn operators(db: &mut AnyConnection) -> Result<Vec<Namespace>, Error> {
    let rows: Vec<(Text<Namespace>,)> =
        sqlx::query_as("select name from accounts where role = $1 order by name")
            .bind(AccountRole::Operator.as_str())
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(|(Text(name),)| name).collect())
}

/// Whether an account operates the registry, and has done so ever since a moment.
pub async fn operates_since(
    db: &mut AnyConnection,
    account: &Namespace,
    since: Timestamp,
) -> Result<bool, Error> {
    let (operates, removed): (i64, i64) = sqlx::query_as(
        "select (select count(*) from accounts where name = $1 and role = $2),
                (select count(*) from audit where subject = $1 and act = $3 and at >= $4)",
    )
    .bind(account.as_str())
    .bind(AccountRole::Operator.as_str())
    .bind(Act::OperatorRemoved.as_str())
    .bind(time(since))
    .fetch_one(db)
    .await?;
    Ok(operates > 0 && removed == 0)
}
