//! What history would have been under another policy, without changing it.

use std::collections::{BTreeMap, HashMap};

use chandlery_package::column::Text;
use chandlery_package::policy::{Sold, Volume};
use chandlery_package::wire::{LotRole, ReplayDifference};
use chandlery_package::{Balance, Currency, Money, Namespace, PluginId, RevenueSharePolicy};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use super::volume_groups;
use crate::{Error, exchange};

/// How many sales are read at a time.
const CHUNK: i64 = 1000;

type Row = (i64, String, Option<Text<PluginId>>, Text<Currency>, i64, i64, i64, Text<Timestamp>);
type Sums = BTreeMap<(Option<Namespace>, Currency), [i128; 2]>;

/// Who got how much of each sale.
type Shared = HashMap<i64, Vec<(Namespace, LotRole, i64)>>;

/// The sales of a group so far: when, and how much.
type Volumes = HashMap<String, Vec<(Timestamp, i64)>>;

/// Shares every sale again, in order, by this policy.
pub async fn replay(
    db: &mut AnyConnection,
    policy: &RevenueSharePolicy,
) -> Result<Vec<ReplayDifference>, Error> {
    policy.check()?;
    let groups = volume_groups::all(db).await?;
    let (mut sums, mut volumes) = (Sums::new(), Volumes::new());
    let mut last = 0;
    loop {
        let sales = sales_after(db, last).await?;
        let Some(until) = sales.last().map(|(id, ..)| *id) else { break };
        let mut shared = shared(db, last, until).await?;
        for (id, seller, plugin, Text(currency), gross, commission, referred, Text(at)) in sales {
            let gross = Money::new(gross, currency)?;
            let volume = match policy.commission.len() {
                1 => Money::new(gross.minor(), policy.currency())?,
                _ => {
                    let stops = || format!("the replay of sale {id}");
                    exchange::convert(&mut *db, gross, policy.currency(), at, stops).await?.try_into()?
                }
            };
            let group = groups.get(&seller).cloned().unwrap_or_else(|| format!("namespace {seller}"));
            let earlier = volumes.entry(group).or_default();
            let before = Balance::new(before(earlier, policy.volume, at), volume.currency())?;
            earlier.push((at, volume.minor()));
            let plugin = plugin.map(|Text(plugin)| plugin);
            let sold = Sold { plugin: plugin.as_ref(), gross, before, volume, referred: referred != 0 };
            let shares = policy.share(&sold)?;
            let mut add = |who: Option<Namespace>, was: i64, would_be: i64| {
                let sum = sums.entry((who, gross.currency())).or_default();
                *sum = [sum[0] + i128::from(was), sum[1] + i128::from(would_be)];
            };
            add(None, commission, shares.marketplace.minor());
            for (partner, role, minor) in shared.remove(&id).unwrap_or_default() {
                let share = match role {
                    LotRole::Seller => shares.seller,
                    LotRole::Referrer => shares.referrer,
                };
                add(Some(partner), minor, share.minor());
            }
        }
        last = until;
    }
    let read = |((partner, currency), [was, would_be]): ((Option<Namespace>, Currency), [i128; 2])| {
        let sum = |minor: i128| Balance::new(minor, currency);
        let (was, would_be, difference) = (sum(was)?, sum(would_be)?, sum(would_be - was)?);
        Ok(ReplayDifference { partner, was, would_be, difference })
    };
    sums.into_iter().map(read).collect()
}

/// The next sales, in order.
async fn sales_after(db: &mut AnyConnection, last: i64) -> Result<Vec<Row>, Error> {
    let sales = sqlx::query_as(
        "select id, seller, plugin, currency, gross_minor, commission_minor, referred, sold_at
         from sales where void_at is null and id > $1 order by id limit $2",
    );
    Ok(sales.bind(last).bind(CHUNK).fetch_all(db).await?)
}

/// How the sales after one and up to another were shared.
async fn shared(db: &mut AnyConnection, last: i64, until: i64) -> Result<Shared, Error> {
    let lots: Vec<(i64, Text<Namespace>, Text<LotRole>, i64)> = sqlx::query_as(
        "select sale, partner, role, share_minor from lots where sale > $1 and sale <= $2 order by id",
    )
    .bind(last)
    .bind(until)
    .fetch_all(db)
    .await?;
    let mut shared = Shared::new();
    for (sale, Text(partner), Text(role), minor) in lots {
        shared.entry(sale).or_default().push((partner, role, minor));
    }
    Ok(shared)
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
