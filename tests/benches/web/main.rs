//! Pages beside their raw floor, a file of the same server, in one run: a partner with 10,000 sales, a shop of 100,000 plugins, a host with
//! 1,000 deployments. `make bench-web` builds what is needed; figures are of the machine at hand, ratios travel. It fails where a page
//! does not show what is there, and nowhere else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fill;
mod stage;
mod watch;

use std::fs;

use reqwest::Client;
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection as _, Executor as _};
use tokio::runtime::Runtime;

use fill::{buyers, copy_deployments, fill_shop, sell};
use stage::{PASSWORD, Server, Stage, session, set_clock, workspace};
use watch::Watch;

fn registry(runtime: &Runtime, kind: &str, stage: &Stage) {
    let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let served = stage.registry();
    let operator = stage.operator();
    runtime.block_on(set_clock(&http, &served, &operator, "2026-01-02T00:00:00Z"));
    let plugin = workspace().join("target/plugins/ocr-server.wasm");
    for words in [
        &["register", "acme"][..],
        &["namespace", "take", "acme"],
        &["keys", "new", "acme"],
        &["keys", "add", "acme"],
        &["publish", plugin.to_str().unwrap()],
        &["orders", "price", "acme:ocr-server", "100.00 USD"],
    ] {
        stage.run(&served, &[], words);
    }
    let bought = runtime.block_on(buyers(&http, &served));
    drop(served);
    runtime.block_on(fill_shop(&stage.url()));
    let served = stage.registry();
    runtime.block_on(async {
        sell(&http, &served, &operator, &bought).await;
        let cookie = session(&http, &served, "/login", &[("name", "acme"), ("password", PASSWORD)]).await;
        let partner = Watch::new(&http, &served, kind, &cookie).await;
        let at = |end: &str| format!("/dashboard/acme{end}");
        partner.page(&at("?range=year"), "1,000,000.00 USD").await;
        for (page, shows) in [
            ("/sales?range=year", "acme:p"),
            ("/customers?range=year", "1,000,000.00 USD"),
            ("/plugins?range=year", "acme:p"),
            ("/use?range=year", "Dashboard"),
            ("/payouts", "Dashboard"),
            ("/statements", "2026-02"),
            ("/transactions", "USD"),
        ] {
            partner.page(&at(page), shows).await;
        }
        let visitor = Watch::new(&http, &served, kind, "").await;
        for (page, shows) in [
            ("/", "Featured"),
            ("/search?q=server", "/plugins/ns"),
            ("/search?q=word42&kind=template&order=new", "/plugins/ns"),
            ("/plugins/ns7/server-7", "chandlery install ns7:server-7"),
            ("/publishers/ns7", "/plugins/ns7"),
        ] {
            visitor.page(page, shows).await;
        }
        visitor.live_plan().await;
    });
}

/// One deployment is made, paused and copied: it is as valid as any, and runs nothing.
fn host(runtime: &Runtime, stage: &Stage) {
    let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let registry = stage.registry();
    let plugin = workspace().join("target/plugins/errand.wasm");
    for words in [
        &["register", "acme"][..],
        &["namespace", "take", "acme"],
        &["keys", "new", "acme"],
        &["keys", "add", "acme"],
        &["publish", plugin.to_str().unwrap()],
    ] {
        stage.run(&registry, &[], words);
    }
    let (data, token) = (stage.folder.join("host"), stage.folder.join("acme.token"));
    let credentials = fs::read_to_string(stage.folder.join("home/credentials.toml")).unwrap();
    let line = credentials.lines().find(|line| line.starts_with("acme")).unwrap();
    fs::write(&token, line.split('"').nth(1).unwrap()).unwrap();
    let (data, token) = (data.to_str().unwrap(), token.to_str().unwrap());
    let words = ["host", "run", "--data", data, "--registry", &registry.base, "--registry-token-file", token];
    let served = Server::start(&stage.folder, &words);
    let shown = fs::read_to_string(stage.folder.join("host/host.token")).unwrap();
    let run = |served: &Server, words: &[&str]| {
        let at = [("CHANDLERY_HOST", served.base.as_str()), ("CHANDLERY_HOST_TOKEN", shown.as_str())];
        stage.run(&registry, &at, words)
    };
    run(&served, &["install", "acme:errand"]);
    run(&served, &["deploy", "errand", "--name", "d0", "--set", "command=[\"sleep\", \"600\"]"]);
    run(&served, &["pause", "d0"]);
    run(&served, &["host", "users", "add", "chief", "admin"]);
    let invited = run(&served, &["host", "users", "invite", "chief"])["token"].as_str().unwrap().to_owned();
    let form = [("token", invited.as_str()), ("password", PASSWORD), ("again", PASSWORD)];
    let cookie = runtime.block_on(session(&http, &served, "/set-up", &form));
    drop(served);
    runtime.block_on(copy_deployments(&stage.folder.join("host/host.db")));
    let served = Server::start(&stage.folder, &words);
    runtime.block_on(async {
        let admin = Watch::new(&http, &served, "host", &cookie).await;
        for (page, shows) in [
            ("/deployments", "/deployments/d"),
            ("/deployments?health=paused", "/deployments/d"),
            ("/deployments/d500", "acme:errand@"),
            ("/deployments/d500/rollout", "d500"),
            ("/targets", "/deployments?target=local"),
            ("/plugins", "acme:errand@"),
            ("/activity", "deploy"),
        ] {
            admin.page(page, shows).await;
        }
    });
}

fn main() {
    install_default_drivers();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let stage = |name: &str, database: Option<String>| {
        let folder = folder.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        Stage { folder, database }
    };
    println!(
        "| store | page | p50 | p99 | floor | ratio | weight |\n| --- | --- | --- | --- | --- | --- | --- |"
    );
    registry(&runtime, "SQLite", &stage("sqlite", None));
    if let Ok(postgres) = std::env::var("CHANDLERY_TEST_POSTGRES") {
        runtime.block_on(async {
            let mut db = AnyConnection::connect(&format!("{postgres}/postgres")).await.unwrap();
            db.execute("create database bench_web").await.unwrap();
        });
        registry(&runtime, "PostgreSQL", &stage("postgres", Some(format!("{postgres}/bench_web"))));
    }
    host(&runtime, &stage("host", None));
}
