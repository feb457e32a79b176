//! The shop's half of the operator's console: a release that waits for a review and is certified by the page, a report that is handled,
//! and an audit trail that finds just these acts.

use std::collections::BTreeSet;

use chandlery_package::component::{MANIFEST_SECTION, embed};
use chandlery_package::{Component, Kind, Manifest, Permission};
use serde_json::{Value, json};

use crate::customer::Browser;
use crate::world::{World, plugin, until, workspace};

const OCR: &str = "/plugins/acme/ocr-server";
const NEXT: &str = "acme:ocr-server@1.1.0";
const REVIEW: &str = "/operator/reviews/acme/ocr-server/1.1.0";
const RELEASE: &str = "acme:ocr-server@1.0.0";
const QUARANTINES: &str = "/operator/moderation/quarantines";
const WITHDRAWALS: &str = "/operator/moderation/withdrawals";
const ACCOUNTS: &str = "/operator/moderation/accounts";
const NAMES: &str = "/operator/moderation/names";
/// What would be an element, were it written as it is.
const HOSTILE: &str = "<script>alert(1)</script>";

/// The same plugin with another manifest, which is its last section.
fn with_manifest(bytes: &[u8], change: impl Fn(&mut Manifest)) -> Vec<u8> {
    let mut manifest = Component::parse(bytes).unwrap().manifest;
    change(&mut manifest);
    let name = MANIFEST_SECTION.as_bytes();
    let at = bytes.windows(name.len()).rposition(|window| window == name).unwrap();
    // The section begins with a zero; neither its size nor the length of its name has one.
    let begins = bytes[..at].iter().rposition(|byte| *byte == 0).unwrap();
    embed(&bytes[..begins], &manifest).unwrap()
}

/// A release that asks for a secret, and runs two servers unless it is told otherwise.
fn with_more(version: &str) -> Vec<u8> {
    with_manifest(&plugin("ocr-server"), |manifest| {
        manifest.version = version.parse().unwrap();
        manifest.permissions.insert(secret());
        manifest.parameters["replicas"]["default"] = json!(2);
    })
}

fn secret() -> Permission {
    "secret:hub-token".parse().unwrap()
}

fn is_certified(world: &World) -> bool {
    world.get("/search?q=ocr&certified=true", &[]).1.contains(OCR)
}

