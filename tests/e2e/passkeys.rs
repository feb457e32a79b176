//! Passkeys, in a browser with an authenticator: what signs in by them, and what is like that and does not.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};

use crate::chromium::Chromium;
use crate::world::{Answer, Person, World, until};

const JSON: (&str, &str) = ("content-type", "application/json");
const PASSWORD: &str = "correct horse battery";
/// Has the authenticator sign what the registry asks for, and gives the answer to whoever runs it.
const SIGN: &str = "
    const done = arguments[arguments.length - 1];
    (async () => {
        const asked = await (await fetch('/api/v1/passkey-log-ins/challenge', { method: 'POST' })).json();
        const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.public_key);
        const credential = await navigator.credentials.get({ publicKey });
        return { challenge: asked.challenge, credential: credential.toJSON() };
    })().then(done, (error) => done({ error: String(error) }));
";

/// A browser for a registry that is reached by a name from now on, and is served with more arguments.
fn visited(world: &mut World, more: &[&str]) -> Chromium {
    let port = world.registry.address.rsplit(':').next().unwrap();
    let site = format!("http://localhost:{port}");
    let words = [&["--url", site.as_str()][..], more].concat();
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    world.restart_registry_with(&words);
    Chromium::start(&site)
}

fn log_in(browser: &Chromium, name: &str, password: &str) {
    browser.open("/login?next=/account/passkeys");
    browser.write("form[action='/login'] input[name=name]", name);
    browser.write("form[action='/login'] input[name=password]", password);
    browser.click("form[action='/login'] button");
    browser.until_at("/account/passkeys");
}

/// Adds a passkey on the page, soon after a log-in.
fn add(browser: &Chromium, name: &str) {
    browser.open("/account/passkeys");
    browser.write("form.card input[name=name]", name);
    browser.click("form.card button");
    browser.click("form[data-create] button");
    browser.until_shows("tbody td", "Rename");
}

fn log_out(browser: &Chromium) {
    browser.click("form[action='/logout'] button");
    browser.until_at("/login");
}

/// What the authenticator has signed, with the challenge that it answers.
fn signed(browser: &Chromium) -> Value {
    browser.open("/login");
    let signed = browser.run(SIGN);
    assert!(signed["error"].is_null(), "{signed}");
    signed
}

/// Sends such an answer as the registry's own page does.
fn answer(world: &World, signed: &Value) -> Answer {
    let origin = world.origin();
    let headers = [JSON, ("origin", origin.as_str())];
    world.send("POST", "/api/v1/passkey-log-ins", None, &headers, signed.to_string())
}

/// Changes the bytes of a part of an answer.
fn change(signed: &mut Value, part: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let part = &mut signed["credential"]["response"][part];
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part.as_str().unwrap()).unwrap();
    *part = json!(BASE64_URL_SAFE_NO_PAD.encode(change(bytes)));
}

fn told(person: &Person, subject: &str) -> bool {
    person.list("/api/v1/notices").iter().any(|notice| notice["subject"] == subject)
}

#[test]
fn a_passkey_signs_in_without_a_name_and_nothing_like_it_does() {
    let mut world = World::start();
    let browser = visited(&mut world, &[]);
    let [ann, bob] = ["ann", "bob"].map(|name| world.person(name));
    ann.register();
    bob.register();

    // Added on the page, it signs in without a name.
    log_in(&browser, "ann", PASSWORD);
    add(&browser, "phone");
    assert!(told(&ann, "A passkey was added to your account"));
    log_out(&browser);
    browser.open("/login?next=/account");
    browser.click("form[data-sign-in] button");
    browser.until_at("/account");
    browser.until_shows("h1", "Account of ann");
    let sessions = ann.list("/api/v1/account/sessions");
    let last = sessions.last().unwrap();
    assert_eq!((&last["opened_by"], &last["note"]), (&json!("passkey"), &json!("pages")));
    log_out(&browser);
    let kept = ann.ok(&["account", "passkeys"])["items"].as_array().unwrap().clone();
    assert!(kept.len() == 1 && kept[0]["name"] == "phone" && !kept[0]["used_at"].is_null(), "{kept:?}");
    let id = kept[0]["id"].as_str().unwrap().to_owned();
    ann.ok(&["account", "passkeys", "rename", &id, "old phone"]);
    let exported = ann.text(&["account", "export"]);
    assert!(exported.contains("\"what\":\"passkey\"") && exported.contains("old phone"), "{exported}");
    assert!(!exported.contains("cred_id"), "{exported}");

    refuses_what_is_no_answer(&world, &browser);
    refuses_a_copy(&world, &browser);
    assert!(told(&ann, "A passkey of your account may be a copy"));

    // It is removed by whose it is, by password or soon after a log-in.
    let path = format!("/api/v1/account/passkeys/{id}");
    let ask = |person: &Person, method: &str, body: Value| {
        world.send(method, &path, Some(&person.token()), &[JSON], body.to_string()).status
    };
    assert_eq!(ask(&bob, "DELETE", json!({ "password": PASSWORD })), 404);
    assert_eq!(ask(&bob, "PATCH", json!({ "name": "mine" })), 404);
    world.stores.sql("update tokens set created_at = '2020-01-01T00:00:00.000000Z' where account = 'ann'");
    assert_eq!(ask(&ann, "DELETE", json!({})), 403);
    assert_eq!(ask(&ann, "DELETE", json!({ "password": "another one than it is" })), 401);
    let begin = |body: Value| {
        let path = "/api/v1/account/passkeys/challenge";
        world.send("POST", path, Some(&ann.token()), &[JSON], body.to_string()).status
    };
    assert_eq!((begin(json!({})), begin(json!({ "password": PASSWORD }))), (403, 201));
    ann.with_input(&["account", "passkeys", "remove", &id], PASSWORD);
    assert!(ann.list("/api/v1/account/passkeys").is_empty());
    browser.open("/login");
    browser.click("form[data-sign-in] button");
    browser.until_shows("form[data-sign-in] [role=alert]", "no account has this passkey");

    let trail = world.operator().text(&["audit", "export"]);
    for act in ["passkey-added", "passkey-renamed", "passkey-doubted", "passkey-removed"] {
        assert!(trail.contains(act), "{act}");
    }
}

