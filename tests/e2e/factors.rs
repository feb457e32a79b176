//! A second factor: what logs in by it, and what its password alone opens no more.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::world::{Answer, Person, World, plugin, until};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const PASSWORD: &str = "correct horse battery";

/// The code that an authenticator shows so many steps of 30 seconds from now.
pub(crate) fn code(secret: &str, steps: i64) -> String {
    let totp = Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    totp.generate(now.checked_add_signed(steps * 30).unwrap()).to_string()
}

/// Lets the codes of this time count again, as those of half a minute later would.
fn later(world: &World) {
    world.stores.sql("update second_factors set last_step = 0");
}

fn post(world: &World, path: &str, token: Option<&str>, body: Value) -> Answer {
    world.send("POST", path, token, &JSON, body.to_string())
}

fn log_in(world: &World, name: &str) -> Answer {
    post(world, "/api/v1/tokens", None, json!({ "name": name, "password": PASSWORD }))
}

/// Whether a log-in of the command line is refused, and by which word.
fn refused(person: &Person, words: &[&str]) -> String {
    let file = person.file("password", PASSWORD.as_bytes());
    let mut command = person.command(&[words, &["--json"]].concat());
    let output = command.stdin(std::fs::File::open(file).unwrap()).output().unwrap();
    match output.status.success() {
        true => String::new(),
        false => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let problem: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
            problem["type"].as_str().unwrap().to_owned()
        }
    }
}

