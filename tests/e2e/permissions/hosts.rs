//! Every route of the host, and who may use it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::{Routes, must_be_complete, routed};
use crate::host_sign_in::{program, signed_up};
use crate::world::{Person, World, plugin};

/// Who may use a route: whoever has this role, or one that may more; nobody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum For {
    Everybody,
    Viewers,
    Deployers,
    Approvers,
    Admins,
}

/// Whoever is known to the host, and the most that each may; the last shows `host.token`.
const USERS: [(&str, For); 9] = [
    ("viewer", For::Viewers),
    ("deployer", For::Deployers),
    // On a target of its team alone.
    ("member", For::Deployers),
    ("approver", For::Approvers),
    ("admin", For::Admins),
    // An admin's, which is for less.
    ("narrow", For::Viewers),
    // An admin's, which is for one target alone.
    ("scoped", For::Deployers),
    // An approver who has signed in with a program.
    ("program", For::Approvers),
    ("first", For::Admins),
];

/// The routes, and what is sent to each: what it asks for is not there, so that nothing comes of it.
fn table() -> Vec<(&'static str, &'static str, For, Value)> {
    let plan = json!({ "plugin": "unheard-of", "parameters": {} });
    vec![
        ("GET", "/healthz", For::Everybody, json!(null)),
        ("GET", "/readyz", For::Everybody, json!(null)),
        ("GET", "/metrics", For::Everybody, json!(null)),
        ("GET", "/api/v1/plugins", For::Viewers, json!(null)),
        ("POST", "/api/v1/plugins", For::Approvers, json!({ "requirement": "acme:unheard-of" })),
        ("DELETE", "/api/v1/plugins/{name}", For::Approvers, json!(null)),
        ("GET", "/api/v1/plugins/{name}/manifest", For::Viewers, json!(null)),
        (
            "PUT",
            "/api/v1/plugins/{name}/permissions/{permission}",
            For::Approvers,
            json!({ "granted": true }),
        ),
        ("GET", "/api/v1/plugins/{name}/settings", For::Viewers, json!(null)),
        ("PATCH", "/api/v1/plugins/{name}/settings", For::Approvers, json!({})),
        ("GET", "/api/v1/plugins/{name}/uses", For::Viewers, json!(null)),
        ("POST", "/api/v1/plugins/{name}/try", For::Approvers, json!(null)),
        ("GET", "/api/v1/integrations", For::Viewers, json!(null)),
        ("POST", "/api/v1/verify", For::Viewers, json!(null)),
        ("GET", "/api/v1/rules", For::Viewers, json!(null)),
        ("PUT", "/api/v1/rules", For::Approvers, json!({})),
        ("GET", "/api/v1/rules/changes", For::Viewers, json!(null)),
        ("GET", "/api/v1/rules/broken", For::Viewers, json!(null)),
        ("GET", "/api/v1/secrets", For::Viewers, json!(null)),
        ("PUT", "/api/v1/secrets/{name}", For::Admins, json!({ "value": "x" })),
        ("DELETE", "/api/v1/secrets/{name}", For::Admins, json!(null)),
        ("GET", "/api/v1/models", For::Viewers, json!(null)),
        ("GET", "/api/v1/models/{name}", For::Viewers, json!(null)),
        ("PUT", "/api/v1/models/{name}", For::Approvers, json!({ "config": {} })),
        ("DELETE", "/api/v1/models/{name}", For::Approvers, json!(null)),
        ("POST", "/api/v1/plans", For::Deployers, plan.clone()),
        ("GET", "/api/v1/deployments", For::Viewers, json!(null)),
        ("POST", "/api/v1/deployments", For::Deployers, plan),
        ("GET", "/api/v1/deployments/{name}", For::Viewers, json!(null)),
        ("DELETE", "/api/v1/deployments/{name}", For::Deployers, json!(null)),
        ("GET", "/api/v1/deployments/{name}/revisions", For::Viewers, json!(null)),
        ("POST", "/api/v1/deployments/{name}/rollback", For::Deployers, json!({ "revision": 1 })),
        ("POST", "/api/v1/deployments/{name}/restart", For::Deployers, json!(null)),
        (
            "PUT",
            "/api/v1/deployments/{name}/scale",
            For::Deployers,
            json!({ "workload": "server", "replicas": 1 }),
        ),
        ("PUT", "/api/v1/deployments/{name}/paused", For::Deployers, json!(true)),
        ("POST", "/api/v1/deployments/{name}/repair", For::Deployers, json!(null)),
        ("POST", "/api/v1/deployments/{name}/heal", For::Deployers, json!(null)),
        ("GET", "/api/v1/deployments/{name}/logs", For::Viewers, json!(null)),
        ("GET", "/api/v1/deployments/{name}/replay", For::Viewers, json!(null)),
        ("GET", "/api/v1/entitlement", For::Viewers, json!(null)),
        ("GET", "/api/v1/usage", For::Viewers, json!(null)),
        ("GET", "/api/v1/registry-account", For::Viewers, json!(null)),
        ("PUT", "/api/v1/registry-account", For::Admins, json!({ "token": "unheard-of" })),
        ("GET", "/api/v1/targets", For::Viewers, json!(null)),
        ("PUT", "/api/v1/targets/{name}", For::Admins, json!({})),
        ("DELETE", "/api/v1/targets/{name}", For::Admins, json!(null)),
        ("GET", "/api/v1/targets/{name}/inventory", For::Viewers, json!(null)),
        ("GET", "/api/v1/whoami", For::Viewers, json!(null)),
        ("GET", "/api/v1/users", For::Viewers, json!(null)),
        ("PUT", "/api/v1/users/{name}", For::Admins, json!({ "role": "king" })),
        ("DELETE", "/api/v1/users/{name}", For::Admins, json!(null)),
        ("GET", "/api/v1/teams", For::Viewers, json!(null)),
        ("PUT", "/api/v1/teams/{name}", For::Admins, json!({})),
        ("DELETE", "/api/v1/teams/{name}", For::Admins, json!(null)),
        ("GET", "/api/v1/tokens", For::Admins, json!(null)),
        ("POST", "/api/v1/tokens", For::Admins, json!({})),
        ("DELETE", "/api/v1/tokens/{id}", For::Admins, json!(null)),
        ("GET", "/api/v1/acts", For::Viewers, json!(null)),
        ("POST", "/api/v1/users/{name}/set-up", For::Admins, json!(null)),
        ("POST", "/api/v1/host-token", For::Admins, json!({ "current": "another" })),
        ("GET", "/api/v1/sessions", For::Admins, json!(null)),
        ("DELETE", "/api/v1/sessions/{id}", For::Admins, json!(null)),
        ("POST", "/api/v1/device-log-ins", For::Everybody, json!({})),
        ("POST", "/api/v1/device-log-ins/token", For::Everybody, json!({ "device_code": "unheard-of" })),
        // Last, since it ends the session of the program that asks.
        ("DELETE", "/api/v1/session", For::Viewers, json!(null)),
    ]
}

