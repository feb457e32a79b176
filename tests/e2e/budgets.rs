//! A budget: what is spent of it is told by the page, the command and the interface alike, is what the close of the month invoices, and
//! each part of it is told by e-mail once.

use serde_json::{Value, json};

use crate::mail::MailServer;
use crate::world::{Person, World, plugin, until};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const FORM: &str = "application/x-www-form-urlencoded";

/// Uses so many GPUs for an hour of the third of January, by a deployment.
fn use_gpus(world: &World, customer: &Person, deployment: &str, hour: u32, gpus: u64) {
    let event = json!([{
        "id": uuid::Uuid::now_v7(),
        "deployment": deployment,
        "release": "acme:ocr-server@1.0.0",
        "from": format!("2026-01-03T{hour:02}:00:00Z"),
        "to": format!("2026-01-03T{:02}:00:00Z", hour + 1),
        "replica_millis": 3_600_000,
        "gpu_millis": gpus * 3_600_000,
    }]);
    let answer = world.send("POST", "/api/v1/usage", Some(&customer.token()), &JSON, event.to_string());
    assert_eq!(answer.json()["accepted"], 1, "{answer:?}");
}

/// A world whose registry has a virtual clock and a mail server, where globex has ordered what acme sells by the GPU-hour.
fn world(server: &MailServer) -> World {
    let mut world = World::with_hold(0);
    world.registry.arguments = vec!["--virtual-clock".into(), "--smtp".into(), server.url.clone()];
    world.restart_registry();
    world.set_clock("2026-01-01T00:00:00Z");
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "0.50 USD", "--per", "gpu-hour"]);
    let customer = world.customer();
    customer.ok(&["orders", "place", "acme:ocr-server"]);
    let profile = json!({ "country": "DE", "email": "globex@example.org" }).to_string();
    let answer = world.send("PUT", "/api/v1/billing-profile", Some(&customer.token()), &JSON, profile);
    assert_eq!(answer.status, 200, "{answer:?}");
    world
}

/// The figure of this name on a page.
fn figure(page: &str, name: &str) -> String {
    let after = page.split(&format!("data-figure=\"{name}\">")).nth(1).unwrap_or_else(|| panic!("{page}"));
    after.split('<').next().unwrap().to_owned()
}

#[test]
fn a_budget_is_told_of_once_at_each_part_and_counts_what_is_invoiced() {
    let server = MailServer::start();
    let world = world(&server);
    let (customer, operator) = (world.customer(), world.operator());
    customer.ok(&["spend", "budget", "100.00 USD"]);
    world.set_clock("2026-01-11T00:00:00Z");
    let mails = |count: usize| {
        until("the mail is there", || Some(server.with("")).filter(|all| budget(all).len() >= count));
        budget(&server.with(""))
    };
    let spend = || customer.ok(&["spend"]);

    // 79.50 USD: told of half of it, and no more.
    use_gpus(&world, &customer, "chat", 1, 159);
    world.set_clock("2026-01-11T01:00:00Z");
    assert_eq!((&spend()["percent"], mails(1)), (&json!(79), vec!["50 %".to_owned()]));
    // 80.00 USD, and then more than all of it.
    use_gpus(&world, &customer, "chat", 2, 1);
    world.set_clock("2026-01-11T02:00:00Z");
    assert_eq!((&spend()["percent"], mails(2)), (&json!(80), vec!["50 %".to_owned(), "80 %".into()]));
    use_gpus(&world, &customer, "ocr", 3, 60);
    world.set_clock("2026-01-11T03:00:00Z");
    let all = ["50 %", "80 %", "all"].map(str::to_owned);
    assert_eq!((&spend()["percent"], mails(3)), (&json!(110), all.to_vec()));
    for hour in 4..7 {
        world.set_clock(&format!("2026-01-11T{hour:02}:00:00Z"));
    }
    assert_eq!(budget(&server.with("")), all, "each once");

    // The page says what the interface says, by team and deployment too.
    customer.ok(&["spend", "team", "chat", "ml"]);
    let told = customer.get("/api/v1/spend");
    assert_eq!(told, spend());
    assert_eq!(told["spent"], json!({ "minor": 11_000, "currency": "USD" }));
    let cookie = world.session(&customer);
    let page = || world.get("/spend", &[("cookie", &cookie)]).1;
    let shown = page();
    assert_eq!(figure(&shown, "spent"), "110.00 USD");
    assert_eq!((figure(&shown, "budget"), figure(&shown, "percent")), ("100.00 USD".into(), "110 %".into()));
    assert_eq!(figure(&shown, "forecast"), format!("{} USD", dollars(&told["forecast"])));
    let teams: Vec<_> =
        told["teams"].as_array().unwrap().iter().map(|of_it| &of_it["amount"]["minor"]).collect();
    assert_eq!(teams, [&json!(8_000), &json!(3_000)]);
    assert!(shown.contains("<strong>ml</strong>") && shown.contains("<meter"), "{shown}");

    // Of a budget on the page, what is wrong with it is said there.
    let origin = world.origin();
    let headers = [("content-type", FORM), ("cookie", cookie.as_str()), ("origin", origin.as_str())];
    let send = |path: &str, body: &str| world.send("POST", path, None, &headers, body);
    for wrong in ["monthly=-5&currency=USD", "monthly=much&currency=USD", "monthly=5&currency=XYZ"] {
        let answer = send("/spend/budget", wrong);
        assert!(answer.status == 400 && answer.text().contains("role=\"alert\""), "{wrong}: {answer:?}");
    }
    assert_eq!(send("/spend/budget", "monthly=500.00&currency=USD").status, 303);
    assert_eq!(customer.get("/api/v1/spend")["percent"], 22);
    assert_eq!(send("/spend/teams", "deployment=ocr&team=ml").status, 303);
    assert_eq!(customer.get("/api/v1/spend")["teams"].as_array().unwrap().len(), 1);
    assert_eq!(send("/spend/budget", "monthly=&currency=USD").status, 303);
    assert_eq!(customer.get("/api/v1/spend")["budget"], Value::Null);

    // And it is what the close of the month invoices.
    world.set_clock("2026-02-01T00:00:00Z");
    operator.ok(&["books", "close", "2026-01"]);
    let invoices = customer.list("/api/v1/invoices");
    let january = invoices.iter().find(|invoice| invoice["net"]["minor"] != 0).unwrap();
    assert_eq!(january["net"], told["spent"]);
    assert_eq!(customer.get("/api/v1/spend")["spent"]["minor"], 0, "which is no spending of February");
}

