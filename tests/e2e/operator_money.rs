//! The operator's console, where money goes back or is taken back: transfers to customers by two operators, disputes as the books follow
//! them, and the trial of a month's close. Every figure of a page is the API's and the ledger's.

use chandlery_stripe::{Stripe, sign};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::customer::{Browser, hidden, written};
use crate::operator::{ALLOTMENT, bring, confirm, figure, link, world};
use crate::world::{Person, World, plugin};

const IBAN: &str = "GB29NWBK60161331926819";
const KEY: &str = "sk_test_of_ours";
const SECRET: &str = "whsec_of_ours";
const DISPUTE: &str = "/operator/disputes/dispute";
const DECISION: &str = "/operator/disputes/decision";

fn minor(money: &Value) -> i64 {
    money["minor"].as_i64().unwrap_or_else(|| panic!("{money}"))
}

/// The transfer back of so much.
fn back(operator: &Person, minor_units: i64) -> Value {
    let all = operator.list("/api/v1/bank/send-backs");
    all.into_iter().find(|back| minor(&back["amount"]) == minor_units).unwrap()
}

/// What an account of the ledger holds, debits less credits.
fn holds(operator: &Person, account: &str) -> Value {
    let all = operator.list("/api/v1/ledger/balances");
    let found = all.into_iter().find(|held| held["account"] == account);
    found.map_or_else(|| json!({ "minor": 0, "currency": "USD" }), |held| held["balance"].clone())
}

