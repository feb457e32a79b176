//! Who asks: by bearer token, by Basic (an account with its password or a token), or by a page's session cookie.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use chandlery_package::Namespace;

use super::{check_password, check_token};
use crate::{Error, Registry};

/// The cookie of a page's session.
pub const SESSION_COOKIE: &str = "chandlery_session";

/// An authenticated account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Its name.
    pub name: Namespace,
    /// Whether it operates the registry.
    pub operator: bool,
}

impl Caller {
    /// Refuses whoever does not operate the registry.
    pub fn must_operate(&self, action: &str) -> Result<(), Error> {
        if self.operator { Ok(()) } else { Err(Error::forbidden(&self.name, action)) }
    }

    /// Refuses whoever does not own the namespace.
    pub async fn must_own(
        &self,
        registry: &Registry,
        namespace: &Namespace,
        action: &str,
    ) -> Result<(), Error> {
        let owns: Option<(String,)> =
            sqlx::query_as("select account from namespace_owners where namespace = $1 and account = $2")
                .bind(namespace.as_str())
                .bind(self.name.as_str())
                .fetch_optional(registry.db.read())
                .await?;
        owns.map(|_| ()).ok_or_else(|| Error::forbidden(&self.name, format!("{action} '{namespace}'")))
    }

    /// Refuses whoever neither owns the namespace nor operates the registry.
    pub async fn must_see(&self, registry: &Registry, namespace: &Namespace) -> Result<(), Error> {
        match self.operator {
            true => Ok(()),
            false => self.must_own(registry, namespace, "see the money of").await,
        }
    }
}

async fn identify(headers: &HeaderMap, registry: &Registry) -> Result<Option<Caller>, Error> {
    let db = &registry.db;
    if let Some(value) = headers.get(AUTHORIZATION) {
        let value = value.to_str().map_err(|_| Error::Unauthenticated)?;
        let found = match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                check_token(db, token.trim()).await?
            }
            Some((scheme, text)) if scheme.eq_ignore_ascii_case("basic") => {
                let (name, secret) = decode_basic(text.trim()).ok_or(Error::Unauthenticated)?;
                match check_token(db, &secret).await? {
                    Some(caller) if caller.name.as_str() == name => Some(caller),
                    Some(_) => None,
                    None => check_password(db, &name, &secret).await?,
                }
            }
            _ => None,
        };
        return found.map(Some).ok_or(Error::Unauthenticated);
    }
    match session(headers) {
        Some(token) => check_token(db, token).await,
        None => Ok(None),
    }
}

fn decode_basic(text: &str) -> Option<(String, String)> {
    let text = String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()?;
    let (name, secret) = text.split_once(':')?;
    Some((name.into(), secret.into()))
}

/// The session token of a page's request.
pub fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|text| text.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(name, value)| (name == SESSION_COOKIE).then_some(value))
}

impl FromRequestParts<Registry> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, registry: &Registry) -> Result<Self, Error> {
        identify(&parts.headers, registry).await?.ok_or(Error::Unauthenticated)
    }
}

impl OptionalFromRequestParts<Registry> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, registry: &Registry) -> Result<Option<Self>, Error> {
        identify(&parts.headers, registry).await
    }
}
