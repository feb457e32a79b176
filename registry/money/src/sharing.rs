//! How what customers pay is shared: policies by date, sales, each beneficiary's lot of a sale, and what is taken back.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | a sale | unbilled | each beneficiary's accrued share, commission |
//! | its invoice is paid | accrued | pending, reserve |
//! | it is never paid | accrued, commission | receivable |
//! | a hold or a reserve ends | pending, reserve | what the partner owes, then available |
//! | a refund | accrued or pending, reserve, available, what the partner owes then; commission | receivable, bank or credit |
//! | a dispute opens | the same but commission | disputed |
//! | it is lost | disputed, commission | disputes held |
//! | it is won | disputed | pending, reserve, available |
//! | a run settles a debt in another currency | available; equity:fx | equity:fx; what the partner owes |

mod disputes;
mod entries;
mod lots;
mod offsets;
mod policies;
mod refunds;
mod release;
mod replay;
mod routes;
mod sales;
mod told;
mod volume_groups;

pub use disputes::{close as close_dispute, decide as decide_dispute, open as open_dispute};
pub use entries::{
    add as add_entry, credit as credit_entry, free_all_of as free_entries_of, take_on as take_on_entry,
};
pub use lots::{Lot, find as find_lot, of_sale as lots_of_sale};
pub use offsets::{agree as agree_offset, offsets, settle_debts};
pub(crate) use policies::set as set_policy;
pub use policies::{changes_within, follow, in_force, list as policies, version};
pub use refunds::{ClawBack, claw_back};
pub use release::release_matured;
pub use replay::replay;
pub use routes::routes;
pub use sales::{
    NewSale, PaidThrough, Sale, accrue, collect, find as find_sale, must_have_rate, sell_again, void,
};
