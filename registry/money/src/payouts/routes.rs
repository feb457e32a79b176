//! `/api/v1/partners` for a partner's money, `/api/v1/payouts` for operators.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::Response;
use chandlery_package::wire::{
    ApprovalRequest, Document, Earning, ExplainedPayout, MonthlyEarning, NewPayout, Page, Paging,
    PartnerBalance, Payout, PayoutConfirmation, PayoutProfile, PayoutRun, PluginEarning, ProfileVersion,
    PublishedStatement,
};
use chandlery_package::{Month, Namespace};
use serde::Deserialize;

use super::earnings::{self, EarningKey, PluginKey};
use super::{approving, debt_routes, profiles, run, statements};
use crate::approvals::answer;
use crate::{Error, Finance, documents, table};
use chandlery_accounts::{Account, Caller, Error as AccountsError, must_show_anew};
use chandlery_edge::{Client, Json, Path, Query};
use chandlery_store::Db;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(balances))
        .routes(routes!(transactions))
        .routes(routes!(transactions_csv))
        .routes(routes!(months))
        .routes(routes!(plugins))
        .routes(routes!(statements_of))
        .routes(routes!(self_billed))
        .routes(routes!(self_billed_page))
        .routes(routes!(self_billed_xml))
        .routes(routes!(payouts_of))
        .routes(routes!(profiles_of, write_profile))
        .routes(routes!(approve_profile))
        .routes(routes!(propose_run))
        .routes(routes!(list, propose))
        .routes(routes!(explain))
        .routes(routes!(cancel))
        .routes(routes!(approve))
        .routes(routes!(confirm))
        .merge(debt_routes::routes())
}

/// Lists what a partner was billed for in its own name, the latest first.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/self-billed",
    params(("partner" = Namespace, Path), Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<Document>))
)]
async fn self_billed(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<Document>>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    Ok(Json(documents::list(&finance.db, &documents::self_billed_series(&partner), &paging).await?))
}

/// A self-billed invoice, for those who see the partner's money.
async fn own_self_billed(
    db: &Db,
    caller: &Account,
    partner: &Namespace,
    number: i64,
) -> Result<Document, Error> {
    caller.must_see(db, partner).await?;
    let series = documents::self_billed_series(partner);
    let found = documents::find(&mut *db.read().acquire().await?, &series, number).await?;
    found.ok_or_else(|| Error::NotFound(format!("self-billed invoice {number} of '{partner}'")))
}

/// Shows a self-billed invoice as a page to print.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/self-billed/{number}/page",
    params(("partner" = Namespace, Path), ("number" = i64, Path)),
    responses((status = 200, description = "The page.", content_type = "text/html", body = String))
)]
async fn self_billed_page(
    State(finance): State<Finance>,
    caller: Account,
    Path((partner, number)): Path<(Namespace, i64)>,
) -> Result<maud::Markup, Error> {
    Ok(documents::page(&own_self_billed(&finance.db, &caller, &partner, number).await?, &[]))
}

/// Exports a self-billed invoice as EN 16931 has it.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/self-billed/{number}/xml",
    params(("partner" = Namespace, Path), ("number" = i64, Path)),
    responses((status = 200, description = "A Cross Industry Invoice.", content_type = "application/xml", body = String))
)]
async fn self_billed_xml(
    State(finance): State<Finance>,
    caller: Account,
    Path((partner, number)): Path<(Namespace, i64)>,
) -> Result<([(HeaderName, &'static str); 1], String), Error> {
    let text = documents::xml(&own_self_billed(&finance.db, &caller, &partner, number).await?)?;
    Ok(([(header::CONTENT_TYPE, documents::XML)], text))
}

/// Shows a partner's money, by currency.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/balances",
    params(("partner" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = Page<PartnerBalance>))
)]
async fn balances(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<PartnerBalance>>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    // There are only so many currencies.
    Ok(Json(Page::whole(super::balances(&mut db, &partner, finance.clock.now()).await?)))
}

