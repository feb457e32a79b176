//! What one operator asks for and others approve: the rules of how many, what waits, and who may approve it. What is asked for is
//! done by the room that it is about, in the transaction of the last approval; `decisions` knows all of those.

mod alone;
mod approved;
mod requests;
mod rules;
mod voting;
mod wanted;

pub use approved::Approved;
pub(crate) use approved::answer;
pub(crate) use requests::{count_waiting, find, list, settle};
pub(crate) use rules::{check as check_rule, list as list_rules, set as set_rule};
pub(crate) use voting::{Verdict, announce, approve, ask, ask_or_do, refuse, request};
pub(crate) use wanted::{Ask, Wanted};

#[cfg(test)]
mod tests;
