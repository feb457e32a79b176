//! Reviews: releases that wait for an operator's word. A publisher asks for one; a new release of a certified plugin waits by itself, since
//! the log says of a plugin, and so of all its releases, that it is certified.

mod changes;
mod routes;

use chandlery_accounts::audit::record;
use chandlery_accounts::{Actor, Caller, Role, tell_members, tell_operators};
use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{
    Act, NewReview, NewReviewDecision, Page, Paging, Review, ReviewCase, ReviewDecision, Verdict,
};
use chandlery_package::{Namespace, PluginId, Release};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use semver::Version;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::error::Error;
use super::lifecycle::{certify_within, must_be_short};

pub(super) use changes::changes;
pub(super) use routes::routes;

/// How many cases are sent with a release, what each is called, and how long they are together, in bytes.
const CASES_MAX: usize = 10;
const CASE_NAME_BYTES_MAX: usize = 64;
const CASES_BYTES_MAX: usize = 64 << 10;

/// Asks operators to review a release. What is asked while it waits takes the place of what was asked before.
pub(super) async fn ask(
    db: &Db,
    (actor, by): (&Actor, &Namespace),
    release: &Release,
    new: &NewReview,
) -> Result<(), Error> {
    let note = new.note.trim();
    if !note.is_empty() {
        must_be_short("a note", note)?;
    }
    let cases = checked(&new.cases)?;
    let now = Timestamp::now();
    let mut write = db.write().await?;
    must_be_reviewable(&mut write, release).await?;
    let waits = sqlx::query(
        "update reviews set asked_by = $1, note = $2, cases = $3
         where plugin = $4 and version = $5 and decided_at is null",
    )
    .bind(by.as_str())
    .bind(note)
    .bind(&cases)
    .bind(release.plugin.to_string())
    .bind(release.version.to_string())
    .execute(&mut *write)
    .await?;
    if waits.rows_affected() == 0 {
        begin(&mut write, release, Some(by), note, &cases, now).await?;
    }
    let after = json!({ "note": note, "cases": new.cases.len() });
    record(&mut write, actor, Act::ReviewAsked, &release.to_string(), Value::Null, after).await?;
    write.commit().await?;
    Ok(())
}

/// Lets a release that was just published wait for a review, where its plugin is certified.
pub(super) async fn begin_if_certified(
    write: &mut Write,
    release: &Release,
    now: Timestamp,
) -> Result<(), Error> {
    let certified: Option<(String,)> =
        sqlx::query_as("select id from plugins where id = $1 and certified_at is not null")
            .bind(release.plugin.to_string())
            .fetch_optional(&mut **write)
            .await?;
    match certified {
        Some(_) => begin(write, release, None, "", "[]", now).await,
        None => Ok(()),
    }
}

