//! From a request to who asks: by bearer token, by Basic (an account with its password or a token), or by a page's session cookie.

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum_extra::headers::authorization::{Basic, Bearer};
use axum_extra::headers::{Authorization, HeaderMapExt as _};

use crate::credential::Credential;
use crate::grant::Grant;
use crate::principal::{Account, Principal};
use crate::{Accounts, Error, Scope, bearer, check_password, check_token};

impl Accounts {
    /// Whoever these headers say.
    pub async fn identify(&self, headers: &HeaderMap) -> Result<Principal, Error> {
        if headers.contains_key(AUTHORIZATION) {
            let found = match headers.typed_get::<Authorization<Bearer>>() {
                Some(Authorization(bearer)) => self.by_token(bearer.token().trim()).await?,
                None => match headers.typed_get::<Authorization<Basic>>() {
                    Some(Authorization(basic)) => self.by_basic(basic.username(), basic.password()).await?,
                    None => None,
                },
            };
            return found.ok_or(Error::Unauthenticated);
        }
        match self.cookie.read(headers) {
            Some(token) => Ok(check_token(&self.db, &token).await?.unwrap_or_else(Principal::nobody)),
            None => Ok(Principal::nobody()),
        }
    }

    async fn by_token(&self, token: &str) -> Result<Option<Principal>, Error> {
        match bearer::is_one(token) {
            true => bearer::read(self, token).await,
            false => check_token(&self.db, token).await,
        }
    }

    async fn by_basic(&self, name: &str, secret: &str) -> Result<Option<Principal>, Error> {
        match check_token(&self.db, secret).await? {
            Some(known) if known.account.as_ref().is_some_and(|account| account.name.as_str() == name) => {
                Ok(Some(known))
            }
            Some(_) => Ok(None),
            None => {
                let account = check_password(&self.db, name, secret).await?;
                Ok(account.map(|(account, mark)| {
                    Principal::known(account, Grant::Token(Scope::Full), Credential::Password(mark))
                }))
            }
        }
    }
}

impl<S> FromRequestParts<S> for Principal
where
    Accounts: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        Accounts::from_ref(state).identify(&parts.headers).await
    }
}

impl<S> FromRequestParts<S> for Account
where
    Accounts: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let principal = Accounts::from_ref(state).identify(&parts.headers).await?;
        match (principal.account, principal.grant) {
            (Some(account), Grant::Token(Scope::Full)) => Ok(account),
            (Some(account), Grant::Token(scope)) => {
                Err(Error::forbidden(&account.name, format!("do this with a token for '{scope}'")))
            }
            (Some(account), Grant::Oci(_)) => {
                Err(Error::forbidden(&account.name, "do this with a token for 'oci'"))
            }
            (None, _) => Err(Error::Unauthenticated),
        }
    }
}

impl<S> OptionalFromRequestParts<S> for Account
where
    Accounts: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Error> {
        let principal = Accounts::from_ref(state).identify(&parts.headers).await?;
        Ok(principal.account.filter(|_| principal.grant == Grant::Token(Scope::Full)))
    }
}
