//! Publishing without a stored secret, by the word of an issuer; and publishing that takes two people.

use std::process::Output;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use chandlery_package::problem::Problem;
use chandlery_package::wire::NewTokenExchange;
use chandlery_package::{PluginId, PrivateKey};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::receiver::Receiver;
use crate::world::{Answer, Person, World, as_version, plugin, until, with_other_content};

const OCR: &str = "acme:ocr-server";
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// Whoever vouches for jobs: a small provider of OpenID Connect.
struct Issuer {
    server: Receiver,
    key: PrivateKey,
}

impl Issuer {
    fn start() -> Self {
        let key = PrivateKey::generate();
        let pem = key.public().to_string();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let spki = BASE64_STANDARD.decode(body).unwrap();
        let point = BASE64_URL_SAFE_NO_PAD.encode(&spki[spki.len() - 32..]);
        let server = Receiver::answering(move |asked| {
            let own = format!("http://{}", asked.header("host"));
            let said = match asked.path.as_str() {
                "/.well-known/openid-configuration" => {
                    json!({ "issuer": own, "jwks_uri": format!("{own}/keys") })
                }
                "/keys" => json!({ "keys": [
                    { "kty": "OKP", "crv": "Ed25519", "kid": "1", "use": "sig", "alg": "EdDSA", "x": point },
                ] }),
                _ => return StatusCode::NOT_FOUND.into_response(),
            };
            axum::Json(said).into_response()
        });
        Self { server, key }
    }

    fn url(&self) -> String {
        self.server.url("")
    }

