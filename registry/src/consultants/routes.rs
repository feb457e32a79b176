//! `/api/v1/consultants` and `/api/v1/service-orders`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use chandlery_package::wire::{
    Consultant, NewCertification, NewConsultant, NewServiceOrder, Page, Service, ServiceOrder,
};
use chandlery_package::{Namespace, PluginName};

use crate::accounts::Caller;
use crate::extract::{Json, Path};
use crate::{Error, Registry};

/// The routes of this room.
pub fn routes() -> Router<Registry> {
    Router::new()
        .route("/api/v1/consultants", get(list))
        .route("/api/v1/consultants/{namespace}", put(introduce))
        .route("/api/v1/consultants/{namespace}/certification", put(certify))
        .route("/api/v1/consultants/{namespace}/services/{name}", put(offer))
        .route("/api/v1/service-orders", get(orders).post(order))
        .route("/api/v1/service-orders/{reference}/milestones/{number}/accept", post(accept))
}

async fn list(State(registry): State<Registry>) -> Result<Json<Page<Consultant>>, Error> {
    let mut db = registry.db.read().acquire().await?;
    Ok(Json(Page { items: super::certified(&mut db, registry.clock.now()).await?, next: None }))
}

async fn introduce(
    State(registry): State<Registry>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
    Json(new): Json<NewConsultant>,
) -> Result<StatusCode, Error> {
    caller.must_own(&registry, &namespace, "speak for").await?;
    super::introduce(&registry, &namespace, &new).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn certify(
    State(registry): State<Registry>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
    Json(new): Json<NewCertification>,
) -> Result<StatusCode, Error> {
    caller.must_operate("certify consultants")?;
    super::certify(&registry, &namespace, new.until).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn offer(
    State(registry): State<Registry>,
    caller: Caller,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
    Json(service): Json<Service>,
) -> Result<StatusCode, Error> {
    caller.must_own(&registry, &namespace, "offer services of").await?;
    super::offer(&registry, &namespace, &name, &service).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn orders(State(registry): State<Registry>, caller: Caller) -> Result<Json<Page<ServiceOrder>>, Error> {
    Ok(Json(Page { items: super::orders(&registry, &caller.name).await?, next: None }))
}

async fn order(
    State(registry): State<Registry>,
    caller: Caller,
    Json(new): Json<NewServiceOrder>,
) -> Result<(StatusCode, Json<ServiceOrder>), Error> {
    let order = super::order(&registry, &caller.name, &new, registry.clock.now()).await?;
    Ok((StatusCode::CREATED, Json(order)))
}

async fn accept(
    State(registry): State<Registry>,
    caller: Caller,
    Path((reference, number)): Path<(String, i64)>,
) -> Result<Json<ServiceOrder>, Error> {
    Ok(Json(super::accept(&registry, &caller.name, &reference, number, registry.clock.now()).await?))
}
