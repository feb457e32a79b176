//! `/api/v1/partners` for a partner's money, `/api/v1/payouts` for operators.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use chandlery_package::wire::{Earning, Page, PartnerBalance, Payout, PayoutProfile, ProfileVersion};
use chandlery_package::{Currency, Money, Namespace};
use serde::Deserialize;

use super::statements::Published;
use super::{Explained, MonthlyEarning, PluginEarning, profiles, run, statements};
use crate::{Error, Finance};
use chandlery_accounts::Account;
use chandlery_edge::{Json, Path, Query};
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
        .routes(routes!(payouts_of))
        .routes(routes!(profiles_of, write_profile))
        .routes(routes!(approve_profile))
        .routes(routes!(propose_run))
        .routes(routes!(list, propose))
        .routes(routes!(explain))
        .routes(routes!(cancel))
        .routes(routes!(approve))
        .routes(routes!(confirm))
        .routes(routes!(returned))
}

async fn read(db: &Db, caller: &Account, partner: &Namespace) -> Result<Vec<Earning>, Error> {
    caller.must_see(db, partner).await?;
    let mut db = db.read().acquire().await?;
    super::transactions(&mut db, partner).await
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
    let mut db = finance.db.read().begin().await?;
    Ok(Json(Page { items: super::balances(&mut db, &partner, finance.clock.now()).await?, next: None }))
}

/// Lists every change of a partner's money.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/transactions",
    params(("partner" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = Page<Earning>))
)]
async fn transactions(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<Earning>>, Error> {
    Ok(Json(Page { items: read(&finance.db, &caller, &partner).await?, next: None }))
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
    let items = super::by_month(&read(&finance.db, &caller, &partner).await?)?;
    Ok(Json(Page { items, next: None }))
}

/// Sums a partner's earnings by plugin.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/plugins",
    params(("partner" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = Page<PluginEarning>))
)]
async fn plugins(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<PluginEarning>>, Error> {
    let items = super::by_plugin(&read(&finance.db, &caller, &partner).await?)?;
    Ok(Json(Page { items, next: None }))
}

/// Exports a partner's transactions.
///
/// The same transactions as a table (RFC 4180): no field that we write holds a comma, a quote or a line's end, but for
/// descriptions, which are quoted.
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
) -> Result<([(HeaderName, &'static str); 2], String), Error> {
    let mut csv = String::from("transaction,at,kind,plugin,description,currency,gross,net,available_at\r\n");
    for row in read(&finance.db, &caller, &partner).await? {
        let plugin = row.plugin.map(|plugin| plugin.to_string()).unwrap_or_default();
        let gross = row.gross.map(amount).unwrap_or_default();
        let available = row.available_at.map(|at| at.to_string()).unwrap_or_default();
        let description = row.description.replace('"', "\"\"");
        csv.push_str(&format!(
            "{},{},{},{plugin},\"{description}\",{},{gross},{},{available}\r\n",
            row.transaction,
            row.at,
            row.kind,
            row.net.currency(),
            amount(row.net),
        ));
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"transactions.csv\""),
    ];
    Ok((headers, csv))
}

/// `85.00`: the currency has its own column.
fn amount(money: Money) -> String {
    let text = money.to_string();
    text.split(' ').next().unwrap_or(&text).to_owned()
}

/// Lists the payouts; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/payouts",
    responses((status = 200, description = "Done.", body = Page<Payout>))
)]
async fn list(State(finance): State<Finance>, caller: Account) -> Result<Json<Page<Payout>>, Error> {
    caller.must_operate("see payouts")?;
    Ok(Json(Page { items: super::list(&finance.db).await?, next: None }))
}

/// Lists a partner's payouts.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/payouts",
    params(("partner" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = Page<Payout>))
)]
async fn payouts_of(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<Payout>>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(Page { items: run::of_partner(&mut db, &partner).await?, next: None }))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct OfMonth {
    month: Option<String>,
}

/// Lists a partner's monthly statements.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/statements",
    params(("partner" = Namespace, Path), OfMonth),
    responses((status = 200, description = "Done.", body = Page<Published>))
)]
async fn statements_of(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Query(of): Query<OfMonth>,
) -> Result<Json<Page<Published>>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    let items = statements::statements(&mut db, &partner, of.month.as_deref()).await?;
    Ok(Json(Page { items, next: None }))
}

/// Lists the versions of how a partner is paid.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/payout-profile",
    params(("partner" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = Page<ProfileVersion>))
)]
async fn profiles_of(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<ProfileVersion>>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(Page { items: profiles::versions(&mut db, &partner).await?, next: None }))
}

