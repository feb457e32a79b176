//! Signing keys that members of a namespace ask its owners to add. The proof that a member holds the key is part of the request, so that an
//! owner adds it without having seen anything but its id.

pub(super) mod forgetting;

use chandlery_accounts::audit::record;
use chandlery_accounts::{Actor, Role, role_within, tell, tell_members};
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, KeyRecord, KeyRequest, NewKey, Page, Paging};
use chandlery_package::{KeyId, Namespace, PublicKey};
use chandlery_store::{Db, Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::error::Error;
use super::keys;
use super::staging::{may_publish, publishes};
use forgetting::forget;

/// How long the owners may take.
const LAPSES_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(sqlx::FromRow)]
struct Row {
    asked_by: Text<Namespace>,
    pem: Text<PublicKey>,
    proof: String,
    asked_at: Text<Timestamp>,
    lapses_at: Text<Timestamp>,
}

impl From<Row> for KeyRequest {
    fn from(row: Row) -> Self {
        Self {
            key: row.pem.0,
            asked_by: row.asked_by.0,
            asked_at: row.asked_at.0,
            lapses_at: row.lapses_at.0,
        }
    }
}

/// Asks the owners of a namespace to add a key, and tells them. It takes the place of the key that the same member asked for before.
pub async fn ask(
    db: &Db,
    (actor, by): (&Actor, &Namespace),
    namespace: &Namespace,
    new: &NewKey,
) -> Result<KeyRequest, Error> {
    keys::must_hold(namespace, new)?;
    let (mut write, now, id) = (db.write().await?, Timestamp::now(), new.key.id());
    if keys::known(&mut write, namespace, new.key).await?.is_some() {
        return Err(Error::conflict(format!("key {id} already signs releases of '{namespace}'")));
    }
    let request =
        KeyRequest { key: new.key, asked_by: by.clone(), asked_at: now, lapses_at: now + LAPSES_AFTER };
    sqlx::query(
        "insert into key_requests (namespace, asked_by, key_id, pem, proof, asked_at, lapses_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (namespace, asked_by) do update set key_id = excluded.key_id, pem = excluded.pem,
             proof = excluded.proof, asked_at = excluded.asked_at, lapses_at = excluded.lapses_at",
    )
    .bind(namespace.as_str())
    .bind(by.as_str())
    .bind(id.to_string())
    .bind(new.key.to_string())
    .bind(&new.proof)
    .bind(time(now))
    .bind(time(request.lapses_at))
    .execute(&mut *write)
    .await?;
    let after = json!({ "key": id.to_string() });
    record(&mut write, actor, Act::KeyRequested, namespace.as_str(), Value::Null, after).await?;
    tell_owners(&mut write, namespace, &request).await?;
    write.commit().await?;
    Ok(request)
}

/// Tells the owners once a day of each member, however often it asks.
async fn tell_owners(write: &mut Write, namespace: &Namespace, request: &KeyRequest) -> Result<(), Error> {
    let KeyRequest { key, asked_by, asked_at, lapses_at } = request;
    let once = format!("key-request:{namespace}:{asked_by}:{}", asked_at.strftime("%Y-%m-%d"));
    let title = format!("'{asked_by}' asks you to add a signing key to '{namespace}'");
    let body = format!(
        "'{asked_by}' may publish in '{namespace}', and has no key there yet. The key is {id}. If '{asked_by}' confirms that id to you, add \
         the key on /publish/namespaces/{namespace} or with `chandlery keys approve {namespace} {id}`; if not, refuse it there or with \
         `chandlery keys refuse {namespace} {id}`. Whoever holds the key signs releases of '{namespace}' once it is added. The request \
         lapses on {until}.\n",
        id = key.id(),
        until = lapses_at.strftime("%Y-%m-%d"),
    );
    tell_members(write, namespace, Role::Owner, &once, &title, &body, *asked_at).await?;
    Ok(())
}

/// A page of what waits in a namespace, by who asks. What somebody asked for who may not publish any more is left out.
pub async fn list(
    db: &Db,
    namespace: &Namespace,
    paging: &Paging<Namespace>,
) -> Result<Page<KeyRequest>, Error> {
    let mut read = db.snapshot().await?;
    let rows: Vec<Row> = sqlx::query_as(
        "select asked_by, pem, proof, asked_at, lapses_at from key_requests
         where namespace = $1 and lapses_at > $2 and asked_by > $3 order by asked_by limit $4",
    )
    .bind(namespace.as_str())
    .bind(time(Timestamp::now()))
    .bind(paging.after().map_or("", Namespace::as_str))
    .bind(paging.rows())
    .fetch_all(&mut *read)
    .await?;
    let page = paging.cut(rows, |row| row.asked_by.0.clone());
    let mut items = Vec::with_capacity(page.items.len());
    for row in page.items {
        if may_publish(&mut read, namespace, &row.asked_by.0).await? {
            items.push(row.into());
        }
    }
    Ok(Page { items, next: page.next })
}

