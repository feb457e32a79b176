//! What costs something is pulled, installed and deployed by whoever may have it, and by nobody else.

use chandlery_package::{Component, terms};
use serde_json::{Value, json};

use crate::person::Person;
use crate::world::{Answer, World, plugin, until};

const ERRAND: &str = "acme:errand";

/// A world with an errand that costs something, and whoever sells it.
fn world(price: &[&str]) -> (World, Person) {
    let world = World::start();
    let acme = world.publisher("acme");
    acme.publish(&plugin("errand"));
    acme.ok(&[&["orders", "price", ERRAND][..], price].concat());
    (world, acme)
}

/// Where the component is, in a repository.
fn component(repository: &str) -> String {
    let digest = Component::parse(&plugin("errand")).unwrap().digest;
    format!("/v2/{repository}/blobs/{digest}")
}

fn deploy(person: &Person, name: &str) -> Result<Value, String> {
    let command = format!("command={}", json!(["sleep", "600"]));
    let words = ["deploy", "errand", "--no-wait", "--name", name, "--set", &command, "--json"];
    let output = person.command(&words).output().unwrap();
    let text = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
    let told: Value = serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or(Value::Null);
    match output.status.success() {
        true => Ok(told),
        false => Err(told["type"].as_str().unwrap_or_default().into()),
    }
}

fn pay(world: &World, order: &Value) -> String {
    let reference = order["reference"].as_str().unwrap();
    let paid =
        world.operator().ok(&["orders", "paid", reference, "10.00 USD", "--bank-reference", reference]);
    paid["invoice"].to_string()
}

fn give_back(world: &World, invoice: &str) {
    world.operator().ok(&["invoices", "refund", invoice, "10.00 USD", "--reason", "it is not what was said"]);
}

#[test]
fn a_component_that_costs_something_is_pulled_by_those_who_may_have_it() {
    let (world, acme) = world(&["10.00 USD"]);
    let (customer, operator, mallory) = (world.customer(), world.operator(), world.publisher("mallory"));
    let path = component("acme/errand");
    let get = |person: Option<&Person>, path: &str| {
        world.send("GET", path, person.map(Person::token).as_deref(), &[], "")
    };
    let says = |answer: &Answer| (answer.status, answer.code());

    // Everything about it is public.
    assert_eq!(get(None, "/v2/acme/errand/manifests/1.0.0").status, 200);
    assert_eq!(world.send("HEAD", &path, None, &[], "").status, 200);
    assert_eq!(get(None, "/api/v1/plugins/acme/errand/releases/1.0.0").status, 200);

    // It is not, whole or in part, with whatever token.
    let nobody = get(None, &path);
    assert_eq!(says(&nobody), (401, "UNAUTHORIZED".into()));
    assert!(nobody.header("www-authenticate").contains("repository:acme/errand:pull"), "{nobody:?}");
    assert_eq!(world.send("GET", &path, None, &[("range", "bytes=0-9")], "").status, 401);
    let (_, token) = world.get("/token?scope=repository:acme/errand:pull", &[]);
    let token: Value = serde_json::from_str(&token).unwrap();
    assert_eq!(world.send("GET", &path, token["token"].as_str(), &[], "").status, 401);
    let refused = get(Some(&customer), &path);
    assert_eq!(says(&refused), (402, "DENIED".into()));
    let problem = refused.json()["errors"][0]["detail"].clone();
    assert_eq!(problem["type"], "order-needed");
    assert_eq!(problem["detail"], "'globex' has not ordered acme:errand, which costs 10.00 USD once");
    assert!(problem["remedy"].as_str().unwrap().contains("`chandlery orders place acme:errand`"));
    for person in [&acme, &operator] {
        assert_eq!(get(Some(person), &path).status, 200, "{}", person.name);
    }

    // Nor by way of another repository.
    let digest = path.rsplit_once('/').unwrap().1.to_owned();
    let mount = |person: &Person, from: &str| {
        let path = format!("/v2/{}/copy/blobs/uploads/?mount={digest}{from}", person.name);
        world.send("POST", &path, Some(&person.token()), &[], "").status
    };
    for from in ["", "&from=acme/errand"] {
        assert_eq!(mount(&mallory, from), 202, "'{from}' gives an upload and no blob");
    }
    assert_eq!(get(Some(&mallory), &component("mallory/copy")).status, 404);

    // An order lets its customer have it, and nobody else by the customer's copy.
    let order = customer.ok(&["orders", "place", ERRAND]);
    assert_eq!(get(Some(&customer), &path).status, 200);
    customer.ok(&["namespace", "take", "globex"]);
    assert_eq!(mount(&customer, "&from=acme/errand"), 201);
    let copy = component("globex/copy");
    assert_eq!(get(Some(&customer), &copy).status, 200);
    assert_eq!((get(None, &copy).status, get(Some(&mallory), &copy).status), (401, 402));
    assert_eq!(mount(&mallory, "&from=globex/copy"), 202);

    let recorded = operator.ok(&["audit", "list", "--act", "order-placed"]);
    let entry = &recorded.as_array().unwrap()[0];
    assert_eq!((&entry["actor"], &entry["after"]["terms"]), (&json!("globex"), &json!(terms::VERSION)));

    // Not after it was given back, from nowhere.
    let invoice = pay(&world, &order);
    assert_eq!(get(Some(&customer), &path).status, 200);
    give_back(&world, &invoice);
    for path in [&path, &copy] {
        let refused = get(Some(&customer), path);
        assert_eq!(says(&refused), (402, "DENIED".into()));
        assert!(refused.text().contains("is refunded"), "{}", refused.text());
    }
    let told = customer.list("/api/v1/notices");
    assert!(
        told.iter().any(|notice| notice["subject"].as_str().unwrap().ends_with("is refunded")),
        "{told:?}"
    );
    // Ordered again, it is had again.
    customer.ok(&["orders", "place", ERRAND]);
    assert_eq!(get(Some(&customer), &path).status, 200);
    // An audit without an account checks what is public, and finds no fault in the rest.
    let audit = world.person("auditor").ok(&["log", "audit"]);
    assert_eq!((&audit["guarded"], &audit["faults"]), (&json!(1), &json!([])));
}

