//! `/api/v1/consultants` and `/api/v1/service-orders`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use chandlery_package::wire::{
    Consultant, NewCertification, NewConsultant, NewServiceOrder, Page, Service, ServiceOrder,
};
use chandlery_package::{Namespace, PluginName};

use crate::{Error, Finance};
use chandlery_accounts::Account;
use chandlery_edge::{Json, Path};

/// The routes of this room.
pub fn routes() -> Router<Finance> {
    Router::new()
        .route("/api/v1/consultants", get(list))
        .route("/api/v1/consultants/{namespace}", put(introduce))
        .route("/api/v1/consultants/{namespace}/certification", put(certify))
        .route("/api/v1/consultants/{namespace}/services/{name}", put(offer))
        .route("/api/v1/service-orders", get(orders).post(order))
        .route("/api/v1/service-orders/{reference}/milestones/{number}/accept", post(accept))
}

async fn list(State(finance): State<Finance>) -> Result<Json<Page<Consultant>>, Error> {
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(Page { items: super::certified(&mut db, finance.clock.now()).await?, next: None }))
}

async fn introduce(
    State(finance): State<Finance>,
    caller: Account,
    Path(namespace): Path<Namespace>,
    Json(new): Json<NewConsultant>,
) -> Result<StatusCode, Error> {
    caller.must_own(&finance.db, &namespace, "speak for").await?;
    super::introduce(&finance.db, &namespace, &new).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn certify(
    State(finance): State<Finance>,
    caller: Account,
    Path(namespace): Path<Namespace>,
    Json(new): Json<NewCertification>,
) -> Result<StatusCode, Error> {
    caller.must_operate("certify consultants")?;
    super::certify(&finance.db, &namespace, new.until).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn offer(
    State(finance): State<Finance>,
    caller: Account,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
    Json(service): Json<Service>,
) -> Result<StatusCode, Error> {
    caller.must_own(&finance.db, &namespace, "offer services of").await?;
    super::offer(&finance.db, &namespace, &name, &service).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn orders(State(finance): State<Finance>, caller: Account) -> Result<Json<Page<ServiceOrder>>, Error> {
    Ok(Json(Page { items: super::orders(&finance.db, &caller.name).await?, next: None }))
}

async fn order(
    State(finance): State<Finance>,
    caller: Account,
    Json(new): Json<NewServiceOrder>,
) -> Result<(StatusCode, Json<ServiceOrder>), Error> {
    let order = super::order(&finance.db, &caller.name, &new, finance.clock.now()).await?;
    Ok((StatusCode::CREATED, Json(order)))
}

async fn accept(
    State(finance): State<Finance>,
    caller: Account,
    Path((reference, number)): Path<(String, i64)>,
) -> Result<Json<ServiceOrder>, Error> {
    Ok(Json(
        super::accept(&finance.db, finance.hold_days, &caller.name, &reference, number, finance.clock.now())
            .await?,
    ))
}
