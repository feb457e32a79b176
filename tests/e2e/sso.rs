//! Single sign-on: a real OpenID provider, a browser that goes there and back, and programs that are signed in on a page.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::chromium::Chromium;
use crate::factors::code;
use crate::provider::Provider;
use crate::world::{Answer, Person, World, until};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const CALLBACK: &str = "/login/sso/callback/corp";

/// The organisation `corp` of somebody, with a proved domain and a provider.
struct Corp {
    world: World,
    provider: Provider,
    own: Person,
}

impl Corp {
    fn open() -> Self {
        let mut world = World::start();
        let origin = world.origin();
        world.restart_registry_with(&["--url".to_owned(), origin.clone()]);
        let provider = Provider::start(&format!("{origin}{CALLBACK}"));
        let own = world.person("own");
        own.register();
        own.ok(&["organisation", "create", "corp", "--title", "Corp"]);
        world.stores.sql(
            "insert into organisation_domains (organisation, domain, token, added_at, proved_at, checked_at)
             values ('corp', 'corp.example', 'none', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z',
                     '2999-01-01T00:00:00.000000Z')",
        );
        let corp = Self { world, provider, own };
        corp.set(&[]);
        corp
    }

    /// Sets the provider as the owner of the organisation.
    fn set(&self, more: &[&str]) -> Value {
        let file = self.own.file("client-secret", b"a-secret-of-corp\n");
        let set = ["sign-on", "set", "corp", &self.provider.issuer, "chandlery", "--secret-file", &file];
        self.own.ok(&[&set[..], more].concat())
    }

    fn browser(&self) -> Chromium {
        Chromium::start(&self.world.origin())
    }

    /// Invites somebody with a verified address.
    fn member(&self, name: &str, role: &str) -> Person {
        let person = self.world.person(name);
        person.register();
        self.give_address(name);
        self.own.ok(&["organisation", "invite", "corp", name, "--role", role]);
        person.ok(&["organisation", "accept", "corp"]);
        person
    }

    fn give_address(&self, name: &str) {
        let sql = format!("update accounts set email = '{name}@corp.example' where name = '{name}'");
        self.world.stores.sql(&sql);
    }

    fn log_in(&self, person: &Person) -> Answer {
        let login = json!({ "name": person.name, "password": person.password() });
        self.world.send("POST", "/api/v1/tokens", None, &JSON, login.to_string())
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        self.world.stores.texts(sql)
    }
}

/// Signs in on the provider's page.
fn sign(browser: &Chromium, email: &str) {
    browser.write("input[name=login]", email);
    browser.write("input[name=password]", "anything");
    browser.click("button.login-submit");
}

#[test]
fn people_of_an_organisation_sign_in_by_its_provider() {
    let corp = Corp::open();
    let world = &corp.world;
    // Somebody else has the name already.
    world.person("ann").register();

    let browser = corp.browser();
    browser.open("/login?next=/account/sessions");
    browser.write("input[name=email]", "ann@corp.example");
    browser.click("form[action='/login/sso'] button");
    sign(&browser, "ann@corp.example");
    browser.until_at("/account/sessions");
    browser.until_shows("h1", "ann-2");
    browser.until_shows("tbody", "provider");
    let members = corp.own.list("/api/v1/organisations/corp/members");
    let ann = members.iter().find(|member| member["account"] == "ann-2").unwrap();
    assert_eq!((&ann["role"], &ann["origin"]), (&json!("member"), &json!("sso")));

    // The second time it is the same account; the provider knows the browser.
    browser.click("form[action='/logout'] button");
    browser.until_at("/login");
    browser.open("/login/sso?organisation=corp&next=/account/sign-on");
    browser.until_at("/account/sign-on");
    browser.until_shows("h1", "ann-2");
    let known = corp.texts("select account from identities");
    assert_eq!(known, ["ann-2"]);
    assert_eq!(corp.texts("select email from accounts where name = 'ann-2'"), ["ann@corp.example"]);

    // Who has nothing else is not unlinked; who has a passkey is, and what the provider has opened ends.
    browser.click("td form button");
    browser.until_shows(".fault", "neither a password nor a passkey");
    assert_eq!(corp.texts("select account from identities"), ["ann-2"]);
    world.stores.sql(
        "insert into passkeys (id, account, name, passkey, created_at)
         values ('p', 'ann-2', 'phone', '', '2026-01-01T00:00:00.000000Z')",
    );
    browser.click("td form button");
    browser.until_at("/login?next=/account/sign-on");
    assert!(corp.texts("select account from identities").is_empty());
    assert!(corp.texts("select hash from tokens where account = 'ann-2'").is_empty());
    world.stores.sql("delete from passkeys");
    browser.open("/login/sso?organisation=corp&next=/account/sign-on");
    browser.until_shows("tbody", "corp");

    // Nobody comes in whose token is another's, or who is of another domain, or whose address is not verified.
    let other = corp.browser();
    other.open("/login/sso?organisation=corp");
    other.write("input[name=login]", "bob@corp.example");
    world.stores.sql("update sign_ins set nonce = 'of another sign-in'");
    other.write("input[name=password]", "anything");
    other.click("button.login-submit");
    other.until_shows(".fault", "nonce");
    other.open("/login/sso?organisation=corp");
    other.until_at("/account");
    for (email, why) in
        [("eve@other.example", "has not proved the domain"), ("unverified@corp.example", "no e-mail address")]
    {
        let stranger = corp.browser();
        stranger.open("/login/sso?organisation=corp");
        sign(&stranger, email);
        stranger.until_shows(".fault", why);
    }
    assert_eq!(
        corp.texts("select name from accounts where email like '%@other.example'"),
        Vec::<String>::new()
    );

    // Whoever is a member no more has no session soon, and comes back by nothing.
    let removed =
        world.send("DELETE", "/api/v1/organisations/corp/members/ann-2", Some(&corp.own.token()), &[], "");
    assert_eq!(removed.status, 204, "{}", removed.text());
    until("the session of a member who left ends", || {
        corp.texts("select hash from tokens where account = 'ann-2'").is_empty().then_some(())
    });
    browser.open("/login/sso?organisation=corp");
    browser.until_shows(".fault", "is no member of 'corp'");

    // Nor does anybody when the provider is removed.
    corp.own.ok(&["sign-on", "remove", "corp"]);
    assert!(corp.texts("select hash from tokens where opened_by = 'provider'").is_empty());
    assert_eq!(world.get("/login/sso?organisation=corp", &[]).0, 404);
    let trail = world.operator().text(&["audit", "export"]);
    for act in ["provider-set", "identity-linked", "identity-unlinked", "provider-removed"] {
        assert!(trail.contains(act), "{act}");
    }
    assert!(!trail.contains("a-secret-of-corp"));
}

