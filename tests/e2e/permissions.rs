//! Every route of the registry, and who may use it.

use std::collections::BTreeSet;
use std::path::Path;

use chandlery_package::wire::UsageEvent;
use serde_json::{Value, json};

use crate::world::{Person, World, plugin};

/// Who may use a route; nobody else.
#[derive(Debug, Clone, Copy, PartialEq)]
enum For {
    Everybody,
    /// With an account.
    Accounts,
    /// Members of the namespace, and operators.
    Members,
    Publishers,
    Owners,
    OwnersAndOperators,
    Operators,
}

const ROLES: [&str; 6] = ["anonymous", "other", "viewer", "publisher", "owner", "operator"];

impl For {
    fn allows(self, role: &str) -> bool {
        match self {
            Self::Everybody => true,
            Self::Accounts => role != "anonymous",
            Self::Members => ["viewer", "publisher", "owner", "operator"].contains(&role),
            Self::Publishers => ["publisher", "owner"].contains(&role),
            Self::Owners => role == "owner",
            Self::OwnersAndOperators => ["owner", "operator"].contains(&role),
            Self::Operators => role == "operator",
        }
    }
}

struct Case {
    method: &'static str,
    route: &'static str,
    path: String,
    who: For,
    body: Value,
}

/// Paths are filled with what is there; what a request asks for may still be refused for other reasons than who asks.
fn cases() -> Vec<Case> {
    let digest = format!("sha256:{}", "0".repeat(64));
    let table: Vec<(&str, &str, For, Value)> = vec![
        ("GET", "/healthz", For::Everybody, json!(null)),
        ("GET", "/readyz", For::Everybody, json!(null)),
        ("GET", "/metrics", For::Everybody, json!(null)),
        ("GET", "/.well-known/wasm-pkg/registry.json", For::Everybody, json!(null)),
        // OCI: a public namespace is pulled from by everybody.
        ("GET", "/token", For::Everybody, json!(null)),
        ("POST", "/token", For::Accounts, json!(null)),
        ("GET", "/v2", For::Accounts, json!(null)),
        ("GET", "/v2/", For::Accounts, json!(null)),
        ("GET", "/v2/acme/ocr-server/tags/list", For::Everybody, json!(null)),
        ("GET", "/v2/acme/ocr-server/manifests/1.0.0", For::Everybody, json!(null)),
        ("GET", "/v2/acme/ocr-server/blobs/DIGEST", For::Everybody, json!(null)),
        ("GET", "/v2/acme/ocr-server/referrers/DIGEST", For::Everybody, json!(null)),
        ("POST", "/v2/acme/x/blobs/uploads/", For::Publishers, json!(null)),
        (
            "PATCH",
            "/v2/acme/x/blobs/uploads/00000000-0000-0000-0000-000000000000",
            For::Publishers,
            json!("x"),
        ),
        ("PUT", "/v2/acme/x/blobs/uploads/00000000-0000-0000-0000-000000000000", For::Publishers, json!("x")),
        (
            "GET",
            "/v2/acme/x/blobs/uploads/00000000-0000-0000-0000-000000000000",
            For::Publishers,
            json!(null),
        ),
        (
            "DELETE",
            "/v2/acme/x/blobs/uploads/00000000-0000-0000-0000-000000000000",
            For::Publishers,
            json!(null),
        ),
        ("PUT", "/v2/acme/x/manifests/latest", For::Publishers, json!({})),
        ("DELETE", "/v2/acme/x/manifests/latest", For::Publishers, json!(null)),
        ("DELETE", "/v2/acme/x/blobs/DIGEST", For::Publishers, json!(null)),
        // A private one by its members alone.
        ("GET", "/v2/hidden/x/tags/list", For::Members, json!(null)),
        ("GET", "/v2/hidden/x/manifests/latest", For::Members, json!(null)),
        ("GET", "/v2/hidden/x/blobs/DIGEST", For::Members, json!(null)),
        ("GET", "/v2/hidden/x/referrers/DIGEST", For::Members, json!(null)),
        ("POST", "/v2/hidden/x/blobs/uploads/", For::Publishers, json!(null)),
        ("POST", "/api/v1/garbage", For::Operators, json!(null)),
        ("GET", "/api/v1/log", For::Everybody, json!(null)),
        ("GET", "/log/checkpoint", For::Everybody, json!(null)),
        ("GET", "/log/tile/entries/{*index}", For::Everybody, json!(null)),
        ("GET", "/log/tile/{level}/{*index}", For::Everybody, json!(null)),
        // Accounts. Registering and logging in are for whoever can.
        (
            "POST",
            "/api/v1/accounts",
            For::Everybody,
            json!({ "name": "acme", "password": "long enough to be one" }),
        ),
        (
            "POST",
            "/api/v1/tokens",
            For::Everybody,
            json!({ "name": "acme", "password": "correct horse battery" }),
        ),
        ("GET", "/api/v1/account/tokens", For::Accounts, json!(null)),
        ("POST", "/api/v1/account/tokens", For::Accounts, json!({ "scope": "read", "days_valid": 1 })),
        ("DELETE", "/api/v1/account/tokens/{id}", For::Accounts, json!(null)),
        ("GET", "/api/v1/account/invitations", For::Accounts, json!(null)),
        ("PUT", "/api/v1/operators/{name}", For::Operators, json!(null)),
        ("GET", "/api/v1/namespaces/{namespace}/members", For::Members, json!(null)),
        ("PUT", "/api/v1/namespaces/{namespace}/members/{account}", For::Owners, json!({ "role": "viewer" })),
        ("DELETE", "/api/v1/namespaces/{namespace}/members/{account}", For::Owners, json!(null)),
        ("PUT", "/api/v1/namespaces/{namespace}/invitation", For::Accounts, json!(null)),
        ("DELETE", "/api/v1/namespaces/{namespace}/invitation", For::Accounts, json!(null)),
        // The catalog.
        ("POST", "/api/v1/namespaces", For::Accounts, json!({ "name": "acme" })),
        ("PUT", "/api/v1/namespaces/{namespace}/visibility", For::Owners, json!({ "public": true })),
        ("GET", "/api/v1/namespaces/{namespace}/keys", For::Everybody, json!(null)),
        ("POST", "/api/v1/namespaces/{namespace}/keys", For::Owners, json!({ "key": "KEY", "proof": "" })),
        (
            "PUT",
            "/api/v1/namespaces/{namespace}/keys/{key}/revocation",
            For::Owners,
            json!({ "from": "2030-01-01T00:00:00Z" }),
        ),
        ("GET", "/api/v1/plugins", For::Everybody, json!(null)),
        ("GET", "/api/v1/plugins/{namespace}/{name}/releases", For::Everybody, json!(null)),
        (
            "POST",
            "/api/v1/plugins/{namespace}/{name}/releases",
            For::Publishers,
            json!({ "version": "9.9.9", "artifact": digest }),
        ),
        ("GET", "/api/v1/plugins/{namespace}/{name}/releases/{version}", For::Everybody, json!(null)),
        ("PUT", "/api/v1/plugins/{namespace}/{name}/releases/{version}/yank", For::Publishers, json!(null)),
        (
            "DELETE",
            "/api/v1/plugins/{namespace}/{name}/releases/{version}/yank",
            For::Publishers,
            json!(null),
        ),
        (
            "PUT",
            "/api/v1/plugins/{namespace}/{name}/releases/{version}/deprecation",
            For::Publishers,
            json!({ "note": "use something else" }),
        ),
        (
            "DELETE",
            "/api/v1/plugins/{namespace}/{name}/releases/{version}/deprecation",
            For::Publishers,
            json!(null),
        ),
        (
            "PUT",
            "/api/v1/plugins/{namespace}/{name}/releases/{version}/withdrawal",
            For::OwnersAndOperators,
            json!({ "reason": "it mines coins" }),
        ),
        ("PUT", "/api/v1/plugins/{namespace}/{name}/certification", For::Operators, json!(null)),
        ("DELETE", "/api/v1/plugins/{namespace}/{name}/certification", For::Operators, json!(null)),
        (
            "PUT",
            "/api/v1/plugins/{namespace}/{name}/price",
            For::Owners,
            json!({ "offer": { "price": { "kind": "once", "amount": { "minor": 100, "currency": "USD" } } } }),
        ),
        (
            "POST",
            "/api/v1/plugins/{namespace}/{name}/coupons",
            For::Owners,
            json!({ "code": "C", "discount": "10%", "until": "2100-01-01T00:00:00Z", "uses_max": 1 }),
        ),
        // Money.
        ("GET", "/api/v1/usage", For::Accounts, json!(null)),
        ("POST", "/api/v1/usage", For::Accounts, json!(Vec::<UsageEvent>::new())),
        ("GET", "/api/v1/tiers", For::Everybody, json!(null)),
        ("GET", "/api/v1/subscription", For::Accounts, json!(null)),
        ("PUT", "/api/v1/subscription", For::Accounts, json!({ "tier": "free", "billed": "monthly" })),
        ("POST", "/api/v1/subscription/trial", For::Accounts, json!({ "tier": "team" })),
        (
            "PUT",
            "/api/v1/accounts/{account}/subscription",
            For::Operators,
            json!({ "price": { "minor": 0, "currency": "USD" }, "billed": "monthly" }),
        ),
        ("GET", "/api/v1/invoices", For::Accounts, json!(null)),
        (
            "POST",
            "/api/v1/invoices/{number}/payment",
            For::Operators,
            json!({ "bank_reference": "B", "amount": { "minor": 1, "currency": "USD" } }),
        ),
        ("GET", "/api/v1/invoices/{number}", For::Accounts, json!(null)),
        ("GET", "/api/v1/invoices/{number}/page", For::Accounts, json!(null)),
        ("GET", "/api/v1/invoices/{number}/csv", For::Accounts, json!(null)),
        ("POST", "/api/v1/invoices/{number}/payment-intent", For::Accounts, json!(null)),
        (
            "POST",
            "/api/v1/invoices/{number}/refunds",
            For::Operators,
            json!({ "key": "K", "amount": { "minor": 1, "currency": "USD" }, "reason": "" }),
        ),
        ("GET", "/api/v1/credit-notes", For::Accounts, json!(null)),
        ("PUT", "/api/v1/billing-profile", For::Accounts, json!({ "country": "DE" })),
        (
            "POST",
            "/api/v1/tax-rules",
            For::Operators,
            json!({ "country": "XX", "since": "2026-01-01", "name": "VAT", "rate": "1%" }),
        ),
        ("POST", "/api/v1/bank-statements", For::Operators, json!("")),
        // Signed by a secret instead.
        ("POST", "/api/v1/stripe/webhook", For::Everybody, json!({})),
        ("GET", "/api/v1/licence", For::Accounts, json!(null)),
        ("GET", "/api/v1/hosts", For::Accounts, json!(null)),
        ("DELETE", "/api/v1/hosts/{host}", For::Accounts, json!(null)),
        ("GET", "/api/v1/notices", For::Accounts, json!(null)),
        ("GET", "/api/v1/orders", For::Accounts, json!(null)),
        ("POST", "/api/v1/orders", For::Accounts, json!({ "plugin": "acme:none" })),
        (
            "POST",
            "/api/v1/orders/{reference}/payment",
            For::Operators,
            json!({ "bank_reference": "B", "amount": { "minor": 1, "currency": "USD" } }),
        ),
        ("DELETE", "/api/v1/orders/{reference}", For::Accounts, json!(null)),
        ("POST", "/api/v1/orders/{reference}/payment-intent", For::Accounts, json!(null)),
        ("GET", "/api/v1/exchange-rates", For::Everybody, json!(null)),
        (
            "PUT",
            "/api/v1/exchange-rates",
            For::Operators,
            json!({ "base": "USD", "quote": "EUR", "day": "2026-01-01", "numerator": 9, "denominator": 10 }),
        ),
        ("GET", "/api/v1/policies", For::Everybody, json!(null)),
        (
            "POST",
            "/api/v1/policies",
            For::Operators,
            json!({ "since": "2100-01-01T00:00:00Z", "policy": { "commission": [{ "rate": "15%" }] } }),
        ),
        ("POST", "/api/v1/policies/replay", For::Operators, json!({ "commission": [{ "rate": "15%" }] })),
        ("PUT", "/api/v1/namespaces/{namespace}/volume-group", For::Operators, json!({ "group": null })),
        (
            "POST",
            "/api/v1/disputes",
            For::Operators,
            json!({ "id": "D", "sale": 1, "amount": { "minor": 1, "currency": "USD" },
                    "fee": { "minor": 0, "currency": "USD" } }),
        ),
        ("PUT", "/api/v1/disputes/{id}", For::Operators, json!({ "won": true })),
        ("GET", "/api/v1/clock", For::Everybody, json!(null)),
        ("PUT", "/api/v1/clock", For::Operators, json!({ "now": "2026-01-01T00:00:00Z" })),
        ("GET", "/api/v1/figures", For::Operators, json!(null)),
        ("GET", "/api/v1/figures/{month}", For::Operators, json!(null)),
        ("GET", "/api/v1/ledger/journal", For::Operators, json!(null)),
        ("GET", "/api/v1/ledger/postings.csv", For::Operators, json!(null)),
        ("GET", "/api/v1/ledger/balances", For::Operators, json!(null)),
        (
            "POST",
            "/api/v1/ledger/expenses",
            For::Operators,
            json!({ "key": "E", "description": "", "amount": { "minor": 1, "currency": "USD" },
                    "on": { "kind": "hosting" } }),
        ),
        (
            "POST",
            "/api/v1/ledger/exchanges",
            For::Operators,
            json!({ "key": "X", "sold": { "minor": 1, "currency": "USD" }, "bought": { "minor": 1, "currency": "EUR" } }),
        ),
        ("GET", "/api/v1/ledger/months", For::Operators, json!(null)),
        ("POST", "/api/v1/ledger/months/{month}/close", For::Operators, json!(null)),
        ("GET", "/api/v1/ledger/check", For::Operators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/balances", For::OwnersAndOperators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/transactions", For::OwnersAndOperators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/transactions.csv", For::OwnersAndOperators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/months", For::OwnersAndOperators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/plugins", For::OwnersAndOperators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/statements", For::OwnersAndOperators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/payouts", For::OwnersAndOperators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/payout-profile", For::OwnersAndOperators, json!(null)),
        (
            "PUT",
            "/api/v1/partners/{partner}/payout-profile",
            For::OwnersAndOperators,
            json!({ "rail": { "kind": "manual" } }),
        ),
        ("POST", "/api/v1/partners/{partner}/payout-profile/{version}/approve", For::Operators, json!(null)),
        ("GET", "/api/v1/bank-account", For::Operators, json!(null)),
        (
            "PUT",
            "/api/v1/bank-account",
            For::Operators,
            json!({ "holder": "Us", "iban": "DE89370400440532013000", "bic": "DEUTDEFF" }),
        ),
        ("POST", "/api/v1/payout-runs", For::Operators, json!(null)),
        ("POST", "/api/v1/payout-runs/{run}/send", For::Operators, json!(null)),
        ("GET", "/api/v1/payout-runs/{run}/pain.001", For::Operators, json!(null)),
        ("GET", "/api/v1/payouts/{id}/explain", For::Accounts, json!(null)),
        ("POST", "/api/v1/payouts/{id}/cancel", For::Operators, json!(null)),
        ("GET", "/api/v1/payouts", For::Operators, json!(null)),
        ("POST", "/api/v1/payouts", For::Operators, json!({ "partner": "acme", "currency": "USD" })),
        ("POST", "/api/v1/payouts/{id}/approve", For::Operators, json!(null)),
        ("POST", "/api/v1/payouts/{id}/confirm", For::Operators, json!({ "bank_reference": "B" })),
        ("POST", "/api/v1/payouts/{id}/return", For::Operators, json!({ "bank_reference": "B" })),
        ("GET", "/api/v1/consultants", For::Everybody, json!(null)),
        ("PUT", "/api/v1/consultants/{namespace}", For::Owners, json!({ "title": "", "about": "" })),
        (
            "PUT",
            "/api/v1/consultants/{namespace}/certification",
            For::Operators,
            json!({ "until": "2020-01-01T00:00:00Z" }),
        ),
        (
            "PUT",
            "/api/v1/consultants/{namespace}/services/{name}",
            For::Owners,
            json!({ "title": "", "price": { "minor": 1, "currency": "USD" } }),
        ),
        ("GET", "/api/v1/service-orders", For::Accounts, json!(null)),
        (
            "POST",
            "/api/v1/service-orders",
            For::Accounts,
            json!({ "reference": "S", "consultant": "acme", "service": "none" }),
        ),
        ("POST", "/api/v1/service-orders/{reference}/milestones/{number}/accept", For::Accounts, json!(null)),
        // Pages. Those of partners send whoever is not logged in to the log-in.
        ("GET", "/", For::Everybody, json!(null)),
        ("GET", "/login", For::Everybody, json!(null)),
        ("POST", "/login", For::Everybody, json!(null)),
        ("POST", "/logout", For::Everybody, json!(null)),
        ("GET", "/style.css", For::Everybody, json!(null)),
        ("GET", "/account", For::Accounts, json!(null)),
        ("GET", "/figures", For::Operators, json!(null)),
        ("GET", "/figures/{month}", For::Operators, json!(null)),
        ("GET", "/dashboard", For::Accounts, json!(null)),
        ("GET", "/dashboard/{partner}", For::OwnersAndOperators, json!(null)),
        ("GET", "/dashboard/{partner}/transactions.csv", For::OwnersAndOperators, json!(null)),
    ];
    let fill = |route: &str| {
        let filled = [
            ("{namespace}", "acme"),
            ("{partner}", "acme"),
            ("{name}", "ocr-server"),
            ("{version}", "1.0.0"),
            ("{account}", "nobody"),
            ("{key}", "SHA256:0000000000000000"),
            ("{reference}", "CH-NONE"),
            ("{host}", "none"),
            ("{number}", "1"),
            ("{id}", "1"),
            ("{run}", "1"),
            ("{month}", "2026-01"),
            ("{level}", "0"),
            ("{*index}", "000.p/1"),
            ("DIGEST", &digest),
        ];
        let path = filled.iter().fold(route.to_owned(), |path, (name, value)| path.replace(name, value));
        match path.as_str() {
            "/api/v1/garbage" => format!("{path}?older_than_seconds=4000000"),
            // The operator is one already; others must not become one.
            "/api/v1/partners/acme/payout-profile/1.0.0/approve" => path.replace("1.0.0", "1"),
            "/api/v1/operators/ocr-server" => "/api/v1/operators/operator".into(),
            _ => path,
        }
    };
    table
        .into_iter()
        .map(|(method, route, who, body)| Case { method, route, path: fill(route), who, body })
        .collect()
}

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
    let operator = world.operator();
    let pem = owner.key().public().to_string();
    let people: [Option<&Person>; 6] =
        [None, Some(&other), Some(&viewer), Some(&publisher), Some(&owner), Some(&operator)];

    let mut wrong = Vec::new();
    for case in cases() {
        for (role, person) in ROLES.iter().zip(people) {
            let token = person.map(Person::token);
            let body = match &case.body {
                Value::Null => String::new(),
                body => body.to_string().replace("\"KEY\"", &json!(pem).to_string()),
            };
            let headers: &[_] = match (case.route, person) {
                ("/token" | "/login", _) => &[("content-type", "application/x-www-form-urlencoded")],
                _ => &[("content-type", "application/json")],
            };
            let body = match (case.method, case.route, person) {
                ("POST", "/token", Some(person)) => {
                    format!("username={}&password={}", person.name, person.token())
                }
                ("POST", "/login", _) => "name=acme&password=correct+horse+battery".into(),
                _ => body,
            };
            let answer = world.send(case.method, &case.path, token.as_deref(), headers, body);
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
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("registry/src");
    let mut routed = BTreeSet::new();
    for text in sources(&source) {
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
    assert!(routed.len() > 50, "{routed:?}");
    let tabled: BTreeSet<_> = cases()
        .into_iter()
        .filter(|case| !case.route.starts_with("/v2/") || case.route == "/v2/")
        .map(|case| (case.method, case.route.to_owned()))
        .collect();
    let missing: Vec<_> = routed.difference(&tabled).collect();
    let gone: Vec<_> = tabled.difference(&routed).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not in the table: {missing:?}; not routed: {gone:?}");
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
