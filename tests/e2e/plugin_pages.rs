//! What a plugin's page leads to: what it may do since the release before, its badge, its advisories, and a report of it.

use chandlery_package::Manifest;
use serde_json::json;

use crate::forge;
use crate::world::{Answer, Person, World, until};

const PAGE: &str = "/plugins/acme/agent";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn page(world: &World, path: &str) -> String {
    let (status, text) = world.get(path, &[]);
    assert_eq!(status, 200, "{path}: {text}");
    text
}

/// Publishes a release of acme's agent, which asks for these permissions.
fn publish(acme: &Person, version: &str, permissions: &str) {
    let text = format!(
        "name = \"acme:agent\"\nversion = \"{version}\"\nkind = \"template\"\ncontract = \"0.1.0\"\ntitle = \"Agent\"\n\
         description = \"It acts.\"\nlicense = \"MIT\"\npermissions = [{permissions}]\n"
    );
    acme.publish(&forge::described(&Manifest::from_toml(&text).unwrap()));
}

fn advise(acme: &Person, id: &str, summary: &str) {
    let advisory = json!({
        "id": id, "summary": summary, "details": "Take the next one.", "database_specific": { "severity": "HIGH" },
        "affected": [{
            "package": { "ecosystem": "Chandlery", "name": "acme:agent" }, "versions": ["1.0.0"],
        }],
    });
    let file = acme.file("advisory.json", advisory.to_string().as_bytes());
    acme.ok(&["advisories", "add", "acme:agent", &file]);
}

#[test]
fn a_page_says_what_a_release_may_do_more_than_the_one_before() {
    let world = World::with_limits();
    let acme = world.publisher("acme");
    publish(&acme, "1.0.0", "\"secret:hub-token\"");
    let first = page(&world, PAGE);
    assert!(first.contains("What it may do") && !first.contains("<h3>Since"), "{first}");
    publish(&acme, "1.1.0", "\"secret:other-token\"");
    for path in [PAGE.to_owned(), format!("{PAGE}/releases/1.1.0")] {
        let shown = page(&world, &path);
        let since = shown.split("<h3>Since ").nth(1).unwrap_or_else(|| panic!("{path}: {shown}"));
        assert!(since.starts_with(&format!("<a href=\"{PAGE}/releases/1.0.0\">1.0.0</a>")), "{since}");
        let (more, less) = (since.find("other-token").unwrap(), since.find("hub-token").unwrap());
        assert!(since.find("It asks for more").unwrap() < more && more < less, "{since}");
    }
    publish(&acme, "1.2.0", "\"secret:other-token\"");
    let same = page(&world, PAGE);
    assert!(same.contains(">1.1.0</a></h3><p>The same.</p>"), "{same}");
}

#[test]
fn what_runs_stands_on_the_page_and_orders_the_shop() {
    let mut world = World::with_limits();
    let acme = world.publisher("acme");
    publish(&acme, "1.0.0", "");
    assert!(page(&world, PAGE).contains("by no account within a day"));
    assert!(!page(&world, "/").contains("Most deployed"));
    let now = chandlery_registry::time(jiff::Timestamp::now());
    world.stores.sql(&format!(
        "insert into usage_events (id, account, month, deployment, plugin, version, from_at, to_at, replica_millis, gpu_millis,
                                   units, received_at)
         values ('one', 'globex', '2026-01', 'd', 'acme:agent', '1.0.0', '{now}', '{now}', 5, 0, '', '{now}')"
    ));
    // It counts when it starts, and every hour from then on.
    world.restart_registry();
    until("it is counted", || page(&world, PAGE).contains("by 1 account within a day").then_some(()));
    let home = page(&world, "/");
    assert!(home.contains("Most deployed") && home.contains("deployed by 1 account"), "{home}");
    assert!(page(&world, "/search?order=deployed").contains(PAGE));
}

