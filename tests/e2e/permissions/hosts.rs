//! Every route of the host, and who may use it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::{must_be_complete, routed};
use crate::world::World;

/// Who may use a route; nobody else.
#[derive(Debug, Clone, Copy)]
enum For {
    Everybody,
    /// Whoever shows the host's token.
    Holders,
}

/// Who asks, by what it shows.
const ROLES: [&str; 4] = ["nobody", "a wrong token", "an account of the registry", HOLDER];
const HOLDER: &str = "the host's token";

impl For {
    fn allows(self, role: &str) -> bool {
        match self {
            Self::Everybody => true,
            Self::Holders => role == HOLDER,
        }
    }
}

/// The routes, and what is sent to each: what it asks for is not there, so that nothing comes of it.
fn table() -> Vec<(&'static str, &'static str, For, Value)> {
    let plan = json!({ "plugin": "unheard-of", "parameters": {} });
    vec![
        ("GET", "/healthz", For::Everybody, json!(null)),
        ("GET", "/readyz", For::Everybody, json!(null)),
        ("GET", "/metrics", For::Everybody, json!(null)),
        ("GET", "/api/v1/plugins", For::Holders, json!(null)),
        ("POST", "/api/v1/plugins", For::Holders, json!({ "requirement": "acme:unheard-of" })),
        ("DELETE", "/api/v1/plugins/{name}", For::Holders, json!(null)),
        ("GET", "/api/v1/plugins/{name}/manifest", For::Holders, json!(null)),
        ("PUT", "/api/v1/plugins/{name}/permissions/{permission}", For::Holders, json!({ "granted": true })),
        ("GET", "/api/v1/plugins/{name}/settings", For::Holders, json!(null)),
        ("PATCH", "/api/v1/plugins/{name}/settings", For::Holders, json!({})),
        ("GET", "/api/v1/plugins/{name}/uses", For::Holders, json!(null)),
        ("POST", "/api/v1/plugins/{name}/try", For::Holders, json!(null)),
        ("GET", "/api/v1/integrations", For::Holders, json!(null)),
        ("POST", "/api/v1/verify", For::Holders, json!(null)),
        ("GET", "/api/v1/rules", For::Holders, json!(null)),
        ("PUT", "/api/v1/rules", For::Holders, json!({})),
        ("GET", "/api/v1/rules/changes", For::Holders, json!(null)),
        ("GET", "/api/v1/rules/broken", For::Holders, json!(null)),
        ("GET", "/api/v1/secrets", For::Holders, json!(null)),
        ("PUT", "/api/v1/secrets/{name}", For::Holders, json!({ "value": "x" })),
        ("DELETE", "/api/v1/secrets/{name}", For::Holders, json!(null)),
        ("POST", "/api/v1/plans", For::Holders, plan.clone()),
        ("GET", "/api/v1/deployments", For::Holders, json!(null)),
        ("POST", "/api/v1/deployments", For::Holders, plan),
        ("GET", "/api/v1/deployments/{name}", For::Holders, json!(null)),
        ("DELETE", "/api/v1/deployments/{name}", For::Holders, json!(null)),
        ("GET", "/api/v1/deployments/{name}/revisions", For::Holders, json!(null)),
        ("POST", "/api/v1/deployments/{name}/rollback", For::Holders, json!({ "revision": 1 })),
        ("POST", "/api/v1/deployments/{name}/restart", For::Holders, json!(null)),
        (
            "PUT",
            "/api/v1/deployments/{name}/scale",
            For::Holders,
            json!({ "workload": "server", "replicas": 1 }),
        ),
        ("PUT", "/api/v1/deployments/{name}/paused", For::Holders, json!(true)),
        ("POST", "/api/v1/deployments/{name}/repair", For::Holders, json!(null)),
        ("POST", "/api/v1/deployments/{name}/heal", For::Holders, json!(null)),
        ("GET", "/api/v1/deployments/{name}/logs", For::Holders, json!(null)),
        ("GET", "/api/v1/deployments/{name}/replay", For::Holders, json!(null)),
        ("GET", "/api/v1/entitlement", For::Holders, json!(null)),
        ("GET", "/api/v1/usage", For::Holders, json!(null)),
        ("GET", "/api/v1/targets", For::Holders, json!(null)),
        ("PUT", "/api/v1/targets/{name}", For::Holders, json!({})),
        ("DELETE", "/api/v1/targets/{name}", For::Holders, json!(null)),
        ("GET", "/api/v1/targets/{name}/inventory", For::Holders, json!(null)),
    ]
}

#[test]
fn every_route_of_the_host_is_for_those_it_is_meant_for() {
    let world = World::start();
    let token = fs::read_to_string(world.host_data().join("host.token")).unwrap();
    let account = world.customer().token();
    let shown = [None, Some("wrong"), Some(account.as_str()), Some(token.as_str())];
    let at_host = |path: &str| format!("http://{}{path}", world.host.address);
    let mut wrong = Vec::new();
    for (method, route, who, body) in table() {
        let url = at_host(&route.replace("{name}", "unheard-of").replace("{permission}", "keyvalue"));
        let body = match &body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        for (role, token) in ROLES.iter().zip(shown) {
            let kind = [("content-type", "application/json")];
            let status = world.send(method, &url, token, &kind, body.clone()).status;
            let as_meant = match who.allows(role) {
                true => ![401, 403, 405].contains(&status) && status < 500,
                false => status == 401,
            };
            if !as_meant {
                wrong.push(format!("{method} {route} with {role}: {status}"));
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
fn the_table_of_the_hosts_routes_is_complete() {
    let tabled: BTreeSet<_> =
        table().into_iter().map(|(method, route, ..)| (method, route.to_owned())).collect();
    must_be_complete(&tabled, &routed("docs/openapi/host.json", "host/src"));
}
