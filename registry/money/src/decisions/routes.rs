//! `/api/v1/approvals` for operators: the rules, what waits, and what they decide.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Json, Path, Query};
use chandlery_package::wire::{ApprovalRefusal, ApprovalRequest, ApprovalRule, ApprovalState, Page, Paging};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::approvals::{self, Ask, Wanted};
use crate::{Error, Finance};

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(approve))
        .routes(routes!(refuse))
        .routes(routes!(rules, set_rule))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct InState {
    /// Those in this state; in any, unless given.
    #[param(inline)]
    state: Option<ApprovalState>,
}

/// Lists what was asked for and others approve, the newest first; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/approvals",
    params(InState, Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<ApprovalRequest>))
)]
async fn list(
    State(finance): State<Finance>,
    caller: Account,
    Query(wanted): Query<InState>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<ApprovalRequest>>, Error> {
    caller.must_operate("see what waits for approval")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(super::list(&mut db, wanted.state, &paging).await?))
}

/// Approves what another operator has asked for; with the last approval it is done, or has failed.
#[utoipa::path(
    post,
    path = "/api/v1/approvals/{id}/approve",
    params(("id" = i64, Path)),
    responses((status = 200, description = "Done.", body = ApprovalRequest))
)]
async fn approve(
    State(finance): State<Finance>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<ApprovalRequest>, Error> {
    caller.must_operate("decide what waits for approval")?;
    Ok(Json(super::approve(&finance, &caller.actor, &caller.name, id).await?))
}

/// Refuses what an operator has asked for, or takes one's own back; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/approvals/{id}/refuse",
    params(("id" = i64, Path)),
    request_body = ApprovalRefusal,
    responses((status = 200, description = "Done.", body = ApprovalRequest))
)]
async fn refuse(
    State(finance): State<Finance>,
    caller: Caller,
    Path(id): Path<i64>,
    Json(refusal): Json<ApprovalRefusal>,
) -> Result<Json<ApprovalRequest>, Error> {
    caller.must_operate("decide what waits for approval")?;
    Ok(Json(super::refuse(&finance, &caller.actor, &caller.name, id, &refusal.why).await?))
}

/// Lists how many operators approve what; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/approval-rules",
    responses((status = 200, description = "Done.", body = Page<ApprovalRule>))
)]
async fn rules(State(finance): State<Finance>, caller: Account) -> Result<Json<Page<ApprovalRule>>, Error> {
    caller.must_operate("see the rules of approval")?;
    let mut db = finance.db.read().acquire().await?;
    // A handful for each kind.
    Ok(Json(Page::whole(approvals::list_rules(&mut db).await?)))
}

/// Sets how many operators approve what; another one approves that.
#[utoipa::path(
    put,
    path = "/api/v1/approval-rules",
    request_body = ApprovalRule,
    responses(
        (status = 200, description = "Done.", body = ApprovalRule),
        (status = 202, description = "Others must approve it.", body = ApprovalRequest)
    )
)]
async fn set_rule(
    State(finance): State<Finance>,
    caller: Caller,
    Json(rule): Json<ApprovalRule>,
) -> Result<Response, Error> {
    caller.must_operate("set the rules of approval")?;
    approvals::check_rule(&rule)?;
    let wanted = Wanted::Rule { rule };
    let asked = Ask { by: &caller.name, wanted: &wanted, amount: None };
    if let Some(request) = approvals::ask(&finance, &caller.actor, &asked).await? {
        return Ok((StatusCode::ACCEPTED, Json(request)).into_response());
    }
    let mut write = finance.db.write().await?;
    approvals::set_rule(&mut write, &caller.actor, &rule).await?;
    write.commit().await?;
    Ok(Json(rule).into_response())
}