/// The pages, which a session's cookie opens and no token: whether whoever is not signed in sees them, and is not sent to sign in.
const PAGES: [(&str, &str, bool); 26] = [
    ("GET", "/", false),
    ("GET", "/style.css", true),
    ("GET", "/logs.js", true),
    ("GET", "/deployments", false),
    ("GET", "/deployments/{name}", false),
    ("GET", "/deployments/{name}/logs", false),
    ("GET", "/targets", false),
    ("GET", "/plugins", false),
    ("GET", "/integrations", false),
    ("GET", "/secrets", false),
    ("GET", "/activity", false),
    ("GET", "/users", false),
    ("GET", "/rollout.js", true),
    ("GET", "/login", true),
    ("POST", "/login", true),
    ("GET", "/login/sso", true),
    ("GET", "/login/sso/callback", true),
    ("POST", "/logout", false),
    ("GET", "/set-up", true),
    ("POST", "/set-up", true),
    ("GET", "/device", false),
    ("POST", "/device", false),
    ("GET", "/account", false),
    ("POST", "/account/password", false),
    ("POST", "/account/sessions", false),
    ("POST", "/account/tokens", false),
];

/// The pages that do what routes of the interface do, and who may use each.
const ACTING: [(&str, &str, For); 21] = [
    ("GET", "/deploy", For::Deployers),
    ("POST", "/deploy", For::Deployers),
    ("GET", "/deployments/{name}/rollout", For::Viewers),
    ("GET", "/deployments/{name}/upgrade", For::Deployers),
    ("POST", "/deployments/{name}/upgrade", For::Deployers),
    ("GET", "/deployments/{name}/rollback", For::Deployers),
    ("POST", "/deployments/{name}/rollback", For::Deployers),
    ("GET", "/deployments/{name}/scale", For::Deployers),
    ("POST", "/deployments/{name}/scale", For::Deployers),
    ("GET", "/deployments/{name}/restart", For::Deployers),
    ("POST", "/deployments/{name}/restart", For::Deployers),
    ("GET", "/deployments/{name}/pause", For::Deployers),
    ("POST", "/deployments/{name}/pause", For::Deployers),
    ("GET", "/deployments/{name}/resume", For::Deployers),
    ("POST", "/deployments/{name}/resume", For::Deployers),
    ("GET", "/deployments/{name}/repair", For::Deployers),
    ("POST", "/deployments/{name}/repair", For::Deployers),
    ("GET", "/deployments/{name}/remove", For::Deployers),
    ("POST", "/deployments/{name}/remove", For::Deployers),
    ("GET", "/plugins/install", For::Approvers),
    ("POST", "/plugins/install", For::Approvers),
];

