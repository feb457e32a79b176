//! Sign-ins that begin: a browser goes to the provider, and what it must come back with is kept.

use chandlery_edge::Client;
use chandlery_package::wire::EmailAddress;
use chandlery_package::{Digest, Namespace};
use chandlery_store::time;
use jiff::{SignedDuration, Timestamp};

use super::provider::find;
use crate::factors::must_have_shown;
use crate::organisations::{domains, role_of};
use crate::sessions::own_hash;
use crate::{Accounts, Caller, Error, tokens};

/// How long somebody may take at the provider.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// How long after a log-in somebody links an account.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// Where a browser goes on, and what it keeps meanwhile.
#[derive(Debug)]
pub struct Onward {
    /// The provider's page.
    pub url: String,
    /// What the browser comes back with. A cookie holds it, too: a sign-in ends where it began.
    pub state: String,
    /// Whose provider it is.
    pub organisation: Namespace,
}

fn nobody() -> Error {
    Error::NotFound(
        "organisation with a provider of its own for this: ask who runs yours, or log in with a password"
            .into(),
    )
}

/// The organisation by whose provider somebody with this address signs in.
pub async fn organisation_of(accounts: &Accounts, email: &EmailAddress) -> Result<Namespace, Error> {
    let domain = email.domain().ok_or_else(nobody)?;
    let mut read = accounts.db.read().acquire().await?;
    let organisation = domains::owner_of(&mut read, &domain).await?.ok_or_else(nobody)?;
    find(&mut read, &organisation).await?.ok_or_else(nobody)?;
    Ok(organisation)
}

/// Begins a sign-in, after which the browser goes on to a path of the registry.
pub async fn begin(
    accounts: &Accounts,
    client: Client,
    organisation: &Namespace,
    next: &str,
) -> Result<Onward, Error> {
    keep(accounts, client, organisation, next, None).await
}

/// Begins to link the account that asks with who its owner is at the provider of an organisation that it is a member of.
pub async fn begin_link(
    accounts: &Accounts,
    client: Client,
    caller: &Caller,
    organisation: &Namespace,
    next: &str,
) -> Result<Onward, Error> {
    let role = role_of(&mut *accounts.db.read().acquire().await?, organisation, &caller.name).await?;
    if role.is_none() {
        return Err(nobody());
    }
    must_be_sure(accounts, caller).await?;
    keep(accounts, client, organisation, next, Some(&caller.name)).await
}

/// Refuses whoever has not shown all that the account asks for, or has not logged in just now: whoever is linked signs in as the account from
/// then on, with all of its power, as with a passkey.
async fn must_be_sure(accounts: &Accounts, caller: &Caller) -> Result<(), Error> {
    must_have_shown(accounts, caller).await?;
    let since = Timestamp::now() - FRESH;
    let is_fresh = match own_hash(caller) {
        Some(hash) => tokens::is_log_in_since(&accounts.db, hash, since).await?,
        None => false,
    };
    match is_fresh {
        true => Ok(()),
        false => {
            let action = "be linked but within ten minutes of a log-in: log in again";
            Err(Error::forbidden(&caller.name, action))
        }
    }
}

async fn keep(
    accounts: &Accounts,
    client: Client,
    organisation: &Namespace,
    next: &str,
    account: Option<&Namespace>,
) -> Result<Onward, Error> {
    accounts.count_sign_on(client)?;
    let found = find(&mut *accounts.db.read().acquire().await?, organisation).await?;
    let asked = found.ok_or_else(nobody)?.client(accounts)?;
    let begun = chandlery_oidc::begin(&asked).await.map_err(|error| {
        Error::SignOnFailed(format!("nobody signs in with '{organisation}' now: {error}"))
    })?;
    let mut write = accounts.db.write().await?;
    sqlx::query(
        "insert into sign_ins (state, organisation, nonce, verifier, next, expires_at, account)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(Digest::of(&begun.state).hex())
    .bind(organisation.as_str())
    .bind(&begun.nonce)
    .bind(&begun.verifier)
    .bind(next)
    .bind(time(Timestamp::now() + LIFETIME))
    .bind(account.map(ToString::to_string))
    .execute(&mut *write)
    .await?;
    write.commit().await?;
    Ok(Onward { url: begun.url, state: begun.state, organisation: organisation.clone() })
}
