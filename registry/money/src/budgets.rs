//! What an account spends in the present month, on what, by which team and deployment, beside the budget that it has set itself. Nothing is
//! computed here that an invoice computes: what was invoiced is read, and what will be is foreseen by what the close charges by.

mod alerts;
mod kept;
mod routes;
mod spending;
#[cfg(test)]
mod tests;

pub use alerts::warn;
pub use kept::{count_to_team, forget, remove, set};
pub use routes::routes;
pub use spending::spending;
