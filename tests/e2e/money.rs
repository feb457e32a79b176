//! From a sale to the partner's bank, with books that hledger accepts and a dashboard that says the same.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::world::{Person, World, plugin};

/// The balances of the exported journal, as hledger adds them up.
fn hledger(operator: &Person) -> BTreeMap<String, i64> {
    let journal = operator.file("books.journal", operator.text(&["books", "journal"]).as_bytes());
    let run = |words: &[&str]| {
        let output = Command::new("hledger").args(["-f", &journal]).args(words).output().unwrap();
        assert!(output.status.success(), "hledger {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["check", "--strict", "balancednoautoconversion", "ordereddates"]);
    let table = run(&["balance", "--flat", "--no-total", "--output-format", "csv"]);
    let rows = table.lines().skip(1).filter_map(|line| {
        let (account, amount) = line.trim_matches('"').split_once("\",\"")?;
        Some((account.to_owned(), amount.split(' ').next()?.parse().ok()?))
    });
    rows.collect()
}

/// A figure of the dashboard, in minor units.
fn figure(page: &str, name: &str) -> i64 {
    let text = page
        .split(&format!("data-figure=\"{name}\">"))
        .nth(1)
        .unwrap_or_else(|| panic!("no {name} in {page}"));
    text.split(' ').next().unwrap().replace(['.', ','], "").parse().unwrap()
}

fn dashboard(world: &World, person: &Person) -> String {
    let cookie = world.session(person);
    let (status, page) = world.get(&format!("/dashboard/{}", person.name), &[("cookie", &cookie)]);
    assert_eq!(status, 200);
    let (status, csv) =
        world.get(&format!("/dashboard/{}/transactions.csv", person.name), &[("cookie", &cookie)]);
    assert_eq!((status, csv), (200, person.text(&["payouts", "transactions", &person.name, "--csv"])));
    page
}

/// Dashboard, API and journal say the same.
fn all_agree(world: &World, partner: &Person) -> [i64; 3] {
    let operator = world.operator();
    operator.ok(&["books", "check"]);
    let books = hledger(&operator);
    let owed = |what: &str| -books.get(&format!("liabilities:partner:acme:{what}")).copied().unwrap_or(0);
    let api = partner.ok(&["payouts", "balance", "acme"])["items"][0].clone();
    let page = dashboard(world, partner);
    let mut figures = [0; 3];
    for (index, (field, name)) in
        [("on_hold", "on-hold"), ("available", "available"), ("paid", "paid")].into_iter().enumerate()
    {
        figures[index] = api[field]["minor"].as_i64().unwrap();
        assert_eq!(figure(&page, name), figures[index], "{name}");
    }
    assert_eq!([owed("pending"), owed("available")], figures[..2]);
    let sales: i64 = -books.values().filter(|minor| **minor < 0).sum::<i64>();
    let bank = books.get("assets:bank").copied().unwrap_or(0);
    assert_eq!(bank, sales, "what the bank holds is what is owed and earned");
    assert_eq!(books.values().sum::<i64>(), 0);
    figures
}

fn sell(world: &World, customer: &Person, bank_reference: &str) -> Value {
    let order = customer.ok(&["orders", "place", "acme:ocr-server"]);
    let reference = order["reference"].as_str().unwrap();
    let paid = ["orders", "paid", reference, "99.99 USD", "--bank-reference", bank_reference];
    world.operator().ok(&paid);
    // Recorded twice, it counts once.
    world.operator().ok(&paid);
    order
}

#[test]
fn a_sale_is_shared_held_released_and_paid_once() {
    // Without a hold, so that the whole way can be seen at once.
    let world = World::with_hold(0);
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    let customer = world.customer();
    let (problem, _) = customer.refused(&["orders", "place", "acme:ocr-server"]);
    assert!(problem.detail.contains("is free"));
    acme.ok(&["orders", "price", "acme:ocr-server", "99.99 USD"]);

    let order = sell(&world, &customer, "BANK-1");
    assert_eq!(customer.ok(&["orders", "place", "acme:ocr-server"])["reference"], order["reference"]);
    assert_eq!(all_agree(&world, &acme), [8499, 0, 0]);

    let reference = order["reference"].as_str().unwrap();
    let operator = world.operator();
    let (problem, _) =
        operator.refused(&["orders", "paid", reference, "99.99 USD", "--bank-reference", "BANK-2"]);
    assert_eq!(problem.r#type, "conflict");
    let another = world.person("initech");
    another.register();
    let open = another.ok(&["orders", "place", "acme:ocr-server"]);
    let open = open["reference"].as_str().unwrap();
    let (problem, _) = operator.refused(&["orders", "paid", open, "99.98 USD", "--bank-reference", "BANK-3"]);
    assert!(problem.detail.contains("99.98 USD arrived, but 99.99 USD is due"));
    let (problem, _) = operator.refused(&["orders", "paid", open, "99.99 USD", "--bank-reference", "BANK-1"]);
    assert!(problem.detail.contains("has paid invoice"), "{problem:?}");

    // One operator proposes, another approves, the bank fails once and then pays.
    let second = world.person("second");
    second.register();
    world.promote("second");
    let payout = operator.ok(&["payouts", "propose", "acme"]);
    assert_eq!((&payout["amount"]["minor"], &payout["state"]), (&json!(8499), &json!("proposed")));
    assert_eq!(operator.ok(&["payouts", "propose", "acme"]), payout, "one open proposal");
    assert_eq!(all_agree(&world, &acme), [0, 8499, 0]);
    let (problem, code) = operator.refused(&["payouts", "approve", "1"]);
    assert_eq!((problem.r#type.as_str(), code), ("forbidden", 5));
    second.ok(&["payouts", "approve", "1"]);
    second.ok(&["payouts", "approve", "1"]);
    let recorded = operator.ok(&["audit", "list", "--act", "payout-approved"]);
    let recorded: Vec<_> =
        recorded.as_array().unwrap().iter().map(|entry| (&entry["actor"], &entry["subject"])).collect();
    assert_eq!(recorded, [(&json!("second"), &json!("payout 1"))]);
    assert_eq!(all_agree(&world, &acme), [0, 0, 0]);
    operator.ok(&["payouts", "return", "1"]);
    assert_eq!(all_agree(&world, &acme), [0, 8499, 0]);
    second.ok(&["payouts", "propose", "acme"]);
    operator.ok(&["payouts", "approve", "2"]);
    operator.ok(&["payouts", "confirm", "2", "--bank-reference", "SEPA-7"]);
    operator.ok(&["payouts", "confirm", "2", "--bank-reference", "SEPA-7"]);
    assert_eq!(all_agree(&world, &acme), [0, 0, 8499]);
    let (problem, _) = operator.refused(&["payouts", "propose", "acme"]);
    assert!(problem.detail.contains("nothing is available"));
}

#[test]
fn an_earning_stays_on_hold() {
    let world = World::start();
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "99.99 USD"]);
    sell(&world, &world.customer(), "BANK-1");
    let (problem, _) = world.operator().refused(&["payouts", "propose", "acme"]);
    assert!(problem.detail.contains("nothing is available to 'acme' in USD"));
    assert_eq!(all_agree(&world, &acme), [8499, 0, 0]);
}

/// A price that no order can cost is refused by its name, by the command line and by the registry; the largest expense is booked to
/// the cent, however often.
#[test]
fn amounts_at_their_bounds_are_refused_by_name_or_booked_exactly() {
    const BEYOND: &str = "92233720368547758.07 USD";
    let world = World::start();
    let (acme, operator) = (world.publisher("acme"), world.operator());
    acme.publish(&plugin("ocr-server"));
    for (price, largest) in
        [(BEYOND, "10000000000000.00 USD"), ("10000000000000.00 USD", "10000000000.00 USD")]
    {
        let told = acme.refused_text(&["orders", "price", "acme:ocr-server", price]);
        assert!(told.contains(&format!("{price} is too much")) && told.contains(largest), "{told}");
    }
    let amount = json!({ "minor": i64::MAX, "currency": "USD" });
    let body = json!({ "offer": { "price": { "kind": "once", "amount": amount } } }).to_string();
    let headers = [("content-type", "application/json")];
    let path = "/api/v1/plugins/acme/ocr-server/price";
    let answer = world.send("PUT", path, Some(&acme.token()), &headers, body);
    assert!((400..500).contains(&answer.status) && answer.text().contains(BEYOND), "{answer:?}");

    let spend = |amount, key| ["expense", "record", amount, "--description", "racks", "--key", key];
    assert!(operator.refused_text(&spend(BEYOND, "x")).contains(BEYOND));
    for (amount, key) in [("10000000000000.00 USD", "a"), ("10000000000000.00 USD", "b"), ("1.00 USD", "c")] {
        // Recorded again, it is the same expense.
        for _ in 0..2 {
            operator.text(&spend(amount, key));
        }
    }
    operator.ok(&["books", "check"]);
    let balances = operator.ok(&["books", "balances"]);
    let held = |account: &str| {
        let row = balances.as_array().unwrap().iter().find(|row| row["account"] == account);
        row.unwrap()["balance"]["minor"].as_i64().unwrap()
    };
    assert_eq!(held("assets:bank"), -2_000_000_000_000_100);
    assert_eq!(held("expenses:hosting"), 2_000_000_000_000_100);
    assert_eq!(hledger(&operator)["assets:bank"], -2_000_000_000_000_100);
    let data = world.registry_data();
    let folder = world.folder.path().join("backup");
    let own = world.stores.arguments();
    let words = ["registry", "backup", "--data", data.to_str().unwrap(), folder.to_str().unwrap()];
    operator.ok(&words.into_iter().chain(own.iter().map(String::as_str)).collect::<Vec<_>>());
}
