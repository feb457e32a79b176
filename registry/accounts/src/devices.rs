//! Programs that somebody signs in on a page (RFC 8628): the program waits with a code that only it knows, the person compares a shorter
//! one in a session of their own. The log-in that follows has shown what that session has.

use chandlery_edge::Client;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, DeviceLogIn, DeviceLogInAsked, LogInBy, NewDeviceLogIn, Token, UserCode};
use chandlery_package::{Digest, Namespace};
use chandlery_store::{Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::actor::{Actor, Address};
use crate::audit::record;
use crate::log_ins::log_in_within;
use crate::passwords::random_text;
use crate::sessions::own_hash;
use crate::tokens::{LOGIN_LIFETIME, PROGRAM, TokenKind};
use crate::{Accounts, Caller, Error};

/// Where a person confirms.
const PAGE: &str = "/device";
/// How long a program waits at most, in seconds.
const LIFETIME_SECONDS: u32 = 600;
/// How many seconds a program waits before it asks again.
const INTERVAL_SECONDS: u32 = 5;
/// The longest name of a program, in characters.
const PROGRAM_CHARS_MAX: usize = 100;
/// How often another code is made where somebody else waits with the same one.
const TRIES: usize = 10;

/// A program that waits, as the person sees it who may sign it in.
#[derive(Debug)]
pub struct Waiting {
    /// What it shows.
    pub code: UserCode,
    /// What it says it is; empty: nothing.
    pub program: String,
    /// Where it asks from, if that is known.
    pub address: Option<String>,
    /// Since when it waits.
    pub asked_at: Timestamp,
}

/// Lets a program wait.
pub async fn begin_device(
    accounts: &Accounts,
    client: Client,
    address: Address,
    new: &NewDeviceLogIn,
) -> Result<DeviceLogIn, Error> {
    let program = new.program.trim();
    if program.chars().count() > PROGRAM_CHARS_MAX || program.chars().any(char::is_control) {
        return Err(Error::Invalid(format!(
            "a program's name is one line of at most {PROGRAM_CHARS_MAX} characters"
        )));
    }
    accounts.count_device(client)?;
    let (device_code, now) = (random_text(), Timestamp::now());
    let mut write = accounts.db.write().await?;
    let user_code = free_code(&mut write, now).await?;
    let Address(from) = address;
    sqlx::query(
        "insert into device_log_ins (hash, user_code, asked_at, expires_at, program, address)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(Digest::of(&device_code).hex())
    .bind(user_code.letters())
    .bind(time(now))
    .bind(time(now + SignedDuration::from_secs(i64::from(LIFETIME_SECONDS))))
    .bind(program)
    .bind(from.map(|from| from.to_string()))
    .execute(&mut *write)
    .await?;
    write.commit().await?;
    let page = accounts.page(PAGE).unwrap_or_else(|_| PAGE.into());
    Ok(DeviceLogIn {
        device_code,
        verification_uri_complete: format!("{page}/{user_code}"),
        user_code,
        verification_uri: page,
        expires_in: LIFETIME_SECONDS,
        interval: INTERVAL_SECONDS,
    })
}

/// A code with which nobody waits.
async fn free_code(write: &mut Write, now: Timestamp) -> Result<UserCode, Error> {
    for _ in 0..TRIES {
        let code = UserCode::random();
        let (waiting,): (i64,) =
            sqlx::query_as("select count(*) from device_log_ins where user_code = $1 and expires_at > $2")
                .bind(code.letters())
                .bind(time(now))
                .fetch_one(&mut **write)
                .await?;
        if waiting == 0 {
            return Ok(code);
        }
    }
    Err(Error::Busy)
}

fn none() -> Error {
    Error::NotFound(
        "program that waits with this code: it was signed in, or has waited for more than ten minutes".into(),
    )
}

/// The program that waits with a code. Wrong ones count for the account as wrong codes of its second factor do.
pub async fn waiting_device(
    accounts: &Accounts,
    client: Client,
    caller: &Caller,
    code: &UserCode,
) -> Result<Waiting, Error> {
    accounts.attempts.begin_code(client, &caller.name)?;
    let found: Option<(String, Option<String>, Text<Timestamp>)> = sqlx::query_as(
        "select program, address, asked_at from device_log_ins
         where user_code = $1 and account is null and expires_at > $2",
    )
    .bind(code.letters())
    .bind(time(Timestamp::now()))
    .fetch_optional(accounts.db.read())
    .await?;
    let (program, address, Text(asked_at)) = found.ok_or_else(none)?;
    accounts.attempts.take_code_back(client, &caller.name);
    Ok(Waiting { code: code.clone(), program, address, asked_at })
}

/// Signs the program in that waits with a code, as the account whose session asks.
pub async fn confirm_device(
    accounts: &Accounts,
    client: Client,
    caller: &Caller,
    code: &UserCode,
) -> Result<Waiting, Error> {
    let by = must_be_in_session(accounts, caller).await?;
    let waiting = waiting_device(accounts, client, caller, code).await?;
    let mut write = accounts.db.write().await?;
    let confirmed = sqlx::query(
        "update device_log_ins set account = $1, opened_by = $2
         where user_code = $3 and account is null and expires_at > $4",
    )
    .bind(caller.name.as_str())
    .bind(by.as_str())
    .bind(code.letters())
    .bind(time(Timestamp::now()))
    .execute(&mut *write)
    .await?;
    if confirmed.rows_affected() != 1 {
        return Err(none());
    }
    let after = json!({ "program": waiting.program, "from": waiting.address });
    record(&mut write, &caller.actor, Act::DeviceConfirmed, caller.name.as_str(), Value::Null, after).await?;
    write.commit().await?;
    Ok(waiting)
}

/// What the session has shown by which somebody asks; refuses what is no session: a token that a machine has makes no log-in.
async fn must_be_in_session(accounts: &Accounts, caller: &Caller) -> Result<LogInBy, Error> {
    let found: Option<(Text<LogInBy>,)> =
        sqlx::query_as("select opened_by from tokens where hash = $1 and kind = $2")
            .bind(own_hash(caller).unwrap_or(""))
            .bind(TokenKind::LogIn.as_str())
            .fetch_optional(accounts.db.read())
            .await?;
    match found {
        Some((Text(by),)) => Ok(by),
        None => Err(Error::forbidden(&caller.name, "sign a program in but from a session")),
    }
}

/// The token of a program that somebody has signed in, once.
pub(crate) async fn token_of_device(
    accounts: &Accounts,
    client: Client,
    address: Address,
    asked: &DeviceLogInAsked,
) -> Result<Token, Error> {
    let hash = Digest::of(&asked.device_code).hex();
    accounts.attempts.begin(client, None)?;
    let waiting: Option<(Option<Text<Namespace>>,)> =
        sqlx::query_as("select account from device_log_ins where hash = $1 and expires_at > $2")
            .bind(&hash)
            .bind(time(Timestamp::now()))
            .fetch_optional(accounts.db.read())
            .await?;
    let (confirmed_by,) = waiting.ok_or_else(none)?;
    accounts.attempts.take_back(client, None);
    accounts.count_poll(&hash)?;
    if confirmed_by.is_none() {
        return Err(Error::AuthorizationPending);
    }
    let mut write = accounts.db.write().await?;
    let taken: Option<(Text<Namespace>, Text<LogInBy>)> = sqlx::query_as(
        "delete from device_log_ins where hash = $1 and account is not null and expires_at > $2
         returning account, opened_by",
    )
    .bind(&hash)
    .bind(time(Timestamp::now()))
    .fetch_optional(&mut *write)
    .await?;
    let (Text(account), Text(by)) = taken.ok_or_else(none)?;
    let actor = Actor::of_device(&account, address);
    let token = log_in_within(&mut write, &actor, (&account, None), PROGRAM, LOGIN_LIFETIME, by).await?;
    write.commit().await?;
    Ok(Token { account, token })
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use chandlery_store::Db;

    use super::*;
    use crate::credential::Credential;
    use crate::log_ins::{PAGES, log_in};
    use crate::people::register;
    use crate::principal::{Account, AccountRole};
    use crate::session::SessionCookie;
    use crate::tokens::is_log_in_since;

    #[tokio::test]
    async fn a_program_that_was_signed_in_has_shown_nothing_anew() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let db = Db::open(&url).await.unwrap();
        let accounts = Accounts::open(db.clone(), SessionCookie::Plain).await.unwrap();
        let ann: Namespace = "ann".parse().unwrap();
        register(&db, &ann, "correct horse battery").await.unwrap();
        let (client, address) = (Client::at(IpAddr::from([10, 0, 0, 1])), Address(None));
        let (whose, by) = ((&ann, None), LogInBy::Totp);
        let page = log_in(&db, &Actor::machine(), whose, PAGES, LOGIN_LIFETIME, by).await.unwrap();
        let credential = Credential::Token { hash: Digest::of(&page).hex(), expires_at: None };
        let actor = Actor::new(&ann, &credential, address);
        let caller = Caller { account: Account::of(ann.clone(), AccountRole::Member), credential, actor };

        let waits = begin_device(&accounts, client, address, &NewDeviceLogIn::default()).await.unwrap();
        confirm_device(&accounts, client, &caller, &waits.user_code).await.unwrap();
        let asked = DeviceLogInAsked { device_code: waits.device_code };
        let program = token_of_device(&accounts, client, address, &asked).await.unwrap().token;
        for (token, is_fresh) in [(page, true), (program, false)] {
            let hash = Digest::of(&token).hex();
            assert_eq!(is_log_in_since(&db, &hash, Timestamp::UNIX_EPOCH).await.unwrap(), is_fresh);
        }
    }
}
