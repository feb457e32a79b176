//! Every token that acts for an organisation, as those who choose its members see them: whoever has one acts by the role of its owner.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, OrganisationToken, Page, Paging, Scope};
use chandlery_store::time;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::audit::record;
use crate::credential::{ID_DIGITS, token_id};
use crate::tokens::{Place, TokenKind};
use crate::{Accounts, Caller, Error};

/// A page of the tokens and sessions that act for an organisation, oldest first, those of its directory among them.
pub(super) async fn list(
    accounts: &Accounts,
    organisation: &Namespace,
    paging: &Paging<Place>,
) -> Result<Page<OrganisationToken>, Error> {
    type Row = (
        String,
        Text<Namespace>,
        Text<TokenKind>,
        Text<Scope>,
        String,
        Text<Timestamp>,
        Option<Text<Timestamp>>,
        Option<Text<Timestamp>>,
    );
    // No digit comes after 'f', so this is after every digest that begins with the id.
    let after = paging.after().map(|(issued, id)| (time(*issued), format!("{id}g")));
    let (issued, hash) = after.unwrap_or_default();
    let rows: Vec<Row> = sqlx::query_as(
        "select hash, account, kind, scope, note, created_at, used_at, expires_at from tokens
         where acts_for = $1 and (expires_at is null or expires_at > $2) and (created_at, hash) > ($3, $4)
         order by created_at, hash limit $5",
    )
    .bind(organisation.as_str())
    .bind(time(Timestamp::now()))
    .bind(issued)
    .bind(hash)
    .bind(paging.rows())
    .fetch_all(accounts.db.read())
    .await?;
    let read = |(hash, Text(account), Text(kind), Text(scope), note, Text(created_at), used, ends): Row| {
        let written = used.map(|Text(at)| at);
        OrganisationToken {
            id: token_id(&hash),
            account,
            scope,
            session: kind == TokenKind::LogIn,
            note,
            created_at,
            used_at: accounts.uses.last(&hash).map_or(written, |(at, _)| Some(at)),
            expires_at: ends.map(|Text(at)| at),
        }
    };
    let tokens = rows.into_iter().map(read).collect();
    Ok(paging.cut(tokens, |token: &OrganisationToken| (token.created_at, token.id.clone())))
}

/// Ends one of them, whosever it is.
pub(super) async fn revoke(
    accounts: &Accounts,
    caller: &Caller,
    organisation: &Namespace,
    id: &str,
) -> Result<(), Error> {
    let none = || Error::NotFound(format!("token '{id}' that acts for '{organisation}'"));
    if id.len() != ID_DIGITS || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(none());
    }
    let mut write = accounts.db.write().await?;
    let revoked: Vec<(Text<Namespace>,)> =
        sqlx::query_as("delete from tokens where acts_for = $1 and hash like $2 returning account")
            .bind(organisation.as_str())
            .bind(format!("{id}%"))
            .fetch_all(&mut *write)
            .await?;
    let Some((Text(account),)) = revoked.first() else { return Err(none()) };
    let before = json!({ "token": id, "account": account });
    record(&mut write, &caller.actor, Act::TokenRevoked, organisation.as_str(), before, Value::Null).await?;
    Ok(write.commit().await?)
}
