//! Where an account is written to. An address counts once whoever reads its mail has shown the token that was sent there.

use chandlery_edge::Client;
use chandlery_package::column::Text;
use chandlery_package::wire::{AccountProfile, Act, EmailAddress, EmailChange, EmailVerified, PendingEmail};
use chandlery_package::{Digest, Namespace};
use chandlery_store::{Db, Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::actor::{Actor, Address};
use crate::audit::record;
use crate::enforced::is_bound;
use crate::notices::{tell_owner, write_to};
use crate::passwords::random_text;
use crate::principal::AccountRole;
use crate::{Accounts, Caller, Error};

/// How long an address can be verified.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// An account as its owner sees it.
pub async fn profile(db: &Db, account: &Namespace) -> Result<AccountProfile, Error> {
    type Row = (Text<AccountRole>, Text<Timestamp>, Option<Text<EmailAddress>>);
    let found: Option<Row> = sqlx::query_as("select role, created_at, email from accounts where name = $1")
        .bind(account.as_str())
        .fetch_optional(db.read())
        .await?;
    let (Text(role), Text(created_at), email) =
        found.ok_or_else(|| Error::NotFound(format!("account '{account}'")))?;
    let pending: Option<(Text<EmailAddress>, Text<Timestamp>)> = sqlx::query_as(
        "select email, expires_at from email_verifications where account = $1 and expires_at > $2",
    )
    .bind(account.as_str())
    .bind(time(Timestamp::now()))
    .fetch_optional(db.read())
    .await?;
    let deleted_at = crate::deletions::due_at(db, account).await?;
    Ok(AccountProfile {
        name: account.clone(),
        created_at,
        operator: role == AccountRole::Operator,
        email: email.map(|Text(email)| email),
        pending_email: pending.map(|(Text(email), Text(expires_at))| PendingEmail { email, expires_at }),
        deleted_at,
    })
}

/// Asks for another address of an account that knows its password.
pub async fn change_email(
    accounts: &Accounts,
    client: Client,
    caller: &Caller,
    change: &EmailChange,
) -> Result<PendingEmail, Error> {
    let known = accounts.by_password(client, caller.name.as_str(), &change.password).await?;
    known.ok_or(Error::WrongPassword)?;
    if is_bound(&mut *accounts.db.read().acquire().await?, &caller.name).await? {
        return Err(bound(&caller.name));
    }
    ask(accounts, &caller.actor, &caller.name, &change.email).await
}

fn bound(account: &Namespace) -> Error {
    Error::Conflict(format!(
        "'{account}' signs in with its organisation, which knows it by its address: ask one of the organisation's admins"
    ))
}

/// Sends a token to an address. The one that the account has stays until the new one is verified, and is told.
pub(crate) async fn ask(
    accounts: &Accounts,
    actor: &Actor,
    account: &Namespace,
    email: &EmailAddress,
) -> Result<PendingEmail, Error> {
    let (token, now) = (random_text(), Timestamp::now());
    let expires_at = now + LIFETIME;
    let mut write = accounts.db.write().await?;
    let had = address_within(&mut write, account).await?;
    if had.as_ref() == Some(email) {
        return Err(Error::Conflict(format!("'{account}' is written to at this address already")));
    }
    accounts.count_letter(email)?;
    sqlx::query(
        "insert into email_verifications (account, email, hash, expires_at) values ($1, $2, $3, $4)
         on conflict (account) do update
         set email = excluded.email, hash = excluded.hash, expires_at = excluded.expires_at",
    )
    .bind(account.as_str())
    .bind(email.as_str())
    .bind(Digest::of(&token).hex())
    .bind(time(expires_at))
    .execute(&mut *write)
    .await?;
    let key = format!("email:{account}:{}", time(now));
    let until = expires_at.strftime("%Y-%m-%d %H:%M");
    let link = accounts.link(&format!("/account/email/verification?token={token}"));
    let body = format!(
        "Somebody wants the account '{account}' to be written to at this address. If that is you, verify it until {until} UTC, \
         {link}with this command:\n\n    chandlery account verify --token {token}\n\nIf it is not, do nothing.\n"
    );
    let subject = format!("Verify the address of '{account}'");
    write_to(&mut write, account, email, &format!("{key}:new"), &subject, &body, now).await?;
    if had.is_some() {
        let body = format!(
            "Asked for by {}. This address stays until the new one is verified. If that was not you, change your password at once.\n",
            actor.in_words()
        );
        tell_owner(&mut write, account, &key, "Another e-mail address was asked for", &body, now).await?;
    }
    let after = json!({ "expires_at": expires_at });
    record(&mut write, actor, Act::EmailAsked, account.as_str(), Value::Null, after).await?;
    write.commit().await?;
    Ok(PendingEmail { email: email.clone(), expires_at })
}

/// Verifies an address by the token that was sent there, once. A wrong token counts for the client as a wrong password does.
pub async fn verify_email(
    accounts: &Accounts,
    client: Client,
    address: Address,
    token: &str,
) -> Result<EmailVerified, Error> {
    accounts.attempts.begin(client, None)?;
    let verified = use_token(&accounts.db, address, token).await?;
    accounts.attempts.take_back(client, None);
    Ok(verified)
}

async fn use_token(db: &Db, address: Address, token: &str) -> Result<EmailVerified, Error> {
    let now = Timestamp::now();
    let mut write = db.write().await?;
    let used: Option<(Text<Namespace>, Text<EmailAddress>)> = sqlx::query_as(
        "delete from email_verifications where hash = $1 and expires_at > $2 returning account, email",
    )
    .bind(Digest::of(token).hex())
    .bind(time(now))
    .fetch_optional(&mut *write)
    .await?;
    let (Text(account), Text(email)) = used.ok_or_else(|| {
        Error::NotFound("e-mail address with this token: it was used, replaced, or has ended".into())
    })?;
    // The organisation may have begun to demand that since it was asked for.
    if is_bound(&mut write, &account).await? {
        return Err(bound(&account));
    }
    let actor = Actor::of_letter(&account, address);
    let had = address_within(&mut write, &account).await?.is_some();
    // Before the change, so that it goes to the address that the account has had.
    let body = format!(
        "The new one was verified by {}. If that was not you, ask an operator of the registry for help at once.\n",
        actor.in_words()
    );
    if had {
        let key = format!("email:{account}:{}:verified", time(now));
        tell_owner(&mut write, &account, &key, "Your e-mail address is another one now", &body, now).await?;
    }
    sqlx::query("update accounts set email = $1 where name = $2")
        .bind(email.as_str())
        .bind(account.as_str())
        .execute(&mut *write)
        .await?;
    let after = json!({ "in_place_of_another": had });
    record(&mut write, &actor, Act::EmailVerified, account.as_str(), Value::Null, after).await?;
    write.commit().await?;
    Ok(EmailVerified { account, email })
}

/// Where an account is written to, as a transaction sees it.
pub(crate) async fn address_within(
    write: &mut Write,
    account: &Namespace,
) -> Result<Option<EmailAddress>, Error> {
    let found: Option<(Option<Text<EmailAddress>>,)> =
        sqlx::query_as("select email from accounts where name = $1")
            .bind(account.as_str())
            .fetch_optional(&mut **write)
            .await?;
    Ok(found.and_then(|(email,)| email).map(|Text(email)| email))
}
