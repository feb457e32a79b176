//! Signing in by a passkey, which says whose it is: the password and a second factor in one, since the authenticator has verified its user.

use chandlery_edge::Client;
use chandlery_package::Namespace;
use chandlery_package::wire::{Act, LogInBy, PasskeyChallenge, PasskeyLogIn};
use chandlery_store::time;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize as _;
use serde_json::{Value, json};
use webauthn_rs::prelude::PublicKeyCredential;

use super::challenges::{self, Waiting};
use super::kept::{self, Found};
use crate::actor::{Actor, Address};
use crate::audit::record;
use crate::log_ins::{PAGES, log_in_within};
use crate::notices::tell_owner;
use crate::session::SESSION_HOURS;
use crate::{Accounts, Error};

/// Asks for a passkey of whomever.
pub async fn ask(accounts: &Accounts, client: Client) -> Result<PasskeyChallenge, Error> {
    let site = accounts.relying_party()?;
    accounts.count_sign_in(client)?;
    let (public_key, state) = site.ask_who()?;
    let mut write = accounts.db.write().await?;
    let waiting = Waiting::SignIn(state);
    let (challenge, expires_at) = challenges::keep(&mut write, None, &waiting, Timestamp::now()).await?;
    write.commit().await?;
    Ok(PasskeyChallenge { challenge, expires_at, public_key })
}

/// Whose a passkey is that has signed what was asked for, and the token of a session of the pages. An answer that does not count is one of the
/// client's wrong secrets.
pub async fn answer(
    accounts: &Accounts,
    client: Client,
    address: Address,
    given: &PasskeyLogIn,
) -> Result<(Namespace, String), Error> {
    accounts.attempts.begin(client, None)?;
    let outcome = signed_in(accounts, address, given).await;
    if !matches!(outcome, Err(Error::PasskeyRefused(_) | Error::PasskeyDoubted(_))) {
        accounts.attempts.take_back(client, None);
    }
    if let Ok((account, _)) = &outcome {
        accounts.attempts.was_right(client, account);
    }
    outcome
}

async fn signed_in(
    accounts: &Accounts,
    address: Address,
    given: &PasskeyLogIn,
) -> Result<(Namespace, String), Error> {
    let site = accounts.relying_party()?;
    let now = Timestamp::now();
    let mut write = accounts.db.write().await?;
    let waiting = challenges::take(&mut write, None, &given.challenge, now).await?;
    write.commit().await?;
    let Waiting::SignIn(state) = waiting else { return Err(challenges::ended()) };
    let answer = PublicKeyCredential::deserialize(&given.credential)
        .map_err(|error| Error::Invalid(format!("this is no answer of an authenticator: {error}")))?;

    let unknown = || Error::PasskeyRefused("no account has this passkey".into());
    let id = kept::id_of(answer.get_credential_id());
    let found = kept::find(&accounts.db, &id).await?.ok_or_else(unknown)?;
    if !site.is_of(&answer, &found.account) {
        return Err(unknown());
    }
    let mut passkey = kept::read(&found)?;
    let Some(signed) = site.verify(&answer, state, &passkey)? else {
        warn(accounts, address, &id, &found, now).await?;
        return Err(Error::PasskeyDoubted(found.name));
    };
    passkey.update_credential(&signed);

    let mut write = accounts.db.write().await?;
    if !kept::note_use(&mut write, &id, &found, &passkey, now).await? {
        return Err(Error::PasskeyRefused("it was removed, or used elsewhere at the same moment".into()));
    }
    let actor = Actor::of_passkey(&found.account, address);
    let lifetime = SignedDuration::from_hours(SESSION_HOURS);
    let whose = (&found.account, None);
    let token = log_in_within(&mut write, &actor, whose, PAGES, lifetime, LogInBy::Passkey).await?;
    write.commit().await?;
    Ok((found.account, token))
}

/// Tells the owner of a passkey that somebody else may have a copy of it.
async fn warn(
    accounts: &Accounts,
    address: Address,
    id: &str,
    found: &Found,
    now: Timestamp,
) -> Result<(), Error> {
    let (account, actor) = (&found.account, Actor::of_passkey(&found.account, address));
    let mut write = accounts.db.write().await?;
    let before = json!({ "passkey": id, "name": found.name });
    record(&mut write, &actor, Act::PasskeyDoubted, account.as_str(), before, Value::Null).await?;
    let body = format!(
        "'{}' was shown by {} on {} UTC and was refused: it has signed no more often than when it was shown last, as one does of which somebody \
         else has a copy. Remove it on /account/passkeys, and add it anew.\n",
        found.name,
        actor.in_words(),
        now.strftime("%Y-%m-%d %H:%M")
    );
    let key = format!("passkey-doubted:{id}:{}", time(now));
    tell_owner(&mut write, account, &key, "A passkey of your account may be a copy", &body, now).await?;
    Ok(write.commit().await?)
}
