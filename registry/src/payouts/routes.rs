//! `/api/v1/partners` for a partner's money, `/api/v1/payouts` for operators.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::{get, post};
use chandlery_package::wire::{Balance, Earning, Page, Payout, PayoutProfile, ProfileVersion};
use chandlery_package::{Currency, Money, Namespace};
use serde::Deserialize;

use super::statements::Published;
use super::{BankAccount, Explained, MonthlyEarning, PluginEarning, profiles, rails, run, statements};
use crate::accounts::Caller;
use crate::extract::{Json, Path, Query};
use crate::{Error, Registry};
use chandlery_store::Facts;

/// The account that bank files pay from.
const BANK_ACCOUNT: &str = "bank-account";

/// The routes of this room.
pub fn routes() -> Router<Registry> {
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
        .route("/api/v1/bank-account", get(bank_account).put(set_bank_account))
        .route("/api/v1/payout-runs", post(propose_run))
        .route("/api/v1/payout-runs/{run}/send", post(send_run))
        .route("/api/v1/payout-runs/{run}/pain.001", get(bank_file))
        .route("/api/v1/payouts", get(list).post(propose))
        .route("/api/v1/payouts/{id}/explain", get(explain))
        .route("/api/v1/payouts/{id}/cancel", post(cancel))
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
    Ok(Json(Page { items: super::balances(&mut db, &partner, registry.clock.now()).await?, next: None }))
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

async fn payouts_of(
    State(registry): State<Registry>,
    caller: Caller,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<Payout>>, Error> {
    caller.must_see(&registry, &partner).await?;
    let mut db = registry.db.read().acquire().await?;
    Ok(Json(Page { items: run::of_partner(&mut db, &partner).await?, next: None }))
}

#[derive(Deserialize)]
struct OfMonth {
    month: Option<String>,
}

async fn statements_of(
    State(registry): State<Registry>,
    caller: Caller,
    Path(partner): Path<Namespace>,
    Query(of): Query<OfMonth>,
) -> Result<Json<Page<Published>>, Error> {
    caller.must_see(&registry, &partner).await?;
    let mut db = registry.db.read().acquire().await?;
    let items = statements::statements(&mut db, &partner, of.month.as_deref()).await?;
    Ok(Json(Page { items, next: None }))
}

async fn profiles_of(
    State(registry): State<Registry>,
    caller: Caller,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<ProfileVersion>>, Error> {
    caller.must_see(&registry, &partner).await?;
    let mut db = registry.db.read().acquire().await?;
    Ok(Json(Page { items: profiles::versions(&mut db, &partner).await?, next: None }))
}

async fn write_profile(
    State(registry): State<Registry>,
    caller: Caller,
    Path(partner): Path<Namespace>,
    Json(profile): Json<PayoutProfile>,
) -> Result<Json<ProfileVersion>, Error> {
    caller.must_see(&registry, &partner).await?;
    Ok(Json(profiles::write(&registry, &caller, &partner, profile, registry.clock.now()).await?))
}

async fn approve_profile(
    State(registry): State<Registry>,
    caller: Caller,
    Path((partner, version)): Path<(Namespace, i64)>,
) -> Result<Json<ProfileVersion>, Error> {
    caller.must_operate("approve payout profiles")?;
    Ok(Json(profiles::approve(&registry, &caller.name, &partner, version).await?))
}

async fn own_account(registry: &Registry) -> Result<BankAccount, Error> {
    let none =
        || Error::Conflict("no bank account is set to pay from: `chandlery payouts from` sets it".into());
    let text = Facts(&registry.db).get(BANK_ACCOUNT).await?.ok_or_else(none)?;
    serde_json::from_str(&text).map_err(|_| Error::Damaged("the bank account cannot be read".into()))
}

async fn bank_account(State(registry): State<Registry>, caller: Caller) -> Result<Json<BankAccount>, Error> {
    caller.must_operate("see the bank account")?;
    Ok(Json(own_account(&registry).await?))
}

async fn set_bank_account(
    State(registry): State<Registry>,
    caller: Caller,
    Json(account): Json<BankAccount>,
) -> Result<Json<BankAccount>, Error> {
    caller.must_operate("set the bank account")?;
    rails::check_account(&account.holder, &account.iban, Some(&account.bic))?;
    Facts(&registry.db).set(BANK_ACCOUNT, &serde_json::json!(account).to_string()).await?;
    Ok(Json(account))
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
    let now = registry.clock.now();
    let payout = super::propose(&registry, &caller.name, &new.partner, new.currency, now).await?;
    Ok((StatusCode::CREATED, Json(payout)))
}

async fn propose_run(
    State(registry): State<Registry>,
    caller: Caller,
) -> Result<(StatusCode, Json<Page<Payout>>), Error> {
    caller.must_operate("propose payouts")?;
    let items = super::propose_run(&registry, &caller.name, registry.clock.now()).await?;
    Ok((StatusCode::CREATED, Json(Page { items, next: None })))
}

async fn send_run(
    State(registry): State<Registry>,
    caller: Caller,
    Path(run): Path<i64>,
) -> Result<Json<Page<Payout>>, Error> {
    caller.must_operate("send payouts")?;
    let items = super::send(&registry, Some(run), registry.clock.now()).await?;
    Ok(Json(Page { items, next: None }))
}

async fn bank_file(
    State(registry): State<Registry>,
    caller: Caller,
    Path(run): Path<i64>,
) -> Result<([(HeaderName, String); 2], String), Error> {
    caller.must_operate("make bank files")?;
    let from = own_account(&registry).await?;
    let mut db = registry.db.snapshot().await?;
    let payouts = run::of_run(&mut db, run).await?;
    let proposed: Option<(String,)> = sqlx::query_as("select proposed_at from payout_runs where id = $1")
        .bind(run)
        .fetch_optional(&mut *db)
        .await?;
    let (at,) = proposed.ok_or_else(|| Error::NotFound(format!("payout run {run}")))?;
    let at = at.parse().map_err(|_| Error::Damaged("a run's date cannot be read".into()))?;
    let file = rails::file(run, &from, &payouts, at)?;
    let headers = [
        (header::CONTENT_TYPE, "application/xml; charset=utf-8".into()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"run-{run}.xml\"")),
    ];
    Ok((headers, file))
}

async fn explain(
    State(registry): State<Registry>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Explained>, Error> {
    let explained = super::explain(&registry, id).await?;
    caller.must_see(&registry, &explained.payout.partner).await?;
    Ok(Json(explained))
}

async fn approve(
    State(registry): State<Registry>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("approve payouts")?;
    Ok(Json(super::approve(&registry, &caller.name, id, registry.clock.now()).await?))
}

async fn cancel(
    State(registry): State<Registry>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("cancel payouts")?;
    Ok(Json(super::cancel(&registry, id).await?))
}

#[derive(Deserialize)]
struct Confirmation {
    bank_reference: String,
    /// What left the bank, if that is more than what was sent.
    #[serde(default)]
    left: Option<Money>,
}

async fn confirm(
    State(registry): State<Registry>,
    caller: Caller,
    Path(id): Path<i64>,
    Json(new): Json<Confirmation>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("confirm payouts")?;
    let now = registry.clock.now();
    Ok(Json(super::confirm(&registry, id, &new.bank_reference, new.left, now).await?))
}

async fn returned(
    State(registry): State<Registry>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("return payouts")?;
    Ok(Json(super::returned(&registry, id, registry.clock.now()).await?))
}
