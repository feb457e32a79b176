//! The bank's statements, the lines that are open, and what they are for; for operators.

use axum::extract::State;
use axum::response::Response;
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Json, Query};
use chandlery_package::wire::{
    ApprovalRequest, BankBalance, BankLine, BankLineState, NewAllotment, Page, Paging,
};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::desk;
use crate::{Error, Finance, approvals};

/// The routes of this chapter.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(reconcile))
        .routes(routes!(list))
        .routes(routes!(allot))
        .routes(routes!(compare))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct OfAccount {
    /// The name of the own account that it is of; by the IBAN that it says, or the first one, unless given.
    #[param(inline)]
    account: Option<String>,
}

/// Reconciles a bank's statement with what is due; for operators.
///
/// camt.053 or CSV, as the bank gives it. Every line is in the books from then on; what it is for may be said later.
#[utoipa::path(
    post,
    path = "/api/v1/bank-statements",
    params(OfAccount),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200, description = "Done.", body = Page<BankLine>))
)]
async fn reconcile(
    State(finance): State<Finance>,
    caller: Caller,
    Query(of): Query<OfAccount>,
    statement: String,
) -> Result<Json<Page<BankLine>>, Error> {
    caller.must_operate("reconcile the bank's statement")?;
    let items = desk::bring(&finance, &caller, of.account.as_deref(), &statement).await?;
    // What became of each line of the statement that was sent.
    Ok(Json(Page::whole(items)))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct InState {
    /// All, unless given.
    #[param(inline)]
    state: Option<BankLineState>,
}

/// Lists the lines of the bank's statements, and what those that are open may be for; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/bank/lines",
    params(InState, Paging<String>),
    responses((status = 200, description = "Done.", body = Page<BankLine>))
)]
async fn list(
    State(finance): State<Finance>,
    caller: Account,
    Query(of): Query<InState>,
    Query(paging): Query<Paging<String>>,
) -> Result<Json<Page<BankLine>>, Error> {
    caller.must_operate("see the bank's lines")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(desk::list(&mut db, of.state, &paging).await?))
}

/// Says what an open bank line is for; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/bank/allotments",
    request_body = NewAllotment,
    responses(
        (status = 200, description = "Done.", body = BankLine),
        (status = 202, description = "Others must approve what is sent back.", body = ApprovalRequest)
    )
)]
async fn allot(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<NewAllotment>,
) -> Result<Response, Error> {
    caller.must_operate("say what bank lines are for")?;
    Ok(approvals::answer(desk::allot(&finance, &caller, &new, None).await?))
}

/// Compares what the bank says that it holds with what the books say; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/bank/balances",
    responses((status = 200, description = "Done.", body = Page<BankBalance>))
)]
async fn compare(State(finance): State<Finance>, caller: Account) -> Result<Json<Page<BankBalance>>, Error> {
    caller.must_operate("see the bank's balances")?;
    let mut db = finance.db.snapshot().await?;
    // One for each account and currency.
    Ok(Json(Page::whole(desk::compare(&mut db).await?)))
}
