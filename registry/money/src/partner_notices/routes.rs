//! `/api/v1/partners/{partner}/notices` and its webhooks: for owners of the partner, and whoever pays for an organisation that owns it.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use chandlery_accounts::Caller;
use chandlery_accounts::organisations::Power;
use chandlery_edge::{Json, Path, Query};
use chandlery_package::Namespace;
use chandlery_package::wire::{
    MailedNotices, NewWebhook, Page, Paging, PartnerWebhook, WebhookDelivery, WebhookWithSecret,
};
use serde::Deserialize;
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

/// Whoever decides what the partner of the path is told. Everybody else is refused.
struct Decider {
    finance: Finance,
    caller: Caller,
    partner: Namespace,
}

#[derive(Deserialize)]
struct OfPartner {
    partner: Namespace,
}

impl FromRequestParts<Finance> for Decider {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, finance: &Finance) -> Result<Self, Error> {
        let caller = <Caller as FromRequestParts<Finance>>::from_request_parts(parts, finance).await?;
        let Path(OfPartner { partner }) =
            <Path<OfPartner> as FromRequestParts<Finance>>::from_request_parts(parts, finance).await?;
        let does = "choose what is told of the money of";
        caller.must_speak_for(&finance.db, &partner, Power::Pay, does).await?;
        Ok(Self { finance: finance.clone(), caller, partner })
    }
}

/// A webhook of the partner.
#[derive(Deserialize)]
struct Webhook {
    id: String,
}

/// A notice that was sent to one.
#[derive(Deserialize)]
struct Sent {
    id: String,
    notice: String,
}

/// Shows of what a partner is told by mail.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/notices",
    params(("partner" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = MailedNotices))
)]
async fn mailed(by: Decider) -> Result<Json<MailedNotices>, Error> {
    let mut db = by.finance.db.read().acquire().await?;
    Ok(Json(MailedNotices { kinds: choices::chosen(&mut db, &by.partner).await? }))
}

/// Chooses of what a partner is told by mail.
#[utoipa::path(
    put,
    path = "/api/v1/partners/{partner}/notices",
    params(("partner" = Namespace, Path)),
    request_body = MailedNotices,
    responses((status = 200, description = "Done.", body = MailedNotices))
)]
async fn choose(by: Decider, Json(wanted): Json<MailedNotices>) -> Result<Json<MailedNotices>, Error> {
    let kinds = choices::choose(&by.finance.db, &by.caller.actor, &by.partner, &wanted.kinds).await?;
    Ok(Json(MailedNotices { kinds }))
}

/// Lists the webhooks of a partner.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/webhooks",
    params(("partner" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = Page<PartnerWebhook>))
)]
async fn list(by: Decider) -> Result<Json<Page<PartnerWebhook>>, Error> {
    let mut db = by.finance.db.read().acquire().await?;
    Ok(Json(webhooks::list(&mut db, &by.partner).await?))
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
    by: Decider,
    Json(new): Json<NewWebhook>,
) -> Result<(StatusCode, Json<WebhookWithSecret>), Error> {
    let made = webhooks::make(&by.finance, &by.caller, &by.partner, &new).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Removes a webhook, with what it was to be sent.
#[utoipa::path(
    delete,
    path = "/api/v1/partners/{partner}/webhooks/{id}",
    params(("partner" = Namespace, Path), ("id" = String, Path)),
    responses((status = 204, description = "Done."))
)]
async fn remove(by: Decider, Path(hook): Path<Webhook>) -> Result<StatusCode, Error> {
    webhooks::remove(&by.finance, &by.caller.actor, &by.partner, &hook.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a webhook another secret, and shows it this once.
#[utoipa::path(
    post,
    path = "/api/v1/partners/{partner}/webhooks/{id}/secret",
    params(("partner" = Namespace, Path), ("id" = String, Path)),
    responses((status = 200, description = "Done.", body = WebhookWithSecret))
)]
async fn rotate(by: Decider, Path(hook): Path<Webhook>) -> Result<Json<WebhookWithSecret>, Error> {
    Ok(Json(webhooks::rotate(&by.finance, &by.caller.actor, &by.partner, &hook.id).await?))
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
async fn enable(by: Decider, Path(hook): Path<Webhook>) -> Result<Json<PartnerWebhook>, Error> {
    Ok(Json(webhooks::enable(&by.finance, &by.caller, &by.partner, &hook.id).await?))
}

/// Sends a webhook a message of the kind `test`, and lists its delivery.
#[utoipa::path(
    post,
    path = "/api/v1/partners/{partner}/webhooks/{id}/test",
    params(("partner" = Namespace, Path), ("id" = String, Path)),
    responses((status = 201, description = "Done.", body = WebhookDelivery))
)]
async fn test(by: Decider, Path(hook): Path<Webhook>) -> Result<(StatusCode, Json<WebhookDelivery>), Error> {
    let notice = webhooks::test(&by.finance, &by.partner, &hook.id).await?;
    let sent = deliveries::send_again(&by.finance.db, &by.partner, &hook.id, &notice).await?;
    Ok((StatusCode::CREATED, Json(sent)))
}

/// Lists what the webhooks of a partner were sent, and what came of it.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/webhook-deliveries",
    params(("partner" = Namespace, Path), Paging<Place>),
    responses((status = 200, description = "Done.", body = Page<WebhookDelivery>))
)]
async fn delivered(
    by: Decider,
    Query(paging): Query<Paging<Place>>,
) -> Result<Json<Page<WebhookDelivery>>, Error> {
    let mut db = by.finance.db.read().acquire().await?;
    Ok(Json(deliveries::list(&mut db, &by.partner, &paging).await?))
}

/// Sends a notice to a webhook once more.
#[utoipa::path(
    post,
    path = "/api/v1/partners/{partner}/webhooks/{id}/deliveries/{notice}",
    params(("partner" = Namespace, Path), ("id" = String, Path), ("notice" = String, Path)),
    responses((status = 200, description = "Done.", body = WebhookDelivery))
)]
async fn send_again(by: Decider, Path(sent): Path<Sent>) -> Result<Json<WebhookDelivery>, Error> {
    Ok(Json(deliveries::send_again(&by.finance.db, &by.partner, &sent.id, &sent.notice).await?))
}