#[test]
fn a_second_factor_is_shown_at_each_log_in() {
    let world = World::start();
    let acme = world.publisher("acme");
    let machine = acme.ok(&["tokens", "new", "full"])["token"].as_str().unwrap().to_owned();
    let elsewhere = log_in(&world, "acme").json()["token"].as_str().unwrap().to_owned();
    let works = |token: &str| world.send("GET", "/api/v1/plugins", Some(token), &[], "").status == 200;
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("acme:{PASSWORD}")));
    let by_password = || world.send("GET", "/token", None, &[("authorization", &basic)], "");
    let exchanged = by_password().json()["token"].as_str().unwrap().to_owned();

    // A secret takes the password, and counts once a first code of it was shown.
    let api = "/api/v1/account/second-factor";
    let set_up = |password: &str| post(&world, api, Some(&acme.token()), json!({ "password": password }));
    assert_eq!(set_up("another one than it is").status, 401);
    let made = set_up(PASSWORD).json();
    let secret = made["secret"].as_str().unwrap();
    assert!(made["uri"].as_str().unwrap().contains(secret), "{made}");
    assert_eq!((log_in(&world, "acme").status, works(&elsewhere)), (201, true), "it does not count yet");
    assert_eq!(acme.refused(&["account", "second-factor", "confirm", "000000"]).0.r#type, "unauthenticated");
    let first = code(secret, 0);
    let codes = acme.ok(&["account", "second-factor", "confirm", &first]);
    let codes: Vec<&str> =
        codes["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    assert_eq!(codes.len(), 10);
    assert_eq!(set_up(PASSWORD).status, 409);

    // What the password alone has opened ends, and it opens nothing more.
    assert_eq!((works(&elsewhere), works(&acme.token()), works(&machine)), (false, true, true));
    assert_eq!((works(&exchanged), by_password().status), (false, 401));
    let answer = log_in(&world, "acme");
    assert_eq!((answer.status, &answer.json()["type"]), (202, &json!("second-factor-needed")));
    assert_eq!(answer.json()["token"], Value::Null);
    let challenge = answer.json()["challenge"].as_str().unwrap().to_owned();
    let go_on = |challenge: &str, code: &str| {
        post(&world, "/api/v1/second-factor", None, json!({ "challenge": challenge, "code": code }))
    };
    // A code counts once: not again, and not one of a step before it.
    assert_eq!(go_on(&challenge, &first).status, 401);
    later(&world);
    let next = code(secret, 0);
    assert_eq!(go_on("second-factor.e30.AAAA", &next).status, 404);
    let token = go_on(&challenge, &next).json()["token"].as_str().unwrap().to_owned();
    assert!(works(&token));
    assert_eq!((go_on(&challenge, &next).status, go_on(&challenge, &code(secret, -1)).status), (401, 401));
    assert_eq!(go_on(&challenge, codes[0]).status, 201);
    assert_eq!(go_on(&challenge, codes[0]).status, 401);
    let told = world.send("GET", "/account", Some(&token), &[], "").text();
    assert!(told.contains("A recovery code was used") && told.contains("Your account has a second factor"));
    let opened: Vec<_> =
        acme.list("/api/v1/account/sessions").iter().map(|it| it["opened_by"].clone()).collect();
    assert_eq!(opened, ["totp", "totp", "recovery-code"]);

    // Tokens are made only by who has shown it.
    let make = |token: &str| {
        post(&world, "/api/v1/account/tokens", Some(token), json!({ "scope": "read", "days_valid": 1 }))
    };
    assert_eq!((make(&token).status, make(&machine).status), (201, 401));
    assert_eq!(make(&machine).json()["type"], "second-factor-needed");

    // The command line says which word, and takes the code.
    assert_eq!(refused(&acme, &["login", "acme"]), "second-factor-needed");
    assert_eq!(refused(&acme, &["login", "acme", "--code", "000000"]), "unauthenticated");
    later(&world);
    assert_eq!(refused(&acme, &["login", "acme", "--code", &code(secret, 0)]), "");
    let renewed = acme.ok(&["account", "second-factor", "codes", codes[1]]);
    assert_eq!(go_on(&challenge, codes[2]).status, 401, "they were made anew");
    assert_eq!(acme.ok(&["account", "second-factor"])["recovery_codes"], 10);

    // Password and code remove it.
    let remove = |code: &str| refused(&acme, &["account", "second-factor", "remove", code]);
    assert_eq!(remove("000000"), "unauthenticated");
    assert_eq!(remove(renewed["codes"][0].as_str().unwrap()), "");
    assert_eq!(log_in(&world, "acme").status, 201);
    let exported = acme.text(&["account", "export"]);
    assert!(
        exported.contains("second-factor-set") && exported.contains("\"what\":\"membership\""),
        "{exported}"
    );
    assert!(!exported.contains(secret) && !exported.contains(&token) && !exported.contains("argon2"));
    let operator = world.operator();
    let trail = operator.text(&["audit", "export"]);
    for act in ["second-factor-set", "second-factor-removed", "recovery-codes-made"] {
        assert!(trail.contains(act), "{act}");
    }
    assert!(!trail.contains(secret) && !trail.contains(codes[0]));
}

#[test]
fn codes_are_not_guessed_and_what_is_lost_is_removed_on_the_machine() {
    let world = World::start();
    let ann = world.person("ann");
    ann.register();
    let origin = world.origin();
    let form = ("content-type", "application/x-www-form-urlencoded");
    let page = |path: &str, cookie: &str, body: String| {
        let headers = [form, ("cookie", cookie), ("origin", origin.as_str())];
        world.send("POST", path, None, &headers, body)
    };
    let password = PASSWORD.replace(' ', "+");
    let between = |answer: &Answer, before: &str, after: &str| {
        let text = answer.text();
        let rest = text.split(before).nth(1).unwrap_or_else(|| panic!("{text}"));
        rest.split(after).next().unwrap().to_owned()
    };

    // Set up on the page.
    let cookie = world.session(&ann);
    let path = "/account/second-factor";
    assert_eq!(page(path, &cookie, "act=set-up&password=another".into()).status, 401);
    let answer = page(path, &cookie, format!("act=set-up&password={password}"));
    assert_eq!(answer.header("cache-control"), "no-store");
    let secret = between(&answer, "?secret=", "&");
    let answer = page(path, &cookie, format!("act=confirm&code={}", code(&secret, 0)));
    assert!(answer.status == 200 && answer.text().contains("Recovery codes of ann"), "{answer:?}");
    assert_eq!(world.get(path, &[("cookie", &cookie)]).0, 200, "the session that has set it up goes on");

    // The page of the log-in asks for the code after the password, and only then there is a session.
    let answer = world.log_in_from(&origin, &ann);
    assert_eq!((answer.status, answer.header("set-cookie")), (200, ""));
    let challenge = between(&answer, "name=\"challenge\" value=\"", "\"");
    let go_on =
        |code: &str| page("/login/code", "", format!("challenge={challenge}&code={code}&next=/account"));
    assert_eq!(go_on("000000").status, 401);
    later(&world);
    let answer = go_on(&code(&secret, 0));
    assert_eq!((answer.status, answer.header("location")), (303, "/account"));
    let session = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    assert_eq!(world.get("/account", &[("cookie", &session)]).0, 200);
    let foreign = [form, ("origin", "https://elsewhere.example")];
    assert_eq!(world.send("POST", "/login/code", None, &foreign, "challenge=x&code=x").status, 403);

    // However many addresses there are, a few codes are tried in an hour. The right one is then refused, too.
    let statuses: Vec<u16> = (0..20).map(|_| go_on("000000").status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    later(&world);
    assert_eq!(go_on(&code(&secret, 0)).status, 429);

    // Another password ends a challenge. Whoever has lost everything asks whoever holds the machine.
    let token = world.on_machine("reset-password", "ann")["token"].as_str().unwrap().to_owned();
    let reset = json!({ "token": token, "password": "another horse battery" });
    assert_eq!(post(&world, "/api/v1/password-resets", None, reset).status, 200);
    assert_eq!(go_on("000000").status, 404);
    let login = json!({ "name": "ann", "password": "another horse battery" });
    assert_eq!(post(&world, "/api/v1/tokens", None, login.clone()).status, 202, "a reset removes no factor");
    world.on_machine("remove-second-factor", "ann");
    assert_eq!(post(&world, "/api/v1/tokens", None, login).status, 201);
}

#[test]
fn whoever_has_power_sets_one_up_in_time_or_has_none() {
    let mut world = World::start();
    let (acme, free) = (world.publisher("acme"), world.publisher("umbrella"));
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "100.00 USD"]);
    let told = |person: &Person| {
        let notices = person.list("/api/v1/notices");
        notices.iter().filter(|notice| notice["subject"] == "Your account needs a second factor").count()
    };
    world.restart_registry_with(&["--second-factor", "owners"].map(str::to_owned));
    let operator = world.operator();
    until("those who have power are told", || (told(&operator) == 1 && told(&acme) == 1).then_some(()));
    assert_eq!((told(&free), told(&world.customer())), (0, 0));
    // For some days that is all.
    operator.ok(&["audit", "list"]);
    acme.ok(&["namespace", "visibility", "acme", "private"]);

    world.stores.sql("update factor_demands set since = '2020-01-01T00:00:00.000000Z'");
    let why = |person: &Person, words: &[&str]| person.refused(words).0.r#type;
    assert_eq!(why(&operator, &["audit", "list"]), "second-factor-needed");
    assert_eq!(why(&acme, &["namespace", "visibility", "acme", "public"]), "second-factor-needed");
    assert_eq!(why(&acme, &["operator", "list"]), "second-factor-needed");
    assert_eq!(why(&free, &["operator", "list"]), "forbidden");
    let push = |person: &Person, name: &str| {
        let path = format!("/v2/{name}/x/blobs/uploads/");
        world.send("POST", &path, Some(&person.token()), &[], "").status
    };
    assert_eq!((push(&acme, "acme"), push(&free, "umbrella")), (401, 202));
    // What any account may goes on: to see what is private there, to buy, and to set one up.
    acme.ok(&["namespace", "members", "acme"]);
    acme.ok(&["subscription", "trial", "team"]);
    let api = "/api/v1/account/second-factor";
    let made = post(&world, api, Some(&acme.token()), json!({ "password": PASSWORD })).json();
    acme.ok(&["account", "second-factor", "confirm", &code(made["secret"].as_str().unwrap(), 0)]);
    acme.ok(&["namespace", "visibility", "acme", "public"]);
    assert_eq!(push(&acme, "acme"), 202);

    // A registry that demands none any more lets everybody do what they might before.
    world.restart_registry_with(&[]);
    until("nobody is demanded anything", || {
        world.stores.texts("select account from factor_demands").is_empty().then_some(())
    });
    operator.ok(&["audit", "list"]);
}

