//! `/api/v1/bank/send-backs` and the bank files of them, for operators.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Json, Path, Query};
use chandlery_package::wire::{ApprovalRequest, Page, Paging, Payee, SendBack, SendBackFile};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::approvals::{self, Ask, Wanted};
use crate::{Error, Finance};

/// The routes of this chapter.
pub(in crate::rails) fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(send_to))
        .routes(routes!(make_file))
        .routes(routes!(print_file))
}

/// Lists what goes or went back to customers by the bank; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/bank/send-backs",
    params(Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<SendBack>))
)]
async fn list(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<SendBack>>, Error> {
    caller.must_operate("see what goes back to customers")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(super::list(&mut db, &paging).await?))
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
    let amount = super::would_move(&finance.db, &reference, &to).await?;
    let says = super::send_to(&finance.db, &caller.actor, &reference, &to);
    if amount.is_none() {
        return Ok(Json(says.await?).into_response());
    }
    let wanted = Wanted::Payee { reference: reference.clone(), to: to.clone() };
    let asked = Ask { by: &caller.name, wanted: &wanted, amount };
    Ok(approvals::answer(approvals::ask_or_do(&finance, &caller.actor, &asked, says).await?))
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
    let file = super::make_file(&finance.db, &caller.actor, finance.clock.now()).await?;
    Ok((StatusCode::CREATED, Json(file)))
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
    let file = super::print_file(&mut db, number).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/xml; charset=utf-8".into()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"back-{number}.xml\"")),
    ];
    Ok((headers, file))
}
