//! The money beside its raw floor, in one run: the same bytes inserted by bare multi-row statements into the same tables of the same
//! kind of database. `make bench-money` starts what is needed; figures are of the machine at hand, ratios travel, and one below its aim
//! fails the run when everything is measured.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chandlery_money::books;
use chandlery_money::ledger::{self, Account, By, Chore, Transaction};
use chandlery_package::chain::Chain;
use chandlery_package::wire::{HostChain, LogInBy, TransactionKind, UsageEvent};
use chandlery_package::{Currency, Money, Namespace, PrivateKey};
use chandlery_registry::audit::Exports;
use chandlery_registry::{Limits, Registry, Settings};
use chandlery_store::{Cell, Db, insert_rows};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};
use tokio::runtime::Runtime;
use uuid::Uuid;

const BATCH: usize = 1000;
const INTAKE_BATCHES: usize = 200;
const CLIENTS: usize = 3;
const TRANSACTIONS: usize = 60_000;
const CLOSES: [usize; 3] = [100_000, 300_000, 1_000_000];
/// How much of the floor the intake of chained records and the ledger have at least.
const INTAKE_MIN: f64 = 0.33;
const LEDGER_MIN: f64 = 0.5;

/// How many ratios were below their aims.
static BELOW: AtomicUsize = AtomicUsize::new(0);

/// A kind of database, and a fresh one of it whenever one is wanted.
#[derive(Clone)]
enum Kind {
    Sqlite,
    Postgres(String),
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    async fn fresh(&self, folder: &Path) -> String {
        let name = format!("bench_{}", Uuid::new_v4().simple());
        match self {
            Self::Sqlite => format!("sqlite://{}?mode=rwc", folder.join(name).display()),
            Self::Postgres(server) => {
                let mut connection = AnyConnection::connect(&format!("{server}/postgres")).await.unwrap();
                connection.execute(AssertSqlSafe(format!("create database {name}"))).await.unwrap();
                format!("{server}/{name}")
            }
        }
    }
}

async fn registry(kind: &Kind, folder: &Path) -> Registry {
    let settings = Settings {
        data: folder.join(Uuid::new_v4().to_string()),
        database: Some(kind.fresh(folder).await),
        storage: None,
        url: None,
        passkeys_at: None,
        origin: "bench.example/log".into(),
        witnesses: Vec::new(),
        hold_days: 30,
        usage_days: 35,
        approval_hours: 0,
        virtual_clock: true,
        worker: chandlery_sandbox::Worker::Here,
        processor: None,
        mail: None,
        vies: None,
        private_webhooks: false,
        dns: None,
        exports: Exports::default(),
        security: chandlery_registry::security_txt::SecurityTxt::default(),
        styleguide: false,
        limits: Limits { requests_per_second: 10_000_000.try_into().unwrap(), ..Limits::default() },
    };
    let registry = Registry::open(&settings).await.unwrap();
    for sql in [
        "insert into namespaces (name, created_at) values ('acme', '')",
        "insert into plugins (id, namespace) values ('acme:serving', 'acme')",
        "insert into releases (plugin, version, kind, title, description, component, component_bytes, artifact, key_id,
                               log_index, published_at)
         values ('acme:serving', '1.0.0', 'template', '', '', '', 0, '', '', 0, '')",
        r#"insert into prices (plugin, version, since, offer) values ('acme:serving', 1, '2020-01-01T00:00:00.000000Z',
           '{"price":{"kind":"metered","unit":"gpu-hour","steps":[{"price":"0.50 USD"}]}}')"#,
    ] {
        sqlx::query(sql).execute(registry.db.read()).await.unwrap();
    }
    registry
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A batch of events of one deployment, an hour each.
fn events(batch: usize) -> Vec<serde_json::Value> {
    let begin = at("2026-01-01T00:00:00Z");
    let event = |index: usize| {
        let from = begin + SignedDuration::from_secs((batch * BATCH + index) as i64 % 2_000_000);
        json!({
            "id": Uuid::now_v7(), "deployment": format!("serving-{}", index % 50), "release": "acme:serving@1.0.0",
            "from": from, "to": from + SignedDuration::from_secs(60), "replica_millis": 60_000, "gpu_millis": 120_000,
        })
    };
    (0..BATCH).map(event).collect()
}

