//! Who asks a registry, and what they may do: accounts and their tokens, sessions, and the members of namespaces.

pub mod bearer;
mod error;
mod grant;
mod identify;
mod members;
mod passwords;
mod people;
mod principal;
mod routes;
mod state;
mod tokens;

pub use chandlery_package::wire::{Role, Scope};
pub use error::{Error, FORBIDDEN, KINDS, UNAUTHENTICATED};
pub use grant::{Access, Grant};
pub use identify::{SESSION_COOKIE, session};
pub use members::{join, role};
pub use people::{check_password, find_account, make_first_operator, promote, register};
pub use principal::{Account, Principal};
pub use routes::routes;
pub use state::Accounts;
pub use tokens::{check_token, issue_token, revoke_token};
