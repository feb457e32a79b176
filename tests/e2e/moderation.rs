//! What operators do where a plugin may be the danger, and how hosts hear of it.

use serde_json::{Value, json};

use crate::world::{Person, World, as_version, plugin, until};

const RELEASE: &str = "mallory:hostile@1.0.0";

/// A registry with a plugin that a host runs, and an integration there that is told of events.
fn world() -> World {
    let world = World::start();
    world.vendor().publish(&plugin("webhook"));
    world.publisher("mallory").publish(&plugin("hostile"));
    let customer = world.customer();
    let denied = ["http:setting:url", "private-network", "secret:webhook-signing"];
    let denied: Vec<&str> = denied.iter().flat_map(|permission| ["--deny", *permission]).collect();
    customer.ok(&[&["install", "chandlery:webhook"], &denied[..]].concat());
    customer.ok(&["install", "mallory:hostile"]);
    customer.ok(&["deploy", "hostile", "--set", "attack=none"]);
    world
}

/// What the host says against what it runs, once that is as it should be.
fn objection(customer: &Person, is: &str) -> Value {
    until(is, || {
        let status = customer.ok(&["status", "hostile"])[0].clone();
        (status["objection"].as_str().unwrap_or_default() == is).then_some(status)
    })
}

/// Waits for an event that integrations are told, by its words.
fn told(world: &World, words: &str) {
    until(words, || {
        let events = world.host_texts("select event from deliveries order by id");
        events.iter().any(|event| event.contains(words)).then_some(())
    });
}

