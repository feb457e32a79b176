//! What this host may do, by the licence of its account: signed by the registry, believed without asking it, and honoured for a
//! while where another one cannot be had.

mod coverage;

use std::sync::Arc;
use std::time::Duration;

use chandlery_package::column::Text;
use chandlery_package::problem::{Explain, Explanation, Kind};
use chandlery_package::wire::host::{Entitlement, Upgrade};
use chandlery_package::{Billed, Licence, Namespace, PluginEntitlement, PluginId, Tier};
use jiff::Timestamp;
use tokio::sync::{Mutex, Notify};

use crate::db::Db;
use crate::installs::{self, Installs, RegistryClient};
use crate::metering::Reporter;
use crate::system;

use coverage::GRACE;
pub use coverage::{Gap, Uncovered};
pub(crate) use coverage::{day, notice_ends, warning};

const REFRESH_EVERY: Duration = Duration::from_secs(3600);
/// How soon the registry is asked again that did not answer: what other hosts may do depends on what it knows of this one.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// How long a deployment waits for the registry.
const PATIENCE: Duration = Duration::from_secs(5);
/// From which part of a limit on people are told, in percent.
pub(crate) const ALERTS_PERCENT: [u32; 2] = [80, 100];

/// A deployment more than the licence allows.
pub const DEPLOYMENT_LIMIT: Kind = Kind {
    word: "deployment-limit",
    status: 402,
    title: "No more deployments",
    when: "the account has as many deployments, on all of its hosts, as its subscription allows",
    remedy: Some(
        "remove one, or have more: `chandlery subscription change TIER`, or `… trial TIER` for 30 days, and deploy again",
    ),
};
/// A licence that the registry's log did not sign.
pub const LICENCE_REFUSED: Kind = Kind {
    word: "licence-refused",
    status: 409,
    title: "The licence was refused",
    when: "the licence that the registry gives is not signed by the key of its log",
    remedy: Some("nothing was installed; do not use this registry before its operator has explained it"),
};

/// The kinds of this room.
pub(crate) const KINDS: [&Kind; 2] = [&DEPLOYMENT_LIMIT, &LICENCE_REFUSED];

