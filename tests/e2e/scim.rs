//! An organisation's directory: by SCIM it makes members, gives them roles, and ends them with all that they have.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::world::{Answer, Person, World, workspace};

const PASSWORD: &str = "correct horse battery";
const SCIM: [(&str, &str); 1] = [("content-type", "application/scim+json")];
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const LONG_AGO: &str = "2026-01-01T00:00:00.000000Z";

/// The directory of an organisation that has proved a domain.
struct Directory<'a> {
    world: &'a World,
    token: String,
}

impl Directory<'_> {
    fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.world.send(method, &format!("/scim/v2{path}"), Some(&self.token), &SCIM, body)
    }

    /// The status, and the word for what was refused.
    fn refused(&self, method: &str, path: &str, body: Value) -> (u16, String) {
        let answer = self.ask(method, path, body);
        let told = answer.json();
        assert_eq!(told["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{told}");
        assert_eq!(told["status"], answer.status.to_string());
        assert_eq!(answer.header("content-type"), "application/scim+json");
        (answer.status, told["scimType"].as_str().unwrap_or_default().to_owned())
    }

    /// Adds a person as Okta does, and gives its id.
    fn add(&self, user_name: &str) -> String {
        let answer = self.ask("POST", "/Users", okta(user_name));
        assert_eq!(answer.status, 201, "{}", answer.text());
        let user = answer.json();
        assert_eq!(answer.header("location"), user["meta"]["location"].as_str().unwrap());
        user["id"].as_str().unwrap().to_owned()
    }

    /// Changes a person or a group, and gives the status.
    fn change(&self, path: &str, operations: Value) -> u16 {
        let body =
            json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        self.ask("PATCH", path, body).status
    }
}

fn okta(user_name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": user_name,
        "name": { "givenName": "Bob", "familyName": "Builder" },
        "emails": [{ "primary": true, "value": user_name, "type": "work" }],
        "displayName": "Bob Builder",
        "locale": "en-US",
        "externalId": format!("ext-{user_name}"),
        "groups": [],
        "password": "1mz050nq",
        "active": true,
    })
}

/// Somebody who owns an organisation with a domain of its own.
fn owner(world: &World, name: &str, organisation: &str, domain: &str) -> Person {
    let owner = world.person(name);
    owner.register();
    owner.ok(&["organisation", "create", organisation]);
    world.stores.sql(&format!(
        "insert into organisation_domains (organisation, domain, token, added_at, proved_at)
         values ('{organisation}', '{domain}', 'none', '{LONG_AGO}', '{LONG_AGO}')"
    ));
    owner
}

fn directory<'a>(world: &'a World, maker: &Person, organisation: &str) -> Directory<'a> {
    let made = maker.ok(&["organisation", "directory", "token", organisation, "--note", "Okta"]);
    Directory { world, token: made["token"].as_str().unwrap().to_owned() }
}

/// What somebody is in an organisation; nothing: no member.
fn role(seen_by: &Person, organisation: &str, account: &str) -> String {
    let members = seen_by.list(&format!("/api/v1/organisations/{organisation}/members"));
    let found = members.iter().find(|member| member["account"] == account && member["invited"] == false);
    found.map(|member| member["role"].as_str().unwrap().to_owned()).unwrap_or_default()
}

fn log_in(world: &World, name: &str) -> Answer {
    let body = json!({ "name": name, "password": PASSWORD }).to_string();
    world.send("POST", "/api/v1/tokens", None, &JSON, body)
}

fn works(world: &World, token: &str) -> bool {
    world.send("GET", "/api/v1/account", Some(token), &[], "").status == 200
}

