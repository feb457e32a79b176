//! Documents with everything that the law asks for: tax numbers, taxes by where seller and buyer are, invoices, credit notes and
//! self-billed invoices, which a public validator takes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use chandlery_package::TaxNumber;
use serde_json::{Value, json};

use crate::process::workspace;
use crate::receiver::{Received, Receiver};
use crate::world::{Person, World, plugin};

/// What a script in Python prints.
fn python(script: &str, argument: &str) -> Value {
    let tools: PathBuf = workspace().join("target/tools/bin/python3");
    let script = workspace().join("tests/e2e").join(script);
    let output = Command::new(tools).arg(script).arg(argument).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn tax_numbers_are_right_and_wrong_where_python_says_so() {
    let numbers: Vec<(String, String, bool)> =
        serde_json::from_value(python("tax_numbers.py", "400")).unwrap();
    assert!(numbers.len() > 10_000 && numbers.iter().filter(|(.., right)| *right).count() > 2_000);
    let differs = |(country, number, right): &&(String, String, bool)| {
        TaxNumber::read(country, number).is_ok() != *right
    };
    let different: Vec<_> = numbers.iter().filter(differs).collect();
    assert!(different.is_empty(), "{different:?}");
}

/// VIES, as its REST interface answers: it knows one number, refuses another one, and a state of it is away.
fn vies(request: &Received) -> axum::response::Response {
    let path = request.path.split('?').next().unwrap();
    let answer = match path {
        "/ms/FR/vat/40303265045" => json!({
            "isValid": true, "requestDate": "2026-01-01T00:00:00.000Z", "userError": "VALID", "name": "SA SODIMAS",
            "address": "RUE\n26100 ROMANS", "requestIdentifier": "WAPIAAAAY1234567", "vatNumber": "40303265045",
        }),
        "/ms/NL/vat/004495445B01" => {
            json!({ "isValid": false, "userError": "INVALID", "name": "---", "address": "---" })
        }
        _ => json!({ "actionSucceed": false, "errorWrappers": [{ "error": "MS_UNAVAILABLE" }] }),
    };
    (StatusCode::OK, axum::Json(answer)).into_response()
}

/// A registry in Germany with a virtual clock, which asks this VIES, and where one plugin costs 99.99 EUR once.
fn world(vies: &Receiver) -> World {
    let mut world = World::with_hold(0);
    world.registry.arguments = vec!["--virtual-clock".into(), "--vies".into(), vies.url("")];
    world.restart_registry();
    world.lift_approvals();
    world.set_clock("2026-01-01T00:00:00Z");
    let operator = world.operator();
    for (country, rate) in [("DE", "19%"), ("FR", "20%"), ("IT", "22%"), ("NL", "21%"), ("MT", "0%")] {
        operator.ok(&["books", "tax", country, "VAT", rate, "--since", "2026-01-01"]);
    }
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "99.99 EUR"]);
    world
}

fn sell_from(operator: &Person, since: &str) -> Value {
    let words = [
        "books",
        "seller",
        "--legal-name",
        "Chandlery GmbH",
        "--street",
        "Hafen 1",
        "--postcode",
        "20457",
        "--city",
        "Hamburg",
        "--country",
        "DE",
        "--tax-number",
        "DE 136 695 976",
        "--registration",
        "HRB 1234",
        "--contact",
        "billing@chandlery.example",
        "--iban",
        "DE89370400440532013000",
        "--bic",
        "COBADEFFXXX",
        "--since",
        since,
    ];
    operator.ok(&words)
}

/// An amount as people write it.
fn written(money: &Value) -> String {
    let (minor, currency) = (money["minor"].as_i64().unwrap(), money["currency"].as_str().unwrap());
    match currency {
        "JPY" => format!("{minor} JPY"),
        _ => format!("{}.{:02} {currency}", minor / 100, minor % 100),
    }
}

/// Pays what an order is quoted.
fn pay(operator: &Person, order: &Value, reference: &str) {
    let due = written(&order["due"]);
    operator.ok(&[
        "orders",
        "paid",
        order["reference"].as_str().unwrap(),
        &due,
        "--bank-reference",
        reference,
    ]);
}

fn order(buyer: &Person) -> Value {
    buyer.ok(&["orders", "place", "acme:ocr-server"])
}

