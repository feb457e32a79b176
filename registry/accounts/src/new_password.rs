//! Another password: for whoever knows the one before, or has the token of a reset that an operator has issued.

use chandlery_edge::Client;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, LogInBy, PasswordChange, PasswordChanged, PasswordReset, ResetPassword};
use chandlery_package::{Digest, Namespace};
use chandlery_store::{Db, Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::actor::{Actor, Address};
use crate::audit::record;
use crate::email::address_within;
use crate::enforced::must_be_free;
use crate::notices::{tell_operators, tell_owner, write_to};
use crate::passwords::{check_new, hash_password, random_text};
use crate::people::{find_account, find_within, set_password};
use crate::principal::AccountRole;
use crate::sessions::own_hash;
use crate::standing::must_be_a_person;
use crate::{Accounts, Caller, Error, tokens};

/// How long a reset can be used.
const RESET_LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// Changes the password of an account that knows it. What it is asked by goes on.
pub async fn change(
    accounts: &Accounts,
    client: Client,
    caller: &Caller,
    new: &PasswordChange,
) -> Result<PasswordChanged, Error> {
    let Caller { actor, .. } = caller;
    let account = &caller.name;
    check_new(&new.password, account).await?;
    let known = accounts.by_password(client, account.as_str(), &new.current).await?;
    let (_, known) = known.ok_or(Error::WrongPassword)?;
    let hash = hash_password(new.password.clone()).await?;
    let mut write = accounts.db.write().await?;
    let (_, mark) = find_within(&mut write, account).await?;
    if mark != known {
        return Err(Error::Conflict("the password was changed at the same moment by somebody else".into()));
    }
    let ended = tokens::end(&mut write, account, new.end_all_tokens, own_hash(caller)).await?;
    replace(&mut write, actor, Act::PasswordChanged, account, &hash, ended).await?;
    write.commit().await?;
    Ok(PasswordChanged { account: account.clone(), ended })
}

async fn replace(
    write: &mut Write,
    actor: &Actor,
    act: Act,
    account: &Namespace,
    hash: &str,
    ended: u64,
) -> Result<(), Error> {
    let now = Timestamp::now();
    set_password(write, account, hash).await?;
    forget_resets(write, account).await?;
    record(write, actor, act, account.as_str(), Value::Null, json!({ "tokens_ended": ended })).await?;
    let how = match act {
        Act::PasswordReset => "set with the token of a reset",
        _ => "changed",
    };
    let body = format!(
        "It was {how} by {} on {} UTC, and {ended} log-ins and tokens have ended. If that was not you, ask an operator of \
         the registry for a reset at once.\n",
        actor.in_words(),
        now.strftime("%Y-%m-%d %H:%M")
    );
    tell_owner(
        write,
        account,
        &format!("password:{account}:{}", time(now)),
        "Your password was changed",
        &body,
        now,
    )
    .await
}

/// Issues a token by which the owner of an account sets its password, once and soon.
///
/// Of an operator only whoever holds the registry's machine: else one operator could act as another, and approve what it has
/// proposed itself.
pub async fn issue_reset(db: &Db, actor: &Actor, account: &Namespace) -> Result<PasswordReset, Error> {
    let (token, now) = (random_text(), Timestamp::now());
    let expires_at = now + RESET_LIFETIME;
    let mut write = db.write().await?;
    let (role, _) = find_within(&mut write, account).await?;
    must_be_a_person(&mut write, account).await?;
    if role == AccountRole::Operator && *actor != Actor::machine() {
        return Err(Error::Conflict(format!(
            "'{account}' operates the registry: its password is reset on the registry's machine, with \
             `chandlery registry reset-password`"
        )));
    }
    // Whoever holds one that was issued before has asked for this one.
    forget_resets(&mut write, account).await?;
    keep_reset(&mut write, account, &token, expires_at).await?;
    let after = json!({ "expires_at": expires_at });
    record(&mut write, actor, Act::PasswordResetIssued, account.as_str(), Value::Null, after).await?;
    let key = format!("password-reset:{account}:{}", time(now));
    let subject = format!("The password of '{account}' can be reset");
    let body = format!(
        "{} has issued a token by which it can be set until {} UTC.\n",
        actor.in_words(),
        expires_at.strftime("%Y-%m-%d %H:%M")
    );
    tell_operators(&mut write, &key, &subject, &body, now).await?;
    tell_owner(&mut write, account, &format!("{key}:{account}"), &subject, &body, now).await?;
    write.commit().await?;
    Ok(PasswordReset { account: account.clone(), token, expires_at })
}

async fn forget_resets(write: &mut Write, account: &Namespace) -> Result<(), Error> {
    sqlx::query("delete from password_resets where account = $1")
        .bind(account.as_str())
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Keeps the digest of a reset's token, beside those of the account that have not ended: what a stranger asks for ends none that the
/// owner has asked for, and all of them are sent to the owner.
async fn keep_reset(
    write: &mut Write,
    account: &Namespace,
    token: &str,
    expires_at: Timestamp,
) -> Result<(), Error> {
    sqlx::query("delete from password_resets where account = $1 and expires_at <= $2")
        .bind(account.as_str())
        .bind(time(Timestamp::now()))
        .execute(&mut **write)
        .await?;
    sqlx::query("insert into password_resets (account, hash, expires_at) values ($1, $2, $3)")
        .bind(account.as_str())
        .bind(Digest::of(token).hex())
        .bind(time(expires_at))
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Sends a token by which its password is set to the verified address of an account that is no operator's, and says nothing of whether
/// there is one. Each request counts for the client as a wrong password does.
pub(crate) async fn request_reset(
    accounts: &Accounts,
    client: Client,
    address: Address,
    account: &Namespace,
) -> Result<(), Error> {
    accounts.attempts.begin(client, None)?;
    if find_account(&accounts.db, account).await?.is_none() {
        return Ok(());
    }
    let (token, now) = (random_text(), Timestamp::now());
    let expires_at = now + RESET_LIFETIME;
    let mut write = accounts.db.write().await?;
    // An account that was deleted has none.
    let Some(email) = address_within(&mut write, account).await? else { return Ok(()) };
    let (role, _) = find_within(&mut write, account).await?;
    if role == AccountRole::Operator || accounts.count_letter(&email).is_err() {
        return Ok(());
    }
    keep_reset(&mut write, account, &token, expires_at).await?;
    let after = json!({ "expires_at": expires_at, "by": "e-mail" });
    let actor = Actor::anybody(address);
    record(&mut write, &actor, Act::PasswordResetIssued, account.as_str(), Value::Null, after).await?;
    let body = format!(
        "Somebody who has forgotten it wants to set the password of '{account}'. If that is you, do it until {} UTC:\n\n    chandlery \
         account reset --token {token}\n\nIf it is not, do nothing: the password stays.\n",
        expires_at.strftime("%Y-%m-%d %H:%M")
    );
    let key = format!("password-reset:{account}:{}:mail", time(now));
    write_to(&mut write, account, &email, &key, "Set another password", &body, now).await?;
    write.commit().await?;
    Ok(())
}

/// Sets a password by the token of a reset, which is used up by it. A wrong token counts for the client as a wrong password does.
pub async fn finish_reset(
    accounts: &Accounts,
    client: Client,
    address: Address,
    new: &ResetPassword,
) -> Result<PasswordChanged, Error> {
    accounts.attempts.begin(client, None)?;
    let changed = use_reset(&accounts.db, address, new).await?;
    accounts.attempts.take_back(client, None);
    Ok(changed)
}

async fn use_reset(db: &Db, address: Address, new: &ResetPassword) -> Result<PasswordChanged, Error> {
    let token = Digest::of(&new.token).hex();
    let none =
        || Error::NotFound("password reset with this token: it was used, replaced, or has ended".into());
    // Only whoever has a token has a password looked at and hashed.
    let open: Option<(Text<Namespace>,)> =
        sqlx::query_as("select account from password_resets where hash = $1 and expires_at > $2")
            .bind(&token)
            .bind(time(Timestamp::now()))
            .fetch_optional(db.read())
            .await?;
    let (Text(account),) = open.ok_or_else(none)?;
    check_new(&new.password, &account).await?;
    let hash = hash_password(new.password.clone()).await?;
    let mut write = db.write().await?;
    let used: Option<(Text<Namespace>,)> =
        sqlx::query_as("delete from password_resets where hash = $1 and expires_at > $2 returning account")
            .bind(&token)
            .bind(time(Timestamp::now()))
            .fetch_optional(&mut *write)
            .await?;
    let (Text(account),) = used.ok_or_else(none)?;
    // An owner may have another password, which opens nothing alone.
    must_be_free(&mut write, &account, LogInBy::Totp).await?;
    let actor = Actor::of_reset(&account, address);
    let ended = tokens::end(&mut write, &account, new.end_all_tokens, None).await?;
    replace(&mut write, &actor, Act::PasswordReset, &account, &hash, ended).await?;
    write.commit().await?;
    Ok(PasswordChanged { account, ended })
}
