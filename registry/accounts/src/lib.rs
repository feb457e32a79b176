//! Who asks a registry, and what they may do: accounts and their tokens, sessions, and namespaces with their members.

mod actor;
mod attempts;
pub mod audit;
pub mod bearer;
mod credential;
mod grant;
mod identify;
mod members;
mod namespaces;
mod new_password;
mod notices;
pub mod operators;
pub mod origins;
mod passwords;
mod people;
mod principal;
mod routes;
mod session;
mod state;
mod tokens;

pub use actor::{Actor, Address};
pub use chandlery_edge::Error;
pub use chandlery_package::wire::{Role, Scope};
pub use credential::{Bearer, Credential};
pub use grant::{Access, Grant};
pub use identify::Caller;
pub use members::{join, role};
pub use namespaces::{Visibility, add_bytes, is_public, set_visibility, take_namespace};
pub use new_password::{change as change_password, issue_reset};
pub use notices::{refused, retry, sent, tell, tell_members, tell_operators};
pub use people::{find_account, make_first_operator, register};
pub use principal::{Account, Principal};
pub use routes::routes;
pub use session::SessionCookie;
pub use state::Accounts;
pub use tokens::{check_token, issue_token, log_in, log_out};
