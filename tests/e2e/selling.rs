//! Prices by month and by use, coupons, private offers, referrals, taxes, credit notes and consultants; and many writers at once.

use serde_json::{Value, json};

use crate::world::{Person, World, plugin};

/// A world whose registry has a virtual clock, which stands at the beginning of 2026.
fn world() -> World {
    let mut world = World::with_hold(0);
    world.registry.arguments = vec!["--virtual-clock".into()];
    world.restart_registry();
    world.set_clock("2026-01-01T00:00:00Z");
    world.publisher("acme").publish(&plugin("ocr-server"));
    world
}

fn minor(money: &Value) -> i64 {
    money["minor"].as_i64().unwrap_or_else(|| panic!("{money}"))
}

fn use_gpus(world: &World, person: &Person, day: u32, hours: u64) {
    let from = format!("2026-01-{day:02}T00:00:00Z");
    let event = json!([{
        "id": uuid::Uuid::new_v4(), "deployment": "ocr", "release": "acme:ocr-server@1.0.0", "from": from,
        "to": format!("2026-01-{day:02}T12:00:00Z"), "replica_millis": 43_200_000, "gpu_millis": hours * 3_600_000,
    }]);
    let headers = [("content-type", "application/json")];
    let answer = world.send("POST", "/api/v1/usage", Some(&person.token()), &headers, event.to_string());
    assert_eq!(answer.json()["accepted"], 1, "{answer:?}");
}