#[test]
fn a_deleted_account_leaves_nothing_but_what_the_books_and_the_trail_keep() {
    let mut world = World::start();
    let operator = world.operator();
    let (acme, ann) = (world.publisher("acme"), world.person("ann"));
    ann.register();
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["namespace", "invite", "acme", "ann", "--role", "owner"]);
    let deletion = "/api/v1/account/deletion";
    let ask = |person: &Person, password: &str| {
        post(&world, deletion, Some(&person.token()), json!({ "password": password }))
    };
    let why =
        |person: &Person| ask(person, PASSWORD).json()["detail"].as_str().unwrap_or_default().to_owned();
    assert_eq!(ask(&acme, "another one than it is").status, 401);

    // What stands against it is said, all of it.
    acme.ok(&["invoices", "profile", "US"]);
    acme.ok(&["subscription", "change", "developer"]);
    let said = why(&acme);
    for obstacle in
        ["nobody else owns", "(acme)", "an invoice is to be paid", "subscribed to a tier", "(developer)"]
    {
        assert!(said.contains(obstacle), "{said}");
    }
    // The operator's password is in a file of its own.
    assert_eq!(ask(&operator, PASSWORD).status, 401);
    ann.ok(&["namespace", "accept", "acme"]);
    assert!(!why(&acme).contains("nobody else owns"));

    // Somebody else waits, and changes their mind.
    let bob = world.person("bob");
    bob.register();
    assert_eq!(refused(&bob, &["account", "delete"]), "");
    assert_eq!(refused(&bob, &["account", "delete"]), "conflict");
    assert!(!bob.get("/api/v1/account")["deleted_at"].is_null());
    bob.ok(&["account", "delete", "--take-back"]);
    assert_eq!(bob.refused(&["account", "delete", "--take-back"]).0.r#type, "not-found");

    // When it is due, it is done.
    bob.ok(&["tokens", "new", "read"]);
    bob.ok(&["invoices", "profile", "DE", "--email", "bob@example.org"]);
    acme.ok(&["namespace", "invite", "acme", "bob"]);
    bob.ok(&["namespace", "accept", "acme"]);
    world.stores.sql("update accounts set email = 'bob@example.org' where name = 'bob'");
    assert_eq!(refused(&bob, &["account", "delete"]), "");
    world.stores.sql("update account_deletions set due_at = '2020-01-01T00:00:00.000000Z'");
    world.restart_registry();
    until("the account is deleted", || {
        let left = world.stores.texts("select account from account_deletions");
        left.is_empty().then_some(())
    });
    assert_eq!(world.send("GET", "/api/v1/account", Some(&bob.token()), &[], "").status, 401);
    assert_eq!(log_in(&world, "bob").status, 401);
    let register = post(&world, "/api/v1/accounts", None, json!({ "name": "bob", "password": PASSWORD }));
    assert_eq!(register.status, 409, "nobody else is called so");
    for table in ["tokens", "namespace_members", "notices", "hosts", "billing_profiles"] {
        let left = world.stores.texts(&format!("select account from {table} where account = 'bob'"));
        assert!(left.is_empty(), "{table}");
    }
    let left = world.stores.texts("select email from accounts where email is not null");
    assert!(left.is_empty(), "{left:?}");
    operator.ok(&["audit", "check"]);
    assert_eq!(operator.ok(&["audit", "list", "--act", "account-deleted"]).as_array().unwrap().len(), 1);
}
