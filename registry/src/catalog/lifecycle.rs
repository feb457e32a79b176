//! What becomes of a release: yanked, so that nobody new chooses it; deprecated, with advice; withdrawn, so that nobody
//! runs it. And of a plugin: certified by the operator.

use chandlery_package::log::Entry;
use chandlery_package::wire::{Act, Deprecation};
use chandlery_package::{PluginId, Release};
use jiff::Timestamp;
use serde_json::{Value, json};

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_log as log;

use super::changes::changed;
use super::error::Error;
use chandlery_store::{Db, Write, time};

const REASON_BYTES_MAX: usize = 2000;

/// Yanks a release, or lets it be chosen again.
pub async fn yank(db: &Db, actor: &Actor, release: &Release, yanked: bool) -> Result<(), Error> {
    let mut write = db.write().await?;
    let (before,): (Option<String>,) =
        find(&mut write, "select yanked_at from releases where plugin = $1 and version = $2", release)
            .await?;
    if before.is_some() == yanked {
        return Ok(());
    }
    let (release, at) = (release.clone(), Timestamp::now());
    let entry = match yanked {
        true => Entry::Yanked { release: release.clone(), at },
        false => Entry::Unyanked { release: release.clone(), at },
    };
    log::append(&mut write, &entry).await?;
    sqlx::query("update releases set yanked_at = $1 where plugin = $2 and version = $3")
        .bind(yanked.then(|| time(at)))
        .bind(release.plugin.to_string())
        .bind(release.version.to_string())
        .execute(&mut *write)
        .await?;
    let (before, after) = (json!({ "yanked": !yanked }), json!({ "yanked": yanked }));
    record(&mut write, actor, Act::ReleaseYanked, &release.to_string(), before, after).await?;
    changed(&mut write, &release.plugin).await?;
    write.commit().await?;
    Ok(())
}

/// Withdraws a release, for ever.
pub async fn withdraw(db: &Db, actor: &Actor, release: &Release, reason: &str) -> Result<(), Error> {
    must_be_short("a reason", reason)?;
    let mut write = db.write().await?;
    let (before,): (Option<String>,) =
        find(&mut write, "select withdrawn_at from releases where plugin = $1 and version = $2", release)
            .await?;
    if before.is_some() {
        return Ok(());
    }
    let at = Timestamp::now();
    let entry = Entry::Withdrawn { release: release.clone(), reason: reason.into(), at };
    log::append(&mut write, &entry).await?;
    sqlx::query(
        "update releases set withdrawn_at = $1, withdrawn_reason = $2 where plugin = $3 and version = $4",
    )
    .bind(time(at))
    .bind(reason)
    .bind(release.plugin.to_string())
    .bind(release.version.to_string())
    .execute(&mut *write)
    .await?;
    let after = json!({ "reason": reason });
    record(&mut write, actor, Act::ReleaseWithdrawn, &release.to_string(), Value::Null, after).await?;
    changed(&mut write, &release.plugin).await?;
    write.commit().await?;
    tracing::warn!(%release, reason, "release withdrawn");
    Ok(())
}

/// Advises to use something else than a release, or no longer does.
pub async fn deprecate(
    db: &Db,
    actor: &Actor,
    release: &Release,
    advice: Option<&Deprecation>,
) -> Result<(), Error> {
    must_be_short("a note", advice.map_or("-", |advice| advice.note.as_str()))?;
    let mut write = db.write().await?;
    let sql = "select deprecated_note, successor from releases where plugin = $1 and version = $2";
    let before: (Option<String>, Option<String>) = find(&mut write, sql, release).await?;
    let successor = advice.and_then(|advice| advice.successor.as_ref()).map(PluginId::to_string);
    let after = (advice.map(|advice| advice.note.clone()), successor);
    if before == after {
        return Ok(());
    }
    let said = |(note, successor): &(Option<String>, Option<String>)| match note {
        Some(note) => json!({ "note": note, "successor": successor }),
        None => Value::Null,
    };
    let (subject, was, is) = (release.to_string(), said(&before), said(&after));
    record(&mut write, actor, Act::ReleaseDeprecated, &subject, was, is).await?;
    let (note, successor) = after;
    sqlx::query(
        "update releases set deprecated_note = $1, successor = $2 where plugin = $3 and version = $4",
    )
    .bind(note)
    .bind(successor)
    .bind(release.plugin.to_string())
    .bind(release.version.to_string())
    .execute(&mut *write)
    .await?;
    changed(&mut write, &release.plugin).await?;
    write.commit().await?;
    Ok(())
}