#[test]
fn what_is_used_is_invoiced_at_the_price_that_was_agreed_and_the_rest_is_shared() {
    let world = world();
    let (acme, customer, operator) = (world.person("acme"), world.customer(), world.operator());
    operator.ok(&["books", "tax", "DE", "VAT", "19%", "--since", "2026-01-01"]);
    customer.ok(&["invoices", "profile", "DE"]);
    let referrer = world.publisher("friends");
    let policy = acme.file(
        "policy.toml",
        b"referral = \"5%\"\n[[commission]]\nrate = \"20%\"\n[reserve]\nrate = \"10%\"\ndays = 60\n",
    );
    operator.ok(&["policy", "set", &policy, "--since", "2026-01-02T00:00:00Z"]);
    assert_eq!(
        acme.refused(&["payouts", "follow", "--policy", &policy, "--since", "2027-01-01T00:00:00Z"]).0.r#type,
        "forbidden"
    );
    world.set_clock("2026-01-03T00:00:00Z");

    acme.ok(&[
        "orders",
        "price",
        "acme:ocr-server",
        "1.00 USD",
        "--per",
        "gpu-hour",
        "--free",
        "5",
        "--above",
        "100=0.50 USD",
    ]);
    acme.ok(&["orders", "coupon", "acme:ocr-server", "SPRING", "10%", "--times", "1", "--days", "365000"]);
    let order =
        customer.ok(&["orders", "place", "acme:ocr-server", "--coupon", "SPRING", "--referrer", "friends"]);
    assert!(order["due"].is_null() && order["discount"] == "10%", "{order}");
    let second = world.person("initech");
    second.register();
    let (problem, _) = second.refused(&["orders", "place", "acme:ocr-server", "--coupon", "SPRING"]);
    assert!(problem.detail.contains("coupon 'SPRING'"), "{problem:?}");
    // What was agreed stays; a private offer is for one alone.
    acme.ok(&["orders", "price", "acme:ocr-server", "9.00 USD", "--per", "gpu-hour"]);
    acme.ok(&["orders", "price", "acme:ocr-server", "2.00 USD", "--per", "gpu-hour", "--to", "initech"]);
    let (problem, _) =
        acme.refused(&["orders", "price", "acme:ocr-server", "2.00 USD", "--to", "nobody-there"]);
    let said = (problem.r#type.as_str(), problem.detail.as_str());
    assert_eq!(said, ("not-found", "there is no account 'nobody-there'"));
    let private = second.ok(&["orders", "place", "acme:ocr-server"]);
    assert_eq!(private["offer"]["price"]["steps"][0]["price"], "2.00 USD");
    // Whoever orders it now agrees to what it costs now; whoever does not is named, and charged nothing.
    let third = world.person("umbrella");
    third.register();
    third.ok(&["orders", "place", "acme:ocr-server"]);
    let fourth = world.person("hooli");
    fourth.register();
    world.set_clock("2026-01-09T00:00:00Z");
    use_gpus(&world, &customer, 5, 125);
    use_gpus(&world, &second, 6, 3);
    use_gpus(&world, &third, 7, 1);
    use_gpus(&world, &fourth, 8, 1);

    world.set_clock("2026-02-01T00:00:00Z");
    let closed = operator.ok(&["books", "close"]);
    assert_eq!((&closed["month"], closed["invoices"].as_array().unwrap().len()), (&json!("2026-01"), 3));
    assert_eq!(fourth.ok(&["invoices", "list"]), json!([]));
    let unlicensed = operator.ok(&["books", "unlicensed"]);
    assert_eq!(
        (&unlicensed[0]["account"], &unlicensed[0]["gpu_millis"]),
        (&json!("hooli"), &json!(3_600_000))
    );
    // 120 hours that are not free: 100 at 1.00 and 20 at 0.50, less a tenth; and 19 % of tax.
    let invoice = customer.ok(&["invoices", "list"])[0].clone();
    let number = invoice["number"].to_string();
    assert_eq!(
        (minor(&invoice["net"]), minor(&invoice["tax"]), minor(&invoice["total"])),
        (9900, 1881, 11_781)
    );
    assert_eq!(minor(&second.ok(&["invoices", "list"])[0]["total"]), 600);
    assert_eq!(minor(&third.ok(&["invoices", "list"])[0]["total"]), 900);
    let page = customer.text(&["invoices", "show", &number, "--html"]);
    assert!(page.contains(&format!("INVOICE-{number}")) && page.contains("117.81 USD"), "{page}");
    let csv = customer.text(&["invoices", "show", &number, "--csv"]);
    assert!(csv.contains(&format!("{number},tax,VAT 19%,,USD,1881")), "{csv}");
    assert_eq!(acme.refused(&["invoices", "show", &number]).0.r#type, "not-found");

    // The bank's statement tells of it, twice; somebody else's transfer is not taken for it.
    let camt = r#"<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
        <Ntry><Amt Ccy="USD">117.81</Amt><CdtDbtInd>CRDT</CdtDbtInd><AcctSvcrRef>B-1</AcctSvcrRef><NtryDtls><TxDtls><RmtInf>
        <Ustrd>for INVOICE-1, thank you</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
        <Ntry><Amt Ccy="USD">5</Amt><CdtDbtInd>CRDT</CdtDbtInd><AcctSvcrRef>B-2</AcctSvcrRef><NtryDtls><TxDtls><RmtInf>
        <Ustrd>rent</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"#;
    let camt = camt.replace("INVOICE-1", &format!("INVOICE-{number}"));
    let statement = operator.file("statement.xml", camt.as_bytes());
    for _ in 0..2 {
        let lines = operator.ok(&["books", "reconcile", &statement]);
        assert_eq!(lines[0]["outcome"], format!("paid INVOICE-{number}"));
        assert!(lines[1]["outcome"].as_str().unwrap().starts_with("unmatched"), "{lines}");
    }
    // It is in the books, and on the list of what is open, until somebody says what it is for.
    let open = operator.ok(&["books", "lines"]);
    assert_eq!((&open[0]["id"], minor(&open[0]["open"])), (&json!("B-2"), 500));
    let suspense = || {
        let all = operator.ok(&["books", "balances"]);
        let found =
            all.as_array().unwrap().iter().find(|row| row["account"] == "liabilities:suspense").cloned();
        minor(&found.unwrap()["balance"])
    };
    assert_eq!(suspense(), -500);
    assert_eq!(
        operator.refused(&["books", "allot", "B-2", "5.01 USD", "--credit", "initech"]).0.r#type,
        "conflict"
    );
    assert_eq!(customer.refused(&["books", "allot", "B-2", "5.00 USD", "--send-back"]).0.r#type, "forbidden");
    operator.ok(&["books", "allot", "B-2", "5.00 USD", "--credit", "initech"]);
    assert_eq!((suspense(), operator.ok(&["books", "lines"])), (0, json!([])));
    operator.ok(&["books", "bank"]);
    // Another account, whose statements are brought by its name.
    let [iban, bic] = ["FR1420041010050500013M02606", "PSSTFRPP"];
    let mut account =
        vec!["books", "bank", "add", "main-eur", "--holder", "Us", "--iban", iban, "--bic", bic];
    account.extend(["--currency", "EUR"]);
    operator.ok(&account);
    assert_eq!(operator.ok(&["books", "bank", "list"])[0]["name"], "main-eur");
    let table = operator.file("table.csv", b"id,date,amount,currency,text\nB-1,,7.00,EUR,rent\n");
    let lines = operator.ok(&["books", "reconcile", &table, "--bank-account", "main-eur"]);
    assert_eq!((&lines[0]["id"], &lines[0]["account"]), (&json!("main-eur/B-1"), &json!("main-eur")));
    operator.ok(&["books", "allot", "main-eur/B-1", "7.00 EUR", "--send-back"]);
    let back = operator.ok(&["books", "send-back", "list"])[0]["reference"].as_str().unwrap().to_owned();
    operator.ok(&[
        "books",
        "send-back",
        "to",
        &back,
        "--holder",
        "Somebody",
        "--iban",
        "DE89370400440532013000",
    ]);
    let file = operator.text(&["books", "send-back", "file"]);
    assert!(file.contains(iban) && file.contains(&back) && file.contains("DE89370400440532013000"), "{file}");
    assert_eq!(operator.text(&["books", "send-back", "file", "1"]), file);
    assert_eq!(operator.refused(&["books", "send-back", "file"]).0.r#type, "conflict");
    // 99.00 at 80 to 20, of which 5 to whoever referred; a tenth of each share is in reserve.
    let balance = |person: &Person| person.ok(&["payouts", "balance", &person.name])["items"][0].clone();
    let (partner, friend) = (balance(&acme), balance(&referrer));
    assert_eq!((minor(&partner["on_hold"]), minor(&partner["reserve"])), (7128, 792));
    assert_eq!((minor(&friend["on_hold"]), minor(&friend["reserve"])), (445, 50));
    assert_eq!(minor(&partner["accrued"]), 480 + 720);

    // A part is given back with its tax, as credit for what comes next.
    let refund = |amount: &str, key: &str| -> Vec<String> {
        let words = ["invoices", "refund", &number, amount, "--reason", "slow", "--as-credit", "--key", key];
        words.map(String::from).to_vec()
    };
    let give = |words: Vec<String>| operator.ok(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let refused =
        |words: Vec<String>| operator.refused(&words.iter().map(String::as_str).collect::<Vec<_>>()).0.r#type;
    let note = give(refund("33.00 USD", "R"));
    assert_eq!((minor(&note["tax"]), &note["number"]), (627, &json!(1)));
    assert_eq!(give(refund("33.00 USD", "R")), note);
    assert_eq!(refused(refund("34.00 USD", "R")), "key-reused");
    assert_eq!(refused(refund("67.00 USD", "S")), "conflict");
    assert_eq!(minor(&balance(&acme)["on_hold"]), 7128 - 2376);
    operator.ok(&["books", "check"]);

    // January is closed: it is not closed again, and its books are what they were.
    assert_eq!(operator.refused(&["books", "close", "2026-01"]).0.r#type, "conflict");
    assert!(operator.refused(&["books", "close", "2026-02"]).0.detail.contains("is not over"));
    let statements = acme.ok(&["payouts", "statements", "acme", "--month", "2026-01"]);
    assert_eq!(statements[0]["statement"]["closing"]["accrued"], 7920 + 480 + 720);
    let then = operator.ok(&["books", "balances", "--at", "2026-01-31T23:59:59.999999Z"]);
    let accrued =
        then.as_array().unwrap().iter().find(|row| row["account"] == "liabilities:partner:acme:accrued");
    assert_eq!(minor(&accrued.unwrap()["balance"]), -(7920 + 480 + 720));
    reports_tie_to_the_ledger(&operator, &customer);
}

/// Every report is shown as a table, as comma-separated values and as JSON, and comes to what the ledger does.
fn reports_tie_to_the_ledger(operator: &Person, customer: &Person) {
    let balances = operator.ok(&["books", "balances"]);
    let held = |account: &str| {
        let found = balances.as_array().unwrap().iter().find(|row| row["account"] == account);
        found.map_or(0, |row| minor(&row["balance"]))
    };
    let reports: [(&[&str], &str, i64); 5] = [
        (&["books", "invoices"], "due", held("assets:receivable:customers")),
        (&["books", "ageing"], "total", held("assets:receivable:customers")),
        (&["books", "dunning"], "due", held("assets:receivable:customers")),
        (&["books", "deferred"], "earned", -held("liabilities:deferred:plans")),
        (&["books", "vat", "2026"], "tax", -held("liabilities:tax:sales")),
    ];
    assert_eq!((reports[0].2, reports[4].2), (600 + 900, 1881 - 627));
    for (words, field, expected) in reports {
        let rows = operator.ok(words);
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.iter().map(|row| minor(&row[field])).sum::<i64>(), expected, "{words:?}");
        let csv = operator.text(&[words, &["--csv"]].concat());
        assert_eq!(csv.lines().count(), 1 + rows.len(), "{csv}");
        operator.text(words);
        assert_eq!(customer.refused(words).0.r#type, "forbidden");
    }
    let open = operator.ok(&["books", "invoices", "--customer", "initech", "--state", "open"]);
    assert_eq!((open.as_array().unwrap().len(), minor(&open[0]["due"])), (1, 600));

    let results = operator.ok(&["books", "profit", "2026"]);
    let result: i64 = results.as_array().unwrap().iter().map(|row| minor(&row["result"])).sum();
    let sheet = operator.ok(&["books", "balance-sheet", "2026-12"])[0].clone();
    let side = |side: &str| -> i64 {
        sheet[side].as_array().unwrap().iter().map(|row| minor(&row["balance"])).sum()
    };
    assert_eq!(side("assets"), minor(&sheet["total"]));
    assert_eq!(side("liabilities") + side("equity"), minor(&sheet["total"]), "{sheet}");
    let own = sheet["equity"].as_array().unwrap().iter().find(|row| row["account"] == "equity:results");
    assert_eq!(minor(&own.unwrap()["balance"]), result);
    for words in [["books", "profit", "2026-Q1"], ["books", "balance-sheet", "2026-01..2026-02"]] {
        operator.text(&words);
        assert!(operator.text(&[&words[..], &["--csv"]].concat()).starts_with("month,account,in,amount\r\n"));
    }

    let chart = operator.file("chart.toml", b"client = 7\n[accounts]\n\"assets:bank\" = \"1210\"\n");
    for (format, begins) in
        [("datev", "\"EXTF\";700;21;"), ("quickbooks", "*JournalNo,"), ("xero", "*Narration,")]
    {
        let words = ["books", "export", format, "2026", "--chart", &chart];
        let output = operator.command(&words).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.starts_with(begins), "{output:?}");
        assert!(text.contains("1210") && text.lines().count() > 10, "{text}");
    }
    assert!(operator.refused_text(&["books", "export", "datev", "2025..2026"]).contains("no period"));
    let two_years = operator.refused(&["books", "export", "datev", "2025-12..2026-01"]).0;
    assert!(two_years.detail.contains("one financial year"), "{two_years:?}");
}

#[test]
fn a_customer_lowers_what_it_owes_only_when_the_seller_agrees() {
    let world = world();
    let (acme, customer, operator) = (world.person("acme"), world.customer(), world.operator());
    acme.ok(&["orders", "price", "acme:ocr-server", "1.00 USD", "--per", "gpu-hour"]);
    customer.ok(&["orders", "place", "acme:ocr-server"]);
    world.set_clock("2026-01-09T00:00:00Z");
    let report = |id: &str, to: &str, hours: u64, corrects: Value| {
        let event = json!([{
            "id": id, "deployment": "ocr", "release": "acme:ocr-server@1.0.0", "from": "2026-01-05T00:00:00Z", "to": to,
            "replica_millis": 3_600_000, "gpu_millis": hours * 3_600_000, "corrects": corrects,
        }]);
        let headers = [("content-type", "application/json")];
        world.send("POST", "/api/v1/usage", Some(&customer.token()), &headers, event.to_string()).json()
    };
    let ids: [String; 4] = std::array::from_fn(|_| uuid::Uuid::now_v7().to_string());
    let [posted, lowered, again, late] = ids.each_ref().map(String::as_str);
    let end = "2026-01-05T01:00:00Z";
    assert_eq!(report(posted, end, 1000, Value::Null)["accepted"], 1);
    let receipt = report(lowered, end, 0, json!(posted));
    assert_eq!((&receipt["accepted"], &receipt["held"]), (&json!(1), &json!(1)));
    let refused = report(late, "2026-01-05T00:00:01Z", 1000, Value::Null)["refused"][0].clone();
    assert_eq!((&refused["id"], &refused["retry"]), (&json!(late), &json!(false)));

    // Both sides see it; the customer does not decide, nor does anybody else who does not sell it.
    for person in [&acme, &customer, &operator] {
        let held = person.ok(&["usage", "corrections"]);
        assert_eq!((&held[0]["event"]["id"], &held[0]["state"]), (&json!(lowered), &json!("pending")));
        assert_eq!(held[0]["corrected"]["gpu_millis"], 3_600_000_000_u64);
    }
    let other = world.publisher("other");
    assert_eq!(other.ok(&["usage", "corrections"]), json!([]));
    for person in [&customer, &other] {
        assert_eq!(person.refused(&["usage", "confirm", lowered]).0.r#type, "forbidden");
    }
    for _ in 0..2 {
        assert_eq!(acme.ok(&["usage", "refuse", lowered])["state"], "refused");
    }
    assert_eq!(operator.refused(&["usage", "confirm", lowered]).0.r#type, "conflict");
    assert_eq!(report(again, end, 10, json!(posted))["held"], 1);
    assert_eq!(operator.ok(&["usage", "confirm", again])["decided_by"], "operator");
    world.set_clock("2026-02-01T00:00:00Z");
    operator.ok(&["books", "close"]);
    assert_eq!(minor(&customer.ok(&["invoices", "list"])[0]["net"]), 1000);
    assert_eq!(operator.ok(&["books", "set-aside"]), json!([]));
    assert_eq!(operator.ok(&["books", "check"])["set_aside"], json!([]));
}

#[test]
fn a_partner_is_paid_as_often_as_it_wants_and_spending_is_dated() {
    let world = world();
    let (acme, operator) = (world.person("acme"), world.operator());
    let second = world.person("second");
    second.register();
    world.promote("second");
    acme.ok(&["orders", "price", "acme:ocr-server", "100.00 USD"]);
    let profile = acme.ok(&["payouts", "profile", "acme", "--schedule", "monthly", "--minimum", "50.00 USD"]);
    operator.ok(&["payouts", "approve-profile", "acme", &profile["version"].to_string()]);
    let sell = |name: &str, day: &str| {
        world.set_clock(&format!("{day}T00:00:00Z"));
        let buyer = world.person(name);
        buyer.register();
        let order = buyer.ok(&["orders", "place", "acme:ocr-server"]);
        let reference = order["reference"].as_str().unwrap();
        operator.ok(&["orders", "paid", reference, "100.00 USD", "--bank-reference", name]);
    };
    let run = || operator.ok(&["payouts", "run"])["items"].as_array().unwrap().clone();
    let next = || acme.ok(&["payouts", "balance", "acme"])["items"][0]["next_payout"].clone();
    sell("initech", "2026-02-03");
    assert_eq!((minor(&run()[0]["amount"]), run().len()), (8500, 0));
    second.ok(&["payouts", "approve", "1"]);
    sell("umbrella", "2026-02-10");
    assert_eq!(run(), Vec::<Value>::new());
    let told = next();
    assert_eq!((minor(&told["amount"]), minor(&told["minimum"])), (8500, 5000));
    assert_eq!(told["not_before"], "2026-03-01T00:00:00Z");
    let page = world.send("GET", "/dashboard/acme", Some(&acme.token()), &[], "").text();
    assert!(page.contains("85.00 USD are paid out by the first run from 2026-03-01 on"), "{page}");
    world.set_clock("2026-03-01T00:00:00Z");
    assert_eq!(next()["not_before"], Value::Null);
    assert_eq!(minor(&run()[0]["amount"]), 8500);

    // What was spent is recorded with its day: each key once, nothing of a file that is wrong, nothing in a closed month.
    let import = |lines: &str| {
        let text = format!("key,day,amount,on,description\n{lines}");
        acme.file("spend.csv", text.as_bytes())
    };
    let file = import(
        "ads-1,2026-02-14,300.00 USD,team,\"search, February\"\nrack-1,2026-01-31,70.00 USD,hosting,GPUs\n",
    );
    for _ in 0..2 {
        operator.ok(&["expense", "import", &file]);
    }
    let figures = operator.ok(&["figures"]);
    let month = |name: &str| {
        let all = figures["items"].as_array().unwrap_or_else(|| figures.as_array().unwrap());
        all.iter().find(|month| month["month"] == name).unwrap().clone()
    };
    assert_eq!(minor(&month("2026-02")["acquisition"]), 30_000);
    assert_eq!((minor(&month("2026-01")["cost"]), minor(&month("2026-03")["cost"])), (7000, 0));
    crate::figures::tell_what_was_sold(&world, &operator);
    let wrong = import("ads-2,2026-02-15,1.00 USD,team,more\nads-3,tomorrow,1.00 USD,team,less\n");
    assert!(operator.refused_text(&["expense", "import", &wrong]).contains("line 3: column day: "));
    let spend = ["books", "spend", "1.00 USD", "--description", "ads", "--day"];
    assert!(operator.refused(&[&spend[..], &["2026-03-02"]].concat()).0.detail.contains("not 2026-03-02"));
    for _ in 0..2 {
        operator.ok(&["books", "close"]);
    }
    assert_eq!(operator.refused(&[&spend[..], &["2026-02-15"]].concat()).0.r#type, "month-closed");
    operator.ok(&["books", "check"]);
}

#[test]
fn a_consultant_is_certified_for_a_while_and_paid_by_milestones() {
    let world = world();
    let (customer, operator) = (world.customer(), world.operator());
    let anna = world.publisher("anna");
    anna.ok(&["consultants", "profile", "anna", "GPU fleets", "--about", "Ten years of them"]);
    anna.ok(&["consultants", "offer", "anna", "setup", "1000.00 USD", "--title", "A cluster in a week"]);
    let order = [
        "consultants",
        "order",
        "anna",
        "setup",
        "--reference",
        "SV-1",
        "--milestone",
        "plan=300.00 USD",
        "--milestone",
        "done=700.00 USD",
    ];
    assert!(customer.refused(&order).0.detail.contains("certified consultant 'anna'"));
    assert_eq!(anna.refused(&["consultants", "certify", "anna"]).0.r#type, "forbidden");
    operator.ok(&["consultants", "certify", "anna"]);
    assert_eq!(customer.ok(&["consultants", "list"])[0]["services"]["setup"]["title"], "A cluster in a week");
    let wrong = ["consultants", "order", "anna", "setup", "--milestone", "plan=300.00 USD"];
    assert!(customer.refused(&wrong).0.detail.contains("sum to 300.00 USD"));
    assert_eq!(customer.ok(&order)["milestones"].as_array().unwrap().len(), 2);
    assert_eq!(customer.ok(&order)["milestones"].as_array().unwrap().len(), 2, "the same order");
    assert_eq!(anna.ok(&["consultants", "orders"])[0]["customer"], "globex");
    assert_eq!(anna.refused(&["consultants", "accept", "SV-1", "1"]).0.r#type, "not-found");
    for _ in 0..2 {
        customer.ok(&["consultants", "accept", "SV-1", "1"]);
    }
    let invoices = customer.ok(&["invoices", "list"]);
    assert_eq!((&invoices[0]["lines"][0]["kind"], minor(&invoices[0]["total"])), (&json!("service"), 30_000));
    assert_ne!(invoices[1]["lines"][0]["kind"], "service", "accepted twice, it is invoiced once");
    let number = invoices[0]["number"].to_string();
    operator.ok(&["invoices", "paid", &number, "300.00 USD", "--bank-reference", "B-1"]);
    // Services are shared by the same policy: 85 to 15 in the first one.
    assert_eq!(minor(&anna.ok(&["payouts", "balance", "anna"])["items"][0]["on_hold"]), 25_500);
    operator.ok(&["books", "check"]);
    // Certification ends.
    world.set_clock("2099-01-01T00:00:00Z");
    assert_eq!(customer.ok(&["consultants", "list"]), json!([]));
}

#[test]
fn fifty_writers_at_once_lose_and_double_nothing() {
    let world = world();
    let operator = world.operator();
    let token = operator.token();
    let url = format!("http://{}/api/v1/ledger/expenses", world.registry.address);
    // Each expense is recorded by two of them, and some are recorded with another amount.
    world.runtime.block_on(async {
        let writers = (0..50).map(|writer: i64| {
            let (token, url) = (token.clone(), url.clone());
            tokio::spawn(async move {
                let client = crate::person::plain_client();
                let mut refused = 0;
                for number in 0..20 {
                    let key = format!("{}-{number}", writer / 2);
                    let amount = if writer == 49 && number == 7 { 1 } else { 100 + number };
                    let body = json!({ "key": key, "description": key, "on": { "kind": "hosting" },
                                       "amount": { "minor": amount, "currency": "USD" } });
                    let answer = client.post(&url).bearer_auth(&token).json(&body).send().await.unwrap();
                    match answer.status().as_u16() {
                        204 => {}
                        422 => refused += 1,
                        status => panic!("{status}: {}", answer.text().await.unwrap()),
                    }
                }
                refused
            })
        });
        let refused: i64 =
            futures::future::join_all(writers).await.into_iter().map(|count| count.unwrap()).sum();
        assert_eq!(refused, 1, "one of the two that disagree");
    });
    let balances = operator.ok(&["books", "balances"]);
    let hosting =
        balances.as_array().unwrap().iter().find(|row| row["account"] == "expenses:hosting").unwrap();
    let all: i64 = 25 * (0..20).map(|number| 100 + number).sum::<i64>();
    let found = minor(&hosting["balance"]);
    assert!(found == all || found == all - 106, "{found} of {all}");
    assert_eq!(operator.ok(&["books", "check"])["transactions"], 501);
}