#[test]
fn two_plugins_stand_beside_each_other() {
    let world = World::with_limits();
    let acme = world.publisher("acme");
    publish(&acme, "1.0.0", "\"secret:hub-token\"");
    acme.ok(&["orders", "price", "acme:agent", "9.00 USD"]);
    let nothing = page(&world, "/compare?one=acme:agent");
    assert!(nothing.contains("value=\"acme:agent\"") && !nothing.contains("In short"), "{nothing}");
    assert!(page(&world, PAGE).contains("href=\"/compare?one=acme:agent\""));
    let both = page(&world, "/compare?one=acme:agent&other=acme:agent");
    for part in ["9.00 USD once", "hub-token", ">MIT<", "In short"] {
        assert!(both.matches(part).count() >= 1, "{part}: {both}");
    }
    for (other, status) in [("acme:none", 404), ("no name", 400)] {
        let path = format!("/compare?one=acme:agent&other={}", other.replace(' ', "+"));
        assert_eq!(world.get(&path, &[]).0, status, "{other}");
    }
    acme.ok(&["namespace", "visibility", "acme", "private"]);
    assert_eq!(world.get("/compare?one=acme:agent", &[]).0, 404);
}

#[test]
fn a_badge_has_the_newest_release_and_is_shown_elsewhere_while_the_plugin_is_public() {
    let world = World::with_limits();
    let acme = world.publisher("acme");
    publish(&acme, "1.0.0", "");
    publish(&acme, "1.1.0", "");
    publish(&acme, "2.0.0-rc.1", "");
    let badge = |headers: &[(&str, &str)]| -> Answer {
        world.send("GET", &format!("{PAGE}/badge.svg"), None, headers, "")
    };
    let shown = badge(&[]);
    assert_eq!((shown.status, shown.header("content-type")), (200, "image/svg+xml; charset=utf-8"));
    assert_eq!(shown.header("cross-origin-resource-policy"), "cross-origin");
    assert_eq!(shown.header("content-security-policy"), "sandbox; default-src 'none'");
    let text = shown.text();
    assert!(text.starts_with("<svg xmlns=") && text.contains(">acme:agent</text>"), "{text}");
    assert!(text.contains(">1.1.0</text>"), "no pre-release stands for it: {text}");
    let own = page(&world, PAGE);
    let markdown = format!("[![acme:agent]({0}{PAGE}/badge.svg)]({0}{PAGE})", world.origin());
    assert!(own.contains(&markdown) && own.contains("alt=\"acme:agent 1.1.0\""), "{own}");

    acme.ok(&["namespace", "visibility", "acme", "private"]);
    assert_eq!(badge(&[]).status, 404);
    let cookie = world.session(&acme);
    let own = badge(&[("cookie", &cookie)]);
    assert_eq!((own.status, own.header("cross-origin-resource-policy")), (200, "same-origin"));
    acme.ok(&["namespace", "visibility", "acme", "public"]);
    world.operator().ok(&["quarantine", "acme:agent", "it is looked into"]);
    let quarantined = badge(&[]).text();
    assert!(quarantined.contains(">not to be installed</text>"), "{quarantined}");
}

#[test]
fn feeds_tell_of_advisories_as_they_come_and_go() {
    let world = World::with_limits();
    let acme = world.publisher("acme");
    publish(&acme, "1.0.0", "");
    let all = |path: &str| page(&world, path);
    let own = format!("{PAGE}/advisories.xml");
    for feed in ["/feeds/advisories.xml", own.as_str()] {
        assert!(!all(feed).contains("<entry>"), "{feed}");
    }
    advise(&acme, "ACME-2026-1", "It leaks & <b>more</b>");
    advise(&acme, "ACME-2026-2", "It does not start");
    acme.ok(&["advisories", "withdraw", "acme:agent", "ACME-2026-2"]);
    for feed in ["/feeds/advisories.xml", own.as_str()] {
        let text = all(feed);
        assert!(text.starts_with("<?xml") && text.matches("<entry>").count() == 2, "{text}");
        let withdrawn = text.find("acme:agent: It does not start (withdrawn)").unwrap();
        let holds = text.find("acme:agent: It leaks &amp; &lt;b&gt;more&lt;/b&gt; (HIGH)").unwrap();
        assert!(withdrawn < holds, "what was changed last comes first: {text}");
        for part in [
            format!("<id>{}/api/v1/advisories/ACME-2026-1</id>", world.origin()),
            format!("href=\"{}{PAGE}\"", world.origin()),
            "<summary>Take the next one.</summary>".into(),
        ] {
            assert!(text.contains(&part), "{part}: {text}");
        }
    }
    acme.ok(&["namespace", "visibility", "acme", "private"]);
    assert!(!all("/feeds/advisories.xml").contains("<entry>"));
    assert_eq!(world.get(&own, &[]).0, 404);
}

