//! Sessions: what log-ins have opened. An account sees where each was used last, and ends one, or all but the one that asks.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, LogInBy, Page, Paging, Session};
use chandlery_store::time;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::actor::Address;
use crate::audit::record;
use crate::credential::{Credential, ID_DIGITS, token_id};
use crate::log_ins::PAGES;
use crate::standing::role_of;
use crate::tokens::{self, Place, TokenKind};
use crate::{Accounts, Caller, Error, suspended};

/// The digest of the token by which somebody asks.
pub(crate) fn own_hash(caller: &Caller) -> Option<&str> {
    match &caller.credential {
        Credential::Token { hash, .. } => Some(hash.as_str()),
        _ => None,
    }
}

/// A page of the sessions of the account that asks, oldest first.
pub async fn list_sessions(
    accounts: &Accounts,
    caller: &Caller,
    paging: &Paging<Place>,
) -> Result<Page<Session>, Error> {
    type Row = (
        String,
        Text<LogInBy>,
        String,
        Text<Timestamp>,
        Option<Text<Timestamp>>,
        Option<String>,
        Text<Timestamp>,
        Option<Text<Namespace>>,
    );
    // No digit comes after 'f', so this is after every digest that begins with the id.
    let after = paging.after().map(|(issued, id)| (time(*issued), format!("{id}g")));
    let (issued, hash) = after.unwrap_or_default();
    let rows: Vec<Row> = sqlx::query_as(
        "select hash, opened_by, note, created_at, used_at, address, expires_at, acts_for from tokens
         where account = $1 and kind = $2 and expires_at > $3 and (created_at, hash) > ($4, $5)
         order by created_at, hash limit $6",
    )
    .bind(caller.name.as_str())
    .bind(TokenKind::LogIn.as_str())
    .bind(time(Timestamp::now()))
    .bind(issued)
    .bind(hash)
    .bind(paging.rows())
    .fetch_all(accounts.db.read())
    .await?;
    let read = |row: Row| {
        let (hash, Text(opened_by), note, Text(created_at), used_at, address, Text(expires_at), acts_for) =
            row;
        let written = (used_at.map(|Text(at)| at), address);
        let (used_at, address) = match accounts.uses.last(&hash) {
            Some((at, Address(from))) => (Some(at), from.map(|from| from.to_string())),
            None => written,
        };
        Session {
            id: token_id(&hash),
            opened_by,
            note,
            created_at,
            used_at,
            address,
            expires_at,
            current: own_hash(caller) == Some(hash.as_str()),
            acts_for: acts_for.map(|Text(organisation)| organisation),
        }
    };
    let all = rows.into_iter().map(read).collect();
    Ok(paging.cut(all, |session: &Session| (session.created_at, session.id.clone())))
}

/// The organisation that the session which asks acts for on the pages; none: its account itself.
pub async fn acting_for(accounts: &Accounts, caller: &Caller) -> Result<Option<Namespace>, Error> {
    let found: Option<(Option<Text<Namespace>>,)> =
        sqlx::query_as("select acts_for from tokens where hash = $1")
            .bind(own_hash(caller).unwrap_or_default())
            .fetch_optional(accounts.db.read())
            .await?;
    Ok(found.and_then(|(organisation,)| organisation).map(|Text(organisation)| organisation))
}

/// Lets the session of the pages which asks act for an organisation of its account, or for the account itself, from the next request on.
/// It ends with the membership, as tokens that act for the organisation do.
pub async fn act_for(
    accounts: &Accounts,
    caller: &Caller,
    organisation: Option<&Namespace>,
) -> Result<(), Error> {
    let hash = own_hash(caller).unwrap_or_default();
    let mut write = accounts.db.write().await?;
    if let Some(organisation) = organisation {
        if role_of(&mut write, organisation, &caller.name).await?.is_none() {
            return Err(Error::forbidden(&caller.name, format!("act for '{organisation}'")));
        }
        suspended::must_not_be(&mut write, organisation).await?;
    }
    let found: Option<(Option<Text<Namespace>>,)> =
        sqlx::query_as("select acts_for from tokens where hash = $1 and kind = $2 and note = $3")
            .bind(hash)
            .bind(TokenKind::LogIn.as_str())
            .bind(PAGES)
            .fetch_optional(&mut *write)
            .await?;
    let (had,) = found.ok_or_else(|| {
        Error::Conflict(
            "only a session of the registry's pages chooses for whom it acts: a program names the organisation, as \
             `chandlery --for NAME` does"
                .into(),
        )
    })?;
    let had = had.map(|Text(organisation)| organisation);
    if had.as_ref() == organisation {
        return Ok(());
    }
    sqlx::query("update tokens set acts_for = $1 where hash = $2")
        .bind(organisation.map(Namespace::as_str))
        .bind(hash)
        .execute(&mut *write)
        .await?;
    let (before, after) = (json!({ "acts_for": had }), json!({ "acts_for": organisation }));
    record(&mut write, &caller.actor, Act::SessionSwitched, caller.name.as_str(), before, after).await?;
    Ok(write.commit().await?)
}

/// Ends a session of the account that asks.
pub async fn end_session(accounts: &Accounts, caller: &Caller, id: &str) -> Result<(), Error> {
    let none = || Error::NotFound(format!("session '{id}'"));
    let well_formed = id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !well_formed {
        return Err(none());
    }
    let mut write = accounts.db.write().await?;
    let ended = sqlx::query("delete from tokens where account = $1 and kind = $2 and hash like $3")
        .bind(caller.name.as_str())
        .bind(TokenKind::LogIn.as_str())
        .bind(format!("{id}%"))
        .execute(&mut *write)
        .await?;
    if ended.rows_affected() == 0 {
        return Err(none());
    }
    let before = json!({ "token": id });
    record(&mut write, &caller.actor, Act::SessionEnded, caller.name.as_str(), before, Value::Null).await?;
    Ok(write.commit().await?)
}

/// Ends every session of the account that asks but the one that asks, and says how many those were.
pub async fn end_others(accounts: &Accounts, caller: &Caller) -> Result<u64, Error> {
    let mut write = accounts.db.write().await?;
    let ended = tokens::end(&mut write, &caller.name, false, own_hash(caller)).await?;
    if ended > 0 {
        let before = json!({ "sessions": ended });
        record(&mut write, &caller.actor, Act::SessionEnded, caller.name.as_str(), before, Value::Null)
            .await?;
    }
    write.commit().await?;
    Ok(ended)
}

impl Accounts {
    /// Writes down when and where from tokens were used since the last time.
    pub async fn write_uses(&self) -> Result<(), Error> {
        self.uses.write(&self.db).await
    }
}
