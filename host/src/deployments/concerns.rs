//! What is said against a release that is deployed: told when it is first known, and once more when it is over. What serves goes on.

use std::collections::BTreeMap;

use chandlery_package::log::Objection;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::record::{self, Intent, Record};
use super::{Deployments, Error};
use crate::events::tell;
use chandlery_sandbox::EventKind;

/// What is said, by what it is about.
type Concerns = BTreeMap<String, String>;

/// What it is about that a release is not to be run.
const OBJECTION: &str = "objection";

impl Deployments {
    /// Tells integrations of what is said by now against the releases of all deployments.
    pub(crate) async fn mind_concerns(&self) -> Result<(), Error> {
        for record in record::all(self.db.pool()).await? {
            let now = self.concerns(&record).await?;
            if record.intent == Intent::Removed || told(self.db.pool(), &record.name).await? == now {
                continue;
            }
            let mut write = self.db.write().await?;
            // What has changed meanwhile is looked at the next time.
            if record::is_still(&mut write, &record).await? {
                let integrations = self.installs.integrations()?;
                for says in note(&mut write, &record.name, &now).await? {
                    tracing::warn!(deployment = record.name, "{says}");
                    let event = record.event(EventKind::UsageThreshold, says);
                    tell(&mut write, &integrations, &event).await?;
                }
            }
            write.commit().await?;
        }
        Ok(())
    }

    async fn concerns(&self, record: &Record) -> Result<Concerns, Error> {
        let mut concerns = Concerns::new();
        if let Some(objection) = self.installs.objection(&record.release).await? {
            concerns.insert(OBJECTION.into(), in_words(record, &objection));
        }
        for advised in self.installs.advisories(&record.release).await? {
            let says = format!("{}: {advised}", record.release);
            concerns.insert(format!("advisory {}", advised.id), says);
        }
        Ok(concerns)
    }
}

fn in_words(Record { release, .. }: &Record, objection: &Objection) -> String {
    match objection {
        Objection::Quarantined(_) => {
            format!("{release}: {objection}; nothing more of it is deployed, and what serves goes on")
        }
        Objection::Withdrawn(_) | Objection::Revoked { .. } => {
            format!("{release} is not to be run any more: {objection}")
        }
    }
}

/// What integrations were told of a deployment and is not over.
async fn told(db: impl SqliteExecutor<'_>, deployment: &str) -> Result<Concerns, Error> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("select about, says from concerns where deployment = $1")
            .bind(deployment)
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().collect())
}

/// Writes down what is said of a deployment now, and gives what is news of it, in words.
async fn note(write: &mut SqliteConnection, deployment: &str, now: &Concerns) -> Result<Vec<String>, Error> {
    let before = told(&mut *write, deployment).await?;
    let mut news = Vec::new();
    for (about, said) in before.iter().filter(|(about, _)| !now.contains_key(*about)) {
        sqlx::query("delete from concerns where deployment = $1 and about = $2")
            .bind(deployment)
            .bind(about)
            .execute(&mut *write)
            .await?;
        news.push(format!("this is over: {said}"));
    }
    for (about, says) in now.iter().filter(|(about, says)| before.get(*about) != Some(*says)) {
        sqlx::query(
            "insert into concerns (deployment, about, says) values ($1, $2, $3)
             on conflict (deployment, about) do update set says = excluded.says",
        )
        .bind(deployment)
        .bind(about)
        .bind(says)
        .execute(&mut *write)
        .await?;
        news.push(says.clone());
    }
    Ok(news)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_concern_is_told_once_and_once_more_when_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let db = crate::db::Db::open(&folder.path().join("host.db")).await.unwrap();
        let mut write = db.write().await.unwrap();
        sqlx::query(
            "insert into deployments (name, target, revision, desired, created_at, updated_at)
             values ('a', 'local', 1, 'running', '', '')",
        )
        .execute(&mut *write)
        .await
        .unwrap();
        let cases: [(&[(&str, &str)], &[&str]); 6] = [
            (&[("objection", "one")], &["one"]),
            (&[("objection", "one")], &[]),
            (&[("objection", "two"), ("x", "three")], &["two", "three"]),
            (&[("x", "three")], &["this is over: two"]),
            (&[], &["this is over: three"]),
            (&[], &[]),
        ];
        for (now, news) in cases {
            let owned = |(about, says): &(&str, &str)| ((*about).to_owned(), (*says).to_owned());
            let now: Concerns = now.iter().map(owned).collect();
            assert_eq!(note(&mut write, "a", &now).await.unwrap(), news);
            assert_eq!(told(&mut *write, "a").await.unwrap(), now);
        }
    }
}
