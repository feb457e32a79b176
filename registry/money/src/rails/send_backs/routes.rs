//! `/api/v1/bank/send-backs` and the bank files of them, for operators.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::Response;
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Json, Path, Query};
use chandlery_package::wire::{ApprovalRequest, Page, Paging, Payee, SendBack, SendBackFile, SendBackState};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::desk;
use crate::{Error, Finance, approvals};

/// The routes of this chapter.
pub(in crate::rails) fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(send_to))
        .routes(routes!(make_file))
        .routes(routes!(print_file))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct InState {
    /// Those in this state alone.
    #[param(inline)]
    state: Option<SendBackState>,
}

/// Lists what goes or went back to customers by the bank; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/bank/send-backs",
    params(InState, Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<SendBack>))
)]
async fn list(
    State(finance): State<Finance>,
    caller: Account,
    Query(wanted): Query<InState>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<SendBack>>, Error> {
    caller.must_operate("see what goes back to customers")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(desk::list(&mut db, wanted.state, &paging).await?))
}

/// Says to which account a transfer goes back; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/bank/send-backs/{reference}",
    params(("reference" = String, Path)),
    request_body = Payee,
    responses(
        (status = 200, description = "Done.", body = SendBack),
        (status = 202, description = "Others must approve it.", body = ApprovalRequest)
    )
)]
async fn send_to(
    State(finance): State<Finance>,
    caller: Caller,
    Path(reference): Path<String>,
    Json(to): Json<Payee>,
) -> Result<Response, Error> {
    caller.must_operate("say where transfers go back to")?;
    Ok(approvals::answer(desk::say_where(&finance, &caller, &reference, &to).await?))
}

/// Makes a bank file of all that waits to go back and whose payee is known; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/bank/send-back-files",
    responses((status = 201, description = "Done.", body = SendBackFile))
)]
async fn make_file(
    State(finance): State<Finance>,
    caller: Caller,
) -> Result<(StatusCode, Json<SendBackFile>), Error> {
    caller.must_operate("make bank files")?;
    Ok((StatusCode::CREATED, Json(desk::make_file(&finance, &caller, None).await?)))
}

/// Prints a bank file of what goes back to customers; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/bank/send-back-files/{number}",
    params(("number" = i64, Path)),
    responses((status = 200, description = "The bank file (ISO 20022).", content_type = "application/xml", body = String))
)]
async fn print_file(
    State(finance): State<Finance>,
    caller: Account,
    Path(number): Path<i64>,
) -> Result<([(HeaderName, String); 2], String), Error> {
    caller.must_operate("make bank files")?;
    let mut db = finance.db.snapshot().await?;
    let file = desk::print_file(&mut db, number).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/xml; charset=utf-8".into()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"back-{number}.xml\"")),
    ];
    Ok((headers, file))
}
