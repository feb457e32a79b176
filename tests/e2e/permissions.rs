//! Every route of the registry and of the host, and who may use it.

mod console;
mod customers;
mod directories;
pub mod hosts;
mod moderation;
mod organisations;
mod others;
mod people;
mod roles;
mod table;
mod webhooks;

use std::collections::BTreeSet;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chandlery_accounts::organisations::RIGHTS;
use serde_json::{Value, json};

use crate::world::{Person, World, plugin, workspace};
use roles::ROLES;
use table::cases;

#[test]
fn every_route_is_for_those_it_is_meant_for() {
    let world = World::start();
    let owner = world.publisher("acme");
    owner.publish(&plugin("ocr-server"));
    owner.ok(&["namespace", "take", "hidden"]);
    owner.ok(&["namespace", "visibility", "hidden", "private"]);
    let [other, viewer, publisher] = ["other", "viewer", "publisher"].map(|name| world.person(name));
    for person in [&other, &viewer, &publisher] {
        person.register();
    }
    for (person, role) in [(&viewer, "viewer"), (&publisher, "publisher")] {
        for namespace in ["acme", "hidden"] {
            owner.ok(&["namespace", "invite", namespace, &person.name, "--role", role]);
            person.ok(&["namespace", "accept", namespace]);
        }
    }
    owner.ok(&["organisation", "create", "umbrella"]);
    for (person, role) in [(&viewer, "viewer"), (&publisher, "publisher")] {
        owner.ok(&["organisation", "invite", "umbrella", &person.name, "--role", role]);
        person.ok(&["organisation", "accept", "umbrella"]);
    }
    let operator = world.operator();
    operator.ok(&["subscription", "agree", "umbrella", "0.00 USD"]);
    let pem = owner.key().public().to_string();
    let people: [Option<&Person>; 6] =
        [None, Some(&other), Some(&viewer), Some(&publisher), Some(&owner), Some(&operator)];

    let origin = world.origin();
    let mut wrong = Vec::new();
    for case in cases() {
        for (role, person) in ROLES.iter().zip(people) {
            let token = person.map(Person::token);
            let body = match &case.body {
                Value::Null => String::new(),
                body => body.to_string().replace("\"KEY\"", &json!(pem).to_string()),
            };
            let kind = match case.route {
                "/token" | "/login" | "/device" => "application/x-www-form-urlencoded",
                page if ["/account/", console::CONSOLE].iter().any(|start| page.starts_with(start))
                    || customers::is_form(page) =>
                {
                    "application/x-www-form-urlencoded"
                }
                _ => "application/json",
            };
            let headers = [("content-type", kind), ("origin", origin.as_str())];
            let body = match (case.method, case.route, person) {
                ("POST", "/token", Some(person)) => {
                    format!("username={}&password={}", person.name, person.token())
                }
                ("POST", "/login", _) => "name=acme&password=correct+horse+battery".into(),
                ("POST", "/account/password", _) => "current=x&password=short&again=short".into(),
                _ => body,
            };
            let answer = world.send(case.method, &case.path, token.as_deref(), &headers, body);
            let to_login = answer.header("location").starts_with("/login") && case.route != "/logout";
            let refused = [401, 403].contains(&answer.status) || to_login;
            if refused == case.who.allows(role) || answer.status >= 500 || answer.status == 405 {
                wrong.push(format!("{} {} as {role}: {}", case.method, case.path, answer.status));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_table_of_routes_is_complete() {
    let routed = routed("docs/openapi/registry.json", "registry");
    assert!(routed.len() > 50, "{routed:?}");
    let tabled: Routes = of_registry()
        .into_iter()
        .filter(|(_, route)| !route.starts_with("/v2/") || route == "/v2/")
        .collect();
    must_be_complete(&tabled, &routed);
    // What is done for organisations is done by routes that there are.
    let rights = RIGHTS.iter().map(|(method, route, _)| (*method, (*route).to_owned()));
    let gone: Vec<_> = rights.filter(|right| right.1 != "/v2/{*path}" && !tabled.contains(right)).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

/// Methods and paths.
pub type Routes = BTreeSet<(&'static str, String)>;

/// The registry's routes, as the table has them.
pub fn of_registry() -> Routes {
    cases().into_iter().map(|case| (case.method, case.route.to_owned())).collect()
}

fn must_be_complete(tabled: &Routes, routed: &Routes) {
    let missing: Vec<_> = routed.difference(tabled).collect();
    let gone: Vec<_> = tabled.difference(routed).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not in the table: {missing:?}; not routed: {gone:?}");
}

/// The routes of a server: those that its document describes, and those that its sources have beside.
fn routed(document: &str, folder: &str) -> Routes {
    let mut routed = described(&workspace().join(document));
    for text in sources(&workspace().join(folder)) {
        for route in text.split(".route(").skip(1) {
            let path = route.split('"').nth(1).unwrap();
            let handlers = route.split(".merge(").next().unwrap();
            for (method, word) in [
                ("GET", "get("),
                ("POST", "post("),
                ("PUT", "put("),
                ("DELETE", "delete("),
                ("PATCH", "patch("),
            ] {
                let before = |at: usize| handlers[..at].chars().next_back().unwrap_or(' ');
                if handlers.match_indices(word).any(|(at, _)| " .:".contains(before(at))) {
                    routed.insert((method, path.to_owned()));
                }
            }
        }
    }
    routed
}

/// What a server's document describes, which its own test compares with the routes.
fn described(document: &Path) -> Routes {
    let document: Value = serde_json::from_str(&std::fs::read_to_string(document).unwrap()).unwrap();
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            if item.get(method.to_lowercase()).is_some() {
                operations.insert((method, path.clone()));
            }
        }
    }
    operations
}

fn sources(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => texts.extend(sources(&path)),
            // The witness is a server of its own.
            false if path.ends_with("witness.rs") => {}
            false if path.extension().is_some_and(|extension| extension == "rs") => {
                let text = std::fs::read_to_string(&path).unwrap();
                // What follows a router's end are handlers, which call things by the same names.
                texts.extend(text.split("\n}\n").filter(|part| part.contains(".route(")).map(str::to_owned));
            }
            false => {}
        }
    }
    texts
}

#[test]
fn a_token_may_no_more_than_its_scope() {
    let world = World::start();
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    let token = |scope: &[&str]| {
        let made = acme.ok(&[&["tokens", "new"], scope].concat());
        made["token"].as_str().unwrap().to_owned()
    };
    let (read, one, any) = (token(&["read"]), token(&["publish", "acme:ocr-server"]), token(&["publish"]));
    let push = |token: &str, repository: &str| {
        world.send("POST", &format!("/v2/{repository}/blobs/uploads/"), Some(token), &[], "").status
    };
    assert_eq!((push(&read, "acme/ocr-server"), push(&read, "acme/other")), (403, 403));
    assert_eq!((push(&one, "acme/ocr-server"), push(&one, "acme/other")), (202, 403));
    assert_eq!((push(&any, "acme/ocr-server"), push(&any, "acme/other")), (202, 202));
    for narrow in [&read, &one, &any] {
        let manages = world.send("GET", "/api/v1/account/tokens", Some(narrow), &[], "");
        assert_eq!(manages.status, 403, "{}", manages.text());
        assert_eq!(world.send("GET", "/api/v1/plugins", Some(narrow), &[], "").status, 200);
    }
    // A token of the OCI kind may no more than the one it was exchanged for.
    for (token, pushes) in [(&read, 403), (&one, 202)] {
        let scope = "/token?scope=repository:acme/ocr-server:pull,push";
        let issued = world.send("GET", scope, Some(token), &[], "").json();
        assert_eq!(push(issued["token"].as_str().unwrap(), "acme/ocr-server"), pushes);
        assert_eq!(push(issued["token"].as_str().unwrap(), "acme/other"), 403);
    }
    let claims = "eyJzdWIiOiJhY21lIiwiYWNjZXNzIjpbeyJ0eXBlIjoicmVwb3NpdG9yeSIsIm5hbWUiOiJhY21lL29jci1zZXJ2ZXIiLCJhY3Rpb25zIjpbInB1c2giXX1dLCJleHAiOjk5OTk5OTk5OTl9";
    for forged in [
        format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{claims}.AAAA"),
        // The same that says it needs no signature.
        format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}."),
    ] {
        assert_eq!(push(&forged, "acme/ocr-server"), 401);
    }

    let listed = acme.ok(&["tokens", "list"]);
    let listed = listed["items"].as_array().unwrap();
    let id = listed.iter().find(|token| token["scope"] == "read").unwrap()["id"].as_str().unwrap().to_owned();
    assert!(!listed.iter().any(|token| token.to_string().contains(&read)), "never shown again");
    acme.ok(&["tokens", "revoke", &id]);
    assert_eq!(world.send("GET", "/api/v1/plugins", Some(&read), &[], "").status, 401);
    let stored = world.stores.texts("select hash from tokens");
    assert!(!stored.contains(&one) && stored.len() > 3, "only digests are stored");
    world.stores.sql("update tokens set expires_at = '2020-01-01T00:00:00.000000Z' where scope = 'publish'");
    assert_eq!((push(&any, "acme/other"), push(&one, "acme/ocr-server")), (401, 202));
}

#[test]
fn an_exchanged_token_ends_with_what_it_was_exchanged_for() {
    let world = World::start();
    let acme = world.publisher("acme");
    let made = acme.ok(&["tokens", "new", "publish acme:ocr-server"]);
    let parent = made["token"].as_str().unwrap();
    let exchange = |headers: &[(&str, &str)]| {
        let answer =
            world.send("GET", "/token?scope=repository:acme/ocr-server:pull,push", None, headers, "");
        (answer.status == 200).then(|| answer.json())
    };
    let bearer = |token: &str| exchange(&[("authorization", &format!("Bearer {token}"))]);
    let push = |token: &Value| {
        let token = token["token"].as_str().unwrap();
        world.send("POST", "/v2/acme/ocr-server/blobs/uploads/", Some(token), &[], "").status
    };
    let first = bearer(parent).unwrap();
    assert_eq!((first["expires_in"].as_i64(), push(&first)), (Some(900), 202));

    // Exchanged for itself, it ends when it would have ended.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let second = bearer(first["token"].as_str().unwrap()).unwrap();
    assert!(second["expires_in"].as_i64() < first["expires_in"].as_i64(), "{second}");
    assert_eq!(push(&second), 202);

    // A parent that ends sooner ends what was exchanged for it.
    let id = acme.ok(&["tokens", "list"])["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|token| token["scope"] == "publish acme:ocr-server")
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    acme.ok(&["tokens", "revoke", &id]);
    assert_eq!((push(&first), push(&second)), (401, 401));
    assert!(bearer(second["token"].as_str().unwrap()).is_none());

    // So does a password that changes.
    let basic = BASE64_STANDARD.encode(format!("acme:{}", acme.password()));
    let of_password = exchange(&[("authorization", &format!("Basic {basic}"))]).unwrap();
    assert_eq!(push(&of_password), 202);
    world.stores.sql("update accounts set password_hash = 'another' where name = 'acme'");
    assert_eq!(push(&of_password), 401);
}

#[test]
fn an_invitation_lapses_with_the_right_to_send_it() {
    let world = World::start();
    let acme = world.publisher("acme");
    let [ann, bob] = ["ann", "bob"].map(|name| world.person(name));
    ann.register();
    bob.register();
    acme.ok(&["namespace", "invite", "acme", "ann", "--role", "owner"]);
    ann.ok(&["namespace", "accept", "acme"]);
    ann.ok(&["namespace", "invite", "acme", "bob", "--role", "owner"]);
    // Whoever owns no more cannot have made an owner.
    acme.ok(&["namespace", "invite", "acme", "ann", "--role", "publisher"]);
    let (problem, _) = bob.refused(&["namespace", "accept", "acme"]);
    assert!(problem.r#type == "conflict" && problem.detail.contains("'ann'"), "{problem:?}");
    acme.ok(&["namespace", "remove", "acme", "ann"]);
    assert_eq!(
        bob.refused(&["namespace", "accept", "acme"]).0.r#type,
        "not-found",
        "it went with its sender"
    );
    acme.ok(&["namespace", "invite", "acme", "bob"]);
    bob.ok(&["namespace", "accept", "acme"]);
}

#[test]
fn members_are_invited_and_one_owner_stays() {
    let world = World::start();
    let acme = world.publisher("acme");
    let [ann, bob] = ["ann", "bob"].map(|name| world.person(name));
    ann.register();
    bob.register();
    assert_eq!(acme.refused(&["namespace", "invite", "acme", "nobody-there"]).0.r#type, "not-found");
    acme.ok(&["namespace", "invite", "acme", "ann", "--role", "publisher"]);
    assert_eq!(ann.ok(&["namespace", "invitations"])["items"][0]["role"], "publisher");
    assert_eq!(ann.refused(&["namespace", "members", "acme"]).0.r#type, "forbidden", "not yet");
    assert_eq!(bob.refused(&["namespace", "accept", "acme"]).0.r#type, "not-found");
    ann.ok(&["namespace", "accept", "acme"]);
    assert_eq!(ann.ok(&["namespace", "members", "acme"])["items"].as_array().unwrap().len(), 2);

    assert_eq!(acme.refused(&["namespace", "remove", "acme", "acme"]).0.r#type, "conflict");
    assert_eq!(
        acme.refused(&["namespace", "invite", "acme", "acme", "--role", "viewer"]).0.r#type,
        "conflict"
    );
    acme.ok(&["namespace", "invite", "acme", "ann", "--role", "owner"]);
    acme.ok(&["namespace", "remove", "acme", "acme"]);
    assert_eq!(acme.refused(&["namespace", "members", "acme"]).0.r#type, "forbidden");
    assert_eq!(ann.ok(&["namespace", "members", "acme"])["items"][0]["role"], "owner");
}
