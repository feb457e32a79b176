//! What the close of a month could not charge: it stays on a list until a later close can, and keeps nothing else from being closed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chandlery_package::column::Text;
use chandlery_package::wire::{Page, Paging, SetAside};
use chandlery_package::{Month, Namespace, PluginId};
use chandlery_store::{Write, time};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;

/// What could not be charged, and why.
#[derive(Debug, Clone)]
pub(super) struct Aside {
    pub month: Month,
    pub account: Namespace,
    /// None: nothing of the month.
    pub plugin: Option<PluginId>,
    pub reason: String,
}

impl fmt::Display for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { month, account, plugin, reason } = self;
        match plugin {
            Some(plugin) => write!(f, "the use of {plugin} by {account}, {month}: {reason}"),
            None => write!(f, "all use by {account}, {month}: {reason}"),
        }
    }
}

/// What is to be rated again, by customer: of which months, and of which plugin or, without one, of all.
pub(super) type Late = BTreeMap<Namespace, BTreeSet<(Month, Option<PluginId>)>>;

/// What events came late for, and what was set aside.
pub(super) async fn late(db: &mut AnyConnection) -> Result<Late, Error> {
    let rows: Vec<(Text<Month>, Text<Namespace>, String)> = sqlx::query_as(
        "select month, account, plugin from reopened_usage union select month, account, plugin from set_aside",
    )
    .fetch_all(db)
    .await?;
    let mut late = Late::new();
    for (Text(month), Text(account), plugin) in rows {
        late.entry(account).or_default().insert((month, plugin.parse().ok()));
    }
    Ok(late)
}

/// Forgets what was to be rated again, and keeps what could not be, since it was set aside first.
pub(super) async fn replace(write: &mut Write, all: &[Aside], now: Timestamp) -> Result<(), Error> {
    sqlx::query("delete from reopened_usage").execute(&mut **write).await?;
    let before: Vec<(String, String, String, String)> =
        sqlx::query_as("select month, account, plugin, since from set_aside").fetch_all(&mut **write).await?;
    let before: BTreeMap<_, _> =
        before.into_iter().map(|(month, account, plugin, since)| ((month, account, plugin), since)).collect();
    sqlx::query("delete from set_aside").execute(&mut **write).await?;
    for Aside { month, account, plugin, reason } in all {
        let plugin = plugin.as_ref().map(ToString::to_string).unwrap_or_default();
        let key = (month.to_string(), account.to_string(), plugin);
        let since = before.get(&key).cloned().unwrap_or_else(|| time(now));
        sqlx::query(
            "insert into set_aside (month, account, plugin, reason, since) values ($1, $2, $3, $4, $5)
             on conflict (month, account, plugin) do update set reason = excluded.reason",
        )
        .bind(key.0)
        .bind(key.1)
        .bind(key.2)
        .bind(reason)
        .bind(since)
        .execute(&mut **write)
        .await?;
    }
    Ok(())
}

/// The place of what is set aside among all: its month, the customer, and the plugin or nothing.
pub type Place = (Month, Namespace, String);

/// What is set aside, the earliest month first.
pub async fn list(db: &mut AnyConnection, paging: &Paging<Place>) -> Result<Page<SetAside>, Error> {
    let (month, account, plugin) =
        paging.after().map_or_else(Default::default, |(month, account, plugin)| {
            (month.to_string(), account.to_string(), plugin.clone())
        });
    type Row = (Text<Month>, Text<Namespace>, String, String, Text<Timestamp>);
    let rows: Vec<Row> = sqlx::query_as(
        "select month, account, plugin, reason, since from set_aside
         where month > $1 or month = $1 and (account > $2 or account = $2 and plugin > $3)
         order by month, account, plugin limit $4",
    )
    .bind(month)
    .bind(account)
    .bind(plugin)
    .bind(paging.rows())
    .fetch_all(db)
    .await?;
    let page = paging
        .cut(rows, |(Text(month), Text(account), plugin, ..)| (*month, account.clone(), plugin.clone()));
    Ok(page.map(|(Text(month), Text(account), plugin, reason, Text(since))| SetAside {
        month,
        account,
        plugin: plugin.parse().ok(),
        reason,
        since,
    }))
}

/// The same, in words, for a check of the books.
pub(crate) async fn in_words(db: &mut AnyConnection) -> Result<Vec<String>, Error> {
    let rows: Vec<(Text<Month>, Text<Namespace>, String, String)> = sqlx::query_as(
        "select month, account, plugin, reason from set_aside order by month, account, plugin",
    )
    .fetch_all(db)
    .await?;
    let read = |(Text(month), Text(account), plugin, reason): (_, _, String, _)| {
        Aside { month, account, plugin: plugin.parse().ok(), reason }.to_string()
    };
    Ok(rows.into_iter().map(read).collect())
}
