//! What customers use and buy: usage events, prices and orders.

mod orders;
mod routes;
mod usage;

pub use orders::{order, orders, record_payment, set_price};
pub use routes::routes;
pub use usage::{receive, totals};
