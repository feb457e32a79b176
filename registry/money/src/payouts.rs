//! What partners are paid: balances, payouts in runs that two operators agree on, statements, and
//! where every cent of a payout came from.

mod approving;
mod balances;
mod bank_account;
mod debt_routes;
pub(crate) mod earnings;
mod explain;
pub(crate) mod fees;
mod handing_over;
mod leaving;
pub(crate) mod profiles;
mod proposals;
pub(crate) mod returns;
mod routes;
pub(crate) mod run;
mod runs;
mod schedule;
mod self_billed;
mod statements;
#[cfg(test)]
mod tests;
mod told;
pub(crate) mod write_offs;

pub use approving::{payout as approve, profile as approve_profile};
pub use balances::{balance, balances, currencies};
pub use bank_account::{check_account, numbers_in, reference};
pub use earnings::{EarningKey, PluginKey, by_month, by_plugin, transactions};
pub(crate) use explain::explain_lot;
pub use explain::{explain, explain_own};
pub use handing_over::hand_over;
pub use profiles::{
    WAITS as PROFILE_WAITS, count_waiting as count_profiles_waiting, existing as profile,
    in_force as profile_in_force, latest as latest_profile, list as profiles, waiting as profiles_waiting,
    write as write_profile,
};
pub use proposals::{propose, propose_final, propose_run};
pub use returns::come_back;
pub(crate) use returns::{follow_transfer, returned};
pub use routes::{routes, transactions_csv};
pub use run::{all_of_run, cancel, confirm, list, settle};
pub use runs::{Run, RunPart, count_proposed, run as find_run, runs};
pub use statements::{
    Key as StatementKey, StatementHead, faults as statement_faults, make as make_statements, statement_heads,
    statements,
};
