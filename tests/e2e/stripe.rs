//! Stripe, with a local endpoint in its place that Stripe's own library accepts: payments in, refunds, disputes, transfers to
//! partners, and webhooks that are forged, late or sent twice.

mod orders;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use axum::http::StatusCode;
use chandlery_stripe::{Account, Stripe, sign};
use serde_json::{Value, json};

use crate::world::{Person, World, plugin, until, workspace};

const KEY: &str = "sk_test_of_ours";
const SECRET: &str = "whsec_new";
/// Two secrets, as while one is being changed for another.
const SECRETS: &str = "whsec_old,whsec_new";

/// Runs the script that uses Stripe's own library.
fn own_library(words: &[&str], input: &str) -> String {
    let mut command = Command::new(workspace().join("target/tools/bin/python3"));
    command.arg(workspace().join("tests/e2e/stripe_client.py")).args(words);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Sends an event as Stripe would, signed by its own library; gives the status.
fn tell(world: &World, id: &str, kind: &str, object: &Value) -> u16 {
    let body = json!({ "id": id, "object": "event", "type": kind, "data": { "object": object } }).to_string();
    let header = own_library(&["sign", SECRET], &body);
    send(world, &header, &body)
}

fn send(world: &World, header: &str, body: &str) -> u16 {
    world.send("POST", "/api/v1/stripe/webhook", None, &[("stripe-signature", header)], body).status
}

/// What there is of a kind at Stripe.
fn all(stripe: &Stripe, kind: &str) -> Vec<Value> {
    stripe.with(|account| account.all(kind))
}

/// The balance transaction by which so much is withdrawn for a dispute, as Stripe has it.
fn withdrawn(amount: i64) -> Value {
    json!({ "id": "txn_d1", "object": "balance_transaction", "amount": -amount, "fee": 1500, "currency": "usd" })
}

fn balances(operator: &Person) -> BTreeMap<String, i64> {
    let rows = operator.ok(&["books", "balances"]);
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| (row["account"].as_str().unwrap().into(), row["balance"]["minor"].as_i64().unwrap()))
        .collect()
}

fn world() -> (World, Stripe) {
    let mut world = World::with_hold(0);
    let stripe = world.runtime.block_on(Stripe::serve(KEY)).unwrap();
    world.registry.arguments =
        ["--stripe-key", KEY, "--stripe-webhook-secret", SECRETS, "--stripe-url", stripe.url()]
            .into_iter()
            .chain(["--registrations-per-hour", "1000000", "--requests-per-second", "1000000"])
            .map(String::from)
            .collect();
    world.restart_registry();
    (world, stripe)
}

#[test]
fn the_endpoint_in_stripes_place_is_one_to_its_own_library() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stripe = runtime.block_on(Stripe::serve(KEY)).unwrap();
    let made: Value = serde_json::from_str(&own_library(&["talk", stripe.url(), KEY], "")).unwrap();
    assert_eq!(made, json!({ "payment": "pi_1", "transfer": "tr_1" }));
}

