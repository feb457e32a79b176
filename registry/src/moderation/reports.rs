//! Reports of abuse: by whoever has an account, about what it may see. Who has reported is for operators alone.

use chandlery_accounts::audit::record;
use chandlery_accounts::{Account, Caller, role, tell, tell_operators};
use chandlery_package::column::Text;
use chandlery_package::wire::{
    Act, NewReport, NewResolution, Page, Paging, Report, ReportOutcome, ReportReceipt, Resolution,
};
use chandlery_package::{Namespace, PluginId, Subject};
use chandlery_store::{Db, Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::quarantine::must_be_there;
use crate::catalog::{Error, must_be_short};

/// How many reports an account may make in a day.
const DAILY_MAX: i64 = 20;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Takes a report. Who reports the same thing again before it is looked into is told the number of the first one.
pub(super) async fn take(db: &Db, caller: &Caller, new: &NewReport) -> Result<ReportReceipt, Error> {
    must_be_short("what is wrong", &new.why)?;
    must_see(db, caller, new.subject.plugin()).await?;
    let now = Timestamp::now();
    let mut write = db.write().await?;
    must_be_there(&mut write, &new.subject).await?;
    let open: Option<(i64,)> = sqlx::query_as(
        "select id from abuse_reports where reported_by = $1 and subject = $2 and outcome is null",
    )
    .bind(caller.name.as_str())
    .bind(new.subject.to_string())
    .fetch_optional(&mut *write)
    .await?;
    if let Some((id,)) = open {
        return Ok(ReportReceipt { id });
    }
    may_report(&mut write, &caller.name, now).await?;
    let (id,): (i64,) = sqlx::query_as("select cast(coalesce(max(id), 0) + 1 as bigint) from abuse_reports")
        .fetch_one(&mut *write)
        .await?;
    sqlx::query(
        "insert into abuse_reports (id, subject, plugin, why, reported_by, reported_at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(new.subject.to_string())
    .bind(new.subject.plugin().to_string())
    .bind(&new.why)
    .bind(caller.name.as_str())
    .bind(time(now))
    .execute(&mut *write)
    .await?;
    let after = json!({ "subject": new.subject });
    record(&mut write, &caller.actor, Act::AbuseReported, &called(id), Value::Null, after).await?;
    let title = format!("{} is reported, by '{}'", new.subject, caller.name);
    let body = format!(
        "{}\n\nAn operator quarantines it with `chandlery quarantine`, and resolves the report with `chandlery reports resolve {id}`.\n",
        new.why
    );
    tell_operators(&mut write, &format!("report:{id}"), &title, &body, now).await?;
    write.commit().await?;
    Ok(ReportReceipt { id })
}

/// What the audit trail calls a report.
fn called(id: i64) -> String {
    format!("report {id}")
}

/// Refuses whoever may not see a plugin, without saying whether it exists.
async fn must_see(db: &Db, account: &Account, plugin: &PluginId) -> Result<(), Error> {
    let public: Option<(i64,)> = sqlx::query_as(
        "select cast(case when namespaces.visibility = 'public' then 1 else 0 end as bigint)
         from plugins join namespaces on namespaces.name = plugins.namespace where plugins.id = $1",
    )
    .bind(plugin.to_string())
    .fetch_optional(db.read())
    .await?;
    let seen = match public {
        Some((1,)) => true,
        Some(_) => account.operator || role(db, &plugin.namespace, &account.name).await?.is_some(),
        None => false,
    };
    if seen { Ok(()) } else { Err(Error::not_found(format!("plugin '{plugin}'"))) }
}

/// Refuses an account that has reported as often as it may for now.
async fn may_report(write: &mut Write, account: &Namespace, now: Timestamp) -> Result<(), Error> {
    let earlier: Option<(Text<Timestamp>,)> = sqlx::query_as(
        "select reported_at from abuse_reports where reported_by = $1 order by reported_at desc limit 1 offset $2",
    )
    .bind(account.as_str())
    .bind(DAILY_MAX - 1)
    .fetch_optional(&mut **write)
    .await?;
    let left = earlier.map(|(Text(at),)| (DAY - now.duration_since(at)).as_secs());
    match left.filter(|left| *left >= 0) {
        None => Ok(()),
        Some(left) => {
            let what = format!("'{account}' has made {DAILY_MAX} reports in a day");
            Err(chandlery_edge::Error::too_many(what, left.unsigned_abs() + 1).into())
        }
    }
}

/// Writes down what became of a report, once, and tells whoever made it.
pub(super) async fn resolve(db: &Db, caller: &Caller, id: i64, new: &NewResolution) -> Result<(), Error> {
    must_be_short("a note", &new.note)?;
    let now = Timestamp::now();
    let mut write = db.write().await?;
    let found: Option<(Text<Subject>, Text<Namespace>, Option<String>)> =
        sqlx::query_as("select subject, reported_by, outcome from abuse_reports where id = $1")
            .bind(id)
            .fetch_optional(&mut *write)
            .await?;
    let (Text(subject), Text(reporter), outcome) = found.ok_or_else(|| Error::not_found(called(id)))?;
    if let Some(outcome) = outcome {
        return Err(Error::conflict(format!("report {id} was resolved before: {outcome}")));
    }
    sqlx::query(
        "update abuse_reports set outcome = $1, note = $2, resolved_by = $3, resolved_at = $4 where id = $5",
    )
    .bind(Text(new.outcome))
    .bind(&new.note)
    .bind(caller.name.as_str())
    .bind(time(now))
    .bind(id)
    .execute(&mut *write)
    .await?;
    let after = json!({ "outcome": new.outcome, "note": new.note });
    record(&mut write, &caller.actor, Act::ReportResolved, &called(id), Value::Null, after).await?;
    let title = format!("your report of {subject} was looked into: {}", new.outcome);
    tell(&mut write, &reporter, &format!("report-resolved:{id}"), &title, &format!("{}\n", new.note), now)
        .await?;
    write.commit().await?;
    Ok(())
}

type Row = (
    i64,
    Text<Subject>,
    String,
    Text<Namespace>,
    Text<Timestamp>,
    Option<Text<ReportOutcome>>,
    Option<String>,
    Option<Text<Namespace>>,
    Option<Text<Timestamp>>,
);

fn report(row: Row) -> Report {
    let (id, Text(subject), why, Text(reported_by), Text(reported_at), outcome, note, by, at) = row;
    let resolved = outcome.zip(by).zip(at);
    let resolution = resolved.map(|((Text(outcome), Text(by)), Text(at))| Resolution {
        outcome,
        note: note.unwrap_or_default(),
        by,
        at,
    });
    Report { id, subject, why, reported_by, reported_at, resolution }
}

/// One report, if there is such a number.
pub(super) async fn find(db: &Db, id: i64) -> Result<Report, Error> {
    let row: Option<Row> = sqlx::query_as(
        "select id, subject, why, reported_by, reported_at, outcome, note, resolved_by, resolved_at
         from abuse_reports where id = $1",
    )
    .bind(id)
    .fetch_optional(db.read())
    .await?;
    row.map(report).ok_or_else(|| Error::not_found(called(id)))
}

/// How many reports wait to be looked into.
pub async fn count_open(db: &mut AnyConnection) -> Result<i64, Error> {
    let (count,): (i64,) =
        sqlx::query_as("select count(*) from abuse_reports where outcome is null").fetch_one(db).await?;
    Ok(count)
}

/// A page of all reports, or of those that wait to be looked into, the newest first.
pub(super) async fn list(db: &Db, open: bool, paging: &Paging<i64>) -> Result<Page<Report>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, subject, why, reported_by, reported_at, outcome, note, resolved_by, resolved_at
         from abuse_reports where id < $1 and ($2 = 0 or outcome is null) order by id desc limit $3",
    )
    .bind(paging.after().copied().unwrap_or(i64::MAX))
    .bind(i64::from(open))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    Ok(paging.cut(rows, |row| row.0).map(report))
}