#[test]
fn what_goes_back_is_addressed_by_two_operators_and_leaves_in_one_file() {
    let world = world();
    let [olga, pete] = ["olga", "pete"].map(|name| world.person(name));
    let (her, his) = (Browser::of(&world, &olga), Browser::of(&world, &pete));
    let statement =
        "id,date,amount,currency,text\nX-1,2026-03-05,2000000.00,USD,rent\nX-2,2026-03-05,7.00,USD,lunch\n";
    bring(&world, &world.session(&olga), statement);
    let send_back = |line: &str, amount: &str| {
        let page = her.page(&format!("{ALLOTMENT}?line={line}&kind-1=send-back&amount-1={amount}%20USD"));
        let done = confirm(&her, &page);
        assert_eq!(done.status, 303, "{}", done.text());
        done.header("location").to_owned()
    };

    // So much waits for another operator, and little does not; the line leads to what becomes of it.
    let request = send_back("X-1", "2000000.00");
    assert!(request.starts_with("/operator/approvals/"), "{request}");
    his.go(&request, &[("act", "approve")]);
    let line = her.page(&send_back("X-2", "7.00"));
    let [large, small] = [200_000_000, 700].map(|minor| back(&olga, minor));
    let path = |back: &Value| format!("/operator/send-backs/{}", back["reference"].as_str().unwrap());
    assert_eq!(link(&line, "/operator/send-backs/"), path(&small));
    assert_eq!(figure(&her.page("/operator"), "send-backs"), "2");
    let list = her.page("/operator/send-backs");
    for back in [&large, &small] {
        let cause = back["cause"].as_str().unwrap();
        assert!(cause.contains("of bank line X-") && list.contains(cause), "{cause} in {list}");
        assert_eq!(link(&list, &path(back)), path(back));
    }
    let page = her.page(&path(&small));
    assert_eq!(figure(&page, "amount"), written(&small["amount"]));
    assert!(page.contains("no account yet") && page.contains("unknown"), "{page}");
    assert!(page.contains(&small["transaction"].to_string()), "{page}");

    // Where so much goes is decided by two; looking decides nothing.
    let payee = format!("{}/payee", path(&large));
    let to = [("holder", "Somebody"), ("iban", "GB29 NWBK 6016 1331 9268 19"), ("bic", "")];
    let shown = her.page(&format!("{payee}?holder=Somebody&iban=GB29%20NWBK%206016%201331%209268%2019"));
    assert_eq!(hidden(&shown, "iban"), IBAN);
    assert!(back(&olga, 200_000_000)["to"].is_null());
    let wrong = her.send(&payee, &[("holder", "Somebody"), ("iban", "GB00")]);
    assert!(wrong.status == 400 && wrong.text().contains("role=\"alert\""), "{wrong:?}");
    let (status, page) = her.get(&format!("{payee}?holder=Somebody&iban=GB00"));
    assert!(
        status == 400 && page.contains("is not an IBAN") && !page.contains("Send it to this account"),
        "{page}"
    );
    let request = her.go(&payee, &to);
    assert_eq!(her.send(&request, &[("act", "approve")]).status, 403);
    assert!(back(&olga, 200_000_000)["to"].is_null());
    his.go(&request, &[("act", "approve")]);
    assert!(her.page(&path(&large)).contains(IBAN));

    // The file has what was shown, once.
    let file = "/operator/send-backs/file";
    let next = her.page(file);
    let seen = hidden(&next, "seen");
    assert_eq!(seen, large["reference"].as_str().unwrap());
    assert!(next.contains("Left out") && next.contains(&path(&small)), "{next}");
    assert_eq!(her.go(&format!("{}/payee", path(&small)), &to), path(&small));
    assert_eq!(her.refused(file, &[("seen", &seen)], "other transfers wait by now"), 409);
    let seen = hidden(&her.page(file), "seen");
    let filed = her.go(file, &[("seen", &seen)]);
    assert_eq!(filed, "/operator/send-backs?state=filed&file=1");
    let made = her.page(&filed);
    for told in ["file", "totals"] {
        assert!(figure(&made, told).contains("2 transfers, 2,000,007.00 USD"), "{told}: {made}");
    }
    assert_eq!(her.refused(file, &[("seen", &seen)], "nothing waits to be sent back"), 409);
    assert_eq!(figure(&her.page("/operator"), "send-backs"), "0");
    let (status, printed) = her.get(&link(&her.page(&filed), "/operator/send-backs/files/"));
    let api = world.send("GET", "/api/v1/bank/send-back-files/1", Some(&olga.token()), &[], "");
    assert_eq!((status, printed.as_str()), (200, api.text().as_str()));
    assert_eq!(printed.matches(IBAN).count(), 2, "{printed}");
    assert_eq!(her.send(&format!("{}/payee", path(&small)), &to).status, 409, "it is in a file");

    // It has left when the bank says so, and not before.
    let reference = small["reference"].as_str().unwrap();
    let left = format!("id,date,amount,currency,text\nX-3,2026-03-05,-7.00,USD,{reference}\n");
    bring(&world, &world.session(&olga), &left);
    let listed = olga.ok(&["books", "send-back", "list", "--state", "left"]);
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["reference"]), (1, &small["reference"]));
    let list = her.page("/operator/send-backs?state=left");
    assert!(list.contains(&path(&small)) && !list.contains(&path(&large)), "{list}");
    assert_eq!(her.get("/operator/send-backs?state=lost").0, 400);
    olga.ok(&["books", "check"]);
}

/// Tells the registry what has happened at the processor since the last time; disputes may be answered until then.
fn tell(world: &World, stripe: &Stripe, answer_by: Timestamp) {
    for mut event in stripe.with(|account| account.take_events()) {
        if event["type"].as_str().unwrap().starts_with("charge.dispute.") {
            event["data"]["object"]["evidence_details"] =
                json!({ "due_by": answer_by.as_second(), "submission_count": 3 });
        }
        let body = event.to_string();
        let signature = sign(SECRET, &body, Timestamp::now().as_second()).unwrap();
        let headers = [("stripe-signature", signature.as_str())];
        let answer = world.send("POST", "/api/v1/stripe/webhook", None, &headers, body);
        assert_eq!(answer.status, 204, "{}", answer.text());
    }
}

/// Pays by card what was begun.
fn pay(stripe: &Stripe, intent: &Value) -> String {
    let id = intent["id"].as_str().unwrap().to_owned();
    assert!(stripe.with(|account| account.pay(&id)), "{intent}");
    id
}