/// Rows of the usage table as the registry would store them.
async fn insert_events(connection: &mut AnyConnection, account: &str, batch: &[serde_json::Value]) {
    let rows = batch.iter().map(|event| -> [Cell; 12] {
        let text = |name: &str| event[name].as_str().unwrap();
        let time = |name: &str| chandlery_store::time(at(text(name)));
        [
            text("id").into(),
            account.into(),
            "2026-01".into(),
            text("deployment").into(),
            "acme:serving".into(),
            "1.0.0".into(),
            time("from").into(),
            time("to").into(),
            60_000.into(),
            120_000.into(),
            "".into(),
            "2026-01-01T00:00:00.000000Z".into(),
        ]
    });
    let table = "usage_events (id, account, month, deployment, plugin, version, from_at, to_at, replica_millis, gpu_millis,
                               units, received_at)";
    insert_rows(connection, table, rows.collect(), "").await.unwrap();
}

async fn intake(kind: &Kind, folder: &Path) {
    let batches: Vec<_> = (0..INTAKE_BATCHES).map(events).collect();
    // The floor: the same rows, by one connection, a commit for each statement.
    let floor_registry = registry(kind, folder).await;
    let mut connection = floor_registry.db.read().acquire().await.unwrap().detach();
    let begun = Instant::now();
    for batch in &batches {
        insert_events(&mut connection, "operator", batch).await;
    }
    let floor = (INTAKE_BATCHES * BATCH) as f64 / begun.elapsed().as_secs_f64();

    let served = registry(kind, folder).await;
    served.clock.set(&served.db, at("2026-02-02T00:00:00Z")).await.unwrap();
    let token = token(&served).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1/hosts", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server =
        tokio::spawn(chandlery_registry::serve(served, listener, async move { drop(stopped.await) }));
    let mut hosts = Vec::new();
    for (index, own) in batches.chunks(INTAKE_BATCHES.div_ceil(CLIENTS)).enumerate() {
        hosts.push(reports(&format!("{url}/{index}"), &token, &index.to_string(), own).await);
    }
    let begun = Instant::now();
    let clients = hosts.into_iter().enumerate().map(|(index, bodies)| {
        let (url, token) = (format!("{url}/{index}/usage"), token.clone());
        tokio::spawn(async move {
            let client = reqwest::Client::new();
            for body in bodies {
                let request =
                    client.post(&url).bearer_auth(&token).header("content-type", "application/json");
                let receipt: serde_json::Value =
                    request.body(body).send().await.unwrap().json().await.unwrap();
                assert_eq!(receipt["accepted"], BATCH, "{receipt}");
            }
        })
    });
    futures::future::join_all(clients).await;
    let ours = (INTAKE_BATCHES * BATCH) as f64 / begun.elapsed().as_secs_f64();
    let _ = stop.send(());
    server.await.unwrap().unwrap();
    row(
        kind,
        "intake of chained and signed usage over HTTP, events/s",
        ours,
        floor,
        Aim::AtLeast(INTAKE_MIN),
    );
}

/// What a host has signed of these batches, each a report that continues the one before.
async fn reports(url: &str, token: &str, host: &str, batches: &[Vec<serde_json::Value>]) -> Vec<String> {
    let key = PrivateKey::generate();
    let client = reqwest::Client::new();
    let request = client.put(format!("{url}/key")).bearer_auth(token).json(&json!({ "key": key.public() }));
    let known: HostChain = request.send().await.unwrap().json().await.unwrap();
    let chain = Chain { registry: known.registry, account: known.account, host: host.into() };
    let mut head = chain.start();
    let sign = |batch: &Vec<serde_json::Value>| {
        let events: Vec<UsageEvent> = serde_json::from_value(json!(batch)).unwrap();
        let report = chain.report(&key, head, known.heard_at, events);
        head = chain.segment(&report).head();
        json!(report).to_string()
    };
    batches.iter().map(sign).collect()
}

async fn token(registry: &Registry) -> String {
    let name: Namespace = "operator".parse().unwrap();
    let scope = chandlery_accounts::Scope::Full;
    let machine = chandlery_accounts::Actor::machine();
    let (db, by) = (&registry.db, LogInBy::Password);
    chandlery_accounts::issue_token(db, &machine, &name, &scope, "bench", None, by).await.unwrap()
}

