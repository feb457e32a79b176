//! A partner opens the dashboard: every figure on it is the API's and the ledger's, down to a sale, a payout and a statement.

use serde_json::{Value, json};

use crate::world::{Person, World, plugin};

fn minor(money: &Value) -> i64 {
    money["minor"].as_i64().unwrap_or_else(|| panic!("{money}"))
}

/// An amount on a page, in minor units, by the attribute that names it.
fn amount(page: &str, attribute: &str) -> i64 {
    let text =
        page.split(&format!("{attribute}>")).nth(1).unwrap_or_else(|| panic!("no {attribute} in {page}"));
    text.split(' ').next().unwrap().replace(['.', ','], "").parse().unwrap()
}

/// The dashboard's pages as acme's owner sees them.
struct Dashboard<'a> {
    world: &'a World,
    cookie: String,
}

impl Dashboard<'_> {
    fn open(&self, path: &str) -> String {
        let (status, page) = self.world.get(&format!("/dashboard/acme{path}"), &[("cookie", &self.cookie)]);
        assert_eq!(status, 200, "{path}: {page}");
        page
    }

    /// The rows of a table beneath its head.
    fn table(&self, path: &str) -> Vec<Vec<String>> {
        let text = self.open(path);
        let rows = text.lines().skip(1).filter(|line| !line.is_empty());
        rows.map(|line| line.split(',').map(str::to_owned).collect()).collect()
    }
}

fn sell(world: &World, name: &str, day: &str) -> Person {
    world.set_clock(&format!("{day}T12:00:00Z"));
    let buyer = world.person(name);
    buyer.register();
    let order = buyer.ok(&["orders", "place", "acme:ocr-server"]);
    let reference = order["reference"].as_str().unwrap();
    world.operator().ok(&["orders", "paid", reference, "1234.00 USD", "--bank-reference", name]);
    buyer
}

/// What the cards say is what the API and the ledger say.
fn cards_agree(dashboard: &Dashboard<'_>, acme: &Person) {
    let page = dashboard.open("");
    let balance = acme.get("/api/v1/partners/acme/balances")["items"][0].clone();
    let books = dashboard.world.operator().list("/api/v1/ledger/balances");
    for (figure, field, account) in [
        ("on-hold", "on_hold", "pending"),
        ("available", "available", "available"),
        ("in-transit", "in_transit", "in transit"),
        ("disputed", "disputed", "disputed"),
    ] {
        let expected = minor(&balance[field]);
        let shown = match page.contains(&format!("data-figure=\"{figure}\"")) {
            true => amount(&page, &format!("data-figure=\"{figure}\"")),
            false => 0,
        };
        let account = format!("liabilities:partner:acme:{account}");
        let booked = books.iter().find(|row| row["account"] == account.as_str());
        let booked = booked.map_or(0, |row| -minor(&row["balance"]));
        assert_eq!([shown, booked], [expected; 2], "{figure}");
    }
    assert_eq!(amount(&page, "data-figure=\"paid\""), minor(&balance["paid"]));
    assert_eq!(amount(&page, "data-figure=\"next-payout\""), minor(&balance["next_payout"]["amount"]));
}

/// What months say is what the waterfall of them says: on the page, and in its table.
fn waterfall_agrees(dashboard: &Dashboard<'_>, acme: &Person) -> [i64; 3] {
    let range = "?range=free&from=2026-01-01&to=2026-12-31&currency=USD";
    let page = dashboard.open(range);
    let months = acme.get("/api/v1/partners/acme/months")["items"].clone();
    let sum = |field: &str| months.as_array().unwrap().iter().map(|month| minor(&month[field])).sum::<i64>();
    let line = |word: &str| amount(&page, &format!("data-line=\"{word}\""));
    assert_eq!([line("paid"), line("share")], [sum("gross"), sum("net")]);
    for row in dashboard.table(&format!("/gross-to-net.csv{range}")) {
        let [word, currency, now, _] = row.as_slice() else { panic!("{row:?}") };
        let now: i64 = now.replace('.', "").parse().unwrap();
        assert_eq!(currency, "USD");
        if page.contains(&format!("data-line=\"{word}\"")) {
            assert_eq!(line(word), now, "{word}");
        } else {
            assert_eq!(now, 0, "{word}");
        }
    }
    let steps: i64 = dashboard
        .table(&format!("/earnings.csv{range}"))
        .iter()
        .map(|row| row[4].replace('.', "").parse::<i64>().unwrap())
        .sum();
    assert_eq!(steps, line("share"));
    [line("gross"), line("paid"), line("share")]
}