#[test]
fn a_payment_comes_in_and_a_payout_leaves_by_stripe_each_once() {
    let (world, stripe) = world();
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "100.00 USD"]);
    let customer = world.customer();
    let operator = world.operator();
    let order = customer.ok(&["orders", "place", "acme:ocr-server"]);
    let reference = order["reference"].as_str().unwrap();

    // Begun twice, it is one payment; nobody else may begin it.
    let intent = customer.ok(&["orders", "pay", reference]);
    assert_eq!((&intent["id"], &intent["amount"]["minor"]), (&json!("pi_1"), &json!(10_000)));
    assert_eq!(customer.ok(&["orders", "pay", reference]), intent);
    assert_eq!(acme.refused(&["orders", "pay", reference]).0.r#type, "not-found");

    // A webhook counts if it is signed by a secret of ours, and lately; and then once.
    let paid =
        json!({ "id": "pi_1", "object": "payment_intent", "amount_received": 10_000, "currency": "usd" });
    let body =
        json!({ "id": "evt_1", "type": "payment_intent.succeeded", "data": { "object": paid } }).to_string();
    let header = own_library(&["sign", SECRET], &body);
    let other = own_library(&["sign", "whsec_of_somebody"], &body);
    assert_eq!(send(&world, &other, &body), 400);
    assert_eq!(send(&world, &header, &body.replace("10000", "1")), 400);
    assert_eq!(send(&world, &header.replace("t=1", "t=0"), &body), 400);
    assert_eq!(send(&world, "", &body), 400);
    let old: i64 = header[2..].split(',').next().unwrap().parse::<i64>().unwrap() - 301;
    assert_eq!(send(&world, &format!("t={old},{}", header.split_once(',').unwrap().1), &body), 400);
    assert!(customer.ok(&["orders", "list"])["items"][0]["paid_at"].is_null());
    for _ in 0..3 {
        assert_eq!(send(&world, &header, &body), 204);
    }
    let order = customer.ok(&["orders", "list"])["items"][0].clone();
    assert!(order["paid_at"].is_string());
    let invoice = order["invoice"].to_string();
    // What it costs is 2.9 % and 0.30.
    let books = balances(&operator);
    assert_eq!((books["assets:processor clearing"], books["expenses:processor fees"]), (9680, 320));
    assert_eq!(books["liabilities:partner:acme:pending"], -8500);

    // A part is given back, at Stripe and in the books, however often it is asked for.
    let refund = ["invoices", "refund", &invoice, "20.00 USD", "--reason", "slow", "--key", "R-1"];
    stripe.refuse(Some("it is down"));
    operator.ok(&refund);
    let owed = ask(&world, &operator, "GET", "/api/v1/processor/requests")["items"][0].clone();
    assert_eq!((&owed["about"], &owed["amount"]["minor"]), (&json!("pi_1"), &json!(2000)));
    assert!(owed["reason"].as_str().unwrap().contains("it is down"), "{owed}");
    assert_eq!(all(&stripe, "refunds").len(), 0);
    stripe.refuse(None);
    operator.ok(&refund);
    operator.ok(&refund);
    assert_eq!(ask(&world, &operator, "GET", "/api/v1/processor/requests")["items"], json!([]));
    assert_eq!(all(&stripe, "refunds").len(), 1);
    // What Stripe tells of it is known, whether by the refund or by its charge.
    let told = json!({ "id": "re_1", "payment_intent": "pi_1", "amount": 2000, "currency": "usd",
                       "status": "succeeded" });
    assert_eq!(tell(&world, "evt_r1", "refund.created", &told), 204);
    let charge =
        json!({ "id": "ch_1", "payment_intent": "pi_1", "amount_refunded": 2000, "currency": "usd" });
    assert_eq!(tell(&world, "evt_r2", "charge.refunded", &charge), 204);
    assert_eq!(all(&stripe, "refunds")[0]["amount"], 2000);
    assert_eq!(balances(&operator)["assets:processor clearing"], 7680);
    assert_eq!(balances(&operator)["liabilities:partner:acme:pending"], -6800);

    // A dispute holds what is left, and is won.
    let dispute = json!({ "id": "dp_1", "payment_intent": "pi_1", "amount": 8000, "currency": "usd", "status": "needs_response",
                          "balance_transactions": [withdrawn(8_000)] });
    assert_eq!(tell(&world, "evt_2", "charge.dispute.created", &dispute), 204);
    assert_eq!(tell(&world, "evt_2", "charge.dispute.created", &dispute), 204);
    let books = balances(&operator);
    assert_eq!((books["assets:disputes held"], books["liabilities:partner:acme:disputed"]), (8000, -6800));
    assert_eq!(books["expenses:dispute fees"], 1500);
    let mut won = dispute.clone();
    won["status"] = json!("won");
    assert_eq!(tell(&world, "evt_3", "charge.dispute.closed", &won), 204);
    assert_eq!(balances(&operator)["assets:disputes held"], 0);
    operator.ok(&["books", "check"]);

    pay_out(&world, &stripe, &acme);
}

