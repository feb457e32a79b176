//! What customers use and buy: subscriptions and their invoices, usage events, prices and orders.

mod invoices;
mod orders;
mod routes;
mod subscriptions;
mod usage;

pub use invoices::{invoices, record_payment as record_invoice_payment};
pub use orders::{order, orders, record_payment, set_price};
pub use routes::routes;
pub use subscriptions::{advance_all, agree, change, licence, subscription, try_out};
pub use usage::{receive, totals};
