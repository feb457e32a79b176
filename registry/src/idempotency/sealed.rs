//! Answers that are sealed: nobody opens one without the key of its request and what its sender authenticated with, which the registry
//! does not keep. So a token that is shown once is shown to nobody else, whoever has the database.

use axum::body::{Body, Bytes};
use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chandlery_package::random_bytes;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use serde::{Deserialize, Serialize};

/// What the keys of seals are derived for.
const PURPOSE: &[u8] = b"chandlery: an answer to a request with an Idempotency-Key";
/// The headers of an answer that are kept beside its body.
const HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::CACHE_CONTROL];

/// What seals and opens the answer to one request.
pub(super) struct Seal(LessSafeKey);

/// What is sealed of an answer on a line before its body.
#[derive(Serialize, Deserialize)]
struct Begun {
    status: u16,
    headers: Vec<(String, String)>,
}

impl Seal {
    /// The seal of a request with this key, by whoever sends this secret. None: there is no such seal.
    pub(super) fn new(secret: &str, key: &str) -> Option<Self> {
        let known = [secret.as_bytes(), b"\0", key.as_bytes()].concat();
        let derived = Salt::new(HKDF_SHA256, PURPOSE).extract(&known);
        let info = [PURPOSE];
        let derived = derived.expand(&info, &CHACHA20_POLY1305).ok()?;
        Some(Self(LessSafeKey::new(UnboundKey::from(derived))))
    }

    /// An answer as it is kept.
    pub(super) fn close(&self, parts: &Parts, body: &Bytes) -> Option<String> {
        let value = |name: &HeaderName| parts.headers.get(name)?.to_str().ok().map(str::to_owned);
        let headers = HEADERS.iter().filter_map(|name| Some((name.to_string(), value(name)?)));
        let begun = Begun { status: parts.status.as_u16(), headers: headers.collect() };
        let mut text = serde_json::to_vec(&begun).ok()?;
        text.push(b'\n');
        text.extend_from_slice(body);
        let nonce = random_bytes::<NONCE_LEN>();
        let sealing = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(sealing, Aad::empty(), &mut text).ok()?;
        Some(STANDARD.encode([&nonce[..], &text].concat()))
    }

    /// The answer that was kept so; none: it was sealed for somebody else.
    pub(super) fn open(&self, sealed: &str) -> Option<Response> {
        let mut bytes = STANDARD.decode(sealed).ok()?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.0.open_in_place(nonce, Aad::empty(), text).ok()?;
        let end = text.iter().position(|byte| *byte == b'\n')?;
        let Begun { status, headers } = serde_json::from_slice(&text[..end]).ok()?;
        let mut shown = HeaderMap::new();
        for (name, value) in headers {
            shown.insert(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
        }
        let mut answer = Response::new(Body::from(text[end + 1..].to_vec()));
        *answer.status_mut() = StatusCode::from_u16(status).ok()?;
        *answer.headers_mut() = shown;
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    #[tokio::test]
    async fn an_answer_opens_for_whoever_it_was_sealed_for() {
        let answer = (StatusCode::CREATED, [(header::LOCATION, "/x")], "a token").into_response();
        let (parts, _) = answer.into_parts();
        let body = Bytes::from_static(b"a token\nof two lines, \xff");
        let seal = Seal::new("Bearer t", "key").unwrap();
        let sealed = seal.close(&parts, &body).unwrap();
        assert!(!sealed.contains(&STANDARD.encode(b"a token")), "{sealed}");
        // It is encoded once.
        let large = seal.close(&parts, &Bytes::from(vec![0; 30_000])).unwrap();
        assert!(large.len() < 41_000, "{}", large.len());
        let opened = seal.open(&sealed).unwrap();
        assert_eq!(opened.status(), StatusCode::CREATED);
        assert_eq!(opened.headers()[header::LOCATION], "/x");
        assert_eq!(axum::body::to_bytes(opened.into_body(), usize::MAX).await.unwrap(), body);
        for (secret, key) in [("Bearer u", "key"), ("Bearer t", "other"), ("Bearer t\0key", "")] {
            assert!(Seal::new(secret, key).unwrap().open(&sealed).is_none(), "{secret} {key}");
        }
        assert!(seal.open("AAAA").is_none() && seal.open("no base64").is_none());
    }
}
