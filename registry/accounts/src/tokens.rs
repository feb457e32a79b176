//! Tokens: 256 random bits of which only the digest is kept, with a scope and an end.

use chandlery_package::column::Text;
use chandlery_package::wire::{Act, LogInBy, Page, Paging, TokenRecord};
use chandlery_package::{Digest, Namespace, words};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sqlx::AnyConnection;

use chandlery_store::{Db, Write, time};

use crate::actor::{Actor, Address};
use crate::audit::record;
use crate::credential::{Credential, ID_DIGITS, token_id};
use crate::grant::Grant;
use crate::passwords::random_text;
use crate::powers::{Power, has};
use crate::principal::{Account, AccountRole, Principal};
use crate::second_factor::is_on_within;
use crate::standing::role_of;
use crate::{Error, Scope};

/// How long a token with an end may last, in days.
const DAYS_MAX: u32 = 366;
/// The note of a log-in of a program that somebody has signed in on a page.
pub(crate) const PROGRAM: &str = "program";
/// How long the token of a log-in or of a registration lasts: 90 days.
pub(crate) const LOGIN_LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 90);

words! {
    /// What a token was issued for.
    pub(crate) enum TokenKind: "kind of a token" {
        /// Somebody has logged in: it ends with the password that was given for it.
        LogIn = "log-in",
        /// Its owner asked for it by itself, for a machine.
        Made = "made",
        /// A workload has shown that it may publish by the account's right.
        Exchanged = "exchanged",
    }
}

/// Who carries this token, and for what; none: it is not known, or has expired. Found by its digest, so how long it
/// takes tells nothing of how much of a guess was right.
pub async fn check_token(db: &Db, token: &str) -> Result<Option<Principal>, Error> {
    type Row =
        (Text<Namespace>, Text<AccountRole>, Text<Scope>, Option<Text<Timestamp>>, Option<Text<Namespace>>);
    let found: Option<Row> = sqlx::query_as(
        "select accounts.name, accounts.role, tokens.scope, tokens.expires_at, tokens.acts_for
         from tokens join accounts on accounts.name = tokens.account where tokens.hash = $1",
    )
    .bind(Digest::of(token).hex())
    .fetch_optional(db.read())
    .await?;
    let Some((Text(name), Text(role), Text(scope), expires, acts_for)) = found else { return Ok(None) };
    let expires_at = expires.map(|Text(at)| at);
    // A directory's token is known to `/scim` alone.
    if scope == Scope::Scim || expires_at.is_some_and(|at| at < Timestamp::now()) {
        return Ok(None);
    }
    let account = Account::of(name, role);
    let credential = Credential::Token { hash: Digest::of(token).hex(), expires_at };
    let acts_for = acts_for.map(|Text(organisation)| organisation);
    Ok(Some(Principal { acts_for, ..Principal::known(account, Grant::Token(scope), credential) }))
}

/// Whose token is kept under this digest, and which organisation it acts for, unless it has ended.
pub(crate) async fn token_owner(db: &Db, hash: &str) -> Result<Option<(Account, Option<Namespace>)>, Error> {
    let found: Option<(Text<Namespace>, Text<AccountRole>, Option<Text<Namespace>>)> = sqlx::query_as(
        "select accounts.name, accounts.role, tokens.acts_for
         from tokens join accounts on accounts.name = tokens.account
         where tokens.hash = $1 and (tokens.expires_at is null or tokens.expires_at > $2)",
    )
    .bind(hash)
    .bind(time(Timestamp::now()))
    .fetch_optional(db.read())
    .await?;
    Ok(found.map(|(Text(name), Text(role), acts_for)| {
        (Account::of(name, role), acts_for.map(|Text(organisation)| organisation))
    }))
}

/// So many days, as long as a token may last.
pub fn days(days: u32) -> Result<SignedDuration, Error> {
    match days {
        1..=DAYS_MAX => Ok(SignedDuration::from_hours(24 * i64::from(days))),
        _ => Err(Error::Invalid(format!("a token lasts from 1 to {DAYS_MAX} days"))),
    }
}

/// The longest note of a token, in characters.
pub(crate) const NOTE_CHARS_MAX: usize = 200;

/// A new token for an account, for a time or, where none is given, until it is revoked; `by` says what was shown for it.
pub async fn issue_token(
    db: &Db,
    actor: &Actor,
    account: &Namespace,
    scope: &Scope,
    note: &str,
    lifetime: Option<SignedDuration>,
    by: LogInBy,
) -> Result<String, Error> {
    issue_token_for(db, actor, (account, None), scope, note, lifetime, by).await
}

