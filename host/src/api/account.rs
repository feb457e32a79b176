//! The registry's account that the host belongs to.

use axum::Extension;
use axum::extract::State;
use chandlery_package::wire::host::{HostAccount, NewHostAccount};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::extract::Json;
use crate::host::Host;
use crate::users::About;

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Host> {
    OpenApiRouter::new().routes(routes!(show, claim))
}

/// Shows which account of its registry the host belongs to.
#[utoipa::path(
    get,
    path = "/api/v1/registry-account",
    responses((status = 200, description = "Done.", body = HostAccount))
)]
async fn show(State(host): State<Host>) -> Result<Json<HostAccount>, Error> {
    Ok(Json(host.account().await?))
}

/// Lets the host belong to the account of a token, if it belongs to whom the request says. Its licence, orders and use are that one's.
#[utoipa::path(
    put,
    path = "/api/v1/registry-account",
    request_body = NewHostAccount,
    responses((status = 200, description = "Done.", body = HostAccount))
)]
async fn claim(
    State(host): State<Host>,
    Json(new): Json<NewHostAccount>,
) -> Result<(Extension<About>, Json<HostAccount>), Error> {
    let claimed = host.claim(new).await?;
    let account = claimed.account.as_ref().map(ToString::to_string).unwrap_or_default();
    Ok((Extension(About(account)), Json(claimed)))
}
