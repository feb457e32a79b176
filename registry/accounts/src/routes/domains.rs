//! `/api/v1/organisations/{organisation}/domains`: domains that an organisation proves to be its own.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_edge::{Json, Path};
use chandlery_package::Namespace;
use chandlery_package::wire::{DomainCheck, DomainName, OrganisationDomain, Page};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::organisations::{Power, domains};
use crate::{Accounts, Caller, Error};

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(add, remove)).routes(routes!(check))
}

/// What may not be done, in the words of a refusal.
const CHOOSE: &str = "choose the domains of";

/// Lists the domains of an organisation, with the records that prove them; for its members.
#[utoipa::path(
    get,
    path = "/api/v1/organisations/{organisation}/domains",
    params(("organisation" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = Page<OrganisationDomain>))
)]
async fn list(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(organisation): Path<Namespace>,
) -> Result<Json<Page<OrganisationDomain>>, Error> {
    caller.must_have(&accounts.db, &organisation, Power::See, "see the domains of").await?;
    Ok(Json(Page::whole(domains::list(&accounts.db, &organisation).await?)))
}

/// Says that a domain is an organisation's, and gives the record that proves it.
///
/// A domain that was added before stays as it is, with the same record.
#[utoipa::path(
    put,
    path = "/api/v1/organisations/{organisation}/domains/{domain}",
    params(("organisation" = Namespace, Path), ("domain" = DomainName, Path)),
    responses((status = 200, description = "Done.", body = OrganisationDomain))
)]
async fn add(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path((organisation, domain)): Path<(Namespace, DomainName)>,
) -> Result<Json<OrganisationDomain>, Error> {
    caller.must_have(&accounts.db, &organisation, Power::Manage, CHOOSE).await?;
    Ok(Json(domains::add(&accounts.db, &caller.actor, &organisation, &domain).await?))
}

/// Asks the DNS for the record of a domain now, which the registry does each day once it was there.
///
/// The first organisation that proves a domain has it until its record was missing for 7 days.
#[utoipa::path(
    post,
    path = "/api/v1/organisations/{organisation}/domains/{domain}/check",
    params(("organisation" = Namespace, Path), ("domain" = DomainName, Path)),
    responses((status = 200, description = "Done.", body = DomainCheck))
)]
async fn check(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path((organisation, domain)): Path<(Namespace, DomainName)>,
) -> Result<Json<DomainCheck>, Error> {
    caller.must_have(&accounts.db, &organisation, Power::Manage, CHOOSE).await?;
    Ok(Json(domains::check(&accounts, &caller.actor, &organisation, &domain).await?))
}

/// Takes back that a domain is an organisation's.
#[utoipa::path(
    delete,
    path = "/api/v1/organisations/{organisation}/domains/{domain}",
    params(("organisation" = Namespace, Path), ("domain" = DomainName, Path)),
    responses((status = 204, description = "Done."))
)]
async fn remove(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path((organisation, domain)): Path<(Namespace, DomainName)>,
) -> Result<StatusCode, Error> {
    caller.must_have(&accounts.db, &organisation, Power::Manage, CHOOSE).await?;
    domains::remove(&accounts.db, &caller.actor, &organisation, &domain).await?;
    Ok(StatusCode::NO_CONTENT)
}