/// Answers that are signed for another site, by somebody else or for another challenge, late, again, or sent by another site.
fn refuses_what_is_no_answer(world: &World, browser: &Chromium) {
    type Forge = fn(&mut Value);
    let forged: [(&str, Forge); 5] = [
        ("origin", |it| {
            change(it, "clientDataJSON", |bytes| {
                String::from_utf8(bytes).unwrap().replace("http://localhost", "http://elsewhere").into_bytes()
            });
        }),
        ("verified", |it| {
            change(it, "authenticatorData", |mut bytes| {
                // The flag of a verified user.
                bytes[32] &= !4;
                bytes
            });
        }),
        ("", |it| {
            change(it, "signature", |mut bytes| {
                *bytes.last_mut().unwrap() ^= 1;
                bytes
            });
        }),
        ("no account", |it| change(it, "userHandle", |bytes| vec![0; bytes.len()])),
        ("no account", |it| it["credential"]["rawId"] = json!("AAAA")),
    ];
    for (why, forge) in forged {
        let mut it = signed(browser);
        forge(&mut it);
        let refused = answer(world, &it);
        assert_eq!((refused.status, &refused.json()["type"]), (403, &json!("passkey-refused")), "{why}");
        assert!(refused.text().contains(why) && refused.header("set-cookie").is_empty(), "{refused:?}");
        assert_eq!(answer(world, &it).status, 404, "the first answer uses the challenge up");
    }
    let (one, mut other) = (signed(browser), signed(browser));
    other["challenge"] = one["challenge"].clone();
    assert_eq!(answer(world, &other).json()["type"], "passkey-refused");

    let right = signed(browser);
    let from_elsewhere = [JSON, ("origin", "http://127.0.0.1:1")];
    for headers in [&[JSON][..], &from_elsewhere] {
        let sent = world.send("POST", "/api/v1/passkey-log-ins", None, headers, right.to_string());
        assert_eq!((sent.status, &sent.json()["type"]), (403, &json!("cross-site")));
    }
    let in_time = answer(world, &right);
    let cookie = in_time.header("set-cookie");
    assert_eq!((in_time.status, &in_time.json()), (201, &json!({ "account": "ann" })));
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert_eq!(answer(world, &right).status, 404, "it is used up");

    let late = signed(browser);
    world.stores.sql("update passkey_challenges set expires_at = '2020-01-01T00:00:00.000000Z'");
    assert_eq!(answer(world, &late).status, 404);
}

/// A copy of a passkey that has signed less often than it.
fn refuses_a_copy(world: &World, browser: &Chromium) {
    let kept = browser.credentials().remove(0);
    browser.keep_only(json!({
        "credentialId": kept["credentialId"], "isResidentCredential": true, "rpId": "localhost",
        "privateKey": kept["privateKey"], "userHandle": kept["userHandle"], "signCount": 0,
    }));
    let refused = answer(world, &signed(browser));
    assert_eq!((refused.status, &refused.json()["type"]), (403, &json!("passkey-doubted")), "{refused:?}");
}

