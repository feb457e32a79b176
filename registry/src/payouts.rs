//! What partners are paid: balances, payouts in runs that two operators agree on, the rails that they leave by, statements, and
//! where every cent of a payout came from.

mod balances;
mod earnings;
mod explain;
mod profiles;
mod proposals;
mod rails;
mod routes;
mod run;
mod schedule;
mod statements;

pub use balances::balances;
pub use earnings::{MonthlyEarning, PluginEarning, by_month, by_plugin, transactions};
pub use explain::{Explained, explain};
pub use proposals::{propose, propose_run};
pub use rails::{BankAccount, number_in};
pub use routes::{routes, transactions_csv};
pub use run::{approve, cancel, come_back, confirm, list, of_partner, returned, send, settle};
pub use statements::{Published, Statement, faults as statement_faults, make as make_statements, statements};
