//! The host's pages: signing in by a password and at a provider, and a program by the code that it shows, in a browser; and the console by
//! HTTP.

use serde_json::json;

use crate::chromium::Chromium;
use crate::host_sign_in::{invitation, person, program_waits, signed_up};
use crate::provider::Provider;
use crate::world::{Answer, World, plugin};

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
    browser.until_at("/deployments");
    browser.click("a[href='/account']");
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
    browser.until_at("/deployments");
    browser.click("a[href='/account']");
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
    assert_eq!(users["items"][1]["issuer"], provider.issuer.as_str());

    // An admin who means another ann gives nothing to whoever wished for the name at the provider.
    let add = ["host", "users", "add", "ann-leads-ml", "admin"];
    let refused = first.refused(&add).0;
    assert!(refused.r#type == "conflict" && refused.detail.contains(&provider.issuer), "{refused:?}");

    // Nobody has a password beside it but the first admin, whose token is one.
    assert_eq!(first.refused(&["host", "users", "invite", "ann-leads-ml"]).0.r#type, "conflict");
    let removed = first.ok(&["host", "users", "remove", "ann-leads-ml"]);
    assert_eq!(removed["ended"], json!([]));
    browser.open("/account");
    browser.until_at("/login?next=/account");
    assert_eq!(person(&world, "ann").refused(&["host", "whoami"]).0.r#type, "unauthenticated");
}

/// A page of the host as it is answered to whoever has this cookie.
fn page(world: &World, path: &str, cookie: &str) -> Answer {
    let url = format!("http://{}{path}", world.host.address);
    world.send("GET", &url, None, &[("cookie", cookie)], "")
}

/// The page's text, which is there.
fn shown(world: &World, path: &str, cookie: &str) -> String {
    let answer = page(world, path, cookie);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    assert!(answer.header("content-type").starts_with("text/html"), "{path}");
    answer.text()
}

fn must_show(world: &World, path: &str, cookie: &str, texts: &[&str]) {
    let page = shown(world, path, cookie);
    for text in texts {
        assert!(page.contains(text), "{path} lacks '{text}': {page}");
    }
}

#[test]
fn the_console_shows_what_there_is_to_whoever_may_see_it() {
    let world = World::start();
    let first = world.customer();
    for (name, role) in [("ann", "viewer"), ("chief", "admin")] {
        first.ok(&["host", "users", "add", name, role]);
    }
    let (ann, chief) = (signed_up(&world, "ann"), signed_up(&world, "chief"));

    // Where there is nothing yet, each page says what to do, or that there is none.
    for (path, text) in [
        ("/deployments", "Nothing is deployed yet"),
        ("/plugins", "Nothing is installed yet"),
        ("/integrations", "every plan passes"),
        ("/integrations", "nobody is told"),
        ("/secrets", "There are no secrets"),
        ("/targets", "<h2 id=\"local\">"),
        ("/activity", "set-user"),
        ("/activity?user=nobody&refused=true", "No entries match"),
        ("/activity?from=2020-01-01&to=", "set-user"),
        ("/activity?from=&to=2020-01-01", "No entries match"),
        ("/account", "viewer on this host"),
    ] {
        must_show(&world, path, &ann, &[text, "<nav aria-label=\"Site\">", "/style.css"]);
    }
    assert_eq!(page(&world, "/", &ann).header("location"), "/deployments");
    assert!(String::from_utf8_lossy(&page(&world, "/style.css", "").body).contains("--line-length"));

    world.publisher("mallory").publish(&plugin("hostile"));
    first.ok(&["install", "mallory:hostile"]);
    first.set_secret("api-key", "a value that nobody reads");
    for (name, team) in [("web", "ml"), ("idle", "ops")] {
        first.ok(&["deploy", "hostile", "--name", name, "--team", team, "--set", "attack=none"]);
    }

    // The list, by what its address says, and a page of it at a time.
    must_show(&world, "/deployments", &ann, &["/deployments/web", "/deployments/idle", "1/1", "ready"]);
    for (query, texts, lacks) in [
        ("team=ml", "/deployments/web", "/deployments/idle"),
        ("target=local&health=ready&team=ops", "/deployments/idle", "/deployments/web"),
        ("health=failed", "No deployments match", "/deployments/web"),
        ("target=elsewhere", "No deployments match", "/deployments/web"),
        ("team=&limit=1", "/deployments/idle", "/deployments/web"),
        ("health=ready&limit=1", "/deployments/idle", "/deployments/web"),
    ] {
        let list = shown(&world, &format!("/deployments?{query}"), &ann);
        assert!(list.contains(texts) && !list.contains(lacks), "{query}: {list}");
    }
    let list = shown(&world, "/deployments?health=ready&limit=1", &ann);
    let next = list.split(" rel=\"next\"").next().unwrap().rsplit("href=").next().unwrap();
    must_show(&world, &next.replace('"', "").replace("&amp;", "&"), &ann, &["/deployments/web"]);

    // One deployment, down to the log; its logs are followed by a script, and no other page runs one.
    let status = first.ok(&["status", "web"]);
    let digest = status[0]["plan_digest"].as_str().unwrap();
    let one = shown(&world, "/deployments/web", &ann);
    for text in
        ["ready", "mallory:hostile@", digest, "SHA256:", "rolled-out", "deploy", "chandlery replay web"]
    {
        assert!(one.contains(text), "{text}: {one}");
    }
    assert!(!one.contains("<script"));
    let logs = page(&world, "/deployments/web/logs?lines=7&revision=all", &ann);
    assert!(
        logs.text().contains("src=\"/logs.js\"") && logs.text().contains("id=\"logs\""),
        "{}",
        logs.text()
    );
    assert!(logs.header("content-security-policy").contains("script-src 'self'"));
    must_show(&world, "/plugins", &ann, &["mallory:hostile@", "write to this host's log", "SHA256:"]);
    must_show(&world, "/targets", &ann, &["chandlery target add", "/deployments?target=local\">2</a>"]);
    must_show(&world, "/activity?act=deploy&about=web", &ann, &["admin", "done"]);
    assert!(!shown(&world, "/activity?act=install", &ann).contains("set-user"));
    must_show(&world, "/secrets", &ann, &["api-key", "no plugin was granted it"]);
    assert!(!shown(&world, "/secrets", &chief).contains("a value that nobody reads"));

    // What is refused says why, and what is for admins is shown to them alone.
    for (path, cookie, status, text) in [
        ("/users", &ann, 403, "it takes the role admin"),
        ("/deployments/none", &ann, 404, "none"),
        ("/deployments/none/logs", &ann, 404, "none"),
        ("/deployments?health=fine", &ann, 400, "is no health of a deployment"),
        ("/deployments?after=x", &ann, 400, "begin anew"),
    ] {
        let answer = page(&world, path, cookie);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        for part in [text, "<h1>", "href=\"/deployments\""] {
            assert!(answer.text().contains(part), "{path}: {part}: {}", answer.text());
        }
    }
    assert!(!shown(&world, "/deployments", &ann).contains("href=\"/users\""));
    must_show(&world, "/users", &chief, &["ann", "viewer", "chief", "href=\"/users\""]);
    let sent_on = page(&world, "/deployments/web", "");
    assert_eq!((sent_on.status, sent_on.header("location")), (303, "/login?next=/deployments/web"));
}
