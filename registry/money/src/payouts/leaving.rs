//! Partners that leave: once nothing of theirs is held in a currency any more, all that is available in it is paid, however little and
//! whatever their schedule.

use chandlery_accounts::audit::record;
use chandlery_accounts::{Actor, must_be_a_namespace};
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, HeldBack, HeldFor, Leaving};
use chandlery_package::{Balance, Currency, Namespace};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::Error;
use chandlery_store::{Db, Write, time};

/// Whether a partner leaves, and what is held until then.
pub(super) async fn find(db: &mut AnyConnection, partner: &Namespace) -> Result<Leaving, Error> {
    let since = since(db, partner).await?;
    Ok(Leaving { partner: partner.clone(), since, held: held(db, partner).await? })
}

/// When a partner asked to leave, if it did.
async fn since(db: &mut AnyConnection, partner: &Namespace) -> Result<Option<Timestamp>, Error> {
    let asked: Option<(Text<Timestamp>,)> =
        sqlx::query_as("select asked_at from partner_exits where partner = $1")
            .bind(partner.as_str())
            .fetch_optional(db)
            .await?;
    Ok(asked.map(|(Text(at),)| at))
}

/// Lets a partner leave, or stay after all. The same again changes nothing.
pub(super) async fn set(
    db: &Db,
    actor: &Actor,
    partner: &Namespace,
    by: &Namespace,
    leaves: bool,
    now: Timestamp,
) -> Result<Leaving, Error> {
    let mut write = db.write().await?;
    mark(&mut write, actor, partner, by, leaves, now).await?;
    let leaving = find(&mut write, partner).await?;
    write.commit().await?;
    Ok(leaving)
}

/// The same within a transaction.
pub(super) async fn mark(
    write: &mut Write,
    actor: &Actor,
    partner: &Namespace,
    by: &Namespace,
    leaves: bool,
    now: Timestamp,
) -> Result<(), Error> {
    must_be_a_namespace(write, partner).await?;
    let query = match leaves {
        true => sqlx::query(
            "insert into partner_exits (partner, asked_by, asked_at) values ($1, $2, $3) on conflict do nothing",
        )
        .bind(partner.as_str())
        .bind(by.as_str())
        .bind(time(now)),
        false => sqlx::query("delete from partner_exits where partner = $1").bind(partner.as_str()),
    };
    if query.execute(&mut **write).await?.rows_affected() > 0 {
        let after = json!({ "leaves": leaves });
        record(write, actor, Act::PartnerLeaving, partner.as_str(), Value::Null, after).await?;
    }
    Ok(())
}

/// What is held of what a partner has earned, by currency and reason: what its accounts of these reasons hold.
pub(super) async fn held(db: &mut AnyConnection, partner: &Namespace) -> Result<Vec<HeldBack>, Error> {
    let rows: Vec<(Text<HeldFor>, Text<Currency>, i64, Option<Text<Timestamp>>)> = sqlx::query_as(
        "select reason, currency, cast(sum(minor) as bigint), max(until_at)
         from (select 'unpaid' as reason, lots.currency as currency, share_minor - returned_minor as minor,
                      available_at as until_at
               from lots join sales on sales.id = sale
               where partner = $1 and collected_at is null and void_at is null
               union all
               select 'hold', lots.currency, share_minor - returned_minor - reserve_minor + reserve_returned_minor, available_at
               from lots join sales on sales.id = sale
               where partner = $1 and collected_at is not null and released_by is null
               union all
               select 'reserve', lots.currency, reserve_minor - reserve_returned_minor, reserve_until
               from lots join sales on sales.id = sale
               where partner = $1 and collected_at is not null and reserve_released_by is null
               union all
               select 'dispute', lots.currency, dispute_parts.minor, closed_at
               from dispute_parts join lots on lots.id = lot join disputes on disputes.id = dispute
               where partner = $1 and state = 'open') as held
         group by reason, currency having sum(minor) <> 0 order by currency, reason",
    )
    .bind(partner.as_str())
    .fetch_all(db)
    .await?;
    let read =
        |(Text(reason), Text(currency), minor, until): (_, Text<Currency>, i64, Option<Text<Timestamp>>)| {
            let amount = Balance::new(minor, currency)?;
            Ok(HeldBack { reason, amount, until: until.map(|Text(at)| at) })
        };
    rows.into_iter().map(read).collect()
}

/// Whether a partner is paid the last of a currency: it leaves, and nothing of it is held.
pub(super) async fn is_final(
    db: &mut AnyConnection,
    partner: &Namespace,
    currency: Currency,
) -> Result<bool, Error> {
    // What is held is a sum over all that was ever sold, and few leave.
    if since(db, partner).await?.is_none() {
        return Ok(false);
    }
    let held = held(db, partner).await?;
    Ok(held.iter().all(|held| held.amount.currency() != currency))
}

/// What is held, in words.
pub(super) fn in_words(held: &[HeldBack]) -> String {
    let one = |held: &HeldBack| {
        let why = match held.reason {
            HeldFor::Unpaid => "not paid by customers",
            HeldFor::Hold => "on hold",
            HeldFor::Reserve => "in reserve",
            HeldFor::Dispute => "disputed",
        };
        let until = held.until.map(|at| format!(" until {}", at.strftime("%F"))).unwrap_or_default();
        format!("{} {why}{until}", held.amount)
    };
    held.iter().map(one).collect::<Vec<_>>().join(", ")
}
