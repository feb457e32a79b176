//! What customers use and buy: subscriptions, prices, orders, usage and what it costs, invoices and
//! credit notes, and what becomes of those that are not paid.

mod collection;
pub(crate) mod entitlements;
mod foreseen;
mod forget;
pub(crate) mod invoices;
mod issued;
pub(crate) mod licences;
pub(crate) mod notices;
pub(crate) mod orders;
mod parts;
pub(crate) mod payments;
pub(crate) mod periods;
mod prices;
mod printed;
mod profiles;
mod quotes;
pub(crate) mod rating;
pub(crate) mod refunds;
mod routes;
mod spend;
mod subscribed;
pub(crate) mod subscriptions;
pub(crate) mod taxes;
pub(crate) mod usage;
mod vies;

pub use entitlements::{Standing, entitled, public_offer, quote, standing_of as order_standing};
pub use foreseen::{
    ForeseenChange, ForeseenOrder, change_as_foreseen, foresee_change, foresee_end, foresee_order,
    order_as_foreseen,
};
pub use forget::forget_customer;
pub use invoices::{NewInvoice, find as find_invoice, invoices, issue};
pub use licences::{Report, deployments, forget_host, hosts, licence};
pub use notices::{
    MailWaiting, mail_waiting, notices, remind, send as send_notices, tell_of_ends, tell_of_trials,
    warn_of_limit,
};
pub use orders::{end as end_order, find_of as order_of_plugin, order, order_of, orders, record_payment};
pub use payments::record as record_invoice_payment;
pub use prices::{coupons, make_coupon, prices, read_offer, set_price};
pub use profiles::{prove as prove_tax_number, set_profile, standing as billing_standing};
pub(crate) use quotes::must_hold as quote_must_hold;
pub use refunds::credit_notes;
pub use routes::routes;
pub use spend::{Spent, spend};
pub use subscribed::takes_more;
pub(crate) use subscriptions::PATIENCE;
pub use subscriptions::{TRIAL_DAYS, advance_all, agree, change, subscription, try_out};
pub(crate) use taxes::tax_rule;
pub use taxes::{Tax, add_rule, tax};
pub(crate) use usage::DEPLOYMENT_BYTES_MAX;
pub use usage::chains::{count_hosts, list as host_chains};
pub use usage::{Bounds as UsageBounds, receive, totals, totals_in};
pub use vies::ask_again as ask_for_tax_numbers;