fn transaction(index: usize, accounts: usize) -> Transaction {
    let partner: Namespace = format!("partner-{}", index % accounts).parse().unwrap();
    let amount = Money::new(100 + index as i64 % 900, Currency::Usd).unwrap();
    Transaction::new(TransactionKind::Sale, index, at("2026-01-01T00:00:00Z"))
        .about("a transaction of two postings")
        .debit(Account::Pending(partner.clone()), amount)
        .credit(Account::Available(partner), amount)
}

async fn ledger_batches(db: &Db, accounts: usize) -> f64 {
    let begun = Instant::now();
    for batch in 0..TRANSACTIONS / BATCH {
        let all = (0..BATCH).map(|index| transaction(batch * BATCH + index, accounts)).collect();
        let mut write = db.write().await.unwrap();
        ledger::by(&mut write, By::System(Chore::Holds));
        ledger::post_all(&mut write, all).await.unwrap();
        write.commit().await.unwrap();
    }
    TRANSACTIONS as f64 / begun.elapsed().as_secs_f64()
}

/// The same rows of transactions and postings, without looking at what is there or what an account holds.
async fn ledger_floor(db: &Db) -> f64 {
    let begun = Instant::now();
    for batch in 0..TRANSACTIONS / BATCH {
        let mut write = db.read().begin().await.unwrap();
        let all: Vec<_> = (0..BATCH)
            .map(|index| (batch * BATCH + index, transaction(batch * BATCH + index, 1000)))
            .collect();
        let transactions = all.iter().map(|(id, transaction)| -> [Cell; 7] {
            let body = format!("{}\n{:?}", transaction.description, transaction.postings[0].amount.minor());
            [
                (*id as i64 + 1).into(),
                transaction.key.as_str().into(),
                format!("{body:-<110}").into(),
                "sale".into(),
                transaction.description.as_str().into(),
                "2026-01-01T00:00:00.000000Z".into(),
                "{}".into(),
            ]
        });
        let postings = all.iter().flat_map(|(id, transaction)| {
            transaction.postings.iter().enumerate().map(move |(line, posting)| -> [Cell; 5] {
                let account = posting.account.to_string();
                [
                    (*id as i64 + 1).into(),
                    (line as i64).into(),
                    account.into(),
                    "USD".into(),
                    posting.amount.minor().into(),
                ]
            })
        });
        let table = "ledger_transactions (id, key, body, kind, description, at, links)";
        insert_rows(&mut write, table, transactions.collect(), "").await.unwrap();
        let table = "ledger_postings (transaction_id, line, account, currency, minor)";
        insert_rows(&mut write, table, postings.collect(), "").await.unwrap();
        write.commit().await.unwrap();
    }
    TRANSACTIONS as f64 / begun.elapsed().as_secs_f64()
}

/// Single transactions of many at once, which the writer commits together.
async fn ledger_together(db: &Db, count: usize) -> f64 {
    let begun = Instant::now();
    let writers = (0..64).map(|writer| {
        let db = db.clone();
        tokio::spawn(async move {
            for index in 0..count / 64 {
                let transaction = transaction(10_000_000 + writer * count + index, 1000);
                db.group_commit(move |write| {
                    Box::pin(async move {
                        ledger::by(write, By::System(Chore::Holds));
                        ledger::post(write, transaction).await
                    })
                })
                .await
                .unwrap();
            }
        })
    });
    futures::future::join_all(writers).await;
    count as f64 / begun.elapsed().as_secs_f64()
}

/// Single transactions one after the other, a commit for each.
async fn ledger_single(db: &Db, count: usize) -> f64 {
    let begun = Instant::now();
    for index in 0..count {
        let mut write = db.write().await.unwrap();
        ledger::by(&mut write, By::System(Chore::Holds));
        ledger::post(&mut write, transaction(90_000_000 + index, 1000)).await.unwrap();
        write.commit().await.unwrap();
    }
    count as f64 / begun.elapsed().as_secs_f64()
}

