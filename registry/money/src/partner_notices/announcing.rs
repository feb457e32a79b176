//! A notice, written down in the transaction that it is about.

use chandlery_package::Namespace;
use chandlery_package::wire::{DeliveryState, NoticeKind};
use chandlery_store::{Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Error;

/// What has happened to a partner's money.
pub(crate) struct News<'a> {
    /// The partner, whose members are told.
    pub partner: &'a Namespace,
    /// Of what it is.
    pub kind: NoticeKind,
    /// Unique among the partner's: the same happening is told once.
    pub key: String,
    /// In a sentence, for people.
    pub text: String,
    /// The same for programs.
    pub data: Value,
    /// When it happened.
    pub at: Timestamp,
}

/// Writes down what a partner is told, where it wants that by mail or a webhook of its does. Again, it changes nothing.
pub(crate) async fn announce(write: &mut Write, news: News<'_>) -> Result<(), Error> {
    let News { partner, kind, key, text, data, at } = news;
    let wanted = format!("% {kind} %");
    let written = sqlx::query(
        "insert into partner_notices (id, partner, kind, key, at, text, data, mail)
         select $1, $2, $3, $4, $5, $6, $7, case when wanted.by_mail = 1 then 'waiting' else 'none' end
         from (select coalesce((select by_mail from partner_notice_choices where partner = $2 and kind = $3), $8) as by_mail) as wanted
         where wanted.by_mail = 1
            or exists (select 1 from webhooks where partner = $2 and disabled is null and kinds like $9)
         on conflict do nothing",
    )
    .bind(new_id())
    .bind(partner.as_str())
    .bind(kind.as_str())
    .bind(&key)
    .bind(time(at))
    .bind(text)
    .bind(body(kind.as_str(), at, &data))
    .bind(i64::from(kind.is_mailed_unless_chosen()))
    .bind(&wanted)
    .execute(&mut **write)
    .await?;
    if written.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query(
        "insert into webhook_deliveries (webhook, notice, state, attempts, next_at)
         select webhooks.id, partner_notices.id, $1, 0, $2 from webhooks
         join partner_notices on partner_notices.partner = webhooks.partner
         where webhooks.partner = $3 and disabled is null and kinds like $4 and partner_notices.key = $5",
    )
    .bind(DeliveryState::Waiting.as_str())
    .bind(time(Timestamp::now()))
    .bind(partner.as_str())
    .bind(wanted)
    .bind(key)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// The id of a notice, by which receivers know it again. Later ones are greater.
pub(super) fn new_id() -> String {
    format!("msg_{}", Uuid::now_v7().simple())
}

/// What a webhook is sent.
pub(super) fn body(kind: &str, at: Timestamp, data: &Value) -> String {
    json!({ "type": kind, "timestamp": at, "data": data }).to_string()
}
