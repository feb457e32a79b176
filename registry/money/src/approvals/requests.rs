//! What was asked for, and what became of it.

use chandlery_accounts::audit::record;
use chandlery_accounts::{Actor, origins};
use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{Act, ApprovalKind, ApprovalRequest, ApprovalState, Page, Paging};
use chandlery_package::{Currency, Money, Namespace};
use chandlery_store::{Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::Error;

/// How long what is asked for can be approved.
pub(super) const LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How much of a reason is kept, in characters.
const REASON_MAX: usize = 500;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    kind: Text<ApprovalKind>,
    about: String,
    body: Json<Value>,
    currency: String,
    minor: i64,
    asked_by: Text<Namespace>,
    asked_at: Text<Timestamp>,
    state: Text<ApprovalState>,
    reason: String,
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "select id, kind, about, body, currency, minor, asked_by, asked_at, state, reason from approval_requests ",
            $condition
        )
    };
}

/// A request, or that there is none of this number.
pub(crate) async fn find(db: &mut AnyConnection, id: i64, now: Timestamp) -> Result<ApprovalRequest, Error> {
    let row: Option<Row> = sqlx::query_as(select!("where id = $1")).bind(id).fetch_optional(&mut *db).await?;
    read(db, row.ok_or_else(|| Error::NotFound(format!("request {id} for approval")))?, now).await
}

/// Those in a state or in any, the newest first.
pub(crate) async fn list(
    db: &mut AnyConnection,
    state: Option<ApprovalState>,
    paging: &Paging<i64>,
    now: Timestamp,
) -> Result<Page<ApprovalRequest>, Error> {
    // What has lapsed is written as waiting.
    let stored = match state {
        Some(ApprovalState::Lapsed) => "waiting",
        Some(state) => state.as_str(),
        None => "",
    };
    let rows: Vec<Row> =
        sqlx::query_as(select!("where id < $1 and (state = $2 or $2 = '') order by id desc limit $3"))
            .bind(paging.after().copied().unwrap_or(i64::MAX))
            .bind(stored)
            .bind(paging.rows())
            .fetch_all(&mut *db)
            .await?;
    let page = paging.cut(rows, |row| row.id);
    let mut items = Vec::with_capacity(page.items.len());
    for row in page.items {
        let request = read(db, row, now).await?;
        if state.is_none_or(|state| state == request.state) {
            items.push(request);
        }
    }
    Ok(Page { items, next: page.next })
}

/// How many wait for others, of which some may have lapsed meanwhile since whoever asked operates the registry no more.
pub(crate) async fn count_waiting(db: &mut AnyConnection, now: Timestamp) -> Result<i64, Error> {
    let (count,): (i64,) =
        sqlx::query_as("select count(*) from approval_requests where state = 'waiting' and asked_at > $1")
            .bind(time(now - LIFETIME))
            .fetch_one(db)
            .await?;
    Ok(count)
}

async fn read(db: &mut AnyConnection, row: Row, now: Timestamp) -> Result<ApprovalRequest, Error> {
    let (Text(kind), Text(asked_by), Text(asked_at), Text(stored)) =
        (row.kind, row.asked_by, row.asked_at, row.state);
    let lapses_at = asked_at + LIFETIME;
    let votes = votes(db, row.id, stored == ApprovalState::Waiting).await?;
    let stands = lapses_at > now && stands(db, kind, &asked_by, asked_at).await?;
    let state = if stored == ApprovalState::Waiting && !stands { ApprovalState::Lapsed } else { stored };
    let amount = match row.currency.as_str() {
        "" => None,
        code => Some(Money::new(row.minor, code.parse::<Currency>()?)?),
    };
    Ok(ApprovalRequest {
        id: row.id,
        kind,
        about: row.about,
        wanted: row.body.0,
        amount,
        asked_by,
        asked_at,
        lapses_at,
        alone_from: None,
        approved_by: votes,
        state,
        reason: Some(row.reason).filter(|reason| !reason.is_empty()),
    })
}