/// Certifies a plugin, or no longer does, in the transaction that it is a part of. Hosts go by what the log says of it.
pub(super) async fn certify_within(
    write: &mut Write,
    actor: &Actor,
    plugin: &PluginId,
    certified: bool,
) -> Result<(), Error> {
    let known: Option<(Option<String>,)> = sqlx::query_as("select certified_at from plugins where id = $1")
        .bind(plugin.to_string())
        .fetch_optional(&mut **write)
        .await?;
    let (before,) = known.ok_or_else(|| Error::not_found(format!("plugin '{plugin}'")))?;
    // What was certified before the log told of it is entered when it is certified again.
    if before.is_some() == certified && (!certified || is_logged(write, plugin).await?) {
        return Ok(());
    }
    let (plugin_id, at) = (plugin.clone(), Timestamp::now());
    let entry = match certified {
        true => Entry::Certified { plugin: plugin_id, at },
        false => Entry::Decertified { plugin: plugin_id, at },
    };
    log::append(write, &entry).await?;
    sqlx::query("update plugins set certified_at = $1 where id = $2")
        .bind(certified.then(|| time(at)))
        .bind(plugin.to_string())
        .execute(&mut **write)
        .await?;
    let (before, after) = (json!({ "certified": before.is_some() }), json!({ "certified": certified }));
    record(write, actor, Act::PluginCertified, &plugin.to_string(), before, after).await?;
    changed(write, plugin).await?;
    Ok(())
}

/// Whether the log has ever told that a plugin is certified.
async fn is_logged(write: &mut Write, plugin: &PluginId) -> Result<bool, Error> {
    // As every entry of this kind begins, whenever it was said.
    let begins = format!(r#"{{"type":"certified","plugin":"{plugin}","#);
    let (count,): (i64,) =
        sqlx::query_as("select count(*) from log_entries where substr(entry, 1, length($1)) = $1")
            .bind(begins)
            .fetch_one(&mut **write)
            .await?;
    Ok(count > 0)
}

async fn find<T>(write: &mut Write, sql: &'static str, release: &Release) -> Result<T, Error>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::any::AnyRow> + Send + Unpin,
{
    let found = sqlx::query_as(sql)
        .bind(release.plugin.to_string())
        .bind(release.version.to_string())
        .fetch_optional(&mut **write)
        .await?;
    found.ok_or_else(|| Error::not_found(format!("release {release}")))
}

/// Refuses a text that is empty, has more than 2000 bytes, or a control character other than the end of a line: it is read in terminals,
/// mails and the log. `what` is what it is called.
pub fn must_be_short(what: &str, text: &str) -> Result<(), Error> {
    let is_text = |c: char| !c.is_control() || c == '\n';
    match !text.trim().is_empty() && text.len() <= REASON_BYTES_MAX && text.chars().all(is_text) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "{what} has from 1 to {REASON_BYTES_MAX} bytes, and no control characters but ends of lines"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_text_that_people_read() {
        let long = "x".repeat(REASON_BYTES_MAX + 1);
        for (text, good) in [
            ("it leaks", true),
            ("one\ntwo", true),
            ("Ünïcode", true),
            ("", false),
            (" \n", false),
            ("\u{1b}[2J", false),
            ("a\rb", false),
            ("a\0b", false),
            ("\u{9b}31m", false),
            (&long, false),
        ] {
            assert_eq!(must_be_short("a reason", text).is_ok(), good, "{text:?}");
        }
    }
}
