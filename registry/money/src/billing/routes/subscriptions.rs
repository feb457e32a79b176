//! What an account has subscribed to, and what its hosts may do by that.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use chandlery_package::wire::{
    Agreement, HostSeen, NewSubscription, NewTrial, Page, SignedLicence, Subscription, TierOffer,
};
use chandlery_package::{Billed, Namespace, Tier};

use crate::billing::Report;
use crate::{Error, Finance, billing};
use chandlery_accounts::Account;
use chandlery_edge::{Json, Path, Query};

pub(crate) fn routes() -> Router<Finance> {
    Router::new()
        .route("/api/v1/tiers", get(tiers))
        .route("/api/v1/subscription", get(subscription).put(change))
        .route("/api/v1/subscription/trial", post(try_out))
        .route("/api/v1/accounts/{account}/subscription", put(agree))
        .route("/api/v1/licence", get(licence))
        .route("/api/v1/hosts", get(hosts))
        .route("/api/v1/hosts/{host}", delete(forget_host))
}

/// The price list.
async fn tiers() -> Json<Page<TierOffer>> {
    let offer = |tier: Tier| TierOffer {
        tier,
        deployments: tier.deployments(),
        monthly: tier.price(Billed::Monthly),
        yearly: tier.price(Billed::Yearly),
    };
    Json(Page { items: Tier::ALL.map(offer).into(), next: None })
}

async fn subscription(State(finance): State<Finance>, caller: Account) -> Result<Json<Subscription>, Error> {
    Ok(Json(billing::subscription(&finance.db, &caller.name, finance.clock.now()).await?))
}

async fn change(
    State(finance): State<Finance>,
    caller: Account,
    Json(new): Json<NewSubscription>,
) -> Result<Json<Subscription>, Error> {
    Ok(Json(billing::change(&finance.db, &caller.name, &new, finance.clock.now()).await?))
}

async fn try_out(
    State(finance): State<Finance>,
    caller: Account,
    Json(new): Json<NewTrial>,
) -> Result<Json<Subscription>, Error> {
    Ok(Json(billing::try_out(&finance.db, &caller.name, &new, finance.clock.now()).await?))
}

async fn agree(
    State(finance): State<Finance>,
    caller: Account,
    Path(account): Path<Namespace>,
    Json(agreement): Json<Agreement>,
) -> Result<Json<Subscription>, Error> {
    caller.must_operate("record agreements")?;
    Ok(Json(billing::agree(&finance.db, &account, &agreement, finance.clock.now()).await?))
}

async fn licence(
    State(finance): State<Finance>,
    caller: Account,
    Query(report): Query<Report>,
) -> Result<Json<SignedLicence>, Error> {
    let licence = billing::licence(&finance, &caller.name, &report, finance.clock.now()).await?;
    Ok(Json(SignedLicence { licence }))
}

async fn hosts(State(finance): State<Finance>, caller: Account) -> Result<Json<Page<HostSeen>>, Error> {
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(Page { items: billing::hosts(&mut db, &caller.name).await?, next: None }))
}

async fn forget_host(
    State(finance): State<Finance>,
    caller: Account,
    Path(host): Path<String>,
) -> Result<StatusCode, Error> {
    billing::forget_host(&finance.db, &caller.name, &host).await?;
    Ok(StatusCode::NO_CONTENT)
}