/// Lists every change of a partner's money.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/transactions",
    params(("partner" = Namespace, Path), Paging<EarningKey>),
    responses((status = 200, description = "Done.", body = Page<Earning>))
)]
async fn transactions(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Query(paging): Query<Paging<EarningKey>>,
) -> Result<Json<Page<Earning>>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(super::transactions(&mut db, &partner, &paging).await?))
}

/// Sums a partner's earnings by month.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/months",
    params(("partner" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = Page<MonthlyEarning>))
)]
async fn months(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<MonthlyEarning>>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    // A year adds twelve months.
    Ok(Json(Page::whole(super::by_month(&mut db, &partner).await?)))
}

/// Sums a partner's earnings by plugin.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/plugins",
    params(("partner" = Namespace, Path), Paging<PluginKey>),
    responses((status = 200, description = "Done.", body = Page<PluginEarning>))
)]
async fn plugins(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Query(paging): Query<Paging<PluginKey>>,
) -> Result<Json<Page<PluginEarning>>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(super::by_plugin(&mut db, &partner, &paging).await?))
}

/// Exports a partner's transactions as a table (RFC 4180), the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/transactions.csv",
    params(("partner" = Namespace, Path)),
    responses((status = 200, description = "The table.", content_type = "text/csv", body = String))
)]
pub async fn transactions_csv(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<([(HeaderName, &'static str); 2], Body), Error> {
    caller.must_see(&finance.db, &partner).await?;
    let headers = [
        (header::CONTENT_TYPE, table::CONTENT_TYPE),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"transactions.csv\""),
    ];
    Ok((headers, Body::from_stream(earnings::transactions_csv(finance.db.clone(), partner))))
}

/// Lists the payouts; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/payouts",
    params(Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<Payout>))
)]
async fn list(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<Payout>>, Error> {
    caller.must_operate("see payouts")?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(super::list(&mut db, None, &paging).await?))
}

/// Lists a partner's payouts.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/payouts",
    params(("partner" = Namespace, Path), Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<Payout>))
)]
async fn payouts_of(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<Payout>>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(super::list(&mut db, Some(&partner), &paging).await?))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct OfMonth {
    month: Option<Month>,
}

/// Lists a partner's monthly statements.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/statements",
    params(("partner" = Namespace, Path), OfMonth, Paging<statements::Key>),
    responses((status = 200, description = "Done.", body = Page<PublishedStatement>))
)]
async fn statements_of(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Query(of): Query<OfMonth>,
    Query(paging): Query<Paging<statements::Key>>,
) -> Result<Json<Page<PublishedStatement>>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(super::statements(&mut db, &partner, of.month, &paging).await?))
}

/// Lists the versions of how a partner is paid.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/payout-profile",
    params(("partner" = Namespace, Path), Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<ProfileVersion>))
)]
async fn profiles_of(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<ProfileVersion>>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    Ok(Json(profiles::list(&finance.db, &partner, &paging).await?))
}

/// Writes how a partner is to be paid; an operator approves it.
///
/// Whoever has a second factor has logged in with it within the last ten minutes.
#[utoipa::path(
    put,
    path = "/api/v1/partners/{partner}/payout-profile",
    params(("partner" = Namespace, Path)),
    request_body = PayoutProfile,
    responses((status = 200, description = "Done.", body = ProfileVersion))
)]
async fn write_profile(
    State(finance): State<Finance>,
    client: Client,
    caller: Caller,
    Path(partner): Path<Namespace>,
    Json(profile): Json<PayoutProfile>,
) -> Result<Json<ProfileVersion>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    must_show_anew(&finance.accounts, client, &caller, None).await?;
    Ok(Json(
        profiles::write(&finance.db, &caller.actor, &caller, &partner, profile, finance.clock.now()).await?,
    ))
}