    /// What a job of `acme/ocr` is issued for a tag, with some claims changed; null: without that.
    fn token(&self, world: &World, changes: Value) -> String {
        let now = Timestamp::now().as_second();
        let mut claims = json!({
            "iss": self.url(),
            "aud": world.origin(),
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "jti": Uuid::new_v4(),
            "sub": "repo:acme/ocr:environment:release",
            "repository": "acme/ocr",
            "repository_id": "74",
            "repository_owner_id": "65",
            "actor": "ann",
            "ref": "refs/tags/v1.0.0",
            "workflow_ref": "acme/ocr/.github/workflows/release.yml@refs/tags/v1.0.0",
            "environment": "release",
            "sha": "9b0ac5c1",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        signed(&json!({ "alg": "EdDSA", "kid": "1" }), &claims, &self.key)
    }
}

fn signed(header: &Value, claims: &Value, key: &PrivateKey) -> String {
    let [header, claims] = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(format!("{header}.{claims}").as_bytes()));
    format!("{header}.{claims}.{signature}")
}

/// A registry that knows its address, an issuer that it believes, and an owner who has no signing key.
fn market() -> (World, Issuer, Person) {
    let mut world = World::start();
    let own = world.origin();
    world.restart_registry_with(&["--url".to_owned(), own]);
    let issuer = Issuer::start();
    world.operator().ok(&["issuers", "allow", &issuer.url()]);
    let acme = world.person("acme");
    acme.register();
    acme.ok(&["namespace", "take", "acme"]);
    trust(&acme, &issuer);
    (world, issuer, acme)
}

fn trust(owner: &Person, issuer: &Issuer) -> Value {
    let url = issuer.url();
    let claims = [
        "repository=acme/ocr",
        "ref=refs/tags/v*",
        "environment=release",
        "workflow_ref=acme/ocr/.github/workflows/release.yml@refs/tags/*",
    ];
    let mut words = vec!["trust", "add", OCR, "--issuer", &url];
    words.extend(claims.into_iter().flat_map(|claim| ["--claim", claim]));
    owner.ok(&words)
}

/// Publishes as a job does, which has nothing but its token.
fn publish(job: &Person, token: &str, bytes: &[u8]) -> Output {
    let file = job.file("plugin.wasm", bytes);
    job.command(&["publish", &file, "--oidc", "--json"])
        .env_remove("ACTIONS_ID_TOKEN_REQUEST_URL")
        .env("CHANDLERY_ID_TOKEN", token)
        .output()
        .unwrap()
}

fn exchange(world: &World, plugin: &str, token: &str) -> Answer {
    let (key, plugin): (_, PluginId) = (PrivateKey::generate(), plugin.parse().unwrap());
    let proof = BASE64_STANDARD.encode(key.sign(NewTokenExchange::proof_text(&plugin, token).as_bytes()));
    let new = NewTokenExchange { plugin, token: token.into(), key: key.public(), proof };
    world.send("POST", "/api/v1/tokens/exchange", None, &JSON, json!(new).to_string())
}

fn word(answer: &Answer) -> String {
    answer.json()["type"].as_str().unwrap_or("issued").to_owned()
}

#[test]
fn a_job_publishes_without_a_stored_secret_and_hosts_check_where_it_was_built() {
    let (world, issuer, acme) = market();
    let job = world.person("job");
    let output = publish(&job, &issuer.token(&world, json!({})), &plugin("ocr-server"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    let claims = &record["identity"]["claims"];
    assert_eq!((&claims["repository"], &claims["sha"]), (&json!("acme/ocr"), &json!("9b0ac5c1")));
    assert_eq!(claims["actor"], Value::Null, "the log names no person");
    assert!(!job.path("credentials.toml").exists() && !job.path("keys").exists());
    assert!(acme.ok(&["keys", "list", "acme"])["items"].as_array().unwrap().is_empty());

    let said = "acme/ocr at refs/tags/v1.0.0, commit 9b0ac5c1";
    let shown = acme.text(&["show", OCR]);
    assert!(shown.contains("published by") && shown.contains(said), "{shown}");
    let installed = world.customer().text(&["install", OCR]);
    assert!(installed.contains("provenance") && installed.contains(said), "{installed}");
    world.customer().ok(&["verify"]);
    acme.ok(&["log", "audit"]);

    // What it used was for that release alone.
    let output = publish(&job, &issuer.token(&world, json!({})), &with_other_content(&plugin("ocr-server")));
    let told = String::from_utf8(output.stderr).unwrap();
    let problem: Problem = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!(problem.r#type, "version-exists");
    let trail = world.operator().ok(&["audit", "list", "--act", "token-exchanged"]);
    assert!(trail[0]["credential"].as_str().unwrap().starts_with(said), "{trail}");

    // Another commit than the log tells of is no provenance, and neither is none.
    let digest = record["artifact"].as_str().unwrap();
    let path = format!("/v2/acme/ocr-server/referrers/{digest}");
    let referrers = world.send("GET", &path, None, &[], "").json();
    assert_eq!(referrers["manifests"].as_array().unwrap().len(), 2, "{referrers}");
    world.stores.sql("update manifests set subject = null where content like '%slsa.dev%'");
    let (problem, code) = world.customer().refused(&["verify"]);
    assert_eq!((problem.r#type.as_str(), code), ("provenance-refused", 3), "{problem:?}");
    world.stores.sql(
        "update namespace_keys set identity = replace(identity, '9b0ac5c1', '00000000') where release is not null",
    );
    assert_eq!(world.customer().refused(&["verify"]).0.r#type, "log-differs");
}

#[test]
fn whoever_is_not_trusted_is_refused_by_name() {
    let (world, issuer, acme) = market();
    let other = "acme/other/.github/workflows/release.yml@refs/tags/v1.0.0";
    let branch = "acme/ocr/.github/workflows/release.yml@refs/heads/main";
    let now = Timestamp::now().as_second();
    for (changes, refused) in [
        (json!({ "repository": "acme/other", "workflow_ref": other }), "untrusted-repository"),
        (json!({ "repository": null }), "untrusted-repository"),
        (json!({ "ref": "refs/heads/main", "workflow_ref": branch }), "untrusted-ref"),
        (json!({ "ref": "refs/tags/1.0.0" }), "untrusted-ref"),
        (json!({ "environment": "test" }), "untrusted-environment"),
        (json!({ "environment": null }), "untrusted-environment"),
        (
            json!({ "workflow_ref": "acme/ocr/.github/workflows/ci.yml@refs/tags/v1.0.0" }),
            "untrusted-workflow",
        ),
        (json!({ "aud": "https://another.example" }), "oidc-audience"),
        (json!({ "aud": [world.origin(), "https://another.example"] }), "oidc-audience"),
        (json!({ "exp": now - 61 }), "oidc-expired"),
        // Long enough for what is tried before it.
        (json!({ "nbf": now + 3600 }), "oidc-early"),
        (json!({ "exp": null }), "invalid-oidc-token"),
        (json!({ "iss": "https://another.example" }), "unknown-issuer"),
        (json!({ "iss": null }), "invalid-oidc-token"),
    ] {
        let answer = exchange(&world, OCR, &issuer.token(&world, changes.clone()));
        assert_eq!(word(&answer), refused, "{changes}: {}", answer.text());
    }
    let claims: Value = {
        let token = issuer.token(&world, json!({}));
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap())
            .unwrap()
    };
    let stranger = PrivateKey::generate();
    for (header, key, refused) in [
        (json!({ "alg": "EdDSA", "kid": "1" }), &stranger, "oidc-signature"),
        (json!({ "alg": "EdDSA", "kid": "2" }), &issuer.key, "oidc-signature"),
        (json!({ "alg": "RS256", "kid": "1" }), &issuer.key, "oidc-signature"),
        (json!({ "alg": "none", "kid": "1" }), &issuer.key, "invalid-oidc-token"),
        (json!({ "alg": "HS256", "kid": "1" }), &issuer.key, "invalid-oidc-token"),
        (json!({ "alg": "EdDSA" }), &issuer.key, "invalid-oidc-token"),
    ] {
        let answer = exchange(&world, OCR, &signed(&header, &claims, key));
        assert_eq!(word(&answer), refused, "{header}: {}", answer.text());
    }
    assert_eq!(
        word(&exchange(&world, "acme:other", &issuer.token(&world, json!({})))),
        "untrusted-repository"
    );

    // What is issued is for once, for one plugin, and ends with the trust.
    let token = issuer.token(&world, json!({}));
    let issued = exchange(&world, OCR, &token).json()["token"].as_str().unwrap().to_owned();
    assert_eq!(word(&exchange(&world, OCR, &token)), "oidc-used");
    let push = |repository: &str| {
        world.send("POST", &format!("/v2/acme/{repository}/blobs/uploads/"), Some(&issued), &[], "").status
    };
    assert_eq!((push("ocr-server"), push("other")), (202, 403));
    assert_eq!(world.send("GET", "/api/v1/account/tokens", Some(&issued), &[], "").status, 403);
    let taken_over = issuer.token(&world, json!({ "repository_id": "75" }));
    assert_eq!(
        word(&exchange(&world, OCR, &taken_over)),
        "untrusted-repository",
        "a name that was taken again"
    );
    let id = acme.ok(&["trust", "list", OCR])["items"][0]["id"].to_string();
    acme.ok(&["trust", "remove", OCR, &id]);
    assert_eq!(push("ocr-server"), 401);
    assert_eq!(word(&exchange(&world, OCR, &issuer.token(&world, json!({})))), "untrusted-repository");

    // An issuer's keys are on its own host, or on one that an operator allows with it.
    let keys = issuer.server.url("/keys");
    let front = Receiver::answering(move |asked| {
        let own = format!("http://{}", asked.header("host"));
        axum::Json(json!({ "issuer": own, "jwks_uri": keys })).into_response()
    });
    let url = front.url("");
    let by_front = || word(&exchange(&world, OCR, &issuer.token(&world, json!({ "iss": url }))));
    world.operator().ok(&["issuers", "allow", &url]);
    assert_eq!(by_front(), "issuer-away");
    world.operator().ok(&["issuers", "allow", &url, "--keys-at", "127.0.0.1:1"]);
    assert_eq!(by_front(), "issuer-away");
    world.operator().ok(&["issuers", "allow", &url, "--keys-at", &issuer.server.address]);
    // Each replica asks an issuer again after a while that was away.
    until("it is believed, and no owner trusts it", || {
        Some(by_front()).filter(|word| word == "untrusted-repository")
    });

    // It lapses with the right of whoever has added it, and with the issuer.
    let ann = world.person("ann");
    ann.register();
    acme.ok(&["namespace", "invite", "acme", "ann", "--role", "owner"]);
    ann.ok(&["namespace", "accept", "acme"]);
    trust(&ann, &issuer);
    let issue = || {
        let issued = exchange(&world, OCR, &issuer.token(&world, json!({})));
        issued.json()["token"].as_str().unwrap_or_else(|| panic!("{}", issued.text())).to_owned()
    };
    let push =
        |token: &str| world.send("POST", "/v2/acme/ocr-server/blobs/uploads/", Some(token), &[], "").status;
    let by_ann = issue();
    acme.ok(&["namespace", "invite", "acme", "ann", "--role", "publisher"]);
    assert_eq!(word(&exchange(&world, OCR, &issuer.token(&world, json!({})))), "publisher-lapsed");
    assert_eq!(push(&by_ann), 202);
    // Another owner renews it by the same words: by that owner's right, for the repository that it was.
    let renewed = trust(&acme, &issuer);
    assert_eq!((&renewed["added_by"], renewed["pinned"].is_null()), (&json!("acme"), false), "{renewed}");
    let again = trust(&acme, &issuer);
    assert_eq!(again["log_index"], renewed["log_index"], "which changes nothing the second time");
    assert_eq!(acme.ok(&["trust", "list", OCR])["items"].as_array().unwrap().len(), 1);
    assert_eq!(push(&by_ann), 401);
    assert_eq!(acme.ok(&["log", "audit"])["faults"], json!([]));
    let issued = issue();
    assert_eq!(push(&issued), 202);
    world.operator().ok(&["issuers", "remove", &issuer.url()]);
    assert_eq!(push(&issued), 401, "a token that was exchanged ends with the trust in its issuer");
    assert_eq!(word(&exchange(&world, OCR, &issuer.token(&world, json!({})))), "unknown-issuer");
}

#[test]
fn it_takes_two_to_publish_where_a_namespace_wants_it() {
    let world = World::start();
    let (acme, operator) = (world.publisher("acme"), world.operator());
    let [ann, bob] = ["ann", "bob"].map(|name| world.person(name));
    for (person, role) in [(&ann, "owner"), (&bob, "publisher"), (&operator, "publisher")] {
        if person.name != "operator" {
            person.register();
        }
        acme.ok(&["namespace", "invite", "acme", &person.name, "--role", role]);
        person.ok(&["namespace", "accept", "acme"]);
    }
    acme.ok(&["namespace", "two-people", "acme", "yes"]);
    let staged = acme.publish(&plugin("ocr-server"));
    assert_eq!((&staged["release"], &staged["asked_by"]), (&json!("acme:ocr-server@1.0.0"), &json!("acme")));
    let artifact = staged["artifact"].as_str().unwrap();
    let release = "acme:ocr-server@1.0.0";
    let (why, approve) = (
        |person: &Person, words: &[&str]| person.refused(words).0.r#type,
        ["releases", "approve", release, "--artifact", artifact],
    );
    let published =
        || world.send("GET", "/api/v1/plugins/acme/ocr-server/releases/1.0.0", None, &[], "").status == 200;
    assert!(!published());
    assert_eq!(acme.publish(&plugin("ocr-server"))["artifact"], artifact, "asked for again, it waits on");
    let file = acme.file("plugin.wasm", &with_other_content(&plugin("ocr-server")));
    assert_eq!(why(&acme, &["publish", &file]), "conflict");
    assert_eq!(why(&acme, &approve), "forbidden", "nobody agrees with oneself");
    // Whoever may set another's password may act as the other.
    operator.ok(&["operator", "reset-password", "acme"]);
    assert_eq!(why(&operator, &approve), "forbidden");
    let zeros = format!("sha256:{}", "0".repeat(64));
    assert_eq!(why(&bob, &["releases", "approve", release, "--artifact", &zeros]), "conflict");
    assert!(!published());
    let record = bob.ok(&["releases", "approve", release]);
    assert!(published() && record["artifact"] == artifact, "{record}");
    assert_eq!(why(&bob, &approve), "not-found");
    world.customer().ok(&["install", OCR]);

    // What is refused, or waits for too long, is not published; nor is what somebody asked for who left.
    let next = "acme:ocr-server@1.0.1";
    let later = as_version(&plugin("ocr-server"), "1.0.1");
    acme.publish(&later);
    bob.ok(&["releases", "refuse", next]);
    assert_eq!(why(&ann, &["releases", "approve", next]), "not-found");
    acme.publish(&later);
    world.stores.sql("update staged_releases set lapses_at = '2020-01-01T00:00:00.000000Z'");
    assert_eq!(why(&ann, &["releases", "approve", next]), "not-found");
    let again = acme.publish(&later);
    let suspend = |name: &str| {
        let values = format!("('{name}', 'looked into', '2026-01-01T00:00:00.000000Z')");
        world.stores.sql(&format!("insert into suspensions (account, reason, since) values {values}"));
    };
    suspend("acme");
    assert_eq!(why(&ann, &["releases", "approve", next]), "conflict", "nor of somebody who is suspended");
    world.stores.sql("delete from suspensions");
    acme.ok(&["namespace", "remove", "acme", "acme"]);
    let artifact = again["artifact"].as_str().unwrap();
    // Until it is forgotten, within a minute, it is there and not approved.
    let refused = why(&ann, &["releases", "approve", next, "--artifact", artifact]);
    assert!(["conflict", "not-found"].contains(&refused.as_str()), "{refused}");

    // Two owners end it.
    ann.ok(&["namespace", "invite", "acme", "bob", "--role", "owner"]);
    assert_eq!(bob.ok(&["namespace", "two-people", "acme", "no"])["required"], true);
    assert_eq!(bob.ok(&["namespace", "two-people", "acme", "no"])["required"], true, "one is not two");
    assert_eq!(ann.ok(&["namespace", "two-people", "acme"])["end_asked_by"], "bob");
    suspend("bob");
    assert_eq!(
        ann.ok(&["namespace", "two-people", "acme", "no"])["required"],
        true,
        "who is suspended wants nothing"
    );
    world.stores.sql("delete from suspensions");
    assert_eq!(bob.ok(&["namespace", "two-people", "acme", "no"])["required"], false);
    let acts = ["release-staged", "release-approved", "release-refused", "two-people-set"];
    for act in acts {
        assert!(!operator.ok(&["audit", "list", "--act", act]).as_array().unwrap().is_empty(), "{act}");
    }
}
