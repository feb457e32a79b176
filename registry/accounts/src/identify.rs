//! From a request to who asks: by bearer token, by Basic (an account with its password or a token), or by a page's session cookie.

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum_extra::headers::authorization::{Basic, Bearer};
use axum_extra::headers::{Authorization, HeaderMapExt as _};
use chandlery_edge::Client;
use chandlery_package::wire::LogInBy;

use crate::actor::Address;
use crate::caller::Caller;
use crate::credential::Credential;
use crate::demands::{Demand, owes};
use crate::enforced::{is_vouched_for, must_be_free};
use crate::grant::Grant;
use crate::principal::{Account, Principal};
use crate::second_factor::is_on;
use crate::{Accounts, Error, Scope, acting, bearer, check_token, suspended};

/// That a request was counted among those that may change something, before it came to whoever answers it: set on the request.
#[derive(Debug, Clone, Copy)]
pub struct Counted(());

impl Accounts {
    /// Counts a request that may change something for whoever sends it; refused where they have sent too many.
    pub fn count(&self, who: &Principal) -> Result<Counted, Error> {
        if let Some(account) = &who.account {
            self.count_write(account, &who.grant)?;
        }
        Ok(Counted(()))
    }

    /// Whoever these headers of a client say. What is wrong counts: who is wrong too often is refused for a while.
    pub async fn identify(&self, client: Client, headers: &HeaderMap) -> Result<Principal, Error> {
        let principal = match headers.contains_key(AUTHORIZATION) {
            true => self.by_header(client, headers).await?,
            false => match self.cookie.read(headers) {
                Some(token) => self.by_session(client, &token).await?,
                None => return Ok(Principal::nobody()),
            },
        };
        if let Some(account) = &principal.account {
            suspended::must_not_be(&mut *self.db.read().acquire().await?, &account.name).await?;
            self.attempts.was_right(client, &account.name);
        }
        self.held(principal).await
    }

    /// Whoever a browser's session is of, for a page that names them and does nothing else: what is wrong does not count.
    pub async fn visitor(&self, headers: &HeaderMap) -> Result<Option<Account>, Error> {
        let Some(token) = self.cookie.read(headers) else { return Ok(None) };
        match check_token(&self.db, &token).await? {
            Some(principal) => Ok(self.held(principal).await?.account),
            None => Ok(None),
        }
    }

    /// Whoever asks, without the power for which a second factor is demanded that the account has not set up in time.
    async fn held(&self, mut principal: Principal) -> Result<Principal, Error> {
        if self.demand == Demand::Off {
            return Ok(principal);
        }
        let token = principal.credential.token_hash().map(str::to_owned);
        if let Some(account) = &mut principal.account
            && owes(&self.db, &account.name, token.as_deref()).await?
            && !is_vouched_for(&self.db, &principal.credential).await?
        {
            account.operator = false;
            account.owes_factor = true;
        }
        Ok(principal)
    }

    async fn by_header(&self, client: Client, headers: &HeaderMap) -> Result<Principal, Error> {
        if let Some(Authorization(basic)) = headers.typed_get::<Authorization<Basic>>() {
            return self.by_basic(client, basic.username(), basic.password()).await;
        }
        let found = match headers.typed_get::<Authorization<Bearer>>() {
            Some(Authorization(bearer)) => self.by_token(bearer.token().trim()).await?,
            None => None,
        };
        found.ok_or_else(|| self.attempts.was_wrong(client))
    }

    /// A session that has ended makes nobody of its visitor, who may log in again.
    async fn by_session(&self, client: Client, token: &str) -> Result<Principal, Error> {
        Ok(check_token(&self.db, token).await?.unwrap_or_else(|| {
            self.attempts.was_wrong(client);
            Principal::nobody()
        }))
    }

    async fn by_token(&self, token: &str) -> Result<Option<Principal>, Error> {
        match bearer::is_one(token) {
            true => bearer::read(self, token).await,
            false => check_token(&self.db, token).await,
        }
    }

    async fn by_basic(&self, client: Client, name: &str, secret: &str) -> Result<Principal, Error> {
        if let Some(known) = check_token(&self.db, secret).await? {
            let own = known.account.as_ref().map(|account| &account.name);
            let is_own = own.into_iter().chain(&known.acts_for).any(|own| own.as_str() == name);
            return if is_own { Ok(known) } else { Err(self.attempts.was_wrong(client)) };
        }
        let (account, mark) = self.by_password(client, name, secret).await?.ok_or(Error::Unauthenticated)?;
        if is_on(&self.db, &account.name).await? {
            return Err(Error::SecondFactorNeeded(account.name));
        }
        must_be_free(&mut *self.db.read().acquire().await?, &account.name, LogInBy::Password).await?;
        Ok(Principal::known(account, Grant::Token(Scope::Full), Credential::Password(mark)))
    }

    /// Whoever a request is from, or the organisation that they act for; one that may change something counts for the person.
    async fn of_request(&self, parts: &Parts) -> Result<Principal, Error> {
        let principal = self.identify(Client::of(&parts.extensions), &parts.headers).await?;
        if !parts.method.is_safe() && parts.extensions.get::<Counted>().is_none() {
            self.count(&principal)?;
        }
        let address = Address::of(parts);
        if let Credential::Token { hash, .. } = &principal.credential {
            self.uses.note(hash, address);
        }
        let principal = acting::resolve(&self.db, principal, parts).await?;
        Ok(Principal { address, ..principal })
    }
}

impl<S> FromRequestParts<S> for Principal
where
    Accounts: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        Accounts::from_ref(state).of_request(parts).await
    }
}

impl<S> FromRequestParts<S> for Caller
where
    Accounts: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let principal = Accounts::from_ref(state).of_request(parts).await?;
        let credential = principal.credential.clone();
        let account = whole(principal)?;
        let actor = account.actor(&credential, Address::of(parts));
        Ok(Self { account, credential, actor })
    }
}

impl<S> OptionalFromRequestParts<S> for Caller
where
    Accounts: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Error> {
        match <Self as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(caller) => Ok(Some(caller)),
            Err(Error::Unauthenticated | Error::Forbidden { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The account of a principal whose credential does not narrow what it may do.
fn whole(principal: Principal) -> Result<Account, Error> {
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

impl<S> FromRequestParts<S> for Account
where
    Accounts: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        whole(Accounts::from_ref(state).of_request(parts).await?)
    }
}

impl<S> OptionalFromRequestParts<S> for Account
where
    Accounts: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Error> {
        let principal = Accounts::from_ref(state).of_request(parts).await?;
        Ok(principal.account.filter(|_| principal.grant == Grant::Token(Scope::Full)))
    }
}
