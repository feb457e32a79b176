//! How a partner is paid, written on its dashboard and approved on the operators' console: nobody sends a payout elsewhere alone, quietly
//! or at once.

use serde_json::json;

use crate::factors::code;
use crate::world::{Answer, Person, World};

const BANK: &str = "/dashboard/acme/bank";
const PROFILES: &str = "/operator/payouts/profiles";
const FIRST: &str = "DE89370400440532013000";
const SECOND: &str = "GB29NWBK60161331926819";
const JSON: (&str, &str) = ("content-type", "application/json");

fn post(world: &World, person: &Person, path: &str, fields: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    world.send("POST", path, Some(&person.token()), &kind, body)
}

/// Writes that acme is paid to an account.
fn write(world: &World, person: &Person, iban: &str, code: &str) -> Answer {
    let fields =
        [("by", "sepa"), ("holder", "Acme SA"), ("iban", iban), ("schedule", "monthly"), ("code", code)];
    post(world, person, BANK, &fields)
}

/// The token of a program that somebody signs in.
fn signed_in(world: &World, person: &Person) -> String {
    let api = "/api/v1/device-log-ins";
    let waits = world.send("POST", api, None, &[JSON], "{}").json();
    let confirms = [("code", waits["user_code"].as_str().unwrap()), ("act", "confirm")];
    assert_eq!(post(world, person, "/device", &confirms).status, 200);
    let asks = json!({ "device_code": waits["device_code"] }).to_string();
    let issued = world.send("POST", &format!("{api}/token"), None, &[JSON], asks).json();
    issued["token"].as_str().unwrap().to_owned()
}

fn page(world: &World, person: &Person, path: &str) -> String {
    let answer = world.send("GET", path, Some(&person.token()), &[], "");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

#[test]
fn an_owner_writes_where_it_is_paid_and_another_account_waits() {
    let mut world = World::start();
    world.restart_registry_with(&["--virtual-clock".to_owned()]);
    world.set_clock("2026-03-01T12:00:00Z");
    let (acme, operator) = (world.publisher("acme"), world.operator());
    let olga = world.another_operator("olga");

    let refused = write(&world, &acme, "DE00", "");
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("is not an IBAN") && refused.text().contains("value=\"DE00\""));
    assert!(page(&world, &acme, BANK).contains("by hand: an operator asks you where to"));

    let written = write(&world, &acme, "de89 3704 0044 0532 0130 00", "");
    assert_eq!((written.status, written.header("location")), (303, BANK));
    let shown = page(&world, &acme, BANK);
    assert!(shown.contains("waits for an operator") && !shown.contains(FIRST), "masked: {shown}");
    for person in [&acme, &operator] {
        let told = json!(person.list("/api/v1/notices")).to_string();
        assert!(told.contains("'acme' has changed how 'acme' is paid"), "{told}");
    }
    assert!(page(&world, &operator, "/operator").contains(PROFILES));
    assert!(page(&world, &olga, PROFILES).contains(&format!("{PROFILES}/acme/1")));
    let of_first = page(&world, &olga, &format!("{PROFILES}/acme/1"));
    assert!(of_first.contains(FIRST), "whoever approves it sees all of it: {of_first}");
    assert_eq!(post(&world, &acme, &format!("{PROFILES}/acme/1"), &[]).status, 403);
    assert_eq!(post(&world, &olga, &format!("{PROFILES}/acme/1"), &[]).status, 303);
    assert!(page(&world, &acme, BANK).contains(">holds<"));
    assert!(!page(&world, &olga, PROFILES).contains("/acme/1"));

    // Nobody approves what they have written, and another account is paid three days later.
    assert_eq!(write(&world, &olga, SECOND, "").status, 303);
    let own = post(&world, &olga, &format!("{PROFILES}/acme/2"), &[]);
    assert!([403, 409].contains(&own.status), "{own:?}");
    assert_eq!(post(&world, &operator, &format!("{PROFILES}/acme/2"), &[]).status, 303);
    let waits = page(&world, &acme, BANK);
    assert!(waits.contains(">waits</span> until") && waits.contains("2026-03-04"), "{waits}");
    let holds = || {
        let shown = page(&world, &acme, BANK);
        let card = shown.split("How you are paid").nth(1).unwrap().split("</dl>").next().unwrap().to_owned();
        [FIRST, SECOND].map(|iban| card.contains(&iban[iban.len() - 4..]))
    };
    assert_eq!(holds(), [true, false]);
    world.set_clock("2026-03-04T12:00:00Z");
    assert_eq!(holds(), [false, true]);

    // What was written over while it waits never holds, and what was before it was approved is approved no more.
    assert_eq!(write(&world, &acme, FIRST, "").status, 303);
    assert_eq!(post(&world, &olga, &format!("{PROFILES}/acme/3"), &[]).status, 303);
    let button = format!("action=\"{PROFILES}/acme/4\"");
    assert_eq!(write(&world, &acme, FIRST, "").status, 303);
    assert!(page(&world, &olga, &format!("{PROFILES}/acme/4")).contains(&button));
    assert_eq!(write(&world, &acme, SECOND, "").status, 303);
    let replaced = page(&world, &olga, &format!("{PROFILES}/acme/4"));
    assert!(
        replaced.contains("Version 5</a> was written since") && !replaced.contains(&button),
        "{replaced}"
    );
    assert_eq!(post(&world, &olga, &format!("{PROFILES}/acme/4"), &[]).status, 409);
    world.set_clock("2026-03-08T12:00:00Z");
    assert_eq!(holds(), [false, true]);
    assert!(!page(&world, &acme, BANK).contains(">waits</span> until"));
}

#[test]
fn whoever_has_a_second_factor_shows_it_anew() {
    let world = World::start();
    let acme = world.publisher("acme");
    let made = world.send(
        "POST",
        "/api/v1/account/second-factor",
        Some(&acme.token()),
        &[JSON],
        json!({ "password": acme.password() }).to_string(),
    );
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    acme.ok(&["account", "second-factor", "confirm", &code(&secret, 0)]);
    assert!(page(&world, &acme, BANK).contains("name=\"code\""));
    // It has just been shown.
    assert_eq!(write(&world, &acme, FIRST, "").status, 303);
    world.stores.sql("update tokens set created_at = '2026-01-01T00:00:00.000000Z'");
    let refused = write(&world, &acme, FIRST, "");
    assert!(refused.status == 403 && refused.text().contains("Type a code of your second factor"));
    // A program that an old session signs in is as old.
    let program = signed_in(&world, &acme);
    let by_hand = json!({ "rail": { "kind": "manual" } }).to_string();
    let refused =
        world.send("PUT", "/api/v1/partners/acme/payout-profile", Some(&program), &[JSON], by_hand).json();
    assert_eq!(refused["type"], "second-factor-needed");
    let profile = ["payouts", "profile", "acme", "--iban", FIRST, "--holder", "Acme SA"];
    assert_eq!(acme.refused(&profile).0.r#type, "second-factor-needed");
    world.stores.sql("update second_factors set last_step = 0");
    assert_eq!(write(&world, &acme, FIRST, "000000").status, 401);
    let now = code(&secret, 0);
    assert_eq!(write(&world, &acme, "DE00", &now).status, 400, "a code is not used up for what is refused");
    assert_eq!(write(&world, &acme, FIRST, &now).status, 303);
    assert_eq!(write(&world, &acme, FIRST, &now).status, 401, "it counts once");
}
