//! The tokens of an organisation's directory, as those who manage the organisation see them.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, DirectoryToken, NewDirectoryToken, Page, Paging};
use chandlery_store::Db;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::audit::record;
use crate::credential::{ID_DIGITS, token_id};
use crate::factors::must_have_shown;
use crate::tokens::{Place, days, issue_token_for};
use crate::{Accounts, Caller, Error, Scope};

/// Issues a token by which the directory of an organisation is known, as long as whoever makes it may manage that.
pub(super) async fn issue(
    accounts: &Accounts,
    caller: &Caller,
    organisation: &Namespace,
    new: &NewDirectoryToken,
) -> Result<String, Error> {
    let lifetime = Some(days(new.days_valid)?);
    let by = must_have_shown(accounts, caller).await?;
    let whose = (&caller.name, Some(organisation));
    issue_token_for(&accounts.db, &caller.actor, whose, &Scope::Scim, &new.note, lifetime, by).await
}

/// A page of the tokens of an organisation's directory, oldest first.
pub(super) async fn list(
    db: &Db,
    organisation: &Namespace,
    paging: &Paging<Place>,
) -> Result<Page<DirectoryToken>, Error> {
    type Row =
        (String, Text<Namespace>, String, Text<Timestamp>, Option<Text<Timestamp>>, Option<Text<Timestamp>>);
    // No digit comes after 'f', so this is after every digest that begins with the id.
    let after = paging.after().map(|(issued, id)| (chandlery_store::time(*issued), format!("{id}g")));
    let (issued, hash) = after.unwrap_or_default();
    let rows: Vec<Row> = sqlx::query_as(
        "select hash, account, note, created_at, expires_at, used_at from tokens
         where acts_for = $1 and scope = $2 and (created_at, hash) > ($3, $4)
         order by created_at, hash limit $5",
    )
    .bind(organisation.as_str())
    .bind(Scope::Scim.to_string())
    .bind(issued)
    .bind(hash)
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let read = |(hash, Text(made_by), note, Text(created_at), expires_at, used_at): Row| DirectoryToken {
        id: token_id(&hash),
        made_by,
        note,
        created_at,
        expires_at: expires_at.map(|Text(at)| at),
        used_at: used_at.map(|Text(at)| at),
    };
    let tokens = rows.into_iter().map(read).collect();
    Ok(paging.cut(tokens, |token: &DirectoryToken| (token.created_at, token.id.clone())))
}

/// Revokes a token of an organisation's directory, whoever has made it.
pub(super) async fn revoke(
    db: &Db,
    caller: &Caller,
    organisation: &Namespace,
    id: &str,
) -> Result<(), Error> {
    let none = || Error::NotFound(format!("token '{id}' of the directory of '{organisation}'"));
    if id.len() != ID_DIGITS || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(none());
    }
    let mut write = db.write().await?;
    let revoked = sqlx::query("delete from tokens where acts_for = $1 and scope = $2 and hash like $3")
        .bind(organisation.as_str())
        .bind(Scope::Scim.to_string())
        .bind(format!("{id}%"))
        .execute(&mut *write)
        .await?;
    if revoked.rows_affected() == 0 {
        return Err(none());
    }
    let before = json!({ "token": id, "scope": Scope::Scim });
    record(&mut write, &caller.actor, Act::TokenRevoked, organisation.as_str(), before, Value::Null).await?;
    Ok(write.commit().await?)
}
