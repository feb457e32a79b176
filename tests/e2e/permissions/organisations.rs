//! Every route of the registry as it is asked for one: by whom of its people.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chandlery_accounts::organisations::RIGHTS;
use serde_json::{Value, json};

use super::roles::For;
use super::table::{Case, cases};
use crate::world::{Person, World, plugin, until};

/// What each role in an organisation may, in the words of the powers; strangers and operators are nothing to it.
const POWERS: [(&str, &str); 8] = [
    ("owner", "see use publish pay manage own"),
    ("admin", "see use publish manage"),
    ("billing", "see pay"),
    ("publisher", "see use publish"),
    ("member", "see use"),
    ("viewer", "see"),
    ("stranger", ""),
    ("operator", ""),
];
/// What people do for themselves alone, beside their own account and their organisations.
const FOR_THEMSELVES: [&str; 4] = [
    "/api/v1/reports",
    "/api/v1/namespaces/{namespace}/key-requests",
    "/api/v1/namespaces/{namespace}/two-people",
    "/api/v1/plugins/{namespace}/{name}/staged-releases/{version}/approval",
];
/// A form with what any page asks for.
const FORM: &str =
    "act=end&code=a&current=a&password=a&again=a&email=a&id=a&name=a&organisation=umbrella&token=a";
/// It knows whoever its form names, whatever the headers say.
const BY_FORM: (&str, &str) = ("POST", "/token");

/// The power that a route takes when it is asked for an organisation; none: nobody asks it for one. What knows nobody is left out.
fn needed(case: &Case) -> Option<Option<&'static str>> {
    let is_content = case.route.starts_with("/v2/") && case.route != "/v2/";
    let route = if is_content { "/v2/{*path}" } else { case.route };
    let right = RIGHTS.iter().find(|(method, path, _)| (*method, *path) == (case.method, route));
    let own = ["/api/v1/account", "/api/v1/organisations"];
    let for_themselves = || {
        let is_page = !route.starts_with("/api/");
        is_page || own.iter().any(|part| route.starts_with(part)) || FOR_THEMSELVES.contains(&route)
    };
    match (right, case.who) {
        _ if (case.method, case.route) == BY_FORM => None,
        (_, For::Operators) => Some(None),
        (Some((.., power)), _) => Some(Some(power.as_str())),
        (None, For::Everybody) => None,
        (None, _) if for_themselves() => Some(None),
        (None, _) => panic!("{} {route}: say whether it is done for organisations", case.method),
    }
}

/// An organisation that owns namespaces, and somebody of each role.
fn organisation(world: &World) -> Vec<(&'static str, Person)> {
    let owner = world.publisher("acme");
    owner.publish(&plugin("ocr-server"));
    owner.ok(&["organisation", "create", "umbrella", "--title", "Umbrella"]);
    owner.ok(&["namespace", "invite", "acme", "umbrella", "--role", "owner"]);
    owner.ok(&["--for", "umbrella", "namespace", "accept", "acme"]);
    owner.ok(&["--for", "umbrella", "namespace", "take", "hidden"]);
    owner.ok(&["--for", "umbrella", "namespace", "visibility", "hidden", "private"]);
    let of = |role: &'static str| match role {
        "owner" => (role, world.person("acme")),
        "operator" => (role, world.operator()),
        _ => {
            let person = world.person(role);
            person.register();
            if role != "stranger" {
                owner.ok(&["organisation", "invite", "umbrella", role, "--role", role]);
                person.ok(&["organisation", "accept", "umbrella"]);
            }
            (role, person)
        }
    };
    POWERS.map(|(role, _)| of(role)).into()
}

#[test]
fn each_route_is_asked_for_an_organisation_by_those_who_have_the_power() {
    let world = World::start();
    let people = organisation(&world);
    let pem = people[0].1.key().public().to_string();
    let origin = world.origin();
    let headers =
        |kind| [("content-type", kind), ("origin", origin.as_str()), ("chandlery-account", "umbrella")];
    let (mut wrong, mut granted) = (Vec::new(), 0);
    for case in cases() {
        let Some(power) = needed(&case) else { continue };
        let is_form =
            case.method == "POST" && !["/api/", "/v2/"].iter().any(|api| case.route.starts_with(api));
        let (kind, body) = match &case.body {
            _ if is_form => ("application/x-www-form-urlencoded", FORM.to_owned()),
            Value::Null => ("application/json", String::new()),
            body => ("application/json", body.to_string().replace("\"KEY\"", &json!(pem).to_string())),
        };
        for ((role, person), (_, powers)) in people.iter().zip(POWERS) {
            let may = power.is_some_and(|power| powers.split(' ').any(|has| has == power));
            granted += usize::from(may);
            let answer =
                world.send(case.method, &case.path, Some(&person.token()), &headers(kind), body.as_str());
            let refused =
                [401, 403].contains(&answer.status) || answer.header("location").starts_with("/login");
            if refused == may || answer.status >= 500 || answer.status == 405 {
                wrong.push(format!("{} {} as {role}: {}", case.method, case.path, answer.text()));
            }
        }
    }
    assert!(wrong.is_empty() && granted > 200, "of {granted}: {wrong:#?}");
}