/// The same, which acts for an organisation as long as the account has the power for what it is used for.
pub(crate) async fn issue_token_for(
    db: &Db,
    actor: &Actor,
    (account, organisation): (&Namespace, Option<&Namespace>),
    scope: &Scope,
    note: &str,
    lifetime: Option<SignedDuration>,
    by: LogInBy,
) -> Result<String, Error> {
    if note.chars().count() > NOTE_CHARS_MAX {
        return Err(Error::Invalid(format!("a token's note has at most {NOTE_CHARS_MAX} characters")));
    }
    let token = random_text();
    let mut write = db.write().await?;
    must_owe_no_code(&mut write, account, by).await?;
    insert(&mut write, account, &token, TokenKind::Made, scope, note, lifetime).await?;
    set_opened_by(&mut write, &Digest::of(&token).hex(), by).await?;
    let mut made = json!({ "token": token_id(&Digest::of(&token).hex()), "scope": scope });
    if let Some(organisation) = organisation {
        act_for(&mut write, account, &Digest::of(&token).hex(), organisation).await?;
        made["acts_for"] = json!(organisation);
    }
    record(&mut write, actor, Act::TokenMade, account.as_str(), Value::Null, made).await?;
    write.commit().await?;
    Ok(token)
}

/// Lets a token act for an organisation, if its account may use what that one has.
async fn act_for(
    write: &mut Write,
    account: &Namespace,
    hash: &str,
    organisation: &Namespace,
) -> Result<(), Error> {
    let role = role_of(write, organisation, account).await?;
    if !role.is_some_and(|role| has(role, Power::Use)) {
        return Err(Error::forbidden(account, format!("act for '{organisation}'")));
    }
    sqlx::query("update tokens set acts_for = $1 where hash = $2")
        .bind(organisation.as_str())
        .bind(hash)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Refuses a token for a password alone where a second factor was set up since that was looked at.
pub(crate) async fn must_owe_no_code(
    write: &mut Write,
    account: &Namespace,
    by: LogInBy,
) -> Result<(), Error> {
    match by == LogInBy::Password && is_on_within(write, account).await? {
        true => Err(Error::SecondFactorNeeded(account.clone())),
        false => Ok(()),
    }
}

/// What was shown for a token, by its digest.
pub(crate) async fn opened_by(db: &mut AnyConnection, hash: &str) -> Result<LogInBy, Error> {
    let found: Option<(Text<LogInBy>,)> =
        sqlx::query_as("select opened_by from tokens where hash = $1").bind(hash).fetch_optional(db).await?;
    Ok(found.map_or(LogInBy::Password, |(Text(by),)| by))
}

/// Whether the token of this digest was issued at a log-in, at this moment or later. A program has shown nothing then: it has what was
/// shown for the session that signed it in, whenever that was.
pub(crate) async fn is_log_in_since(db: &Db, hash: &str, since: Timestamp) -> Result<bool, Error> {
    let (found,): (i64,) = sqlx::query_as(
        "select count(*) from tokens where hash = $1 and kind = $2 and created_at >= $3 and note <> $4",
    )
    .bind(hash)
    .bind(TokenKind::LogIn.as_str())
    .bind(time(since))
    .bind(PROGRAM)
    .fetch_one(db.read())
    .await?;
    Ok(found > 0)
}

/// Says what was shown for a token, by its digest.
pub(crate) async fn set_opened_by(write: &mut Write, hash: &str, by: LogInBy) -> Result<(), Error> {
    // What a provider has opened ends with what the provider is for, whatever was shown beside.
    sqlx::query("update tokens set opened_by = $1 where hash = $2 and opened_by <> $3")
        .bind(by.as_str())
        .bind(hash)
        .bind(LogInBy::Provider.as_str())
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Gives an end to tokens of log-ins that an earlier version has issued without one, as if they were issued now.
pub(crate) async fn end_in_time(db: &Db) -> Result<(), Error> {
    let mut write = db.write().await?;
    sqlx::query("update tokens set expires_at = $1 where kind = $2 and expires_at is null")
        .bind(time(Timestamp::now() + LOGIN_LIFETIME))
        .bind(TokenKind::LogIn.as_str())
        .execute(&mut *write)
        .await?;
    Ok(write.commit().await?)
}

pub(super) async fn insert(
    write: &mut Write,
    account: &Namespace,
    token: &str,
    kind: TokenKind,
    scope: &Scope,
    note: &str,
    lifetime: Option<SignedDuration>,
) -> Result<(), Error> {
    let now = Timestamp::now();
    let expires = lifetime.map(|lifetime| now + lifetime);
    sqlx::query(
        "insert into tokens (hash, account, created_at, expires_at, kind, scope, note)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(Digest::of(token).hex())
    .bind(account.as_str())
    .bind(time(now))
    .bind(expires.map(time))
    .bind(kind.as_str())
    .bind(scope.to_string())
    .bind(note)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Where a token stands among its account's: when it was issued, and its id.
pub type Place = (Timestamp, String);

/// A page of the tokens of whoever asks, oldest first, without what would let anybody use them; for an organisation, of those that act
/// for it.
pub async fn list(db: &Db, caller: &Account, paging: &Paging<Place>) -> Result<Page<TokenRecord>, Error> {
    // No digit comes after 'f', so this is after every digest that begins with the id.
    let after = paging.after().map(|(issued, id)| (time(*issued), format!("{id}g")));
    let (issued, hash) = after.unwrap_or_default();
    type Row =
        (String, Text<Scope>, String, Text<Timestamp>, Option<Text<Timestamp>>, Option<Text<Namespace>>);
    let rows: Vec<Row> = sqlx::query_as(
        "select hash, scope, note, created_at, expires_at, acts_for from tokens
         where account = $1 and ($5 = '' or acts_for = $5) and (created_at, hash) > ($2, $3)
         order by created_at, hash limit $4",
    )
    .bind(caller.person().as_str())
    .bind(issued)
    .bind(hash)
    .bind(paging.rows())
    .bind(caller.organisation().map_or("", Namespace::as_str))
    .fetch_all(db.read())
    .await?;
    let read = |(hash, Text(scope), note, Text(created_at), expires_at, acts_for): Row| TokenRecord {
        id: token_id(&hash),
        scope,
        note,
        created_at,
        expires_at: expires_at.map(|Text(at)| at),
        acts_for: acts_for.map(|Text(organisation)| organisation),
    };
    let tokens = rows.into_iter().map(read).collect();
    Ok(paging.cut(tokens, |token: &TokenRecord| (token.created_at, token.id.clone())))
}

/// Forgets one of the tokens of whoever asks; for an organisation, one that acts for it.
pub async fn revoke_by_id(db: &Db, actor: &Actor, caller: &Account, id: &str) -> Result<(), Error> {
    let well_formed = id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !well_formed {
        return Err(Error::NotFound(format!("token '{id}'")));
    }
    let mut write = db.write().await?;
    let account = caller.person();
    let revoked =
        sqlx::query("delete from tokens where account = $1 and ($3 = '' or acts_for = $3) and hash like $2")
            .bind(account.as_str())
            .bind(format!("{id}%"))
            .bind(caller.organisation().map_or("", Namespace::as_str))
            .execute(&mut *write)
            .await?;
    if revoked.rows_affected() == 0 {
        return Err(Error::NotFound(format!("token '{id}'")));
    }
    let before = json!({ "token": id });
    record(&mut write, actor, Act::TokenRevoked, account.as_str(), before, Value::Null).await?;
    write.commit().await?;
    Ok(())
}

/// Ends the tokens of an account that were issued at log-ins, or wait to be, or, if asked for, all; but for one, if it is named by its digest. What
/// a log-in has begun to link ends, too. Says how many have ended.
pub(crate) async fn end(
    write: &mut Write,
    account: &Namespace,
    all: bool,
    but: Option<&str>,
) -> Result<u64, Error> {
    for statement in
        ["delete from device_log_ins where account = $1", "delete from sign_ins where account = $1"]
    {
        sqlx::query(statement).bind(account.as_str()).execute(&mut **write).await?;
    }
    let ended = sqlx::query("delete from tokens where account = $1 and ($2 = 1 or kind = $3) and hash <> $4")
        .bind(account.as_str())
        .bind(i64::from(all))
        .bind(TokenKind::LogIn.as_str())
        .bind(but.unwrap_or(""))
        .execute(&mut **write)
        .await?;
    Ok(ended.rows_affected())
}

/// Ends every token and session of an account, in the transaction of what follows from it, and says how many those were.
pub async fn end_all_tokens(write: &mut Write, account: &Namespace) -> Result<u64, Error> {
    end(write, account, true, None).await
}

/// Ends the session that has this token. One that has ended already is no error.
pub async fn log_out(db: &Db, token: &str, address: Address) -> Result<(), Error> {
    let hash = Digest::of(token).hex();
    let mut write = db.write().await?;
    let ended: Option<(Text<Namespace>,)> =
        sqlx::query_as("delete from tokens where hash = $1 returning account")
            .bind(&hash)
            .fetch_optional(&mut *write)
            .await?;
    let Some((Text(account),)) = ended else { return Ok(()) };
    let before = json!({ "token": token_id(&hash) });
    let actor = Actor::new(&account, &Credential::Token { hash, expires_at: None }, address);
    record(&mut write, &actor, Act::LoggedOut, account.as_str(), before, Value::Null).await?;
    write.commit().await?;
    Ok(())
}
