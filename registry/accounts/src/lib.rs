//! Who asks a registry, and what they may do: accounts and their tokens, sessions, and namespaces with their members.

mod attempts;
pub mod bearer;
mod credential;
mod grant;
mod identify;
mod members;
mod namespaces;
mod passwords;
mod people;
mod principal;
mod routes;
mod session;
mod state;
mod tokens;

pub use chandlery_edge::Error;
pub use chandlery_package::wire::{Role, Scope};
pub use credential::{Bearer, Credential};
pub use grant::{Access, Grant};
pub use members::{join, role};
pub use namespaces::{Visibility, add_bytes, is_public, set_visibility, take_namespace};
pub use people::{find_account, make_first_operator, promote, register};
pub use principal::{Account, Principal};
pub use routes::routes;
pub use session::SessionCookie;
pub use state::Accounts;
pub use tokens::{check_token, issue_token, revoke_token};