#[test]
fn a_directory_makes_members_and_ends_them_with_all_that_they_have() {
    let mut world = World::with_limits();
    let url = world.origin();
    world.restart_registry_with(&["--url".into(), url]);
    let world = &world;
    let (operator, ann) = (world.operator(), owner(world, "ann", "umbrella-inc", "corp.example"));
    let directory = directory(world, &ann, "umbrella-inc");
    let in_umbrella = |account: &str| role(&ann, "umbrella-inc", account);

    // Okta looks whether somebody is there, and adds who is not, with an account of a name like that in the directory.
    let looked = directory.ask("GET", "/Users?filter=userName%20eq%20%22bob%40corp.example%22", Value::Null);
    assert_eq!((looked.status, &looked.json()["totalResults"]), (200, &json!(0)));
    let id = directory.add("bob@corp.example");
    assert_eq!(world.stores.texts("select account from scim_users"), ["bob"]);
    assert_eq!((in_umbrella("bob"), in_umbrella("ann")), ("member".into(), "owner".into()));
    for filter in [
        "userName eq \"BOB@corp.example\"",
        "externalId eq \"ext-bob@corp.example\"",
        "emails.value eq \"bob@corp.example\"",
        "emails[type eq \"work\"].value eq \"bob@corp.example\"",
        &format!("id eq \"{id}\""),
    ] {
        let query: String = filter.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let found = directory.ask("GET", &format!("/Users?filter={query}&startIndex=1&count=2"), Value::Null);
        assert_eq!(found.json()["Resources"][0]["id"], id, "{filter}: {}", found.text());
    }
    // What is sent again is there already.
    assert_eq!(directory.refused("POST", "/Users", okta("Bob@corp.example")), (409, "uniqueness".to_owned()));

    // He sets a password by what was sent to his address, and is logged in wherever one can be.
    let reset = operator.ok(&["operator", "reset-password", "bob"]);
    let bob = world.person("bob");
    bob.with_input(&["account", "reset", "--token", reset["token"].as_str().unwrap()], PASSWORD);
    bob.login(PASSWORD);
    let machine = bob.ok(&["tokens", "new", "full"])["token"].as_str().unwrap().to_owned();
    let made = bob.ok(&["tokens", "new", "full", "--for", "umbrella-inc"]);
    let for_umbrella = made["token"].as_str().unwrap().to_owned();
    let cookie = world.session(&bob);
    let session = || world.get("/account", &[("cookie", &cookie)]).0 == 200;
    assert!(works(world, &bob.token()) && works(world, &machine) && session());

    // A group gives the role that was chosen for it, as long as he is in it.
    let members = json!([{ "value": id, "display": "bob@corp.example" }]);
    let group = directory.ask("POST", "/Groups", json!({ "displayName": "Makers", "members": members }));
    assert_eq!((group.status, in_umbrella("bob")), (201, "member".into()));
    let group = group.json()["id"].as_str().unwrap().to_owned();
    let listed = ann.ok(&["organisation", "directory", "groups", "umbrella-inc"]);
    assert_eq!(
        listed["items"][0],
        json!({ "id": group, "display_name": "Makers", "role": null, "members": 1 })
    );
    ann.ok(&["organisation", "directory", "map", "umbrella-inc", &group, "publisher"]);
    assert_eq!(in_umbrella("bob"), "publisher");
    let owns = ["organisation", "directory", "map", "umbrella-inc", &group, "owner"];
    assert_eq!(ann.refused(&owns).0.r#type, "invalid");
    let path = format!("/Groups/{group}");
    let members = || directory.ask("GET", &path, Value::Null).json()["members"].as_array().unwrap().len();
    let goes = json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": id }] }]);
    assert_eq!((directory.change(&path, goes), in_umbrella("bob"), members()), (204, "member".into(), 0));
    let comes = json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
    for _ in 0..2 {
        assert_eq!((directory.change(&path, comes.clone()), members()), (204, 1));
    }
    assert_eq!(in_umbrella("bob"), "publisher");
    let left_out = directory.ask("GET", &format!("{path}?excludedAttributes=members"), Value::Null).json();
    assert_eq!((&left_out["members"], &left_out["displayName"]), (&Value::Null, &json!("Makers")));
    let user = format!("/Users/{id}");
    versions(&directory, [&user, &path]);

    // Entra ID ends him in words of its own: from the next request on, nothing of his opens anything.
    let ends = json!([{ "op": "Replace", "path": "active", "value": "False" }]);
    for _ in 0..2 {
        assert_eq!(directory.change(&user, ends.clone()), 200);
        for token in [&bob.token(), &machine, &for_umbrella] {
            assert_eq!(world.send("GET", "/api/v1/account", Some(token), &[], "").status, 401);
        }
        assert!(!session());
        let refused = log_in(world, "bob");
        assert_eq!((refused.status, &refused.json()["type"]), (403, &json!("suspended")));
        assert_eq!(in_umbrella("bob"), "");
    }
    assert_eq!(directory.ask("GET", &user, Value::Null).json()["active"], false);

    // He comes back with his role, and with nothing that he had before.
    assert_eq!(directory.change(&user, json!([{ "op": "replace", "value": { "active": true } }])), 200);
    assert_eq!((in_umbrella("bob"), works(world, &machine), session()), ("publisher".into(), false, false));
    let again = log_in(world, "bob");
    assert_eq!(again.status, 201, "{}", again.text());
    let token = again.json()["token"].as_str().unwrap().to_owned();
    // Whom somebody of the organisation has removed, no change of a group brings back.
    ann.ok(&["organisation", "remove", "umbrella-inc", "bob"]);
    assert_eq!(
        directory.change(&path, json!([{ "op": "replace", "value": { "displayName": "Builders" } }])),
        204
    );
    assert_eq!((in_umbrella("bob"), works(world, &token)), (String::new(), true));

    // Removed, he is forgotten but for his account, which he has again when he is added again.
    assert_eq!(directory.ask("DELETE", &user, Value::Null).status, 204);
    assert_eq!(directory.refused("GET", &user, Value::Null).0, 404);
    assert_eq!(directory.refused("DELETE", &user, Value::Null).0, 404);
    assert_eq!((works(world, &token), log_in(world, "bob").status, members()), (false, 403, 0));
    assert!(world.stores.texts("select user_name from scim_users").is_empty());
    directory.add("bob@corp.example");
    assert_eq!(world.stores.texts("select account from scim_users"), ["bob"]);
    assert_eq!((in_umbrella("bob"), log_in(world, "bob").status), ("member".into(), 201));

    let trail = operator.text(&["audit", "export"]);
    for told in [
        "directory of 'umbrella-inc' by token",
        "directory-person-changed",
        "directory-group-mapped",
        "account-ended",
    ] {
        assert!(trail.contains(told), "{told}");
    }
    assert!(!trail.contains("corp.example") && !trail.contains(&directory.token), "the trail goes to others");

    conforms(world, &directory.token);
}

/// A resource says which version it is: whoever has that is not sent it again, and changes no other.
fn versions(directory: &Directory<'_>, paths: [&str; 2]) {
    let config = directory.ask("GET", "/ServiceProviderConfig", Value::Null).json();
    assert_eq!(config["etag"]["supported"], true);
    let ask = |method: &str, path: &str, condition: (&str, &str), body: Value| {
        let headers = [SCIM[0], condition];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        directory.world.send(method, &format!("/scim/v2{path}"), Some(&directory.token), &headers, body)
    };
    let named =
        |name: &str| json!({ "Operations": [{ "op": "replace", "path": "displayName", "value": name }] });
    for path in paths {
        let seen = directory.ask("GET", path, Value::Null);
        let first = seen.header("etag").to_owned();
        assert_eq!(seen.json()["meta"]["version"], json!(first), "{path}");
        let known = ask("GET", path, ("if-none-match", &first), Value::Null);
        assert_eq!((known.status, known.header("etag"), known.text()), (304, first.as_str(), String::new()));
        let changed = ask("PATCH", path, ("if-match", &first), named("Another name"));
        assert!(
            changed.status < 300 && ![first.as_str(), ""].contains(&changed.header("etag")),
            "{changed:?}"
        );
        let whole = json!({ "userName": "bob@corp.example", "displayName": "One more name" });
        for (method, body) in [("PATCH", named("One more name")), ("PUT", whole), ("DELETE", Value::Null)] {
            let late = ask(method, path, ("if-match", &first), body);
            assert_eq!((late.status, &late.json()["status"]), (412, &json!("412")), "{method} {path}");
        }
        let now = ask("GET", path, ("if-none-match", &first), Value::Null);
        assert_eq!((now.status, &now.json()["displayName"]), (200, &json!("Another name")));
    }
}

/// Another party's checks of the whole protocol.
fn conforms(world: &World, token: &str) {
    let mut child = Command::new(workspace().join("target/tools/scim/bin/python3"))
        .arg(workspace().join("tests/e2e/scim_tester.py"))
        .args([world.origin().as_str(), "corp.example"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let checks: u32 = said.trim().parse().unwrap();
    assert!(checks > 50, "{checks}");
}

#[test]
fn a_directory_does_no_more_than_it_may() {
    let world = &World::with_limits();
    let ann = owner(world, "ann", "umbrella-inc", "corp.example");
    let dave = owner(world, "dave", "hooli-inc", "hooli.example");
    let (umbrella, hooli) = (directory(world, &ann, "umbrella-inc"), directory(world, &dave, "hooli-inc"));
    let in_umbrella = |account: &str| role(&ann, "umbrella-inc", account);

    // Its token opens nothing else, and nothing else opens it.
    for path in ["/api/v1/account", "/api/v1/plugins", "/token", "/api/v1/organisations/umbrella-inc/members"]
    {
        assert_eq!(world.send("GET", path, Some(&umbrella.token), &[], "").status, 401, "{path}");
    }
    let read = ann.ok(&["tokens", "new", "read"])["token"].as_str().unwrap().to_owned();
    for (token, status) in
        [(Some(ann.token()), 403), (Some(read), 403), (Some("chy_none".into()), 401), (None, 401)]
    {
        let answer = world.send("GET", "/scim/v2/Users", token.as_deref(), &[], "");
        assert_eq!((answer.status, &answer.json()["status"]), (status, &json!(status.to_string())));
    }
    assert_eq!(ann.refused(&["tokens", "new", "scim"]).0.r#type, "invalid");
    assert_eq!(dave.refused(&["organisation", "directory", "token", "umbrella-inc"]).0.r#type, "forbidden");

    // Nobody else's people are seen, changed, or in its groups.
    let bob = umbrella.add("bob@corp.example");
    let user = format!("/Users/{bob}");
    for method in ["GET", "DELETE"] {
        assert_eq!(hooli.refused(method, &user, Value::Null).0, 404, "{method}");
    }
    assert_eq!(hooli.refused("PUT", &user, okta("bob@hooli.example")).0, 404);
    assert_eq!(hooli.change(&user, json!([{ "op": "replace", "value": { "active": false } }])), 404);
    assert_eq!(hooli.ask("GET", "/Users", Value::Null).json()["totalResults"], 0);
    let group = json!({ "displayName": "Makers", "members": [{ "value": bob }] });
    assert_eq!(hooli.refused("POST", "/Groups", group), (400, "invalidValue".into()));

    // Only addresses of its own domain make an account, or find one.
    let carol = world.person("carol");
    carol.register();
    world.stores.sql("update accounts set email = 'carol@mail.example' where name = 'carol'");
    for foreign in ["carol@mail.example", "nobody@mail.example", "eve@hooli.example", "nobody"] {
        let refused = umbrella.refused("POST", "/Users", okta_named("x@corp.example", foreign));
        assert_eq!(refused, (400, "invalidValue".into()), "{foreign}");
    }
    let moved =
        json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "bob@mail.example" }]);
    assert_eq!(umbrella.change(&user, moved), 400);
    assert_eq!(world.stores.texts("select email from accounts where name = 'bob'"), ["bob@corp.example"]);

    // Nor does one say where an owner is written to, whom it has made: the password is set by a letter.
    for (role, address) in [("owner", "mallory@corp.example"), ("member", "bob@corp.example")] {
        let to = format!("update organisation_members set role = '{role}' where account = 'bob'");
        world.stores.sql(&to);
        let moved = json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": address }]);
        assert_eq!(umbrella.change(&user, moved), 200);
        assert_eq!(world.stores.texts("select email from accounts where name = 'bob'"), ["bob@corp.example"]);
    }

    // Whose account was there before is invited, and loses no more than the membership.
    world.stores.sql("update accounts set email = 'Carol@corp.example' where name = 'carol'");
    let linked = umbrella.add("carol@corp.example");
    assert_eq!(world.stores.texts("select name from accounts where name like 'carol%'"), ["carol"]);
    assert_eq!(in_umbrella("carol"), "");
    let makers = json!({ "displayName": "Makers", "members": [{ "value": linked }] });
    let makers = umbrella.ask("POST", "/Groups", makers).json()["id"].as_str().unwrap().to_owned();
    ann.ok(&["organisation", "directory", "map", "umbrella-inc", &makers, "publisher"]);
    carol.ok(&["organisation", "accept", "umbrella-inc"]);
    assert_eq!(in_umbrella("carol"), "publisher");
    assert_eq!(umbrella.ask("DELETE", &format!("/Users/{linked}"), Value::Null).status, 204);
    assert_eq!((in_umbrella("carol"), works(world, &carol.token())), (String::new(), true));

    // No directory makes an owner less.
    world.stores.sql("update accounts set email = 'ann@corp.example' where name = 'ann'");
    let owner = format!("/Users/{}", umbrella.add("ann@corp.example"));
    assert_eq!(umbrella.refused("DELETE", &owner, Value::Null), (409, "mutability".into()));
    assert_eq!(umbrella.change(&owner, json!([{ "op": "replace", "value": { "active": false } }])), 409);
    assert_eq!(in_umbrella("ann"), "owner");

    // A name that is taken, or would be mistaken for one, gets a number.
    umbrella.add("dave@corp.example");
    umbrella.add("Dave_@corp.example");
    let named =
        world.stores.texts("select account from scim_users where user_name like '%ave%' order by created_at");
    assert_eq!(named, ["dave-2", "dave-3"]);

    hostile(&umbrella, &user);

    // A token ends with the power of whoever has made it.
    let erin = world.person("erin");
    erin.register();
    dave.ok(&["organisation", "invite", "hooli-inc", "erin", "--role", "admin"]);
    erin.ok(&["organisation", "accept", "hooli-inc"]);
    let erins = directory(world, &erin, "hooli-inc");
    assert_eq!(erins.ask("GET", "/Users", Value::Null).status, 200);
    let listed = dave.ok(&["organisation", "directory", "tokens", "hooli-inc"]);
    let makers: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|token| token["made_by"].clone()).collect();
    assert_eq!(makers, ["dave", "erin"]);
    dave.ok(&["organisation", "role", "hooli-inc", "erin", "member"]);
    assert_eq!(erins.refused("GET", "/Users", Value::Null).0, 403);
    dave.ok(&["organisation", "remove", "hooli-inc", "erin"]);
    assert_eq!(erins.refused("GET", "/Users", Value::Null).0, 401);
    let id = listed["items"][0]["id"].as_str().unwrap();
    dave.ok(&["organisation", "directory", "revoke", "hooli-inc", id]);
    assert_eq!(hooli.refused("GET", "/Users", Value::Null).0, 401);
}

fn okta_named(user_name: &str, address: &str) -> Value {
    let mut body = okta(user_name);
    match address.contains('@') {
        true => body["emails"][0]["value"] = json!(address),
        false => {
            body["userName"] = json!(address);
            body["emails"] = json!([]);
        }
    }
    body
}

/// What no directory sends is refused in its words, and changes nothing.
fn hostile(directory: &Directory<'_>, user: &str) {
    let before = directory.ask("GET", user, Value::Null).text();
    let many = vec![json!({ "op": "add", "path": "active", "value": true }); 1001];
    for (method, path, body, status, word) in [
        ("POST", "/Users", json!([]), 400, "invalidSyntax"),
        ("POST", "/Users", json!({}), 400, "invalidValue"),
        ("POST", "/Users", json!({ "userName": "a\u{0}b@corp.example" }), 400, "invalidValue"),
        ("POST", "/Users", json!({ "userName": "x".repeat(300) }), 400, "invalidValue"),
        ("POST", "/Users", json!({ "userName": "x@corp.example", "emails[": 1 }), 400, "invalidPath"),
        ("POST", "/Users", json!({ "userName": "x".repeat(300 << 10) }), 413, ""),
        ("PUT", user, json!({ "userName": ["bob@corp.example"] }), 400, "invalidValue"),
        ("PATCH", user, json!({ "Operations": many }), 400, "tooMany"),
        ("PATCH", user, json!({ "Operations": [{ "op": "copy" }] }), 400, "invalidSyntax"),
        ("PATCH", user, json!({ "Operations": [{ "op": "remove" }] }), 400, "noTarget"),
        ("PATCH", user, json!({ "Operations": [{ "op": "remove", "path": "userName" }] }), 409, "mutability"),
        (
            "PATCH",
            user,
            json!({ "Operations": [{ "op": "replace", "path": "displayName", "value": "Robert" },
                                   { "op": "replace", "path": "active", "value": "maybe" }] }),
            400,
            "invalidValue",
        ),
        (
            "POST",
            "/Groups",
            json!({ "displayName": "x", "members": [{ "value": "none" }] }),
            400,
            "invalidValue",
        ),
        ("GET", "/Users?filter=userName%20co%20%22a%22", json!(null), 400, "invalidFilter"),
        ("GET", "/Users?filter=password%20eq%20%22a%22", json!(null), 400, "invalidFilter"),
        ("GET", "/Users?filter=userName%20eq%20%22a%5cu0000%22", json!(null), 400, "invalidFilter"),
        ("GET", "/Users?count=many", json!(null), 400, "invalidValue"),
        ("GET", "/Users/..%2f..%2fetc", json!(null), 404, ""),
        ("GET", "/Groups/%00", json!(null), 404, ""),
        ("GET", "/Schemas/none", json!(null), 404, ""),
        ("GET", "/nowhere", json!(null), 404, ""),
        ("POST", "/Bulk", json!({}), 501, ""),
    ] {
        assert_eq!(directory.refused(method, path, body), (status, word.to_owned()), "{method} {path}");
    }
    let empty = directory.ask("GET", "/Users?filter=userName%20eq%20%22%22", Value::Null).json();
    assert_eq!(empty["totalResults"], 0, "an empty name is nobody's");
    let plain = [("content-type", "text/plain")];
    let url = format!("/scim/v2{user}");
    assert_eq!(directory.world.send("PUT", &url, Some(&directory.token), &plain, "{}").status, 415);
    assert_eq!(directory.world.send("PUT", &url, Some(&directory.token), &SCIM, "{").status, 400);
    assert_eq!(directory.ask("GET", user, Value::Null).text(), before, "nothing has changed");
}
