//! Webhooks of partners, as they are kept. A secret is kept nowhere: it follows from what is kept here and the key of the registry's log.

use chandlery_accounts::audit::record;
use chandlery_accounts::{Actor, Caller};
use chandlery_log::Log;
use chandlery_package::column::Text;
use chandlery_package::webhook::WebhookSecret;
use chandlery_package::wire::{
    Act, DeliveryState, NewWebhook, NoticeKind, Page, PartnerWebhook, WebhookWithSecret,
};
use chandlery_package::{Namespace, random_bytes};
use chandlery_store::{Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;
use uuid::Uuid;

use super::announcing::{body, new_id};
use super::sending::{Target, Way};
use crate::{Error, Finance};

/// How many webhooks a partner has at most.
const WEBHOOKS_MAX: usize = 10;
/// How many tests of a partner's wait at most.
const TESTS_MAX: i64 = 5;
/// What the secrets of webhooks are derived for.
const PURPOSE: &str = "webhook";
/// How many random bytes a secret follows from.
const SALT_BYTES: usize = 32;

macro_rules! select_webhooks {
    ($rest:literal) => {
        concat!("select id, url, kinds, disabled, made_by, made_at from webhooks ", $rest)
    };
}

type Row = (String, String, String, Option<String>, Text<Namespace>, Text<Timestamp>);

fn read((id, url, kinds, disabled, Text(made_by), Text(made_at)): Row) -> Result<PartnerWebhook, Error> {
    let kinds = kinds.split_whitespace().map(str::parse).collect::<Result<Vec<NoticeKind>, _>>()?;
    Ok(PartnerWebhook { id, url, kinds, disabled, made_by, made_at })
}

/// The webhooks of a partner, the first one first: never more than ten.
pub async fn list(db: &mut AnyConnection, partner: &Namespace) -> Result<Page<PartnerWebhook>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_webhooks!("where partner = $1 order by made_at, id"))
        .bind(partner.as_str())
        .fetch_all(db)
        .await?;
    Ok(Page::whole(rows.into_iter().map(read).collect::<Result<_, _>>()?))
}

async fn find(db: &mut AnyConnection, partner: &Namespace, id: &str) -> Result<PartnerWebhook, Error> {
    let row: Option<Row> = sqlx::query_as(select_webhooks!("where partner = $1 and id = $2"))
        .bind(partner.as_str())
        .bind(id)
        .fetch_optional(db)
        .await?;
    read(row.ok_or_else(|| Error::NotFound(format!("webhook '{id}' of '{partner}'")))?)
}

/// By what the messages to a webhook are signed.
pub(super) fn secret(log: &Log, salt: &str) -> WebhookSecret {
    WebhookSecret::new(log.secret(PURPOSE, salt.as_bytes()))
}

fn new_salt() -> String {
    hex::encode(random_bytes::<SALT_BYTES>())
}

