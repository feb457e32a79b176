//! `/api/v1/processor` for operators: what the processor of payments has told, what it is owed to be told, and payments of more than
//! was due.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::audit::record;
use chandlery_accounts::{Account, Actor, Caller};
use chandlery_edge::{Json, Path, Query};
use chandlery_package::Money;
use chandlery_package::wire::{
    Act, ApprovalRequest, EventState, NewSettlement, OwedRequest, Page, Paging, ProcessorEvent, Settlement,
    SurplusPayment, ToldEvent,
};
use chandlery_store::Write;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{outbox, stripe};
use crate::approvals::{self, Approved, Ask, Wanted};
use crate::ledger::{self, By};
use crate::{Error, Finance};

/// The routes of this room.
pub(super) fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(events))
        .routes(routes!(event))
        .routes(routes!(requests))
        .routes(routes!(settle))
        .routes(routes!(surplus))
        .routes(routes!(give_back))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct InState {
    /// Those in this state alone.
    #[param(inline)]
    state: Option<EventState>,
}

/// Lists the events that the processor of payments has told, and what became of each; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/processor/events",
    params(InState, Paging<String>),
    responses((status = 200, description = "Done.", body = Page<ProcessorEvent>))
)]
async fn events(
    State(finance): State<Finance>,
    caller: Account,
    Query(wanted): Query<InState>,
    Query(paging): Query<Paging<String>>,
) -> Result<Json<Page<ProcessorEvent>>, Error> {
    caller.must_operate("see what the processor of payments has told")?;
    Ok(Json(stripe::list_events(&finance.db, wanted.state, &paging).await?))
}

/// Shows an event as the processor of payments has told it; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/processor/events/{id}",
    params(("id" = String, Path)),
    responses((status = 200, description = "Done.", body = ToldEvent))
)]
async fn event(
    State(finance): State<Finance>,
    caller: Account,
    Path(id): Path<String>,
) -> Result<Json<ToldEvent>, Error> {
    caller.must_operate("see what the processor of payments has told")?;
    Ok(Json(stripe::find_event(&finance.db, &id).await?))
}

/// Lists what the processor of payments is owed to be told, and has not answered; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/processor/requests",
    params(Paging<String>),
    responses((status = 200, description = "Done.", body = Page<OwedRequest>))
)]
async fn requests(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<String>>,
) -> Result<Json<Page<OwedRequest>>, Error> {
    caller.must_operate("see what the processor of payments is owed to be told")?;
    Ok(Json(outbox::list(&finance.db, &paging).await?))
}

/// Says what becomes of a request that the processor of payments is sent no more; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/processor/settlements",
    request_body = NewSettlement,
    responses((status = 200, description = "Done.", body = Settlement))
)]
async fn settle(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<NewSettlement>,
) -> Result<Json<Settlement>, Error> {
    caller.must_operate("settle what the processor of payments refuses")?;
    let (hold_days, now, actor) = (finance.hold_days, finance.clock.now(), caller.actor.clone());
    outbox::must_not_be_made(&finance, &actor, &new, now).await?;
    let settles = finance.db.group_commit(move |write| {
        Box::pin(async move { stripe::settle_refused(write, &actor, &new, hold_days, now).await })
    });
    Ok(Json(settles.await?))
}

/// Lists the payments of which more arrived than was due, or whose refund failed, and which were not given back; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/processor/surplus",
    params(Paging<String>),
    responses((status = 200, description = "Done.", body = Page<SurplusPayment>))
)]
async fn surplus(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<String>>,
) -> Result<Json<Page<SurplusPayment>>, Error> {
    caller.must_operate("see payments of more than was due")?;
    Ok(Json(stripe::list_surplus(&finance.db, &paging).await?))
}

/// Gives back what of a payment was more than due and is still the customer's credit; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/processor/surplus/{id}/refund",
    params(("id" = String, Path)),
    responses(
        (status = 201, description = "Done: how much goes back.", body = Money),
        (status = 202, description = "Others must approve it.", body = ApprovalRequest)
    )
)]
async fn give_back(
    State(finance): State<Finance>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    caller.must_operate("give back payments of more than was due")?;
    let amount = stripe::surplus_of(&finance.db, &id).await?;
    let wanted = Wanted::Surplus { payment: id.clone(), amount };
    let asked = Ask { by: &caller.name, wanted: &wanted, amount: Some(amount) };
    let (now, actor) = (finance.clock.now(), caller.actor.clone());
    let gives = finance.db.group_commit(move |write| {
        Box::pin(async move { give_back_within(write, &actor, &id, amount, now).await })
    });
    let given = approvals::ask_or_do(&finance, &caller.actor, &asked, gives).await?;
    if let Approved::Done(key) = &given {
        super::tell_of_refund(&finance, &caller.actor, key, now).await;
    }
    Ok(given.answer(|_| (StatusCode::CREATED, Json(amount)).into_response()))
}

/// Gives back what is left of a payment that was more than due, where that is as much as was asked for. Gives the key by which
/// [`super::tell_of_refund`] sends it.
pub(crate) async fn give_back_within(
    write: &mut Write,
    actor: &Actor,
    id: &str,
    asked: Money,
    now: Timestamp,
) -> Result<String, Error> {
    ledger::by(write, By::Actor(actor));
    let (amount, key) = stripe::give_surplus_back(write, id, now).await?;
    if amount != asked {
        return Err(Error::Conflict(format!("{amount} of payment '{id}' are left by now, and not {asked}")));
    }
    let after = json!({ "amount": amount });
    record(write, actor, Act::Refunded, &format!("payment {id}"), Value::Null, after).await?;
    Ok(key)
}
