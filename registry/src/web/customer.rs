//! What whoever buys here has and does, on pages: each does what a route of the API does, by the same functions and rights.

mod billing_address;
mod budget;
mod cancel;
pub(super) mod cards;
mod change;
pub(super) mod frame;
mod hosts;
pub(super) mod invoices;
mod order;
mod orders;
mod organisation;
mod organisations;
mod paying;
mod payment;
mod plugin_checkout;
mod service_checkout;
mod service_order;
mod spend;
mod spent;
mod subscription;
mod trial;

use axum::Router;
use axum::routing::{get, post};
use chandlery_money::Finance;

/// The routes of these pages.
pub(super) fn routes() -> Router<Finance> {
    Router::new()
        .route("/organisations", get(organisations::page).post(organisations::make))
        .route("/organisations/{organisation}", get(organisation::page))
        .route("/organisations/{organisation}/invitation", post(organisations::answer))
        .route("/organisations/{organisation}/members", post(organisation::choose))
        .route("/organisations/{organisation}/members/{account}/removal", post(organisation::remove))
        .route("/organisations/{organisation}/domains", post(organisation::domain))
        .route("/subscription", get(subscription::page))
        .route("/subscription/trial", get(trial::page).post(trial::begin))
        .route("/subscription/keep", get(change::keep_page).post(change::keep))
        .route("/subscription/cancel", get(cancel::page).post(cancel::cancel))
        .route("/checkout/subscription", get(change::page).post(change::change))
        .route(
            "/checkout/plugins/{namespace}/{name}",
            get(plugin_checkout::page).post(plugin_checkout::order),
        )
        .route(
            "/checkout/services/{namespace}/{name}",
            get(service_checkout::page).post(service_checkout::order),
        )
        .route("/checkout/return/{reference}", get(payment::returned))
        .route("/orders", get(orders::page))
        .route("/orders/{reference}", get(order::page))
        .route("/orders/{reference}/end", get(order::end_page).post(order::end))
        .route("/orders/{reference}/payment", post(payment::of_order))
        .route("/service-orders/{reference}", get(service_order::page).post(service_order::accept))
        .route("/invoices", get(invoices::page))
        .route("/invoices/{number}", get(invoices::one))
        .route("/invoices/{number}/payment", post(payment::of_invoice))
        .route("/credit-notes", get(invoices::credit_notes))
        .route("/billing", get(billing_address::page).post(billing_address::set))
        .route("/spend", get(spend::page))
        .route("/spend/budget", post(budget::set))
        .route("/spend/teams", post(budget::count))
        .route("/hosts", get(hosts::page).post(hosts::forget))
}
