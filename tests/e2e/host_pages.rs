//! The host's pages in a browser: signing in by a password and at a provider, and a program by the code that it shows.

use serde_json::json;

use crate::chromium::Chromium;
use crate::host_sign_in::{invitation, person, program_waits};
use crate::provider::Provider;
use crate::world::World;

const PASSWORD: &str = "correct horse battery";

/// The host's address under the name that browsers are given, beside which a provider at `127.0.0.1` is another site.
fn site(world: &World) -> String {
    format!("http://localhost:{}", world.host.address.rsplit(':').next().unwrap())
}

fn at_provider(browser: &Chromium, address: &str) {
    browser.open("/login");
    browser.click("a[href^='/login/sso']");
    browser.write("input[name=login]", address);
    browser.write("input[name=password]", "any");
    browser.click("button[type=submit]");
}

#[test]
fn a_user_sets_a_password_and_confirms_a_program_in_a_browser() {
    let world = World::start();
    world.customer().ok(&["host", "users", "add", "ann", "deployer"]);
    let browser = Chromium::start(&site(&world));

    browser.open(&format!("/set-up?token={}", invitation(&world, "ann")));
    browser.write("input[name=password]", PASSWORD);
    browser.write("input[name=again]", PASSWORD);
    browser.click("form[action='/set-up'] button");
    browser.until_at("/account");
    browser.until_shows("main", "deployer on this host");
    browser.click("form[action='/logout'] button");
    browser.until_at("/login");

    // Whoever follows the link of a program signs in first, and is shown its code again.
    let ann = person(&world, "ann");
    let waiting = program_waits(&ann);
    browser.open(&format!("/device?user_code={}", waiting.code));
    browser.write("input[name=name]", "ann");
    browser.write("input[name=password]", PASSWORD);
    browser.click("form[action='/login'] button");
    browser.until_at(&format!("/device?user_code={}", waiting.code));
    browser.click("form[action='/device'] button");
    browser.until_shows("h1", "The program is signed in");
    assert_eq!(waiting.session()["user"], "ann");
    assert_eq!(ann.ok(&["host", "whoami"])["role"], "deployer");
}

#[test]
fn whoever_a_provider_signs_in_may_what_its_groups_may() {
    let mut world = World::start();
    let site = site(&world);
    let provider = Provider::start(&format!("{site}/login/sso/callback"));
    let first = world.customer();
    first.ok(&["host", "teams", "set", "ml", "--target", "gpu"]);
    let secret = first.file("oidc.secret", b"a-secret-of-corp");
    let words = [
        "--url",
        &site,
        "--oidc-issuer",
        &provider.issuer,
        "--oidc-client-id",
        "chandlery",
        "--oidc-client-secret-file",
        &secret,
        "--oidc-role",
        "leads=approver",
        "--oidc-team",
        "ml=ml",
        "--oidc-only",
    ];
    world.restart_host_with(&words.map(str::to_owned));

    let browser = Chromium::start(&site);
    at_provider(&browser, "ann+leads+ml@corp.example");
    browser.until_at("/account");
    browser.until_shows("main", "approver on this host");
    browser.until_shows("main", "in team ml, on gpu");
    let waiting = program_waits(&person(&world, "ann"));
    browser.open(&format!("/device?user_code={}", waiting.code));
    browser.click("form[action='/device'] button");
    browser.until_shows("h1", "The program is signed in");
    let session = waiting.session();
    assert_eq!((&session["opened_by"], &session["kind"]), (&json!("provider"), &json!("program")));

    // Whoever is in no group that the host knows is refused by name, in a browser that nobody is signed in with.
    let other = Chromium::start(&site);
    at_provider(&other, "eve+others@corp.example");
    other.until_shows("p.fault", "'eve+others' may not");
    let users = first.ok(&["host", "users", "list"]);
    let names: Vec<_> = users["items"].as_array().unwrap().iter().map(|user| &user["name"]).collect();
    assert_eq!(names, ["admin", "ann-leads-ml"]);

    // Nobody has a password beside it but the first admin, whose token is one.
    assert_eq!(first.refused(&["host", "users", "invite", "ann-leads-ml"]).0.r#type, "conflict");
    let removed = first.ok(&["host", "users", "remove", "ann-leads-ml"]);
    assert_eq!(removed["ended"], json!([]));
    browser.open("/account");
    browser.until_at("/login?next=/account");
    assert_eq!(person(&world, "ann").refused(&["host", "whoami"]).0.r#type, "unauthenticated");
}