/// Makes a webhook, and shows its secret this once. A URL that leads to where no webhook may be is refused.
pub async fn make(
    finance: &Finance,
    caller: &Caller,
    partner: &Namespace,
    new: &NewWebhook,
) -> Result<WebhookWithSecret, Error> {
    let way = Way { private: finance.private_webhooks };
    let target = Target::parse(&new.url, way)?;
    if new.kinds.is_empty() {
        return Err(Error::Invalid("say of what it is to be told".into()));
    }
    target.addresses(way).await?;
    let mut kinds: Vec<&str> = new.kinds.iter().map(|kind| kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let (id, salt, now) = (Uuid::now_v7().to_string(), new_salt(), Timestamp::now());
    let mut write = finance.db.write().await?;
    if list(&mut write, partner).await?.items.len() >= WEBHOOKS_MAX {
        return Err(Error::Conflict(format!("'{partner}' has {WEBHOOKS_MAX} webhooks: remove one first")));
    }
    sqlx::query(
        "insert into webhooks (id, partner, url, kinds, salt, made_by, made_at) values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&id)
    .bind(partner.as_str())
    .bind(target.as_str())
    .bind(format!(" {} ", kinds.join(" ")))
    .bind(&salt)
    .bind(caller.person().as_str())
    .bind(time(now))
    .execute(&mut *write)
    .await?;
    let webhook = find(&mut write, partner, &id).await?;
    tell(&mut write, &caller.actor, Act::WebhookMade, partner, &webhook).await?;
    write.commit().await?;
    Ok(WebhookWithSecret { webhook, secret: secret(&finance.log, &salt).to_string() })
}

/// Records what was done with a webhook. Its URL may be a secret itself: the trail tells the host alone.
pub(super) async fn tell(
    write: &mut Write,
    actor: &Actor,
    act: Act,
    partner: &Namespace,
    webhook: &PartnerWebhook,
) -> Result<(), Error> {
    let host = Target::host_of(&webhook.url);
    let after = json!({ "webhook": webhook.id, "host": host, "kinds": webhook.kinds });
    Ok(record(write, actor, act, partner.as_str(), Value::Null, after).await?)
}

/// Gives a webhook another secret, and shows it this once. What is sent from now on is signed by it.
pub async fn rotate(
    finance: &Finance,
    actor: &Actor,
    partner: &Namespace,
    id: &str,
) -> Result<WebhookWithSecret, Error> {
    let salt = new_salt();
    let mut write = finance.db.write().await?;
    let webhook = find(&mut write, partner, id).await?;
    sqlx::query("update webhooks set salt = $1 where id = $2")
        .bind(&salt)
        .bind(id)
        .execute(&mut *write)
        .await?;
    tell(&mut write, actor, Act::WebhookRotated, partner, &webhook).await?;
    write.commit().await?;
    Ok(WebhookWithSecret { webhook, secret: secret(&finance.log, &salt).to_string() })
}

/// Removes a webhook, with what it was to be sent.
pub async fn remove(finance: &Finance, actor: &Actor, partner: &Namespace, id: &str) -> Result<(), Error> {
    let mut write = finance.db.write().await?;
    let webhook = find(&mut write, partner, id).await?;
    for statement in
        ["delete from webhook_deliveries where webhook = $1", "delete from webhooks where id = $1"]
    {
        sqlx::query(statement).bind(id).execute(&mut *write).await?;
    }
    tell(&mut write, actor, Act::WebhookRemoved, partner, &webhook).await?;
    write.commit().await?;
    Ok(())
}

/// Lets a webhook that was disabled be told again, from now on. Whoever enables it answers for it as if it had made it. Again, it changes
/// nothing.
pub async fn enable(
    finance: &Finance,
    caller: &Caller,
    partner: &Namespace,
    id: &str,
) -> Result<PartnerWebhook, Error> {
    let mut write = finance.db.write().await?;
    let before = find(&mut write, partner, id).await?;
    if before.disabled.is_none() && before.made_by == *caller.person() {
        return Ok(before);
    }
    sqlx::query("update webhooks set disabled = null, disabled_at = null, made_by = $1 where id = $2")
        .bind(caller.person().as_str())
        .bind(id)
        .execute(&mut *write)
        .await?;
    let webhook = find(&mut write, partner, id).await?;
    tell(&mut write, &caller.actor, Act::WebhookEnabled, partner, &webhook).await?;
    write.commit().await?;
    Ok(webhook)
}

/// Sends a webhook a message of the kind `test`, which tells of nothing, and gives its id. While five wait, another one is refused.
pub async fn test(finance: &Finance, partner: &Namespace, id: &str) -> Result<String, Error> {
    let (notice, now) = (new_id(), Timestamp::now());
    let mut write = finance.db.write().await?;
    let webhook = find(&mut write, partner, id).await?;
    if let Some(why) = webhook.disabled {
        return Err(Error::Conflict(format!("it is disabled, since {why}: enable it first")));
    }
    let (waiting,): (i64,) = sqlx::query_as(
        "select count(*) from webhook_deliveries
         join webhooks on webhooks.id = webhook_deliveries.webhook
         join partner_notices on partner_notices.id = notice
         where webhooks.partner = $1 and disabled is null and kind = 'test' and state = 'waiting'",
    )
    .bind(partner.as_str())
    .fetch_one(&mut *write)
    .await?;
    if waiting >= TESTS_MAX {
        return Err(Error::Conflict(format!(
            "{TESTS_MAX} tests of '{partner}' wait until they are taken: send another one then, or remove the webhook that takes none"
        )));
    }
    sqlx::query(
        "insert into partner_notices (id, partner, kind, key, at, text, data, mail)
         values ($1, $2, 'test', $1, $3, 'A test, which tells of nothing', $4, 'none')",
    )
    .bind(&notice)
    .bind(partner.as_str())
    .bind(time(now))
    .bind(body("test", now, &json!({ "partner": partner })))
    .execute(&mut *write)
    .await?;
    sqlx::query(
        "insert into webhook_deliveries (webhook, notice, state, attempts, next_at) values ($1, $2, $3, 0, $4)",
    )
    .bind(id)
    .bind(&notice)
    .bind(DeliveryState::Waiting.as_str())
    .bind(time(now))
    .execute(&mut *write)
    .await?;
    write.commit().await?;
    Ok(notice)
}
