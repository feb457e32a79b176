//! Passkeys (WebAuthn): added to an account by whoever is sure to own it, and then as good as its password and second factor together. An
//! authenticator signs for one site, and verifies its user before.

mod challenges;
mod changes;
mod kept;
mod sign_in;

pub use crate::relying_party::RelyingParty;
pub use changes::{add, begin, remove, rename};
pub use kept::list;
pub use sign_in::{answer, ask};
