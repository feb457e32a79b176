//! `/api/v1/organisations`: making them, and who belongs to them.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_edge::{Json, Path, Query};
use chandlery_package::Namespace;
use chandlery_package::wire::{
    NewOrganisation, NewOrganisationMember, Organisation, OrganisationChange, OrganisationMember,
    OrganisationToken, Page, Paging,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{invitations, making, members, tokens};
use crate::powers::Power;
use crate::tokens::Place as TokenPlace;
use crate::{Account, Accounts, Caller, Error};

/// The routes of this chapter.
pub(crate) fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, rename))
        .routes(routes!(list_members))
        .routes(routes!(invite, remove))
        .routes(routes!(accept, decline))
        .routes(routes!(list_invitations))
        .routes(routes!(list_tokens))
        .routes(routes!(revoke_token))
}

/// Lists the organisations that the account that asks belongs to.
#[utoipa::path(
    get,
    path = "/api/v1/organisations",
    params(Paging<Namespace>),
    responses((status = 200, description = "Done.", body = Page<Organisation>))
)]
async fn list(
    State(accounts): State<Accounts>,
    caller: Account,
    Query(paging): Query<Paging<Namespace>>,
) -> Result<Json<Page<Organisation>>, Error> {
    Ok(Json(making::of(&accounts.db, &caller.name, &paging).await?))
}

/// Makes an organisation, which the account that asks owns.
#[utoipa::path(
    post,
    path = "/api/v1/organisations",
    request_body = NewOrganisation,
    responses((status = 201, description = "Done.", body = Organisation))
)]
async fn create(
    State(accounts): State<Accounts>,
    caller: Caller,
    Json(new): Json<NewOrganisation>,
) -> Result<(StatusCode, Json<Organisation>), Error> {
    let made = making::create(&accounts.db, &caller.actor, &caller, new).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Shows an organisation; for its members.
#[utoipa::path(
    get,
    path = "/api/v1/organisations/{organisation}",
    params(("organisation" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = Organisation))
)]
async fn show(
    State(accounts): State<Accounts>,
    caller: Account,
    Path(organisation): Path<Namespace>,
) -> Result<Json<Organisation>, Error> {
    caller.must_have(&accounts.db, &organisation, Power::See, "see").await?;
    Ok(Json(making::find(&accounts.db, &organisation, &caller.name).await?))
}

/// Gives an organisation another title; for whoever manages it.
#[utoipa::path(
    patch,
    path = "/api/v1/organisations/{organisation}",
    params(("organisation" = Namespace, Path)),
    request_body = OrganisationChange,
    responses((status = 204, description = "Done."))
)]
async fn rename(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(organisation): Path<Namespace>,
    Json(change): Json<OrganisationChange>,
) -> Result<StatusCode, Error> {
    caller.must_have(&accounts.db, &organisation, Power::Manage, "rename").await?;
    making::rename(&accounts.db, &caller.actor, &organisation, &change.title).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists an organisation's members, and who is invited; for its members.
#[utoipa::path(
    get,
    path = "/api/v1/organisations/{organisation}/members",
    params(("organisation" = Namespace, Path), Paging<members::Place>),
    responses((status = 200, description = "Done.", body = Page<OrganisationMember>))
)]
async fn list_members(
    State(accounts): State<Accounts>,
    caller: Account,
    Path(organisation): Path<Namespace>,
    Query(paging): Query<Paging<members::Place>>,
) -> Result<Json<Page<OrganisationMember>>, Error> {
    caller.must_have(&accounts.db, &organisation, Power::See, "see the members of").await?;
    Ok(Json(members::list(&accounts.db, &organisation, &paging).await?))
}

