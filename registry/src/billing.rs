//! What customers use and buy: subscriptions, prices, orders, usage and what it costs, invoices and credit notes, payments, and
//! the close of a month.

mod closing;
mod invoices;
mod licences;
mod notices;
mod orders;
mod payments;
mod plans;
mod prices;
mod printed;
mod rating;
mod refunds;
mod routes;
mod subscriptions;
mod taxes;
mod usage;

pub use closing::{Closed, close, due};
pub use invoices::{NewInvoice, find as find_invoice, invoices, issue};
pub use licences::{Report, forget_host, hosts, licence};
pub use notices::{Mail, notices, remind, send as send_notices, tell_of_trials, warn_of_limit};
pub use orders::{end as end_order, order, orders, record_payment};
pub use payments::{Intent, Processor, record_invoice_payment};
pub use prices::{make_coupon, read_offer, set_price};
pub use refunds::{credit_notes, refund};
pub use routes::routes;
pub use subscriptions::{advance_all, agree, change, subscription, try_out};
pub use taxes::{add_rule, set_profile};
pub use usage::{receive, totals};
