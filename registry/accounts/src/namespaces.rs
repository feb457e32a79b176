//! Namespaces: taken once, by whoever comes first, unless the name would be mistaken for another.

use chandlery_package::column::Text;
use chandlery_package::wire::Act;
use chandlery_package::{Namespace, words};
use chandlery_store::{Db, Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::actor::Actor;
use crate::audit::record;
use crate::looks::looks;
use crate::{Account, Error, Role, join};

words! {
    /// Who may see and pull what a namespace holds.
    pub enum Visibility: "visibility" {
        /// Everybody, without an account.
        Public = "public",
        /// Its members alone.
        Private = "private",
    }
}

/// Names that would seem to speak for the marketplace, for the ecosystem, or for nobody.
const RESERVED: [&str; 32] = [
    "admin",
    "administrator",
    "api",
    "billing",
    "certified",
    "chandlery",
    "component",
    "dashboard",
    "default",
    "docs",
    "example",
    "help",
    "host",
    "library",
    "local",
    "localhost",
    "log",
    "marketplace",
    "nobody",
    "null",
    "official",
    "operator",
    "payouts",
    "plugin",
    "plugins",
    "registry",
    "root",
    "security",
    "support",
    "system",
    "wasi",
    "www",
];

/// How many namespaces an account may take in an hour and in a day.
const TAKEN_MAX: [(SignedDuration, i64); 2] =
    [(SignedDuration::from_hours(1), 10), (SignedDuration::from_hours(24), 30)];

/// Whether a name would seem to speak for the marketplace: only whoever operates it takes that.
pub(crate) fn is_reserved(name: &Namespace) -> bool {
    RESERVED.contains(&name.as_str())
}

/// Takes a namespace for an account. Whoever operates the registry may speak for it, and takes reserved ones, too.
pub async fn take_namespace(db: &Db, actor: &Actor, owner: &Account, name: &Namespace) -> Result<(), Error> {
    let is_reserved = is_reserved(name);
    if is_reserved && !owner.operator {
        return Err(Error::Reserved(name.clone()));
    }
    let (mut write, now) = (db.write().await?, Timestamp::now());
    if !owner.operator {
        may_take(&mut write, &owner.name, now).await?;
    }
    let taken: Vec<(String,)> = sqlx::query_as("select name from namespaces").fetch_all(&mut *write).await?;
    let look = skeleton(name.as_str());
    let reserved = RESERVED.iter().copied().filter(|_| !is_reserved);
    if let Some(other) =
        taken.iter().map(|(other,)| other.as_str()).chain(reserved).find(|other| skeleton(other) == look)
    {
        return Err(Error::Conflict(match other == name.as_str() {
            true => format!("the namespace '{name}' is taken"),
            false => format!("the namespace '{name}' would be mistaken for '{other}'"),
        }));
    }
    sqlx::query("insert into namespaces (name, created_at, created_by) values ($1, $2, $3)")
        .bind(name.as_str())
        .bind(time(now))
        .bind(owner.name.as_str())
        .execute(&mut *write)
        .await?;
    join(&mut write, name, &owner.name, Role::Owner).await?;
    let after = json!({ "owner": owner.name });
    record(&mut write, actor, Act::NamespaceTaken, name.as_str(), Value::Null, after).await?;
    Ok(write.commit().await?)
}

/// Refuses an account that has taken as many namespaces as it may for now.
async fn may_take(write: &mut Write, account: &Namespace, now: Timestamp) -> Result<(), Error> {
    for (period, max) in TAKEN_MAX {
        let earlier: Option<(Text<Timestamp>,)> = sqlx::query_as(
            "select created_at from namespaces where created_by = $1 order by created_at desc limit 1 offset $2",
        )
        .bind(account.as_str())
        .bind(max - 1)
        .fetch_optional(&mut **write)
        .await?;
        let left = earlier.map(|(Text(at),)| (period - now.duration_since(at)).as_secs());
        if let Some(left) = left.filter(|left| *left >= 0) {
            let what = format!("'{account}' has taken {max} namespaces in {} h", period.as_hours());
            return Err(Error::too_many(what, left.unsigned_abs() + 1));
        }
    }
    Ok(())
}

/// What a namespace is taken for: what it looks like, whether there is one of it or several.
fn skeleton(name: &str) -> String {
    let joined = looks(name);
    joined.strip_suffix('s').map(str::to_owned).unwrap_or(joined)
}

/// Says who may see and pull what a namespace holds, in the transaction of what follows from it.
pub async fn set_visibility(
    write: &mut Write,
    actor: &Actor,
    namespace: &Namespace,
    visibility: Visibility,
) -> Result<(), Error> {
    let found: Option<(Text<Visibility>,)> =
        sqlx::query_as("select visibility from namespaces where name = $1")
            .bind(namespace.as_str())
            .fetch_optional(&mut **write)
            .await?;
    let before = found.map(|(Text(before),)| before);
    if before == Some(visibility) {
        return Ok(());
    }
    let before = before.map_or(Value::Null, |before| json!({ "visibility": before }));
    let after = json!({ "visibility": visibility });
    record(write, actor, Act::VisibilityChanged, namespace.as_str(), before, after).await?;
    sqlx::query("update namespaces set visibility = $1 where name = $2")
        .bind(Text(visibility))
        .bind(namespace.as_str())
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Whether anybody may see and pull what a namespace holds.
pub async fn is_public(db: &Db, namespace: &Namespace) -> Result<bool, Error> {
    let found: Option<(Text<Visibility>,)> =
        sqlx::query_as("select visibility from namespaces where name = $1")
            .bind(namespace.as_str())
            .fetch_optional(db.read())
            .await?;
    let (Text(visibility),) = found.ok_or_else(|| Error::NotFound(format!("namespace '{namespace}'")))?;
    Ok(visibility == Visibility::Public)
}

/// Counts bytes that a namespace keeps from now on or, below zero, keeps no longer, and gives how many it keeps in all.
pub async fn add_bytes(write: &mut Write, namespace: &Namespace, bytes: i64) -> Result<u64, Error> {
    let (kept,): (i64,) =
        sqlx::query_as("update namespaces set bytes = bytes + $1 where name = $2 returning bytes")
            .bind(bytes)
            .bind(namespace.as_str())
            .fetch_one(&mut **write)
            .await?;
    u64::try_from(kept).map_err(|_| Error::damaged(format!("'{namespace}' keeps {kept} bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for (one, other) in [
            ("acme", "ac-me"),
            ("google", "g00gle"),
            ("paypal", "paypa1"),
            ("modern", "modem"),
            ("acme", "acmes"),
        ] {
            assert_eq!(skeleton(one), skeleton(other), "{one} {other}");
        }
        for (one, other) in [("acme", "acne"), ("ocr", "ocean")] {
            assert_ne!(skeleton(one), skeleton(other), "{one} {other}");
        }
        assert!(RESERVED.is_sorted());
    }
}