/// Invites an account or, where it is a member already, changes its role.
///
/// By whoever manages the organisation; who is to be an owner, or is one, is chosen by owners.
#[utoipa::path(
    put,
    path = "/api/v1/organisations/{organisation}/members/{account}",
    params(("organisation" = Namespace, Path), ("account" = Namespace, Path)),
    request_body = NewOrganisationMember,
    responses((status = 204, description = "Done."))
)]
async fn invite(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path((organisation, account)): Path<(Namespace, Namespace)>,
    Json(new): Json<NewOrganisationMember>,
) -> Result<StatusCode, Error> {
    caller.must_have(&accounts.db, &organisation, Power::Manage, "choose the members of").await?;
    let place = (&organisation, &caller.name);
    invitations::invite(&accounts.db, &caller.actor, place, &account, new.role).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a membership with every token that acts for the organisation by it, or an invitation; everyone may end their own.
#[utoipa::path(
    delete,
    path = "/api/v1/organisations/{organisation}/members/{account}",
    params(("organisation" = Namespace, Path), ("account" = Namespace, Path)),
    responses((status = 204, description = "Done."))
)]
async fn remove(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path((organisation, account)): Path<(Namespace, Namespace)>,
) -> Result<StatusCode, Error> {
    if caller.name != account {
        caller.must_have(&accounts.db, &organisation, Power::Manage, "choose the members of").await?;
    }
    let place = (&organisation, &caller.name);
    invitations::remove(&accounts.db, &caller.actor, place, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Accepts an invitation to an organisation.
#[utoipa::path(
    put,
    path = "/api/v1/organisations/{organisation}/invitation",
    params(("organisation" = Namespace, Path)),
    responses((status = 204, description = "Done."))
)]
async fn accept(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(organisation): Path<Namespace>,
) -> Result<StatusCode, Error> {
    invitations::answer(&accounts.db, &caller.actor, &organisation, &caller.name, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Declines an invitation to an organisation.
#[utoipa::path(
    delete,
    path = "/api/v1/organisations/{organisation}/invitation",
    params(("organisation" = Namespace, Path)),
    responses((status = 204, description = "Done."))
)]
async fn decline(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(organisation): Path<Namespace>,
) -> Result<StatusCode, Error> {
    invitations::answer(&accounts.db, &caller.actor, &organisation, &caller.name, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the organisations that the account that asks is invited to.
#[utoipa::path(
    get,
    path = "/api/v1/account/organisation-invitations",
    params(Paging<Namespace>),
    responses((status = 200, description = "Done.", body = Page<OrganisationMember>))
)]
async fn list_invitations(
    State(accounts): State<Accounts>,
    caller: Account,
    Query(paging): Query<Paging<Namespace>>,
) -> Result<Json<Page<OrganisationMember>>, Error> {
    Ok(Json(invitations::list(&accounts.db, &caller.name, &paging).await?))
}

/// Lists the tokens and sessions that act for an organisation, whosever they are; for whoever chooses its members.
#[utoipa::path(
    get,
    path = "/api/v1/organisations/{organisation}/tokens",
    params(("organisation" = Namespace, Path), Paging<TokenPlace>),
    responses((status = 200, description = "Done.", body = Page<OrganisationToken>))
)]
async fn list_tokens(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(organisation): Path<Namespace>,
    Query(paging): Query<Paging<TokenPlace>>,
) -> Result<Json<Page<OrganisationToken>>, Error> {
    caller.must_have(&accounts.db, &organisation, Power::Manage, "see the tokens of").await?;
    Ok(Json(tokens::list(&accounts, &organisation, &paging).await?))
}

/// Ends a token or a session that acts for an organisation, whosever it is; for whoever chooses its members.
#[utoipa::path(
    delete,
    path = "/api/v1/organisations/{organisation}/tokens/{id}",
    params(("organisation" = Namespace, Path), ("id" = String, Path)),
    responses((status = 204, description = "Done."))
)]
async fn revoke_token(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path((organisation, id)): Path<(Namespace, String)>,
) -> Result<StatusCode, Error> {
    caller.must_have(&accounts.db, &organisation, Power::Manage, "end the tokens of").await?;
    tokens::revoke(&accounts, &caller, &organisation, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
