//! What history would have been under another policy, without changing it.

use std::collections::{BTreeMap, HashMap};

use chandlery_package::policy::{Sold, Volume};
use chandlery_package::{Balance, Currency, Money, Namespace, PluginId, RevenueSharePolicy};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

use crate::{Error, exchange};

/// What a beneficiary got of all sales, and what it would have got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Difference {
    /// The partner; none: the marketplace.
    pub partner: Option<Namespace>,
    /// What it got.
    pub was: Balance,
    /// What it would have got.
    pub would_be: Balance,
    /// The one less the other.
    pub difference: Balance,
}

type Row = (i64, String, Option<String>, String, i64, i64, i64, String);
type Sums = BTreeMap<(Option<Namespace>, Currency), [i128; 2]>;

/// The sales of a group so far: when, and how much.
type Volumes = HashMap<String, Vec<(Timestamp, i64)>>;

/// Shares every sale again, in order, by this policy.
pub async fn replay(db: &mut AnyConnection, policy: &RevenueSharePolicy) -> Result<Vec<Difference>, Error> {
    policy.check()?;
    let groups: HashMap<String, String> =
        sqlx::query_as("select name, coalesce(volume_group, 'namespace ' || name) from namespaces")
            .fetch_all(&mut *db)
            .await?
            .into_iter()
            .collect();
    let sales: Vec<Row> = sqlx::query_as(
        "select id, seller, plugin, currency, gross_minor, commission_minor, referred, sold_at
         from sales where void_at is null order by id",
    )
    .fetch_all(&mut *db)
    .await?;
    let mut shared: HashMap<i64, Vec<(Namespace, String, i64)>> = HashMap::new();
    let lots: Vec<(i64, String, String, i64)> =
        sqlx::query_as("select sale, partner, role, share_minor from lots order by id")
            .fetch_all(&mut *db)
            .await?;
    for (sale, partner, role, minor) in lots {
        shared.entry(sale).or_default().push((partner.parse()?, role, minor));
    }
    let (mut sums, mut volumes) = (Sums::new(), Volumes::new());
    for (id, seller, plugin, currency, gross, commission, referred, sold_at) in sales {
        let gross = Money::new(gross, currency.parse()?)?;
        let at: Timestamp =
            sold_at.parse().map_err(|_| Error::Damaged("a sale's date cannot be read".into()))?;
        let volume = match policy.commission.len() {
            1 => Money::new(gross.minor(), policy.currency())?,
            _ => exchange::convert(db, gross, policy.currency(), at).await?.try_into()?,
        };
        let group = groups.get(&seller).cloned().unwrap_or(seller);
        let earlier = volumes.entry(group).or_default();
        let before = Balance::new(before(earlier, policy.volume, at), volume.currency())?;
        earlier.push((at, volume.minor()));
        let plugin: Option<PluginId> = plugin.map(|plugin| plugin.parse()).transpose()?;
        let sold = Sold { plugin: plugin.as_ref(), gross, before, volume, referred: referred != 0 };
        let shares = policy.share(&sold)?;
        let mut add = |who: Option<Namespace>, was: i64, would_be: i64| {
            let sum = sums.entry((who, gross.currency())).or_default();
            *sum = [sum[0] + i128::from(was), sum[1] + i128::from(would_be)];
        };
        add(None, commission, shares.marketplace.minor());
        for (partner, role, minor) in shared.remove(&id).unwrap_or_default() {
            let share = if role == "seller" { shares.seller } else { shares.referrer };
            add(Some(partner), minor, share.minor());
        }
    }
    let read = |((partner, currency), [was, would_be]): ((Option<Namespace>, Currency), [i128; 2])| {
        let sum = |minor: i128| Balance::new(minor, currency);
        let (was, would_be, difference) = (sum(was)?, sum(would_be)?, sum(would_be - was)?);
        Ok(Difference { partner, was, would_be, difference })
    };
    sums.into_iter().map(read).collect()
}

fn before(earlier: &[(Timestamp, i64)], volume: Volume, at: Timestamp) -> i128 {
    let since = match volume {
        Volume::Lifetime => Timestamp::MIN,
        Volume::TrailingYear => {
            at.checked_sub(SignedDuration::from_hours(365 * 24)).unwrap_or(Timestamp::MIN)
        }
    };
    earlier.iter().filter(|(then, _)| *then >= since).map(|(_, minor)| i128::from(*minor)).sum()
}
