//! `/api/v1/partners` for a partner's money, `/api/v1/payouts` for operators.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::{get, post};
use chandlery_package::wire::{Balance, Earning, Page, Payout};
use chandlery_package::{Currency, Money, Namespace};
use serde::Deserialize;

use super::{MonthlyEarning, PluginEarning};
use crate::accounts::Caller;
use crate::extract::{Json, Path};
use crate::{Error, Registry};

/// The routes of this room.
pub fn routes() -> Router<Registry> {
    Router::new()
        .route("/api/v1/partners/{partner}/balances", get(balances))
        .route("/api/v1/partners/{partner}/transactions", get(transactions))
        .route("/api/v1/partners/{partner}/transactions.csv", get(transactions_csv))
        .route("/api/v1/partners/{partner}/months", get(months))
        .route("/api/v1/partners/{partner}/plugins", get(plugins))
        .route("/api/v1/payouts", get(list).post(propose))
        .route("/api/v1/payouts/{id}/approve", post(approve))
        .route("/api/v1/payouts/{id}/confirm", post(confirm))
        .route("/api/v1/payouts/{id}/return", post(returned))
}

async fn read(registry: &Registry, caller: &Caller, partner: &Namespace) -> Result<Vec<Earning>, Error> {
    caller.must_see(registry, partner).await?;
    let mut db = registry.db.read().acquire().await?;
    super::transactions(&mut db, partner).await
}

async fn balances(
    State(registry): State<Registry>,
    caller: Caller,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<Balance>>, Error> {
    caller.must_see(&registry, &partner).await?;
    let mut db = registry.db.read().begin().await?;
    Ok(Json(Page { items: super::balances(&mut db, &partner).await?, next: None }))
}

async fn transactions(
    State(registry): State<Registry>,
    caller: Caller,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<Earning>>, Error> {
    Ok(Json(Page { items: read(&registry, &caller, &partner).await?, next: None }))
}

async fn months(
    State(registry): State<Registry>,
    caller: Caller,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<MonthlyEarning>>, Error> {
    let items = super::by_month(&read(&registry, &caller, &partner).await?)?;
    Ok(Json(Page { items, next: None }))
}

async fn plugins(
    State(registry): State<Registry>,
    caller: Caller,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<PluginEarning>>, Error> {
    let items = super::by_plugin(&read(&registry, &caller, &partner).await?)?;
    Ok(Json(Page { items, next: None }))
}

/// The same transactions as a table (RFC 4180): no field that we write holds a comma, a quote or a line's end, but for
/// descriptions, which are quoted.
pub async fn transactions_csv(
    State(registry): State<Registry>,
    caller: Caller,
    Path(partner): Path<Namespace>,
) -> Result<([(HeaderName, &'static str); 2], String), Error> {
    let mut csv = String::from("transaction,at,kind,plugin,description,currency,gross,net,available_at\r\n");
    for row in read(&registry, &caller, &partner).await? {
        let plugin = row.plugin.map(|plugin| plugin.to_string()).unwrap_or_default();
        let gross = row.gross.map(amount).unwrap_or_default();
        let available = row.available_at.map(|at| at.to_string()).unwrap_or_default();
        let description = row.description.replace('"', "\"\"");
        csv.push_str(&format!(
            "{},{},{},{plugin},\"{description}\",{},{gross},{},{available}\r\n",
            row.transaction,
            row.at,
            row.kind,
            row.net.currency,
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

async fn list(State(registry): State<Registry>, caller: Caller) -> Result<Json<Page<Payout>>, Error> {
    caller.must_operate("see payouts")?;
    Ok(Json(Page { items: super::list(&registry).await?, next: None }))
}

#[derive(Deserialize)]
struct Proposal {
    partner: Namespace,
    currency: Currency,
}

async fn propose(
    State(registry): State<Registry>,
    caller: Caller,
    Json(new): Json<Proposal>,
) -> Result<(StatusCode, Json<Payout>), Error> {
    caller.must_operate("propose payouts")?;
    let payout = super::propose(&registry, &caller.name, &new.partner, new.currency).await?;
    Ok((StatusCode::CREATED, Json(payout)))
}

async fn approve(
    State(registry): State<Registry>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("approve payouts")?;
    Ok(Json(super::approve(&registry, &caller.name, id).await?))
}

#[derive(Deserialize)]
struct Confirmation {
    bank_reference: String,
}

async fn confirm(
    State(registry): State<Registry>,
    caller: Caller,
    Path(id): Path<i64>,
    Json(confirmation): Json<Confirmation>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("confirm payouts")?;
    Ok(Json(super::confirm(&registry, id, &confirmation.bank_reference).await?))
}

async fn returned(
    State(registry): State<Registry>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("return payouts")?;
    Ok(Json(super::returned(&registry, id).await?))
}