/// Writes how a partner is to be paid; an operator approves it.
#[utoipa::path(
    put,
    path = "/api/v1/partners/{partner}/payout-profile",
    params(("partner" = Namespace, Path)),
    request_body = PayoutProfile,
    responses((status = 200, description = "Done.", body = ProfileVersion))
)]
async fn write_profile(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Json(profile): Json<PayoutProfile>,
) -> Result<Json<ProfileVersion>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    Ok(Json(profiles::write(&finance.db, &caller, &partner, profile, finance.clock.now()).await?))
}

/// Approves a version of a payout profile; for a second operator.
#[utoipa::path(
    post,
    path = "/api/v1/partners/{partner}/payout-profile/{version}/approve",
    params(("partner" = Namespace, Path), ("version" = i64, Path)),
    responses((status = 200, description = "Done.", body = ProfileVersion))
)]
async fn approve_profile(
    State(finance): State<Finance>,
    caller: Account,
    Path((partner, version)): Path<(Namespace, i64)>,
) -> Result<Json<ProfileVersion>, Error> {
    caller.must_operate("approve payout profiles")?;
    Ok(Json(profiles::approve(&finance.db, &caller.name, &partner, version).await?))
}

#[derive(Deserialize, utoipa::ToSchema)]
struct Proposal {
    partner: Namespace,
    currency: Currency,
}

/// Proposes a payout to one partner; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/payouts",
    request_body = Proposal,
    responses((status = 201, description = "Done.", body = Payout))
)]
async fn propose(
    State(finance): State<Finance>,
    caller: Account,
    Json(new): Json<Proposal>,
) -> Result<(StatusCode, Json<Payout>), Error> {
    caller.must_operate("propose payouts")?;
    let now = finance.clock.now();
    let payout = super::propose(&finance.db, &caller.name, &new.partner, new.currency, now).await?;
    Ok((StatusCode::CREATED, Json(payout)))
}

/// Proposes a payout to every partner who is due one; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/payout-runs",
    responses((status = 201, description = "Done.", body = Page<Payout>))
)]
async fn propose_run(
    State(finance): State<Finance>,
    caller: Account,
) -> Result<(StatusCode, Json<Page<Payout>>), Error> {
    caller.must_operate("propose payouts")?;
    let items = super::propose_run(&finance.db, &caller.name, finance.clock.now()).await?;
    Ok((StatusCode::CREATED, Json(Page { items, next: None })))
}

/// Explains a payout: the sales that it is made of.
#[utoipa::path(
    get,
    path = "/api/v1/payouts/{id}/explain",
    params(("id" = i64, Path)),
    responses((status = 200, description = "Done.", body = Explained))
)]
async fn explain(
    State(finance): State<Finance>,
    caller: Account,
    Path(id): Path<i64>,
) -> Result<Json<Explained>, Error> {
    let explained = super::explain(&finance.db, id).await?;
    caller.must_see(&finance.db, &explained.payout.partner).await?;
    Ok(Json(explained))
}

/// Approves a payout; for a second operator.
#[utoipa::path(
    post,
    path = "/api/v1/payouts/{id}/approve",
    params(("id" = i64, Path)),
    responses((status = 200, description = "Done.", body = Payout))
)]
async fn approve(
    State(finance): State<Finance>,
    caller: Account,
    Path(id): Path<i64>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("approve payouts")?;
    Ok(Json(super::approve(&finance.db, &caller.name, id, finance.clock.now()).await?))
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
    caller: Account,
    Path(id): Path<i64>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("cancel payouts")?;
    Ok(Json(super::cancel(&finance.db, id).await?))
}

#[derive(Deserialize, utoipa::ToSchema)]
struct Confirmation {
    bank_reference: String,
    /// What left the bank, if that is more than what was sent.
    #[serde(default)]
    left: Option<Money>,
}

/// Confirms that the bank has paid a payout; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/payouts/{id}/confirm",
    params(("id" = i64, Path)),
    request_body = Confirmation,
    responses((status = 200, description = "Done.", body = Payout))
)]
async fn confirm(
    State(finance): State<Finance>,
    caller: Account,
    Path(id): Path<i64>,
    Json(new): Json<Confirmation>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("confirm payouts")?;
    let now = finance.clock.now();
    Ok(Json(super::confirm(&finance.db, id, &new.bank_reference, new.left, now).await?))
}

/// Records that the bank has returned a payout; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/payouts/{id}/return",
    params(("id" = i64, Path)),
    responses((status = 200, description = "Done.", body = Payout))
)]
async fn returned(
    State(finance): State<Finance>,
    caller: Account,
    Path(id): Path<i64>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("return payouts")?;
    Ok(Json(super::returned(&finance.db, id, finance.clock.now()).await?))
}