#[test]
fn documents_are_what_the_law_asks_for() {
    let register = Receiver::answering(vies);
    let world = world(&register);
    let (acme, operator) = (world.person("acme"), world.operator());
    assert_eq!(sell_from(&operator, "2026-01-01")["seller"]["party"]["tax_number"], "DE136695976");
    let us = ["books", "seller", "--legal-name", "Us", "--country", "DE"];
    assert_eq!(operator.refused(&us).0.r#type, "invalid");
    assert_eq!(acme.refused(&us).0.r#type, "forbidden");

    // A partner that says who it is gets invoices in its own name.
    let legal = ["--legal-name", "Acme SAS", "--country", "FR", "--tax-number", "FR40303265045"];
    let profile = acme.ok(&[&["payouts", "profile", "acme"], &legal[..]].concat());
    operator.ok(&["payouts", "approve-profile", "acme", &profile["version"].to_string()]);

    // Who buys: the country, the number, and what follows of it.
    let buyers = [
        ("berlin", "DE", "", "S", "19"),
        ("hamburg", "DE", "DE129273398", "S", "19"),
        ("paris", "FR", "FR40303265045", "AE", "0"),
        ("lyon", "FR", "", "S", "20"),
        ("utrecht", "NL", "NL004495445B01", "S", "21"),
        ("milan", "IT", "IT00743110157", "S", "22"),
        ("valletta", "MT", "", "Z", "0"),
        ("zurich", "CH", "CHE107787577IVA", "O", "0"),
        ("tokyo", "JP", "T1234567890123", "O", "0"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let keep =
        |name: &str, text: String| std::fs::write(folder.path().join(format!("{name}.xml")), text).unwrap();
    let mut numbers = BTreeMap::new();
    for (name, country, number, ..) in buyers {
        let buyer = world.person(name);
        buyer.register();
        let mut words = vec!["invoices", "profile", country, "--name", "Käufer & Söhne", "--city", name];
        if !number.is_empty() {
            words.extend(["--tax-id", number]);
        }
        buyer.ok(&words);
        if name == "tokyo" {
            acme.ok(&["orders", "price", "acme:ocr-server", "10050 JPY", "--to", "tokyo"]);
        }
        if name == "lyon" {
            acme.ok(&["orders", "coupon", "acme:ocr-server", "SPRING", "33%"]);
            let placed = buyer.ok(&["orders", "place", "acme:ocr-server", "--coupon", "SPRING"]);
            pay(&operator, &placed, name);
        } else {
            pay(&operator, &order(&buyer), name);
        }
        let number = buyer.ok(&["invoices", "list"])[0]["number"].to_string();
        keep(name, buyer.text(&["invoices", "show", &number, "--xml"]));
        numbers.insert(name, number);
    }
    let berlin = world.person("berlin");
    for (name, tax) in [("x", "DE"), ("DE136695977", "DE"), ("FR40303265045", "DE")] {
        let refused = berlin.refused(&["invoices", "profile", tax, "--tax-id", name]).0;
        assert_eq!(refused.r#type, "invalid", "{name}: {refused:?}");
    }
    // The seller's number goes with the question, so that there is a proof of it.
    let asked = register.received();
    assert!(
        asked.iter().any(|request| {
            request.path == "/ms/FR/vat/40303265045?requesterMemberStateCode=DE&requesterNumber=136695976"
        }),
        "{asked:?}"
    );
    let standing = world.person("milan").ok(&["invoices", "profile"]);
    assert!(standing["check"].is_null() && standing["terms"]["rate"] == "22%", "{standing}");
    assert!(standing["terms"]["note"].as_str().unwrap().contains("IT00743110157"), "{standing}");
    assert_eq!(world.person("utrecht").ok(&["invoices", "profile"])["check"]["valid"], false);

    // Two credit notes of one invoice, and what they come to.
    for (amount, key) in [("33.33 EUR", "A"), ("66.66 EUR", "B")] {
        let words = ["invoices", "refund", &numbers["berlin"], amount, "--reason", "slow", "--key", key];
        let note = operator.ok(&words)["number"].to_string();
        keep(&format!("note-{key}"), berlin.text(&["invoices", "credit-note", &note, "--xml"]));
        let page = berlin.text(&["invoices", "credit-note", &note]);
        let named = format!("INV-{}", numbers["berlin"]);
        assert!(page.contains(&format!("Credit note CN-{note}")) && page.contains(&named), "{page}");
        assert_eq!(world.person("paris").refused(&["invoices", "credit-note", &note]).0.r#type, "not-found");
    }
    let page = world.person("paris").text(&["invoices", "show", &numbers["paris"], "--html"]);
    for wanted in
        ["Article 196", "WAPIAAAAY1234567", "DE136695976", "FR40303265045", "Käufer &amp; Söhne", "Hafen 1"]
    {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    // What was issued stays, whatever is said afterwards.
    world.set_clock("2026-01-20T00:00:00Z");
    let other = [
        "books",
        "seller",
        "--legal-name",
        "Other AG",
        "--country",
        "DE",
        "--tax-number",
        "DE136695976",
        "--since",
    ];
    assert_eq!(operator.refused(&[&other[..], &["2026-01-01"]].concat()).0.r#type, "conflict");
    operator.ok(&[&other[..], &["2026-01-20"]].concat());
    berlin.ok(&["invoices", "profile", "DE", "--name", "Nobody"]);
    let again = berlin.text(&["invoices", "show", &numbers["berlin"], "--html"]);
    assert!(
        again.contains("Chandlery GmbH") && again.contains("Käufer") && !again.contains("Nobody"),
        "{again}"
    );

    world.set_clock("2026-02-01T00:00:00Z");
    operator.ok(&["books", "close"]);
    let billed = acme.ok(&["payouts", "self-billed", "acme"]);
    let kinds: Vec<_> = billed.as_array().unwrap().iter().map(|one| one["kind"].clone()).collect();
    assert_eq!(kinds, ["self-billed", "self-billed"], "one for each currency: {billed}");
    for number in ["1", "2"] {
        keep(&format!("billed-{number}"), acme.text(&["payouts", "self-billed", "acme", number, "--xml"]));
    }
    assert!(acme.text(&["payouts", "self-billed", "acme", "1"]).contains("Gutschrift"));
    operator.ok(&["books", "check"]);

    let found = python("invoices.py", folder.path().to_str().unwrap());
    for (name, _, _, category, rate) in buyers {
        let document = &found[name];
        assert_eq!(
            (&document["category"], &document["rate"]),
            (&json!(category), &json!(rate)),
            "{name}: {document}"
        );
        assert_eq!(
            (&document["type"], &document["exact"]),
            (&json!("380"), &json!(true)),
            "{name}: {document}"
        );
    }
    let amounts = |name: &str| [found[name]["net"].clone(), found[name]["tax"].clone()];
    assert_eq!(amounts("berlin"), ["99.99", "19.00"]);
    assert_eq!(amounts("lyon"), ["66.99", "13.40"]);
    assert_eq!(amounts("tokyo"), ["10050", "0"]);
    assert_eq!([amounts("note-A"), amounts("note-B")], [["33.33", "6.33"], ["66.66", "12.67"]]);
    assert_eq!(found["note-B"]["corrects"], format!("INV-{}", numbers["berlin"]));
    assert!(found["billed-1"]["type"] == "389" && found["billed-1"]["category"] == "AE", "{found}");
}

#[test]
fn what_was_quoted_is_invoiced_or_quoted_anew() {
    let register = Receiver::answering(vies);
    let world = world(&register);
    let operator = world.operator();
    sell_from(&operator, "2026-01-01");
    let [early, late, home] = ["early", "late", "home"].map(|name| world.person(name));
    for person in [&early, &late, &home] {
        person.register();
        person.ok(&["invoices", "profile", "DE"]);
    }
    world.set_clock("2026-01-05T00:00:00Z");
    let first = order(&early);
    world.set_clock("2026-01-25T00:00:00Z");
    let second = order(&late);
    assert_eq!((written(&first["due"]), written(&second["due"])), ("118.99 EUR".into(), "118.99 EUR".into()));
    operator.ok(&["books", "tax", "DE", "VAT", "25%", "--since", "2026-02-01"]);
    world.set_clock("2026-02-02T00:00:00Z");

    // Eight days old: it holds, and the document says so.
    pay(&operator, &second, "T-2");
    let invoice = late.ok(&["invoices", "list"])[0].clone();
    assert_eq!((&invoice["tax_name"], written(&invoice["tax"])), (&json!("VAT 19%"), "19.00 EUR".into()));
    // Twenty-eight days old: both are told, and ordering it again quotes it anew.
    let reference = first["reference"].as_str().unwrap();
    let refused = operator.refused(&["orders", "paid", reference, "118.99 EUR", "--bank-reference", "T-1"]).0;
    assert_eq!(refused.r#type, "quoted-anew");
    assert!(
        refused.detail.contains("118.99 EUR (VAT 19%)") && refused.detail.contains("124.99 EUR (VAT 25%)")
    );
    assert_eq!(early.ok(&["invoices", "list"]), json!([]));
    let anew = order(&early);
    assert_eq!((&anew["reference"], written(&anew["due"])), (&first["reference"], "124.99 EUR".into()));
    pay(&operator, &anew, "T-3");
    let invoice = early.ok(&["invoices", "list"])[0].clone();
    assert_eq!((&invoice["tax_name"], written(&invoice["tax"])), (&json!("VAT 25%"), "25.00 EUR".into()));
    operator.ok(&["books", "check"]);
}