#[test]
fn whoever_has_an_account_reports_a_plugin_on_its_page() {
    let world = World::with_limits();
    publish(&world.publisher("acme"), "1.0.0", "");
    let ann = world.person("ann");
    ann.register();
    let (cookie, origin) = (world.session(&ann), world.origin());
    let path = format!("{PAGE}/report");
    let log_in = world.send("GET", &format!("{path}?version=1.0.0"), None, &[], "");
    assert_eq!(log_in.status, 303);
    assert_eq!(log_in.header("location"), "/login?next=/plugins/acme/agent/report%3Fversion%3D1%2E0%2E0");
    let filled = world.get(&format!("{path}?version=1.0.0"), &[("cookie", &cookie)]);
    assert!(filled.0 == 200 && filled.1.contains("value=\"1.0.0\""), "{filled:?}");
    let report = |body: &str| {
        let headers = [FORM, ("cookie", cookie.as_str()), ("origin", origin.as_str())];
        world.send("POST", &path, None, &headers, body)
    };
    for (body, status, says) in [
        ("version=1.0.0&why=", 400, "what is wrong"),
        ("version=newest&why=It+mines+coins", 400, "value=\"newest\""),
        ("version=9.9.9&why=It+mines+coins", 404, "It mines coins</textarea>"),
    ] {
        let answer = report(body);
        assert!(answer.status == status && answer.text().contains(says), "{body}: {}", answer.text());
    }
    assert_eq!(world.operator().ok(&["reports"]), json!([]));
    let taken = report("version=1.0.0&why=It+mines+coins").text();
    assert!(taken.contains("It is report 1."), "{taken}");
    let all = report("version=&why=All+of+it").text();
    assert!(all.contains("It is report 2."), "{all}");
    let listed = world.operator().ok(&["reports"]);
    let told = |number: usize| (listed[number]["subject"].clone(), listed[number]["why"].clone());
    assert_eq!(told(1), (json!("acme:agent@1.0.0"), json!("It mines coins")));
    assert_eq!(told(0), (json!("acme:agent"), json!("All of it")));
}

#[test]
fn a_publisher_is_known_by_the_domains_of_the_organisation_that_owns_it() {
    let world = World::with_limits();
    let acme = world.publisher("acme");
    publish(&acme, "1.0.0", "");
    acme.ok(&["organisation", "create", "umbrella"]);
    for (domain, proved) in [("example.org", "'2026-01-01T00:00:00.000000Z'"), ("example.com", "null")] {
        world.stores.sql(&format!(
            "insert into organisation_domains (organisation, domain, token, added_at, proved_at)
             values ('umbrella', '{domain}', 'x', '2026-01-01T00:00:00.000000Z', {proved})"
        ));
    }
    let shows = || {
        let shown = page(&world, "/publishers/acme");
        ["example.org", "example.com"].map(|domain| shown.contains(domain))
    };
    let belongs = |role: &str| {
        world.stores.sql("delete from namespace_members where account = 'umbrella'");
        world.stores.sql(&format!(
            "insert into namespace_members (namespace, account, role) values ('acme', 'umbrella', '{role}')"
        ));
    };
    assert_eq!(shows(), [false, false]);
    belongs("publisher");
    assert_eq!(shows(), [false, false], "who publishes there speaks not for it");
    belongs("owner");
    assert_eq!(shows(), [true, false], "what is proved alone");
    world.stores.sql(
        "insert into suspensions (account, reason, since) values ('umbrella', 'x', '2026-01-01T00:00:00.000000Z')",
    );
    assert_eq!(shows(), [false, false]);
}
