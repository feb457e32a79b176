//! Sign-ins with a provider that says what a test wants.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{Client, Error, begin, complete};

const NONCE: &str = "a nonce that the registry made";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";

struct Provider {
    issuer: String,
    key: Ed25519KeyPair,
    says: Mutex<Says>,
    keys_asked: AtomicUsize,
}

/// What the provider says next.
#[derive(Clone, Default)]
struct Says {
    /// Claims in place of the usual ones; null: the claim is not there.
    claims: Value,
    info: Value,
    /// What the key of the ID token is called, and which key the provider shows.
    token_key: String,
    shown_key: String,
    /// Another algorithm than the key's.
    algorithm: Option<&'static str>,
    /// The scopes that it names; null: it names none.
    scopes: Value,
}

impl Provider {
    async fn start() -> Arc<Self> {
        // Fails only where one is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let says = Says { token_key: "1".into(), shown_key: "1".into(), ..Says::default() };
        let provider =
            Arc::new(Self { issuer, key, says: Mutex::new(says), keys_asked: AtomicUsize::new(0) });
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(document_of))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(info))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        provider
    }

    fn client(&self) -> Client {
        Client {
            issuer: self.issuer.clone(),
            client_id: "chandlery".into(),
            client_secret: Some("secret".into()),
            redirect_uri: "http://127.0.0.1:7600/login/sso/callback".into(),
            groups_claim: Some("groups".into()),
        }
    }

    fn id_token(&self, says: &Says) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims = json!({
            "iss": self.issuer, "sub": "ann-1", "aud": "chandlery", "nonce": NONCE, "iat": now, "exp": now + 60,
        });
        for (name, value) in says.claims.as_object().into_iter().flatten() {
            match value.is_null() {
                true => drop(claims.as_object_mut().unwrap().remove(name)),
                false => claims[name.as_str()] = value.clone(),
            }
        }
        let header = json!({ "alg": says.algorithm.unwrap_or("EdDSA"), "kid": says.token_key });
        let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn says(&self) -> Says {
        self.says.lock().unwrap().clone()
    }
}

async fn document_of(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let issuer = &provider.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "scopes_supported": provider.says().scopes,
    }))
}

async fn keys(State(provider): State<Arc<Provider>>) -> Json<Value> {
    provider.keys_asked.fetch_add(1, Ordering::Relaxed);
    let x = BASE64_URL_SAFE_NO_PAD.encode(provider.key.public_key());
    let kid = provider.says().shown_key;
    Json(json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "x": x }] }))
}

async fn token(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let id_token = provider.id_token(&provider.says());
    Json(json!({ "access_token": "a", "token_type": "Bearer", "id_token": id_token }))
}

async fn info(State(provider): State<Arc<Provider>>) -> Json<Value> {
    Json(provider.says().info)
}

#[tokio::test]
async fn an_id_token_counts_only_if_all_of_it_holds() {
    let provider = Provider::start().await;
    let verified = json!({ "sub": "ann-1", "email": "ann@corp.example", "email_verified": true });
    let table: [(Value, Option<&str>); 9] = [
        (json!({}), None),
        (json!({ "iss": "https://other.example" }), Some("issuer")),
        (json!({ "aud": "another" }), Some("audience")),
        (json!({ "aud": ["chandlery", "another"] }), Some("audience")),
        (json!({ "exp": 1_000_000 }), Some("Expired")),
        (json!({ "nonce": "another" }), Some("nonce")),
        (json!({ "nonce": null }), Some("nonce")),
        (json!({ "sub": "" }), Some("subject")),
        (json!({ "sub": "bob-2" }), Some("subject")),
    ];
    for (claims, refused) in table {
        *provider.says.lock().unwrap() = Says {
            claims: claims.clone(),
            info: verified.clone(),
            token_key: "1".into(),
            shown_key: "1".into(),
            algorithm: None,
            scopes: Value::Null,
        };
        let done = complete(&provider.client(), "code", NONCE, VERIFIER).await;
        match (done, refused) {
            (Ok(person), None) => assert_eq!((person.subject.as_str(), person.groups.len()), ("ann-1", 0)),
            (Err(Error::Invalid(why)), Some(refused)) => assert!(why.contains(refused), "{claims}: {why}"),
            (done, _) => panic!("{claims}: {done:?}"),
        }
    }
}

#[tokio::test]
async fn a_token_that_no_key_of_the_provider_signed_is_refused() {
    let provider = Provider::start().await;
    for algorithm in ["none", "HS256", "RS256"] {
        provider.says.lock().unwrap().algorithm = Some(algorithm);
        let done = complete(&provider.client(), "code", NONCE, VERIFIER).await;
        assert!(matches!(done, Err(Error::Invalid(_))), "{algorithm}: {done:?}");
    }
}

