//! Another password, who operates the registry, and the trail of what people did.

use std::net::UdpSocket;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::world::{Answer, Person, World, until};

const OLD: &str = "correct horse battery";
const NEW: &str = "another horse battery";

fn post(world: &World, path: &str, token: Option<&str>, body: Value) -> Answer {
    world.send("POST", path, token, &[("content-type", "application/json")], body.to_string())
}

/// What a log-in with this password is answered, and its token.
fn log_in(world: &World, name: &str, password: &str) -> (u16, String) {
    let answer = post(world, "/api/v1/tokens", None, json!({ "name": name, "password": password }));
    (answer.status, answer.json()["token"].as_str().unwrap_or_default().to_owned())
}

fn reset(world: &World, token: &str, password: &str) -> u16 {
    post(world, "/api/v1/password-resets", None, json!({ "token": token, "password": password })).status
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn another_password_ends_what_the_one_before_opened() {
    let world = World::start();
    let acme = world.publisher("acme");
    let machine = text(&acme.ok(&["tokens", "new", "read"])["token"]);
    let (_, elsewhere) = log_in(&world, "acme", OLD);
    let cookie = world.session(&acme);
    let works = |token: &str| world.send("GET", "/api/v1/plugins", Some(token), &[], "").status == 200;
    let session = || world.get("/account", &[("cookie", &cookie)]).0 == 200;
    assert!(works(&machine) && works(&elsewhere) && session());

    let change = |current: &str, password: &str| {
        let body = json!({ "current": current, "password": password });
        post(&world, "/api/v1/account/password", Some(&acme.token()), body).status
    };
    assert_eq!((change("another one than it is", NEW), change(OLD, "short")), (401, 400));
    assert!(works(&elsewhere) && session(), "nothing has happened");
    acme.with_input(&["account", "password"], &format!("{OLD}\n{NEW}\n"));
    assert_eq!((works(&machine), works(&acme.token())), (true, true), "what it was asked by goes on");
    assert_eq!((works(&elsewhere), session()), (false, false));
    assert_eq!((log_in(&world, "acme", OLD).0, log_in(&world, "acme", NEW).0), (401, 201));
    assert!(
        world.send("GET", "/account", Some(&acme.token()), &[], "").text().contains("password was changed")
    );
    acme.with_input(&["account", "password", "--end-all-tokens"], &format!("{NEW}\n{OLD}\n"));
    assert_eq!((works(&machine), works(&acme.token())), (false, true));

    // A page does the same, for whoever is logged in there.
    let (cookie, origin) = (world.session(&acme), world.origin());
    let form = ("content-type", "application/x-www-form-urlencoded");
    let by_page = |body: &str| {
        let headers = [form, ("cookie", cookie.as_str()), ("origin", origin.as_str())];
        let answer = world.send("POST", "/account/password", None, &headers, body);
        (answer.status, answer.header("location").to_owned())
    };
    let new = "password=another+horse+battery&again=another+horse+battery";
    assert_eq!(by_page(&format!("current=another+one+than+it+is&{new}")).0, 401);
    assert_eq!(by_page("current=correct+horse+battery&password=one+long+enough&again=another+one").0, 400);
    assert_eq!(by_page(&format!("current=correct+horse+battery&{new}")), (303, "/account".into()));
    assert!(!works(&acme.token()), "whoever else was logged in is not any more");
    assert_eq!(world.get("/account", &[("cookie", &cookie)]).0, 200);

    // A reset is used once, within its hour, and only the last one that was issued.
    let operator = world.operator();
    let issue = || text(&operator.ok(&["operator", "reset-password", "acme"])["token"]);
    let (replaced, used) = (issue(), issue());
    assert_eq!((reset(&world, &replaced, NEW), reset(&world, &used, "short")), (404, 400));
    acme.with_input(&["account", "reset", "--token", &used], NEW);
    assert_eq!(world.get("/account", &[("cookie", &cookie)]).0, 303, "whoever was logged in is not any more");
    assert_eq!((reset(&world, &used, OLD), log_in(&world, "acme", NEW).0), (404, 201));
    let late = issue();
    world.stores.sql("update password_resets set expires_at = '2020-01-01T00:00:00.000000Z'");
    assert_eq!(reset(&world, &late, OLD), 404);
    let stored = world.stores.texts("select hash from password_resets");
    assert!(!stored.is_empty() && !stored.contains(&late), "only digests are stored");

    // One operator cannot act as another by it.
    let (problem, _) = operator.refused(&["operator", "reset-password", "operator"]);
    assert_eq!(problem.r#type, "conflict");
    let early = issue();
    world.promote("acme");
    assert_eq!(reset(&world, &early, OLD), 404, "it was issued for an account like others");
    let by_machine = text(&world.on_machine("reset-password", "acme")["token"]);
    assert_eq!(reset(&world, &by_machine, OLD), 200);
}

/// Moves the open proposals so many hours into the past.
fn age_proposals(world: &World, hours: i64) {
    let then = chandlery_registry::time(Timestamp::now() - SignedDuration::from_hours(hours));
    world.stores.sql(&format!("update operator_proposals set proposed_at = '{then}'"));
}

#[test]
fn the_trail_is_told_elsewhere_in_its_order() {
    let mut world = World::start();
    let receiver = Receiver::start();
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    collector.set_nonblocking(true).unwrap();
    let (url, syslog) = (receiver.url("/audit"), format!("udp://{}", collector.local_addr().unwrap()));
    let arguments = [
        "--audit-webhook",
        url.as_str(),
        "--audit-webhook-secret",
        "s3cr3t",
        "--audit-syslog",
        syslog.as_str(),
    ];
    world.restart_registry_with(&arguments.map(str::to_owned));
    let operator = world.operator();
    operator.ok(&["tokens", "new", "read"]);
    let trail: Vec<Value> =
        operator.text(&["audit", "export"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let mut messages: Vec<Value> = Vec::new();
    until("both have heard of everything", || {
        let mut bytes = [0; 1 << 16];
        while let Ok(length) = collector.recv(&mut bytes) {
            let message = String::from_utf8(bytes[..length].to_vec()).unwrap();
            assert!(message.starts_with("<109>1 20"), "{message}");
            messages.push(serde_json::from_str(message.split_once(" - ").unwrap().1).unwrap());
        }
        let told = trail.iter().all(|entry| messages.contains(entry));
        let hooks: Vec<Value> = receiver.received().iter().map(|hook| hook.json()["data"].clone()).collect();
        (told && trail.iter().all(|entry| hooks.contains(entry))).then_some(())
    });
    let hook = receiver.received().remove(0);
    assert_eq!((hook.header("webhook-id"), &hook.json()["data"]["number"]), ("audit-1", &json!(1)));
    assert!(hook.header("webhook-signature").starts_with("v1,"), "{hook:?}");
}

#[test]
fn what_is_done_is_in_the_trail_and_what_is_said_again_is_not() {
    let world = World::start();
    let (operator, acme) = (world.operator(), world.publisher("acme"));
    let recorded = |act: &str| operator.ok(&["audit", "list", "--act", act]).as_array().unwrap().len();
    let cent = |currency: &str| json!({ "minor": 1, "currency": currency });
    let until = json!({ "until": "2100-01-01T00:00:00Z" });
    let rate =
        json!({ "base": "USD", "quote": "EUR", "day": "2026-01-01", "numerator": 9, "denominator": 10 });
    let account = json!({ "holder": "Us", "iban": "DE89370400440532013000", "bic": "DEUTDEFF" });
    let expense =
        json!({ "key": "E", "description": "", "amount": cent("USD"), "on": { "kind": "hosting" } });
    let tax = json!({ "country": "DE", "since": "2026-01-01", "name": "VAT", "rate": "19%" });
    let us = json!({ "name": "Us", "country": "DE", "tax_number": "DE136695976" });
    let seller = json!({ "since": "2099-01-01", "seller": { "party": us } });
    let service = json!({ "title": "A day", "price": cent("USD") });
    let profile = json!({ "country": "DE", "email": "acme@example.com" });
    for (who, method, path, body, act) in [
        (&acme, "PUT", "/api/v1/billing-profile", profile, "billing-profile-set"),
        (&acme, "POST", "/api/v1/subscription/trial", json!({ "tier": "team" }), "subscription-changed"),
        (
            &acme,
            "PUT",
            "/api/v1/consultants/acme",
            json!({ "title": "T", "about": "A" }),
            "consultant-introduced",
        ),
        (&acme, "PUT", "/api/v1/consultants/acme/services/day", service, "service-offered"),
        (
            &acme,
            "PUT",
            "/api/v1/namespaces/acme/visibility",
            json!({ "public": false }),
            "visibility-changed",
        ),
        (
            &acme,
            "PUT",
            "/api/v1/namespaces/acme/members/globex",
            json!({ "role": "viewer" }),
            "member-invited",
        ),
        (&operator, "PUT", "/api/v1/consultants/acme/certification", until, "consultant-certified"),
        (
            &operator,
            "PUT",
            "/api/v1/namespaces/acme/volume-group",
            json!({ "group": "g" }),
            "volume-group-set",
        ),
        (&operator, "PUT", "/api/v1/bank-account", account, "bank-account-set"),
        (&operator, "PUT", "/api/v1/exchange-rates", rate, "exchange-rate-set"),
        (
            &operator,
            "PUT",
            "/api/v1/figures/targets",
            json!({ "figure": "nrr", "month": "2027-01", "target": "110 %" }),
            "figure-target-set",
        ),
        (&operator, "POST", "/api/v1/tax-rules", tax, "tax-rule-set"),
        (&operator, "PUT", "/api/v1/sellers", seller, "seller-set"),
        (&operator, "POST", "/api/v1/ledger/expenses", expense, "expense-recorded"),
    ] {
        for _ in 0..2 {
            let headers = [("content-type", "application/json")];
            let answer = world.send(method, path, Some(&who.token()), &headers, body.to_string());
            assert!(answer.status < 300, "{method} {path}: {}", answer.text());
        }
        assert_eq!(recorded(act), 1, "{act}");
    }
    let trail = operator.text(&["audit", "export"]);
    assert!(!trail.contains("acme@example.com"), "the trail goes to others");

    // A line that pays nothing is no act; the statement is.
    let statement = "id,date,amount,currency,text\nB1,2026-11-01,1.00,USD,thanks\n";
    for _ in 0..2 {
        let headers = [("content-type", "text/plain")];
        let path = "/api/v1/bank-statements";
        assert_eq!(world.send("POST", path, Some(&operator.token()), &headers, statement).status, 200);
    }
    assert_eq!((recorded("statement-reconciled"), recorded("statement-line-settled")), (1, 0));

    let (cookie, origin) = (world.session(&acme), world.origin());
    for _ in 0..2 {
        let headers = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
        assert_eq!(world.send("POST", "/logout", None, &headers, "").status, 303);
    }
    assert_eq!(recorded("logged-out"), 1);
    operator.ok(&["registry", "collect"]);
    assert_eq!(recorded("garbage-collected"), 1);
}

#[test]
fn two_make_an_operator_and_the_trail_tells_of_it() {
    let world = World::start();
    let operator = world.operator();
    let [ann, bob, carl] = ["ann", "bob", "carl"].map(|name| world.person(name));
    for person in [&ann, &bob, &carl] {
        person.register();
    }
    let why = |person: &Person, words: &[&str]| person.refused(words).0.r#type;

    // An account is known for a while first.
    assert_eq!(why(&operator, &["operator", "propose", "ann"]), "conflict");
    world.stores.sql("update accounts set created_at = '2020-01-01T00:00:00.000000Z'");

    // Alone, one waits, and may change one's mind.
    operator.ok(&["operator", "propose", "ann"]);
    assert_eq!(why(&operator, &["operator", "propose", "ann"]), "conflict");
    assert_eq!(why(&operator, &["operator", "confirm", "ann"]), "conflict");
    assert_eq!(why(&ann, &["operator", "confirm", "ann"]), "forbidden");
    operator.ok(&["operator", "withdraw", "ann"]);
    assert_eq!(why(&operator, &["operator", "confirm", "ann"]), "not-found");
    operator.ok(&["operator", "propose", "ann"]);
    age_proposals(&world, 25);
    operator.ok(&["operator", "confirm", "ann"]);

    // From then on it takes two, however long the first one waits.
    operator.ok(&["operator", "propose", "bob"]);
    age_proposals(&world, 25);
    assert_eq!(why(&operator, &["operator", "confirm", "bob"]), "forbidden");
    ann.ok(&["operator", "confirm", "bob"]);
    assert_eq!(bob.ok(&["operator", "list"])["operators"].as_array().unwrap().len(), 3);
    operator.ok(&["operator", "propose", "carl"]);
    age_proposals(&world, 7 * 24 + 1);
    assert_eq!(why(&ann, &["operator", "confirm", "carl"]), "not-found", "it has lapsed");
    let told = world.send("GET", "/account", Some(&ann.token()), &[], "").text();
    assert!(
        told.contains("&#39;bob&#39; operates the registry") || told.contains("'bob' operates the registry")
    );

    // Nobody who may know its password makes an account an operator, nor does whoever has proposed it.
    operator.ok(&["operator", "reset-password", "carl"]);
    ann.ok(&["operator", "propose", "carl"]);
    for person in [&operator, &ann] {
        assert_eq!(why(person, &["operator", "confirm", "carl"]), "forbidden");
    }
    let told = world.send("GET", "/account", Some(&bob.token()), &[], "").text();
    assert!(told.contains("ask its owner before you confirm"), "{told}");
    ann.ok(&["operator", "withdraw", "carl"]);

    // Who is demoted may nothing more, nor is anything left of what was proposed before.
    operator.ok(&["operator", "propose", "carl"]);
    operator.ok(&["operator", "demote", "bob"]);
    assert_eq!(why(&bob, &["operator", "list"]), "forbidden");
    assert_eq!(why(&ann, &["operator", "confirm", "carl"]), "not-found");
    // One alone needs nobody's consent, and so does not come about by one of two.
    assert_eq!(why(&operator, &["operator", "demote", "ann"]), "conflict");
    assert_eq!(why(&ann, &["operator", "demote", "operator"]), "conflict");
    ann.ok(&["operator", "demote", "ann"]);
    assert_eq!(why(&operator, &["operator", "demote", "ann"]), "not-found");
    assert_eq!(why(&operator, &["operator", "demote", "operator"]), "conflict");

    let made = operator.ok(&["audit", "list", "--act", "operator-made"]);
    let made = made.as_array().unwrap();
    let who: Vec<_> = made.iter().map(|entry| (&entry["actor"], &entry["subject"])).collect();
    assert_eq!(
        who,
        [
            (&json!("ann"), &json!("bob")),
            (&json!("operator"), &json!("ann")),
            (&Value::Null, &json!("operator"))
        ]
    );
    assert_eq!(
        (&made[0]["address"], &made[0]["after"]),
        (&json!("127.0.0.1"), &json!({ "role": "operator" }))
    );
    assert!(made[0]["credential"].as_str().unwrap().starts_with("token "), "{}", made[0]);
    let by_ann = operator.ok(&["audit", "list", "--actor", "ann"]);
    assert!(by_ann.as_array().unwrap().iter().all(|entry| entry["actor"] == "ann"), "{by_ann}");
    let head = text(&operator.ok(&["audit", "check"])["head"]);
    operator.ok(&["tokens", "new", "read"]);
    operator.ok(&["audit", "check", "--head", &head]);
    let exported = operator.text(&["audit", "export"]);
    assert!(!exported.contains(&operator.token()) && exported.lines().count() > 10, "{exported}");
    let cut: Vec<&str> = exported.lines().take(3).collect();
    let file = operator.file("audit.jsonl", cut.join("\n").as_bytes());
    operator.ok(&["audit", "check", &file]);
    let (problem, code) = operator.refused(&["audit", "check", &file, "--head", &head]);
    assert_eq!((problem.r#type.as_str(), code), ("audit-broken", 3));
    world.stores.sql("update audit set subject = 'nobody' where number = 2");
    assert_eq!(why(&operator, &["audit", "check"]), "audit-broken");
}
