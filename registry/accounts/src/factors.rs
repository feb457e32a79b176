//! Second factors: set up with the password and a first code, shown at each log-in from then on, removed with both.

use chandlery_edge::{Client, SECOND_FACTOR_NEEDED};
use chandlery_package::Namespace;
use chandlery_package::wire::{
    Act, LogInBy, RecoveryCodes, SecondFactorLogin, SecondFactorNeeded, SecondFactorRemoval,
    SecondFactorSecret,
};
use chandlery_store::{Db, Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::actor::Actor;
use crate::audit::record;
use crate::demands::is_demanded;
use crate::notices::tell_owner;
use crate::people::{find_account, find_within};
use crate::second_factor::{self, has_passkeys, is_on, is_on_within};
use crate::sessions::own_hash;
use crate::{Account, Accounts, Caller, Error, challenge, tokens, totp};

/// How long after a log-in with a second factor nobody asks for it again.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// Whether whoever asks has a second factor: an authenticator's codes or a passkey.
pub async fn has_factor(db: &Db, caller: &Account) -> Result<bool, Error> {
    let mut read = db.read().acquire().await?;
    Ok(is_on_within(&mut read, caller.person()).await? || has_passkeys(&mut read, caller.person()).await?)
}

/// Refuses whoever has a second factor and does not show it anew: neither by a code, nor by having logged in with it just now.
pub async fn must_show_anew(
    accounts: &Accounts,
    client: Client,
    caller: &Caller,
    code: Option<&str>,
) -> Result<(), Error> {
    let person = caller.person();
    if !has_factor(&accounts.db, caller).await? {
        return Ok(());
    }
    if let Some(code) = code {
        must_have_one(&accounts.db, person).await?;
        return show_code(accounts, client, person, code).await.map(drop);
    }
    let is_fresh = match own_hash(caller) {
        Some(hash) => tokens::is_log_in_since(&accounts.db, hash, Timestamp::now() - FRESH).await?,
        None => false,
    };
    match is_fresh && must_have_shown(accounts, caller).await? != LogInBy::Password {
        true => Ok(()),
        false => Err(Error::SecondFactorNeeded(person.clone())),
    }
}

/// Makes a secret for an account that knows its password. It counts when a first code of it is shown.
pub async fn set_up_factor(
    accounts: &Accounts,
    client: Client,
    caller: &Caller,
    password: &str,
) -> Result<SecondFactorSecret, Error> {
    let account = &caller.name;
    must_have_shown(accounts, caller).await?;
    let known = accounts.by_password(client, account.as_str(), password).await?;
    known.ok_or(Error::WrongPassword)?;
    let secret = totp::new_secret();
    let mut write = accounts.db.write().await?;
    if !second_factor::begin(&mut write, account, &secret, Timestamp::now()).await? {
        return Err(Error::Conflict(format!("'{account}' has a second factor already: remove it first")));
    }
    write.commit().await?;
    let uri = totp::uri(account, &secret);
    Ok(SecondFactorSecret { secret, uri })
}

/// Lets a secret count, by a first code of it. Log-ins that have shown none end, but for the one that asks.
pub async fn confirm_factor(
    accounts: &Accounts,
    client: Client,
    caller: &Caller,
    code: &str,
) -> Result<RecoveryCodes, Error> {
    let (account, now) = (&caller.name, Timestamp::now());
    let mut write = accounts.db.write().await?;
    shown_within(&mut write, caller).await?;
    accounts.attempts.begin_code(client, account)?;
    let confirmed = second_factor::confirm(&mut write, account, code, now).await;
    if !matches!(confirmed, Ok(false)) {
        accounts.attempts.take_code_back(client, account);
    }
    if !confirmed? {
        return Err(Error::WrongCode);
    }
    let codes = second_factor::renew_codes(&mut write, account).await?;
    let ended = tokens::end(&mut write, account, false, own_hash(caller)).await?;
    if let Some(own) = own_hash(caller) {
        tokens::set_opened_by(&mut write, own, LogInBy::Totp).await?;
    }
    let after = json!({ "sessions_ended": ended });
    record(&mut write, &caller.actor, Act::SecondFactorSet, account.as_str(), Value::Null, after).await?;
    tell(&mut write, account, &caller.actor, "Your account has a second factor", "set up", now).await?;
    write.commit().await?;
    Ok(codes)
}

/// Removes the second factor of an account that knows its password and shows a code.
pub async fn remove_factor(
    accounts: &Accounts,
    client: Client,
    caller: &Caller,
    shown: &SecondFactorRemoval,
) -> Result<(), Error> {
    let account = &caller.name;
    must_have_one(&accounts.db, account).await?;
    let known = accounts.by_password(client, account.as_str(), &shown.password).await?;
    known.ok_or(Error::WrongPassword)?;
    show_code(accounts, client, account, &shown.code).await?;
    let mut write = accounts.db.write().await?;
    forget(&mut write, &caller.actor, account).await?;
    Ok(write.commit().await?)
}

/// Removes the second factor and the passkeys of an account that has lost them: for whoever holds the registry's machine.
pub async fn remove_lost_factor(db: &Db, account: &Namespace) -> Result<(), Error> {
    let (actor, now) = (Actor::machine(), Timestamp::now());
    let mut write = db.write().await?;
    find_within(&mut write, account).await?;
    let (had_codes, had_passkeys) = (
        second_factor::forget(&mut write, account).await?,
        second_factor::forget_passkeys(&mut write, account).await?,
    );
    if !had_codes && had_passkeys == 0 {
        return Err(none(account));
    }
    if had_codes {
        let act = Act::SecondFactorRemoved;
        record(&mut write, &actor, act, account.as_str(), Value::Null, Value::Null).await?;
    }
    if had_passkeys > 0 {
        let before = json!({ "passkeys": had_passkeys });
        record(&mut write, &actor, Act::PasskeyRemoved, account.as_str(), before, Value::Null).await?;
    }
    let subject = "Your account has no second factor and no passkeys any more";
    tell(&mut write, account, &actor, subject, "removed", now).await?;
    Ok(write.commit().await?)
}

async fn forget(write: &mut Write, actor: &Actor, account: &Namespace) -> Result<(), Error> {
    if !second_factor::forget(write, account).await? {
        return Err(none(account));
    }
    record(write, actor, Act::SecondFactorRemoved, account.as_str(), Value::Null, Value::Null).await?;
    tell(write, account, actor, "Your account has no second factor any more", "removed", Timestamp::now())
        .await
}

/// Makes new recovery codes for an account that shows a code.
pub async fn renew_recovery_codes(
    accounts: &Accounts,
    client: Client,
    caller: &Caller,
    code: &str,
) -> Result<RecoveryCodes, Error> {
    let account = &caller.name;
    must_have_one(&accounts.db, account).await?;
    show_code(accounts, client, account, code).await?;
    let mut write = accounts.db.write().await?;
    let codes = second_factor::renew_codes(&mut write, account).await?;
    record(&mut write, &caller.actor, Act::RecoveryCodesMade, account.as_str(), Value::Null, Value::Null)
        .await?;
    write.commit().await?;
    Ok(codes)
}

/// What a log-in goes on with that has shown the right password, of this mark; none: it owes no code.
pub async fn code_owed(
    accounts: &Accounts,
    account: &Namespace,
    mark: &str,
) -> Result<Option<SecondFactorNeeded>, Error> {
    if !is_on(&accounts.db, account).await? {
        return Ok(None);
    }
    let (challenge, expires_at) = challenge::issue(accounts, account, mark);
    Ok(Some(SecondFactorNeeded { r#type: SECOND_FACTOR_NEEDED.word.into(), challenge, expires_at }))
}

/// Whose a log-in is that goes on with a code, the mark of the password that was shown before, and what the code is.
pub async fn answer_challenge(
    accounts: &Accounts,
    client: Client,
    answer: &SecondFactorLogin,
) -> Result<(Account, String, LogInBy), Error> {
    let ended = || Error::NotFound("log-in with this challenge: it has ended, so log in again".into());
    let says = challenge::read(accounts, &answer.challenge).ok_or_else(ended)?;
    let (account, mark) = find_account(&accounts.db, &says.account).await?.ok_or_else(ended)?;
    if mark != says.mark {
        return Err(ended());
    }
    let by = show_code(accounts, client, &account.name, &answer.code).await?;
    accounts.attempts.was_right(client, &account.name);
    Ok((account, mark, by))
}

/// What the token has shown by which an account asks; refuses one from before the account's second factor, and one that has shown no passkey of
/// an account of which a second factor is demanded.
pub(crate) async fn must_have_shown(accounts: &Accounts, caller: &Caller) -> Result<LogInBy, Error> {
    shown_within(&mut *accounts.db.read().acquire().await?, caller).await
}

/// The same, as a transaction sees it.
pub(crate) async fn shown_within(db: &mut AnyConnection, caller: &Caller) -> Result<LogInBy, Error> {
    let by = match own_hash(caller) {
        Some(hash) => tokens::opened_by(&mut *db, hash).await?,
        None => LogInBy::Password,
    };
    match by == LogInBy::Password && needs_more(db, caller.person()).await? {
        true => Err(Error::SecondFactorNeeded(caller.person().clone())),
        false => Ok(by),
    }
}

/// Whether the password alone says too little of who asks for what changes by what an account is known.
async fn needs_more(db: &mut AnyConnection, account: &Namespace) -> Result<bool, Error> {
    if is_on_within(&mut *db, account).await? {
        return Ok(true);
    }
    Ok(has_passkeys(&mut *db, account).await? && is_demanded(db, account).await?)
}

/// Uses up a code; a wrong one counts for the client and for the account.
pub(crate) async fn show_code(
    accounts: &Accounts,
    client: Client,
    account: &Namespace,
    code: &str,
) -> Result<LogInBy, Error> {
    accounts.attempts.begin_code(client, account)?;
    let used = use_code(&accounts.db, account, code).await;
    if !matches!(used, Ok(None)) {
        accounts.attempts.take_code_back(client, account);
    }
    used?.ok_or(Error::WrongCode)
}

async fn use_code(db: &Db, account: &Namespace, code: &str) -> Result<Option<LogInBy>, Error> {
    let mut write = db.write().await?;
    let used = second_factor::use_code(&mut write, account, code, Timestamp::now()).await?;
    write.commit().await?;
    Ok(used)
}

async fn must_have_one(db: &Db, account: &Namespace) -> Result<(), Error> {
    match is_on(db, account).await? {
        true => Ok(()),
        false => Err(none(account)),
    }
}

fn none(account: &Namespace) -> Error {
    Error::NotFound(format!("second factor of '{account}'"))
}

async fn tell(
    write: &mut Write,
    account: &Namespace,
    actor: &Actor,
    subject: &str,
    done: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let body = format!(
        "It was {done} by {} on {} UTC. If that was not you, change your password at once, and ask an operator of the registry for help.\n",
        actor.in_words(),
        now.strftime("%Y-%m-%d %H:%M")
    );
    tell_owner(write, account, &format!("second-factor:{account}:{}", time(now)), subject, &body, now).await
}