#[test]
fn what_a_lost_dispute_takes_back_of_a_subscription_is_not_credited_again() {
    crate::process::within_a_day();
    let (world, stripe) = world();
    let (customer, operator) = (world.person("initech"), world.operator());
    customer.register();
    customer.ok(&["subscription", "change", "developer"]);
    let invoice = customer.ok(&["invoices", "list"])[0]["number"].to_string();
    let intent = customer.ok(&["invoices", "pay", &invoice]);
    let paid =
        json!({ "id": intent["id"], "object": "payment_intent", "amount_received": 9900, "currency": "usd" });
    assert_eq!(tell(&world, "evt_1", "payment_intent.succeeded", &paid), 204);
    let mut dispute = json!({ "id": "dp_1", "payment_intent": intent["id"], "amount": 9900, "currency": "usd",
                              "status": "needs_response", "balance_transactions": [withdrawn(9_900)] });
    assert_eq!(tell(&world, "evt_2", "charge.dispute.created", &dispute), 204);
    assert_eq!(balances(&operator)["assets:disputes held"], 9900);
    let stands = || {
        let has = customer.ok(&["subscription", "show"]);
        (has["state"].as_str().unwrap().to_owned(), has["tier"].as_str().unwrap().to_owned())
    };
    assert_eq!(stands(), ("disputed".into(), "free".into()));
    dispute["status"] = json!("lost");
    for event in ["evt_3", "evt_3", "evt_4"] {
        assert_eq!(tell(&world, event, "charge.dispute.closed", &dispute), 204);
    }
    assert_eq!(stands(), ("free".into(), "free".into()));
    let books = balances(&operator);
    assert_eq!((books["assets:disputes held"], books["liabilities:deferred:plans"]), (0, 0));
    assert_eq!(books.get("expenses:bad debt"), None);
    let refund = ["invoices", "refund", &invoice, "1.00 USD", "--reason", "again", "--key", "R"];
    assert!(operator.refused(&refund).0.detail.contains("0.00 USD are left"));
    let more = customer.ok(&["subscription", "change", "team"]);
    assert_eq!(more["due"][0]["total"]["minor"], 49_900);
    operator.ok(&["books", "check"]);

    // What is ended now goes back the way that it was paid.
    let invoice = more["due"][0]["number"].to_string();
    let intent = customer.ok(&["invoices", "pay", &invoice]);
    let paid = json!({ "id": intent["id"], "object": "payment_intent", "amount_received": 49_900, "currency": "usd" });
    assert_eq!(tell(&world, "evt_5", "payment_intent.succeeded", &paid), 204);
    assert_eq!(stands(), ("active".into(), "team".into()));
    customer.ok(&["subscription", "end", "--now"]);
    assert_eq!(stands(), ("free".into(), "free".into()));
    until("the refund that is owed", || {
        let refunds = all(&stripe, "refunds");
        refunds.iter().any(|refund| refund["amount"] == 49_900).then_some(())
    });
    operator.ok(&["books", "check"]);
}

