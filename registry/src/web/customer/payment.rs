//! Payments by card: the way to the page of the processor, and what is known of it on the way back.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Response};
use chandlery_edge::Path;
use chandlery_money::rails::{self, Subject};
use chandlery_money::{Finance, billing};
use chandlery_package::wire::InvoiceState;
use chandlery_pages::money;
use maud::{Markup, html};

use super::frame::{self, Customer};
use super::invoices;
use crate::error::Error;
use crate::web::layout;

/// Where a browser says which site has led here.
const RELATION: &str = "sec-fetch-site";

/// Makes the page on which an order is paid.
pub(super) async fn of_order(
    State(finance): State<Finance>,
    caller: Customer,
    Path(reference): Path<String>,
) -> Result<Markup, Error> {
    begin(&finance, &caller, &Subject::Order(reference)).await
}

/// Makes the page on which an invoice is paid.
pub(super) async fn of_invoice(
    State(finance): State<Finance>,
    caller: Customer,
    Path(number): Path<i64>,
) -> Result<Markup, Error> {
    begin(&finance, &caller, &Subject::Invoice(number)).await
}

/// Says where it is. A form may lead to no other site, a link may.
async fn begin(finance: &Finance, caller: &Customer, subject: &Subject) -> Result<Markup, Error> {
    let made = rails::payment_page(finance, &caller.name, subject).await?;
    let content = html! {
        h1 { "Pay " (money(made.amount)) }
        p { "For " strong { (subject) } ", on the payment processor's page, which brings you back here." }
        p { a.button href=(made.url) rel="noreferrer" { "Continue to the payment page" } }
        p { a href=(page_of(subject)) { "Pay another way" } }
    };
    Ok(frame::page(caller, "Pay", section(subject), &content))
}

fn page_of(subject: &Subject) -> String {
    match subject {
        Subject::Invoice(number) => format!("/invoices/{number}"),
        Subject::Order(reference) => format!("/orders/{reference}"),
    }
}

fn section(subject: &Subject) -> &'static str {
    match subject {
        Subject::Invoice(_) => "/invoices",
        Subject::Order(_) => "/orders",
    }
}

/// The page `/checkout/return/{reference}`: it says what the books know, whatever the browser brings with it. Where another site has led
/// here, a browser brings no cookie that is for the registry's own pages alone (`SameSite=Strict`), so the page leads to itself first.
pub(super) async fn returned(
    State(finance): State<Finance>,
    caller: Result<Customer, Response>,
    headers: HeaderMap,
    uri: Uri,
    Path(reference): Path<String>,
) -> Result<Response, Error> {
    match caller {
        Ok(caller) => Ok(told(&finance, &caller, reference).await?.into_response()),
        Err(refused) => {
            let is_elsewhere = |from: &HeaderValue| from != "same-origin" && from != "none";
            match headers.get(RELATION).is_some_and(is_elsewhere) {
                true => Ok(once_more(uri.path())),
                false => Ok(refused),
            }
        }
    }
}

/// A page that leads to this path by itself, which browsers then ask for from here.
fn once_more(path: &str) -> Response {
    let headers =
        [(header::REFRESH, format!("0;url={path}")), (header::CACHE_CONTROL, "no-store".to_owned())];
    let content = html! {
        h1 { "Payment" }
        p { a href=(path) { "Continue" } }
    };
    (headers, layout::page("Payment", None, content)).into_response()
}

/// What is known of a payment.
async fn told(finance: &Finance, caller: &Customer, reference: String) -> Result<Markup, Error> {
    let named = Subject::find(&reference).filter(|subject| subject.to_string() == reference);
    let subject = named.ok_or_else(|| Error::not_found(format!("payment for '{reference}'")))?;
    let is_paid = match &subject {
        Subject::Invoice(number) => {
            invoices::own(finance, caller, *number).await?.state == InvoiceState::Paid
        }
        Subject::Order(reference) => {
            let mut db = finance.db.read().acquire().await?;
            billing::order_of(&mut db, &caller.name, reference).await?.paid_at.is_some()
        }
    };
    let content = html! {
        @if is_paid {
            h1 { "Paid" }
            p data-figure="payment" { (subject) " is paid." }
        } @else {
            h1 { "Not confirmed yet" }
            p data-figure="payment" {
                "The payment processor has not reported a payment for " (subject) ". If you have paid, it does so in a moment: load this "
                "page again. If you have not, nothing was charged."
            }
        }
        p { a href=(page_of(&subject)) { "Show " (subject) } }
    };
    Ok(frame::page(caller, "Payment", section(&subject), &content))
}