#[test]
fn a_disputes_page_is_what_the_books_hold_and_what_can_be_done() {
    let mut world = world();
    let stripe = world.runtime.block_on(Stripe::serve(KEY)).unwrap();
    let arguments = ["--virtual-clock", "--stripe-key", KEY, "--stripe-webhook-secret", SECRET];
    let arguments = [&arguments[..], &["--stripe-url", stripe.url()]].concat();
    world.restart_registry_with(&arguments.into_iter().map(str::to_owned).collect::<Vec<_>>());
    let due: Timestamp = "2026-03-12T13:00:00Z".parse().unwrap();
    let (olga, operator, customer) = (world.person("olga"), world.operator(), world.customer());
    let her = Browser::of(&world, &olga);
    assert!(her.page("/operator/disputes").contains("No dispute is here."));

    // A sale, a subscription, and a sale that was paid by the bank.
    let order = customer.ok(&["orders", "place", "acme:ocr-server"]);
    let sold = pay(&stripe, &customer.ok(&["orders", "pay", order["reference"].as_str().unwrap()]));
    let initech = world.person("initech");
    initech.register();
    initech.ok(&["subscription", "change", "developer"]);
    let invoice = initech.ok(&["invoices", "list"])[0]["number"].to_string();
    let subscribed = pay(&stripe, &initech.ok(&["invoices", "pay", &invoice]));
    tell(&world, &stripe, due);
    let dispute = |payment: &str, minor: i64| {
        let id = stripe.with(|account| account.dispute(payment, minor)).unwrap();
        tell(&world, &stripe, due);
        id
    };
    let (of_sale, of_plan) = (dispute(&sold, 10_000), dispute(&subscribed, 9_900));
    let hooli = world.person("hooli");
    hooli.register();
    let order = hooli.ok(&["orders", "place", "acme:ocr-server"]);
    let reference = order["reference"].as_str().unwrap();
    operator.ok(&["orders", "paid", reference, "100.00 USD", "--bank-reference", "H-1"]);
    let sales = world.person("acme").list("/api/v1/partners/acme/transactions");
    let sale =
        sales.iter().filter(|one| one["kind"] == "sale").map(|one| one["transaction"].as_i64().unwrap());
    let sale = sale.max().unwrap().to_string();
    let (refused, _) =
        operator.refused(&["dispute", "open", "D/1", &sale, "40.00 USD", "--fee", "100.01 USD"]);
    assert!(refused.detail.contains("at most 100.00 USD"), "{refused:?}");
    operator.ok(&["dispute", "open", "D/1", &sale, "40.00 USD", "--fee", "15.00 USD"]);

    assert_eq!(figure(&her.page("/operator"), "disputes"), "3");
    let list = her.page("/operator/disputes");
    for (id, customer) in [(of_sale.as_str(), "globex"), (of_plan.as_str(), "initech"), ("D/1", "hooli")] {
        assert!(list.contains(&format!(">{id}<")) && list.contains(&format!(">{customer}<")), "{id}: {list}");
    }
    let listed = olga.ok(&["disputes", "list", "--state", "open"]);
    let ids: Vec<&str> = listed.as_array().unwrap().iter().filter_map(|one| one["id"].as_str()).collect();
    assert!(ids.len() == 3 && ids.contains(&of_sale.as_str()) && ids.contains(&"D/1"), "{listed}");
    let told = listed.as_array().unwrap().iter().find(|one| one["id"] == of_sale.as_str()).unwrap();
    assert_eq!((&told["answer_by"], &told["customer"]), (&json!("2026-03-12T13:00:00Z"), &json!("globex")));

    // Its customer reads what that withholds and what to do, wherever the order is looked at.
    let ordered = &customer.list("/api/v1/orders")[0];
    assert_eq!(ordered["dispute"]["state"], "open");
    let quote =
        world.send("GET", "/api/v1/plugins/acme/ocr-server/quote", Some(&customer.token()), &[], "").json();
    assert_eq!((&quote["dispute"]["state"], &quote["entitled"]), (&json!("open"), &json!(false)));
    let his = Browser::of(&world, &customer);
    let order_page = format!("/orders/{}", ordered["reference"].as_str().unwrap());
    for path in [order_page.as_str(), "/checkout/plugins/acme/ocr-server"] {
        let page = his.page(path);
        assert!(
            page.contains("The payment is disputed since") && !page.contains("Order it<"),
            "{path}: {page}"
        );
    }
    assert!(his.page("/orders").contains("disputed</span> since"));

    let page = |id: &str| her.page(&format!("{DISPUTE}?id={}", id.replace('/', "%2F").replace('_', "%5F")));
    let [first, second, by_hand] = [of_sale.as_str(), of_plan.as_str(), "D/1"].map(page);
    for text in [
        "acme:ocr-server",
        "https://dashboard.stripe.com/payments/",
        "in 7 days",
        "needs response",
        "3 times",
        "/dashboard/acme/sales/",
        "globex",
    ] {
        assert!(first.contains(text), "{text}: {first}");
    }
    assert_eq!(figure(&first, "amount"), "100.00 USD");
    assert!(second.contains("it is of a subscription") && second.contains("initech"), "{second}");

    // What each of them holds is all that the ledger holds.
    let held = "assets:disputes held";
    let of = |page: &str| figure(page, held).replace('.', "").replace(" USD", "").parse::<i64>().unwrap();
    assert_eq!([&first, &second, &by_hand].map(|page| of(page)), [10_000, 9_900, 4_000]);
    assert_eq!(minor(&holds(&olga, held)), 23_900);
    let of_acme = "liabilities:partner:acme:disputed";
    assert_eq!((figure(&first, of_acme), figure(&by_hand, of_acme)), ("-85.00 USD", "-34.00 USD"));
    assert_eq!(minor(&holds(&olga, of_acme)), -8_500 - 3_400);
    let fees = "expenses:dispute fees";
    assert_eq!([&first, &second, &by_hand].map(|page| figure(page, fees)), ["15.00 USD"; 3]);
    assert_eq!(minor(&holds(&olga, fees)), 4_500);

    // What the processor tells of is decided there; the other one here, once.
    assert!(!first.contains(DECISION) && by_hand.contains(DECISION));
    let lost = [("id", of_sale.as_str()), ("outcome", "lost")];
    assert_eq!(her.refused(DECISION, &lost, "is decided where the processor tells of it"), 409);
    let part = format!("{of_sale}/{}", sale.parse::<i64>().unwrap());
    assert_eq!(her.send(DECISION, &[("id", part.as_str()), ("outcome", "lost")]).status, 404);
    let lost = [("id", "D/1"), ("outcome", "lost")];
    let shown = her.page(&link(&by_hand, &format!("{DECISION}?id=D%2F1&outcome=lost")));
    assert!(shown.contains("The partners bear their parts of it") && hidden(&shown, "outcome") == "lost");
    assert_eq!(minor(&holds(&olga, held)), 23_900, "looking decides nothing");
    for _ in 0..2 {
        assert_eq!(her.go(DECISION, &lost), format!("{DISPUTE}?id=D%2F1"));
    }
    assert_eq!(her.refused(DECISION, &[("id", "D/1"), ("outcome", "won")], "was lost"), 409);
    assert_eq!(minor(&holds(&olga, held)), 19_900);

    // The page follows what the processor tells, in order.
    world.set_clock("2026-03-06T12:00:00Z");
    assert!(stripe.with(|account| account.decide(&of_sale, true)));
    tell(&world, &stripe, due);
    let won = page(&of_sale);
    assert!(won.contains("It is decided") && !won.contains(&format!("data-figure=\"{held}\"")), "{won}");
    let happened = ["charge.dispute.created", "are held by the processor", "charge.dispute.closed", "is won"];
    let at = happened.map(|text| won.find(text).unwrap_or_else(|| panic!("{text}: {won}")));
    assert!(at[0] < at[1] && at[1] < at[2], "{won}");
    assert_eq!(figure(&her.page("/operator"), "disputes"), "1");
    assert!(her.page("/operator/disputes?state=won").contains(&of_sale));
    assert_eq!(her.get(&format!("{DISPUTE}?id=none")).0, 404);
    olga.ok(&["books", "check"]);
}

