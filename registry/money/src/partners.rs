//! What a partner looks at: how a time went and the one before it, what is held until when, every sale down to its ledger entries, who
//! buys, what runs, and what is disputed. Nothing is kept here: all of it is read from the rows that the other rooms write.

mod audience;
mod cash;
mod contracts;
mod deployments;
mod disputes;
mod earned;
mod range;
mod sale;
mod sales;
mod tables;
#[cfg(test)]
mod tests;
mod waterfall;

pub use audience::{Audience, Audiences, By, audiences};
pub use cash::{Due, OnItsWay, held, on_its_way, reserved};
pub use contracts::{Contracts, contracts, reasons};
pub use deployments::{InUse, Installed, in_use, installs};
pub use disputes::{Disputed, disputes};
pub use earned::{Earned, PluginSold, Sold, StepSold, earned};
pub use range::{Range, RangeName};
pub use sale::{Posted, SaleDetails, TakenBack, sale};
pub use sales::{Order, SaleKey, SaleRow, SaleState, Wanted, sales};
pub use tables::{
    audience_csv, contracts_csv, disputes_csv, in_use_csv, payouts_csv, plugins_csv, sales_csv,
    statement_csv, steps_csv, waterfall_csv,
};
pub use waterfall::{Line, LineKind, waterfall};
