//! `/api/v1/partners/{partner}/notices` and its webhooks: for owners of the partner, and whoever pays for an organisation that owns it.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_accounts::Caller;
use chandlery_accounts::organisations::Power;
use chandlery_edge::{Json, Path, Query};
use chandlery_package::Namespace;
use chandlery_package::wire::{
    MailedNotices, NewWebhook, Page, Paging, PartnerWebhook, WebhookDelivery, WebhookWithSecret,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::deliveries::Place;
use super::{choices, deliveries, webhooks};
use crate::{Error, Finance};

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(mailed, choose))
        .routes(routes!(list, make))
        .routes(routes!(remove))
        .routes(routes!(rotate))
        .routes(routes!(enable))
        .routes(routes!(test))
        .routes(routes!(delivered))
        .routes(routes!(send_again))
}

/// Refuses whoever does not decide what the partner is told.
async fn must_decide(finance: &Finance, caller: &Caller, partner: &Namespace) -> Result<(), Error> {
    Ok(caller.must_speak_for(&finance.db, partner, Power::Pay, "choose what is told of the money of").await?)
}

/// Shows of what a partner is told by mail.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/notices",
    params(("partner" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = MailedNotices))
)]
async fn mailed(
    State(finance): State<Finance>,
    caller: Caller,
    Path(partner): Path<Namespace>,
) -> Result<Json<MailedNotices>, Error> {
    must_decide(&finance, &caller, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(MailedNotices { kinds: choices::chosen(&mut db, &partner).await? }))
}

/// Chooses of what a partner is told by mail.
#[utoipa::path(
    put,
    path = "/api/v1/partners/{partner}/notices",
    params(("partner" = Namespace, Path)),
    request_body = MailedNotices,
    responses((status = 200, description = "Done.", body = MailedNotices))
)]
async fn choose(
    State(finance): State<Finance>,
    caller: Caller,
    Path(partner): Path<Namespace>,
    Json(wanted): Json<MailedNotices>,
) -> Result<Json<MailedNotices>, Error> {
    must_decide(&finance, &caller, &partner).await?;
    let kinds = choices::choose(&finance.db, &caller.actor, &partner, &wanted.kinds).await?;
    Ok(Json(MailedNotices { kinds }))
}

/// Lists the webhooks of a partner.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/webhooks",
    params(("partner" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = Page<PartnerWebhook>))
)]
async fn list(
    State(finance): State<Finance>,
    caller: Caller,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<PartnerWebhook>>, Error> {
    must_decide(&finance, &caller, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(webhooks::list(&mut db, &partner).await?))
}

/// Makes a webhook, and shows its secret this once.
///
/// Each message is signed as Standard Webhooks has it. A URL that leads to a private address is refused.
#[utoipa::path(
    post,
    path = "/api/v1/partners/{partner}/webhooks",
    params(("partner" = Namespace, Path)),
    request_body = NewWebhook,
    responses((status = 201, description = "Done.", body = WebhookWithSecret))
)]
async fn make(
    State(finance): State<Finance>,
    caller: Caller,
    Path(partner): Path<Namespace>,
    Json(new): Json<NewWebhook>,
) -> Result<(StatusCode, Json<WebhookWithSecret>), Error> {
    must_decide(&finance, &caller, &partner).await?;
    Ok((StatusCode::CREATED, Json(webhooks::make(&finance, &caller, &partner, &new).await?)))
}

/// Removes a webhook, with what it was to be sent.
#[utoipa::path(
    delete,
    path = "/api/v1/partners/{partner}/webhooks/{id}",
    params(("partner" = Namespace, Path), ("id" = String, Path)),
    responses((status = 204, description = "Done."))
)]
async fn remove(
    State(finance): State<Finance>,
    caller: Caller,
    Path((partner, id)): Path<(Namespace, String)>,
) -> Result<StatusCode, Error> {
    must_decide(&finance, &caller, &partner).await?;
    webhooks::remove(&finance, &caller.actor, &partner, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a webhook another secret, and shows it this once.
#[utoipa::path(
    post,
    path = "/api/v1/partners/{partner}/webhooks/{id}/secret",
    params(("partner" = Namespace, Path), ("id" = String, Path)),
    responses((status = 200, description = "Done.", body = WebhookWithSecret))
)]
async fn rotate(
    State(finance): State<Finance>,
    caller: Caller,
    Path((partner, id)): Path<(Namespace, String)>,
) -> Result<Json<WebhookWithSecret>, Error> {
    must_decide(&finance, &caller, &partner).await?;
    Ok(Json(webhooks::rotate(&finance, &caller.actor, &partner, &id).await?))
}

/// Lets a webhook that was disabled be told again.
///
/// Whoever enables it answers for it from then on, as whoever makes one does: while that account speaks for the partner, it is told.
#[utoipa::path(
    post,
    path = "/api/v1/partners/{partner}/webhooks/{id}/enable",
    params(("partner" = Namespace, Path), ("id" = String, Path)),
    responses((status = 200, description = "Done.", body = PartnerWebhook))
)]
async fn enable(
    State(finance): State<Finance>,
    caller: Caller,
    Path((partner, id)): Path<(Namespace, String)>,
) -> Result<Json<PartnerWebhook>, Error> {
    must_decide(&finance, &caller, &partner).await?;
    Ok(Json(webhooks::enable(&finance, &caller, &partner, &id).await?))
}

/// Sends a webhook a message of the kind `test`, and lists its delivery.
#[utoipa::path(
    post,
    path = "/api/v1/partners/{partner}/webhooks/{id}/test",
    params(("partner" = Namespace, Path), ("id" = String, Path)),
    responses((status = 201, description = "Done.", body = WebhookDelivery))
)]
async fn test(
    State(finance): State<Finance>,
    caller: Caller,
    Path((partner, id)): Path<(Namespace, String)>,
) -> Result<(StatusCode, Json<WebhookDelivery>), Error> {
    must_decide(&finance, &caller, &partner).await?;
    let notice = webhooks::test(&finance, &partner, &id).await?;
    Ok((StatusCode::CREATED, Json(deliveries::send_again(&finance.db, &partner, &id, &notice).await?)))
}

/// Lists what the webhooks of a partner were sent, and what came of it.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/webhook-deliveries",
    params(("partner" = Namespace, Path), Paging<Place>),
    responses((status = 200, description = "Done.", body = Page<WebhookDelivery>))
)]
async fn delivered(
    State(finance): State<Finance>,
    caller: Caller,
    Path(partner): Path<Namespace>,
    Query(paging): Query<Paging<Place>>,
) -> Result<Json<Page<WebhookDelivery>>, Error> {
    must_decide(&finance, &caller, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(deliveries::list(&mut db, &partner, &paging).await?))
}

/// Sends a notice to a webhook once more.
#[utoipa::path(
    post,
    path = "/api/v1/partners/{partner}/webhooks/{id}/deliveries/{notice}",
    params(("partner" = Namespace, Path), ("id" = String, Path), ("notice" = String, Path)),
    responses((status = 200, description = "Done.", body = WebhookDelivery))
)]
async fn send_again(
    State(finance): State<Finance>,
    caller: Caller,
    Path((partner, id, notice)): Path<(Namespace, String, String)>,
) -> Result<Json<WebhookDelivery>, Error> {
    must_decide(&finance, &caller, &partner).await?;
    Ok(Json(deliveries::send_again(&finance.db, &partner, &id, &notice).await?))
}