/// Why something may not be done, or why that is not known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// As many deployments as the account may have.
    #[error("{used} of {limit} deployments that {tier} allows are used; {upgrade}")]
    Limit {
        /// The account that the host belongs to, as its licence names it; none: no licence holds.
        account: Option<Namespace>,
        /// The tier of the account's subscription.
        tier: Tier,
        /// The deployments of all of the account's hosts.
        used: u32,
        /// How many there may be.
        limit: u32,
        /// The least tier that allows one more.
        upgrade: Upgrade,
    },
    /// A plugin that costs something and that nothing covers.
    #[error("{0}")]
    NotCovered(Box<Uncovered>),
    /// A licence that was not believed, and why.
    #[error("the registry's licence was refused: {0}")]
    Refused(String),
    /// The registry, or what is remembered of it.
    #[error(transparent)]
    Installs(#[from] installs::Error),
    /// The host's own database.
    #[error(transparent)]
    System(#[from] system::Error),
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        match self {
            Self::Limit { account, upgrade, .. } => {
                DEPLOYMENT_LIMIT.remedied(more(account.as_ref(), upgrade.tier))
            }
            Self::NotCovered(uncovered) => installs::ORDER_NEEDED.remedied(uncovered.remedy()),
            Self::Refused(_) => (&LICENCE_REFUSED).into(),
            Self::Installs(error) => error.explain(),
            Self::System(error) => error.explain(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::System(error.into())
    }
}

/// The licence of this host.
#[derive(Clone)]
pub(crate) struct Licences {
    db: Db,
    installs: Installs,
    registry: Option<RegistryClient>,
    reporter: Option<Reporter>,
    /// What this host calls itself.
    host: String,
    /// Told when there is another number of deployments.
    changed: Arc<Notify>,
    /// Held while the registry is asked, so that no older licence takes the place of a newer one.
    asking: Arc<Mutex<()>>,
}

impl Licences {
    pub fn new(
        db: Db,
        installs: Installs,
        registry: Option<RegistryClient>,
        reporter: Option<Reporter>,
        host: String,
    ) -> Self {
        Self { db, installs, registry, reporter, host, changed: Arc::default(), asking: Arc::default() }
    }

    /// Tells the registry soon how many deployments there are.
    pub fn report(&self) {
        self.changed.notify_one();
    }

    /// The licence that is kept, if it is signed by the registry's key and holds at this moment.
    async fn kept(&self, now: Timestamp) -> Result<Option<Licence>, Error> {
        let found: Option<(String,)> =
            sqlx::query_as("select token from licence").fetch_optional(self.db.pool()).await?;
        let (Some((token,)), Some(registry)) = (found, &self.registry) else { return Ok(None) };
        let Some(key) = self.installs.log_key(registry.url()).await? else { return Ok(None) };
        match Licence::open(&token, &key) {
            Ok(licence) => {
                let until = licence.expires().and_then(|expires| expires.checked_add(GRACE).ok());
                Ok(Some(licence).filter(|_| until.is_some_and(|until| until > now)))
            }
            Err(error) => {
                tracing::warn!(%error, "the licence that was kept is not believed");
                Ok(None)
            }
        }
    }

    /// The account that the licence names which is kept; none: no licence holds.
    pub async fn account(&self) -> Result<Option<Namespace>, Error> {
        Ok(self.kept(Timestamp::now()).await?.map(|licence| licence.account))
    }

    /// Asks the registry for another licence, and tells it how many deployments are here. One that is not signed by its key
    /// is not kept.
    pub async fn refresh(&self, here: u32) -> Result<(), Error> {
        let Some(registry) = self.registry.as_ref().filter(|registry| registry.has_account()) else {
            return Ok(());
        };
        // A host that is not heard of gets no licence.
        if let Some(reporter) = &self.reporter
            && let Err(error) = reporter.be_heard().await
        {
            tracing::warn!(%error, "the registry could not be told that this host is there");
        }
        let Some(key) = self.installs.log_key(registry.url()).await? else { return Ok(()) };
        let _held = self.asking.lock().await;
        let token = registry.licence(&self.host, here).await?;
        Licence::open(&token, &key).map_err(|error| Error::Refused(error.to_string()))?;
        sqlx::query(
            "insert into licence (only_one, token, fetched_at) values (1, $1, $2)
             on conflict (only_one) do update set token = excluded.token, fetched_at = excluded.fetched_at",
        )
        .bind(token)
        .bind(Text(Timestamp::now()))
        .execute(self.db.pool())
        .await?;
        Ok(())
    }

    /// Forgets the licence that is kept: it is of an account that the host belongs to no more.
    pub async fn forget(&self) -> Result<(), Error> {
        let _held = self.asking.lock().await;
        sqlx::query("delete from licence").execute(self.db.pool()).await?;
        Ok(())
    }

    /// What this host may do, with so many deployments of its own.
    pub async fn entitlement(&self, here: u32) -> Result<Entitlement, Error> {
        let licence = self.kept(Timestamp::now()).await?;
        let (tier, limit, trial) = match &licence {
            Some(licence) => (licence.tier, licence.deployments, licence.trial),
            None => (Tier::Free, Tier::Free.deployments(), false),
        };
        let elsewhere = licence.as_ref().map_or(0, |licence| licence.elsewhere);
        let used = here.saturating_add(elsewhere);
        let upgrade = limit.filter(|limit| !reached(0, used, Some(*limit)).is_empty()).map(beyond);
        let says = licence.as_ref().and_then(|licence| coverage::tier_warning(licence, Timestamp::now()));
        let expires_at = licence.as_ref().and_then(Licence::expires);
        Ok(Entitlement {
            account: licence.map(|licence| licence.account),
            tier,
            trial,
            limit,
            used,
            elsewhere,
            expires_at,
            upgrade,
            says,
            plugins: Vec::new(),
        })
    }

    /// The same, where one more is wanted: asks the registry first, unless any number may be had. Where it does not answer, what
    /// is known holds.
    pub async fn for_one_more(&self, here: u32) -> Result<Entitlement, Error> {
        let known = self.entitlement(here).await?;
        if known.limit.is_none() {
            return Ok(known);
        }
        self.renew(here).await;
        self.entitlement(here).await
    }

    /// Asks the registry for another licence, and goes on with the one that is kept where there is none soon.
    pub async fn renew(&self, here: u32) {
        match tokio::time::timeout(PATIENCE, self.refresh(here)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the licence could not be renewed"),
            Err(_) => tracing::warn!("the licence could not be renewed: the registry does not answer"),
        }
    }

    /// What covers a plugin that costs something, by the licence that is kept, or what is lacking.
    pub async fn cover(
        &self,
        plugin: &PluginId,
        now: Timestamp,
    ) -> Result<Result<Option<PluginEntitlement>, Gap>, Error> {
        Ok(coverage::cover(self.kept(now).await?.as_ref(), plugin, now))
    }

    /// Asks for another licence every hour and after every change, for ever; `count` says how many deployments are here.
    pub async fn run<F, E>(self, count: impl Fn() -> F)
    where
        F: Future<Output = Result<u32, E>>,
        E: std::fmt::Display,
    {
        let mut ticks = tokio::time::interval(REFRESH_EVERY);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.changed.notified() => {}
            }
            let renewed = match count().await {
                Ok(here) => self.refresh(here).await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = renewed {
                tracing::warn!(error, "the licence could not be renewed");
                ticks.reset_after(ASK_AGAIN);
            }
        }
    }
}

/// The least tier that allows one deployment more than this limit.
pub(crate) fn beyond(limit: u32) -> Upgrade {
    let tier = Tier::for_deployments(limit.saturating_add(1));
    Upgrade { tier, limit: tier.deployments(), monthly: tier.price(Billed::Monthly) }
}

/// How this host comes to have more deployments: the tier is had by the account that it belongs to, and by no other one.
fn more(account: Option<&Namespace>, tier: Tier) -> String {
    match account {
        Some(account) => format!(
            "remove one, or let '{account}' have more, to which this host belongs, and deploy again: `chandlery subscription trial \
             {tier} --account {account}` has it for 30 days, once, and `chandlery subscription change {tier} --account \
             {account}` for good; `--for {account}` in place of that, where it is an organisation"
        ),
        None => format!(
            "remove one, or let this host belong to an account that may have more, and deploy again: `chandlery register NAME` opens \
             one, `chandlery host claim` gives the host to it, and `chandlery subscription trial {tier}` has more for 30 days"
        ),
    }
}

/// The parts of a limit, in percent, that are used up now and were not before.
pub(crate) fn reached(before: u32, after: u32, limit: Option<u32>) -> Vec<u32> {
    let Some(limit) = limit.filter(|limit| *limit > 0) else { return Vec::new() };
    let uses_up = |used: u32, percent: u32| u64::from(used) * 100 >= u64::from(limit) * u64::from(percent);
    ALERTS_PERCENT.into_iter().filter(|part| uses_up(after, *part) && !uses_up(before, *part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_once_at_each_part_of_a_limit() {
        assert_eq!(reached(6, 7, Some(10)), Vec::<u32>::new());
        assert_eq!(reached(7, 8, Some(10)), [80]);
        assert_eq!(reached(8, 9, Some(10)), Vec::<u32>::new());
        assert_eq!(reached(9, 10, Some(10)), [100]);
        assert_eq!(reached(0, 1, Some(1)), [80, 100]);
        assert_eq!(reached(10, 11, Some(10)), Vec::<u32>::new());
        assert_eq!(reached(5, 50, None), Vec::<u32>::new());
        assert_eq!(beyond(1).to_string(), "developer allows 10 deployments for 99.00 USD a month");
        assert_eq!(
            beyond(100).to_string(),
            "enterprise allows any number of deployments for 2999.00 USD a month"
        );
    }

    #[test]
    fn a_limit_is_lifted_for_whoever_has_the_host() {
        let limit = |account: Option<&str>| Error::Limit {
            account: account.map(|name| name.parse().unwrap()),
            tier: Tier::Free,
            used: 1,
            limit: 1,
            upgrade: beyond(1),
        };
        let remedy = |account| limit(account).explain().remedy.unwrap();
        assert!(remedy(Some("ann")).contains("let 'ann' have more"));
        // Who types it may have another account, too, which would have the tier and not lift the limit.
        assert!(remedy(Some("ann")).contains("trial developer --account ann`"));
        assert!(remedy(None).contains("chandlery host claim"));
        for account in [Some("ann"), None] {
            assert!(remedy(account).contains("chandlery subscription trial developer"), "{account:?}");
        }
    }
}
