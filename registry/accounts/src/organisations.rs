//! Organisations: accounts that nobody logs in to, which buy and publish. People act for them, each within a role; whoever leaves, leaves
//! every trace of power behind.

pub(crate) mod acting;
mod deletion;
pub mod domains;
mod invitations;
mod making;
mod members;
mod parting;
mod powers;
mod provable;
mod rights;
mod routes;
mod standing;
#[cfg(test)]
mod tests;

pub use acting::ACCOUNT_HEADER;
pub use chandlery_package::wire::{MemberOrigin as Origin, OrganisationRole};
pub use deletion::delete;
pub use making::of;
pub use members::admit;
pub use parting::part;
pub use powers::Power;
pub(crate) use powers::{has, in_namespace};
pub use rights::{RIGHTS, needed};
pub(crate) use routes::routes;
pub(crate) use standing::must_be_a_person;
pub use standing::{is_one, role_of, speaks_for};
