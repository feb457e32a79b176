//! The drafts that are kept, each for a while.

use std::time::Duration;

use chandlery_package::column::{Json, Text};
use chandlery_package::problem::Problem;
use chandlery_package::{Component, Digest, Namespace};
use chandlery_store::{Db, Write, time};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::catalog::error::Error;

/// How many drafts an account may have.
pub(in crate::catalog) const DRAFTS_MAX: i64 = 5;
/// How long an upload takes at most.
pub(super) const UPLOADED_WITHIN: Duration = Duration::from_mins(15);
/// How long a draft is kept.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// When to try again who has too many, in seconds: most are published or discarded by then.
const TRY_AGAIN_SECONDS: u64 = 3600;

/// What was uploaded to be published.
pub(in crate::catalog) struct Draft {
    pub(in crate::catalog) id: Uuid,
    /// The namespace that its uploader wants to publish it in.
    pub(in crate::catalog) namespace: Namespace,
    /// What the file is called.
    pub(in crate::catalog) file: String,
    pub(in crate::catalog) digest: Digest,
    pub(in crate::catalog) bytes: u64,
    pub(in crate::catalog) read: Read,
    /// Where it was in the archive that it came in; none: it came alone.
    pub(in crate::catalog) origin: Option<Origin>,
    pub(in crate::catalog) lapses_at: Timestamp,
}

/// Where the component of a draft was in an archive.
#[derive(Serialize, Deserialize)]
pub(in crate::catalog) struct Origin {
    pub(in crate::catalog) path: String,
    /// In what the files of its folder differ from what it carries, in words.
    pub(in crate::catalog) differences: Vec<String>,
}

/// What was read of a draft.
pub(in crate::catalog) enum Read {
    /// A component, and the digest of the artifact that it would be published as.
    Component(Box<Component>, Digest),
    /// Why it is none that could be published.
    Refused(Problem),
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Text<Uuid>,
    namespace: Text<Namespace>,
    file: String,
    digest: Text<Digest>,
    bytes: i64,
    component: Option<Json<Component>>,
    artifact: Option<Text<Digest>>,
    refusal: Option<Json<Problem>>,
    unpacked: Option<Json<Origin>>,
    lapses_at: Text<Timestamp>,
}

impl TryFrom<Row> for Draft {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let id = row.id.0;
        let read = match (row.component, row.artifact, row.refusal) {
            (Some(Json(component)), Some(Text(artifact)), None) => {
                Read::Component(Box::new(component), artifact)
            }
            (None, None, Some(Json(problem))) => Read::Refused(problem),
            _ => return Err(Error::damaged(format!("draft {id} is neither a component nor refused"))),
        };
        Ok(Self {
            id,
            namespace: row.namespace.0,
            file: row.file,
            digest: row.digest.0,
            bytes: row.bytes.unsigned_abs(),
            read,
            origin: row.unpacked.map(|Json(origin)| origin),
            lapses_at: row.lapses_at.0,
        })
    }
}

/// A draft of an account, as long as it is kept.
pub(in crate::catalog) async fn find(db: &Db, account: &Namespace, id: Uuid) -> Result<Draft, Error> {
    let row: Option<Row> = sqlx::query_as(
        "select id, namespace, file, digest, bytes, component, artifact, refusal, unpacked, lapses_at from drafts
         where id = $1 and account = $2 and lapses_at > $3 and digest is not null",
    )
    .bind(id.to_string())
    .bind(account.as_str())
    .bind(time(Timestamp::now()))
    .fetch_optional(db.read())
    .await?;
    row.ok_or_else(|| Error::not_found(format!("draft {id}")))?.try_into()
}

/// The drafts of an account, the last one first.
pub(in crate::catalog) async fn list(db: &Db, account: &Namespace) -> Result<Vec<Draft>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, namespace, file, digest, bytes, component, artifact, refusal, unpacked, lapses_at from drafts
         where account = $1 and lapses_at > $2 and digest is not null order by uploaded_at desc, id limit $3",
    )
    .bind(account.as_str())
    .bind(time(Timestamp::now()))
    .bind(DRAFTS_MAX)
    .fetch_all(db.read())
    .await?;
    rows.into_iter().map(Draft::try_from).collect()
}

