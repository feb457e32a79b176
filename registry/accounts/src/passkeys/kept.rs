//! What is kept of passkeys: whose each is, what its owner calls it, and its public key with how often it has signed.

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::PasskeyRecord;
use chandlery_package::{Digest, Namespace};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use webauthn_rs::prelude::{CredentialID, Passkey};

use crate::Error;

/// How many passkeys an account has at most.
pub(super) const PASSKEYS_MAX: usize = 20;
/// How many hexadecimal digits of its credential's digest tell a passkey apart from all others.
const ID_DIGITS: usize = 32;

/// A passkey as it was found.
pub(super) struct Found {
    pub(super) account: Namespace,
    pub(super) name: String,
    /// The JSON of it, by which a change beside is seen.
    pub(super) kept: String,
}

/// What a passkey is called here, by the id of its credential.
pub(super) fn id_of(credential: &[u8]) -> String {
    Digest::of(credential).hex().chars().take(ID_DIGITS).collect()
}

/// The passkeys of an account, oldest first.
pub async fn list(db: &Db, account: &Namespace) -> Result<Vec<PasskeyRecord>, Error> {
    type Row = (String, String, Text<Timestamp>, Option<Text<Timestamp>>);
    let rows: Vec<Row> = sqlx::query_as(
        "select id, name, created_at, used_at from passkeys where account = $1 order by created_at, id",
    )
    .bind(account.as_str())
    .fetch_all(db.read())
    .await?;
    let read = |(id, name, Text(created_at), used_at): Row| PasskeyRecord {
        id,
        name,
        created_at,
        used_at: used_at.map(|Text(at)| at),
    };
    Ok(rows.into_iter().map(read).collect())
}

/// The credentials that an account has, as a transaction sees them.
pub(super) async fn credentials(write: &mut Write, account: &Namespace) -> Result<Vec<CredentialID>, Error> {
    let rows: Vec<(Json<Passkey>,)> =
        sqlx::query_as("select passkey from passkeys where account = $1 order by created_at, id")
            .bind(account.as_str())
            .fetch_all(&mut **write)
            .await?;
    Ok(rows.into_iter().map(|(Json(passkey),)| passkey.cred_id().clone()).collect())
}

/// A passkey, whosever it is.
pub(super) async fn find(db: &Db, id: &str) -> Result<Option<Found>, Error> {
    let found: Option<(Text<Namespace>, String, String)> =
        sqlx::query_as("select account, name, passkey from passkeys where id = $1")
            .bind(id)
            .fetch_optional(db.read())
            .await?;
    Ok(found.map(|(Text(account), name, kept)| Found { account, name, kept }))
}

/// Refuses an id of no passkey of this account.
pub(super) async fn must_be_of(db: &Db, account: &Namespace, id: &str) -> Result<(), Error> {
    match find(db, id).await? {
        Some(found) if found.account == *account => Ok(()),
        _ => Err(none(id)),
    }
}

/// Adds a passkey; says whether there was none of its credential.
pub(super) async fn insert(
    write: &mut Write,
    account: &Namespace,
    record: &PasskeyRecord,
    passkey: &Passkey,
) -> Result<bool, Error> {
    let inserted = sqlx::query(
        "insert into passkeys (id, account, name, passkey, created_at) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
    )
    .bind(record.id.as_str())
    .bind(account.as_str())
    .bind(record.name.as_str())
    .bind(json_of(passkey)?)
    .bind(time(record.created_at))
    .execute(&mut **write)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Writes down that a passkey was used, and how often it has signed; says whether it is there, and was not used since it was found.
pub(super) async fn note_use(
    write: &mut Write,
    id: &str,
    found: &Found,
    passkey: &Passkey,
    now: Timestamp,
) -> Result<bool, Error> {
    let noted = sqlx::query("update passkeys set passkey = $1, used_at = $2 where id = $3 and passkey = $4")
        .bind(json_of(passkey)?)
        .bind(time(now))
        .bind(id)
        .bind(found.kept.as_str())
        .execute(&mut **write)
        .await?;
    Ok(noted.rows_affected() == 1)
}

/// Gives a passkey of an account another name, and gives the one before.
pub(super) async fn set_name(
    write: &mut Write,
    account: &Namespace,
    id: &str,
    name: &str,
) -> Result<String, Error> {
    let before: Option<(String,)> =
        sqlx::query_as("select name from passkeys where account = $1 and id = $2")
            .bind(account.as_str())
            .bind(id)
            .fetch_optional(&mut **write)
            .await?;
    let (before,) = before.ok_or_else(|| none(id))?;
    sqlx::query("update passkeys set name = $1 where account = $2 and id = $3")
        .bind(name)
        .bind(account.as_str())
        .bind(id)
        .execute(&mut **write)
        .await?;
    Ok(before)
}

/// Forgets a passkey of an account, and gives what it was called.
pub(super) async fn forget(write: &mut Write, account: &Namespace, id: &str) -> Result<String, Error> {
    let forgotten: Option<(String,)> =
        sqlx::query_as("delete from passkeys where account = $1 and id = $2 returning name")
            .bind(account.as_str())
            .bind(id)
            .fetch_optional(&mut **write)
            .await?;
    let (name,) = forgotten.ok_or_else(|| none(id))?;
    Ok(name)
}

/// A passkey as it is kept.
pub(super) fn read(found: &Found) -> Result<Passkey, Error> {
    serde_json::from_str(&found.kept).map_err(|error| Error::damaged(format!("a passkey: {error}")))
}

fn json_of(passkey: &Passkey) -> Result<String, Error> {
    serde_json::to_string(passkey).map_err(|error| Error::damaged(format!("a passkey: {error}")))
}

fn none(id: &str) -> Error {
    Error::NotFound(format!("passkey '{id}'"))
}
