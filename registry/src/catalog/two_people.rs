//! Whether it takes two members to publish in a namespace: an owner wants it at once, and two owners end it.

use chandlery_accounts::audit::record;
use chandlery_accounts::{Actor, Role, is_suspended, origins, publishers_of, role_within};
use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, TwoPeople};
use chandlery_store::{Db, Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sqlx::AnyConnection;

use super::error::Error;

/// How long another member may take to agree.
pub(super) const LAPSES_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

type Row = (Option<Text<Namespace>>, Option<Text<Timestamp>>);

async fn row(db: &mut AnyConnection, namespace: &Namespace) -> Result<Option<Row>, Error> {
    let found = sqlx::query_as("select end_asked_by, end_asked_at from two_people where namespace = $1")
        .bind(namespace.as_str())
        .fetch_optional(db)
        .await?;
    Ok(found)
}

/// Who wants it to end, and since when, unless that has lapsed.
fn asked(row: Row, now: Timestamp) -> Option<(Namespace, Timestamp)> {
    let (Text(by), Text(at)) = row.0.zip(row.1)?;
    (now.duration_since(at) < LAPSES_AFTER).then_some((by, at))
}

fn state(required: bool, asked: Option<(Namespace, Timestamp)>) -> TwoPeople {
    let (end_asked_by, end_lapses_at) = asked.map(|(by, at)| (by, at + LAPSES_AFTER)).unzip();
    TwoPeople { required, end_asked_by, end_lapses_at }
}

/// Whether it takes two members to publish.
pub(super) async fn are_required(db: &mut AnyConnection, namespace: &Namespace) -> Result<bool, Error> {
    Ok(row(db, namespace).await?.is_some())
}

/// Whether two accounts are of two people, as far as the registry knows.
pub(super) async fn are_independent(
    db: &mut AnyConnection,
    one: &Namespace,
    other: &Namespace,
) -> Result<bool, Error> {
    let (own, theirs) = (origins::behind(db, one).await?, origins::behind(db, other).await?);
    Ok(own.is_disjoint(&theirs))
}

/// What is so now.
pub async fn show(db: &Db, namespace: &Namespace) -> Result<TwoPeople, Error> {
    let mut snapshot = db.snapshot().await?;
    let found = row(&mut snapshot, namespace).await?;
    let required = found.is_some();
    let asked = found.and_then(|row| asked(row, Timestamp::now()));
    Ok(state(required, still_wanted(&mut snapshot, namespace, asked).await?))
}

/// Whether two members may publish who are two people, as far as the registry knows: without a second one nothing is ever approved.
pub(super) async fn has_two(db: &mut AnyConnection, namespace: &Namespace) -> Result<bool, Error> {
    let members = publishers_of(&mut *db, namespace).await?;
    for (at, one) in members.iter().enumerate() {
        for other in &members[at + 1..] {
            if are_independent(&mut *db, one, other).await? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Lets it take two members to publish from now on. Whoever wanted it to end has to ask again.
pub async fn require(db: &Db, actor: &Actor, namespace: &Namespace) -> Result<TwoPeople, Error> {
    let mut write = db.write().await?;
    let before = row(&mut write, namespace).await?;
    if matches!(before, Some((None, _))) {
        return Ok(state(true, None));
    }
    if before.is_none() && !has_two(&mut write, namespace).await? {
        return Err(Error::conflict(format!(
            "only one person can publish in '{namespace}', so nobody could approve a release: invite a second one first, with \
             `chandlery namespace invite {namespace} ACCOUNT`, and require two people once they have accepted"
        )));
    }
    sqlx::query(
        "insert into two_people (namespace) values ($1)
         on conflict (namespace) do update set end_asked_by = null, end_asked_at = null",
    )
    .bind(namespace.as_str())
    .execute(&mut *write)
    .await?;
    let (before, after) = (json!({ "required": before.is_some() }), json!({ "required": true }));
    record(&mut write, actor, Act::TwoPeopleSet, namespace.as_str(), before, after).await?;
    write.commit().await?;
    Ok(state(true, None))
}

/// Ends that it takes two members, in the transaction that gives the namespace to another account: whoever owns it from then on is alone
/// there, and decides anew.
pub async fn forget(write: &mut Write, actor: &Actor, namespace: &Namespace) -> Result<(), Error> {
    let ended = sqlx::query("delete from two_people where namespace = $1")
        .bind(namespace.as_str())
        .execute(&mut **write)
        .await?;
    if ended.rows_affected() > 0 {
        let (before, after) = (json!({ "required": true }), json!({ "required": false }));
        record(write, actor, Act::TwoPeopleSet, namespace.as_str(), before, after).await?;
    }
    Ok(())
}

/// Asks that one member is enough to publish; where another owner has asked for it before, it is so from now on.
pub async fn end(db: &Db, actor: &Actor, by: &Namespace, namespace: &Namespace) -> Result<TwoPeople, Error> {
    let (mut write, now) = (db.write().await?, Timestamp::now());
    let Some(found) = row(&mut write, namespace).await? else { return Ok(state(false, None)) };
    let asked = still_wanted(&mut write, namespace, asked(found, now)).await?;
    let (after, what) = match asked {
        Some((first, at)) if first == *by => return Ok(state(true, Some((first, at)))),
        Some((first, _)) => {
            if !are_independent(&mut write, &first, by).await? {
                let action =
                    format!("agree to what '{first}' wants, since one of them acts through the other");
                let remedy = format!("ask another owner of '{namespace}', who acts through neither of them");
                return Err(chandlery_edge::Error::forbidden_until(by, action, remedy).into());
            }
            sqlx::query("delete from two_people where namespace = $1")
                .bind(namespace.as_str())
                .execute(&mut *write)
                .await?;
            (state(false, None), json!({ "required": false, "asked_by": first }))
        }
        None => {
            sqlx::query("update two_people set end_asked_by = $1, end_asked_at = $2 where namespace = $3")
                .bind(by.as_str())
                .bind(time(now))
                .bind(namespace.as_str())
                .execute(&mut *write)
                .await?;
            (state(true, Some((by.clone(), now))), json!({ "required": true, "end_asked_by": by }))
        }
    };
    let before = json!({ "required": true });
    record(&mut write, actor, Act::TwoPeopleSet, namespace.as_str(), before, what).await?;
    write.commit().await?;
    Ok(after)
}

/// What an owner wants who is none any more, or is suspended, is wanted by nobody.
async fn still_wanted(
    db: &mut AnyConnection,
    namespace: &Namespace,
    asked: Option<(Namespace, Timestamp)>,
) -> Result<Option<(Namespace, Timestamp)>, Error> {
    let Some((by, at)) = asked else { return Ok(None) };
    let role = role_within(&mut *db, namespace, &by).await?;
    let stands = role == Some(Role::Owner) && !is_suspended(db, &by).await?;
    Ok(stands.then_some((by, at)))
}

/// Forgets what was wanted by somebody who does not own the namespace any more.
pub(super) async fn forget_unwanted(write: &mut Write) -> Result<(), Error> {
    let rows: Vec<(Text<Namespace>, Text<Namespace>)> = sqlx::query_as(
        "select namespace, end_asked_by from two_people where end_asked_by is not null order by namespace",
    )
    .fetch_all(&mut **write)
    .await?;
    for (Text(namespace), Text(by)) in rows {
        if role_within(write, &namespace, &by).await? != Some(Role::Owner) {
            sqlx::query(
                "update two_people set end_asked_by = null, end_asked_at = null where namespace = $1",
            )
            .bind(namespace.as_str())
            .execute(&mut **write)
            .await?;
        }
    }
    Ok(())
}
