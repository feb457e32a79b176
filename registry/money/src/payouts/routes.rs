//! `/api/v1/partners` for a partner's money, `/api/v1/payouts` for operators.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::{get, post};
use chandlery_package::wire::{Earning, Page, PartnerBalance, Payout, PayoutProfile, ProfileVersion};
use chandlery_package::{Currency, Money, Namespace};
use serde::Deserialize;

use super::statements::Published;
use super::{Explained, MonthlyEarning, PluginEarning, profiles, run, statements};
use crate::{Error, Finance};
use chandlery_accounts::Account;
use chandlery_edge::{Json, Path, Query};
use chandlery_store::Db;

/// The routes of this room.
pub fn routes() -> Router<Finance> {
    Router::new()
        .route("/api/v1/partners/{partner}/balances", get(balances))
        .route("/api/v1/partners/{partner}/transactions", get(transactions))
        .route("/api/v1/partners/{partner}/transactions.csv", get(transactions_csv))
        .route("/api/v1/partners/{partner}/months", get(months))
        .route("/api/v1/partners/{partner}/plugins", get(plugins))
        .route("/api/v1/partners/{partner}/statements", get(statements_of))
        .route("/api/v1/partners/{partner}/payouts", get(payouts_of))
        .route("/api/v1/partners/{partner}/payout-profile", get(profiles_of).put(write_profile))
        .route("/api/v1/partners/{partner}/payout-profile/{version}/approve", post(approve_profile))
        .route("/api/v1/payout-runs", post(propose_run))
        .route("/api/v1/payouts", get(list).post(propose))
        .route("/api/v1/payouts/{id}/explain", get(explain))
        .route("/api/v1/payouts/{id}/cancel", post(cancel))
        .route("/api/v1/payouts/{id}/approve", post(approve))
        .route("/api/v1/payouts/{id}/confirm", post(confirm))
        .route("/api/v1/payouts/{id}/return", post(returned))
}

async fn read(db: &Db, caller: &Account, partner: &Namespace) -> Result<Vec<Earning>, Error> {
    caller.must_see(db, partner).await?;
    let mut db = db.read().acquire().await?;
    super::transactions(&mut db, partner).await
}

async fn balances(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<PartnerBalance>>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().begin().await?;
    Ok(Json(Page { items: super::balances(&mut db, &partner, finance.clock.now()).await?, next: None }))
}

async fn transactions(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<Earning>>, Error> {
    Ok(Json(Page { items: read(&finance.db, &caller, &partner).await?, next: None }))
}

async fn months(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<MonthlyEarning>>, Error> {
    let items = super::by_month(&read(&finance.db, &caller, &partner).await?)?;
    Ok(Json(Page { items, next: None }))
}

async fn plugins(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<PluginEarning>>, Error> {
    let items = super::by_plugin(&read(&finance.db, &caller, &partner).await?)?;
    Ok(Json(Page { items, next: None }))
}

/// The same transactions as a table (RFC 4180): no field that we write holds a comma, a quote or a line's end, but for
/// descriptions, which are quoted.
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

async fn list(State(finance): State<Finance>, caller: Account) -> Result<Json<Page<Payout>>, Error> {
    caller.must_operate("see payouts")?;
    Ok(Json(Page { items: super::list(&finance.db).await?, next: None }))
}

async fn payouts_of(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<Payout>>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(Page { items: run::of_partner(&mut db, &partner).await?, next: None }))
}

#[derive(Deserialize)]
struct OfMonth {
    month: Option<String>,
}

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

async fn profiles_of(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<ProfileVersion>>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(Page { items: profiles::versions(&mut db, &partner).await?, next: None }))
}

async fn write_profile(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Json(profile): Json<PayoutProfile>,
) -> Result<Json<ProfileVersion>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    Ok(Json(profiles::write(&finance.db, &caller, &partner, profile, finance.clock.now()).await?))
}

async fn approve_profile(
    State(finance): State<Finance>,
    caller: Account,
    Path((partner, version)): Path<(Namespace, i64)>,
) -> Result<Json<ProfileVersion>, Error> {
    caller.must_operate("approve payout profiles")?;
    Ok(Json(profiles::approve(&finance.db, &caller.name, &partner, version).await?))
}

#[derive(Deserialize)]
struct Proposal {
    partner: Namespace,
    currency: Currency,
}

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

async fn propose_run(
    State(finance): State<Finance>,
    caller: Account,
) -> Result<(StatusCode, Json<Page<Payout>>), Error> {
    caller.must_operate("propose payouts")?;
    let items = super::propose_run(&finance.db, &caller.name, finance.clock.now()).await?;
    Ok((StatusCode::CREATED, Json(Page { items, next: None })))
}

async fn explain(
    State(finance): State<Finance>,
    caller: Account,
    Path(id): Path<i64>,
) -> Result<Json<Explained>, Error> {
    let explained = super::explain(&finance.db, id).await?;
    caller.must_see(&finance.db, &explained.payout.partner).await?;
    Ok(Json(explained))
}

async fn approve(
    State(finance): State<Finance>,
    caller: Account,
    Path(id): Path<i64>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("approve payouts")?;
    Ok(Json(super::approve(&finance.db, &caller.name, id, finance.clock.now()).await?))
}

async fn cancel(
    State(finance): State<Finance>,
    caller: Account,
    Path(id): Path<i64>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("cancel payouts")?;
    Ok(Json(super::cancel(&finance.db, id).await?))
}

#[derive(Deserialize)]
struct Confirmation {
    bank_reference: String,
    /// What left the bank, if that is more than what was sent.
    #[serde(default)]
    left: Option<Money>,
}

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

async fn returned(
    State(finance): State<Finance>,
    caller: Account,
    Path(id): Path<i64>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("return payouts")?;
    Ok(Json(super::returned(&finance.db, id, finance.clock.now()).await?))
}
