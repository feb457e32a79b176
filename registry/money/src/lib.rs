//! The money of a registry, from what customers use and buy to what partners are paid.
//!
//! From below: `approvals`, what one operator asks for and others approve; the [`ledger`] and [`exchange`] rates; [`documents`], as
//! they are issued; [`partner_notices`], what partners are told; [`sharing`], who earns of a sale; [`billing`], what customers owe;
//! [`budgets`], what they spend; [`consultants`]; [`payouts`], what partners are paid; the [`rails`] that money comes in and leaves by;
//! [`decisions`], by which what was approved is done; the [`books`], which close months and check all of it; the [`reports`] and
//! [`figures`] that it comes to; what [`partners`] look at; and the [`trial`] of a close.

mod approvals;
pub mod billing;
pub mod books;
pub mod budgets;
pub mod consultants;
pub mod decisions;
pub mod documents;
mod error;
pub mod exchange;
pub mod figures;
mod finance;
pub mod ledger;
pub mod partner_notices;
pub mod partners;
pub mod payouts;
pub mod rails;
pub mod reports;
pub mod sharing;
pub mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod trial;

use utoipa_axum::router::OpenApiRouter;

pub use approvals::Approved;
pub use error::{Error, KINDS};
pub use finance::{Finance, Mail, OnOffer, Processor, Vies};

/// The routes of all rooms of the money.
pub fn routes<S>(finance: Finance) -> OpenApiRouter<S> {
    OpenApiRouter::new()
        .merge(exchange::routes())
        .merge(ledger::routes())
        .merge(documents::routes())
        .merge(sharing::routes())
        .merge(billing::routes())
        .merge(budgets::routes())
        .merge(consultants::routes())
        .merge(payouts::routes())
        .merge(partner_notices::routes())
        .merge(rails::routes())
        .merge(decisions::routes())
        .merge(books::routes())
        .merge(reports::routes())
        .merge(figures::routes())
        .merge(trial::routes())
        .with_state(finance)
}
