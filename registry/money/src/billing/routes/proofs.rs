//! What an invoice for use is checked with: the records of a month, what hosts have signed of them, their root, and what was charged.

use axum::extract::State;
use chandlery_package::wire::{Page, Paging, UsageCharge, UsageRecord, UsageRoot, UsageSegment};
use chandlery_package::{Month, Namespace};
use serde::Deserialize;

use crate::billing::rating::charged;
use crate::billing::usage::{records, roots};
use crate::{Error, Finance};
use chandlery_accounts::Account;
use chandlery_edge::{Json, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(records_of))
        .routes(routes!(segments_of))
        .routes(routes!(roots_of))
        .routes(routes!(charges_of))
}

/// Whose month is asked for.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Of {
    /// The customer; the account that asks, unless given.
    account: Option<Namespace>,
    /// The month, such as `2026-11`.
    month: Month,
}

/// Lists the records of an account's month: for itself and operators, and for whoever has sold to it, to whom the use of others'
/// plugins is shown by its digest alone.
#[utoipa::path(
    get,
    path = "/api/v1/usage-records",
    params(Of, Paging<u64>),
    responses((status = 200, description = "Done.", body = Page<UsageRecord>))
)]
async fn records_of(
    State(finance): State<Finance>,
    caller: Account,
    Query(of): Query<Of>,
    Query(paging): Query<Paging<u64>>,
) -> Result<Json<Page<UsageRecord>>, Error> {
    let account = of.account.as_ref().unwrap_or(&caller.name);
    let sold = records::seen_by(&finance.db, &caller, account).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(records::records(&mut db, account, of.month, sold.as_ref(), &paging).await?))
}

/// Lists what an account's hosts have signed since a month began, by digests; for itself, whoever has sold to it, and operators.
#[utoipa::path(
    get,
    path = "/api/v1/usage-segments",
    params(Of, Paging<records::Place>),
    responses((status = 200, description = "Done.", body = Page<UsageSegment>))
)]
async fn segments_of(
    State(finance): State<Finance>,
    caller: Account,
    Query(of): Query<Of>,
    Query(paging): Query<Paging<records::Place>>,
) -> Result<Json<Page<UsageSegment>>, Error> {
    let account = of.account.as_ref().unwrap_or(&caller.name);
    records::seen_by(&finance.db, &caller, account).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(records::segments(&mut db, account, of.month, &paging).await?))
}

/// Lists the roots of an account's month that the log has; for itself, whoever has sold to it, and operators.
#[utoipa::path(
    get,
    path = "/api/v1/usage-roots",
    params(Of, Paging<u64>),
    responses((status = 200, description = "Done.", body = Page<UsageRoot>))
)]
async fn roots_of(
    State(finance): State<Finance>,
    caller: Account,
    Query(of): Query<Of>,
    Query(paging): Query<Paging<u64>>,
) -> Result<Json<Page<UsageRoot>>, Error> {
    let account = of.account.as_ref().unwrap_or(&caller.name);
    records::seen_by(&finance.db, &caller, account).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(roots::list(&mut db, account, of.month, &paging).await?))
}

/// Which charges are asked for.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Charged {
    /// The customer; the account that asks, unless given.
    account: Option<Namespace>,
    /// Of one month, such as `2026-11`.
    month: Option<Month>,
    /// Of what is on one invoice.
    invoice: Option<i64>,
}

/// Lists what an account was charged for months of use; for itself and operators, and for whoever has sold to it, of what it sells.
#[utoipa::path(
    get,
    path = "/api/v1/usage-charges",
    params(Charged, Paging<charged::Place>),
    responses((status = 200, description = "Done.", body = Page<UsageCharge>))
)]
async fn charges_of(
    State(finance): State<Finance>,
    caller: Account,
    Query(of): Query<Charged>,
    Query(paging): Query<Paging<charged::Place>>,
) -> Result<Json<Page<UsageCharge>>, Error> {
    let account = of.account.as_ref().unwrap_or(&caller.name);
    let sold = records::seen_by(&finance.db, &caller, account).await?;
    let seller = sold.is_some().then_some(&caller.name);
    let wanted = charged::Wanted { month: of.month, invoice: of.invoice, seller };
    let mut db = finance.db.snapshot().await?;
    Ok(Json(charged::charges(&mut db, account, &wanted, &paging).await?))
}
