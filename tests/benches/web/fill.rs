//! What is looked at: sales by the API, as customers and operators make them, and plugins and deployments by bulk inserts of valid rows.

use std::path::Path;

use chandlery_store::{Cell, insert_rows};
use futures::StreamExt as _;
use reqwest::Client;
use serde_json::{Value, json};
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};

use crate::stage::{PASSWORD, Server, ok, set_clock};

/// Each of so many buyers buys each of so many plugins.
const BUYERS: usize = 100;
const OWN_PLUGINS: usize = 100;
const SHOP_PLUGINS: usize = 100_000;
const DEPLOYMENTS: usize = 1_000;
const CLIENTS: usize = 16;
const BATCH: usize = 500;
const NOW: &str = "2026-01-01T00:00:00.000000Z";

/// Plugins of a partner's own, at the price of the one that was published, and those of everybody else.
pub async fn fill_shop(url: &str) {
    install_default_drivers();
    let mut db = AnyConnection::connect(url).await.unwrap();
    let mut write = db.begin().await.unwrap();
    let namespaces = (0..100).map(|at| -> [Cell; 2] { [format!("ns{at}").as_str().into(), NOW.into()] });
    insert_rows(&mut write, "namespaces (name, created_at)", namespaces.collect(), "").await.unwrap();
    let key = chandlery_package::PrivateKey::generate().public().to_string();
    let names = (0..100).map(|at| format!("ns{at}")).chain(["acme".to_owned()]);
    let keys = names.map(|name| -> [Cell; 4] { [name.into(), "k".into(), key.as_str().into(), 0.into()] });
    let table = "namespace_keys (namespace, key_id, pem, log_index)";
    insert_rows(&mut write, table, keys.collect(), "").await.unwrap();
    let own = (0..OWN_PLUGINS).map(|at| ("acme".to_owned(), format!("p{at}")));
    let others = (0..SHOP_PLUGINS).map(|at| (format!("ns{}", at % 100), format!("server-{at}")));
    let all: Vec<(String, String)> = own.chain(others).collect();
    let digest = chandlery_package::Digest::of("bench").to_string();
    for (batch, plugins) in all.chunks(BATCH).enumerate() {
        let rows = plugins.iter().enumerate().map(|(at, (namespace, name))| -> [Cell; 3] {
            let generation = 1_000 + (batch * BATCH + at) as i64;
            [format!("{namespace}:{name}").as_str().into(), namespace.as_str().into(), generation.into()]
        });
        insert_rows(&mut write, "plugins (id, namespace, generation)", rows.collect(), "").await.unwrap();
        let rows = plugins.iter().enumerate().map(|(at, (namespace, name))| -> [Cell; 13] {
            let (plugin, number) = (format!("{namespace}:{name}"), (batch * BATCH + at) as i64);
            let manifest = json!({
                "name": plugin, "version": "1.0.0", "kind": "template", "contract": "0.1.0", "title": "t", "description": "d",
                "license": "MIT", "keywords": [format!("word{}", number % 5000)],
            });
            [
                plugin.as_str().into(),
                "1.0.0".into(),
                "template".into(),
                format!("A server for everything, number {number}").as_str().into(),
                "Deploys a server that works on the GPUs of your choice.".into(),
                digest.as_str().into(),
                1000.into(),
                digest.as_str().into(),
                "k".into(),
                number.into(),
                NOW.into(),
                manifest.to_string().as_str().into(),
                (number * 7919 % 10_000).into(),
            ]
        });
        let table = "releases (plugin, version, kind, title, description, component, component_bytes, artifact, key_id, log_index,
                               published_at, manifest, downloads)";
        insert_rows(&mut write, table, rows.collect(), "").await.unwrap();
    }
    for at in 0..OWN_PLUGINS {
        let price = "insert into prices (plugin, version, since, offer)
                     select $1, version, since, offer from prices where plugin = 'acme:ocr-server'";
        sqlx::query(price).bind(format!("acme:p{at}")).execute(&mut *write).await.unwrap();
    }
    sqlx::query("update counters set value = $1 where name = 'catalog'")
        .bind(1_000 + all.len() as i64)
        .execute(&mut *write)
        .await
        .unwrap();
    write.execute("update approval_rules set above_minor = 100000000 where above_minor > 0").await.unwrap();
    write.commit().await.unwrap();
}

/// Accounts, each from an address of its own.
pub async fn buyers(http: &Client, registry: &Server) -> Vec<String> {
    let mut tokens = Vec::new();
    for number in 0..BUYERS {
        let new = json!({ "name": format!("buyer-{number}"), "password": PASSWORD });
        let request = http.post(format!("{}/api/v1/accounts", registry.base));
        let answer = ok(request.header("x-forwarded-for", format!("198.51.100.{number}")).json(&new)).await;
        let opened: Value = answer.json().await.unwrap();
        tokens.push(opened["token"].as_str().unwrap().to_owned());
    }
    tokens
}

/// Every buyer buys every plugin, over ten weeks, of which the months that are over are closed.
pub async fn sell(http: &Client, registry: &Server, operator: &str, buyers: &[String]) {
    let weeks = OWN_PLUGINS / 10;
    for week in 0..10 {
        let day = jiff::civil::date(2026, 1, 3).checked_add(jiff::Span::new().weeks(week as i64)).unwrap();
        set_clock(http, registry, operator, &format!("{day}T12:00:00Z")).await;
        let plugins = week * weeks..(week + 1) * weeks;
        let pairs = plugins.flat_map(|plugin| buyers.iter().map(move |buyer| (plugin, buyer)));
        let buy = |(plugin, buyer): (usize, &String)| {
            let order = http.post(format!("{}/api/v1/orders", registry.base)).bearer_auth(buyer);
            let order = order.json(&json!({ "plugin": format!("acme:p{plugin}") }));
            async move {
                let placed: Value = ok(order).await.json().await.unwrap();
                let reference = placed["reference"].as_str().unwrap();
                let url = format!("{}/api/v1/orders/{reference}/payment", registry.base);
                let paid = json!({ "bank_reference": format!("B-{reference}"), "amount": placed["due"] });
                ok(http.post(url).bearer_auth(operator).json(&paid)).await;
            }
        };
        futures::stream::iter(pairs).for_each_concurrent(CLIENTS, buy).await;
    }
    for month in ["2026-01", "2026-02"] {
        let url = format!("{}/api/v1/ledger/months/{month}/close", registry.base);
        ok(http.post(url).bearer_auth(operator)).await;
    }
}

/// A deployment that is paused, copied: each is as valid as any, and runs nothing.
pub async fn copy_deployments(database: &Path) {
    install_default_drivers();
    let mut db = AnyConnection::connect(&format!("sqlite://{}", database.display())).await.unwrap();
    let mut write = db.begin().await.unwrap();
    for (table, name) in [("deployments", "name"), ("revisions", "deployment")] {
        let copy = format!("create temp table copied as select * from {table} where {name} = 'd0'");
        sqlx::query(AssertSqlSafe(copy)).execute(&mut *write).await.unwrap();
        for number in 1..DEPLOYMENTS {
            let rename = format!("update copied set {name} = 'd{number}'");
            sqlx::query(AssertSqlSafe(rename)).execute(&mut *write).await.unwrap();
            let insert = format!("insert into {table} select * from copied");
            sqlx::query(AssertSqlSafe(insert)).execute(&mut *write).await.unwrap();
        }
        write.execute("drop table copied").await.unwrap();
    }
    write.commit().await.unwrap();
}
