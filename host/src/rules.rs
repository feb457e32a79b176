//! The install rules of this host: what they are, and whether a release fits them, by what logs say and when they were seen to say it.

mod witnessed;

use std::collections::BTreeSet;

use chandlery_package::column::{Json, Text};
use chandlery_package::log::{History, ReleaseState};
use chandlery_package::problem::{Explain, Explanation, Kind};
use chandlery_package::rules::{Age, Broken, Facts};
use chandlery_package::wire::host::RulesChange;
use chandlery_package::wire::{Page, Paging};
use chandlery_package::{InstallRules, Permission, Release};
use jiff::Timestamp;
use sqlx::SqliteExecutor;

use crate::db::Db;
use crate::system;

/// A release that the host's rules do not let pass.
pub const RULE_REFUSED: Kind = Kind {
    word: "rule-refused",
    status: 403,
    title: "Refused by a rule of this host",
    when: "a release is installed or deployed that breaks an install rule of the host, which is named",
    remedy: Some("`chandlery host rules show` shows the rules"),
};

/// Why a release does not fit, or why that is not known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It breaks a rule.
    #[error("{0}")]
    Broken(Box<Broken>),
    /// The host's own database.
    #[error(transparent)]
    System(#[from] system::Error),
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        match self {
            Self::Broken(broken) => RULE_REFUSED.remedied(broken.remedy.as_str()),
            Self::System(error) => error.explain(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::System(error.into())
    }
}

/// What is asked about: a release, and what is known of it beside its log.
pub(crate) struct Asked<'a> {
    pub release: &'a Release,
    /// The verifier key of the log that should tell of it, and what that log says.
    pub log: (&'a str, &'a History),
    /// The release of the same plugin that is installed, where it would take its place.
    pub installed: Option<&'a Release>,
    /// What it asks for; none: that is looked at later.
    pub asks: Option<BTreeSet<Permission>>,
}

/// The rules of a host.
#[derive(Clone)]
pub(crate) struct Rules {
    db: Db,
    /// Whether nothing counts but what witnesses have said, even of what a log said before the host knew it.
    witnesses_decide: bool,
}

impl Rules {
    /// The rules in this database, for a host that demands witnesses or takes the log's word for when it said something.
    pub fn new(db: Db, witnesses_decide: bool) -> Self {
        Self { db, witnesses_decide }
    }

    /// The rules that hold.
    pub async fn read(&self) -> Result<InstallRules, Error> {
        current(self.db.pool()).await
    }

    /// Whether it matters what witnesses said before this host knew a log.
    pub async fn ask_witnesses(&self) -> Result<bool, Error> {
        Ok(self.witnesses_decide && self.read().await?.minimum_age.is_some())
    }

    /// Makes these the rules that hold. Every change stays in the trail; the same again is none.
    pub async fn set(&self, rules: &InstallRules) -> Result<(), Error> {
        let mut write = self.db.write().await?;
        if current(&mut *write).await? != *rules {
            sqlx::query("insert into install_rules (rules, changed_at) values ($1, $2)")
                .bind(Json(rules))
                .bind(Text(Timestamp::now()))
                .execute(&mut *write)
                .await?;
            tracing::info!("the install rules were changed");
        }
        Ok(write.commit().await?)
    }

    /// How the rules were changed, the last time first, a page at a time.
    pub async fn changes(&self, paging: &Paging<i64>) -> Result<Page<RulesChange>, Error> {
        let rows: Vec<(i64, Text<Timestamp>, Json<InstallRules>)> = sqlx::query_as(
            "select id, changed_at, rules from install_rules where id < $1 order by id desc limit $2",
        )
        .bind(paging.after().unwrap_or(&i64::MAX))
        .bind(paging.rows())
        .fetch_all(self.db.pool())
        .await?;
        let change = |(_, Text(at), Json(rules))| RulesChange { at, rules };
        Ok(paging.cut(rows, |(id, ..)| *id).map(change))
    }

    /// Every rule that a release breaks.
    pub async fn broken(&self, asked: Asked<'_>) -> Result<Vec<Broken>, Error> {
        let rules = self.read().await?;
        match rules.is_empty() {
            true => Ok(Vec::new()),
            false => {
                let (facts, _) = self.facts(&rules, asked).await?;
                Ok(rules.broken(&facts, Timestamp::now()))
            }
        }
    }

