//! Who sells here, over HTTP, and how documents look.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use chandlery_package::wire::{ApprovalRequest, Page, Paging, SellerVersion};
use jiff::civil::Date;

use super::{page, sellers};
use crate::approvals::{self, Ask, Wanted};
use crate::{Error, Finance};
use chandlery_accounts::Caller;
use chandlery_edge::{Json, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new().routes(routes!(list, set)).route("/invoice.css", get(style))
}

/// Lists who sells here, the latest first; the first whose day has come is the one that holds.
#[utoipa::path(
    get,
    path = "/api/v1/sellers",
    params(Paging<Date>),
    responses((status = 200, description = "Done.", body = Page<SellerVersion>)),
    security(())
)]
async fn list(
    State(finance): State<Finance>,
    Query(paging): Query<Paging<Date>>,
) -> Result<Json<Page<SellerVersion>>, Error> {
    Ok(Json(sellers::versions(&finance.db, &paging).await?))
}

/// Says who sells here from a day on; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/sellers",
    request_body = SellerVersion,
    responses(
        (status = 200, description = "Done.", body = SellerVersion),
        (status = 202, description = "Others must approve another account to pay to.", body = ApprovalRequest)
    )
)]
async fn set(
    State(finance): State<Finance>,
    caller: Caller,
    Json(version): Json<SellerVersion>,
) -> Result<Response, Error> {
    caller.must_operate("say who sells here")?;
    let version = sellers::check(version)?;
    if sellers::pays_elsewhere(&mut *finance.db.read().acquire().await?, &version).await? {
        let wanted = Wanted::Seller { version: Box::new(version.clone()) };
        let asked = Ask { by: &caller.name, wanted: &wanted, amount: None };
        if let Some(request) = approvals::ask(&finance, &caller.actor, &asked).await? {
            return Ok((StatusCode::ACCEPTED, Json(request)).into_response());
        }
    }
    sellers::set(&finance.db, &caller.actor, &version, finance.clock.now()).await?;
    Ok(Json(version).into_response())
}

async fn style() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], page::STYLE)
}
