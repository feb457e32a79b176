//! A write that comes with an `Idempotency-Key` is done once, however often it is sent (draft-ietf-httpapi-idempotency-key-header): whoever
//! sends it again, with the same key and by the same token, is given the answer again.

mod kept;
mod sealed;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use chandlery_accounts::Accounts;
use chandlery_accounts::organisations::ACCOUNT_HEADER;
use chandlery_edge::{BODY_BYTES_MAX, Client};
use chandlery_package::{Digest, Namespace};
use chandlery_store::Db;
use jiff::{SignedDuration, Timestamp};
use tracing::Instrument as _;

use self::kept::Before;
use self::sealed::Seal;
use crate::error::Error;

pub(crate) use kept::forget;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Where writes take a key.
const ROUTES: &str = "/api/v1/";
/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 255;
/// The longest answer that is kept, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 10;
/// How long an answer takes at most: longer than any request may.
const UNDER_WAY: SignedDuration = SignedDuration::from_secs(60);

/// Who asks, and what was answered.
#[derive(Clone)]
pub struct Once {
    /// By whom a key is of an account.
    pub accounts: Accounts,
    /// Where answers are kept.
    pub db: Db,
}

/// A request that is done once.
struct Asked {
    name: String,
    asked: String,
    seal: Seal,
}

/// Does a write with a key once, and gives its answer to whoever sends it again. All others pass.
pub async fn once(State(once): State<Once>, request: Request, next: Next) -> Result<Response, Error> {
    let is_route = request.extensions().get::<MatchedPath>().is_some();
    let takes_key = is_route && !request.method().is_safe() && request.uri().path().starts_with(ROUTES);
    let key = match request.headers().get(&KEY).filter(|_| takes_key) {
        Some(key) => read(key)?.to_owned(),
        None => return Ok(next.run(request).await),
    };
    let (mut parts, body) = request.into_parts();
    let who = once.accounts.identify(Client::of(&parts.extensions), &parts.headers).await?;
    let (Some(account), Some(secret)) = (&who.account, once.secret(&parts.headers)) else {
        // Of nobody in particular, nothing is kept.
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    // Who may change nothing now takes no name, and being answered again is not for nothing, either: both write.
    let counted = once.accounts.count(&who)?;
    parts.extensions.insert(counted);
    let too_large = || chandlery_edge::Error::TooLarge {
        what: "what is sent with an Idempotency-Key".into(),
        bytes_max: BODY_BYTES_MAX as u64,
    };
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| too_large())?;
    let asked = Asked {
        name: digest(&[account.person().as_str().as_bytes(), key.as_bytes()]),
        asked: fingerprint(&parts, who.acts_for(), &body),
        seal: Seal::new(&secret, &key).ok_or_else(|| Error::damaged("no seal follows from a key"))?,
    };
    let now = Timestamp::now();
    if let Some(before) = kept::claim(&once.db, account.person(), &asked.name, &asked.asked, now).await? {
        return again(&asked, &before, key, now);
    }
    let answer = next.run(Request::from_parts(parts, Body::from(body)));
    // What was begun is finished, and its answer kept, whether or not somebody still waits for it.
    let done = async move { once.keep(&asked, answer.await).await };
    let done = tokio::spawn(done.in_current_span()).await;
    done.map_err(|error| Error::damaged(error.to_string()))?
}

impl Once {
    /// What the sender of a request authenticates with.
    fn secret(&self, headers: &HeaderMap) -> Option<String> {
        match headers.get(header::AUTHORIZATION) {
            Some(shown) => shown.to_str().ok().map(str::to_owned),
            None => self.accounts.cookie.read(headers),
        }
    }

    /// Keeps an answer. What was refused has done nothing, and may be asked again; of what has failed it is not known.
    async fn keep(&self, asked: &Asked, answer: Response) -> Result<Response, Error> {
        let status = answer.status();
        if status.is_client_error() {
            kept::release(&self.db, &asked.name).await?;
            return Ok(answer);
        }
        let is_short = answer.body().size_hint().upper().is_some_and(|bytes| bytes <= ANSWER_BYTES_MAX);
        if status.is_server_error() || !is_short {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, ANSWER_BYTES_MAX as usize).await;
        let body = body.map_err(|error| Error::damaged(error.to_string()))?;
        if let Some(sealed) = asked.seal.close(&parts, &body) {
            kept::answer(&self.db, &asked.name, &sealed).await?;
        }
        Ok(Response::from_parts(parts, Body::from(body)))
    }
}

