//! What one operator asks for and others approve.

use serde_json::json;

use crate::person::Person;
use crate::world::{World, plugin};

/// The number of the request that waits for others, as the refusal tells it.
fn waits(person: &Person, words: &[&str]) -> String {
    let (problem, _) = person.refused(words);
    assert_eq!(problem.r#type, "waits", "{problem:?}");
    let number = problem.detail.split_whitespace().nth(1).unwrap();
    number.to_owned()
}

fn state(person: &Person, number: &str) -> String {
    let all = person.ok(&["approvals", "list"]);
    let found = all.as_array().unwrap().iter().find(|request| request["id"].as_i64() == number.parse().ok());
    found.unwrap()["state"].as_str().unwrap().to_owned()
}

#[test]
fn two_people_decide_and_two_accounts_of_one_do_not() {
    let world = World::with_hold(0);
    let (operator, customer, acme) = (world.operator(), world.customer(), world.publisher("acme"));
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "9000.00 USD"]);
    let [second, mine] = ["second", "mine"].map(|name| world.person(name));
    second.register();
    mine.register();
    world.stores.sql("update accounts set created_at = '2020-01-01T00:00:00.000000Z'");
    // Alone, an operator makes one of its own; the other one comes from whoever holds the machine.
    operator.ok(&["operator", "propose", "mine"]);
    world.promote("second");
    let (problem, _) = operator.refused(&["operator", "confirm", "mine"]);
    assert_eq!(problem.r#type, "forbidden");
    second.ok(&["operator", "confirm", "mine"]);
    let why = |person: &Person, words: &[&str]| person.refused(words).0.r#type;

    // A transfer that is recorded by hand waits above 1,000.00, and a refund of 5,000.00 as well.
    let order = customer.ok(&["orders", "place", "acme:ocr-server"]);
    let reference = order["reference"].as_str().unwrap();
    let paid = ["orders", "paid", reference, "9000.00 USD", "--bank-reference", "B-1"];
    let request = waits(&operator, &paid);
    assert_eq!(waits(&operator, &paid), request, "asked again, it is the same");
    for own in [&operator, &mine] {
        assert_eq!(why(own, &["approvals", "approve", &request]), "forbidden");
    }
    assert_eq!(second.ok(&["approvals", "approve", &request])["state"], "done");
    assert_eq!(why(&second, &["approvals", "approve", &request]), "conflict");
    let invoice = customer.list("/api/v1/invoices")[0]["number"].to_string();
    let refund = |amount: &'static str, key: &'static str| {
        ["invoices", "refund", invoice.as_str(), amount, "--reason", "it did not work", "--key", key]
    };
    operator.ok(&refund("900.00 USD", "R-1"));
    let small = waits(&operator, &refund("200.00 USD", "R-2"));
    second.ok(&["approvals", "refuse", &small, "--why", "that is 1,100.00 in all"]);
    assert_eq!(state(&operator, &small), "refused");
    let large = waits(&operator, &refund("5000.00 USD", "R-3"));
    assert_eq!(customer.list("/api/v1/credit-notes").len(), 1);
    second.ok(&["approvals", "approve", &large]);
    let notes = customer.list("/api/v1/credit-notes");
    assert_eq!((notes.len(), &notes[0]["net"]["minor"]), (2, &json!(500_000)));
    // What was given back by this key is given back once, and nobody needs to approve it again.
    operator.ok(&refund("5000.00 USD", "R-3"));

    // A payout goes by the same rules.
    let payout = operator.ok(&["payouts", "propose", "acme"])["id"].to_string();
    assert_eq!(why(&mine, &["payouts", "approve", &payout]), "forbidden");
    assert_eq!(why(&operator, &["payouts", "approve", &payout]), "forbidden");
    assert_eq!(second.ok(&["payouts", "approve", &payout])["state"], "approved");

    // Nobody changes the rules alone, and never so that one could.
    let rule = waits(&operator, &["approvals", "set", "payout", "0"]);
    for own in [&operator, &mine] {
        assert_eq!(why(own, &["approvals", "approve", &rule]), "forbidden");
    }
    assert_eq!(operator.ok(&["approvals"]).as_array().unwrap().len(), 1);
    second.ok(&["approvals", "approve", &rule]);
    let rules = operator.ok(&["approvals", "rules"]);
    assert!(rules.as_array().unwrap().contains(&json!({ "kind": "payout", "above": null, "approvals": 0 })));
    assert_eq!(why(&operator, &["approvals", "set", "rules", "0"]), "invalid");

    // What is sent back of a line of the bank, and to which account, waits as a refund does.
    let table = operator.file("table.csv", b"id,date,amount,currency,text\nX,,2000.00,USD,rent\n");
    operator.ok(&["books", "reconcile", &table]);
    let back = waits(&operator, &["books", "allot", "X", "2000.00 USD", "--send-back"]);
    assert_eq!(second.ok(&["approvals", "approve", &back])["state"], "done");
    let sent = operator.ok(&["books", "send-back", "list"]);
    let mut references = sent.as_array().unwrap().iter().map(|one| one["reference"].as_str().unwrap());
    let reference = references.find(|reference| reference.starts_with("BACK-")).unwrap();
    let mut to = vec!["books", "send-back", "to", reference, "--holder", "Somebody"];
    to.extend(["--iban", "DE89370400440532013000"]);
    let elsewhere = waits(&operator, &to);
    assert_eq!(second.ok(&["approvals", "approve", &elsewhere])["state"], "done");
    operator.ok(&to);

    // Two small payments of a day are as one of their sum, and what is asked for again is one.
    acme.ok(&["orders", "price", "acme:ocr-server", "600.00 USD"]);
    let pay = |buyer: &str, reference: &'static str| {
        let buyer = world.person(buyer);
        buyer.register();
        let order =
            buyer.ok(&["orders", "place", "acme:ocr-server"])["reference"].as_str().unwrap().to_owned();
        ["orders", "paid", &order, "600.00 USD", "--bank-reference", reference].map(str::to_owned)
    };
    let (first_paid, then_paid) = (pay("initech", "B-2"), pay("umbrella", "B-3"));
    operator.ok(&first_paid.each_ref().map(String::as_str));
    operator.ok(&first_paid.each_ref().map(String::as_str));
    let sum = waits(&operator, &then_paid.each_ref().map(String::as_str));
    assert_eq!(why(&operator, &["approvals", "approve", &sum]), "forbidden");
    assert_eq!(second.ok(&["approvals", "approve", &sum])["amount"]["minor"], 120_000);

    // What has changed meanwhile is not done by half.
    let late = waits(&operator, &refund("8000.00 USD", "R-4"));
    assert_eq!(second.ok(&["approvals", "approve", &late])["state"], "failed");
    operator.ok(&["books", "check"]);
    let given =
        operator.ok(&["audit", "list", "--act", "approval-done", "--subject", &format!("request {large}")]);
    assert_eq!(given[0]["actor"], "second");

    // Whoever has made a transaction stands beside it.
    let journal = operator.text(&["books", "journal"]);
    assert_eq!(journal.matches("\n    ; by: ").count(), journal.matches("\n    ; key: ").count());
    for who in ["second (token ", "operator (token ", "system:holds"] {
        assert!(journal.contains(&format!("\n    ; by: {who}")), "{who}: {journal}");
    }
    let explained = operator.ok(&["payouts", "explain", &payout]);
    assert!(explained["transactions"][0]["by"].as_str().unwrap().starts_with("second (token "));
}