#[test]
fn a_passkey_fulfils_what_is_demanded_and_the_password_alone_does_not() {
    let mut world = World::start();
    let browser = visited(&mut world, &["--second-factor", "operators"]);
    let operator = world.operator();
    until("a second factor is demanded", || {
        (!world.stores.texts("select account from factor_demands").is_empty()).then_some(())
    });
    world.stores.sql("update factor_demands set since = '2020-01-01T00:00:00.000000Z'");
    let file = |name: &str| std::fs::read_to_string(world.registry_data().join(name)).unwrap();
    let (password, machine) = (file("operator.password"), file("operator.token"));
    let audit = |token: &str| world.send("GET", "/api/v1/audit", Some(token), &[], "").status;
    assert_eq!((audit(&operator.token()), audit(&machine)), (401, 401));

    // Whoever adds one has shown it. So have log-ins by it, and the tokens that they make.
    log_in(&browser, "operator", &password);
    add(&browser, "key");
    browser.until_shows("header .visitor", "Console");
    let origin = world.origin();
    let begun = answer(&world, &signed(&browser));
    let cookie = begun.header("set-cookie").split(';').next().unwrap().to_owned();
    let headers = [JSON, ("cookie", cookie.as_str()), ("origin", origin.as_str())];
    assert_eq!(world.send("GET", "/api/v1/audit", None, &headers, "").status, 200);
    let new = json!({ "scope": "full", "days_valid": 1 });
    let made = world.send("POST", "/api/v1/account/tokens", None, &headers, new.to_string());
    let made = made.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(audit(&made), 200);
    assert_eq!(audit(&machine), 200, "a machine had it before");

    // The password alone has no power beside it, and makes itself none.
    operator.login(&password);
    assert_eq!(operator.refused(&["audit", "list"]).0.r#type, "second-factor-needed");
    let id = operator.list("/api/v1/account/passkeys")[0]["id"].as_str().unwrap().to_owned();
    for (method, path, body) in [
        ("POST", "/api/v1/account/passkeys/challenge".to_owned(), json!({ "password": password })),
        ("DELETE", format!("/api/v1/account/passkeys/{id}"), json!({ "password": password })),
        ("POST", "/api/v1/account/second-factor".to_owned(), json!({ "password": password })),
        ("POST", "/api/v1/account/tokens".to_owned(), new.clone()),
    ] {
        let sent = world.send(method, &path, Some(&operator.token()), &[JSON], body.to_string());
        assert_eq!((sent.status, &sent.json()["type"]), (401, &json!("second-factor-needed")), "{path}");
    }

    // Whoever has lost it asks whoever holds the machine.
    world.on_machine("remove-second-factor", "operator");
    assert!(operator.list("/api/v1/account/passkeys").is_empty());
    assert_eq!((answer(&world, &signed(&browser)).status, audit(&made)), (403, 401));
}

#[test]
fn where_there_are_no_passkeys_pages_say_what_there_is() {
    let mut world = World::start();
    let ann = world.person("ann");
    ann.register();
    let cookie = world.session(&ann);
    let origin = world.origin();
    let form = ("content-type", "application/x-www-form-urlencoded");
    let act = |world: &World, body: &str| {
        let headers = [form, ("cookie", cookie.as_str()), ("origin", origin.as_str())];
        let answer = world.send("POST", "/account/passkeys", None, &headers, body);
        (answer.status, answer.text())
    };

    // At a registry that browsers reach by no name, there can be none; a form shows what was wrong with it, and nothing else does.
    for (body, status, says) in [
        ("act=begin&name=phone", 409, "--url https://HOST"),
        ("act=rename&id=unknown&name=phone", 404, "passkey 'unknown'"),
        ("act=fly", 400, "nothing that this page does"),
        ("act=begin&name=phone&password=another", 409, "--url https://HOST"),
    ] {
        let (found, page) = act(&world, body);
        assert!(found == status && page.contains("Passkeys of ann") && page.contains(says), "{body}: {page}");
    }

    // A session of a while ago is not enough, and the page says what is.
    let browser = visited(&mut world, &[]);
    log_in(&browser, "ann", PASSWORD);
    world.stores.sql("update tokens set created_at = '2020-01-01T00:00:00.000000Z' where account = 'ann'");
    browser.write("form.card input[name=name]", "phone");
    browser.click("form.card button");
    browser.until_shows("[role=alert]", "without its password");

    // A browser without passkeys, or with them switched off, has the password and the second factor; no button leads nowhere.
    browser.begin_with("delete window.PublicKeyCredential;");
    browser.write("form.card input[name=name]", "phone");
    browser.write("form.card input[name=password]", PASSWORD);
    browser.click("form.card button");
    browser.until_shows("form[data-create] .note", "switched off");
    assert!(!browser.has("form[data-create] button:not([hidden])"));
    assert!(browser.has("main a[href='/account/second-factor']"));
    log_out(&browser);
    browser.until_shows("form[data-sign-in] .note", "or your password");
    log_in(&browser, "ann", PASSWORD);
}