/// The key of a request: a text in quotation marks, as the draft has it, or without them.
fn read(value: &HeaderValue) -> Result<&str, Error> {
    let invalid = || {
        Error::invalid(format!(
            "an Idempotency-Key is a text of 1 to {KEY_BYTES_MAX} visible characters of ASCII, such as a UUID"
        ))
    };
    let text = value.to_str().map_err(|_| invalid())?.trim();
    let text = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').ok_or_else(invalid)?,
        None => text,
    };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    match is_plain && (1..=KEY_BYTES_MAX).contains(&text.len()) {
        true => Ok(text),
        false => Err(invalid()),
    }
}

/// What follows from all that a request asks, and for whom: the organisation that it names, and the one that its session or token acts for.
fn fingerprint(parts: &Parts, acts_for: Option<&Namespace>, body: &[u8]) -> String {
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let named = parts.headers.get(ACCOUNT_HEADER).map_or(&[][..], HeaderValue::as_bytes);
    let acts_for = acts_for.map_or("", Namespace::as_str);
    digest(&[parts.method.as_str().as_bytes(), path.as_bytes(), named, acts_for.as_bytes(), body])
}

/// The digest of several texts, each told from the next by its length.
fn digest(texts: &[&[u8]]) -> String {
    let mut all = Vec::new();
    for text in texts {
        all.extend((text.len() as u64).to_be_bytes());
        all.extend_from_slice(text);
    }
    Digest::of(all).to_string()
}