#[test]
fn a_release_waits_for_a_review_and_is_certified_by_the_page() {
    let world = World::start();
    let (acme, operator) = (world.publisher("acme"), world.another_operator("olga"));
    acme.publish(&plugin("ocr-server"));
    acme.publish(&with_more("1.1.0"));
    let olga = Browser::of(&world, &operator);
    assert!(olga.page("/operator/reviews").contains("No reviews are waiting."));
    assert_eq!(olga.refused(REVIEW, &[("verdict", "certified"), ("reason", "why not")], "no review of"), 409);

    let folder = workspace().join("plugins/ocr-server").display().to_string();
    let note = format!("Pulls from our hub now. {HOSTILE}");
    acme.ok(&["review", NEXT, "--note", &note, "--cases", &folder]);
    assert_eq!(acme.refused(&["reviews"]).0.r#type, "forbidden");
    assert_eq!(Browser::of(&world, &acme).get(REVIEW).0, 403);
    assert_eq!(world.get(REVIEW, &[]).0, 303, "whoever is nobody in particular logs in");
    let waiting = operator.ok(&["reviews"]);
    assert_eq!((&waiting[0]["release"], &waiting[0]["asked_by"]), (&json!(NEXT), &json!("acme")));
    let queue = olga.page("/operator/reviews");
    assert!(queue.contains(REVIEW) && queue.contains("Pulls from our hub now.") && !queue.contains(HOSTILE));

    // What the page shows is what the API says.
    let changes = operator.ok(&["reviews", "show", NEXT]);
    let permission = secret().in_words(Kind::Template);
    assert_eq!(changes["permissions"], json!({ "added": [permission], "removed": [] }));
    assert_eq!(changes["imports"], json!({ "added": [], "removed": [] }));
    assert_eq!(
        (&changes["before"], &changes["parameters"][0]["name"]),
        (&json!("1.0.0"), &json!("replicas"))
    );
    let lines = |name: &str| -> Vec<String> {
        let case = changes["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap();
        serde_json::from_value(case["lines"].clone()).unwrap()
    };
    assert_eq!(lines("local"), Vec::<String>::new(), "this case says how many servers there are");
    assert_eq!(lines("no-image"), Vec::<String>::new(), "both say that it does not fit");
    let differing: Vec<String> =
        lines("kubernetes").into_iter().filter(|line| line.starts_with(['+', '-'])).collect();
    assert!(differing.iter().any(|line| line.starts_with('-') && line.contains("1")), "{differing:?}");
    assert!(differing.iter().any(|line| line.starts_with('+') && line.contains("2")), "{differing:?}");
    let page = olga.page(REVIEW);
    assert!(
        page.contains(&permission) && page.contains("The same answer.") && !page.contains(HOSTILE),
        "{page}"
    );
    for line in &differing {
        assert!(page.contains(&line.replace('"', "&quot;")), "{line}: {page}");
    }

    for (verdict, reason, why) in [
        ("certified", " ", "a reason has from 1"),
        ("", "it is good", "verdict of a review"),
        ("good", "it is good", "good"),
    ] {
        let fields = [("verdict", verdict), ("reason", reason)];
        assert_eq!(olga.refused(REVIEW, &fields, why), 400, "{fields:?}");
    }
    assert!(!is_certified(&world));
    let fields = [("verdict", "certified"), ("reason", "It asks for no more than it needs")];
    assert_eq!(olga.go(REVIEW, &fields), REVIEW);
    until("it is certified in the shop", || is_certified(&world).then_some(()));
    assert!(world.get(OCR, &[]).1.contains("certified"));
    assert_eq!(operator.ok(&["reviews"]), json!([]));
    assert!(olga.page(REVIEW).contains("It asks for no more than it needs"));
    assert_eq!(olga.refused(REVIEW, &fields, "no review of"), 409, "it is decided once");
    assert!(json!(acme.list("/api/v1/notices")).to_string().contains("was reviewed: certified"));
}

#[test]
fn a_new_release_of_a_certified_plugin_waits_by_itself_and_may_end_that() {
    let world = World::start();
    let (acme, operator) = (world.publisher("acme"), world.another_operator("olga"));
    acme.publish(&plugin("ocr-server"));
    let folder = workspace().join("plugins/ocr-server").display().to_string();
    acme.ok(&["review", RELEASE, "--cases", &folder]);
    // Whoever certifies the plugin by its command has reviewed what waits.
    operator.ok(&["certify", "acme:ocr-server"]);
    assert_eq!(operator.ok(&["reviews"]), json!([]));
    acme.publish(&with_more("1.1.0"));
    let waiting = operator.ok(&["reviews"]);
    assert_eq!((&waiting[0]["release"], &waiting[0]["asked_by"]), (&json!(NEXT), &Value::Null));
    assert!(json!(operator.list("/api/v1/notices")).to_string().contains("waits for a review"));
    let olga = Browser::of(&world, &operator);
    let page = olga.page(REVIEW);
    assert!(page.contains("the certification of its plugin") && page.contains("kubernetes"), "{page}");
    operator.ok(&["reviews", "decide", NEXT, "refused", "what is the token for?"]);
    until("it is certified no more", || (!is_certified(&world)).then_some(()));
    let all = olga.page("/operator/reviews?all=true");
    assert!(all.contains("refused") && all.contains("what is the token for?"), "{all}");
    assert_eq!(world.person("auditor").ok(&["log", "audit"])["faults"], json!([]), "the log says so, too");
    // Nobody is to run what was withdrawn, so it waits for nothing.
    acme.ok(&["review", NEXT]);
    operator.ok(&["withdraw", NEXT, "it leaks the token"]);
    assert_eq!(operator.ok(&["reviews"]), json!([]));
    assert_eq!(operator.refused(&["reviews", "decide", NEXT, "certified", "x"]).0.r#type, "conflict");
}

/// The acts of the trail that a search finds, the newest first.
fn found(browser: &Browser<'_>, query: &str) -> Vec<String> {
    let table = browser.page(&format!("/operator/audit.csv?{query}"));
    let mut lines = table.lines();
    assert_eq!(lines.next().unwrap(), "number,at,actor,credential,address,act,object,before,after");
    lines.map(|line| line.split(',').nth(5).unwrap().to_owned()).collect()
}

#[test]
fn a_report_is_handled_by_pages_and_the_trail_finds_what_was_done() {
    let world = World::start();
    let (acme, operator) = (world.publisher("acme"), world.another_operator("olga"));
    acme.publish(&plugin("ocr-server"));
    let [ann, bob] = ["ann", "bob"].map(|name| world.person(name));
    ann.register();
    bob.register();
    let why = format!("it mines coins {HOSTILE}");
    let report = ann.ok(&["report", RELEASE, "--why", &why])["id"].to_string();
    let report = format!("/operator/moderation/reports/{report}");
    let olga = Browser::of(&world, &operator);
    let open = olga.page("/operator/moderation");
    assert!(open.contains(&report) && open.contains("it mines coins") && !open.contains(HOSTILE), "{open}");
    let page = olga.page(&report);
    assert!(page.contains(&format!("{QUARANTINES}?subject={RELEASE}")) && !page.contains(HOSTILE), "{page}");
    assert!(olga.page(&format!("{QUARANTINES}?subject={RELEASE}")).contains(&format!("value=\"{RELEASE}\"")));

    // A quarantine by the page is one by the API.
    let quarantine = [("subject", RELEASE), ("reason", "it may mine coins")];
    assert_eq!(olga.go(QUARANTINES, &quarantine), QUARANTINES);
    let quarantined = operator.ok(&["quarantine"]);
    assert_eq!(
        (&quarantined[0]["subject"], &quarantined[0]["reason"]),
        (&json!(RELEASE), &json!("it may mine coins"))
    );
    let shown = acme.get("/api/v1/plugins/acme/ocr-server/releases/1.0.0");
    assert_eq!(shown["quarantined"], "it may mine coins");
    assert_eq!(olga.refused(&report, &[("outcome", "acted"), ("note", "")], "a note has from 1"), 400);
    assert_eq!(olga.go(&report, &[("outcome", "acted"), ("note", "we look into it")]), report);
    assert_eq!(olga.refused(&report, &[("outcome", "acted"), ("note", "again")], "was resolved before"), 409);
    assert!(json!(ann.list("/api/v1/notices")).to_string().contains("we look into it"));
    assert!(!olga.page("/operator/moderation").contains(&report), "it is not open any more");
    assert!(olga.page("/operator/moderation?all=true").contains(&report));
    let lift = [("subject", RELEASE), ("reason", "nothing was found"), ("lift", "true")];
    olga.go(QUARANTINES, &lift);
    assert_eq!(operator.ok(&["quarantine"]), json!([]));
    assert_eq!(olga.refused(QUARANTINES, &[("subject", "acme"), ("reason", "x")], "acme"), 400);

    // What cannot be undone is meant.
    let withdrawal = [("subject", RELEASE), ("reason", "it mines coins after all")];
    assert_eq!(olga.refused(WITHDRAWALS, &withdrawal, "a withdrawal is for ever"), 400);
    olga.go(WITHDRAWALS, &[&withdrawal[..], &[("certain", "true")]].concat());
    let shown = acme.get("/api/v1/plugins/acme/ocr-server/releases/1.0.0");
    assert_eq!(shown["withdrawn"], "it mines coins after all");
    let suspension = [("account", "ann"), ("reason", "floods us")];
    olga.go(ACCOUNTS, &suspension);
    assert_eq!(operator.list("/api/v1/suspensions")[0]["account"], "ann");
    assert!(olga.page(ACCOUNTS).contains("floods us"));
    olga.go(ACCOUNTS, &[("account", "ann"), ("reason", "she does not"), ("reinstate", "true")]);
    assert_eq!(operator.list("/api/v1/suspensions"), Vec::<Value>::new());
    assert_eq!(olga.refused(ACCOUNTS, &[("account", "operator"), ("reason", "x")], "demoted first"), 409);
    let transfer = [("namespace", "acme"), ("account", "bob"), ("reason", "it is bob's mark")];
    assert_eq!(olga.refused(NAMES, &transfer, "say that you are certain"), 400);
    olga.go(NAMES, &[&transfer[..], &[("certain", "true")]].concat());
    assert_eq!(bob.list("/api/v1/namespaces/acme/members")[0]["account"], "bob");
    assert!(olga.page(NAMES).contains("bob&#39;s mark") || olga.page(NAMES).contains("bob's mark"));

    // The trail finds these acts, and nothing else.
    let object = format!("object={RELEASE}");
    let acts = ["release-withdrawn", "quarantine-lifted", "quarantined", "release-published"];
    assert_eq!(found(&olga, &object), acts);
    assert_eq!(found(&olga, &format!("{object}&actor=olga")), acts[..3]);
    assert_eq!(found(&olga, &format!("{object}&act=quarantined")), ["quarantined"]);
    let page = olga.page(&format!("/operator/audit?{object}&act=quarantined"));
    assert!(page.contains("it may mine coins") && !page.contains("it mines coins after all"), "{page}");
    let (today, tomorrow) = (day(0), day(1));
    assert_eq!(found(&olga, &format!("{object}&from={today}&to={tomorrow}")), acts);
    assert_eq!(found(&olga, &format!("{object}&from={tomorrow}")), Vec::<String>::new());
    let nothing = olga.page(&format!("/operator/audit?from={tomorrow}"));
    assert!(nothing.contains("Nothing was done that is searched for."), "{nothing}");
    for wrong in ["from=yesterday", "act=cooked", "actor=No+One"] {
        let (status, page) = olga.get(&format!("/operator/audit?{wrong}"));
        assert!(status == 400 && page.contains("role=\"alert\""), "{wrong}: {page}");
    }
    // Page by page it is the whole.
    let all = found(&olga, "");
    let (mut path, mut pages, mut seen) = ("/operator/audit?limit=5".to_owned(), 0, BTreeSet::new());
    loop {
        let page = olga.page(&path);
        seen.extend(
            page.split("<time datetime=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()),
        );
        pages += 1;
        let Some(next) = page.split("rel=\"next\"").next().filter(|_| page.contains("rel=\"next\"")) else {
            break;
        };
        path = next.rsplit("href=\"").next().unwrap().split('"').next().unwrap().replace("&amp;", "&");
        path.push_str("&limit=5");
    }
    assert_eq!((seen.len(), pages), (all.len(), all.len().div_ceil(5)));
}

/// The day in so many days, by UTC.
fn day(days: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    at.strftime("%Y-%m-%d").to_string()
}

#[test]
fn health_is_told_in_words_and_a_silent_replica_is_named() {
    let world = World::start();
    let olga = Browser::of(&world, &world.another_operator("olga"));
    let page = until("the chores were done once", || {
        let page = olga.page("/operator/health");
        page.contains("every minute").then_some(page)
    });
    for part in [
        "serves",
        "answers",
        "Blob store",
        "entries",
        "is not sent",
        "notices",
        "audit-head",
        "Processor of payments",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("is silent"), "{page}");
    let long_ago =
        (jiff::Timestamp::now() - jiff::SignedDuration::from_mins(10)).strftime("%Y-%m-%dT%H:%M:%S.000000Z");
    world.stores.sql(&format!(
        "insert into replicas (id, version, started_at, seen_at, tasks)
         values ('deadbeef00000000', '0.1.0', '{long_ago}', '{long_ago}', '[]')"
    ));
    let page = olga.page("/operator/health");
    assert!(page.contains("Not as it should be: ") && page.contains("deadbeef is silent"), "{page}");
}
