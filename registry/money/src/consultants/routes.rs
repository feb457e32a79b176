//! `/api/v1/consultants` and `/api/v1/service-orders`.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_package::wire::{
    Consultant, NewCertification, NewConsultant, NewServiceOrder, Page, Paging, Service, ServiceOrder,
};
use chandlery_package::{Namespace, PluginName};

use super::orders::Key;
use crate::{Error, Finance};
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Json, Path, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(introduce))
        .routes(routes!(certify))
        .routes(routes!(offer))
        .routes(routes!(orders, order))
        .routes(routes!(accept))
}

/// Lists the consultants who are certified, with their services.
#[utoipa::path(
    get,
    path = "/api/v1/consultants",
    params(Paging<Namespace>),
    responses((status = 200, description = "Done.", body = Page<Consultant>)),
    security(())
)]
async fn list(
    State(finance): State<Finance>,
    Query(paging): Query<Paging<Namespace>>,
) -> Result<Json<Page<Consultant>>, Error> {
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(super::certified(&mut db, finance.clock.now(), &paging).await?))
}

/// Says what a consultant is and does.
#[utoipa::path(
    put,
    path = "/api/v1/consultants/{namespace}",
    params(("namespace" = Namespace, Path)),
    request_body = NewConsultant,
    responses((status = 204, description = "Done."))
)]
async fn introduce(
    State(finance): State<Finance>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
    Json(new): Json<NewConsultant>,
) -> Result<StatusCode, Error> {
    caller.must_own(&finance.db, &namespace, "speak for").await?;
    super::introduce(&finance.db, &caller.actor, &namespace, &new).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Certifies a consultant until a moment; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/consultants/{namespace}/certification",
    params(("namespace" = Namespace, Path)),
    request_body = NewCertification,
    responses((status = 204, description = "Done."))
)]
async fn certify(
    State(finance): State<Finance>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
    Json(new): Json<NewCertification>,
) -> Result<StatusCode, Error> {
    caller.must_operate("certify consultants")?;
    super::certify(&finance.db, &caller.actor, &namespace, new.until).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Offers a service, or changes its price.
#[utoipa::path(
    put,
    path = "/api/v1/consultants/{namespace}/services/{name}",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    request_body = Service,
    responses((status = 204, description = "Done."))
)]
async fn offer(
    State(finance): State<Finance>,
    caller: Caller,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
    Json(service): Json<Service>,
) -> Result<StatusCode, Error> {
    caller.must_own(&finance.db, &namespace, "offer services of").await?;
    super::offer(&finance.db, &caller.actor, &namespace, &name, &service).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the orders of services that the account placed or received.
#[utoipa::path(
    get,
    path = "/api/v1/service-orders",
    params(Paging<Key>),
    responses((status = 200, description = "Done.", body = Page<ServiceOrder>))
)]
async fn orders(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<Key>>,
) -> Result<Json<Page<ServiceOrder>>, Error> {
    Ok(Json(super::orders(&finance.db, &caller.name, &paging).await?))
}

/// Orders a service.
#[utoipa::path(
    post,
    path = "/api/v1/service-orders",
    request_body = NewServiceOrder,
    responses((status = 201, description = "Done.", body = ServiceOrder))
)]
async fn order(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<NewServiceOrder>,
) -> Result<(StatusCode, Json<ServiceOrder>), Error> {
    let order = super::order(&finance.db, &caller.actor, &caller.name, &new, finance.clock.now()).await?;
    Ok((StatusCode::CREATED, Json(order)))
}

/// Accepts a milestone, which is invoiced by that.
#[utoipa::path(
    post,
    path = "/api/v1/service-orders/{reference}/milestones/{number}/accept",
    params(("reference" = String, Path), ("number" = i64, Path)),
    responses((status = 200, description = "Done.", body = ServiceOrder))
)]
async fn accept(
    State(finance): State<Finance>,
    caller: Caller,
    Path((reference, number)): Path<(String, i64)>,
) -> Result<Json<ServiceOrder>, Error> {
    Ok(Json(
        super::accept(
            &finance.db,
            &caller.actor,
            finance.hold_days,
            &caller.name,
            &reference,
            number,
            finance.clock.now(),
        )
        .await?,
    ))
}