/// What is answered to a request that came before.
fn again(asked: &Asked, before: &Before, key: String, now: Timestamp) -> Result<Response, Error> {
    if before.asked != asked.asked {
        return Err(chandlery_money::Error::KeyReused { key }.into());
    }
    let Some(answer) = &before.answer else {
        return Err(Error::conflict(match now.duration_since(before.at) < UNDER_WAY {
            true => {
                "the request with this Idempotency-Key is still being answered: send it again in a moment"
            }
            false => {
                "what came of the request with this Idempotency-Key is not known, or too long to be kept: look at what it was for, and do \
                 what is missing with another key"
            }
        }));
    };
    let mut answer = asked.seal.open(answer).ok_or_else(|| {
        Error::conflict(
            "the request with this Idempotency-Key was answered to another token of the account: send it with that one, or with another key",
        )
    })?;
    answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use tower::ServiceExt as _;

    use super::*;
    use crate::testing;

    #[test]
    fn a_key_is_a_text_with_or_without_quotation_marks() {
        for (text, key) in [("\"a-1\"", Some("a-1")), ("a-1", Some("a-1")), (" a ", Some("a"))] {
            assert_eq!(read(&HeaderValue::from_static(text)).ok(), key, "{text}");
        }
        let long = "a".repeat(KEY_BYTES_MAX + 1);
        for text in ["", "\"\"", "\"a", "a b", "a\"b", long.as_str()] {
            assert!(read(&HeaderValue::from_str(text).unwrap()).is_err(), "{text}");
        }
    }

    #[test]
    fn requests_are_told_apart_by_all_that_they_ask() {
        let by = |method: &str, path: &str, named: &str, acts_for: Option<&Namespace>, body: &str| {
            let request = Request::builder().method(method).uri(path).header(ACCOUNT_HEADER, named);
            fingerprint(&request.body(()).unwrap().into_parts().0, acts_for, body.as_bytes())
        };
        let of = |method: &str, path: &str, named: &str, body: &str| by(method, path, named, None, body);
        let one = of("POST", "/api/v1/orders", "acme", "{}");
        assert_eq!(one, of("POST", "/api/v1/orders", "acme", "{}"));
        for other in [
            of("PUT", "/api/v1/orders", "acme", "{}"),
            of("POST", "/api/v1/orders?x", "acme", "{}"),
            of("POST", "/api/v1/orders", "globex", "{}"),
            of("POST", "/api/v1/orders", "acme", "{ }"),
            of("POST", "/api/v1/orders", "acm", "e{}"),
        ] {
            assert_ne!(one, other);
        }
        let (acme, globex): (Namespace, Namespace) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let in_session = [None, Some(&acme), Some(&globex)]
            .map(|acts_for| by("POST", "/api/v1/orders", "", acts_for, "{}"));
        assert_eq!(in_session.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    }

    /// What the registry answers to a write with a key, and how many keys are kept then.
    async fn written(registry: &crate::Registry, path: &str, token: Option<&str>) -> (u16, i64) {
        keyed(registry, path, "a-1", token).await
    }

    async fn keyed(registry: &crate::Registry, path: &str, key: &str, token: Option<&str>) -> (u16, i64) {
        let mut request =
            Request::post(path).header(KEY, key).header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = r#"{ "note": "ci", "scope": "full", "days_valid": 1 }"#;
        let request = request.body(Body::from(body)).unwrap();
        let answer = registry.clone().router().oneshot(request).await.unwrap();
        let count = sqlx::query_as("select count(*) from idempotent_answers").fetch_one(registry.db.read());
        let (count,): (i64,) = count.await.unwrap();
        (answer.status().as_u16(), count)
    }

    #[tokio::test]
    async fn no_key_is_kept_of_nobody_nor_where_there_is_no_route() {
        let (folder, registry) = testing::registry().await;
        let token = std::fs::read_to_string(folder.path().join("operator.token")).unwrap();
        assert_eq!(written(&registry, "/api/v1/none", Some(&token)).await, (404, 0));
        assert_eq!(written(&registry, "/api/v1/account/tokens", None).await, (401, 0));
        assert_eq!(written(&registry, "/api/v1/account/tokens", Some(&token)).await, (201, 1));
    }

    #[tokio::test]
    async fn a_key_is_taken_once_its_sender_may_write() {
        let (_folder, mut registry) = testing::registry().await;
        let limited = registry.finance.accounts.clone().with_writes_per_minute(NonZeroU32::new(3).unwrap());
        registry.oci.accounts = limited.clone();
        registry.finance.accounts = limited;
        let token = "0a".repeat(32);
        let rows = [
            "insert into accounts (name, password_hash, role, created_at) values ('ann', 'none', 'member', '')".to_owned(),
            format!(
                "insert into tokens (hash, account, created_at, scope, note)
                 values ('{}', 'ann', '2026-01-01T00:00:00.000000Z', 'full', '')",
                Digest::of(&token).hex()
            ),
        ];
        testing::write(&registry, &rows).await;
        let path = "/api/v1/account/tokens";
        let sent = async |key: &str| keyed(&registry, path, key, Some(&token)).await;
        assert_eq!((sent("a-1").await, sent("a-1").await), ((201, 1), (201, 1)), "each is counted once");
        assert_eq!((sent("a-2").await, sent("a-3").await), ((201, 2), (429, 2)));
        assert_eq!(sent("a-1").await, (429, 2));
    }

    #[tokio::test]
    async fn an_answer_is_given_again_for_the_same_organisation_alone() {
        let (folder, registry) = testing::registry().await;
        let token = std::fs::read_to_string(folder.path().join("operator.token")).unwrap();
        let again = async || written(&registry, "/api/v1/account/tokens", Some(&token)).await;
        assert_eq!((again().await, again().await), ((201, 1), (201, 1)));
        let acting = [
            "insert into accounts (name, password_hash, role, created_at) values ('acme', 'none', 'member', '')",
            "insert into organisations (name, title, created_at, created_by) values ('acme', 'Acme', '', 'operator')",
            "update tokens set acts_for = 'acme' where note = 'operator.token'",
        ];
        testing::write(&registry, &acting.map(str::to_owned)).await;
        assert_eq!(again().await, (422, 1));
    }
}
