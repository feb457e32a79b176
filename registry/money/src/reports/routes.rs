//! `/api/v1/reports`, and the list of `/api/v1/disputes`, for operators.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, header};
use chandlery_package::Month;
use chandlery_package::wire::{
    AgedReceivable, BalanceSheet, CustomerInvoice, DeferredMonth, Dispute, DisputeState, Dunning,
    LedgerExport, MonthResult, Page, Paging, TaxReturnLine,
};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::DisputePlace;
use super::receivables::{AgeingKey, Wanted};
use crate::{Error, Finance, table};
use chandlery_accounts::Account;
use chandlery_edge::{Json, Query};

/// How many months a report is of at most: ten years.
const MONTHS_MAX: usize = 120;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(invoices))
        .routes(routes!(ageing))
        .routes(routes!(dunning))
        .routes(routes!(disputes))
        .routes(routes!(deferred))
        .routes(routes!(results))
        .routes(routes!(balance_sheets))
        .routes(routes!(tax_return))
        .routes(routes!(export))
}

/// Lists the invoices of all customers, the newest first; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/reports/invoices",
    params(Wanted, Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<CustomerInvoice>))
)]
async fn invoices(
    State(finance): State<Finance>,
    caller: Account,
    Query(wanted): Query<Wanted>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<CustomerInvoice>>, Error> {
    caller.must_operate("see the invoices of others")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(super::invoices(&mut db, &wanted, &paging).await?))
}

/// Shows what every customer owes, by how long it is overdue; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/reports/ageing",
    params(Paging<AgeingKey>),
    responses((status = 200, description = "Done.", body = Page<AgedReceivable>))
)]
async fn ageing(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<AgeingKey>>,
) -> Result<Json<Page<AgedReceivable>>, Error> {
    caller.must_operate("see what customers owe")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(super::ageing(&mut db, None, finance.clock.now(), &paging).await?))
}

/// Lists the invoices that are open: what their customers were told, and what comes next; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/reports/dunning",
    params(Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<Dunning>))
)]
async fn dunning(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<Dunning>>, Error> {
    caller.must_operate("see who was reminded")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(super::dunning(&mut db, None, &paging).await?))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct InState {
    /// Those in this state alone.
    #[param(inline)]
    state: Option<DisputeState>,
}

/// Lists the payments that customers' banks have taken back, the one that was opened first before all others; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/disputes",
    params(InState, Paging<DisputePlace>),
    responses((status = 200, description = "Done.", body = Page<Dispute>))
)]
async fn disputes(
    State(finance): State<Finance>,
    caller: Account,
    Query(of): Query<InState>,
    Query(paging): Query<Paging<DisputePlace>>,
) -> Result<Json<Page<Dispute>>, Error> {
    caller.must_operate("see the disputes of customers")?;
    let mut db = finance.db.snapshot().await?;
    let found = super::disputes(&mut db, of.state, &paging).await?;
    Ok(Json(found.map(|dispute| dispute.shown())))
}

/// Shows by month what subscriptions were invoiced and will earn; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/reports/deferred",
    responses((status = 200, description = "Done.", body = Page<DeferredMonth>))
)]
async fn deferred(
    State(finance): State<Finance>,
    caller: Account,
) -> Result<Json<Page<DeferredMonth>>, Error> {
    caller.must_operate("see what is deferred")?;
    let mut db = finance.db.snapshot().await?;
    // A period lasts for a year at most.
    Ok(Json(Page::whole(super::deferred(&mut db, finance.clock.now()).await?)))
}

/// The months that a report is of.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Months {
    /// The first month; the last one, unless given.
    from: Option<Month>,
    /// The last month; this one, unless given.
    to: Option<Month>,
}

impl Months {
    fn range(&self, now: Timestamp) -> Result<(Month, Month), Error> {
        let to = self.to.or(self.from).unwrap_or_else(|| Month::of(now));
        range(self.from.unwrap_or(to), to)
    }
}

/// Refuses months that are in the wrong order, or more than a report has.
fn range(from: Month, to: Month) -> Result<(Month, Month), Error> {
    let mut months = std::iter::successors(Some(from), |month| Some(month.next())).take(MONTHS_MAX);
    match months.any(|month| month == to) {
        true => Ok((from, to)),
        false => Err(Error::Invalid(format!(
            "a report is of 1 to {MONTHS_MAX} months, which {from} to {to} are not"
        ))),
    }
}

/// Shows what was earned and spent by month; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/reports/results",
    params(Months),
    responses((status = 200, description = "Done.", body = Page<MonthResult>))
)]
async fn results(
    State(finance): State<Finance>,
    caller: Account,
    Query(months): Query<Months>,
) -> Result<Json<Page<MonthResult>>, Error> {
    caller.must_operate("see what was earned")?;
    let (from, to) = months.range(finance.clock.now())?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(Page::whole(super::results(&mut db, from, to).await?)))
}

/// Shows what is owned and owed at each month's end; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/reports/balance-sheets",
    params(Months),
    responses((status = 200, description = "Done.", body = Page<BalanceSheet>))
)]
async fn balance_sheets(
    State(finance): State<Finance>,
    caller: Account,
    Query(months): Query<Months>,
) -> Result<Json<Page<BalanceSheet>>, Error> {
    caller.must_operate("see what is owned and owed")?;
    let (from, to) = months.range(finance.clock.now())?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(Page::whole(super::balance_sheets(&mut db, from, to).await?)))
}

/// Shows the sales taxes of some months by country and rule; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/reports/tax-return",
    params(Months),
    responses((status = 200, description = "Done.", body = Page<TaxReturnLine>))
)]
async fn tax_return(
    State(finance): State<Finance>,
    caller: Account,
    Query(months): Query<Months>,
) -> Result<Json<Page<TaxReturnLine>>, Error> {
    caller.must_operate("see the taxes")?;
    let (from, to) = months.range(finance.clock.now())?;
    let mut db = finance.db.snapshot().await?;
    // There are only so many countries and rules.
    Ok(Json(Page::whole(super::tax_return(&mut db, from, to).await?)))
}

/// Exports the postings of some months for DATEV, QuickBooks or Xero; for operators.
///
/// A table as the program imports it: for DATEV in Windows-1252, for the others in UTF-8.
#[utoipa::path(
    post,
    path = "/api/v1/reports/export",
    request_body = LedgerExport,
    responses((status = 200, description = "The table.", content_type = "text/csv", body = String))
)]
async fn export(
    State(finance): State<Finance>,
    caller: Account,
    Json(wanted): Json<LedgerExport>,
) -> Result<([(HeaderName, &'static str); 1], Body), Error> {
    caller.must_operate("export the books")?;
    range(wanted.from, wanted.to)?;
    let text = Body::from_stream(super::export(&finance.db, wanted, finance.clock.now()).await?);
    Ok(([(header::CONTENT_TYPE, table::CONTENT_TYPE)], text))
}