#[test]
fn what_costs_something_is_installed_and_deployed_by_an_order_that_holds() {
    let (mut world, acme) = world(&["10.00 USD"]);
    let (customer, operator) = (world.customer(), world.operator());
    for words in [&["install", ERRAND][..], &["install", ERRAND, "--accept-price", "9.00 USD"]] {
        let (problem, _) = customer.refused(words);
        assert_eq!(problem.r#type, "order-needed");
        assert!(problem.remedy.unwrap().contains("--accept-price '10.00 USD'"));
    }
    assert_eq!(customer.ok(&["orders", "list"])["items"], json!([]));
    assert_eq!(deploy(&customer, "first"), Err("not-installed".into()));
    customer.ok(&["install", ERRAND, "--accept-price", "10.00 USD"]);
    let order = customer.ok(&["orders", "list"])["items"][0].clone();
    // What is ordered is not asked about again.
    customer.ok(&["install", ERRAND]);

    world.registry.kill();
    deploy(&customer, "first").unwrap();
    world.restart_registry();

    let invoice = pay(&world, &order);
    deploy(&customer, "second").unwrap();
    let sales = acme.list("/api/v1/partners/acme/transactions");
    let sale = sales.iter().find(|one| one["kind"] == "sale").unwrap()["transaction"].to_string();
    operator.ok(&["dispute", "open", "D-1", &sale, "10.00 USD"]);
    let (disputed, _) = customer.refused(&["scale", "first", "2"]);
    let reference = order["reference"].as_str().unwrap();
    assert!(
        disputed.detail.contains(&format!("order {reference} of acme:errand is disputed")),
        "{disputed:?}"
    );
    let shown = format!("`chandlery orders list` shows order {reference}");
    assert!(disputed.remedy.as_ref().unwrap().contains(&shown), "{disputed:?}");
    operator.ok(&["dispute", "resolve", "D-1", "--won"]);
    give_back(&world, &invoice);
    assert_eq!(deploy(&customer, "third"), Err("order-needed".into()));
    for words in [&["scale", "first", "2"][..], &["install", ERRAND]] {
        assert_eq!(customer.refused(words).0.r#type, "order-needed", "{words:?}");
    }
    // What was learnt is kept where the registry does not answer.
    world.registry.kill();
    assert_eq!(deploy(&customer, "third"), Err("order-needed".into()));
    world.restart_registry();
    customer.ok(&["verify"]);

    // What serves goes on until its notice is over.
    until("the notice", || {
        let about = world.host_texts("select about from coverage_notices");
        (about == ["uncovered"]).then_some(())
    });
    let health = |name: &str| customer.ok(&["status", name])[0]["health"].as_str().unwrap().to_owned();
    assert!(["ready", "rolling-out"].contains(&health("first").as_str()));
    let told = customer.text(&["status"]);
    assert!(told.contains("has no order of acme:errand that holds") && told.contains("ends on"), "{told}");
    world.change_host("update coverage_notices set told_at = '2020-01-01T00:00:00Z'");
    until("the end", || (health("first") == "paused" && health("second") == "paused").then_some(()));
    assert_eq!(customer.refused(&["resume", "first"]).0.r#type, "order-needed");
    customer.ok(&["remove", "first"]);
    operator.ok(&["books", "check"]);
}

#[test]
fn people_are_told_before_a_trial_ends_and_an_end_is_an_end() {
    let (world, _) = world(&["49.00 USD", "--monthly", "--trial-days", "2"]);
    let customer = world.customer();
    // An amount alone would be paid once.
    let (problem, _) = customer.refused(&["install", ERRAND, "--accept-price", "49.00 USD"]);
    assert_eq!(problem.r#type, "order-needed");
    customer.ok(&["install", ERRAND, "--accept-price", "49.00 USD a month"]);
    deploy(&customer, "first").unwrap();
    until("the warning", || {
        let about = world.host_texts("select about from coverage_notices");
        about.first().is_some_and(|about| about.starts_with("until ")).then_some(())
    });
    let told = customer.text(&["status"]);
    assert!(
        told.contains("the trial of acme:errand ends on") && told.contains("49.00 USD a month"),
        "{told}"
    );

    let order = customer.ok(&["orders", "list"])["items"][0].clone();
    customer.ok(&["orders", "end", order["reference"].as_str().unwrap()]);
    assert_eq!(deploy(&customer, "second"), Err("order-needed".into()));
}
