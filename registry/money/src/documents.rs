//! Invoices, credit notes and self-billed invoices as they are issued: who is named on them, their numbers, and how they are shown,
//! for print and as EN 16931 has it.

mod kept;
mod page;
mod routes;
#[cfg(test)]
pub(crate) mod sample;
mod sellers;
mod xml;

pub(crate) use kept::{CREDIT_NOTES, INVOICES, faults, find, keep, list, next_number, self_billed_series};
pub(crate) use page::page;
pub use routes::routes;
pub use sellers::in_force;
pub(crate) use sellers::{check_party, set_within as set_seller};
pub(crate) use xml::xml;

/// What XML is served as.
pub(crate) const XML: &str = "application/xml; charset=utf-8";