/// Whether whoever asked may still do so: an operator who was one ever since or, for how a partner is paid, anybody.
async fn stands(
    db: &mut AnyConnection,
    kind: ApprovalKind,
    asked_by: &Namespace,
    asked_at: Timestamp,
) -> Result<bool, Error> {
    match kind {
        ApprovalKind::PartnerBank => Ok(true),
        _ => Ok(origins::operates_since(db, asked_by, asked_at).await?),
    }
}

/// Who has approved a request, the first one first; while it waits, without those who left since.
async fn votes(db: &mut AnyConnection, id: i64, waits: bool) -> Result<Vec<Namespace>, Error> {
    let rows: Vec<(Text<Namespace>, Text<Timestamp>)> =
        sqlx::query_as("select account, at from approval_votes where request = $1 order by at, account")
            .bind(id)
            .fetch_all(&mut *db)
            .await?;
    let mut standing = Vec::new();
    for (Text(account), Text(at)) in rows {
        if !waits || origins::operates_since(db, &account, at).await? {
            standing.push(account);
        }
    }
    Ok(standing)
}

/// Adds an approval.
pub(super) async fn vote(write: &mut Write, id: i64, by: &Namespace, now: Timestamp) -> Result<(), Error> {
    sqlx::query(
        "insert into approval_votes (request, account, at) values ($1, $2, $3)
         on conflict (request, account) do update set at = excluded.at",
    )
    .bind(id)
    .bind(by.as_str())
    .bind(time(now))
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Writes a request down.
pub(super) async fn insert(write: &mut Write, request: &ApprovalRequest, body: &str) -> Result<i64, Error> {
    let (id,): (i64,) =
        sqlx::query_as("select cast(coalesce(max(id), 0) + 1 as bigint) from approval_requests")
            .fetch_one(&mut **write)
            .await?;
    let (currency, minor) =
        request.amount.map_or(("", 0), |amount| (amount.currency().code(), amount.minor()));
    sqlx::query(
        "insert into approval_requests (id, kind, about, body, currency, minor, asked_by, asked_at, state, reason)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', '')",
    )
    .bind(id)
    .bind(request.kind.as_str())
    .bind(&request.about)
    .bind(body)
    .bind(currency)
    .bind(minor)
    .bind(request.asked_by.as_str())
    .bind(time(request.asked_at))
    .execute(&mut **write)
    .await?;
    Ok(id)
}

/// The same that somebody has asked for before and that still waits.
pub(super) async fn waiting(
    write: &mut Write,
    body: &str,
    by: &Namespace,
    now: Timestamp,
) -> Result<Option<ApprovalRequest>, Error> {
    let found: Option<(i64,)> = sqlx::query_as(
        "select id from approval_requests where state = 'waiting' and body = $1 and asked_by = $2
         order by id desc limit 1",
    )
    .bind(body)
    .bind(by.as_str())
    .fetch_optional(&mut **write)
    .await?;
    let Some((id,)) = found else { return Ok(None) };
    let found = find(write, id, now).await?;
    Ok(Some(found).filter(|request| request.state == ApprovalState::Waiting))
}

/// Says what became of a request that waits, and records it.
pub(crate) async fn settle(
    write: &mut Write,
    actor: &Actor,
    request: &ApprovalRequest,
    state: ApprovalState,
    reason: &str,
) -> Result<(), Error> {
    let act = match state {
        ApprovalState::Done => Act::ApprovalDone,
        ApprovalState::Failed => Act::ApprovalFailed,
        ApprovalState::Refused => Act::ApprovalRefused,
        ApprovalState::Waiting | ApprovalState::Lapsed => {
            return Err(Error::Damaged(format!("request {} is not settled as {state}", request.id)));
        }
    };
    let reason: String = reason.chars().take(REASON_MAX).collect();
    sqlx::query("update approval_requests set state = $1, reason = $2 where id = $3 and state = 'waiting'")
        .bind(state.as_str())
        .bind(&reason)
        .bind(request.id)
        .execute(&mut **write)
        .await?;
    let after = json!({ "kind": request.kind, "asked_by": request.asked_by, "reason": reason });
    let subject = format!("request {}", request.id);
    record(write, actor, act, &subject, Value::Null, after).await?;
    Ok(())
}
