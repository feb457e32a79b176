//! What an account may do, what it owes for it, and how a host knows.

use serde_json::{Value, json};

use crate::world::{Person, World, plugin, until};

/// A world whose customer has not subscribed to anything, with an errand installed.
fn world() -> World {
    let world = World::with_limits();
    world.publisher("acme").publish(&plugin("errand"));
    world.customer().ok(&["install", "acme:errand"]);
    world
}

fn deploy(name: &str) -> Vec<String> {
    let command = format!("command={}", json!(["sleep", "600"]));
    ["deploy", "errand", "--no-wait", "--name", name, "--set", &command].map(String::from).to_vec()
}

fn try_deploy(person: &Person, name: &str) -> Result<Value, (String, String)> {
    let words = deploy(name);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let output = person.command(&[&words[..], &["--json"]].concat()).output().unwrap();
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).unwrap());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let problem: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    Err((problem["type"].as_str().unwrap().into(), problem["detail"].as_str().unwrap().into()))
}

#[test]
fn a_limit_is_kept_told_of_and_lifted() {
    let mut world = world();
    let vendor = world.vendor();
    vendor.publish(&plugin("webhook"));
    let globex = world.customer();
    globex.ok(&[
        "install",
        "chandlery:webhook",
        "--deny",
        "http:setting:url",
        "--deny",
        "private-network",
        "--deny",
        "secret:webhook-signing",
    ]);

    try_deploy(&globex, "one").unwrap();
    let (word, detail) = try_deploy(&globex, "two").unwrap_err();
    assert_eq!(word, "deployment-limit");
    assert_eq!(
        detail,
        "1 of 1 deployments that free allows are used; developer allows 10 deployments for 99.00 USD a month"
    );
    // What is there can be changed, and what is removed makes room.
    globex.ok(&["restart", "one", "--no-wait"]);
    let told = world.host_texts("select event from deliveries order by id");
    let alerts: Vec<_> = told.iter().filter(|event| event.contains("usage-threshold")).collect();
    assert_eq!(alerts.len(), 1, "{told:?}");
    let reached = "1 of 1 deployments that free allows are used: 100 % are reached";
    assert!(alerts[0].contains(reached), "{alerts:?}");

    let tried = globex.ok(&["subscription", "trial", "developer"]);
    assert_eq!(
        (&tried["tier"], &tried["trial"], &tried["deployments"]),
        (&json!("developer"), &json!(true), &json!(10))
    );
    assert_eq!(globex.refused(&["subscription", "trial", "team"]).0.r#type, "conflict");
    for number in 2..=10 {
        try_deploy(&globex, &format!("d{number}")).unwrap();
    }
    assert!(
        try_deploy(&globex, "eleven").unwrap_err().1.contains("team allows 100 deployments for 499.00 USD")
    );
    let has = globex.ok(&["subscription", "licence"]);
    assert_eq!(
        (&has["used"], &has["trial"], &has["upgrade"]["tier"]),
        (&json!(10), &json!(true), &json!("team"))
    );

    // The licence is believed without the registry, and no other one is.
    let changed = globex.ok(&["subscription", "change", "team"]);
    assert_eq!(changed["due"][0]["total"], json!({ "minor": 49900, "currency": "USD" }));
    try_deploy(&globex, "eleven").unwrap();
    world.registry.kill();
    world.restart_host();
    try_deploy(&globex, "twelve").unwrap();
    world.change_host("update licence set token = replace(token, '.', '.e30')");
    assert!(try_deploy(&globex, "thirteen").unwrap_err().1.contains("12 of 1 deployments that free allows"));
}

#[test]
fn the_deployments_of_all_hosts_count_together() {
    let world = world();
    let here = world.customer();
    let (mut server, there) = world.another_host("other");
    there.ok(&["install", "acme:errand"]);
    // A host tells the registry how many it has soon after it has answered.
    let one_is_known = || {
        until("the registry knows of one deployment", || {
            let hosts = here.ok(&["subscription", "hosts"]);
            let counts = hosts.as_array().unwrap().iter().map(|host| host["deployments"].as_u64().unwrap());
            (counts.sum::<u64>() == 1).then_some(())
        });
    };
    try_deploy(&here, "one").unwrap();
    one_is_known();
    let full = "1 of 1 deployments that free allows are used";
    assert!(try_deploy(&there, "two").unwrap_err().1.contains(full));
    let has = there.ok(&["subscription", "licence"]);
    assert_eq!((&has["used"], &has["elsewhere"]), (&json!(1), &json!(1)));
    // What is removed in one place makes room in the other.
    here.ok(&["remove", "one"]);
    until("room", || try_deploy(&there, "two").ok());
    one_is_known();
    assert!(try_deploy(&here, "three").unwrap_err().1.contains(full));
    let page = world.send("GET", "/account", Some(&here.token()), &[], "").text();
    assert!(page.contains("1 of 1") && page.contains("chandlery subscription change developer"), "{page}");
    // A host that is no more is forgotten.
    let hosts = here.ok(&["subscription", "hosts"]);
    assert_eq!(hosts.as_array().unwrap().len(), 2);
    assert_eq!((&hosts[0]["deployments"], &hosts[1]["deployments"]), (&json!(1), &json!(0)));
    there.ok(&["remove", "two"]);
    until("an end", || there.ok(&["status"]).as_array().unwrap().is_empty().then_some(()));
    server.kill();
    let gone = hosts[0]["host"].as_str().unwrap();
    here.text(&["subscription", "forget", gone]);
    try_deploy(&here, "three").unwrap();
    assert_eq!(here.refused(&["subscription", "forget", gone]).0.r#type, "not-found");
}

#[test]
fn an_invoice_is_paid_once_and_the_books_hold() {
    crate::process::within_a_day();
    let world = world();
    world.lift_approvals();
    let customer = world.person("initech");
    customer.register();
    let operator = world.operator();
    customer.ok(&["subscription", "change", "developer", "--yearly"]);
    let invoice = customer.ok(&["invoices", "list"])[0].clone();
    assert_eq!(invoice["total"], json!({ "minor": 99000, "currency": "USD" }));
    let number = invoice["number"].to_string();
    let paid = ["invoices", "paid", &number, "990.00 USD", "--bank-reference", "BANK-9"];
    assert_eq!(customer.refused(&paid).0.r#type, "forbidden");
    let (problem, _) =
        operator.refused(&["invoices", "paid", &number, "99.00 USD", "--bank-reference", "BANK-9"]);
    assert!(problem.detail.contains("99.00 USD arrived, but 990.00 USD is due"));
    operator.ok(&paid);
    operator.ok(&paid);
    assert_eq!(customer.ok(&["invoices", "list"])[0]["state"], "paid");

    // A transfer pays for one thing.
    let acme = world.person("acme");
    acme.ok(&["orders", "price", "acme:errand", "990.00 USD"]);
    let order = customer.ok(&["orders", "place", "acme:errand"]);
    let reference = order["reference"].as_str().unwrap();
    let (problem, _) =
        operator.refused(&["orders", "paid", reference, "990.00 USD", "--bank-reference", "BANK-9"]);
    assert!(
        problem.detail.contains(&format!("that transfer has paid invoice {number} already")),
        "{problem:?}"
    );

    // What is left of it is credited to what comes instead: nothing of it is earned on the first day.
    let more = customer.ok(&["subscription", "change", "team", "--yearly"]);
    assert_eq!(more["due"][0]["lines"][1]["amount"], json!({ "minor": -99000, "currency": "USD" }));
    assert_eq!(more["due"][0]["total"], json!({ "minor": 400_000, "currency": "USD" }));
    operator.ok(&["books", "check"]);
    let journal = operator.text(&["books", "journal"]);
    for line in ["assets:receivable:customers", "liabilities:deferred:plans", "assets:bank"] {
        assert!(journal.contains(line), "{journal}");
    }
}

#[test]
fn a_subscription_lives_as_long_as_what_was_paid_for_it() {
    crate::process::within_a_day();
    let world = World::with_limits();
    world.lift_approvals();
    let operator = world.operator();
    let pay = |person: &Person, number: &str, amount: &str| {
        let reference = format!("BANK-{}-{number}", person.name);
        operator.ok(&["invoices", "paid", number, amount, "--bank-reference", &reference]);
    };
    let give_back = |number: &str, amount: &str| {
        operator.ok(&["invoices", "refund", number, amount, "--reason", "it is not what was said"]);
    };
    let subscribe = |person: &Person, words: &[&str], amount: &str| {
        person.ok(&[&["subscription", "change"][..], words].concat());
        let number = person.ok(&["invoices", "list"])[0]["number"].to_string();
        pay(person, &number, amount);
        number
    };
    let held = |account: &str| {
        let rows = operator.ok(&["books", "balances"]);
        let row = rows.as_array().unwrap().iter().find(|row| row["account"] == account).cloned();
        row.map_or(0, |row| row["balance"]["minor"].as_i64().unwrap())
    };
    let stands = |person: &Person| {
        let has = person.ok(&["subscription", "show"]);
        (has["state"].as_str().unwrap().to_owned(), has["tier"].as_str().unwrap().to_owned())
    };
    let is = |state: &str, tier: &str| (state.to_owned(), tier.to_owned());

    // Given back whole: tier, limit and renewal are gone at once, and the customer is told.
    let globex = world.customer();
    let number = subscribe(&globex, &["developer", "--yearly"], "990.00 USD");
    give_back(&number, "900.00 USD");
    assert_eq!(stands(&globex), is("active", "developer"));
    give_back(&number, "90.00 USD");
    assert_eq!(stands(&globex), is("free", "free"));
    until("the licence", || {
        let has = globex.ok(&["subscription", "licence"]);
        (has["tier"] == "free").then_some(())
    });
    let told = globex.list("/api/v1/notices");
    assert!(
        told.iter().any(|notice| notice["subject"] == "Your subscription of developer has ended"),
        "{told:?}"
    );

    // Of an upgrade of which both invoices are given back, nothing stays.
    for (name, second_first) in [("initech", true), ("umbrella", false)] {
        let person = world.person(name);
        person.register();
        let first = subscribe(&person, &["developer"], "99.00 USD");
        let second = subscribe(&person, &["team"], "400.00 USD");
        if second_first {
            give_back(&second, "400.00 USD");
            assert_eq!(stands(&person), is("ending", "developer"));
            give_back(&first, "99.00 USD");
        } else {
            give_back(&first, "99.00 USD");
            assert_eq!(stands(&person), is("active", "team"));
            give_back(&second, "400.00 USD");
        }
        assert_eq!(stands(&person), is("free", "free"));
        assert_eq!((held("liabilities:deferred:plans"), held("revenue:plans")), (0, 0), "{name}");
    }

    // Ended now: all of the first day goes back, as credit since it came by bank, and once.
    let stark = world.person("stark");
    stark.register();
    let number = subscribe(&stark, &["developer"], "99.00 USD");
    let ended = stark.ok(&["subscription", "end", "--now"]);
    assert_eq!(ended["credit_notes"][0]["net"]["minor"], 9900);
    assert_eq!(ended["credit_notes"][0]["invoice"].to_string(), number);
    assert_eq!(ended["subscription"]["state"], "free");
    assert_eq!(held("liabilities:credit:stark"), -9900);
    assert_eq!(stark.refused(&["subscription", "end", "--now"]).0.r#type, "conflict");
    // From a year to more by the month, at once: what is left pays for it, and is credit beyond that.
    let wayne = world.person("wayne");
    wayne.register();
    subscribe(&wayne, &["developer", "--yearly"], "990.00 USD");
    let more = wayne.ok(&["subscription", "change", "team"]);
    assert_eq!((&more["tier"], &more["state"], &more["due"]), (&json!("team"), &json!("active"), &json!([])));
    assert_eq!(held("liabilities:credit:wayne"), -49_100);
    operator.ok(&["books", "check"]);
}