#[test]
fn every_figure_of_the_dashboard_is_the_ledgers() {
    let mut world = World::with_hold(30);
    world.restart_registry_with(&["--virtual-clock".to_owned()]);
    world.lift_approvals();
    world.set_clock("2026-01-02T00:00:00Z");
    let (acme, operator) = (world.publisher("acme"), world.operator());
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "1234.00 USD"]);
    let second = world.person("second");
    second.register();
    world.promote("second");
    let dashboard = Dashboard { world: &world, cookie: world.session(&acme) };
    assert!(dashboard.open("").contains("Nothing was earned yet"));

    // A sale is bought, one is given back in part, and one is disputed and lost.
    sell(&world, "hooli", "2026-01-05");
    let initech = sell(&world, "initech", "2026-01-20");
    sell(&world, "umbrella", "2026-01-21");
    let invoice = initech.list("/api/v1/invoices")[0]["number"].to_string();
    operator.ok(&["invoices", "refund", &invoice, "234.00 USD", "--reason", "it was slow", "--key", "R"]);
    let listed = dashboard.table("/sales.csv?range=free&from=2026-01-01&to=2026-01-31&order=oldest");
    let numbers: Vec<&str> = listed.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(listed.len(), 3, "{listed:?}");
    let dispute = json!({ "id": "D-1", "sale": numbers[2].parse::<i64>().unwrap(),
                          "amount": { "minor": 123_400, "currency": "USD" }, "fee": { "minor": 1500, "currency": "USD" } });
    let headers = [("content-type", "application/json")];
    let token = operator.token();
    let opened = world.send("POST", "/api/v1/disputes", Some(&token), &headers, dispute.to_string());
    assert_eq!(opened.status, 204, "{opened:?}");
    cards_agree(&dashboard, &acme);
    assert_eq!(waterfall_agrees(&dashboard, &acme), [370_200, 223_400, 189_890]);
    let decided = json!({ "won": false }).to_string();
    assert_eq!(world.send("PUT", "/api/v1/disputes/D-1", Some(&token), &headers, decided).status, 204);
    assert_eq!(waterfall_agrees(&dashboard, &acme), [370_200, 223_400, 189_890]);
    let disputes = dashboard.open("/disputes");
    assert!(
        disputes.contains("D-1") && disputes.contains("lost") && disputes.contains("1,048.90 USD"),
        "{disputes}"
    );

    // A sale down to its split, its refund and its entries, which come to what is left of the share.
    let page = dashboard.open(&format!("/sales/{}", numbers[1]));
    let lines = ["gross", "commission", "share", "refunded", "returned"]
        .map(|word| amount(&page, &format!("data-line=\"{word}\"")));
    assert_eq!(lines, [123_400, 18_510, 104_890, 23_400, 19_890]);
    assert!(
        page.contains("it was slow") && page.contains("collected") && page.contains("Version 1"),
        "{page}"
    );

    // The month is closed: its statement ends with what the accounts have.
    world.set_clock("2026-02-01T00:00:00Z");
    operator.ok(&["books", "close"]);
    let published = acme.list("/api/v1/partners/acme/statements")[0].clone();
    let statement = dashboard.open("/statements/2026-01?currency=USD");
    assert!(statement.contains(published["digest"].as_str().unwrap()));
    let rows = dashboard.table("/statements/2026-01/table.csv?currency=USD");
    let lines = published["statement"]["lines"].as_array().unwrap();
    let changes: usize = lines.iter().map(|line| line["changes"].as_object().unwrap().len()).sum();
    assert_eq!(rows.len(), changes);

    // What is available leaves, and its lines and the bank's reference are on the payout's page.
    world.set_clock("2026-02-20T12:00:00Z");
    let payout = operator.ok(&["payouts", "propose", "acme"]);
    let id = payout["id"].to_string();
    second.ok(&["payouts", "approve", &id]);
    cards_agree(&dashboard, &acme);
    assert!(dashboard.open("").contains("expected by 2026-02-25"));
    operator.ok(&["payouts", "confirm", &id, "--bank-reference", "SEPA-7"]);
    cards_agree(&dashboard, &acme);
    let page = dashboard.open(&format!("/payouts/{id}"));
    assert!(
        page.contains("SEPA-7") && page.contains(&format!("/dashboard/acme/sales/{}", numbers[0])),
        "{page}"
    );
    assert_eq!(amount(&page, "data-line=\"sent\""), minor(&payout["amount"]));
    assert_eq!(dashboard.table("/payouts.csv")[0][..2], [id, "paid".into()]);

    // The time is kept from page to page, the time before is beside it, and what is no time is refused.
    let page = dashboard.open("?range=last-month");
    assert!(page.contains("/dashboard/acme/sales?range=last-month&amp;currency=USD"), "{page}");
    assert!(page.contains("2026-01-01 to 2026-01-31") && page.contains("2025-12-01 to 2025-12-31"), "{page}");
    assert_eq!(amount(&page, "data-line=\"gross\""), 370_200);
    for path in [
        "/customers?range=year",
        "/use",
        "/plugins",
        "/transactions",
        "/statements",
        "/payouts",
        "/sales?referred=true",
    ] {
        assert!(dashboard.open(path).contains("aria-label=\"Dashboard\""), "{path}");
    }
    for wrong in ["?range=never", "?range=free", "?currency=XYZ", "/sales?order=random", "/sales?after=x"] {
        let (status, _) = world.get(&format!("/dashboard/acme{wrong}"), &[("cookie", &dashboard.cookie)]);
        assert_eq!(status, 400, "{wrong}");
    }
    let (status, _) = world.get("/dashboard/acme/sales/999999", &[("cookie", &dashboard.cookie)]);
    assert_eq!(status, 404);
}
