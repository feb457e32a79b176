//! What operators ask the books: who owes what and for how long, what is still to be earned, what months came to, the tax that they
//! owe, and all of it in the form of other programs. Nothing here is kept: each report is read from the rows and ties to the ledger.

mod customers;
mod deferred;
mod disputes;
mod exports;
mod receivables;
mod results;
mod routes;
mod taxes;
#[cfg(test)]
mod tests;

pub use customers::{Customer, credit, customers};
pub use deferred::deferred;
pub use disputes::{
    Dispute, DisputeDetails, DisputeStep, DisputedSale, Place as DisputePlace, count_disputes, dispute,
    disputes,
};
pub use exports::export;
pub use receivables::{AgeingKey, Wanted, ageing, count_overdue, dunning, invoices};
pub use results::{balance_sheets, results};
pub use routes::routes;
pub use taxes::tax_return;