#[test]
fn a_quarantine_reaches_a_host_that_runs_it_and_one_that_returns() {
    let mut world = world();
    let (customer, operator, mallory) = (world.customer(), world.operator(), world.person("mallory"));
    let stranger = world.person("stranger");
    stranger.register();
    let before = customer.ok(&["status", "hostile"])[0]["replicas"][0]["pid"].clone();
    for person in [&mallory, &customer] {
        assert_eq!(person.refused(&["quarantine", RELEASE, "why not"]).0.r#type, "forbidden");
    }
    assert_eq!(operator.refused(&["quarantine", "mallory:none", "why not"]).0.r#type, "not-found");
    operator.ok(&["quarantine", RELEASE, "it may attack its host"]);

    let status = objection(&customer, "it is quarantined: it may attack its host");
    told(
        &world,
        "mallory:hostile@1.0.0: it is quarantined: it may attack its host; nothing more of it is deployed",
    );
    for words in [
        &["plan", "hostile", "--set", "attack=none"][..],
        &["deploy", "hostile", "--set", "attack=none"],
        &["deploy", "hostile", "--name", "another", "--set", "attack=none"],
        &["restart", "hostile"],
        &["install", "mallory:hostile"],
        &["install", "mallory:hostile@=1.0.0"],
        &["verify"],
    ] {
        let (problem, code) = customer.refused(words);
        assert_eq!((problem.r#type.as_str(), code), ("quarantined", 3), "{words:?}: {problem:?}");
        assert!(problem.detail.contains("it may attack its host"), "{problem:?}");
    }
    // What serves goes on.
    assert_eq!((&status["health"], &status["replicas"][0]["pid"]), (&json!("ready"), &before));

    let shown = customer.ok(&["show", RELEASE]);
    assert_eq!(shown["quarantined"], "it may attack its host");
    assert_eq!(customer.ok(&["search", "hostile"])["items"], json!([]));
    let path = format!("/v2/mallory/hostile/blobs/{}", shown["component"].as_str().unwrap());
    let pulled = [None, Some(&stranger), Some(&customer), Some(&mallory), Some(&operator)].map(|person| {
        let token = person.map(Person::token);
        world.send("GET", &path, token.as_deref(), &[], "").status
    });
    assert_eq!(pulled, [403, 403, 403, 200, 200]);
    let audit = world.person("auditor").ok(&["log", "audit"]);
    assert_eq!((&audit["guarded"], &audit["faults"]), (&json!(1), &json!([])));
    let notices = json!(mallory.list("/api/v1/notices")).to_string();
    assert!(notices.contains("mallory:hostile@1.0.0 is quarantined"), "{notices}");

    // A host that was away hears of it on its return.
    world.restart_host_after(|| drop(operator.ok(&["quarantine", RELEASE, "nothing was found", "--lift"])));
    objection(&customer, "");
    told(&world, "this is over: mallory:hostile@1.0.0: it is quarantined");
    customer.ok(&["deploy", "hostile", "--set", "attack=none"]);
    customer.ok(&["restart", "hostile"]);
    world.restart_host_after(|| drop(operator.ok(&["quarantine", "mallory:hostile", "all of it"])));
    objection(&customer, "it is quarantined: all of it");
    told(&world, "mallory:hostile@1.0.0: it is quarantined: all of it");
    assert_eq!(customer.refused(&["install", "mallory:hostile"]).0.r#type, "quarantined");
    assert_eq!(operator.ok(&["quarantine"])[0]["subject"], "mallory:hostile");
    let acts = |act: &str| operator.ok(&["audit", "list", "--act", act]).as_array().unwrap().len();
    assert_eq!((acts("quarantined"), acts("quarantine-lifted")), (2, 1));

    // What the catalog hides of it is found.
    world.stores.sql("delete from quarantines");
    let (problem, _) = world.person("auditor").refused(&["log", "audit"]);
    assert_eq!(problem.r#type, "audit-failed");
    assert!(problem.detail.contains("differ in whether it is quarantined"), "{problem:?}");
}

/// An advisory about mallory:hostile.
fn advisory(id: &str, severity: &str, events: Value) -> Value {
    json!({
        "id": id, "summary": "It attacks its host", "details": "Remove it.", "aliases": ["CVE-2026-1234"],
        "affected": [{
            "package": { "ecosystem": "Chandlery", "name": "mallory:hostile" },
            "ranges": [{ "type": "SEMVER", "events": events }],
        }],
        "references": [{ "type": "FIX", "url": "https://example.com/fix" }],
        "database_specific": { "severity": severity },
    })
}

fn advise(person: &Person, advisory: &Value) -> Value {
    let file = person.file("advisory.json", advisory.to_string().as_bytes());
    person.ok(&["advisories", "add", "mallory:hostile", &file])
}

#[test]
fn an_advisory_reaches_a_host_that_runs_an_affected_version_and_one_that_returns() {
    let mut world = world();
    let (customer, operator, mallory) = (world.customer(), world.operator(), world.person("mallory"));
    let all = json!([{ "introduced": "0" }, { "fixed": "1.0.1" }]);
    let high = advisory("MALLORY-2026-1", "HIGH", all.clone());
    let published = advise(&mallory, &high);
    assert!(published["published"].is_string() && published["modified"].is_string(), "{published}");
    // Nothing is said of what is fixed, and nothing said again.
    advise(&mallory, &advisory("MALLORY-2026-2", "CRITICAL", json!([{ "introduced": "1.0.1" }])));
    assert_eq!(advise(&mallory, &high), published);
    let advised = |id: &str| {
        until(id, || {
            let status = customer.ok(&["status", "hostile"])[0].clone();
            let ids = status["advisories"].as_array().cloned().unwrap_or_default();
            let ids: Vec<_> = ids.iter().map(|advised| advised["id"].as_str().unwrap().to_owned()).collect();
            (ids.join(" ") == id).then_some(status)
        })
    };
    let status = advised("MALLORY-2026-1");
    assert_eq!(status["advisories"][0]["severity"], "HIGH");
    told(&world, "mallory:hostile@1.0.0: advisory MALLORY-2026-1, HIGH: It attacks its host");
    let text = customer.text(&["install", "mallory:hostile"]);
    assert!(text.contains("advisory MALLORY-2026-1, HIGH: It attacks its host"), "{text}");
    assert!(!text.contains("MALLORY-2026-2"), "{text}");
    let shown = customer.text(&["show", RELEASE]);
    assert!(shown.contains("advisory MALLORY-2026-1, HIGH: It attacks its host"), "{shown}");

    // What is critical is installed by whoever accepts it, and an operator's word is not a publisher's to change.
    world.restart_host_after(|| drop(advise(&operator, &advisory("CHANDLERY-1", "CRITICAL", all.clone()))));
    advised("CHANDLERY-1 MALLORY-2026-1");
    told(&world, "advisory CHANDLERY-1, CRITICAL: It attacks its host");
    let (problem, code) = customer.refused(&["install", "mallory:hostile"]);
    assert_eq!((problem.r#type.as_str(), code), ("critical-advisory", 3), "{problem:?}");
    assert!(problem.remedy.unwrap().contains("--accept-advisory CHANDLERY-1"));
    customer.ok(&["install", "mallory:hostile", "--accept-advisory", "CHANDLERY-1"]);
    customer.ok(&["deploy", "hostile", "--set", "attack=none"]);
    let withdraw = ["advisories", "withdraw", "mallory:hostile", "CHANDLERY-1"];
    assert_eq!(mallory.refused(&withdraw).0.r#type, "forbidden");
    assert_eq!(customer.refused(&withdraw).0.r#type, "forbidden");
    let file = mallory.file("mine.json", advisory("CHANDLERY-1", "LOW", all).to_string().as_bytes());
    let change = ["advisories", "add", "mallory:hostile", &file];
    assert_eq!(mallory.refused(&change).0.r#type, "forbidden");

    // The feed is what the log has the digests of, and the log what anybody checks.
    let feed = world.send("GET", "/api/v1/advisories?limit=1", None, &[], "").json();
    assert_eq!(feed["items"][0]["id"], "MALLORY-2026-1");
    let next = format!("/api/v1/advisories?after={}", feed["next"].as_str().unwrap());
    assert_eq!(world.send("GET", &next, None, &[], "").json()["items"].as_array().unwrap().len(), 2);
    operator.ok(&withdraw);
    advised("MALLORY-2026-1");
    told(&world, "this is over: mallory:hostile@1.0.0: advisory CHANDLERY-1");
    customer.ok(&["install", "mallory:hostile"]);
    let listed = customer.ok(&["advisories", "list", "mallory:hostile"]);
    let listed: Vec<_> = listed.as_array().unwrap().iter().collect();
    assert_eq!(
        (listed.len(), &listed[0]["id"], listed[0]["withdrawn"].is_string()),
        (3, &json!("CHANDLERY-1"), true)
    );
    assert_eq!(world.person("auditor").ok(&["log", "audit"])["faults"], json!([]));

    // Words that are not those of the log are not believed, and what nobody shows is taken for critical.
    world
        .stores
        .sql("update advisories set body = replace(body, 'attacks', 'pleases') where id = 'MALLORY-2026-1'");
    let (_server, other) = world.another_host("other");
    let (problem, _) = other.refused(&["install", "mallory:hostile"]);
    assert_eq!(problem.r#type, "critical-advisory");
    assert!(problem.detail.contains("the registry does not show what it says"), "{problem:?}");
}

#[test]
fn abuse_is_reported_to_operators_alone_and_resolved_once() {
    let world = World::start();
    let (mallory, operator) = (world.publisher("mallory"), world.operator());
    mallory.publish(&plugin("hostile"));
    let [ann, bob] = ["ann", "bob"].map(|name| world.person(name));
    ann.register();
    bob.register();
    let first = ann.ok(&["report", RELEASE, "--why", "it mines coins"]);
    assert_eq!(ann.ok(&["report", RELEASE, "--why", "again"]), first, "it waits to be looked into");
    bob.ok(&["report", "mallory:hostile", "--why", "all of it"]);
    for unknown in ["mallory:none", "mallory:hostile@9.0.0"] {
        assert_eq!(bob.refused(&["report", unknown, "--why", "x"]).0.r#type, "not-found", "{unknown}");
    }
    let reports = operator.ok(&["reports"]);
    let reporters: Vec<_> = reports.as_array().unwrap().iter().map(|report| &report["reported_by"]).collect();
    assert_eq!(reporters, ["bob", "ann"]);
    for person in [&mallory, &ann] {
        assert_eq!(person.refused(&["reports"]).0.r#type, "forbidden");
        assert_eq!(person.refused(&["reports", "resolve", "1", "dismissed", "x"]).0.r#type, "forbidden");
    }
    assert!(!json!(mallory.list("/api/v1/notices")).to_string().contains("report"));
    assert!(json!(operator.list("/api/v1/notices")).to_string().contains("is reported, by 'ann'"));

    operator.ok(&["reports", "resolve", "1", "acted", "it was quarantined"]);
    let again = operator.refused(&["reports", "resolve", "1", "dismissed", "it was not"]).0;
    assert!(again.r#type == "conflict" && again.detail.contains("acted"), "{again:?}");
    assert!(json!(ann.list("/api/v1/notices")).to_string().contains("was looked into: acted"));
    assert_eq!(operator.ok(&["reports"]).as_array().unwrap().len(), 1);
    let all = operator.ok(&["reports", "list"]);
    assert_eq!(
        (&all[1]["resolution"]["outcome"], &all[1]["resolution"]["by"]),
        (&json!("acted"), &json!("operator"))
    );
    let trail = operator.ok(&["audit", "list", "--act", "report-resolved"]);
    assert_eq!((&trail[0]["actor"], &trail[0]["subject"]), (&json!("operator"), &json!("report 1")));
    // What was resolved may be reported anew, and nobody floods the operators.
    for number in 2..=20 {
        ann.ok(&["report", RELEASE, "--why", "still"]);
        let id = operator.ok(&["reports"])[0]["id"].to_string();
        operator.ok(&["reports", "resolve", &id, "dismissed", &number.to_string()]);
    }
    assert_eq!(ann.refused(&["report", RELEASE, "--why", "still"]).0.r#type, "too-many");
}

#[test]
fn a_suspended_account_does_nothing_and_is_reinstated_as_it_was() {
    let world = World::with_hold(0);
    let (operator, customer, acme) = (world.operator(), world.customer(), world.publisher("acme"));
    let [second, bob, carol] = ["second", "bob", "carol"].map(|name| world.person(name));
    for person in [&second, &bob, &carol] {
        person.register();
    }
    world.promote("second");
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "100.00 USD"]);
    let order = |by: &str| {
        let placed = customer.ok(&["orders", "place", "acme:ocr-server"]);
        let paid =
            ["orders", "paid", placed["reference"].as_str().unwrap(), "100.00 USD", "--bank-reference", by];
        operator.ok(&paid);
    };
    order("B-1");
    let payout = operator.ok(&["payouts", "propose", "acme"])["id"].to_string();
    acme.ok(&["namespace", "invite", "acme", "bob", "--role", "owner"]);
    acme.ok(&["namespace", "invite", "acme", "carol", "--role", "owner"]);
    carol.ok(&["namespace", "accept", "acme"]);
    let (session, made) = (acme.token(), acme.ok(&["tokens", "new", "publish"])["token"].clone());
    let made = made.as_str().unwrap();
    let json = [("content-type", "application/json")];
    let log_in = || {
        let body = json!({ "name": "acme", "password": acme.password() }).to_string();
        world.send("POST", "/api/v1/tokens", None, &json, body)
    };
    let push = || world.send("POST", "/v2/acme/x/blobs/uploads/", Some(made), &[], "");
    assert_eq!((log_in().status, push().status), (201, 202));

    assert_eq!(acme.refused(&["operator", "suspend", "globex", "why not"]).0.r#type, "forbidden");
    assert_eq!(operator.refused(&["operator", "suspend", "second", "why not"]).0.r#type, "conflict");
    assert_eq!(operator.refused(&["operator", "suspend", "nobody", "why not"]).0.r#type, "not-found");
    operator.ok(&["operator", "suspend", "acme", "it sells what is not its own"]);
    assert_eq!(operator.ok(&["operator", "suspended"])[0]["account"], "acme");
    // Its log-ins have ended, and the rest of what it has opens nothing.
    assert_eq!(world.send("GET", "/api/v1/account/tokens", Some(&session), &[], "").status, 401);
    for refused in [log_in(), push(), world.send("GET", "/v2/acme/ocr-server/tags/list", Some(made), &[], "")]
    {
        assert_eq!(refused.status, 403, "{}", refused.text());
        assert!(refused.text().contains("it sells what is not its own"), "{}", refused.text());
    }
    assert_eq!(bob.refused(&["namespace", "accept", "acme"]).0.r#type, "conflict");
    // Another owner does not end the hold by ending its ownership.
    for words in [
        &["namespace", "remove", "acme", "acme"][..],
        &["namespace", "invite", "acme", "acme", "--role", "viewer"],
    ] {
        let kept = carol.refused(words).0;
        assert!(kept.r#type == "conflict" && kept.detail.contains("is suspended"), "{kept:?}");
    }
    // Others go on with what it has published; what it earns waits.
    assert_eq!(world.send("GET", "/v2/acme/ocr-server/tags/list", None, &[], "").status, 200);
    let held = second.refused(&["payouts", "approve", &payout]).0;
    assert!(held.r#type == "conflict" && held.detail.contains("it sells what is not its own"), "{held:?}");
    operator.ok(&["payouts", "cancel", &payout]);
    let held = operator.refused(&["payouts", "propose", "acme"]).0;
    assert!(held.r#type == "conflict" && held.detail.contains("on hold"), "{held:?}");

    operator.ok(&["operator", "reinstate", "acme", "it was a mistake"]);
    assert_eq!((log_in().status, push().status), (201, 202));
    acme.login(acme.password());
    assert!(json!(acme.list("/api/v1/notices")).to_string().contains("'acme' is reinstated"));
    bob.ok(&["namespace", "accept", "acme"]);
    let again = operator.ok(&["payouts", "propose", "acme"])["id"].to_string();
    second.ok(&["payouts", "approve", &again]);
    let acts = |act: &str| operator.ok(&["audit", "list", "--act", act]).as_array().unwrap().len();
    assert_eq!((acts("account-suspended"), acts("account-reinstated")), (1, 1));
}

#[test]
fn a_namespace_goes_to_another_account_with_a_reason_that_the_log_has() {
    let world = World::with_hold(0);
    let (operator, customer, acme) = (world.operator(), world.customer(), world.publisher("acme"));
    let [umbrella, bob, carol] = ["umbrella", "bob", "carol"].map(|name| world.person(name));
    for person in [&umbrella, &bob, &carol] {
        person.register();
    }
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["namespace", "invite", "acme", "bob", "--role", "owner"]);
    acme.ok(&["namespace", "invite", "acme", "carol", "--role", "publisher"]);
    carol.ok(&["namespace", "accept", "acme"]);
    customer.ok(&["install", "acme:ocr-server"]);
    acme.ok(&["namespace", "two-people", "acme", "yes"]);
    acme.publish(&as_version(&plugin("ocr-server"), "1.0.2"));
    let transfer = |to: &'static str| ["namespace", "transfer", "acme", to, "it was squatted"];
    assert_eq!(acme.refused(&transfer("umbrella")).0.r#type, "forbidden");
    assert_eq!(operator.refused(&transfer("nobody")).0.r#type, "not-found");
    // What it has earned is its owners', and is paid before it goes.
    acme.ok(&["orders", "price", "acme:ocr-server", "100.00 USD"]);
    let order = world.person("hooli");
    order.register();
    let placed = order.ok(&["orders", "place", "acme:ocr-server"]);
    operator.ok(&[
        "orders",
        "paid",
        placed["reference"].as_str().unwrap(),
        "100.00 USD",
        "--bank-reference",
        "B-1",
    ]);
    let kept = operator.refused(&transfer("umbrella")).0;
    assert!(kept.r#type == "conflict" && kept.detail.contains("has earnings"), "{kept:?}");
    assert_eq!(acme.ok(&["namespace", "members", "acme"])["items"].as_array().unwrap().len(), 3);
    let second = world.person("second");
    second.register();
    world.promote("second");
    let payout = operator.ok(&["payouts", "propose", "acme"])["id"].to_string();
    second.ok(&["payouts", "approve", &payout]);
    operator.ok(&["payouts", "confirm", &payout, "--bank-reference", "P-1"]);
    let hooks = "/api/v1/partners/acme/webhooks";
    let new = json!({ "url": "https://93.184.216.34/hook", "kinds": ["sale"] }).to_string();
    let made = world.send("POST", hooks, Some(&acme.token()), &[("content-type", "application/json")], new);
    assert_eq!(made.status, 201, "{made:?}");
    operator.ok(&transfer("umbrella"));

    // A webhook of theirs is told nothing of what is earned from now on.
    assert!(umbrella.list(hooks).is_empty());
    // Those who had it have it no more, not even by an invitation or a key.
    assert_eq!(bob.refused(&["namespace", "accept", "acme"]).0.r#type, "not-found");
    assert_eq!(acme.refused(&["yank", "acme:ocr-server@1.0.0"]).0.r#type, "forbidden");
    let members = umbrella.ok(&["namespace", "members", "acme"])["items"].clone();
    assert_eq!((members.as_array().unwrap().len(), &members[0]["account"]), (1, &json!("umbrella")));
    let keys = world.send("GET", "/api/v1/namespaces/acme/keys", None, &[], "").json();
    assert!(keys["items"][0]["revoked_from"].is_string(), "{keys}");
    for person in [&acme, &umbrella, &operator] {
        let told = json!(person.list("/api/v1/notices")).to_string();
        assert!(
            told.contains("belongs to 'umbrella' from now on") && told.contains("it was squatted"),
            "{told}"
        );
    }
    // Whether it takes two to publish is decided anew, and what waited for a second member is gone.
    assert_eq!(umbrella.ok(&["namespace", "two-people", "acme"])["required"], false);
    assert_eq!(umbrella.list("/api/v1/plugins/acme/ocr-server/staged-releases"), Vec::<Value>::new());
    // What was published before is good, and goes on under another key.
    customer.ok(&["verify"]);
    umbrella.ok(&["keys", "new", "acme"]);
    umbrella.ok(&["keys", "add", "acme"]);
    let file = umbrella.file("plugin.wasm", &as_version(&plugin("ocr-server"), "1.0.1"));
    umbrella.ok(&["publish", &file]);
    assert_eq!(world.person("auditor").ok(&["log", "audit"])["faults"], json!([]));
    assert!(
        world.stores.texts("select entry from log_entries").iter().any(|entry| {
            entry.contains("\"namespace-transferred\"") && entry.contains("it was squatted")
        })
    );
}
