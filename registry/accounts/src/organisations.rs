//! Organisations: accounts that nobody logs in to, which buy and publish. People act for them, each within a role; whoever leaves, leaves
//! every trace of power behind.

mod deletion;
pub mod domains;
mod invitations;
mod making;
mod members;
mod parting;
mod provable;
mod routes;
#[cfg(test)]
mod tests;
mod tokens;

pub use crate::acting::ACCOUNT_HEADER;
pub use crate::powers::{Power, covers, has};
pub use crate::rights::{RIGHTS, needed};
pub use crate::standing::{is_one, role_of, speaks_for};
pub use chandlery_package::wire::{MemberOrigin as Origin, OrganisationRole};
pub use deletion::delete;
pub use invitations::{answer, invite, list as invitations_of, remove};
pub use making::{create, find, of};
pub use members::{Place, admit, list as members_of};
pub use parting::part;
pub(crate) use routes::routes;
