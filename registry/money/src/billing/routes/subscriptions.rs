//! What an account has subscribed to, and what its hosts may do by that.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chandlery_package::wire::{
    Agreement, ApprovalRequest, HostSeen, NewSubscription, NewTrial, Page, Paging, SignedLicence,
    Subscription, TierOffer,
};
use chandlery_package::{Billed, Namespace, Tier};

use crate::approvals::{self, Ask, Wanted};
use crate::billing::Report;
use crate::billing::licences::Key;
use crate::{Error, Finance, billing};
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Json, Path, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(tiers))
        .routes(routes!(subscription, change))
        .routes(routes!(try_out))
        .routes(routes!(agree))
        .routes(routes!(licence))
        .routes(routes!(hosts))
        .routes(routes!(forget_host))
}

/// Shows the price list of subscriptions.
#[utoipa::path(
    get,
    path = "/api/v1/tiers",
    responses((status = 200, description = "Done.", body = Page<TierOffer>)),
    security(())
)]
async fn tiers() -> Json<Page<TierOffer>> {
    let offer = |tier: Tier| TierOffer {
        tier,
        deployments: tier.deployments(),
        monthly: tier.price(Billed::Monthly),
        yearly: tier.price(Billed::Yearly),
    };
    Json(Page::whole(Tier::ALL.map(offer).into()))
}

/// Shows what the account has subscribed to.
#[utoipa::path(
    get,
    path = "/api/v1/subscription",
    responses((status = 200, description = "Done.", body = Subscription))
)]
async fn subscription(State(finance): State<Finance>, caller: Account) -> Result<Json<Subscription>, Error> {
    Ok(Json(billing::subscription(&finance.db, &caller.name, finance.clock.now()).await?))
}

/// Changes the subscription.
#[utoipa::path(
    put,
    path = "/api/v1/subscription",
    request_body = NewSubscription,
    responses((status = 200, description = "Done.", body = Subscription))
)]
async fn change(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<NewSubscription>,
) -> Result<Json<Subscription>, Error> {
    Ok(Json(billing::change(&finance.db, &caller.actor, &caller.name, &new, finance.clock.now()).await?))
}

/// Begins the trial.
#[utoipa::path(
    post,
    path = "/api/v1/subscription/trial",
    request_body = NewTrial,
    responses((status = 200, description = "Done.", body = Subscription))
)]
async fn try_out(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<NewTrial>,
) -> Result<Json<Subscription>, Error> {
    Ok(Json(billing::try_out(&finance.db, &caller.actor, &caller.name, &new, finance.clock.now()).await?))
}

/// Records what was agreed with an account; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/accounts/{account}/subscription",
    params(("account" = Namespace, Path)),
    request_body = Agreement,
    responses(
        (status = 200, description = "Done.", body = Subscription),
        (status = 202, description = "Others must approve it.", body = ApprovalRequest)
    )
)]
async fn agree(
    State(finance): State<Finance>,
    caller: Caller,
    Path(account): Path<Namespace>,
    Json(agreement): Json<Agreement>,
) -> Result<Response, Error> {
    caller.must_operate("record agreements")?;
    let wanted = Wanted::Agreement { account: account.clone(), agreement: agreement.clone() };
    let asked = Ask { by: &caller.name, wanted: &wanted, amount: Some(agreement.price) };
    if let Some(request) = approvals::ask(&finance, &caller.actor, &asked).await? {
        return Ok((StatusCode::ACCEPTED, Json(request)).into_response());
    }
    let (db, now) = (&finance.db, finance.clock.now());
    let agreed = billing::agree(db, &caller.actor, &account, &agreement, now).await?;
    Ok(Json(agreed).into_response())
}

/// Signs a licence for a host that reports itself.
#[utoipa::path(
    get,
    path = "/api/v1/licence",
    params(Report),
    responses((status = 200, description = "Done.", body = SignedLicence))
)]
async fn licence(
    State(finance): State<Finance>,
    caller: Account,
    Query(report): Query<Report>,
) -> Result<Json<SignedLicence>, Error> {
    let licence = billing::licence(&finance.db, &finance.log, &caller, &report, finance.clock.now()).await?;
    Ok(Json(SignedLicence { licence }))
}

/// Lists the hosts of the account, as they have reported themselves.
#[utoipa::path(
    get,
    path = "/api/v1/hosts",
    params(Paging<Key>),
    responses((status = 200, description = "Done.", body = Page<HostSeen>))
)]
async fn hosts(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<Key>>,
) -> Result<Json<Page<HostSeen>>, Error> {
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(billing::hosts(&mut db, &caller.name, &paging).await?))
}

/// Forgets a host, so that its deployments do not count any more.
#[utoipa::path(
    delete,
    path = "/api/v1/hosts/{host}",
    params(("host" = String, Path)),
    responses((status = 204, description = "Done."))
)]
async fn forget_host(
    State(finance): State<Finance>,
    caller: Account,
    Path(host): Path<String>,
) -> Result<StatusCode, Error> {
    billing::forget_host(&finance.db, &caller.name, &host, finance.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