/// Approves a version of a payout profile; for operators who did not write it.
#[utoipa::path(
    post,
    path = "/api/v1/partners/{partner}/payout-profile/{version}/approve",
    params(("partner" = Namespace, Path), ("version" = i64, Path)),
    responses(
        (status = 200, description = "Done.", body = ProfileVersion),
        (status = 202, description = "More must approve it.", body = ApprovalRequest)
    )
)]
async fn approve_profile(
    State(finance): State<Finance>,
    caller: Caller,
    Path((partner, version)): Path<(Namespace, i64)>,
) -> Result<Response, Error> {
    caller.must_operate("approve payout profiles")?;
    Ok(answer(approving::profile(&finance, &caller, &partner, version).await?))
}

/// Proposes a payout to one partner; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/payouts",
    request_body = NewPayout,
    responses((status = 201, description = "Done.", body = Payout))
)]
async fn propose(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<NewPayout>,
) -> Result<(StatusCode, Json<Payout>), Error> {
    caller.must_operate("propose payouts")?;
    let now = finance.clock.now();
    let payout =
        super::propose(&finance.db, &caller.actor, &caller.name, &new.partner, new.currency, now).await?;
    Ok((StatusCode::CREATED, Json(payout)))
}

/// Proposes a payout to every partner who is due one; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/payout-runs",
    responses((status = 201, description = "Done.", body = PayoutRun))
)]
async fn propose_run(
    State(finance): State<Finance>,
    caller: Caller,
) -> Result<(StatusCode, Json<PayoutRun>), Error> {
    caller.must_operate("propose payouts")?;
    let run = super::propose_run(&finance.db, &caller.actor, &caller.name, finance.clock.now()).await?;
    Ok((StatusCode::CREATED, Json(run)))
}

/// Explains a payout: the sales that it is made of.
#[utoipa::path(
    get,
    path = "/api/v1/payouts/{id}/explain",
    params(("id" = i64, Path)),
    responses((status = 200, description = "Done.", body = ExplainedPayout))
)]
async fn explain(
    State(finance): State<Finance>,
    caller: Account,
    Path(id): Path<i64>,
) -> Result<Json<ExplainedPayout>, Error> {
    must_be_own(&finance.db, &caller, id).await?;
    let mut explained = super::explain(&finance.db, id).await?;
    if !caller.operator {
        explained.hide_credentials();
    }
    Ok(Json(explained))
}

/// Refuses whoever neither owns the partner of a payout nor operates the registry, as if there were no such payout.
async fn must_be_own(db: &Db, caller: &Account, id: i64) -> Result<(), Error> {
    let mut read = db.read().acquire().await?;
    let partner = run::find(&mut read, id).await?.partner;
    drop(read);
    match caller.must_see(db, &partner).await {
        Err(AccountsError::Forbidden { .. }) => Err(Error::NotFound(format!("payout {id}"))),
        other => Ok(other?),
    }
}

/// Approves a payout; for operators who did not propose it.
#[utoipa::path(
    post,
    path = "/api/v1/payouts/{id}/approve",
    params(("id" = i64, Path)),
    responses(
        (status = 200, description = "Done.", body = Payout),
        (status = 202, description = "More must approve it.", body = ApprovalRequest)
    )
)]
async fn approve(
    State(finance): State<Finance>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    caller.must_operate("approve payouts")?;
    Ok(answer(approving::payout(&finance, &caller, id, finance.clock.now()).await?))
}

/// Cancels a payout that nobody has approved; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/payouts/{id}/cancel",
    params(("id" = i64, Path)),
    responses((status = 200, description = "Done.", body = Payout))
)]
async fn cancel(
    State(finance): State<Finance>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("cancel payouts")?;
    Ok(Json(super::cancel(&finance.db, &caller.actor, id).await?))
}

/// Confirms that the bank has paid a payout; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/payouts/{id}/confirm",
    params(("id" = i64, Path)),
    request_body = PayoutConfirmation,
    responses((status = 200, description = "Done.", body = Payout))
)]
async fn confirm(
    State(finance): State<Finance>,
    caller: Caller,
    Path(id): Path<i64>,
    Json(new): Json<PayoutConfirmation>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("confirm payouts")?;
    let now = finance.clock.now();
    Ok(Json(super::confirm(&finance.db, &caller.actor, id, &new.bank_reference, new.left, now).await?))
}
