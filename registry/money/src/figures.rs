//! The figures that investors ask for, each from the invoices and the ledger, with its definition beside it and its rows below it.
//! All of it is recomputed whenever it is asked for: nothing is kept that could disagree with the books. What a figure lacks, such
//! as an exchange rate or something to divide by, is said instead of it, and stops no other one.

mod activation;
mod basis;
mod cohorts;
mod definitions;
mod known;
mod months;
mod routes;
mod rows;
mod segments;
mod targets;
#[cfg(test)]
mod tests;

use chandlery_package::Currency;

pub use activation::has_deployed;
pub use cohorts::cohorts;
pub use definitions::meaning;
pub use months::{figures, months};
pub use routes::routes;
pub use rows::rows;

/// The currency of all figures: others are converted by the rate at the end of their month.
pub const CURRENCY: Currency = Currency::Usd;