#[test]
fn a_sign_in_ends_where_it_began_once_and_in_time() {
    let corp = Corp::open();
    let world = &corp.world;
    let come_back =
        |query: &str, cookie: &str| world.get(&format!("{CALLBACK}?{query}"), &[("cookie", cookie)]);
    let begin = || {
        let answer =
            world.send("GET", "/login/sso?email=Ann@CORP.example&next=//evil.example", None, &[], "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let onward = answer.header("refresh").strip_prefix("0;url=").unwrap().to_owned();
        assert!(onward.starts_with(&format!("{}/", corp.provider.issuer)), "{onward}");
        let cookie = answer.header("set-cookie");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let state = cookie.split('=').nth(1).unwrap().to_owned();
        assert!(onward.contains(&format!("state={state}")) && onward.contains("code_challenge_method=S256"));
        (state, cookie)
    };
    let (state, cookie) = begin();
    assert_eq!(corp.texts("select next from sign_ins"), ["/account"], "it leads to nobody else");
    assert!(!corp.texts("select state from sign_ins").contains(&state), "only its digest is kept");
    for (from, leads) in [("none", true), ("same-origin", true), ("cross-site", false), ("same-site", false)]
    {
        let asked = [("sec-fetch-site", from)];
        let answer = world.send("GET", "/login/sso?organisation=corp", None, &asked, "");
        assert_eq!((answer.status, !answer.header("refresh").is_empty()), (200, leads), "{from}");
    }
    let (other, _) = begin();
    let issuer = &corp.provider.issuer;
    for (query, cookie, why) in [
        (format!("state={state}&code=x"), "", "not begun in this browser"),
        (format!("state={other}&code=x"), cookie.as_str(), "not begun in this browser"),
        ("code=x".to_owned(), cookie.as_str(), "not begun in this browser"),
        (format!("state={state}&code=x&iss=https://evil.example"), cookie.as_str(), "another provider"),
        (format!("state={state}&code=x&iss={issuer}"), cookie.as_str(), "was finished"),
    ] {
        let (status, text) = come_back(&query, cookie);
        assert!(status == 422 && text.contains(why), "{query}: {status} {text}");
    }
    for (query, why) in [
        ("code=x", "the provider refuses"),
        ("error=access_denied", "access_denied"),
        ("error=%3Cscript%3E", "&lt;script&gt;"),
        ("", "no code"),
    ] {
        let (state, cookie) = begin();
        let (status, text) = come_back(&format!("state={state}&{query}"), &cookie);
        assert!(status == 422 && text.contains(why), "{query}: {status} {text}");
    }
    // A code that was sent back to another organisation's path is another provider's: it is shown to nobody.
    let (state, cookie) = begin();
    let elsewhere = format!("/login/sso/callback/hooli?state={state}&code=x");
    let (status, text) = world.get(&elsewhere, &[("cookie", cookie.as_str())]);
    assert!(status == 422 && text.contains("another provider"), "{status} {text}");
    let (state, cookie) = begin();
    world.stores.sql("update sign_ins set expires_at = '2020-01-01T00:00:00.000000Z'");
    let (status, text) = come_back(&format!("state={state}&code=x"), &cookie);
    assert!(status == 422 && text.contains("ten minutes"), "{text}");
    for (query, status) in [("", 400), ("email=ann@nobody.example", 404), ("organisation=nobody", 404)] {
        assert_eq!(world.get(&format!("/login/sso?{query}"), &[]).0, status, "{query}");
    }

    // A provider is chosen by who manages the organisation; its secret is shown to nobody; nobody becomes an owner by it.
    let eve = world.person("eve");
    eve.register();
    for words in [&["sign-on", "show", "corp"][..], &["sign-on", "remove", "corp"]] {
        assert_eq!(eve.refused(words).0.r#type, "forbidden");
    }
    let shown = corp.own.ok(&["sign-on", "show", "corp"]);
    assert_eq!((&shown["has_secret"], &shown["enforced"]), (&json!(true), &json!(false)));
    assert!(!shown.to_string().contains("a-secret-of-corp"), "{shown}");
    let set = ["sign-on", "set", "corp", issuer, "chandlery"];
    for (more, word) in [(["--role", "owner"], "invalid"), (["--enforce", "--role=member"], "conflict")] {
        assert_eq!(corp.own.refused(&[&set[..], &more[..]].concat()).0.r#type, word);
    }
}

#[test]
fn where_a_provider_is_enforced_members_sign_in_by_nothing_else() {
    let corp = Corp::open();
    let world = &corp.world;
    corp.give_address("own");
    let ann = corp.member("ann", "admin");
    let works = |token: &str| world.send("GET", "/api/v1/account", Some(token), &[], "").status == 200;

    // Nobody is linked by a log-in of long ago: whoever has that for a while would have the account for ever.
    world.stores.sql("update tokens set created_at = '2020-01-01T00:00:00.000000Z' where account = 'own'");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let late = world.send("POST", "/account/sign-on", Some(&corp.own.token()), &form, "organisation=corp");
    assert_eq!(late.status, 403, "{}", late.text());

    // An owner is not linked by an address alone: whoever sets a provider would become one.
    let owners = corp.browser();
    owners.open("/login/sso?organisation=corp");
    sign(&owners, "own@corp.example");
    owners.until_shows(".fault", "link it on the page /account/sign-on");
    owners.open("/login?next=/account/sign-on");
    owners.write("input[name=name]", "own");
    owners.write("input[name=password]", corp.own.password());
    owners.click("form[action='/login'] button");
    owners.until_at("/account/sign-on");
    owners.click("main form button");
    owners.until_shows("tbody", "corp");
    assert_eq!(corp.texts("select account from identities"), ["own"]);

    // From then on passwords open nothing, and what they have opened ends.
    let (anns, owns) = (ann.token(), corp.own.token());
    assert!(works(&anns) && works(&owns));
    corp.set(&["--enforce"]);
    assert!(!works(&anns) && !works(&owns));
    let refused = corp.log_in(&ann);
    assert_eq!((refused.status, &refused.json()["type"]), (403, &json!("sso-required")));
    assert!(refused.json()["detail"].as_str().unwrap().contains("/login/sso?organisation=corp"));
    assert_eq!(corp.log_in(&corp.own).status, 403);
    let page = world.log_in_from(&world.origin(), &ann);
    assert!(page.status == 403 && page.header("set-cookie").is_empty(), "{}", page.text());

    // An owner with a second factor breaks the glass.
    world.stores.sql(&format!(
        "insert into second_factors (account, secret, made_at, confirmed_at) values ('own', '{SECRET}', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z')"
    ));
    let answer = corp.log_in(&corp.own);
    assert_eq!(answer.status, 202, "{}", answer.text());
    let shown = json!({ "challenge": answer.json()["challenge"], "code": code(SECRET, 0) });
    let answer = world.send("POST", "/api/v1/second-factor", None, &JSON, shown.to_string());
    assert!(works(answer.json()["token"].as_str().unwrap()));

    // Programs are signed in on a page, in a session that the provider has opened.
    let mut command = ann.command(&["login", "--web"]);
    let mut waiting = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(waiting.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    let typed = said.split("code ").nth(1).unwrap().split(',').next().unwrap().to_owned();
    assert!(said.contains(&format!("{}/device/{typed}", world.origin())), "{said}");
    let anns = corp.browser();
    anns.open(&format!("/device/{typed}"));
    anns.write("input[name=email]", "ann@corp.example");
    anns.click("form[action='/login/sso'] button");
    sign(&anns, "ann@corp.example");
    anns.until_at(&format!("/device/{typed}"));
    anns.until_shows("[data-figure=code]", &typed);
    anns.until_shows("main", "127.0.0.1");
    anns.click("main form button");
    anns.until_shows("h1", "Logged in");
    assert!(waiting.wait().unwrap().success());
    assert!(works(&ann.token()));
    let sessions = ann.list("/api/v1/account/sessions");
    let program = sessions.iter().find(|session| session["note"] == "program").unwrap();
    assert_eq!(program["opened_by"], "provider");
    assert_eq!(
        world.operator().ok(&["audit", "list", "--act", "device-confirmed"]).as_array().unwrap().len(),
        1
    );
}

#[test]
fn a_program_waits_for_one_person_once_and_not_for_ever() {
    let world = World::start();
    let ann = world.person("ann");
    ann.register();
    let post = |path: &str, token: Option<&str>, body: Value| {
        world.send("POST", path, token, &JSON, body.to_string())
    };
    let api = "/api/v1/device-log-ins";
    let begin = || {
        let begun = post(api, None, json!({ "program": "a <b>program</b>" })).json();
        let text = |name: &str| begun[name].as_str().unwrap().to_owned();
        (text("device_code"), text("user_code"))
    };
    let ask = |code: &str| {
        let answer = post(&format!("{api}/token"), None, json!({ "device_code": code }));
        (answer.status, answer.json())
    };
    let origin = world.origin();
    let act = |cookie: &str, form: &str| {
        let kind = ("content-type", "application/x-www-form-urlencoded");
        world.send("POST", "/device", None, &[kind, ("cookie", cookie), ("origin", &origin)], form)
    };
    let (device, user) = begin();
    assert_eq!(ask(&device).1["type"], "authorization-pending");
    assert_eq!(ask("another").0, 404);
    assert!(
        !world.stores.texts("select hash from device_log_ins").contains(&device),
        "only its digest is kept"
    );

    // Whoever is not signed in is asked to, and comes back.
    let answer = world.send("GET", &format!("/device/{user}"), None, &[], "");
    assert_eq!(answer.header("location"), format!("/login?next=/device/{user}"));
    let cookie = world.session(&ann);
    let (status, page) = world.get(&format!("/device/{user}"), &[("cookie", &cookie)]);
    assert!(status == 200 && page.contains("a &lt;b&gt;program") && page.contains("127.0.0.1"), "{page}");
    assert_eq!(ask(&device).1["type"], "authorization-pending", "to look at it confirms nothing");
    let typed = user.to_lowercase().replace('-', "");
    assert!(act(&cookie, &format!("code={typed}")).text().contains(&user));
    let foreign = world.send(
        "POST",
        "/device",
        None,
        &[("cookie", cookie.as_str()), ("origin", "https://evil.example")],
        format!("code={user}&act=confirm"),
    );
    assert_eq!(foreign.status, 403);
    let made = ann.ok(&["tokens", "new", "full"])["token"].as_str().unwrap().to_owned();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let by_token = world.send("POST", "/device", Some(&made), &form, format!("code={user}&act=confirm"));
    assert_eq!(by_token.status, 403, "what a machine has signs no program in");
    assert_eq!(act(&cookie, &format!("code={user}&act=confirm")).status, 200);
    assert_eq!(act(&cookie, &format!("code={user}&act=confirm")).status, 404, "once");
    let (status, token) = ask(&device);
    assert_eq!((status, &token["account"]), (201, &json!("ann")));
    assert_eq!(ask(&device).0, 404, "once");
    let token = token["token"].as_str().unwrap();
    assert_eq!(world.send("GET", "/api/v1/account", Some(token), &[], "").status, 200);

    // What waits ends with the log-ins of the account, and by itself.
    let (device, user) = begin();
    assert_eq!(act(&cookie, &format!("code={user}&act=confirm")).status, 200);
    let ended = world.send("DELETE", "/api/v1/account/sessions", Some(token), &[], "");
    assert_eq!((ended.status, ask(&device).0), (200, 404));
    let (device, _) = begin();
    world.stores.sql("update device_log_ins set expires_at = '2020-01-01T00:00:00.000000Z'");
    assert_eq!(ask(&device).0, 404);

    // Codes are not guessed.
    let cookie = world.session(&ann);
    assert_eq!(act(&cookie, "code=BBBB-BBBB").status, 404);
    assert!((0..100).any(|_| act(&cookie, "code=BBBB-BBBB").status == 429));
}
