//! Whose tokens are believed: operators say so.

use chandlery_accounts::audit::record;
use chandlery_accounts::{Actor, end_exchanged};
use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{Act, IssuerRecord, NewIssuer, Page, Paging};
use chandlery_package::{Identity, Issuer};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use serde_json::json;

use super::error::Error;

/// Says whether the tokens of an issuer are believed. What is so already stays. Tokens that were exchanged for those of one that is
/// believed no more end.
pub(super) async fn set(db: &Db, actor: &Actor, new: &NewIssuer) -> Result<(), Error> {
    let NewIssuer { issuer, allowed } = new;
    let mut write = db.write().await?;
    let statement = match allowed {
        true => sqlx::query(
            "insert into oidc_issuers (issuer, allowed_at) values ($1, $2) on conflict do nothing",
        )
        .bind(issuer.as_str())
        .bind(time(Timestamp::now())),
        false => sqlx::query("delete from oidc_issuers where issuer = $1").bind(issuer.as_str()),
    };
    if statement.execute(&mut *write).await?.rows_affected() == 0 {
        return Ok(());
    }
    if !allowed {
        end_exchanged_for(&mut write, issuer).await?;
    }
    let (before, after) = (json!({ "allowed": !allowed }), json!({ "allowed": allowed }));
    record(&mut write, actor, Act::IssuerAllowed, issuer.as_str(), before, after).await?;
    Ok(write.commit().await?)
}

async fn end_exchanged_for(write: &mut Write, issuer: &Issuer) -> Result<(), Error> {
    let all: Vec<(String, Json<Identity>)> =
        sqlx::query_as("select hash, identity from exchanged_tokens").fetch_all(&mut **write).await?;
    for (hash, _) in all.into_iter().filter(|(_, Json(identity))| identity.issuer == *issuer) {
        sqlx::query("delete from exchanged_tokens where hash = $1").bind(&hash).execute(&mut **write).await?;
        end_exchanged(write, &hash).await?;
    }
    Ok(())
}

/// Whether the tokens of an issuer are believed.
pub(super) async fn is_allowed(db: &Db, issuer: &Issuer) -> Result<bool, Error> {
    let found: Option<(String,)> = sqlx::query_as("select issuer from oidc_issuers where issuer = $1")
        .bind(issuer.as_str())
        .fetch_optional(db.read())
        .await?;
    Ok(found.is_some())
}

/// A page of the issuers whose tokens are believed, by their URLs.
pub(super) async fn list(db: &Db, paging: &Paging<Issuer>) -> Result<Page<IssuerRecord>, Error> {
    let rows: Vec<(Text<Issuer>, Text<Timestamp>)> = sqlx::query_as(
        "select issuer, allowed_at from oidc_issuers where issuer > $1 order by issuer limit $2",
    )
    .bind(paging.after().map_or("", Issuer::as_str))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(Text(issuer), _)| issuer.clone());
    Ok(page.map(|(Text(issuer), Text(allowed_at))| IssuerRecord { issuer, allowed_at }))
}
