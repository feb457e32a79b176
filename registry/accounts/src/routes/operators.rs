//! `/api/v1/operators` and `/api/v1/operator-proposals`: who operates the registry.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_edge::{Json, Path, Query};
use chandlery_package::Namespace;
use chandlery_package::wire::{NewOperator, Operator, OperatorProposal, Page, Paging};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Accounts, Caller, Error, operators};

/// What whoever does not operate the registry may not do.
const MAKE: &str = "make operators";

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(demote))
        .routes(routes!(proposals, propose))
        .routes(routes!(withdraw))
        .routes(routes!(confirm))
}

/// Lists who operates the registry; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/operators",
    params(Paging<Namespace>),
    responses((status = 200, description = "Done.", body = Page<Operator>))
)]
async fn list(
    State(accounts): State<Accounts>,
    caller: Caller,
    Query(paging): Query<Paging<Namespace>>,
) -> Result<Json<Page<Operator>>, Error> {
    caller.must_operate("see the operators")?;
    Ok(Json(operators::list(&accounts.db, &paging).await?))
}

/// Makes an operator an account like others, oneself or another, but for the last one; for operators.
#[utoipa::path(
    delete,
    path = "/api/v1/operators/{name}",
    params(("name" = Namespace, Path)),
    responses((status = 204, description = "Done."))
)]
async fn demote(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(name): Path<Namespace>,
) -> Result<StatusCode, Error> {
    caller.must_operate(MAKE)?;
    operators::demote(&accounts.db, &caller.actor, &caller.name, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the accounts that are proposed as operators; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/operator-proposals",
    params(Paging<Namespace>),
    responses((status = 200, description = "Done.", body = Page<OperatorProposal>))
)]
async fn proposals(
    State(accounts): State<Accounts>,
    caller: Caller,
    Query(paging): Query<Paging<Namespace>>,
) -> Result<Json<Page<OperatorProposal>>, Error> {
    caller.must_operate("see the operators")?;
    Ok(Json(operators::proposals(&accounts.db, &paging).await?))
}

/// Proposes that an account operates the registry; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/operator-proposals",
    request_body = NewOperator,
    responses((status = 201, description = "Done.", body = OperatorProposal))
)]
async fn propose(
    State(accounts): State<Accounts>,
    caller: Caller,
    Json(new): Json<NewOperator>,
) -> Result<(StatusCode, Json<OperatorProposal>), Error> {
    caller.must_operate(MAKE)?;
    let made = operators::propose(&accounts.db, &caller.actor, &caller.name, &new.account).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Withdraws a proposal, whoever has made it; for operators.
#[utoipa::path(
    delete,
    path = "/api/v1/operator-proposals/{account}",
    params(("account" = Namespace, Path)),
    responses((status = 204, description = "Done."))
)]
async fn withdraw(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(account): Path<Namespace>,
) -> Result<StatusCode, Error> {
    caller.must_operate(MAKE)?;
    operators::withdraw(&accounts.db, &caller.actor, &caller.name, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes an account an operator that another operator has proposed; for operators.
///
/// The only operator confirms its own proposal, 24 hours after it has made it.
#[utoipa::path(
    post,
    path = "/api/v1/operator-proposals/{account}/confirm",
    params(("account" = Namespace, Path)),
    responses((status = 204, description = "Done."))
)]
async fn confirm(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(account): Path<Namespace>,
) -> Result<StatusCode, Error> {
    caller.must_operate(MAKE)?;
    operators::confirm(&accounts.db, &caller.actor, &caller.name, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}
