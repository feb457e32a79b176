//! `/api/v1/account/identities`: who an account is at the providers of its organisations.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_edge::{Json, Path};
use chandlery_package::Namespace;
use chandlery_package::wire::{LinkedIdentity, Page};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Account, Accounts, Caller, Error, sign_on};

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(unlink))
}

/// Lists by the providers of which organisations the account that asks signs in.
#[utoipa::path(
    get,
    path = "/api/v1/account/identities",
    responses((status = 200, description = "Done.", body = Page<LinkedIdentity>))
)]
async fn list(
    State(accounts): State<Accounts>,
    caller: Account,
) -> Result<Json<Page<LinkedIdentity>>, Error> {
    Ok(Json(Page::whole(sign_on::linked(&accounts.db, &caller.name).await?)))
}

/// Ends that the account that asks signs in by the provider of an organisation, and what that has opened.
///
/// Refused where it has no other way to log in, or the organisation lets it have none.
#[utoipa::path(
    delete,
    path = "/api/v1/account/identities/{organisation}",
    params(("organisation" = Namespace, Path)),
    responses((status = 204, description = "Done."))
)]
async fn unlink(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(organisation): Path<Namespace>,
) -> Result<StatusCode, Error> {
    sign_on::unlink(&accounts, &caller, &organisation).await?;
    Ok(StatusCode::NO_CONTENT)
}
