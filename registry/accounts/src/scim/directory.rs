//! Which organisation's directory asks: by a token that a member has made for it, who may still do so.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum_extra::headers::authorization::Bearer;
use axum_extra::headers::{Authorization, HeaderMapExt as _};
use chandlery_edge::Client;
use chandlery_package::column::Text;
use chandlery_package::{Digest, Namespace};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;

use super::error::Error;
use crate::actor::{Actor, Address};
use crate::demands::{Demand, owes};
use crate::grant::Grant;
use crate::powers::{Power, has};
use crate::principal::{Account, AccountRole};
use crate::standing::role_of;
use crate::{Accounts, Scope, check_token, suspended};

/// The directory of an organisation.
pub(super) struct Directory {
    /// Where its people are kept.
    pub(super) accounts: Accounts,
    /// Whose it is: it sees and changes nothing of another one.
    pub(super) organisation: Namespace,
    /// What the audit trail keeps of it.
    pub(super) actor: Actor,
    /// The member who has made its token.
    pub(super) maker: Namespace,
    /// The digest under which that is kept.
    hash: String,
}

impl Directory {
    /// The database of the registry.
    pub(super) fn db(&self) -> &Db {
        &self.accounts.db
    }

    /// Begins what one request changes, where its token and the power of its maker still stand.
    pub(super) async fn write(&self) -> Result<Write, Error> {
        let mut write = self.accounts.db.write().await?;
        let kept: Option<(String,)> = sqlx::query_as("select hash from tokens where hash = $1")
            .bind(self.hash.as_str())
            .fetch_optional(&mut *write)
            .await?;
        let role = role_of(&mut write, &self.organisation, &self.maker).await?;
        match kept.is_some() && role.is_some_and(|role| has(role, Power::Manage)) {
            true => Ok(write),
            false => Err(crate::Error::Unauthenticated.into()),
        }
    }
}

/// Whoever has made a token, for which organisation, and the digest under which it is kept.
struct Shown {
    maker: Account,
    organisation: Namespace,
    hash: String,
}

impl<S> FromRequestParts<S> for Directory
where
    Accounts: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let (accounts, address) = (Accounts::from_ref(state), Address::of(parts));
        let Some(Authorization(bearer)) = parts.headers.typed_get::<Authorization<Bearer>>() else {
            return Err(crate::Error::Unauthenticated.into());
        };
        let client = Client::of(&parts.extensions);
        let Shown { maker, organisation, hash } = shown(&accounts, client, bearer.token().trim()).await?;
        if !parts.method.is_safe() {
            accounts.count_write(&maker, &Grant::Token(Scope::Scim))?;
        }
        accounts.uses.note(&hash, address);
        let actor = Actor::of_directory(&maker.name, &organisation, &hash, address);
        Ok(Self { accounts, organisation, actor, maker: maker.name, hash })
    }
}

/// What a token shows, whose maker may still keep the organisation's directory.
async fn shown(accounts: &Accounts, client: Client, token: &str) -> Result<Shown, crate::Error> {
    let Some(mut shown) = find(&accounts.db, token).await? else {
        // One of another kind is known, and counts for no guess.
        return Err(match check_token(&accounts.db, token).await? {
            Some(known) => match known.account {
                Some(account) => crate::Error::forbidden(&account.name, "use this token as a directory's"),
                None => crate::Error::Unauthenticated,
            },
            None => accounts.attempts.was_wrong(client),
        });
    };
    for account in [&shown.maker.name, &shown.organisation] {
        suspended::must_not_be(&mut *accounts.db.read().acquire().await?, account).await?;
    }
    let hash = Digest::of(token).hex();
    shown.maker.owes_factor =
        accounts.demand != Demand::Off && owes(&accounts.db, &shown.maker.name, Some(&hash)).await?;
    shown.maker.must_have(&accounts.db, &shown.organisation, Power::Manage, "keep the directory of").await?;
    Ok(shown)
}

async fn find(db: &Db, token: &str) -> Result<Option<Shown>, crate::Error> {
    type Row = (Text<Namespace>, Text<AccountRole>, Text<Namespace>);
    let hash = Digest::of(token).hex();
    let found: Option<Row> = sqlx::query_as(
        "select accounts.name, accounts.role, tokens.acts_for
         from tokens join accounts on accounts.name = tokens.account
         where tokens.hash = $1 and tokens.scope = $2 and tokens.acts_for is not null
           and (tokens.expires_at is null or tokens.expires_at > $3)",
    )
    .bind(&hash)
    .bind(Scope::Scim.to_string())
    .bind(time(Timestamp::now()))
    .fetch_optional(db.read())
    .await?;
    Ok(found.map(|(Text(name), Text(role), Text(organisation))| Shown {
        maker: Account::of(name, role),
        organisation,
        hash,
    }))
}