async fn ledgers(kind: &Kind, folder: &Path) {
    let open = async || Db::open(&kind.fresh(folder).await).await.unwrap();
    let floor = ledger_floor(&open().await).await;
    let spread_in = open().await;
    let spread = ledger_batches(&spread_in, 1000).await;
    let hot = ledger_batches(&open().await, 1).await;
    row(kind, "ledger, batches of 1,000, transactions/s", spread, floor, Aim::AtLeast(LEDGER_MIN));
    row(kind, "the same on one pair of accounts", hot, spread, Aim::Beside("spread"));
    let single = ledger_single(&spread_in, 1000).await;
    let together = ledger_together(&spread_in, 12_800).await;
    row(kind, "ledger, 64 writers committed together", together, single, Aim::Beside("one after the other"));
}

async fn closes(kind: &Kind, folder: &Path) {
    let mut first = None;
    for events_count in CLOSES {
        let registry = registry(kind, folder).await;
        registry.clock.set(&registry.db, at("2026-02-02T00:00:00Z")).await.unwrap();
        let mut connection = registry.db.read().acquire().await.unwrap().detach();
        for account in 0..200 {
            sqlx::query(
                "insert into accounts (name, password_hash, role, created_at) values ($1, '', '', '')",
            )
            .bind(format!("customer-{account}"))
            .execute(&mut connection)
            .await
            .unwrap();
            sqlx::query(
                r#"insert into orders (reference, customer, plugin, offer, discount, tax_minor, ordered_at)
                   select $1, $2, plugin, offer, '0%', 0, '2026-01-01T00:00:00.000000Z' from prices"#,
            )
            .bind(format!("CH-{account}"))
            .bind(format!("customer-{account}"))
            .execute(&mut connection)
            .await
            .unwrap();
        }
        for batch in 0..events_count / BATCH {
            insert_events(&mut connection, &format!("customer-{}", batch % 200), &events(batch)).await;
        }
        let begun = Instant::now();
        let count: (i64, i64) =
            sqlx::query_as("select count(*), cast(sum(gpu_millis) as bigint) from usage_events")
                .fetch_one(&mut connection)
                .await
                .unwrap();
        assert_eq!(count.0 as usize, events_count);
        let scan = begun.elapsed();
        let begun = Instant::now();
        let operator = "operator".parse().unwrap();
        let closed = books::close(
            &registry.db,
            &chandlery_accounts::Actor::machine(),
            registry.finance.hold_days,
            "2026-01".parse().unwrap(),
            &operator,
            registry.clock.now(),
        )
        .await
        .unwrap();
        let took = begun.elapsed();
        assert_eq!(closed.invoices.len(), 200.min(events_count / BATCH));
        let each = took.as_secs_f64() / events_count as f64;
        let first = *first.get_or_insert(each);
        println!(
            "| {} | close of a month, {events_count} events | {:.2} s | one scan of them {:.2} s | per event × {:.2} of the first |",
            kind.name(),
            seconds(took),
            seconds(scan),
            each / first
        );
    }
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

/// What a ratio is to be.
enum Aim {
    AtLeast(f64),
    /// None: it is told beside this.
    Beside(&'static str),
}

fn row(kind: &Kind, what: &str, ours: f64, floor: f64, aim: Aim) {
    let ratio = ours / floor;
    let aim = match aim {
        Aim::AtLeast(least) if ratio < least => {
            BELOW.fetch_add(1, Ordering::Relaxed);
            format!("below the aim of {least}")
        }
        Aim::AtLeast(least) => format!("≥ {least}"),
        Aim::Beside(other) => format!("beside {other}"),
    };
    println!("| {} | {what} | {ours:.0} | {floor:.0} | {ratio:.2} ({aim}) |", kind.name());
}

fn main() {
    install_default_drivers();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let mut kinds = vec![Kind::Sqlite];
    if let Ok(server) = std::env::var("CHANDLERY_TEST_POSTGRES") {
        kinds.push(Kind::Postgres(server));
    }
    println!("| database | what | ours | floor or peer | ratio |\n| --- | --- | --- | --- | --- |");
    Runtime::new().unwrap().block_on(async {
        for kind in kinds {
            intake(&kind, folder.path()).await;
            ledgers(&kind, folder.path()).await;
            closes(&kind, folder.path()).await;
        }
    });
    assert_eq!(BELOW.load(Ordering::Relaxed), 0, "ratios above are below their aims");
}
