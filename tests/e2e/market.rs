//! Two simulated years, and what others make of their books: hledger, beancount, an auditor, a bank.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::auditor::audit;
use crate::stores::Stores;
use crate::world::{Person, Server, binary, workspace};

/// A market that was simulated, and its registry, served again.
struct Market {
    folder: tempfile::TempDir,
    _server: Server,
    _stores: Stores,
    operator: Person,
    summary: Value,
}

fn simulate(seed: u64, months: u32, data: &Path, database: Option<String>) -> Output {
    let mut command = Command::new(binary().with_file_name("chandlery-simulator"));
    command.args(["--json", "--seed", &seed.to_string(), "--months", &months.to_string()]);
    command.arg("--data").arg(data);
    if let Some(database) = database {
        command.args(["--database", &database]);
    }
    command.output().unwrap()
}

fn tool(name: &str) -> PathBuf {
    workspace().join("target/tools/bin").join(name)
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

impl Market {
    fn of(seed: u64, months: u32) -> Self {
        // Fails only where one is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let stores = Stores::new(folder.path());
        let output = simulate(seed, months, &stores.data, stores.postgres());
        assert!(output.status.success(), "seed {seed}: {}", String::from_utf8_lossy(&output.stderr));
        let summary = serde_json::from_slice(&output.stdout).unwrap();
        let mut words: Vec<String> =
            ["registry", "serve", "--virtual-clock", "--listen", "127.0.0.1:0", "--data"]
                .map(String::from)
                .into();
        words.push(stores.data.display().to_string());
        if let Some(database) = stores.postgres() {
            words.extend(["--database".into(), database]);
        }
        let server = Server::start(folder.path(), &words, "registry at");
        let operator = Person::at("operator", folder.path(), &server.address);
        operator.login(&std::fs::read_to_string(stores.data.join("operator.password")).unwrap());
        Self { folder, _server: server, _stores: stores, operator, summary }
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn done(&self, what: &str) -> u64 {
        self.summary["done"][what].as_u64().unwrap_or(0)
    }
}

/// The balances of a journal as hledger adds them up.
fn hledger(journal: &str) -> BTreeMap<(String, String), i64> {
    run(Command::new("hledger").args(["-f", journal, "check", "--strict", "balancednoautoconversion"]));
    let words =
        ["-f", journal, "balance", "--flat", "--no-total", "--layout", "bare", "--output-format", "csv"];
    let table = run(Command::new("hledger").args(words));
    let rows = table.lines().skip(1).map(|line| {
        let fields: Vec<_> = line.split("\",\"").map(|field| field.trim_matches('"')).collect();
        let [account, commodity, minor] = fields[..] else { panic!("{line}") };
        ((account.to_owned(), commodity.replace("minor", "")), minor.parse().unwrap())
    });
    rows.filter(|(_, minor)| *minor != 0).collect()
}

#[test]
fn two_years_of_a_market_hold_their_laws_and_everybody_agrees_on_the_books() {
    let market = Market::of(7, 24);
    let operator = &market.operator;
    assert!(market.summary["crashes"].as_u64() > Some(3), "{}", market.summary);
    for what in [
        "allotments",
        "approvals",
        "bank statements",
        "closed months",
        "confirmed payouts",
        "decisions",
        "disputes",
        "ended orders",
        "events of stripe",
        "exchanges",
        "happenings at stripe",
        "invoice payments",
        "lies",
        "lies of hosts",
        "new prices",
        "order payments",
        "payments by stripe",
        "payout runs",
        "refunds",
        "returned payouts",
        "subscription changes",
        "usage batches",
        "usage reports",
    ] {
        assert!(market.done(what) > 3, "{what}: {}", market.summary);
    }

    // hledger and beancount accept the journal, and add it up to what the API says.
    let journal = market.write("books.journal", &operator.text(&["books", "journal"]));
    let accounts = operator.ok(&["books", "balances"]);
    let said: BTreeMap<_, _> = accounts
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let currency = text(&row["balance"]["currency"]);
            ((text(&row["account"]), currency), row["balance"]["minor"].as_i64().unwrap())
        })
        .filter(|(_, minor)| *minor != 0)
        .collect();
    assert_eq!(hledger(&journal), said);
    let currencies: std::collections::BTreeSet<_> = said.keys().map(|(_, currency)| currency).collect();
    assert_eq!(currencies.len(), 3, "{currencies:?}");
    assert!(
        said.keys().any(|(account, _)| account == "expenses:fx loss" || account == "revenue:fx gain"),
        "{said:?}"
    );
    let beancount = market.write("books.beancount", &operator.text(&["books", "journal", "--beancount"]));
    run(Command::new(tool("bean-check")).arg(beancount));

    auditor_agrees(&market);
    bank_takes_the_files(&market);
    payouts_are_explained(&market);

    // What never was can be tried, and changes nothing.
    let policy = market.write("policy.toml", "[[commission]]\nrate = \"30%\"\n");
    let differences = operator.ok(&["payouts", "replay", "--policy", &policy]);
    let differences = differences.as_array().unwrap();
    let sum: i64 = differences.iter().map(|row| row["difference"]["minor"].as_i64().unwrap()).sum();
    assert_eq!(sum, 0, "what partners lose, the marketplace gains");
    let marketplace = differences.iter().find(|row| row["partner"].is_null()).unwrap();
    assert!(marketplace["difference"]["minor"].as_i64() > Some(0), "{differences:?}");
    assert_eq!(operator.text(&["books", "journal"]), std::fs::read_to_string(&journal).unwrap());

    // A statement cannot be rewritten: the log says what it was.
    let audit = operator.ok(&["log", "audit"]);
    assert_eq!(audit["faults"], json!([]));
}

