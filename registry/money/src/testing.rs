//! The money of a registry of its own for each unit test, with something to sell.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use chandlery_accounts::{Accounts, Actor, SessionCookie};
use chandlery_log::Log;
use chandlery_package::Namespace;
use chandlery_package::wire::Payout;
use chandlery_store::{Clock, Db, Facts, Write};
use jiff::Timestamp;
use proptest::prelude::ProptestConfig;
use tokio::sync::OnceCell;

use crate::ledger::{self, By, Chore};
use crate::payouts::run;
use crate::{Error, Finance};

/// The files of an empty market. To make its tables and its operator takes longer than many a test: that is done once.
static EMPTY: OnceCell<Vec<(&str, Vec<u8>)>> = OnceCell::const_new();

async fn empty() -> Vec<(&'static str, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let (db, _log) = open(folder.path()).await;
    chandlery_accounts::make_first_operator(&db, folder.path()).await.unwrap();
    Clock::open(true, &Facts(&db)).await.unwrap();
    // Until then, what was written is in a file beside it.
    sqlx::query("pragma wal_checkpoint(truncate)").execute(db.read()).await.unwrap();
    let beside = std::fs::metadata(folder.path().join("registry.db-wal"));
    assert_eq!(beside.map_or(0, |file| file.len()), 0);
    ["registry.db", "log.key"].map(|name| (name, std::fs::read(folder.path().join(name)).unwrap())).into()
}

async fn open(folder: &Path) -> (Db, Log) {
    let db = Db::open(&format!("sqlite://{}?mode=rwc", folder.join("registry.db").display())).await.unwrap();
    let log = Log::open(&folder.join("log.key"), "example.com/log", &[], &Facts(&db)).await.unwrap();
    (db, log)
}

/// An empty market, which lasts as long as its folder.
pub(crate) async fn finance() -> (tempfile::TempDir, Finance) {
    // Fails only where one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in EMPTY.get_or_init(empty).await {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let (db, log) = open(folder.path()).await;
    let finance = Finance {
        clock: Clock::open(true, &Facts(&db)).await.unwrap(),
        accounts: Accounts::open(db.clone(), SessionCookie::Plain).await.unwrap(),
        db,
        log: Arc::new(log),
        hold_days: 30,
        usage_days: 35,
        approval_hours: 24,
        processor: None,
        mail: None,
        vies: None,
        private_webhooks: true,
        on_offer: |_, _, _| Box::pin(async { Ok(()) }),
    };
    (folder, finance)
}

/// The same, with these customers and a plugin of acme's at this offer.
pub(crate) async fn market(customers: &[&str], offer: &str) -> (tempfile::TempDir, Finance) {
    let (folder, finance) = finance().await;
    for sql in [
        "insert into namespaces (name, created_at) values ('acme', '')",
        "insert into plugins (id, namespace) values ('acme:serving', 'acme')",
        "insert into releases (plugin, version, kind, title, description, component, component_bytes, artifact, key_id,
                               log_index, published_at)
         values ('acme:serving', '1.0.0', 'template', '', '', '', 0, '', '', 0, '')",
    ] {
        sqlx::query(sql).execute(finance.db.read()).await.unwrap();
    }
    for customer in customers {
        sqlx::query("insert into accounts (name, password_hash, role, created_at) values ($1, '', '', '')")
            .bind(*customer)
            .execute(finance.db.read())
            .await
            .unwrap();
    }
    sqlx::query("insert into prices (plugin, version, since, offer) values ('acme:serving', 1, '2020', $1)")
        .bind(offer)
        .execute(finance.db.read())
        .await
        .unwrap();
    (folder, finance)
}

/// How many cases of each property are tried, where that is said.
pub(crate) fn said() -> Option<u32> {
    std::env::var("CHANDLERY_TEST_CASES").ok().and_then(|cases| cases.parse().ok())
}

/// So many cases of a property, or as many as is said.
pub(crate) fn cases(few: u32) -> ProptestConfig {
    ProptestConfig::with_cases(said().unwrap_or(few))
}

/// So many seeds, or as many as is said.
pub(crate) fn seeds(few: u32) -> Range<u64> {
    0..u64::from(said().unwrap_or(few))
}

/// A transaction in which a test posts by itself.
pub(crate) async fn writing(db: &Db) -> Write {
    let mut write = db.write().await.unwrap();
    ledger::by(&mut write, By::System(Chore::Holds));
    write
}

/// Sends a payout on its way, as if enough had approved it.
pub(crate) async fn approve(
    db: &Db,
    actor: &Actor,
    by: &Namespace,
    id: i64,
    now: Timestamp,
) -> Result<Payout, Error> {
    let mut write = db.write().await?;
    let payout = run::approve(&mut write, actor, by, id, now).await?;
    write.commit().await?;
    Ok(payout)
}

/// The first operator.
pub(crate) fn operator() -> Namespace {
    "operator".parse().unwrap()
}

/// The moment that a text of RFC 3339 names.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What is wrong with the books.
pub(crate) async fn faults(db: &Db) -> Vec<String> {
    crate::books::invariants::check(&mut db.snapshot().await.unwrap()).await.unwrap().faults
}