/// A token of a user for a role, made by the first admin.
fn token(first: &Person, words: &[&str]) -> String {
    let made = first.ok(&[&["host", "tokens", "new"], words].concat());
    made["token"].as_str().unwrap().to_owned()
}

/// What each of the users shows.
fn tokens(world: &World) -> Vec<String> {
    let first = world.customer();
    for (name, role) in [
        ("viewer", "viewer"),
        ("deployer", "deployer"),
        ("member", "viewer"),
        ("approver", "approver"),
        ("second", "admin"),
    ] {
        first.ok(&["host", "users", "add", name, role]);
    }
    first.ok(&["host", "teams", "set", "ml", "--target", "gpu", "--member", "member=deployer"]);
    let made = [
        ["viewer", "admin"],
        ["deployer", "admin"],
        ["member", "admin"],
        ["approver", "admin"],
        ["second", "admin"],
        ["second", "viewer"],
    ];
    let mut shown: Vec<String> = made.iter().map(|words| token(&first, words)).collect();
    shown.push(token(&first, &["second", "deployer", "--target", "gpu"]));
    shown.push(program(world, &signed_up(world, "approver")));
    shown.push(fs::read_to_string(world.host_data().join("host.token")).unwrap());
    shown
}

#[test]
fn every_route_of_the_host_is_for_those_it_is_meant_for() {
    let world = World::start();
    let known = tokens(&world);
    let token = known.last().unwrap().clone();
    let account = world.customer().token();
    let at_host = |path: &str| format!("http://{}{path}", world.host.address);
    let mut wrong = Vec::new();
    for (method, route, who, body) in table() {
        let named = route.replace("{name}", "unheard-of").replace("{id}", "unheard-of");
        let url = at_host(&named.replace("{permission}", "keyvalue"));
        let body = match &body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let ask = |token: Option<&str>| {
            let kind = [("content-type", "application/json")];
            world.send(method, &url, token, &kind, body.clone()).status
        };
        let is_answered = |status: u16| ![401, 403, 405].contains(&status) && status < 500;
        for stranger in [None, Some("wrong"), Some(account.as_str()), Some("chandlery_host_")] {
            let status = ask(stranger);
            let as_meant = if who == For::Everybody { is_answered(status) } else { status == 401 };
            if !as_meant {
                wrong.push(format!("{method} {route} with {stranger:?}: {status}"));
            }
        }
        for ((name, most), token) in USERS.iter().zip(&known) {
            let status = ask(Some(token.as_str()));
            let as_meant = if who <= *most { is_answered(status) } else { status == 403 };
            if !as_meant {
                wrong.push(format!("{method} {route} as {name}: {status}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");

    // The token opens where it is meant to be shown, and nowhere else.
    for (header, value) in [
        ("authorization", token.clone()),
        ("authorization", format!("Basic {token}")),
        ("cookie", format!("chandlery_session={token}")),
    ] {
        let answer = world.send("GET", &at_host("/api/v1/secrets"), None, &[(header, value.as_str())], "");
        assert_eq!(answer.status, 401, "{header}: {value}");
    }
    for secret in
        ["host/host.token", "registry/log.key", "registry/operator.token", "registry/operator.password"]
    {
        let mode = fs::metadata(world.folder.path().join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{secret} is for its owner alone");
    }
}

#[test]
fn the_pages_are_for_whoever_is_signed_in() {
    let world = World::start();
    world.customer().ok(&["host", "users", "add", "ann", "viewer"]);
    let token = fs::read_to_string(world.host_data().join("host.token")).unwrap();
    let cookie = signed_up(&world, "ann");
    let origin = format!("http://{}", world.host.address);
    let form = "name=ann&password=x&token=x&again=x&id=x&current=x&user_code=x";
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let acting = ACTING.iter().map(|(method, path, _)| (*method, *path, false));
    for (method, path, is_public) in PAGES.into_iter().chain(acting) {
        let url = format!("{origin}{}", path.replace("{name}", "unheard-of"));
        let ask = |token: Option<&str>, headers: &[(&str, &str)]| {
            let answer = world.send(method, &url, token, &[&[kind], headers].concat(), form);
            let sent_on = answer.status == 303 && answer.header("location").starts_with("/login");
            (answer.status, sent_on || path == "/" && answer.header("location") == "/deployments")
        };
        let own = ("origin", origin.as_str());
        // A token opens no page, and nothing is done for a page of somebody else.
        for token in [None, Some(token.as_str())] {
            let (status, sent_on) = ask(token, &[own]);
            assert_eq!(sent_on, !is_public, "{method} {path}: {status}");
            assert!(status < 500 && status != 403, "{method} {path}: {status}");
        }
        if method == "POST" {
            let other = ("origin", "http://127.0.0.1:1");
            for sent in [&[][..], &[other], &[other, ("cookie", cookie.as_str())]] {
                assert_eq!(ask(None, sent).0, 403, "{method} {path}: {sent:?}");
            }
        }
        if !is_public && !["/", "/logout"].contains(&path) {
            let (status, sent_on) = ask(None, &[own, ("cookie", cookie.as_str())]);
            assert!(!sent_on && status < 500, "{method} {path}: {status}");
        }
    }

    // A page is for whoever may use the route that does the same.
    let mut wrong = Vec::new();
    for (role, most) in [("viewer", For::Viewers), ("deployer", For::Deployers), ("approver", For::Approvers)]
    {
        world.customer().ok(&["host", "users", "add", role, role]);
        let cookie = signed_up(&world, role);
        for (method, path, who) in ACTING {
            let url = format!("{origin}{}", path.replace("{name}", "unheard-of"));
            let headers = [kind, ("origin", origin.as_str()), ("cookie", cookie.as_str())];
            let status = world.send(method, &url, None, &headers, form).status;
            let is_answered = status != 403 && status < 500;
            if is_answered != (who <= most) || status == 303 {
                wrong.push(format!("{method} {path} as {role}: {status}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_deployer_deploys_to_the_targets_of_its_team_alone() {
    let world = World::start();
    let mallory = world.publisher("mallory");
    mallory.publish(&plugin("hostile"));
    let first = world.customer();
    first.ok(&["install", "mallory:hostile"]);
    let deploy = ["deploy", "hostile", "--set", "attack=none", "--no-wait"];
    first.ok(&deploy);
    first.ok(&["host", "users", "add", "ann", "viewer"]);
    let team = |target: &str| {
        first.ok(&["host", "teams", "set", "ml", "--target", target, "--member", "ann=deployer"]);
    };
    team("gpu");
    let as_ann = |words: &[&str]| {
        let shown = first.file("ann.token", token(&first, words).as_bytes());
        Person { host: Some((world.host.address.clone(), shown.into())), ..world.customer() }
    };
    let ann = as_ann(&["ann", "deployer", "--team", "ml"]);
    assert_eq!(ann.ok(&["host", "whoami"])["teams"][0]["targets"][0], "gpu");

    // Each change of what is on another target is refused, and seeing it is not.
    let on = |command: &'static str| vec![command, "hostile", "--no-wait"];
    let acts = [
        [&deploy[..], &["--name", "another"]].concat(),
        deploy.to_vec(),
        on("restart"),
        on("pause"),
        on("resume"),
        vec!["scale", "hostile", "0", "--no-wait"],
        vec!["repair", "hostile"],
        vec!["remove", "hostile"],
    ];
    for words in &acts {
        let (problem, _) = ann.refused(words);
        assert_eq!(problem.r#type, "forbidden", "{words:?}: {problem:?}");
        assert!(problem.detail.contains("on the target 'local'"), "{words:?}: {problem:?}");
    }
    ann.ok(&["status"]);
    team("local");
    let taken = [&deploy[..], &["--name", "taken", "--team", "others"]].concat();
    assert!(ann.refused(&taken).0.detail.contains("in the team 'others'"));
    ann.ok(&[&deploy[..], &["--name", "own", "--team", "ml"]].concat());
    ann.ok(&on("restart"));
    assert_eq!(ann.refused(&["install", "mallory:hostile"]).0.r#type, "forbidden");
    assert_eq!(ann.refused(&["host", "users", "add", "ann", "admin"]).0.r#type, "forbidden");
    assert_eq!(as_ann(&["ann", "viewer"]).refused(&on("restart")).0.r#type, "forbidden");

    assert_eq!(first.refused(&["install", "mallory:nothing"]).0.r#type, "not-found");

    // Each revision and each act is somebody's.
    let revisions = first.ok(&["history", "hostile"]);
    let made: Vec<_> = revisions.as_array().unwrap().iter().map(|revision| &revision["made_by"]).collect();
    assert_eq!(made, ["ann", "admin"]);
    let acts = first.ok(&["host", "acts"]);
    let told = |user: &str, act: &str, about: &str, status: u16| {
        acts["items"].as_array().unwrap().iter().any(|entry| {
            (&entry["user"], &entry["act"], &entry["about"]) == (&json!(user), &json!(act), &json!(about))
                && entry["status"] == status
        })
    };
    assert!(told("admin", "deploy", "hostile", 200) && told("ann", "restart", "hostile", 200), "{acts}");
    assert!(told("ann", "deploy", "own", 200) && told("admin", "set-user", "ann", 200), "{acts}");
    assert!(
        told("ann", "restart", "hostile", 403) && told("admin", "install", "mallory:hostile@*", 200),
        "{acts}"
    );
    // What is told step by step is known to be refused when it ends.
    assert!(told("admin", "install", "mallory:nothing@*", 404), "{acts}");
    assert!(!told("admin", "install", "mallory:nothing@*", 200), "{acts}");

    // Nothing of a member who has left opens anything.
    let removed = first.ok(&["host", "users", "remove", "ann"]);
    assert_eq!(removed["ended"].as_array().unwrap().len(), 2, "{removed}");
    assert_eq!(ann.refused(&["status"]).0.r#type, "unauthenticated");
    assert_eq!(first.refused(&["host", "users", "remove", "admin"]).0.r#type, "conflict");
    let members = first.ok(&["host", "teams", "list"])["items"][0]["members"].clone();
    assert_eq!(members, json!({}));
}

/// All of the host's routes.
pub fn routes() -> Routes {
    let described = table().into_iter().map(|(method, route, ..)| (method, route.to_owned()));
    let pages = PAGES.into_iter().map(|(method, route, _)| (method, route.to_owned()));
    let acting = ACTING.into_iter().map(|(method, route, _)| (method, route.to_owned()));
    described.chain(pages).chain(acting).collect()
}

#[test]
fn the_table_of_the_hosts_routes_is_complete() {
    must_be_complete(&routes(), &routed("docs/openapi/host.json", "host/src"));
}