#[tokio::test]
async fn keys_are_asked_again_once_where_a_token_names_another() {
    let provider = Provider::start().await;
    provider.says.lock().unwrap().info = json!({ "sub": "ann-1" });
    complete(&provider.client(), "code", NONCE, VERIFIER).await.unwrap();
    complete(&provider.client(), "code", NONCE, VERIFIER).await.unwrap();
    assert_eq!(provider.keys_asked.load(Ordering::Relaxed), 1);
    {
        let mut says = provider.says.lock().unwrap();
        (says.token_key, says.shown_key) = ("2".into(), "2".into());
    }
    complete(&provider.client(), "code", NONCE, VERIFIER).await.unwrap();
    assert_eq!(provider.keys_asked.load(Ordering::Relaxed), 2);
    provider.says.lock().unwrap().token_key = "3".into();
    let refused = complete(&provider.client(), "code", NONCE, VERIFIER).await.unwrap_err();
    assert!(refused.to_string().contains("No matching key"), "{refused}");
    assert_eq!(provider.keys_asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn an_address_counts_where_the_provider_says_that_it_is_verified() {
    let provider = Provider::start().await;
    let ann = "ann@corp.example";
    let table = [
        (json!({ "email": ann, "email_verified": true }), json!({ "sub": "ann-1" }), Some(ann)),
        (json!({ "email": ann, "email_verified": false }), json!({ "sub": "ann-1" }), None),
        (json!({ "email": ann }), json!({ "sub": "ann-1", "email": ann }), None),
        (json!({ "email": ann, "xms_edov": true }), json!({ "sub": "ann-1" }), Some(ann)),
        (json!({ "email": ann, "xms_edov": "0" }), json!({ "sub": "ann-1" }), None),
        (json!({}), json!({ "sub": "ann-1", "email": ann, "email_verified": true }), Some(ann)),
    ];
    for (claims, info, email) in table {
        {
            let mut says = provider.says.lock().unwrap();
            (says.claims, says.info) = (claims.clone(), info);
        }
        let person = complete(&provider.client(), "code", NONCE, VERIFIER).await.unwrap();
        assert_eq!(person.email.as_deref(), email, "{claims}");
    }
    {
        let mut says = provider.says.lock().unwrap();
        says.info = json!({ "sub": "ann-1", "preferred_username": "ann", "groups": ["a", 1, "b\n", "c"] });
    }
    let person = complete(&provider.client(), "code", NONCE, VERIFIER).await.unwrap();
    assert_eq!(person.preferred_username.as_deref(), Some("ann"));
    assert_eq!(person.groups, ["a", "c"]);
}

#[tokio::test]
async fn a_sign_in_begins_at_the_provider_and_with_pkce() {
    let provider = Provider::start().await;
    let begun = begin(&provider.client()).await.unwrap();
    assert!(begun.url.starts_with(&format!("{}/authorize?", provider.issuer)), "{}", begun.url);
    for part in [
        "response_type=code",
        "client_id=chandlery",
        "scope=openid+email+profile",
        "code_challenge_method=S256",
        &format!("state={}", begun.state),
        &format!("nonce={}", begun.nonce),
    ] {
        assert!(begun.url.contains(part), "{part}: {}", begun.url);
    }
    assert!(!begun.url.contains(&begun.verifier) && begun.verifier.len() >= 43);
    let other = begin(&provider.client()).await.unwrap();
    assert!(begun.state != other.state && begun.nonce != other.nonce && begun.verifier != other.verifier);
}

#[tokio::test]
async fn groups_are_asked_for_where_a_provider_has_a_scope_for_them() {
    for (scopes, claim, asked) in [
        (json!(null), Some("groups"), false),
        (json!(["openid", "email", "profile"]), Some("groups"), false),
        (json!(["openid", "email", "profile", "groups"]), None, false),
        (json!(["openid", "email", "profile", "groups"]), Some("teams"), true),
    ] {
        let provider = Provider::start().await;
        provider.says.lock().unwrap().scopes = scopes.clone();
        let client = Client { groups_claim: claim.map(str::to_owned), ..provider.client() };
        let url = begin(&client).await.unwrap().url;
        assert!(url.contains("scope=openid+email+profile"), "{url}");
        assert_eq!(url.contains("scope=openid+email+profile+groups"), asked, "{scopes} {claim:?}");
    }
}

#[tokio::test]
async fn a_provider_that_is_another_or_is_not_there_is_refused() {
    let provider = Provider::start().await;
    let other = Client { issuer: format!("{}/other", provider.issuer), ..provider.client() };
    assert!(matches!(begin(&other).await, Err(Error::Unreachable(_))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert!(matches!(begin(&Client { issuer, ..provider.client() }).await, Err(Error::Unreachable(_))));
}
