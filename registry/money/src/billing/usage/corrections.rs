//! Corrections of events. One that may lower what is owed waits for the seller or an operator, and until then what it corrects
//! counts. One that comes before what it corrects is kept until that comes, so that the order in which they come does not matter.

use std::collections::{BTreeMap, BTreeSet};

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{
    Act, CorrectionState, Page, Paging, RefusedUsage, UsageCorrection, UsageCounts, UsageEvent,
};
use chandlery_package::{Month, Namespace};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use serde_json::json;
use sqlx::AnyConnection;

use super::bounds::Refusal;
use super::days;
use super::rows::{self, Stored};
use crate::Error;

/// How many corrections of one account may wait at once.
const WAITING_MAX: i64 = 1000;

/// What became of the corrections of a batch.
#[derive(Default)]
pub(super) struct Taken {
    /// How many are new.
    pub new: u64,
    /// How many were there before.
    pub known: u64,
    /// Those that are not taken.
    pub refused: Vec<RefusedUsage>,
}

/// Keeps the corrections of a batch, without applying one yet.
pub(super) async fn keep(
    write: &mut Write,
    account: &Namespace,
    rows: &[Stored<'_>],
    now: Timestamp,
) -> Result<Taken, Error> {
    let mut taken = Taken::default();
    for row in rows {
        let Some(corrects) = row.event.corrects else { continue };
        match find_known(write, account, row.event).await? {
            Some(true) => taken.known += 1,
            Some(false) => taken
                .refused
                .push(Refusal::for_good("its id was used before for another event").of(row.event)),
            None => match must_not_wait(write, account, corrects).await? {
                Some(refusal) => taken.refused.push(refusal.of(row.event)),
                None => {
                    hold(write, account, row, corrects, now).await?;
                    taken.new += 1;
                }
            },
        }
    }
    Ok(taken)
}

/// Whether there is an event of this id already, and whether it is this one.
async fn find_known(
    db: &mut AnyConnection,
    account: &Namespace,
    event: &UsageEvent,
) -> Result<Option<bool>, Error> {
    let held: Option<(String, Json<UsageEvent>)> =
        sqlx::query_as("select account, event from held_corrections where id = $1")
            .bind(event.id.to_string())
            .fetch_optional(&mut *db)
            .await?;
    if let Some((whose, Json(held))) = held {
        return Ok(Some(whose == account.as_str() && held == *event));
    }
    // Before corrections were held, they were events like others from the first.
    let other: Option<(Option<String>,)> = sqlx::query_as(
        "select usage_corrections.id from usage_events
         left join usage_corrections on corrects = $2 and usage_corrections.account = $3
                                    and usage_corrections.id = usage_events.id
         where usage_events.id = $1",
    )
    .bind(event.id.to_string())
    .bind(event.corrects.map(|corrects| corrects.to_string()).unwrap_or_default())
    .bind(account.as_str())
    .fetch_optional(db)
    .await?;
    Ok(other.map(|(correction,)| correction.is_some()))
}

/// Why no other correction of an event is taken, if there is a reason.
async fn must_not_wait(
    db: &mut AnyConnection,
    account: &Namespace,
    corrects: uuid::Uuid,
) -> Result<Option<Refusal>, Error> {
    let before: Option<(String,)> =
        sqlx::query_as("select id from usage_corrections where corrects = $1 and account = $2")
            .bind(corrects.to_string())
            .bind(account.as_str())
            .fetch_optional(&mut *db)
            .await?;
    if let Some((by,)) = before {
        return Ok(Some(Refusal::for_good(format!("{corrects} was corrected by {by}: correct that one"))));
    }
    let waiting: Option<(String,)> = sqlx::query_as(
        "select id from held_corrections
         where account = $1 and state in ('early', 'pending') and corrects = $2 limit 1",
    )
    .bind(account.as_str())
    .bind(corrects.to_string())
    .fetch_optional(&mut *db)
    .await?;
    if let Some((by,)) = waiting {
        return Ok(Some(Refusal::for_good(format!("{corrects} has a correction, {by}, that waits already"))));
    }
    let (count,): (i64,) = sqlx::query_as(
        "select count(*) from held_corrections where account = $1 and state in ('early', 'pending')",
    )
    .bind(account.as_str())
    .fetch_one(db)
    .await?;
    let full =
        || Refusal::for_now(format!("{WAITING_MAX} corrections wait already: have them decided first"));
    Ok((count >= WAITING_MAX).then(full))
}

async fn hold(
    write: &mut Write,
    account: &Namespace,
    row: &Stored<'_>,
    corrects: uuid::Uuid,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "insert into held_corrections (id, account, plugin, seller, corrects, event, state, received_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&row.id)
    .bind(account.as_str())
    .bind(&row.plugin)
    .bind(row.event.release.plugin.namespace.as_str())
    .bind(corrects.to_string())
    .bind(json!(row.event).to_string())
    .bind(CorrectionState::Early.as_str())
    .bind(time(now))
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// How many of these corrections do not count yet.
pub(super) async fn waiting(
    db: &mut AnyConnection,
    account: &Namespace,
    rows: &[Stored<'_>],
) -> Result<u64, Error> {
    let mut waiting = 0;
    for row in rows {
        let (count,): (i64,) = sqlx::query_as(
            "select count(*) from held_corrections
             where id = $1 and account = $2 and state in ('early', 'pending')",
        )
        .bind(&row.id)
        .bind(account.as_str())
        .fetch_one(&mut *db)
        .await?;
        waiting += count.unsigned_abs();
    }
    Ok(waiting)
}

/// What is corrected: where it counts, and how much.
#[derive(sqlx::FromRow)]
struct Original {
    month: Text<Month>,
    deployment: String,
    from_at: Text<Timestamp>,
    to_at: Text<Timestamp>,
    replica_millis: i64,
    gpu_millis: i64,
    units: String,
}

impl Original {
    fn counts(&self) -> Result<UsageCounts, Error> {
        let units = match self.units.is_empty() {
            true => BTreeMap::new(),
            false => serde_json::from_str(&self.units)
                .map_err(|_| Error::Damaged("the units of an event cannot be read".into()))?,
        };
        Ok(UsageCounts {
            replica_millis: self.replica_millis.unsigned_abs(),
            gpu_millis: self.gpu_millis.unsigned_abs(),
            units,
        })
    }

    /// Whether nothing can be owed less when the event counts instead, at whatever price and whichever order it is charged to.
    fn is_raised_by(&self, event: &UsageEvent) -> Result<bool, Error> {
        let counts = self.counts()?;
        let same = self.deployment == event.deployment
            && (time(self.from_at.0), time(self.to_at.0)) == (time(event.from), time(event.to));
        let is_more = |(unit, count): (&String, &u64)| event.units.get(unit).is_some_and(|now| now >= count);
        Ok(same
            && event.replica_millis >= counts.replica_millis
            && event.gpu_millis >= counts.gpu_millis
            && counts.units.iter().all(is_more))
    }
}

/// What an event corrects, if it has come and is use of the same plugin.
async fn original(
    db: &mut AnyConnection,
    account: &Namespace,
    event: &UsageEvent,
) -> Result<Option<Original>, Error> {
    let Some(corrects) = event.corrects else { return Ok(None) };
    Ok(sqlx::query_as(
        "select month, deployment, from_at, to_at, replica_millis, gpu_millis, units from usage_events
         where id = $1 and account = $2 and plugin = $3",
    )
    .bind(corrects.to_string())
    .bind(account.as_str())
    .bind(event.release.plugin.to_string())
    .fetch_optional(db)
    .await?)
}

/// Applies or lets wait the corrections of an account whose originals have come, until none is left; each that is applied may be
/// what another one corrects.
pub(super) async fn settle(write: &mut Write, account: &Namespace, now: Timestamp) -> Result<(), Error> {
    loop {
        let come: Vec<(Json<UsageEvent>,)> = sqlx::query_as(
            "select event from held_corrections
             join usage_events on usage_events.id = corrects and usage_events.account = held_corrections.account
                              and usage_events.plugin = held_corrections.plugin
             where held_corrections.account = $1 and state = 'early' order by held_corrections.id",
        )
        .bind(account.as_str())
        .fetch_all(&mut **write)
        .await?;
        if come.is_empty() {
            return Ok(());
        }
        for (Json(event),) in come {
            match original(write, account, &event).await? {
                Some(original)
                    if original.is_raised_by(&event)?
                        && days::fits(write, account, &event, original.replica_millis).await? =>
                {
                    apply(write, account, &event, &original, now).await?;
                }
                _ => set_state(write, &event, CorrectionState::Pending, None).await?,
            }
        }
    }
}

async fn set_state(
    write: &mut Write,
    event: &UsageEvent,
    state: CorrectionState,
    by: Option<&Namespace>,
) -> Result<(), Error> {
    sqlx::query("update held_corrections set state = $1, decided_by = nullif($2, '') where id = $3")
        .bind(state.as_str())
        .bind(by.map_or("", Namespace::as_str))
        .bind(event.id.to_string())
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Lets a correction count, and not what it corrects.
async fn apply(
    write: &mut Write,
    account: &Namespace,
    event: &UsageEvent,
    original: &Original,
    now: Timestamp,
) -> Result<(), Error> {
    let row = Stored::of(event);
    let inserted = rows::insert(write, account, std::slice::from_ref(&row), now).await?;
    if inserted.new == 0 {
        // Meanwhile an event came that has the same id.
        return set_state(write, event, CorrectionState::Refused, None).await;
    }
    sqlx::query(
        "insert into usage_corrections (corrects, account, plugin, id)
         select corrects, account, plugin, id from held_corrections where id = $1
         on conflict do nothing",
    )
    .bind(&row.id)
    .execute(&mut **write)
    .await?;
    set_state(write, event, CorrectionState::Confirmed, None).await?;
    let Original { month, deployment, from_at, to_at, replica_millis, .. } = original;
    days::replace(write, account, event, (deployment, from_at.0, to_at.0, *replica_millis)).await?;
    rows::reopen(write, account, BTreeSet::from([(month.0, row.plugin.clone())])).await
}

/// Lets a correction that waits count, or never count. The same decision again changes nothing.
pub(crate) async fn decide(
    db: &Db,
    actor: &Actor,
    by: &Namespace,
    id: uuid::Uuid,
    confirmed: bool,
    now: Timestamp,
) -> Result<UsageCorrection, Error> {
    let mut write = db.write().await?;
    let held = find(&mut write, id).await?;
    let wanted = if confirmed { CorrectionState::Confirmed } else { CorrectionState::Refused };
    if held.state == wanted {
        return Ok(held);
    }
    if held.state != CorrectionState::Pending {
        return Err(Error::Conflict(format!(
            "the correction {id} is {}: there is nothing to decide",
            held.state
        )));
    }
    let UsageCorrection { event, account, .. } = &held;
    match (confirmed, original(&mut write, account, event).await?) {
        (true, Some(original)) => apply(&mut write, account, event, &original, now).await?,
        (true, None) => return Err(Error::Damaged(format!("what {id} corrects has vanished"))),
        (false, _) => {}
    }
    let (state,): (Text<CorrectionState>,) =
        sqlx::query_as("select state from held_corrections where id = $1")
            .bind(id.to_string())
            .fetch_one(&mut *write)
            .await?;
    if confirmed && state.0 != CorrectionState::Confirmed {
        return Err(Error::Conflict(format!("another event has the id {id}: it can only be refused")));
    }
    set_state(&mut write, event, wanted, Some(by)).await?;
    settle(&mut write, account, now).await?;
    let (before, after) = (json!(held.corrected), json!({ "confirmed": confirmed, "event": event }));
    record(&mut write, actor, Act::UsageCorrectionDecided, &id.to_string(), before, after).await?;
    let decided = find(&mut write, id).await?;
    write.commit().await?;
    Ok(decided)
}

type Row =
    (Json<UsageEvent>, Text<Namespace>, Text<CorrectionState>, Text<Timestamp>, Option<Text<Namespace>>);

/// The correction of this id, or that there is none.
pub(crate) async fn find(db: &mut AnyConnection, id: uuid::Uuid) -> Result<UsageCorrection, Error> {
    let row: Option<Row> = sqlx::query_as(
        "select event, account, state, received_at, decided_by from held_corrections where id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(&mut *db)
    .await?;
    let row = row.ok_or_else(|| Error::NotFound(format!("correction '{id}' that waited")))?;
    read(db, row).await
}

/// What waits or was decided, by id: of an account, as the customer or as an owner of the seller; without one, of all.
pub(crate) async fn corrections(
    db: &Db,
    account: Option<&Namespace>,
    paging: &Paging<uuid::Uuid>,
) -> Result<Page<UsageCorrection>, Error> {
    let mut db = db.snapshot().await?;
    let rows: Vec<Row> = sqlx::query_as(
        "select event, account, state, received_at, decided_by from held_corrections
         where id > $2 and (decided_by is not null or state <> 'confirmed')
           and ($1 = '' or account = $1
                or seller in (select namespace from namespace_members where account = $1 and role = 'owner'))
         order by id limit $3",
    )
    .bind(account.map_or("", Namespace::as_str))
    .bind(paging.after().map(ToString::to_string).unwrap_or_default())
    .bind(paging.rows())
    .fetch_all(&mut *db)
    .await?;
    let page = paging.cut(rows, |(Json(event), ..)| event.id);
    let mut items = Vec::with_capacity(page.items.len());
    for row in page.items {
        items.push(read(&mut db, row).await?);
    }
    Ok(Page { items, next: page.next })
}

async fn read(db: &mut AnyConnection, row: Row) -> Result<UsageCorrection, Error> {
    let (Json(event), Text(account), Text(state), Text(received_at), decided_by) = row;
    let corrected = match original(db, &account, &event).await? {
        Some(original) if state != CorrectionState::Confirmed => Some(original.counts()?),
        _ => None,
    };
    let decided_by = decided_by.map(|Text(name)| name);
    Ok(UsageCorrection { event, account, corrected, state, received_at, decided_by })
}
