//! Who asks: by bearer token, by Basic (an account with its password or a token), or by a page's session cookie.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use chandlery_package::{Namespace, PluginId};

use super::{Role, Scope, bearer, check_password, check_token, role};
use crate::{Error, Registry};

/// The cookie of a page's session.
pub const SESSION_COOKIE: &str = "chandlery_session";

/// An account that may do everything that it may: known by its password, its session or a token without limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Its name.
    pub name: Namespace,
    /// Whether it operates the registry.
    pub operator: bool,
}

/// Whoever asks: nobody in particular, or an account within the scope of its token.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The account, if any.
    pub account: Option<Caller>,
    /// What the token may do.
    pub scope: Scope,
    /// Whether there is a token or password at all; the token may be nobody's in particular.
    pub has_token: bool,
}

impl Caller {
    /// Refuses whoever does not operate the registry.
    pub fn must_operate(&self, action: &str) -> Result<(), Error> {
        if self.operator { Ok(()) } else { Err(Error::forbidden(&self.name, action)) }
    }

    /// Refuses whoever has no such role in the namespace, or a lesser one.
    pub async fn must_be(
        &self,
        registry: &Registry,
        least: Role,
        namespace: &Namespace,
        action: &str,
    ) -> Result<(), Error> {
        match role(&registry.db, namespace, &self.name).await? {
            Some(role) if role >= least => Ok(()),
            _ => Err(Error::forbidden(&self.name, format!("{action} '{namespace}'"))),
        }
    }

    /// Refuses whoever does not own the namespace.
    pub async fn must_own(
        &self,
        registry: &Registry,
        namespace: &Namespace,
        action: &str,
    ) -> Result<(), Error> {
        self.must_be(registry, Role::Owner, namespace, action).await
    }

    /// Refuses whoever neither owns the namespace nor operates the registry.
    pub async fn must_see(&self, registry: &Registry, namespace: &Namespace) -> Result<(), Error> {
        match self.operator {
            true => Ok(()),
            false => self.must_own(registry, namespace, "see the money of").await,
        }
    }
}

impl Visitor {
    fn nobody() -> Self {
        Self { account: None, scope: Scope::Oci(Vec::new()), has_token: false }
    }

    /// An account, known by its password or a token.
    pub(super) fn known(account: Caller, scope: Scope) -> Self {
        Self { account: Some(account), scope, has_token: true }
    }

    /// Whoever these headers say.
    pub async fn of(headers: &HeaderMap, registry: &Registry) -> Result<Self, Error> {
        identify(headers, registry).await
    }

    /// Refuses whoever may not publish in this namespace, or not with this token.
    pub async fn must_publish(&self, registry: &Registry, plugin: &PluginId) -> Result<&Caller, Error> {
        self.must_push(registry, &plugin.namespace, &plugin.repository()).await
    }

    /// Refuses whoever may not push to this OCI repository of a namespace.
    pub async fn must_push(
        &self,
        registry: &Registry,
        namespace: &Namespace,
        repository: &str,
    ) -> Result<&Caller, Error> {
        let account = self.account.as_ref().ok_or(Error::Unauthenticated)?;
        account.must_be(registry, Role::Publisher, namespace, "push to").await?;
        match self.scope.allows_push(repository) {
            true => Ok(account),
            false => Err(Error::forbidden(&account.name, format!("push to {repository} with this token"))),
        }
    }

    /// Whether it may see what only members may see of this OCI repository.
    pub async fn may_see(
        &self,
        registry: &Registry,
        namespace: &Namespace,
        repository: &str,
    ) -> Result<bool, Error> {
        let Some(account) = &self.account else { return Ok(false) };
        if !self.scope.allows_pull(repository) {
            return Ok(false);
        }
        Ok(account.operator || role(&registry.db, namespace, &account.name).await?.is_some())
    }
}

async fn identify(headers: &HeaderMap, registry: &Registry) -> Result<Visitor, Error> {
    let db = &registry.db;
    if let Some(value) = headers.get(AUTHORIZATION) {
        let value = value.to_str().map_err(|_| Error::Unauthenticated)?;
        let found = match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => match bearer::is_one(token) {
                true => bearer::read(registry, token.trim()).await?,
                false => check_token(db, token.trim()).await?,
            },
            Some((scheme, text)) if scheme.eq_ignore_ascii_case("basic") => {
                let (name, secret) = decode_basic(text.trim()).ok_or(Error::Unauthenticated)?;
                basic(registry, &name, &secret).await?
            }
            _ => None,
        };
        return found.ok_or(Error::Unauthenticated);
    }
    match session(headers) {
        Some(token) => Ok(check_token(db, token).await?.unwrap_or_else(Visitor::nobody)),
        None => Ok(Visitor::nobody()),
    }
}

async fn basic(registry: &Registry, name: &str, secret: &str) -> Result<Option<Visitor>, Error> {
    match check_token(&registry.db, secret).await? {
        Some(visitor) if visitor.account.as_ref().is_some_and(|account| account.name.as_str() == name) => {
            Ok(Some(visitor))
        }
        Some(_) => Ok(None),
        None => {
            let account = check_password(&registry.db, name, secret).await?;
            Ok(account.map(|account| Visitor::known(account, Scope::Full)))
        }
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

impl FromRequestParts<Registry> for Visitor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, registry: &Registry) -> Result<Self, Error> {
        identify(&parts.headers, registry).await
    }
}

impl FromRequestParts<Registry> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, registry: &Registry) -> Result<Self, Error> {
        let visitor = identify(&parts.headers, registry).await?;
        match (visitor.account, visitor.scope) {
            (Some(account), Scope::Full) => Ok(account),
            (Some(account), scope) => {
                Err(Error::forbidden(&account.name, format!("do this with a token for '{scope}'")))
            }
            (None, _) => Err(Error::Unauthenticated),
        }
    }
}

impl OptionalFromRequestParts<Registry> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, registry: &Registry) -> Result<Option<Self>, Error> {
        let visitor = identify(&parts.headers, registry).await?;
        Ok(visitor.account.filter(|_| visitor.scope == Scope::Full))
    }
}
