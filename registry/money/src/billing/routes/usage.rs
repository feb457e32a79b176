//! What hosts report, what of it waits to be confirmed, and what nobody has ordered.

use axum::extract::State;
use chandlery_package::wire::{
    CorrectionDecision, Page, Paging, UnlicensedUse, UsageCorrection, UsageEvent, UsageReceipt, UsageTotal,
};

use crate::billing::UsageBounds;
use crate::billing::rating::unlicensed;
use crate::billing::usage::{Key, corrections};
use crate::{Error, Finance, billing};
use chandlery_accounts::organisations::role_of;
use chandlery_accounts::{Account, Caller, Role, role};
use chandlery_edge::{Json, Path, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const EVENTS_PER_BATCH_MAX: usize = 1000;

pub(crate) fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(totals, receive))
        .routes(routes!(unlicensed_use))
        .routes(routes!(corrections_of))
        .routes(routes!(decide))
}

/// Stores a batch of usage events, each once; at most 1000.
#[utoipa::path(
    post,
    path = "/api/v1/usage",
    request_body = Vec<UsageEvent>,
    responses((status = 200, description = "Done.", body = UsageReceipt))
)]
async fn receive(
    State(finance): State<Finance>,
    caller: Account,
    Json(events): Json<Vec<UsageEvent>>,
) -> Result<Json<UsageReceipt>, Error> {
    if events.len() > EVENTS_PER_BATCH_MAX {
        return Err(Error::Invalid(format!("a batch has at most {EVENTS_PER_BATCH_MAX} events")));
    }
    let bounds = UsageBounds { now: finance.clock.now(), days: finance.usage_days };
    Ok(Json(billing::receive(&finance.db, &caller.name, &events, bounds).await?))
}

/// Lists the use of the account's deployments so far.
#[utoipa::path(
    get,
    path = "/api/v1/usage",
    params(Paging<Key>),
    responses((status = 200, description = "Done.", body = Page<UsageTotal>))
)]
async fn totals(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<Key>>,
) -> Result<Json<Page<UsageTotal>>, Error> {
    Ok(Json(billing::totals(&finance.db, &caller.name, &paging).await?))
}

/// Lists use of plugins that cost something by those who had no order of them then; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/unlicensed-use",
    params(Paging<unlicensed::Place>),
    responses((status = 200, description = "Done.", body = Page<UnlicensedUse>))
)]
async fn unlicensed_use(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<unlicensed::Place>>,
) -> Result<Json<Page<UnlicensedUse>>, Error> {
    caller.must_operate("see what was used without an order")?;
    Ok(Json(unlicensed::list(&finance.db, &paging).await?))
}

/// Lists corrections of use that wait or were decided: the account's own, those of what it sells, or, for operators, all.
#[utoipa::path(
    get,
    path = "/api/v1/usage-corrections",
    params(Paging<uuid::Uuid>),
    responses((status = 200, description = "Done.", body = Page<UsageCorrection>))
)]
async fn corrections_of(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<uuid::Uuid>>,
) -> Result<Json<Page<UsageCorrection>>, Error> {
    let account = (!caller.operator).then_some(&caller.name);
    Ok(Json(corrections::corrections(&finance.db, account, &paging).await?))
}

/// Confirms or refuses a correction of use that may lower what is owed; for owners of the seller, and operators.
#[utoipa::path(
    put,
    path = "/api/v1/usage-corrections/{event}",
    params(("event" = uuid::Uuid, Path)),
    request_body = CorrectionDecision,
    responses((status = 200, description = "Done.", body = UsageCorrection))
)]
async fn decide(
    State(finance): State<Finance>,
    caller: Caller,
    Path(id): Path<uuid::Uuid>,
    Json(decision): Json<CorrectionDecision>,
) -> Result<Json<UsageCorrection>, Error> {
    let mut db = finance.db.read().acquire().await?;
    let held = corrections::find(&mut db, id).await;
    let is_own = match &held {
        Ok(held) => {
            [&caller.name, caller.person()].contains(&&held.account)
                || role_of(&mut db, &held.account, caller.person()).await?.is_some()
        }
        Err(_) => false,
    };
    drop(db);
    // Whoever may decide nothing at all does not learn which corrections there are.
    let held = match (held, caller.operator) {
        (Err(Error::NotFound(_)), false) => {
            return Err(Error::forbidden(&caller.name, "decide this correction"));
        }
        (held, _) => held?,
    };
    if is_own {
        return Err(Error::forbidden(&caller.name, "decide corrections of its own use"));
    }
    let seller = &held.event.release.plugin.namespace;
    let sells = role(&finance.db, seller, &caller.name).await? == Some(Role::Owner);
    if !sells && !caller.operator {
        return Err(Error::forbidden(&caller.name, "decide this correction"));
    }
    let now = finance.clock.now();
    let decided =
        corrections::decide(&finance.db, &caller.actor, &caller.name, id, decision.confirmed, now).await?;
    Ok(Json(decided))
}
