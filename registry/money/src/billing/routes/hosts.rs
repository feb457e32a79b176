//! What hosts sign: their keys, their reports, and how each stands.

use axum::extract::State;
use chandlery_package::Namespace;
use chandlery_package::wire::{HostChain, HostKey, Page, Paging, UsageReceipt, UsageReport};

use crate::billing::UsageBounds;
use crate::billing::usage::chains::{self, Place};
use crate::billing::usage::records;
use crate::{Error, Finance};
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Json, Path, Query};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How many events a report may have.
const EVENTS_MAX: usize = 1000;

pub(crate) fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new().routes(routes!(register)).routes(routes!(report)).routes(routes!(list))
}

/// Registers the key that a host of the account signs its usage with, once for good, and tells how far the host has come.
#[utoipa::path(
    put,
    path = "/api/v1/hosts/{host}/key",
    params(("host" = String, Path)),
    request_body = HostKey,
    responses((status = 200, description = "Done.", body = HostChain))
)]
async fn register(
    State(finance): State<Finance>,
    caller: Caller,
    Path(host): Path<String>,
    Json(new): Json<HostKey>,
) -> Result<Json<HostChain>, Error> {
    let (who, now) = ((&caller.actor, &caller.name), finance.clock.now());
    Ok(Json(chains::register(&finance.db, finance.log.origin(), who, &host, &new.key, now).await?))
}

/// Takes what a host has signed of its usage, at most 1000 events, or that there is nothing new.
#[utoipa::path(
    post,
    path = "/api/v1/hosts/{host}/usage",
    params(("host" = String, Path)),
    request_body = UsageReport,
    responses((status = 200, description = "Done.", body = UsageReceipt))
)]
async fn report(
    State(finance): State<Finance>,
    caller: Account,
    Path(host): Path<String>,
    Json(report): Json<UsageReport>,
) -> Result<Json<UsageReceipt>, Error> {
    if report.events.len() > EVENTS_MAX {
        return Err(Error::Invalid(format!("a report has at most {EVENTS_MAX} events")));
    }
    let bounds = UsageBounds { now: finance.clock.now(), days: finance.usage_days };
    let registry = finance.log.origin();
    Ok(Json(chains::take(&finance.db, registry, &caller.name, &host, &report, bounds).await?))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct OfAccount {
    /// The customer, for whoever has sold to it; the account that asks, unless given.
    account: Option<Namespace>,
}

/// Lists the account's hosts that sign their usage, how far each has come and what is wrong with it; for operators, those of all.
#[utoipa::path(
    get,
    path = "/api/v1/usage-hosts",
    params(OfAccount, Paging<Place>),
    responses((status = 200, description = "Done.", body = Page<HostChain>))
)]
async fn list(
    State(finance): State<Finance>,
    caller: Account,
    Query(of): Query<OfAccount>,
    Query(paging): Query<Paging<Place>>,
) -> Result<Json<Page<HostChain>>, Error> {
    let own = (!caller.operator).then_some(&caller.name);
    let account = of.account.as_ref().or(own);
    if let Some(account) = account {
        records::seen_by(&finance.db, &caller, account).await?;
    }
    let mut db = finance.db.snapshot().await?;
    let (registry, now) = (finance.log.origin(), finance.clock.now());
    Ok(Json(chains::list(&mut db, registry, account, &paging, now).await?))
}
