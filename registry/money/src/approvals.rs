//! What one operator asks for and others approve: the rules of how many, what waits, and who may approve it. What is asked for is
//! done by the room that it is about, in the transaction of the last approval; `decisions` knows all of those.

mod requests;
mod rules;
mod voting;
mod wanted;

pub(crate) use requests::{find, list, settle};
pub(crate) use rules::{check as check_rule, list as list_rules, set as set_rule};
pub(crate) use voting::{Ask, Verdict, announce, approve, ask, refuse, request};
pub(crate) use wanted::Wanted;

#[cfg(test)]
mod tests;
