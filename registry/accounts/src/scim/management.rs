//! `/api/v1/organisations/{organisation}/directory-tokens` and `…/directory-groups`: a directory, as an organisation sets it up.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_edge::{Json, Path, Query};
use chandlery_package::Namespace;
use chandlery_package::wire::{
    DirectoryGroup, DirectoryGroupRole, DirectoryToken, NewDirectoryToken, Page, Paging, Token,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::Error as ScimError;
use super::{roles, tokens};
use crate::organisations::Power;
use crate::tokens::Place;
use crate::{Accounts, Caller, Error};

/// The routes of this chapter.
pub(crate) fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new()
        .routes(routes!(list_tokens, new_token))
        .routes(routes!(revoke_token))
        .routes(routes!(list_groups))
        .routes(routes!(map_group))
}

/// What a person is told of a refusal.
impl From<ScimError> for Error {
    fn from(error: ScimError) -> Self {
        match error {
            ScimError::Shared(error) => error,
            other => Self::Conflict(other.to_string()),
        }
    }
}

async fn must_manage(accounts: &Accounts, caller: &Caller, organisation: &Namespace) -> Result<(), Error> {
    caller.must_have(&accounts.db, organisation, Power::Manage, "set up the directory of").await
}

/// Lists the tokens of an organisation's directory.
#[utoipa::path(
    get,
    path = "/api/v1/organisations/{organisation}/directory-tokens",
    params(("organisation" = Namespace, Path), Paging<Place>),
    responses((status = 200, description = "Done.", body = Page<DirectoryToken>))
)]
async fn list_tokens(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(organisation): Path<Namespace>,
    Query(paging): Query<Paging<Place>>,
) -> Result<Json<Page<DirectoryToken>>, Error> {
    must_manage(&accounts, &caller, &organisation).await?;
    Ok(Json(tokens::list(&accounts.db, &organisation, &paging).await?))
}

/// Issues a token for an organisation's directory, which is known by it at `/scim/v2`, and for nothing else.
#[utoipa::path(
    post,
    path = "/api/v1/organisations/{organisation}/directory-tokens",
    params(("organisation" = Namespace, Path)),
    request_body = NewDirectoryToken,
    responses((status = 201, description = "Done.", body = Token))
)]
async fn new_token(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(organisation): Path<Namespace>,
    Json(new): Json<NewDirectoryToken>,
) -> Result<(StatusCode, Json<Token>), Error> {
    must_manage(&accounts, &caller, &organisation).await?;
    let token = tokens::issue(&accounts, &caller, &organisation, &new).await?;
    Ok((StatusCode::CREATED, Json(Token { account: organisation, token })))
}

/// Revokes a token of an organisation's directory.
#[utoipa::path(
    delete,
    path = "/api/v1/organisations/{organisation}/directory-tokens/{id}",
    params(("organisation" = Namespace, Path), ("id" = String, Path)),
    responses((status = 204, description = "Done."))
)]
async fn revoke_token(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path((organisation, id)): Path<(Namespace, String)>,
) -> Result<StatusCode, Error> {
    must_manage(&accounts, &caller, &organisation).await?;
    tokens::revoke(&accounts.db, &caller, &organisation, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the groups of an organisation's directory, and the roles that they give.
#[utoipa::path(
    get,
    path = "/api/v1/organisations/{organisation}/directory-groups",
    params(("organisation" = Namespace, Path), Paging<String>),
    responses((status = 200, description = "Done.", body = Page<DirectoryGroup>))
)]
async fn list_groups(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(organisation): Path<Namespace>,
    Query(paging): Query<Paging<String>>,
) -> Result<Json<Page<DirectoryGroup>>, Error> {
    must_manage(&accounts, &caller, &organisation).await?;
    Ok(Json(roles::list(&accounts.db, &organisation, &paging).await?))
}

/// Chooses what the people of a group are in the organisation: any role but owner.
#[utoipa::path(
    put,
    path = "/api/v1/organisations/{organisation}/directory-groups/{id}",
    params(("organisation" = Namespace, Path), ("id" = String, Path)),
    request_body = DirectoryGroupRole,
    responses((status = 204, description = "Done."))
)]
async fn map_group(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path((organisation, id)): Path<(Namespace, String)>,
    Json(new): Json<DirectoryGroupRole>,
) -> Result<StatusCode, Error> {
    must_manage(&accounts, &caller, &organisation).await?;
    roles::set(&accounts.db, &caller, &organisation, &id, new.role).await?;
    Ok(StatusCode::NO_CONTENT)
}
