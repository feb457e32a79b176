//! Whose tokens are believed: operators say so.

use chandlery_accounts::audit::record;
use chandlery_accounts::{Actor, end_exchanged};
use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{Act, IssuerRecord, NewIssuer, Page, Paging};
use chandlery_package::{Authority, Identity, Issuer};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use serde_json::json;
use sqlx::AnyConnection;

use super::error::Error;

type Row = (Text<Issuer>, Text<Timestamp>, Option<Text<Authority>>);

fn issuer((Text(issuer), Text(allowed_at), keys_host): Row) -> IssuerRecord {
    IssuerRecord { issuer, allowed_at, keys_host: keys_host.map(|Text(host)| host) }
}

/// Says whether the tokens of an issuer are believed, and who keeps its keys. What is so already stays. Tokens that were exchanged for
/// those of one that is believed no more end.
pub(super) async fn set(db: &Db, actor: &Actor, new: &NewIssuer) -> Result<(), Error> {
    let NewIssuer { issuer, allowed, keys_host } = new;
    let mut write = db.write().await?;
    let before = find(&mut write, issuer).await?;
    let is_so = match (&before, allowed) {
        (Some(before), true) => before.keys_host == *keys_host,
        (None, false) => true,
        (Some(_), false) | (None, true) => false,
    };
    if is_so {
        return Ok(());
    }
    let statement = match allowed {
        true => sqlx::query(
            "insert into oidc_issuers (issuer, allowed_at, keys_host) values ($1, $2, $3)
             on conflict (issuer) do update set keys_host = excluded.keys_host",
        )
        .bind(issuer.as_str())
        .bind(time(Timestamp::now()))
        .bind(keys_host.as_ref().map(Authority::as_str)),
        false => sqlx::query("delete from oidc_issuers where issuer = $1").bind(issuer.as_str()),
    };
    statement.execute(&mut *write).await?;
    if !allowed {
        end_exchanged_for(&mut write, issuer).await?;
    }
    let before =
        json!({ "allowed": before.is_some(), "keys_host": before.and_then(|before| before.keys_host) });
    let after = json!({ "allowed": allowed, "keys_host": keys_host.as_ref().filter(|_| *allowed) });
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

/// An issuer whose tokens are believed; none: they are not.
pub(super) async fn find(db: &mut AnyConnection, wanted: &Issuer) -> Result<Option<IssuerRecord>, Error> {
    let found: Option<Row> =
        sqlx::query_as("select issuer, allowed_at, keys_host from oidc_issuers where issuer = $1")
            .bind(wanted.as_str())
            .fetch_optional(db)
            .await?;
    Ok(found.map(issuer))
}

/// A page of the issuers whose tokens are believed, by their URLs.
pub(super) async fn list(db: &Db, paging: &Paging<Issuer>) -> Result<Page<IssuerRecord>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select issuer, allowed_at, keys_host from oidc_issuers where issuer > $1 order by issuer limit $2",
    )
    .bind(paging.after().map_or("", Issuer::as_str))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(Text(issuer), ..)| issuer.clone());
    Ok(page.map(issuer))
}