#[test]
fn the_trial_of_a_close_is_what_the_close_does() {
    let world = world();
    let (olga, operator, customer) = (world.person("olga"), world.operator(), world.customer());
    let (acme, her) = (world.person("acme"), Browser::of(&world, &olga));
    acme.publish(&plugin("errand"));
    acme.ok(&["orders", "price", "acme:errand", "30.00 USD", "--monthly"]);
    let order = customer.ok(&["orders", "place", "acme:ocr-server"]);
    let reference = order["reference"].as_str().unwrap();
    operator.ok(&["orders", "paid", reference, "100.00 USD", "--bank-reference", "B-1"]);
    customer.ok(&["orders", "place", "acme:errand"]);
    let initech = world.person("initech");
    initech.register();
    let invoice = initech.ok(&["subscription", "change", "developer"])["due"][0]["number"].to_string();
    operator.ok(&["invoices", "paid", &invoice, "99.00 USD", "--bank-reference", "S-1"]);

    let (page, path) = ("/operator/close/2026-03/trial", "/api/v1/ledger/months/2026-03/trial");
    let (status, early) = her.get(page);
    assert!(status == 409 && early.contains("2026-03 is not over"), "{early}");
    world.set_clock("2026-04-01T12:00:00Z");
    let before = olga.list("/api/v1/ledger/balances");
    let tried = olga.get(path);
    assert_eq!(olga.ok(&["books", "close", "--dry-run"]), tried);
    let shown = her.page(&link(&her.page("/operator/close/2026-03"), page));
    assert_eq!(olga.list("/api/v1/ledger/balances"), before, "nothing has changed");
    assert_eq!(olga.get("/api/v1/ledger/months")["due"], json!(["2026-03"]));

    // The page shows what the API says.
    assert_eq!(figure(&shown, "invoiced"), written(&tried["invoiced"][0]["total"]));
    let partner = &tried["partners"][0];
    for figure_of in ["gross", "paid", "share", "net", "opening", "closing"] {
        assert_eq!(figure(&shown, &format!("{figure_of}-acme")), written(&partner[figure_of]), "{figure_of}");
    }
    let results = tried["results"].as_array().unwrap();
    for result in results {
        assert_eq!(figure(&shown, result["account"].as_str().unwrap()), written(&result["after"]));
    }

    // The close does just that.
    let closed = olga.ok(&["books", "close"]);
    let numbers: Vec<&Value> =
        tried["invoices"].as_array().unwrap().iter().map(|one| &one["number"]).collect();
    assert_eq!(closed["invoices"].as_array().unwrap().iter().collect::<Vec<_>>(), numbers);
    assert_eq!(closed["statements"], tried["statements"]);
    let issued = olga.list("/api/v1/reports/invoices");
    for invoice in tried["invoices"].as_array().unwrap() {
        let found = issued.iter().find(|one| one["number"] == invoice["number"]).unwrap();
        assert_eq!((&found["account"], &found["total"]), (&invoice["customer"], &invoice["total"]));
    }
    let held = olga.list("/api/v1/ledger/balances?at=2026-03-31T23:59:59.999999Z");
    let of_acme = held.iter().filter(|held| held["account"].as_str().unwrap().contains("partner:acme"));
    assert_eq!(minor(&partner["closing"]), -of_acme.map(|held| minor(&held["balance"])).sum::<i64>());
    assert_eq!((minor(&partner["opening"]), &partner["share"]), (0, &partner["closing"]));
    let rated = minor(&tried["invoices"][0]["net"]);
    assert_eq!(minor(&partner["gross"]), 10_000 + rated);
    for result in results {
        let found = held.iter().find(|held| held["account"] == result["account"]).unwrap();
        assert_eq!(minor(&result["after"]).abs(), minor(&found["balance"]).abs(), "{result}");
    }
    let commission = results.iter().find(|result| result["account"] == "revenue:commission").unwrap();
    assert_eq!(minor(&partner["gross"]), minor(&partner["share"]) + minor(&commission["after"]));
    assert_eq!(olga.refused(&["books", "close", "2026-03", "--dry-run"]).0.r#type, "conflict");
    olga.ok(&["books", "check"]);
}