/// Adds the key that a member asks for, as an owner's own key is added.
pub async fn approve(db: &Db, actor: &Actor, namespace: &Namespace, key: &KeyId) -> Result<KeyRecord, Error> {
    let mut write = db.write().await?;
    let row = find(&mut write, namespace, key).await?;
    let Text(asked_by) = &row.asked_by;
    if !may_publish(&mut write, namespace, asked_by).await? {
        return Err(Error::conflict(format!(
            "'{asked_by}', who asks for key {key}, may not publish in '{namespace}' any more: refuse the request"
        )));
    }
    let new = NewKey { key: row.pem.0, proof: row.proof };
    let added = keys::add(&mut write, actor, namespace, &new, Some(asked_by)).await?;
    let title = format!("your key signs releases of '{namespace}' from now on");
    let body = format!(
        "An owner has added {key}. `chandlery publish` signs with it, and so does the page /publish.\n"
    );
    tell(&mut write, asked_by, &told_as("added", namespace, key, asked_by), &title, &body, Timestamp::now())
        .await?;
    write.commit().await?;
    Ok(added)
}

/// Refuses what a member asks for, as an owner may, or takes it back where they do so themselves.
pub async fn refuse(
    db: &Db,
    (actor, by): (&Actor, &Namespace),
    namespace: &Namespace,
    key: &KeyId,
) -> Result<(), Error> {
    let (mut write, now) = (db.write().await?, Timestamp::now());
    let Row { asked_by: Text(asked_by), .. } = find(&mut write, namespace, key).await?;
    if asked_by != *by && role_within(&mut write, namespace, by).await? != Some(Role::Owner) {
        return Err(chandlery_edge::Error::forbidden(
            by,
            format!("refuse what '{asked_by}' asks for in '{namespace}'"),
        )
        .into());
    }
    forget(&mut write, namespace, key).await?;
    let before = json!({ "key": key.to_string(), "asked_by": asked_by });
    record(&mut write, actor, Act::KeyRequestRefused, namespace.as_str(), before, Value::Null).await?;
    if asked_by != *by {
        let title = format!("your key was not added to '{namespace}'");
        let body = format!("'{by}' has refused {key}. Ask '{by}' why before you ask for it again.\n");
        tell(&mut write, &asked_by, &told_as("refused", namespace, key, &asked_by), &title, &body, now)
            .await?;
    }
    Ok(write.commit().await?)
}

/// What the notice of an outcome is told once as.
fn told_as(outcome: &str, namespace: &Namespace, key: &KeyId, asked_by: &Namespace) -> String {
    format!("key-request-{outcome}:{namespace}:{key}:{asked_by}")
}

async fn find(write: &mut Write, namespace: &Namespace, key: &KeyId) -> Result<Row, Error> {
    let found: Option<Row> = sqlx::query_as(
        "select asked_by, pem, proof, asked_at, lapses_at from key_requests
         where namespace = $1 and key_id = $2 and lapses_at > $3 order by asked_at limit 1",
    )
    .bind(namespace.as_str())
    .bind(key.to_string())
    .bind(time(Timestamp::now()))
    .fetch_optional(&mut **write)
    .await?;
    found.ok_or_else(|| Error::not_found(format!("request to add key {key} to '{namespace}'")))
}

/// Forgets what has lapsed, and what was asked for by somebody who has no role for it any more.
pub async fn forget_lapsed(db: &Db) -> Result<(), Error> {
    type Row = (Text<Namespace>, Text<Namespace>, Text<KeyId>, Text<Timestamp>);
    let (waiting,): (i64,) = sqlx::query_as("select count(*) from key_requests").fetch_one(db.read()).await?;
    if waiting == 0 {
        return Ok(());
    }
    let mut write = db.write().await?;
    let rows: Vec<Row> = sqlx::query_as("select namespace, asked_by, key_id, lapses_at from key_requests")
        .fetch_all(&mut *write)
        .await?;
    for (Text(namespace), Text(asked_by), Text(key), Text(lapses_at)) in rows {
        if lapses_at <= Timestamp::now() || !publishes(&mut write, &namespace, &asked_by).await? {
            forget(&mut write, &namespace, &key).await?;
        }
    }
    Ok(write.commit().await?)
}