/// An auditor recomputes statements, balances and figures.
fn auditor_agrees(market: &Market) {
    let partners = ["acme", "berlin", "denver", "kyoto"];
    let compared = audit(&market.operator, &partners, market.folder.path());
    for (what, least) in [
        ("statements", 60),
        ("lines", 500),
        ("balances", 20),
        ("figures", 1200),
        ("cohorts", 20),
        ("accounts", 20),
    ] {
        assert!(compared[what].as_i64() > Some(least), "{compared}");
    }
}

/// Every run's bank file is valid by the public schema, and its sums are right.
fn bank_takes_the_files(market: &Market) {
    let operator = &market.operator;
    let payouts = operator.ok(&["payouts", "list"]);
    let mut runs = BTreeMap::new();
    for payout in payouts["items"].as_array().unwrap() {
        let left =
            ["approved", "sent", "paid", "partly-returned"].iter().any(|state| payout["state"] == *state);
        if payout["rail"] == "sepa" && left {
            *runs.entry(payout["run"].to_string()).or_insert(0) += 1;
        }
    }
    assert!(runs.len() > 5, "{payouts}");
    let schema = Command::new(tool("python3"))
        .args(["-c", "import sepaxml, pathlib; print(pathlib.Path(sepaxml.__file__).parent)"])
        .output()
        .unwrap();
    let schema = format!("{}/schemas/pain.001.001.09.xsd", String::from_utf8_lossy(&schema.stdout).trim());
    for (run_number, transfers) in runs.iter().take(6) {
        let file = market.write("run.xml", &operator.text(&["payouts", "bank-file", run_number]));
        let script = workspace().join("tests/e2e/bank_file.py");
        let found = run(Command::new(tool("python3")).arg(script).args([&schema, &file]));
        let found: Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found["transfers"], *transfers, "run {run_number}");
    }
}

/// A payout leads back to the use that it is paid for, cent by cent.
fn payouts_are_explained(market: &Market) {
    let operator = &market.operator;
    let payouts = operator.ok(&["payouts", "list"]);
    let paid: Vec<_> =
        payouts["items"].as_array().unwrap().iter().filter(|payout| payout["state"] == "paid").collect();
    let mut led_to_use = false;
    for payout in paid.iter().take(20) {
        let explained = operator.ok(&["payouts", "explain", &payout["id"].to_string()]);
        let items = explained["items"].as_array().unwrap();
        let sum: i64 = items.iter().map(|item| item["amount"]["minor"].as_i64().unwrap()).sum();
        assert_eq!(sum, payout["amount"]["minor"].as_i64().unwrap(), "{explained}");
        for item in items.iter().filter(|item| item["kind"] == "earning") {
            let lot = &item["lot"];
            // Whoever has only referred the customer does not see the price.
            let is_priced = lot["sale"]["gross"]["minor"].as_i64() > Some(0);
            assert!(
                lot["share"]["minor"].as_i64() > Some(0) && is_priced == (lot["role"] == "seller"),
                "{lot}"
            );
            led_to_use |= lot["sale"]["rating"]["events"].as_i64() > Some(0)
                && lot["sale"]["rating"]["event_ids"][0].is_string()
                && lot["sale"]["invoice"].is_array();
        }
    }
    assert!(led_to_use, "{paid:?}");
}

/// Many markets, shorter or as long as the soak asks for.
#[test]
fn markets_of_many_seeds_hold_their_laws() {
    let number =
        |name: &str, short: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(short);
    let (seeds, months) = (number("CHANDLERY_TEST_SEEDS", 2), number("CHANDLERY_TEST_MONTHS", 4));
    let next = std::sync::atomic::AtomicU64::new(100);
    std::thread::scope(|scope| {
        // Each waits for its disk half of the time.
        for _ in 0..2 * std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= 100 + seeds {
                        break;
                    }
                    let folder = tempfile::tempdir().unwrap();
                    let stores = Stores::new(folder.path());
                    let output = simulate(seed, months as u32, &stores.data, stores.postgres());
                    assert!(
                        output.status.success(),
                        "seed {seed}: {}",
                        String::from_utf8_lossy(&output.stderr)
                    );
                    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
                    println!(
                        "seed {seed}: {} transactions, {} crashes",
                        summary["transactions"], summary["crashes"]
                    );
                }
            });
        }
    });
}
