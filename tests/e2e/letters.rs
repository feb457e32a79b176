//! Where accounts are written to, verified by whoever reads the mail; and where they are logged in.

use serde_json::{Value, json};

use crate::mail::MailServer;
use crate::world::{Answer, World, until};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const PASSWORD: &str = "correct horse battery";
const SET: &str = "Set another password";

/// The token that a letter brings on a line of its own, as the mail's encoding has it.
fn token(mail: &str) -> String {
    // Lines that are too long for a mail are continued after an equals sign at their end.
    let text = mail.replace("=\n", "").replace("=\r\n", "");
    let after = text.split("--token ").nth(1).unwrap_or_else(|| panic!("{mail}"));
    after.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn an_address_counts_once_whoever_reads_it_has_said_so() {
    let mut world = World::with_limits();
    let server = MailServer::start();
    world.registry.arguments = vec!["--virtual-clock".into(), "--smtp".into(), server.url.clone()];
    world.restart_registry();
    let operator = world.operator();
    let send = |method: &str, path: &str, token: Option<&str>, body: Value| -> Answer {
        world.send(method, path, token, &JSON, body.to_string())
    };
    // Moving the clock sends what waits.
    let mut day = 0;
    let mut letters = |subject: &str, count: usize| {
        day += 1;
        let now = json!({ "now": format!("2026-01-{day:02}T00:00:00Z") });
        assert_eq!(send("PUT", "/api/v1/clock", Some(&operator.token()), now).status, 200);
        until(subject, || Some(server.with(subject)).filter(|mails| mails.len() >= count))
    };
    let ask_reset =
        |name: &str| send("POST", "/api/v1/password-reset-requests", None, json!({ "name": name })).status;

    let ann = world.person("ann");
    ann.with_input(&["register", "ann", "--email", "ann@example.org"], PASSWORD);
    let profile = || ann.get("/api/v1/account");
    assert_eq!(profile()["email"], Value::Null);
    assert_eq!(profile()["pending_email"]["email"], "ann@example.org");
    let first = letters("Verify the address of 'ann'", 1).remove(0);
    assert!(first.contains("To: ann@example.org"), "{first}");
    assert!(!ann.list("/api/v1/notices").iter().any(|told| told.to_string().contains("--token")));
    assert_eq!(ask_reset("ann"), 204, "which sends nothing: nobody has verified the address");

    // A token is used once, and ends.
    let verify =
        |token: &str| send("POST", "/api/v1/email-verifications", None, json!({ "token": token })).status;
    world.stores.sql("update email_verifications set expires_at = '2020-01-01T00:00:00.000000Z'");
    assert_eq!((verify("none"), verify(&token(&first))), (404, 404));
    ann.with_input(&["account", "email", "ann@example.org"], PASSWORD);
    let again = letters("Verify the address of 'ann'", 2).remove(1);
    ann.ok(&["account", "verify", "--token", &token(&again)]);
    assert_eq!((verify(&token(&again)), &profile()["email"]), (404, &json!("ann@example.org")));
    assert!(server.with(SET).is_empty());
    let kept = world.stores.texts("select body from notices where secret = 1");
    assert!(kept.len() == 2 && kept.iter().all(String::is_empty), "what has left is forgotten: {kept:?}");

    // Another one needs the password, and the one before is told and stays until then.
    let change = |email: &str, password: &str| {
        let body = json!({ "email": email, "password": password });
        send("PUT", "/api/v1/account/email", Some(&ann.token()), body).status
    };
    assert_eq!(change("new@example.org", "another one than it is"), 401);
    assert_eq!((change("no address", PASSWORD), change("ann@example.org", PASSWORD)), (400, 409));
    assert_eq!(change("new@example.org", PASSWORD), 200);
    let told = letters("Another e-mail address was asked for", 1);
    assert!(told.iter().any(|mail| mail.contains("To: ann@example.org")), "{told:?}");
    assert_eq!(profile()["email"], "ann@example.org");
    let newest = server.with("Verify the address of 'ann'").pop().unwrap();
    assert!(newest.contains("To: new@example.org"), "{newest}");
    // By the page to which the letter leads, of somebody who is not logged in.
    let origin = world.origin();
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", origin.as_str())];
    let page = "/account/email/verification";
    assert_eq!(world.get(&format!("{page}?token={}", token(&newest)), &[]).0, 200);
    assert_eq!(profile()["email"], "ann@example.org", "opening the page changes nothing");
    let answer = world.send("POST", page, None, &headers, format!("token={}", token(&newest)));
    assert_eq!((answer.status, &profile()["email"]), (200, &json!("new@example.org")));
    let told = letters("Your e-mail address is another one now", 1);
    assert!(told.iter().any(|mail| mail.contains("To: ann@example.org")), "{told:?}");

    // Whoever reads the mail of a verified address sets the password; of an operator nobody does.
    assert_eq!((ask_reset("ann"), ask_reset("nobody-there")), (204, 204));
    let letter = letters(SET, 1).remove(0);
    assert!(letter.contains("To: new@example.org"), "{letter}");
    // A stranger who asks for another one ends it not, and neither is of use once one was used.
    assert_eq!(ask_reset("ann"), 204);
    let [first, second] = [0, 1].map(|index| token(&letters(SET, 2)[index]));
    let open = |token: &str| {
        let body = json!({ "token": token, "password": "short" });
        send("POST", "/api/v1/password-resets", None, body).status
    };
    assert_eq!((open(&first), open(&second), open("none")), (400, 400, 404));
    ann.with_input(&["account", "reset", "--token", &token(&letter)], "another horse battery");
    assert_eq!((open(&first), open(&second)), (404, 404));
    world.stores.sql("update accounts set email = 'op@example.org' where name = 'operator'");
    assert_eq!(ask_reset("operator"), 204);
    letters(SET, 2);
    assert_eq!(server.with(SET).len(), 2, "an operator's password is reset on the registry's machine alone");

    // Nobody's mailbox is flooded.
    let bob = world.person("bob");
    bob.register();
    let flood = |_| {
        let body = json!({ "email": "victim@example.org", "password": PASSWORD });
        send("PUT", "/api/v1/account/email", Some(&bob.token()), body).status
    };
    assert_eq!((0..7).map(flood).collect::<Vec<_>>(), [200, 200, 200, 200, 200, 429, 429]);
    let trail = operator.text(&["audit", "export"]);
    assert!(trail.contains("email-verified") && !trail.contains("@example.org"), "the trail goes to others");
}

#[test]
fn sessions_are_listed_and_end_at_once() {
    let world = World::start();
    let acme = world.publisher("acme");
    let login = json!({ "name": "acme", "password": PASSWORD }).to_string();
    let elsewhere = || {
        let answer = world.send("POST", "/api/v1/tokens", None, &JSON, login.as_str());
        answer.json()["token"].as_str().unwrap().to_owned()
    };
    let works = |token: &str| world.send("GET", "/api/v1/plugins", Some(token), &[], "").status == 200;
    let machine = acme.ok(&["tokens", "new", "read"])["token"].as_str().unwrap().to_owned();
    let (one, two, cookie) = (elsewhere(), elsewhere(), world.session(&acme));
    assert!(works(&one));
    let listed = acme.ok(&["account", "sessions"])["items"].as_array().unwrap().clone();
    let notes: Vec<_> = listed.iter().map(|session| session["note"].as_str().unwrap()).collect();
    assert_eq!(notes, ["registered", "login", "login", "pages"]);
    for session in &listed {
        assert_eq!((&session["address"], &session["opened_by"]), (&json!("127.0.0.1"), &json!("password")));
        assert_eq!(session["current"], session["note"] == "registered");
        let at = |field: &str| session[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert!(at("used_at") >= at("created_at"), "{session}");
    }
    assert!(!listed.iter().any(|session| session.to_string().contains(&one)));

    let id = listed[1]["id"].as_str().unwrap();
    acme.ok(&["account", "sessions", "end", id]);
    assert_eq!((works(&one), works(&two)), (false, true));
    assert_eq!(acme.refused(&["account", "sessions", "end", id]).0.r#type, "not-found");
    // A token for a machine is no session.
    let token =
        acme.list("/api/v1/account/tokens").into_iter().find(|token| token["scope"] == "read").unwrap();
    let (problem, _) = acme.refused(&["account", "sessions", "end", token["id"].as_str().unwrap()]);
    assert_eq!((problem.r#type.as_str(), works(&machine)), ("not-found", true));

    // On the page, where one ends oneself last.
    let origin = world.origin();
    let form = ("content-type", "application/x-www-form-urlencoded");
    let headers = [form, ("cookie", cookie.as_str()), ("origin", origin.as_str())];
    let end = |id: &str| world.send("POST", "/account/sessions", None, &headers, format!("id={id}")).status;
    let page = || world.get("/account/sessions", &[("cookie", &cookie)]);
    assert!(page().0 == 200 && page().1.contains("this one"));
    assert_eq!((end("000000000000"), end("all")), (404, 303));
    assert_eq!((works(&two), works(&acme.token()), works(&machine)), (false, false, true));
    assert_eq!((end(listed[3]["id"].as_str().unwrap()), page().0), (303, 303));
}
