//! `/api/v1/organisations/{organisation}/identity-provider`: by which provider people of an organisation sign in.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_edge::{Json, Path};
use chandlery_package::Namespace;
use chandlery_package::wire::{IdentityProvider, NewIdentityProvider};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Accounts, Caller, Error, sign_on};

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new().routes(routes!(show, set, remove))
}

/// Shows the OpenID provider by which people of an organisation sign in, without its secret; for who manages the organisation.
#[utoipa::path(
    get,
    path = "/api/v1/organisations/{organisation}/identity-provider",
    params(("organisation" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = IdentityProvider))
)]
async fn show(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(organisation): Path<Namespace>,
) -> Result<Json<IdentityProvider>, Error> {
    Ok(Json(sign_on::show(&accounts, &caller, &organisation).await?))
}

/// Sets the OpenID provider by which people of an organisation sign in; for who manages the organisation.
///
/// To enforce it takes a proved domain, and that whoever asks has signed in by it.
#[utoipa::path(
    put,
    path = "/api/v1/organisations/{organisation}/identity-provider",
    params(("organisation" = Namespace, Path)),
    request_body = NewIdentityProvider,
    responses((status = 200, description = "Done.", body = IdentityProvider))
)]
async fn set(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(organisation): Path<Namespace>,
    Json(new): Json<NewIdentityProvider>,
) -> Result<Json<IdentityProvider>, Error> {
    Ok(Json(sign_on::set(&accounts, &caller, &organisation, &new).await?))
}

/// Removes the OpenID provider of an organisation, and ends what was opened by it; for who manages the organisation.
#[utoipa::path(
    delete,
    path = "/api/v1/organisations/{organisation}/identity-provider",
    params(("organisation" = Namespace, Path)),
    responses((status = 204, description = "Done."))
)]
async fn remove(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(organisation): Path<Namespace>,
) -> Result<StatusCode, Error> {
    sign_on::remove(&accounts, &caller, &organisation).await?;
    Ok(StatusCode::NO_CONTENT)
}
