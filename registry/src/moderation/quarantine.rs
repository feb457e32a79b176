//! Quarantine: nobody installs or deploys a plugin, or one release of it, while it is looked into. Hosts hear of it by the log.

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_accounts::{Role, tell_members};
use chandlery_log as log;
use chandlery_package::Subject;
use chandlery_package::column::Text;
use chandlery_package::log::Entry;
use chandlery_package::wire::{Act, Page, Paging, Quarantine};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::catalog::{Error, changed, must_be_short};

/// Quarantines a plugin or a release, or gives another reason for that.
pub(super) async fn begin(db: &Db, actor: &Actor, subject: &Subject, reason: &str) -> Result<(), Error> {
    must_be_short("a reason", reason)?;
    let mut write = db.write().await?;
    must_be_there(&mut write, subject).await?;
    let before = reason_of(&mut write, subject).await?;
    if before.as_deref() == Some(reason) {
        return Ok(());
    }
    let at = Timestamp::now();
    let entry = Entry::Quarantined { subject: subject.clone(), reason: reason.into(), at };
    log::append(&mut write, &entry).await?;
    sqlx::query(
        "insert into quarantines (subject, plugin, reason, since) values ($1, $2, $3, $4)
         on conflict (subject) do update set reason = excluded.reason",
    )
    .bind(subject.to_string())
    .bind(subject.plugin().to_string())
    .bind(reason)
    .bind(time(at))
    .execute(&mut *write)
    .await?;
    let before = before.map_or(Value::Null, |reason| json!({ "reason": reason }));
    let after = json!({ "reason": reason });
    record(&mut write, actor, Act::Quarantined, &subject.to_string(), before, after).await?;
    changed(&mut write, subject.plugin()).await?;
    let title = format!("{subject} is quarantined");
    let body = format!(
        "{reason}\n\nNobody but the members of '{}' and the operators of the registry pulls it until that is lifted. Hosts that run it \
         deploy nothing more of it; what serves goes on.\n",
        subject.plugin().namespace
    );
    let key = format!("quarantine:{subject}:{}", time(at));
    tell_members(&mut write, &subject.plugin().namespace, Role::Publisher, &key, &title, &body, at).await?;
    write.commit().await?;
    tracing::warn!(%subject, reason, "quarantined");
    Ok(())
}

/// Lifts a quarantine. What is not quarantined stays so.
pub(super) async fn lift(db: &Db, actor: &Actor, subject: &Subject, reason: &str) -> Result<(), Error> {
    must_be_short("a reason", reason)?;
    let mut write = db.write().await?;
    must_be_there(&mut write, subject).await?;
    let Some(before) = reason_of(&mut write, subject).await? else { return Ok(()) };
    let at = Timestamp::now();
    let entry = Entry::QuarantineLifted { subject: subject.clone(), reason: reason.into(), at };
    log::append(&mut write, &entry).await?;
    sqlx::query("delete from quarantines where subject = $1")
        .bind(subject.to_string())
        .execute(&mut *write)
        .await?;
    let (before, after) = (json!({ "reason": before }), json!({ "reason": reason }));
    record(&mut write, actor, Act::QuarantineLifted, &subject.to_string(), before, after).await?;
    changed(&mut write, subject.plugin()).await?;
    let (title, body) = (format!("{subject} is not quarantined any more"), format!("{reason}\n"));
    let key = format!("quarantine-lifted:{subject}:{}", time(at));
    tell_members(&mut write, &subject.plugin().namespace, Role::Publisher, &key, &title, &body, at).await?;
    write.commit().await?;
    tracing::warn!(%subject, reason, "quarantine lifted");
    Ok(())
}

/// Refuses what was never released.
pub(super) async fn must_be_there(write: &mut Write, subject: &Subject) -> Result<(), Error> {
    let (sql, version) = match subject {
        Subject::Plugin(_) => {
            ("select plugin from releases where plugin = $1 and version <> $2 limit 1", String::new())
        }
        Subject::Release(release) => {
            ("select plugin from releases where plugin = $1 and version = $2", release.version.to_string())
        }
    };
    let found: Option<(String,)> = sqlx::query_as(sql)
        .bind(subject.plugin().to_string())
        .bind(version)
        .fetch_optional(&mut **write)
        .await?;
    let what = match subject {
        Subject::Plugin(plugin) => format!("plugin '{plugin}'"),
        Subject::Release(release) => format!("release {release}"),
    };
    found.map(drop).ok_or_else(|| Error::not_found(what))
}

async fn reason_of(write: &mut Write, subject: &Subject) -> Result<Option<String>, Error> {
    let found: Option<(String,)> = sqlx::query_as("select reason from quarantines where subject = $1")
        .bind(subject.to_string())
        .fetch_optional(&mut **write)
        .await?;
    Ok(found.map(|(reason,)| reason))
}

/// A page of what is quarantined, by name.
pub(super) async fn list(db: &Db, paging: &Paging<Subject>) -> Result<Page<Quarantine>, Error> {
    let rows: Vec<(Text<Subject>, String, Text<Timestamp>)> = sqlx::query_as(
        "select subject, reason, since from quarantines where subject > $1 order by subject limit $2",
    )
    .bind(paging.after().map(Subject::to_string).unwrap_or_default())
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(Text(subject), ..)| subject.clone());
    Ok(page.map(|(Text(subject), reason, Text(since))| Quarantine { subject, reason, since }))
}