#[test]
fn a_budget_of_an_organisation_is_for_whoever_pays_for_it() {
    let world = World::start();
    let [ann, bob] = ["ann", "bob"].map(|name| world.person(name));
    ann.register();
    bob.register();
    ann.ok(&["organisation", "create", "umbrella"]);
    let set = |person: &Person| {
        let body = json!({ "monthly": { "minor": 100, "currency": "USD" } }).to_string();
        let headers = [JSON[0], ("chandlery-account", "umbrella")];
        world.send("PUT", "/api/v1/spend/budget", Some(&person.token()), &headers, body).status
    };
    for (role, expected) in [("viewer", 403), ("member", 403), ("admin", 403), ("billing", 200)] {
        ann.ok(&["organisation", "invite", "umbrella", "bob", "--role", role]);
        bob.ok(&["organisation", "accept", "umbrella"]);
        assert_eq!(set(&bob), expected, "{role}");
        ann.ok(&["organisation", "remove", "umbrella", "bob"]);
    }
    assert_eq!(set(&ann), 200);
    let listed =
        |words: &[&str]| world.operator().ok(&[&["audit", "list", "--act", "budget-set"], words].concat());
    let acts = listed(&["--from", "2020-01-01", "--before", "2100-01-01T00:00:00Z"]);
    let actors: Vec<_> = acts.as_array().unwrap().iter().map(|act| act["actor"].as_str().unwrap()).collect();
    assert_eq!(actors, ["bob"], "what is set again is not set");
    assert_eq!(listed(&["--before", "2020-01-01"]), json!([]));
}

/// Which parts of a budget these mails tell of, in their order.
fn budget(mails: &[String]) -> Vec<String> {
    let part = |mail: &String| {
        let subject = mail.lines().find_map(|line| line.strip_prefix("Subject: "))?;
        match subject.split(" of the budget of ").next()? {
            "50 %" => Some("50 %".to_owned()),
            "80 %" => Some("80 %".to_owned()),
            _ => subject.starts_with("The budget of ").then(|| "all".to_owned()),
        }
    };
    mails.iter().filter_map(part).collect()
}

/// An amount of the API as pages write one below a thousand.
fn dollars(money: &Value) -> String {
    let minor = money["minor"].as_i64().unwrap();
    format!("{}.{:02}", minor / 100, minor % 100)
}
