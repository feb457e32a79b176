//! Whoever leaves an organisation leaves no power behind: each trace of it is listed here, and looked for in the API and in the database.

use serde_json::{Value, json};

use crate::world::{World, plugin, until};

/// Columns that go on naming whoever has left, and give no power: what is a person's own. What they were answered is kept for a day, and
/// opens by the token alone that it was answered to.
const KEPT: [&str; 3] = ["idempotent_answers.account", "notices.account", "tokens.account"];
/// Columns that refer to accounts, `TABLE.COLUMN`, as each database tells.
const ON_SQLITE: &str = "select tables.name || '.' || keys.\"from\"
    from pragma_table_list tables, pragma_foreign_key_list(tables.name) keys
    where tables.schema = 'main' and keys.\"table\" = 'accounts' order by 1";
const ON_POSTGRES: &str = "select cast(tables.relname as text) || '.' || cast(columns.attname as text)
    from pg_constraint keys join pg_class tables on tables.oid = keys.conrelid
    join pg_attribute columns on columns.attrelid = keys.conrelid and columns.attnum = keys.conkey[1]
    where keys.contype = 'f' and keys.confrelid = cast('accounts' as regclass) order by 1";

#[test]
fn whoever_leaves_an_organisation_leaves_no_power_behind() {
    let mut world = World::start();
    let acme = world.publisher("acme");
    let [dan, eve, fred] = ["dan", "eve", "fred"].map(|name| world.person(name));
    for person in [&dan, &eve, &fred] {
        person.register();
    }
    acme.ok(&["organisation", "create", "umbrella"]);
    acme.ok(&["namespace", "invite", "acme", "umbrella", "--role", "owner"]);
    acme.ok(&["--for", "umbrella", "namespace", "accept", "acme"]);
    // Nobody could approve what whoever is alone publishes: the organisation is no second person.
    let alone = acme.refused(&["namespace", "two-people", "acme", "yes"]).0;
    assert!(alone.r#type == "conflict" && alone.detail.contains("namespace invite acme"), "{alone:?}");
    acme.ok(&["organisation", "invite", "umbrella", "dan", "--role", "admin"]);
    dan.ok(&["organisation", "accept", "umbrella"]);
    acme.ok(&["namespace", "two-people", "acme", "yes"]);
    // What dan may do there comes of the organisation alone, and dan makes nothing of it that would stay.
    let own = ["namespace", "invite", "acme", "dan", "--role", "publisher"];
    assert_eq!(dan.refused(&own).0.r#type, "forbidden");
    assert_eq!(dan.refused(&[&["--for", "umbrella"], &own[..]].concat()).0.r#type, "forbidden");

    // What dan has by it: tokens for machines and for a host, a session, invitations, a key's release that waits, a wish.
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tokens = ["for a machine", "for a host"]
        .map(|note| text(&dan.ok(&["--for", "umbrella", "tokens", "new", "full", "--note", note])["token"]));
    let session = world.session(&dan);
    let (origin, kind) = (world.origin(), "application/x-www-form-urlencoded");
    let act_for = |cookie: &str, organisation: &str| {
        let headers = [("content-type", kind), ("origin", origin.as_str()), ("cookie", cookie)];
        let form = format!("organisation={organisation}");
        world.send("POST", "/account/organisations", None, &headers, form).status
    };
    let page = |path: &str| world.get(path, &[("cookie", session.as_str())]);
    assert_eq!(act_for(&world.session(&eve), "umbrella"), 403, "who is no member");
    assert!(page("/account").1.contains("Account of dan"));
    assert_eq!(act_for(&session, "umbrella"), 303);
    let (status, account) = page("/account");
    assert!(status == 200 && account.contains("Account of umbrella"), "{account}");
    assert!(account.contains("dan for <a href=\"/account/organisations\">umbrella</a>"), "{account}");
    let (_, organisations) = page("/account/organisations");
    assert!(
        organisations.contains("acts for it") && organisations.contains("Act for dan again"),
        "{organisations}"
    );
    assert_eq!(page("/dashboard/acme").0, 403, "an admin sees no money");
    assert_eq!(page("/account/password").0, 200, "people are themselves elsewhere");
    assert_eq!(page("/api/v1/account/sessions").0, 403, "and in the API on no other route");
    assert_eq!((act_for(&session, ""), act_for(&session, "umbrella")), (303, 303));
    let hosts = |token: &str| world.send("GET", "/api/v1/hosts", Some(token), &[], "").status;
    let by_session = || world.get("/api/v1/hosts", &[("cookie", session.as_str())]).0;
    let licence =
        |token: &str| world.send("GET", "/api/v1/licence?host=h1&deployments=0", Some(token), &[], "").status;
    assert_eq!(tokens.each_ref().map(|token| (hosts(token), licence(token))), [(200, 200), (200, 200)]);
    assert_eq!(by_session(), 200);
    dan.ok(&["organisation", "invite", "umbrella", "eve"]);
    dan.ok(&["namespace", "invite", "acme", "fred", "--role", "viewer"]);
    dan.ok(&["keys", "new", "acme"]);
    dan.ok(&["keys", "add", "acme"]);
    let staged = dan.publish(&plugin("ocr-server"));
    assert_eq!(staged["asked_by"], "dan", "a person stages, for whomever it is published");
    dan.ok(&["namespace", "two-people", "acme", "no"]);
    assert_eq!(acme.ok(&["namespace", "two-people", "acme"])["end_asked_by"], "dan");

    acme.ok(&["organisation", "remove", "umbrella", "dan"]);

    // Nothing of it opens anything, from the next request on.
    assert_eq!(tokens.each_ref().map(|token| (hosts(token), licence(token))), [(401, 401), (401, 401)]);
    assert_eq!(by_session(), 401);
    let why = |words: &[&str]| dan.refused(words).0.r#type;
    assert_eq!(why(&["--for", "umbrella", "subscription", "show"]), "forbidden");
    assert_eq!(why(&["organisation", "members", "umbrella"]), "forbidden");
    assert_eq!(why(&["namespace", "members", "acme"]), "forbidden");
    assert_eq!(why(&["keys", "add", "acme"]), "forbidden");
    assert_eq!(eve.refused(&["organisation", "accept", "umbrella"]).0.r#type, "not-found");
    assert_eq!(fred.refused(&["namespace", "accept", "acme"]).0.r#type, "not-found");
    let members = acme.ok(&["organisation", "members", "umbrella"]);
    assert_eq!(members["items"].as_array().unwrap().len(), 1, "{members}");
    let waiting = "/api/v1/plugins/acme/ocr-server/staged-releases";
    assert_eq!(acme.get(waiting)["items"], json!([]), "what dan wanted to publish");
    let approve =
        ["releases", "approve", "acme:ocr-server@1.0.0", "--artifact", staged["artifact"].as_str().unwrap()];
    let refused = acme.refused(&approve).0.r#type;
    assert!(["conflict", "not-found"].contains(&refused.as_str()), "{refused}");
    assert_eq!(acme.ok(&["namespace", "two-people", "acme"])["end_asked_by"], Value::Null);

    // And the database names dan nowhere else, once what has lapsed is forgotten.
    let columns = match world.stores.postgres() {
        Some(_) => world.stores.texts(ON_POSTGRES),
        None => world.stores.texts(ON_SQLITE),
    };
    assert!(columns.len() > 50, "{columns:?}");
    world.restart_registry();
    let named = || {
        let names_dan = |column: &&String| {
            let (table, name) = column.split_once('.').unwrap();
            !world.stores.texts(&format!("select {name} from {table} where {name} = 'dan'")).is_empty()
        };
        let named = columns.iter().filter(|column| !KEPT.contains(&column.as_str())).filter(names_dan);
        named.cloned().collect::<Vec<_>>()
    };
    until("dan is named nowhere", || named().is_empty().then_some(()));
    for left in [
        "select hash from tokens where account = 'dan' and acts_for is not null",
        "select namespace from two_people where end_asked_by = 'dan'",
        "select account from uploads where account = 'dan'",
    ] {
        assert_eq!(world.stores.texts(left), Vec::<String>::new(), "{left}");
    }
    let removed = world.operator().ok(&["audit", "list", "--act", "organisation-member-removed"]);
    assert_eq!((&removed[0]["actor"], &removed[0]["subject"]), (&json!("acme"), &json!("umbrella/dan")));
}