/// Takes a place for a draft that an account is about to upload, unless it has as many as it may.
pub(super) async fn reserve(
    db: &Db,
    account: &Namespace,
    namespace: &Namespace,
    file: &str,
) -> Result<Uuid, Error> {
    let id = Uuid::new_v4();
    let mut write = db.write().await?;
    let now = Timestamp::now();
    let reserved = sqlx::query(
        "insert into drafts (id, account, namespace, file, uploaded_at, lapses_at) select $1, $2, $3, $4, $5, $6
         where (select count(*) from drafts where account = $2 and lapses_at > $5) < $7",
    )
    .bind(id.to_string())
    .bind(account.as_str())
    .bind(namespace.as_str())
    .bind(file)
    .bind(time(now))
    .bind(time(now + UPLOADED_WITHIN))
    .bind(DRAFTS_MAX)
    .execute(&mut *write)
    .await?;
    if reserved.rows_affected() == 0 {
        return Err(too_many(account));
    }
    write.commit().await?;
    Ok(id)
}

/// What was uploaded whole.
pub(super) struct Whole {
    /// What the component is called in the archive that it came in.
    pub(super) file: Option<String>,
    pub(super) digest: Digest,
    pub(super) bytes: u64,
    pub(super) read: Read,
    pub(super) origin: Option<Origin>,
}

/// Fills the place of a draft, in a transaction in which its bytes are known to be stored.
pub(super) async fn fill(write: &mut Write, id: Uuid, whole: &Whole) -> Result<(), Error> {
    let (component, artifact, refusal) = match &whole.read {
        Read::Component(component, artifact) => {
            (Some(json!(component).to_string()), Some(artifact.to_string()), None)
        }
        Read::Refused(problem) => (None, None, Some(json!(problem).to_string())),
    };
    let now = Timestamp::now();
    let filled = sqlx::query(
        "update drafts set digest = $1, bytes = $2, component = $3, artifact = $4, refusal = $5, uploaded_at = $6, lapses_at = $7,
                           file = coalesce($8, file), unpacked = $9
         where id = $10 and lapses_at > $6 and digest is null",
    )
    .bind(whole.digest.to_string())
    .bind(whole.bytes as i64)
    .bind(component)
    .bind(artifact)
    .bind(refusal)
    .bind(time(now))
    .bind(time(now + KEPT_FOR))
    .bind(whole.file.as_deref())
    .bind(whole.origin.as_ref().map(|origin| json!(origin).to_string()))
    .bind(id.to_string())
    .execute(&mut **write)
    .await?;
    match filled.rows_affected() {
        0 => Err(lapsed()),
        _ => Ok(()),
    }
}

/// That an upload took too long.
pub(super) fn lapsed() -> Error {
    Error::conflict(format!(
        "the upload took longer than {} minutes, after which its place is given to others: upload it again",
        UPLOADED_WITHIN.as_secs() / 60
    ))
}

/// Gives back the place of a draft that was not uploaded whole.
pub(super) async fn give_back(db: &Db, id: Uuid) -> Result<(), Error> {
    let mut write = db.write_shared().await?;
    sqlx::query("delete from drafts where id = $1 and digest is null")
        .bind(id.to_string())
        .execute(&mut *write)
        .await?;
    Ok(write.commit().await?)
}

fn too_many(account: &Namespace) -> Error {
    let what = format!("'{account}' has {DRAFTS_MAX} drafts, and can publish or discard some");
    chandlery_edge::Error::too_many(what, TRY_AGAIN_SECONDS).into()
}

/// Forgets a draft of an account. What it alone has stored is garbage from then on.
pub(in crate::catalog) async fn discard(db: &Db, account: &Namespace, id: Uuid) -> Result<(), Error> {
    let mut write = db.write().await?;
    let gone = sqlx::query("delete from drafts where id = $1 and account = $2")
        .bind(id.to_string())
        .bind(account.as_str())
        .execute(&mut *write)
        .await?;
    match gone.rows_affected() {
        0 => Err(Error::not_found(format!("draft {id}"))),
        _ => Ok(write.commit().await?),
    }
}

/// Forgets the drafts that have lapsed.
pub async fn forget_lapsed(db: &Db) -> Result<(), Error> {
    let mut write = db.write().await?;
    sqlx::query("delete from drafts where lapses_at <= $1")
        .bind(time(Timestamp::now()))
        .execute(&mut *write)
        .await?;
    Ok(write.commit().await?)
}