#[test]
fn a_token_acts_for_its_organisation_alone_and_as_its_owner_may_at_that_moment() {
    let world = World::start();
    let acme = world.publisher("acme");
    let ann = world.person("ann");
    ann.register();
    for name in ["umbrella", "hydra"] {
        acme.ok(&["organisation", "create", name]);
        acme.ok(&["organisation", "invite", name, "ann", "--role", "admin"]);
        ann.ok(&["organisation", "accept", name]);
    }
    let made = ann.ok(&["--for", "umbrella", "tokens", "new", "full"]);
    assert_eq!(made["account"], "umbrella");
    let token = made["token"].as_str().unwrap();
    let ask = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        let headers = [&[("content-type", "application/json")][..], headers].concat();
        world.send(method, path, Some(token), &headers, body)
    };
    let hydra = [("chandlery-account", "hydra")];
    assert_eq!(ask("GET", "/api/v1/account", &[], "").json()["name"], "umbrella");
    assert_eq!(ask("GET", "/api/v1/account", &hydra, "").status, 403);
    assert_eq!(ask("GET", "/api/v1/account/sessions", &[], "").status, 403, "nothing of its owner's own");
    assert_eq!(
        ask("PUT", "/api/v1/billing-profile", &[], r#"{"country":"DE"}"#).status,
        403,
        "an admin pays nothing"
    );
    let wrong = [("chandlery-account", "no name")];
    assert_eq!(ask("GET", "/api/v1/hosts", &wrong, "").status, 400);

    // A host that has it reports use of the organisation, whose licence it is given.
    assert_eq!(ask("GET", "/api/v1/licence?host=h1&deployments=0", &[], "").status, 200);
    assert_eq!(acme.ok(&["--for", "umbrella", "subscription", "hosts"])[0]["host"], "h1");
    assert_eq!(ann.list("/api/v1/hosts"), Vec::<Value>::new());

    // What is done by it names the person and the organisation.
    assert_eq!(ask("POST", "/api/v1/namespaces", &[], r#"{"name":"umbrella"}"#).status, 201);
    let taken = world.operator().ok(&["audit", "list", "--act", "namespace-taken"]);
    let taken = taken.as_array().unwrap().iter().find(|entry| entry["subject"] == "umbrella").unwrap();
    assert_eq!((&taken["actor"], &taken["after"]["owner"]), (&json!("ann"), &json!("umbrella")));
    assert!(taken["credential"].as_str().unwrap().ends_with(", for umbrella"), "{taken}");

    // An OCI client is known by it under either name, and pushes for the organisation.
    for name in ["ann", "umbrella"] {
        let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{token}")));
        let scope = "/token?scope=repository:umbrella/x:pull,push";
        let issued = world.send("GET", scope, None, &[("authorization", &basic)], "").json();
        let issued = issued["token"].as_str().unwrap();
        let begun = world.send("POST", "/v2/umbrella/x/blobs/uploads/", Some(issued), &[], "");
        assert_eq!(begun.status, 202, "{}", begun.text());
    }

    // Whoever chooses the members sees every token, whose it is and when it was used, and ends it.
    let made = ann.ok(&["--for", "umbrella", "tokens", "new", "read", "--note", "lost"]);
    let lost = made["token"].as_str().unwrap();
    assert_eq!(world.send("GET", "/api/v1/plugins", Some(lost), &[], "").status, 200);
    let shown = |listed: &Value, note: &str| {
        let all = listed["items"].as_array().unwrap();
        all.iter().find(|token| token["note"] == note).cloned()
    };
    // That it was used is written down with what else was used at the time.
    let (listed, found) = until("its use is seen", || {
        let listed = acme.ok(&["organisation", "tokens", "umbrella"]);
        let found = shown(&listed, "lost").filter(|token| token["used_at"].is_string())?;
        Some((listed, found))
    });
    assert_eq!(
        (&found["account"], &found["scope"], &found["session"]),
        (&json!("ann"), &json!("read"), &json!(false))
    );
    assert!(found["expires_at"].is_string(), "{found}");
    assert!(
        !listed.to_string().contains(lost) && shown(&acme.ok(&["org", "tokens", "hydra"]), "lost").is_none()
    );
    let id = found["id"].as_str().unwrap();
    assert_eq!(acme.refused(&["org", "revoke-token", "hydra", id]).0.r#type, "not-found");
    acme.ok(&["org", "revoke-token", "umbrella", id]);
    assert_eq!(world.send("GET", "/api/v1/plugins", Some(lost), &[], "").status, 401);

    // Its power is that of its owner's role, and an operator's counts for nothing.
    acme.ok(&["organisation", "role", "umbrella", "ann", "viewer"]);
    assert_eq!(ask("GET", "/api/v1/hosts", &[], "").status, 200);
    assert_eq!(ask("GET", "/api/v1/licence?host=h1&deployments=0", &[], "").status, 403);
    world.promote("ann");
    assert_eq!(ask("GET", "/api/v1/operators", &[], "").status, 403);
    assert_eq!(ask("GET", "/api/v1/licence?host=h1&deployments=0", &[], "").status, 403);
    assert_eq!(ann.refused(&["--for", "umbrella", "tokens", "new", "full"]).0.r#type, "forbidden");
    acme.ok(&["organisation", "remove", "umbrella", "ann"]);
    assert_eq!(ask("GET", "/api/v1/hosts", &[], "").status, 401);
}

#[test]
fn owners_choose_owners_and_one_stays() {
    let world = World::start();
    let acme = world.publisher("acme");
    let [ann, bob] = ["ann", "bob"].map(|name| world.person(name));
    ann.register();
    bob.register();
    let why = |person: &Person, words: &[&str]| person.refused(words).0.r#type;
    for name in ["acme", "acm-e", "registry"] {
        assert_eq!(why(&acme, &["organisation", "create", name]), "conflict", "{name}");
    }
    acme.ok(&["organisation", "create", "umbrella", "--title", "Umbrella GmbH"]);
    assert_eq!(why(&ann, &["organisation", "show", "umbrella"]), "forbidden");
    acme.ok(&["org", "invite", "umbrella", "ann", "--role", "admin"]);
    assert_eq!(ann.ok(&["org", "invitations"])["items"][0]["role"], "admin");
    assert_eq!(why(&ann, &["org", "members", "umbrella"]), "forbidden", "not yet");
    ann.ok(&["org", "accept", "umbrella"]);
    assert_eq!(ann.ok(&["org", "list"])["items"][0]["title"], "Umbrella GmbH");
    ann.ok(&["--for", "umbrella", "namespace", "take", "umbrella"]);
    for words in [
        ["org", "invite", "umbrella", "bob", "--role", "owner"].as_slice(),
        &["org", "role", "umbrella", "ann", "owner"],
        &["org", "role", "umbrella", "acme", "viewer"],
        &["org", "remove", "umbrella", "acme"],
        &["org", "delete", "umbrella"],
        // Nor does an admin give what it has not: to pay, or to see what the namespaces earn.
        &["org", "role", "umbrella", "ann", "billing"],
        &["org", "invite", "umbrella", "bob", "--role", "billing"],
        &["namespace", "invite", "umbrella", "ann", "--role", "owner"],
        &["--for", "umbrella", "namespace", "invite", "umbrella", "ann", "--role", "owner"],
        &["payouts", "balance", "umbrella"],
    ] {
        assert_eq!(why(&ann, words), "forbidden", "{words:?}");
    }
    assert_eq!(why(&acme, &["org", "leave", "umbrella"]), "conflict", "the only owner");
    assert_eq!(why(&acme, &["org", "role", "umbrella", "acme", "admin"]), "conflict");
    assert_eq!(
        why(&acme, &["org", "invite", "umbrella", "umbrella"]),
        "conflict",
        "no organisation is a person"
    );

    // An invitation lapses with the power of whoever sent it.
    ann.ok(&["org", "invite", "umbrella", "bob"]);
    acme.ok(&["org", "role", "umbrella", "ann", "viewer"]);
    assert_eq!(why(&bob, &["org", "accept", "umbrella"]), "conflict");
    acme.ok(&["org", "invite", "umbrella", "bob", "--role", "owner"]);
    bob.ok(&["org", "accept", "umbrella"]);

    // Nobody logs in to an organisation, or makes it more than it is.
    let operator = world.operator();
    assert_eq!(why(&operator, &["operator", "reset-password", "umbrella"]), "conflict");
    world.stores.sql("update accounts set created_at = '2020-01-01T00:00:00.000000Z'");
    assert_eq!(why(&operator, &["operator", "propose", "umbrella"]), "conflict");

    // It goes when nothing stands against it, and nobody is called so again.
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["namespace", "invite", "acme", "umbrella", "--role", "owner"]);
    acme.ok(&["--for", "umbrella", "namespace", "accept", "acme"]);
    acme.ok(&["namespace", "remove", "acme", "acme"]);
    assert_eq!(why(&bob, &["org", "delete", "umbrella"]), "conflict", "nobody else owns its plugins");
    acme.ok(&["--for", "umbrella", "namespace", "invite", "acme", "acme", "--role", "owner"]);
    acme.ok(&["namespace", "accept", "acme"]);
    acme.ok(&["org", "leave", "umbrella"]);
    bob.ok(&["org", "delete", "umbrella"]);
    assert_eq!(ann.ok(&["org", "list"])["items"], json!([]));
    assert_eq!(why(&acme, &["org", "create", "umbrella"]), "conflict");
}