async fn begin(
    write: &mut Write,
    release: &Release,
    by: Option<&Namespace>,
    note: &str,
    cases: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let (id,): (i64,) = sqlx::query_as("select cast(coalesce(max(id), 0) + 1 as bigint) from reviews")
        .fetch_one(&mut **write)
        .await?;
    sqlx::query(
        "insert into reviews (id, plugin, version, asked_by, asked_at, note, cases) values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(release.plugin.to_string())
    .bind(release.version.to_string())
    .bind(by.map(Namespace::as_str))
    .bind(time(now))
    .bind(note)
    .bind(cases)
    .execute(&mut **write)
    .await?;
    let (title, body) = (
        format!("{release} waits for a review"),
        format!(
            "What it changes stands on /operator/reviews, and is shown by `chandlery reviews show {release}`.\n"
        ),
    );
    Ok(tell_operators(write, &format!("review:{id}"), &title, &body, now).await?)
}

/// Cases as they are stored.
fn checked(cases: &[ReviewCase]) -> Result<String, Error> {
    if cases.len() > CASES_MAX {
        return Err(Error::invalid(format!(
            "a review has {CASES_MAX} cases at most, and not {}",
            cases.len()
        )));
    }
    for ReviewCase { name, .. } in cases {
        if name.trim().is_empty() || name.len() > CASE_NAME_BYTES_MAX || name.chars().any(char::is_control) {
            let why =
                format!("a case is called by 1 to {CASE_NAME_BYTES_MAX} bytes without control characters");
            return Err(Error::invalid(why));
        }
    }
    let text = json!(cases).to_string();
    match text.len() <= CASES_BYTES_MAX {
        true => Ok(text),
        false => Err(Error::invalid(format!(
            "the cases of a review have {CASES_BYTES_MAX} bytes at most, and not {}",
            text.len()
        ))),
    }
}

/// Refuses what was never released, and what nobody is to run.
async fn must_be_reviewable(write: &mut Write, release: &Release) -> Result<(), Error> {
    let found: Option<(Option<String>,)> =
        sqlx::query_as("select withdrawn_at from releases where plugin = $1 and version = $2")
            .bind(release.plugin.to_string())
            .bind(release.version.to_string())
            .fetch_optional(&mut **write)
            .await?;
    match found {
        None => Err(Error::not_found(format!("release {release}"))),
        Some((Some(_),)) => Err(Error::conflict(format!("{release} was withdrawn, and is not reviewed"))),
        Some((None,)) => Ok(()),
    }
}

/// Decides the review of a release that waits: its plugin is certified by that, or is not any more.
pub(super) async fn decide(
    db: &Db,
    caller: &Caller,
    release: &Release,
    new: &NewReviewDecision,
) -> Result<(), Error> {
    must_be_short("a reason", &new.reason)?;
    let now = Timestamp::now();
    let mut write = db.write().await?;
    must_be_reviewable(&mut write, release).await?;
    let decided: Option<(i64,)> = sqlx::query_as(
        "update reviews set verdict = $1, reason = $2, decided_by = $3, decided_at = $4
         where plugin = $5 and version = $6 and decided_at is null returning id",
    )
    .bind(Text(new.verdict))
    .bind(&new.reason)
    .bind(caller.name.as_str())
    .bind(time(now))
    .bind(release.plugin.to_string())
    .bind(release.version.to_string())
    .fetch_optional(&mut *write)
    .await?;
    let (id,) = decided.ok_or_else(|| {
        Error::conflict(format!(
            "no review of {release} waits: its publisher asks for one with `chandlery review {release}`"
        ))
    })?;
    certify_within(&mut write, &caller.actor, &release.plugin, new.verdict == Verdict::Certified).await?;
    let after = json!({ "verdict": new.verdict, "reason": new.reason });
    record(&mut write, &caller.actor, Act::ReviewDecided, &release.to_string(), Value::Null, after).await?;
    let (key, title) = (format!("review-decided:{id}"), format!("{release} was reviewed: {}", new.verdict));
    let (namespace, body) = (&release.plugin.namespace, format!("{}\n", new.reason));
    tell_members(&mut write, namespace, Role::Publisher, &key, &title, &body, now).await?;
    write.commit().await?;
    Ok(())
}

/// Certifies a plugin, or no longer does. What waits of a plugin that is certified waits no longer.
pub async fn certify(db: &Db, caller: &Caller, plugin: &PluginId, certified: bool) -> Result<(), Error> {
    let mut write = db.write().await?;
    certify_within(&mut write, &caller.actor, plugin, certified).await?;
    if certified {
        sqlx::query(
            "update reviews set verdict = $1, reason = 'The plugin was certified.', decided_by = $2, decided_at = $3
             where plugin = $4 and decided_at is null",
        )
        .bind(Text(Verdict::Certified))
        .bind(caller.name.as_str())
        .bind(time(Timestamp::now()))
        .bind(plugin.to_string())
        .execute(&mut *write)
        .await?;
    }
    write.commit().await?;
    Ok(())
}

type Row = (
    i64,
    Text<PluginId>,
    Text<Version>,
    Option<Text<Namespace>>,
    Text<Timestamp>,
    String,
    Option<Text<Verdict>>,
    Option<String>,
    Option<Text<Namespace>>,
    Option<Text<Timestamp>>,
);

fn review(row: Row) -> Review {
    let (_, Text(plugin), Text(version), asked_by, Text(asked_at), note, verdict, reason, by, at) = row;
    let decided = verdict.zip(by).zip(at);
    let decision = decided.map(|((Text(verdict), Text(by)), Text(at))| ReviewDecision {
        verdict,
        reason: reason.unwrap_or_default(),
        by,
        at,
    });
    let asked_by = asked_by.map(|Text(by)| by);
    Review { release: Release { plugin, version }, asked_by, asked_at, note, decision }
}

macro_rules! select_reviews {
    ($rest:literal) => {
        concat!(
            "select reviews.id, reviews.plugin, reviews.version, reviews.asked_by, reviews.asked_at, reviews.note,
                    reviews.verdict, reviews.reason, reviews.decided_by, reviews.decided_at from reviews ",
            $rest
        )
    };
}

/// A page of the releases that wait, the one that waits longest first; or of all reviews, the newest first.
pub(super) async fn list(db: &Db, waiting: bool, paging: &Paging<i64>) -> Result<Page<Review>, Error> {
    let (sql, usual) = match waiting {
        true => (
            select_reviews!(
                "join releases on releases.plugin = reviews.plugin and releases.version = reviews.version
                 where reviews.decided_at is null and releases.withdrawn_at is null and reviews.id > $1
                 order by reviews.id limit $2"
            ),
            0,
        ),
        false => (select_reviews!("where reviews.id < $1 order by reviews.id desc limit $2"), i64::MAX),
    };
    let rows: Vec<Row> = sqlx::query_as(sql)
        .bind(paging.after().copied().unwrap_or(usual))
        .bind(paging.rows())
        .fetch_all(db.read())
        .await?;
    Ok(paging.cut(rows, |row| row.0).map(review))
}

/// How many releases wait for a review.
pub async fn count_waiting(db: &mut AnyConnection) -> Result<i64, Error> {
    let (count,): (i64,) = sqlx::query_as(
        "select count(*) from reviews
         join releases on releases.plugin = reviews.plugin and releases.version = reviews.version
         where reviews.decided_at is null and releases.withdrawn_at is null",
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// The last review of a release, if there was any.
pub(super) async fn last(db: &Db, release: &Release) -> Result<Option<Review>, Error> {
    let row: Option<Row> = sqlx::query_as(select_reviews!(
        "where reviews.plugin = $1 and reviews.version = $2 order by reviews.id desc limit 1"
    ))
    .bind(release.plugin.to_string())
    .bind(release.version.to_string())
    .fetch_optional(db.read())
    .await?;
    Ok(row.map(review))
}

/// What a release is compared by: its own cases, or those that were sent for its plugin last.
async fn cases_of(db: &Db, release: &Release) -> Result<Vec<ReviewCase>, Error> {
    let row: Option<(Json<Vec<ReviewCase>>,)> = sqlx::query_as(
        "select cases from reviews where plugin = $1 and cases <> '[]'
         order by case when version = $2 then 0 else 1 end, id desc limit 1",
    )
    .bind(release.plugin.to_string())
    .bind(release.version.to_string())
    .fetch_optional(db.read())
    .await?;
    Ok(row.map(|(Json(cases),)| cases).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::catalog::planning::all_gpus;
    use chandlery_package::plan::EngineKind;

    fn case(name: &str, parameters: Value) -> ReviewCase {
        let parameters: Map<String, Value> = serde_json::from_value(parameters).unwrap();
        ReviewCase { name: name.into(), target: all_gpus()[0].on(EngineKind::Kubernetes), parameters }
    }

    #[test]
    fn cases_are_few_and_short() {
        let small = case("small", json!({ "replicas": 2 }));
        let kept = checked(&[small.clone(), small.clone()]).unwrap();
        assert_eq!(serde_json::from_str::<Vec<ReviewCase>>(&kept).unwrap(), [small.clone(), small.clone()]);
        assert!(checked(&[]).is_ok());
        let long = case("long", json!({ "x": "y".repeat(CASES_BYTES_MAX) }));
        for (cases, says) in [
            (vec![small; CASES_MAX + 1], "10 cases at most"),
            (vec![case(" ", json!({}))], "1 to 64 bytes"),
            (vec![case(&"n".repeat(65), json!({}))], "1 to 64 bytes"),
            (vec![case("a\nb", json!({}))], "control characters"),
            (vec![long], "65536 bytes at most"),
        ] {
            let refused = checked(&cases).unwrap_err().to_string();
            assert!(refused.contains(says), "{refused}");
        }
    }
}