#[test]
fn what_arrives_beside_what_is_due_is_credit_and_what_is_owed_to_stripe_is_sent_by_itself() {
    crate::process::within_a_day();
    let (world, stripe) = world();
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "100.00 USD"]);
    let (customer, operator) = (world.customer(), world.operator());
    let order = customer.ok(&["orders", "place", "acme:ocr-server"]);
    let reference = order["reference"].as_str().unwrap();
    let intent = customer.ok(&["orders", "pay", reference]);
    let by_bank = json!({ "bank_reference": "B-1", "amount": { "minor": 10_000, "currency": "USD" } });
    let path = format!("/api/v1/orders/{reference}/payment");
    let headers = [("content-type", "application/json")];
    let answer = world.send("POST", &path, Some(&operator.token()), &headers, by_bank.to_string());
    assert!(answer.status < 300, "{answer:?}");
    // Nothing is due any more.
    assert_eq!(customer.refused(&["orders", "pay", reference]).0.r#type, "conflict");

    // A dispute comes before its payment, says nothing of how it ended, and waits; Stripe knows.
    let mut dispute = json!({ "id": "dp_1", "payment_intent": intent["id"], "amount": 4000, "currency": "usd",
                              "status": "needs_response", "balance_transactions": [withdrawn(4_000)] });
    let told = dispute.clone();
    dispute["status"] = json!("lost");
    stripe.with(|account| account.objects.insert("disputes/dp_1".into(), dispute));
    assert_eq!(tell(&world, "evt_1", "charge.dispute.created", &told), 204);
    let parked = ask(&world, &operator, "GET", "/api/v1/processor/events?state=parked");
    assert!(parked["items"][0]["reason"].as_str().unwrap().contains("in the books yet"), "{parked}");
    let paid = json!({ "id": intent["id"], "object": "payment_intent", "amount_received": 10_000, "currency": "usd" });
    assert_eq!(tell(&world, "evt_2", "payment_intent.succeeded", &paid), 204);
    assert_eq!(tell(&world, "evt_3", "topup.succeeded", &json!({ "id": "tu_1" })), 204);
    let states = ask(&world, &operator, "GET", "/api/v1/processor/events")["items"].clone();
    let states: Vec<_> = states.as_array().unwrap().iter().map(|event| event["state"].clone()).collect();
    assert_eq!(states, ["applied", "applied", "unhandled"]);
    assert_eq!(operator.ok(&["books", "events", "--state", "unhandled"])[0]["id"], "evt_3");
    let remarks = operator.ok(&["books", "check"])["unfollowed"].clone();
    assert_eq!(remarks.as_array().map(Vec::len), Some(1), "{remarks}");
    assert!(remarks[0].as_str().unwrap().contains("of the kind topup.succeeded"), "{remarks}");
    let shown = operator.ok(&["books", "events", "show", "evt_1"]);
    assert_eq!(shown["event"]["state"], "applied", "{shown}");
    assert!(shown["body"].as_str().unwrap().contains("charge.dispute.created"), "{shown}");
    let metrics = world.get("/metrics", &[]).1;
    assert!(metrics.contains("chandlery_processor_events{state=\"unhandled\"} 1"), "{metrics}");
    let books = balances(&operator);
    assert_eq!((books["assets:bank"], books["liabilities:credit:globex"]), (10_000, -6000));
    assert_eq!(
        (books.get("assets:disputes held"), books["expenses:dispute fees"]),
        (None, 1500),
        "{books:?}"
    );

    // What is left is given back once, as soon as Stripe takes it.
    let surplus = ask(&world, &operator, "GET", "/api/v1/processor/surplus")["items"].clone();
    assert_eq!((&surplus[0]["id"], &surplus[0]["surplus"]["minor"]), (&intent["id"], &json!(6000)));
    assert_eq!(operator.ok(&["books", "surplus"])[0]["surplus"]["minor"], 6000);
    stripe.refuse(Some("it is down"));
    let path = format!("/api/v1/processor/surplus/{}/refund", intent["id"].as_str().unwrap());
    let intent_id = intent["id"].as_str().unwrap();
    assert_eq!(operator.ok(&["books", "surplus", "refund", intent_id])["minor"], 6000);
    assert_eq!(operator.ok(&["books", "requests"])[0]["amount"]["minor"], 6000);
    assert_eq!(world.send("POST", &path, Some(&operator.token()), &[], "").status, 409);
    stripe.refuse(None);
    until("the refund that is owed", || {
        let refunds = all(&stripe, "refunds");
        (!refunds.is_empty()).then_some(refunds)
    });
    assert_eq!(all(&stripe, "refunds")[0]["amount"], 6000);
    assert_eq!(balances(&operator)["liabilities:credit:globex"], 0);

    // A credit note comes before the payment: that pays what is left, and the rest is credit.
    let late = world.person("initech");
    late.register();
    late.ok(&["subscription", "change", "developer"]);
    let invoice = late.ok(&["invoices", "list"])[0]["number"].to_string();
    let intent = late.ok(&["invoices", "pay", &invoice]);
    operator.ok(&["invoices", "refund", &invoice, "20.00 USD", "--reason", "late", "--key", "R-2"]);
    let paid =
        json!({ "id": intent["id"], "object": "payment_intent", "amount_received": 9900, "currency": "usd" });
    assert_eq!(tell(&world, "evt_4", "payment_intent.succeeded", &paid), 204);
    assert_eq!(late.ok(&["invoices", "list"])[0]["state"], "paid");
    let books = balances(&operator);
    assert_eq!((books["liabilities:credit:initech"], books["assets:receivable:customers"]), (-2000, 0));

    // What Stripe refuses for good is not sent any more: an operator says what becomes of it.
    let refusal = (StatusCode::BAD_REQUEST, "charge_not_refundable");
    stripe.refuse_to_make("refunds", Some(refusal));
    operator.ok(&["invoices", "refund", &invoice, "10.00 USD", "--reason", "old", "--key", "R-3"]);
    stripe.refuse_to_make("refunds", None);
    let refused = operator.ok(&["books", "requests"])[0].clone();
    assert_eq!((&refused["key"], &refused["state"]), (&json!("refund:R-3"), &json!("refused")), "{refused}");
    operator.ok(&["invoices", "refund", &invoice, "10.00 USD", "--reason", "old", "--key", "R-3"]);
    let before = all(&stripe, "refunds").len();
    let settle = ["books", "requests", "settle", "refund:R-3", "--as", "bank"];
    let settled = operator.ok(&settle);
    assert_eq!((&settled["kept"]["minor"], &settled["reference"]), (&json!(1000), &json!("OWED-1")));
    assert_eq!(operator.refused(&settle).0.r#type, "not-found");
    assert_eq!(operator.ok(&["books", "requests"]), json!([]));
    assert_eq!(operator.ok(&["books", "send-back", "list"])[0]["reference"], "OWED-1");
    assert_eq!(all(&stripe, "refunds").len(), before);
    let books = balances(&operator);
    assert_eq!((books["liabilities:credit:initech"], books["assets:bank"]), (-2000, 9000));
    operator.ok(&["books", "check"]);
}

/// An account that settles in euros is paid in dollars by a link that nobody has made here.
#[test]
fn what_is_paid_by_a_link_of_stripes_is_a_line_like_the_banks() {
    let (world, stripe) = world();
    let (customer, operator) = (world.person("initech"), world.operator());
    customer.register();
    customer.ok(&["subscription", "change", "developer"]);
    let invoice = customer.ok(&["invoices", "list"])[0]["number"].to_string();
    let tell_all = || {
        for event in stripe.with(Account::take_events) {
            let body = event.to_string();
            let header = sign(SECRET, &body, jiff::Timestamp::now().as_second()).unwrap();
            assert_eq!(send(&world, &header, &body), 204, "{body}");
        }
    };
    let held = |account: &str, currency: &str| {
        let rows = operator.ok(&["books", "balances"]);
        let found = rows
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["account"] == account && row["balance"]["currency"] == currency);
        found.map_or(0, |row| row["balance"]["minor"].as_i64().unwrap())
    };
    // 120.00 USD are 110.40 EUR, of which Stripe keeps 3.50.
    stripe.with(|account| {
        account.settle_in("eur", 92, 100);
        account.pay_by_link(12_000, "usd", "a year of Developer");
    });
    tell_all();
    let (clearing, suspense) = ("assets:processor clearing", "liabilities:suspense");
    assert_eq!((held(clearing, "USD"), held(clearing, "EUR"), held(suspense, "USD")), (0, 10_690, -12_000));
    let line = operator.ok(&["books", "lines"])[0].clone();
    let id = line["id"].as_str().unwrap();
    assert_eq!((id, &line["text"]), ("processor:stripe/pi_1", &json!("a year of Developer")));
    assert_eq!(operator.refused(&["books", "allot", id, "120.00 USD", "--own"]).0.r#type, "conflict");
    operator.ok(&["books", "allot", id, "99.00 USD", "--invoice", &invoice]);
    assert_eq!(customer.ok(&["invoices", "list"])[0]["state"], "paid");
    let line = operator.ok(&["books", "allot", id, "21.00 USD", "--send-back"]);
    assert_eq!((held(suspense, "USD"), line["open"].is_null()), (0, true), "{line}");
    // What is sent back leaves by Stripe, as 19.32 EUR.
    until("the refund of what was sent back", || {
        tell_all();
        (held(clearing, "EUR") == 10_690 - 1932).then_some(())
    });
    assert_eq!((held(clearing, "USD"), all(&stripe, "refunds")[0]["amount"].as_i64()), (0, Some(2100)));
    assert_eq!(stripe.with(|account| account.held["eur"]), 10_690 - 1932);
    assert_eq!(operator.ok(&["books", "check"])["unfollowed"], json!([]));
}

/// What an operator gets from the API itself.
fn ask(world: &World, operator: &Person, method: &str, path: &str) -> Value {
    let answer = world.send(method, path, Some(&operator.token()), &[], "");
    assert!(answer.status < 300, "{method} {path}: {answer:?}");
    answer.json()
}

/// A partner's connected account gets what is available, once, whatever is repeated; what is reversed is available again.
fn pay_out(world: &World, stripe: &Stripe, acme: &Person) {
    let operator = world.operator();
    let second = world.person("second");
    second.register();
    world.promote("second");
    acme.ok(&["payouts", "profile", "acme", "--stripe", "acct_7"]);
    operator.ok(&["payouts", "approve-profile", "acme", "1"]);
    let run = operator.ok(&["payouts", "run"]);
    let payout = run["items"][0].clone();
    assert_eq!((&payout["amount"]["minor"], &payout["rail"]), (&json!(6800), &json!("stripe")));
    let (id, run) = (payout["id"].to_string(), payout["run"].to_string());
    second.ok(&["payouts", "approve", &id]);
    stripe.refuse(Some("No such destination: 'acct_7'"));
    let (problem, _) = operator.refused(&["payouts", "send", &run]);
    assert!(problem.detail.contains("No such destination"), "{problem:?}");
    stripe.refuse(None);
    operator.ok(&["payouts", "send", &run]);
    operator.ok(&["payouts", "send", &run]);
    let transfer = all(stripe, "transfers");
    assert_eq!(transfer.len(), 1);
    assert_eq!((&transfer[0]["amount"], &transfer[0]["destination"]), (&json!(6800), &json!("acct_7")));
    assert_eq!(tell(world, "evt_4", "transfer.created", &transfer[0]), 204);
    assert_eq!(tell(world, "evt_5", "transfer.created", &transfer[0]), 204);
    let balance =
        |name: &str| acme.ok(&["payouts", "balance", "acme"])["items"][0][name]["minor"].as_i64().unwrap();
    assert_eq!((balance("available"), balance("in_transit"), balance("paid")), (0, 0, 6800));
    // A part comes back, and then the rest; and a transfer that is not what was sent is not believed.
    let reverse = |minor: i64| assert!(stripe.with(|account| account.reverse("tr_1", minor)));
    let say = |minor: i64| {
        stripe.with(|account| account.objects.get_mut("transfers/tr_1").unwrap()["amount"] = json!(minor));
    };
    reverse(100);
    assert_eq!(tell(world, "evt_6", "transfer.reversed", &transfer[0]), 204);
    assert_eq!((balance("available"), balance("in_transit"), balance("paid")), (100, 0, 6700));
    say(99_999_900);
    assert_eq!(tell(world, "evt_7", "transfer.updated", &transfer[0]), 204);
    let parked = ask(world, &operator, "GET", "/api/v1/processor/events?state=parked");
    assert_eq!((&parked["items"][0]["id"], parked["items"].as_array().unwrap().len()), (&json!("evt_7"), 1));
    assert_eq!((balance("available"), balance("in_transit"), balance("paid")), (100, 0, 6700));
    say(6800);
    reverse(6700);
    assert_eq!(tell(world, "evt_8", "transfer.reversed", &transfer[0]), 204);
    assert_eq!((balance("available"), balance("in_transit"), balance("paid")), (6800, 0, 0));
    operator.ok(&["books", "check"]);
}
