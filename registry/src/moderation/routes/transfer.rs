//! The owner of a namespace, as an operator says.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_accounts::Caller;
use chandlery_edge::{Json, Path};
use chandlery_package::Namespace;
use chandlery_package::wire::NewOwner;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::catalog::Catalog;
use crate::error::Error;
use crate::moderation::transfer;

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Catalog> {
    OpenApiRouter::new().routes(routes!(put))
}

/// Gives a namespace to an account, which is its only member from then on; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/namespaces/{namespace}/owner",
    params(("namespace" = Namespace, Path)),
    request_body = NewOwner,
    responses((status = 204, description = "Done."))
)]
async fn put(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
    Json(new): Json<NewOwner>,
) -> Result<StatusCode, Error> {
    caller.must_operate("transfer namespaces")?;
    transfer::transfer(&catalog, &caller, &namespace, &new).await?;
    Ok(StatusCode::NO_CONTENT)
}
