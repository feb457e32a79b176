//! Use of plugins that cost something when its account had no order of them: nobody agreed to a price, so it is charged to nobody,
//! and operators are told of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use chandlery_package::column::Text;
use chandlery_package::wire::{Page, Paging, UnlicensedUse};
use chandlery_package::{Month, Namespace, PluginId};
use chandlery_store::{Db, Write};
use jiff::Timestamp;

use super::aside::Late;
use super::used::{self, Key, Use};
use crate::Error;
use crate::billing::usage::whole;

/// What makes an order one that use can be charged to: what is paid once must have been.
macro_rules! agreed {
    () => {
        r#"(paid_at is not null or offer not like '%"kind":"once"%')"#
    };
}

/// From when to when somebody had an order of something, as times are stored.
type Terms = HashMap<(String, String), Vec<(String, Option<String>)>>;

/// What is needed to say whether use was ordered.
struct Orders {
    terms: Terms,
    /// The plugins that have cost somebody something.
    priced: HashSet<String>,
}

impl Orders {
    async fn read(write: &mut Write) -> Result<Self, Error> {
        let rows: Vec<(String, String, String, Option<String>)> = sqlx::query_as(concat!(
            "select customer, plugin, ordered_at, ended_at from orders where ",
            agreed!()
        ))
        .fetch_all(&mut **write)
        .await?;
        let mut terms = Terms::new();
        for (customer, plugin, from, to) in rows {
            terms.entry((customer, plugin)).or_default().push((from, to));
        }
        let priced: Vec<(String,)> =
            sqlx::query_as("select distinct plugin from prices").fetch_all(&mut **write).await?;
        Ok(Self { terms, priced: priced.into_iter().map(|(plugin,)| plugin).collect() })
    }

    /// Whether all use of a month certainly was free, or began while one order stood.
    fn cover(&self, (account, plugin): &Key, used: &Use) -> bool {
        let (account, plugin) = (account.to_string(), plugin.to_string());
        if !self.priced.contains(&plugin) {
            return true;
        }
        let terms = self.terms.get(&(account, plugin));
        terms
            .into_iter()
            .flatten()
            .any(|(from, to)| *from <= used.first && to.as_ref().is_none_or(|to| used.last < *to))
    }
}

/// Notes what of a month's use was not ordered, and of what came late for earlier ones.
pub(super) async fn note(
    write: &mut Write,
    month: Month,
    month_use: &BTreeMap<Key, Use>,
    late: &Late,
) -> Result<(), Error> {
    let orders = Orders::read(write).await?;
    for (key, used) in month_use {
        if !orders.cover(key, used) {
            note_one(write, month, key, used).await?;
        }
    }
    for (account, months) in late {
        for (earlier, plugin) in months {
            let (Some(plugin), true) = (plugin, *earlier != month) else { continue };
            let key = (account.clone(), plugin.clone());
            let used = used::within(write, *earlier, &key, Timestamp::UNIX_EPOCH, None).await?;
            note_one(write, *earlier, &key, &used.unwrap_or_default()).await?;
        }
    }
    Ok(())
}

async fn note_one(write: &mut Write, month: Month, key: &Key, used: &Use) -> Result<(), Error> {
    let (account, plugin) = (key.0.to_string(), key.1.to_string());
    sqlx::query("delete from unlicensed_use where month = $1 and account = $2 and plugin = $3")
        .bind(month.to_string())
        .bind(&account)
        .bind(&plugin)
        .execute(&mut **write)
        .await?;
    let price: Option<(i64,)> = sqlx::query_as(
        "select version from prices
         where plugin = $1 and since <= $2 and (customer = $3 or customer is null) limit 1",
    )
    .bind(&plugin)
    .bind(&used.last)
    .bind(&account)
    .fetch_optional(&mut **write)
    .await?;
    if price.is_none() {
        return Ok(());
    }
    let (events, replicas, replicas_rest, gpus, gpus_rest): (i64, i64, i64, i64, i64) =
        sqlx::query_as(concat!(
            "select count(*),
                cast(coalesce(sum(replica_millis / 1000000), 0) as bigint),
                cast(coalesce(sum(replica_millis % 1000000), 0) as bigint),
                cast(coalesce(sum(gpu_millis / 1000000), 0) as bigint),
                cast(coalesce(sum(gpu_millis % 1000000), 0) as bigint)
         from usage_events
         where month = $1 and account = $2 and plugin = $3
           and not exists (select 1 from usage_corrections where corrects = usage_events.id
                             and usage_corrections.account = usage_events.account
                             and usage_corrections.plugin = usage_events.plugin)
           and not exists (select 1 from orders where customer = usage_events.account
                             and orders.plugin = usage_events.plugin and ordered_at <= from_at
                             and (ended_at is null or ended_at > from_at) and ",
            agreed!(),
            ")"
        ))
        .bind(month.to_string())
        .bind(&account)
        .bind(&plugin)
        .fetch_one(&mut **write)
        .await?;
    if events == 0 {
        return Ok(());
    }
    let stored = |sum: u64| i64::try_from(sum).unwrap_or(i64::MAX);
    sqlx::query(
        "insert into unlicensed_use (month, account, plugin, events, replica_millis, gpu_millis)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(month.to_string())
    .bind(&account)
    .bind(&plugin)
    .bind(events)
    .bind(stored(whole(replicas, replicas_rest)))
    .bind(stored(whole(gpus, gpus_rest)))
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// The place of what was used without an order among all: its month, who used it, and what.
pub(crate) type Place = (Month, Namespace, PluginId);

/// What was used without an order, the earliest month first.
pub(crate) async fn list(db: &Db, paging: &Paging<Place>) -> Result<Page<UnlicensedUse>, Error> {
    let (month, account, plugin) =
        paging.after().map_or_else(Default::default, |(month, account, plugin)| {
            (month.to_string(), account.to_string(), plugin.to_string())
        });
    type Row = (Text<Month>, Text<Namespace>, Text<PluginId>, i64, i64, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "select month, account, plugin, events, replica_millis, gpu_millis from unlicensed_use
         where month > $1 or month = $1 and (account > $2 or account = $2 and plugin > $3)
         order by month, account, plugin limit $4",
    )
    .bind(month)
    .bind(account)
    .bind(plugin)
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(Text(month), Text(account), Text(plugin), ..)| {
        (*month, account.clone(), plugin.clone())
    });
    Ok(page.map(|(Text(month), Text(account), Text(plugin), events, replica_millis, gpu_millis)| {
        UnlicensedUse {
            month,
            account,
            plugin,
            events: events.unsigned_abs(),
            replica_millis: replica_millis.unsigned_abs(),
            gpu_millis: gpu_millis.unsigned_abs(),
        }
    }))
}
