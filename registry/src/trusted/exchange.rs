//! A token of an issuer for one of the registry: everything is checked first, then it is used once.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chandlery_accounts::{Actor, Address, Credential, Role, issue_exchanged, role_within};
use chandlery_package::column::{Json, Text};
use chandlery_package::oidc::Unverified;
use chandlery_package::wire::{Exchanged, IssuerRecord, NewTokenExchange};
use chandlery_package::{Identity, Issuer, PublicKey};
use chandlery_store::{Db, Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::claims::{self, Ticket};
use super::error::Error;
use super::issuers;
use super::publishers;
use super::state::Trusted;

/// How long a token of the registry lasts that was exchanged.
const LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// Who carries a token that was exchanged, and the key that signs what it publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The workload, as its issuer vouched for it.
    pub identity: Identity,
    /// The key that it has made for this.
    pub key: PublicKey,
}

/// Issues a token to a workload whose issuer vouches for it.
pub(super) async fn exchange(
    trusted: &Trusted,
    address: Address,
    new: &NewTokenExchange,
) -> Result<Exchanged, Error> {
    let audience = trusted.site.told().ok_or(Error::NoAudience)?;
    let NewTokenExchange { plugin, token, key, proof } = new;
    let read = Unverified::parse(token)?;
    let believed = believed(trusted, read.claims.text("iss").ok_or(Error::NoClaim("iss"))?).await?;
    let signer = trusted.keys.find(&believed, &read.key).await?;
    let issuer = believed.issuer;
    if !signer.is_some_and(|signer| signer.has_signed(&read)) {
        return Err(Error::Signature { issuer: issuer.to_string(), key: read.key });
    }
    let now = Timestamp::now();
    let ticket = claims::check(&read.claims, audience, now)?;
    let proof = BASE64_STANDARD.decode(proof).map_err(|_| Error::invalid("the proof is not base64"))?;
    key.verify(NewTokenExchange::proof_text(plugin, token).as_bytes(), &proof)?;

    let whole = claims::whole(&issuer, &read.claims);
    // Whoever is nobody here keeps nobody else from writing.
    let mut snapshot = trusted.db.snapshot().await?;
    publishers::find(&mut snapshot, plugin, &whole).await?;
    drop(snapshot);
    let mut write = trusted.db.write().await?;
    let publisher = publishers::find(&mut write, plugin, &whole).await?;
    let account = publisher.added_by.clone();
    if role_within(&mut write, &plugin.namespace, &account).await? != Some(Role::Owner) {
        return Err(Error::Lapsed { plugin: plugin.clone(), by: account });
    }
    use_once(&mut write, &issuer, &ticket, token, now).await?;
    publishers::pin(&mut write, &publisher, &whole).await?;
    let identity = claims::kept(&whole, &publisher.publisher);
    let actor = Actor::of_workload(&account, &identity, address);
    let (token, hash) = issue_exchanged(&mut write, &actor, &account, plugin, &identity, LIFETIME).await?;
    let expires_at = now + LIFETIME;
    sqlx::query(
        "insert into exchanged_tokens (hash, publisher, identity, pem, expires_at) values ($1, $2, $3, $4, $5)",
    )
    .bind(hash)
    .bind(publisher.id)
    .bind(json!(identity).to_string())
    .bind(key.to_string())
    .bind(time(expires_at))
    .execute(&mut *write)
    .await?;
    write.commit().await?;
    Ok(Exchanged { account, token, expires_at, identity })
}

/// The issuer of a token, if its tokens are believed.
async fn believed(trusted: &Trusted, said: &str) -> Result<IssuerRecord, Error> {
    let unknown = || Error::UnknownIssuer(said.chars().take(200).collect());
    let issuer: Issuer = said.parse().map_err(|_| unknown())?;
    let mut db = trusted.db.read().acquire().await?;
    issuers::find(&mut db, &issuer).await?.ok_or_else(unknown)
}

/// Refuses a token that was exchanged before, and forgets those that have expired.
async fn use_once(
    write: &mut Write,
    issuer: &Issuer,
    ticket: &Ticket,
    token: &str,
    now: Timestamp,
) -> Result<(), Error> {
    for sql in [
        "delete from used_tokens where expires_at < $1",
        "delete from exchanged_tokens where expires_at < $1",
    ] {
        sqlx::query(sql).bind(time(now)).execute(&mut **write).await?;
    }
    let used = sqlx::query(
        "insert into used_tokens (issuer, token, expires_at) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(issuer.as_str())
    .bind(ticket.mark(token))
    .bind(time(ticket.ends_at))
    .execute(&mut **write)
    .await?;
    match used.rows_affected() {
        0 => Err(Error::Used),
        _ => Ok(()),
    }
}

/// For whom the token was issued that somebody shows; none: it was not exchanged for one of an issuer.
pub async fn exchanged_for(db: &Db, credential: &Credential) -> Result<Option<Exchange>, Error> {
    let Some(hash) = credential.token_hash() else { return Ok(None) };
    let found: Option<(Json<Identity>, Text<PublicKey>)> =
        sqlx::query_as("select identity, pem from exchanged_tokens where hash = $1 and expires_at >= $2")
            .bind(hash)
            .bind(time(Timestamp::now()))
            .fetch_optional(db.read())
            .await?;
    Ok(found.map(|(Json(identity), Text(key))| Exchange { identity, key }))
}
