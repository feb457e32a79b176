//! What partners are paid: balances, payouts in runs that two operators agree on, statements, and
//! where every cent of a payout came from.

mod balances;
mod bank_account;
mod earnings;
mod explain;
mod profiles;
mod proposals;
mod routes;
pub(crate) mod run;
mod schedule;
mod statements;

pub use balances::balances;
pub use bank_account::{BankAccount, check_account, number_in, reference};
pub use earnings::{MonthlyEarning, PluginEarning, by_month, by_plugin, transactions};
pub use explain::{Explained, explain};
pub use proposals::{propose, propose_run};
pub use routes::{routes, transactions_csv};
pub use run::{approve, cancel, confirm, list, mark_returned, of_partner, returned, settle};
pub use statements::{Published, Statement, faults as statement_faults, make as make_statements, statements};