    /// Refuses a release that breaks a rule. Of one that is the fix of another, and waits for nothing, gives that other one.
    pub async fn must_fit(&self, asked: Asked<'_>) -> Result<Option<Release>, Error> {
        let rules = self.read().await?;
        if rules.is_empty() {
            return Ok(None);
        }
        let (facts, fixes) = self.facts(&rules, asked).await?;
        refused(rules.broken(&facts, Timestamp::now()))?;
        Ok(fixes)
    }

    /// Refuses a release that may not have these permissions.
    pub async fn must_allow(&self, release: &Release, asks: &BTreeSet<Permission>) -> Result<(), Error> {
        let InstallRules { permissions, .. } = self.read().await?;
        let rules = InstallRules { permissions, ..InstallRules::default() };
        let facts = Facts {
            release: release.clone(),
            is_logged: true,
            is_certified: false,
            witnessed: None,
            is_fix: false,
            asks: Some(asks.clone()),
        };
        refused(rules.broken(&facts, Timestamp::now()))
    }

    /// Remembers that a release is installed as the fix of another one, so that it is deployed without waiting, too.
    pub async fn note_fix(&self, log_key: &str, release: &Release, fixes: &Release) -> Result<(), Error> {
        sqlx::query(
            "insert into installed_fixes (log_key, release, fixes, installed_at) values ($1, $2, $3, $4)
             on conflict do nothing",
        )
        .bind(log_key)
        .bind(Text(release))
        .bind(Text(fixes))
        .bind(Text(Timestamp::now()))
        .execute(self.db.pool())
        .await?;
        tracing::info!(%release, %fixes, "installed before its minimum age, as a fix");
        Ok(())
    }

    /// What is known of a release, and of which release it is the fix.
    async fn facts(
        &self,
        rules: &InstallRules,
        Asked { release, log: (log_key, history), installed, asks }: Asked<'_>,
    ) -> Result<(Facts, Option<Release>), Error> {
        let state = history.release(release);
        let witnessed = match state {
            Some(state) => self.witnessed(log_key, state).await?,
            None => None,
        };
        let is_young = |age: &Age| witnessed.is_none_or(|at| age.after(at) > Timestamp::now());
        let fixes = match rules.minimum_age.filter(is_young) {
            Some(age) => self.fixed_by(release, (log_key, history), installed, age).await?,
            None => None,
        };
        let facts = Facts {
            release: release.clone(),
            is_logged: state.is_some(),
            is_certified: history.is_certified(&release.plugin),
            witnessed,
            is_fix: fixes.is_some(),
            asks,
        };
        Ok((facts, fixes))
    }

    /// The release that a young one is the fix of: the one that is installed here, or the last before it that others could have been
    /// running by the same rule, where that one was taken back. A release that was taken back young makes no fix of what follows:
    /// else whoever publishes could pass the rule with two releases at once.
    async fn fixed_by(
        &self,
        release: &Release,
        (log_key, history): (&str, &History),
        installed: Option<&Release>,
        age: Age,
    ) -> Result<Option<Release>, Error> {
        let noted: Option<(Text<Release>,)> =
            sqlx::query_as("select fixes from installed_fixes where log_key = $1 and release = $2")
                .bind(log_key)
                .bind(Text(release))
                .fetch_optional(self.db.pool())
                .await?;
        if let Some((Text(fixes),)) = noted {
            return Ok(Some(fixes));
        }
        let is_older = |other: &&Release| other.plugin == release.plugin && other.version < release.version;
        let taken_back = installed.filter(is_older).filter(|installed| history.is_recalled(installed));
        if let Some(installed) = taken_back {
            return Ok(Some(installed.clone()));
        }
        let now = Timestamp::now();
        let before: Vec<(&Release, &ReleaseState)> = history.before(release).collect();
        for (older, state) in before {
            let is_recalled = history.is_recalled(older);
            let is_old = self.witnessed(log_key, state).await?.is_some_and(|at| age.after(at) <= now);
            if is_old || !is_recalled {
                return Ok(is_recalled.then(|| older.clone()));
            }
        }
        Ok(None)
    }
}

/// The rules that hold, as this connection or transaction sees them.
pub(crate) async fn current(db: impl SqliteExecutor<'_>) -> Result<InstallRules, Error> {
    let found: Option<(Json<InstallRules>,)> =
        sqlx::query_as("select rules from install_rules order by id desc limit 1").fetch_optional(db).await?;
    Ok(found.map(|(Json(rules),)| rules).unwrap_or_default())
}

fn refused(broken: Vec<Broken>) -> Result<(), Error> {
    match broken.into_iter().next() {
        Some(broken) => Err(Error::Broken(Box::new(broken))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
