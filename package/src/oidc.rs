//! Tokens of OpenID Connect as strangers send them: JSON Web Tokens (RFC 7519) in three parts, read and not yet believed.

use std::collections::BTreeMap;
use std::fmt;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::words;

/// The longest token, in bytes; those of GitHub and GitLab have about 2,000.
pub const TOKEN_BYTES_MAX: usize = 16 << 10;

words! {
    /// How a token is signed: by a private key, whose public half its issuer shows. Nothing else is read, least of all `none` or a
    /// secret that both sides know.
    pub enum Algorithm: "algorithm of a token" {
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        Rs256 = "RS256",
        /// ECDSA on P-256 with SHA-256.
        Es256 = "ES256",
        /// Ed25519, of all that JOSE calls so.
        EdDsa = "EdDSA",
    }
}

/// Why a text is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(String);

/// An object of which each name was there once: where it is there twice, two readers may read two things.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unique(BTreeMap<String, Value>);

impl Unique {
    /// What stands under a name, if it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// What stands under a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All names under which texts stand, and these.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }

    /// What stands under a name, if it is a whole number, such as seconds since 1970.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_i64()
    }
}

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
                let mut all = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if all.contains_key(&name) {
                        return Err(A::Error::custom(format!("'{name}' is there twice")));
                    }
                    all.insert(name, value);
                }
                Ok(Unique(all))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A token whose signature was not checked yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Unverified<'a> {
    /// How it says that it is signed.
    pub algorithm: Algorithm,
    /// By which of the issuer's keys.
    pub key: String,
    /// What it says of whom. Nothing of it is true before the signature holds.
    pub claims: Unique,
    /// What was signed: its first two parts as they stand.
    pub signed: &'a str,
    /// The bytes of the signature.
    pub signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Reads a token. It must name an [`Algorithm`] and a key.
    pub fn parse(token: &'a str) -> Result<Self, Malformed> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Malformed(format!("a token has at most {TOKEN_BYTES_MAX} bytes")));
        }
        let refuse = |what: &str| Malformed(what.to_owned());
        let (signed, signature) = token.rsplit_once('.').ok_or_else(|| refuse("it has not three parts"))?;
        let (header, claims) = signed.split_once('.').ok_or_else(|| refuse("it has not three parts"))?;
        let header = object("header", header)?;
        if header.get("crit").is_some() {
            return Err(refuse("its header demands what is not known here"));
        }
        let algorithm = header.text("alg").ok_or_else(|| refuse("its header names no algorithm"))?;
        let algorithm = algorithm.parse::<Algorithm>().map_err(|error| Malformed(error.to_string()))?;
        let key = header.text("kid").ok_or_else(|| refuse("its header names no key"))?.to_owned();
        let claims = object("claims", claims)?;
        let signature = decode("signature", signature)?;
        Ok(Self { algorithm, key, claims, signed, signature })
    }
}

fn object(what: &str, part: &str) -> Result<Unique, Malformed> {
    serde_json::from_slice(&decode(what, part)?)
        .map_err(|error| Malformed(format!("its {what} cannot be read: {error}")))
}

/// Strict: no padding, no other alphabet, no bits left over, so that a token is written in one way.
fn decode(what: &str, part: &str) -> Result<Vec<u8>, Malformed> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Malformed(format!("its {what} is not Base64 for URLs")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(header: &str, claims: &str) -> String {
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", encode(header), encode(claims), encode("signature"))
    }

    const HEADER: &str = r#"{"alg":"RS256","kid":"1","typ":"JWT"}"#;

    #[test]
    fn a_token_is_read_as_it_stands() {
        let text = token(HEADER, r#"{"iss":"https://x.example","exp":1,"aud":["a"]}"#);
        let read = Unverified::parse(&text).unwrap();
        assert_eq!((read.algorithm, read.key.as_str()), (Algorithm::Rs256, "1"));
        assert_eq!(
            (read.claims.text("iss"), read.claims.number("exp")),
            (Some("https://x.example"), Some(1))
        );
        assert_eq!(
            (read.claims.text("exp"), read.claims.number("iss"), read.claims.text("aud")),
            (None, None, None)
        );
        assert_eq!(
            (read.signed, read.signature.as_slice()),
            (text.rsplit_once('.').unwrap().0, &b"signature"[..])
        );
    }

    #[test]
    fn hostile_tokens_are_refused_by_what_is_wrong_with_them() {
        let whole = token(HEADER, "{}");
        for (text, why) in [
            (String::new(), "three parts"),
            ("a.b".into(), "three parts"),
            (format!("{whole}.x"), "not Base64"),
            (format!("{whole}="), "not Base64"),
            (format!(" {whole}"), "not Base64"),
            (token(r#"{"alg":"none","kid":"1"}"#, "{}"), "'none' is no algorithm of a token"),
            (token(r#"{"alg":"None","kid":"1"}"#, "{}"), "no algorithm of a token"),
            (token(r#"{"alg":"HS256","kid":"1"}"#, "{}"), "'HS256' is no algorithm of a token"),
            (token(r#"{"alg":"RS512","kid":"1"}"#, "{}"), "no algorithm of a token"),
            (token(r#"{"kid":"1"}"#, "{}"), "names no algorithm"),
            (token(r#"{"alg":["RS256"],"kid":"1"}"#, "{}"), "names no algorithm"),
            (token(r#"{"alg":"RS256"}"#, "{}"), "names no key"),
            (token(r#"{"alg":"RS256","kid":1}"#, "{}"), "names no key"),
            (token(r#"{"alg":"RS256","kid":"1","crit":["b64"],"b64":false}"#, "{}"), "demands"),
            (token(r#"{"alg":"none","alg":"RS256","kid":"1"}"#, "{}"), "'alg' is there twice"),
            (
                token(HEADER, r#"{"repository":"acme/a","repository":"evil/a"}"#),
                "'repository' is there twice",
            ),
            (
                token(HEADER, r#"{"repository":"acme/a","\u0072epository":"evil/a"}"#),
                "'repository' is there twice",
            ),
            (token(HEADER, "[]"), "cannot be read"),
            (token(HEADER, "{} {}"), "cannot be read"),
            (token(HEADER, &"[".repeat(5000)), "cannot be read"),
            (token(HEADER, &format!(r#"{{"a":{}}}"#, "[".repeat(5000))), "cannot be read"),
            ("a".repeat(TOKEN_BYTES_MAX + 1), "at most"),
        ] {
            let refused = Unverified::parse(&text).unwrap_err().to_string();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(header in ".{0,60}", claims in ".{0,60}", text in ".{0,200}") {
            prop_assert!(Unverified::parse(&text).is_err());
            let _ = Unverified::parse(&token(&header, &claims));
        }
    }
}
