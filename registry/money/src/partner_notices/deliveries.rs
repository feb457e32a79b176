//! What each webhook is sent: what waits, what was taken, and what was given up.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{DeliveryState, Page, Paging, WebhookDelivery};
use chandlery_store::{Db, Write, time};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use crate::Error;

/// How many messages are sent at a time.
const AT_ONCE: i64 = 50;
/// How many of these to the webhooks of one partner: those that do not answer keep no other partner waiting.
const AT_ONCE_TO_ONE: i64 = 5;
/// After how long another replica sends what one has begun with that died: longer than any message takes.
const LEASE: SignedDuration = SignedDuration::from_mins(2);
/// How long a notice is kept whose deliveries are over, and what waits for a webhook that is disabled.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The place of a delivery among its partner's: its notice and its webhook.
pub(crate) type Place = (String, String);

type Row = (
    String,
    String,
    String,
    String,
    Text<Timestamp>,
    Text<DeliveryState>,
    i64,
    Option<Text<Timestamp>>,
    Option<String>,
    Text<Timestamp>,
);

macro_rules! select_deliveries {
    ($rest:literal) => {
        concat!(
            "select webhook, notice, partner_notices.kind, text, at, state, attempts, last_at, answer, next_at
             from webhook_deliveries join partner_notices on partner_notices.id = notice ",
            $rest
        )
    };
}

fn read(row: Row) -> WebhookDelivery {
    let (webhook, notice, kind, text, Text(at), Text(state), attempts, last_at, answer, Text(next_at)) = row;
    WebhookDelivery {
        webhook,
        notice,
        kind,
        text,
        at,
        state,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        last_at: last_at.map(|Text(at)| at),
        answer,
        next_at: Some(next_at).filter(|_| state == DeliveryState::Waiting),
    }
}

/// What the webhooks of a partner were sent and will be, the newest first. What is over is kept for 30 days.
pub async fn list(
    db: &mut AnyConnection,
    partner: &Namespace,
    paging: &Paging<Place>,
) -> Result<Page<WebhookDelivery>, Error> {
    // Every id begins with `msg_`.
    let (before, after) =
        paging.after().map_or(("n", ""), |(notice, webhook)| (notice.as_str(), webhook.as_str()));
    let rows: Vec<Row> = sqlx::query_as(select_deliveries!(
        "where partner = $1 and notice <= $2 and (notice < $2 or webhook > $3) order by notice desc, webhook limit $4"
    ))
    .bind(partner.as_str())
    .bind(before)
    .bind(after)
    .bind(paging.rows())
    .fetch_all(db)
    .await?;
    let page = paging.cut(rows, |(webhook, notice, ..)| (notice.clone(), webhook.clone()));
    Ok(page.map(read))
}

/// Sends a notice to a webhook once more, as soon as may be, whatever came of it before. It keeps its id.
pub async fn send_again(
    db: &Db,
    partner: &Namespace,
    webhook: &str,
    notice: &str,
) -> Result<WebhookDelivery, Error> {
    let mut write = db.write().await?;
    let changed = sqlx::query(
        "update webhook_deliveries set state = $1, attempts = 0, next_at = $2
         where webhook = $3 and notice = $4
           and exists (select 1 from webhooks where webhooks.id = webhook and partner = $5 and disabled is null)",
    )
    .bind(DeliveryState::Waiting.as_str())
    .bind(time(Timestamp::now()))
    .bind(webhook)
    .bind(notice)
    .bind(partner.as_str())
    .execute(&mut *write)
    .await?;
    if changed.rows_affected() == 0 {
        return Err(Error::NotFound(format!(
            "delivery of '{notice}' to a webhook '{webhook}' that is enabled"
        )));
    }
    let row: Row = sqlx::query_as(select_deliveries!("where webhook = $1 and notice = $2"))
        .bind(webhook)
        .bind(notice)
        .fetch_one(&mut *write)
        .await?;
    write.commit().await?;
    Ok(read(row))
}

/// A message that this replica has taken on.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Due {
    pub webhook: String,
    pub partner: Text<Namespace>,
    pub url: String,
    pub salt: String,
    pub notice: String,
    pub data: String,
    /// How often it was sent before.
    pub attempts: i64,
}

/// Takes on what is due. Until the lease is over no other replica does; then any does, so that what a crash took is sent after all.
pub(super) async fn take_on(db: &Db, now: Timestamp) -> Result<Vec<Due>, Error> {
    let due: Vec<Due> = sqlx::query_as(
        "select webhook, partner, url, salt, notice, data, attempts from (
             select webhook_deliveries.webhook, webhooks.partner, url, salt, notice, data, attempts, next_at,
                    row_number() over (partition by webhooks.partner order by next_at, notice) as place
             from webhook_deliveries join webhooks on webhooks.id = webhook_deliveries.webhook
             join partner_notices on partner_notices.id = notice
             where state = 'waiting' and next_at <= $1 and disabled is null) as due
         where place <= $2 order by place, next_at, notice limit $3",
    )
    .bind(time(now))
    .bind(AT_ONCE_TO_ONE)
    .bind(AT_ONCE)
    .fetch_all(db.read())
    .await?;
    if due.is_empty() {
        return Ok(due);
    }
    let mut taken = Vec::new();
    let mut write = db.write().await?;
    for one in due {
        // Another replica may have been first.
        let claimed = sqlx::query(
            "update webhook_deliveries set next_at = $1
             where webhook = $2 and notice = $3 and state = 'waiting' and next_at <= $4",
        )
        .bind(time(now.checked_add(LEASE).unwrap_or(now)))
        .bind(&one.webhook)
        .bind(&one.notice)
        .bind(time(now))
        .execute(&mut *write)
        .await?;
        if claimed.rows_affected() == 1 {
            taken.push(one);
        }
    }
    write.commit().await?;
    Ok(taken)
}

/// Writes down what came of a message that was sent just now, and when it is sent next.
pub(super) async fn note(
    write: &mut Write,
    due: &Due,
    state: DeliveryState,
    answer: &str,
    now: Timestamp,
    next_at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "update webhook_deliveries set state = $1, attempts = attempts + 1, last_at = $2, answer = $3, next_at = $4
         where webhook = $5 and notice = $6",
    )
    .bind(state.as_str())
    .bind(time(now))
    .bind(answer)
    .bind(time(next_at))
    .bind(&due.webhook)
    .bind(&due.notice)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Forgets notices that were told long ago, and what waits for a webhook that was disabled long ago.
pub(super) async fn forget_old(db: &Db, now: Timestamp) -> Result<(), Error> {
    let before = time(now.checked_sub(KEPT).unwrap_or(now));
    let mut write = db.write_shared().await?;
    for statement in [
        "delete from webhook_deliveries where state <> 'waiting' and last_at < $1",
        "delete from webhook_deliveries
         where state = 'waiting' and webhook in (select id from webhooks where disabled_at < $1)",
        "delete from partner_notices where mail <> 'waiting' and at < $1
           and not exists (select 1 from webhook_deliveries where notice = partner_notices.id)",
    ] {
        sqlx::query(statement).bind(&before).execute(&mut *write).await?;
    }
    write.commit().await?;
    Ok(())
}
