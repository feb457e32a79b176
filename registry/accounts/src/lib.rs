//! Who asks a registry, and what they may do: accounts and their tokens, sessions, and the members of namespaces.

pub mod bearer;
mod error;
mod identify;
mod members;
mod passwords;
mod people;
mod principal;
mod routes;
mod scope;
mod tokens;

use std::sync::Arc;

use chandlery_store::{Db, Facts};

pub use error::{Error, FORBIDDEN, KINDS, UNAUTHENTICATED};
pub use identify::{SESSION_COOKIE, session};
pub use members::{Role, join, role};
pub use people::{check_password, find_account, make_first_operator, promote, register};
pub use principal::{Account, Principal};
pub use routes::routes;
pub use scope::{Access, Scope};
pub use tokens::{check_token, issue_token, revoke_token};

/// What it takes to know who asks.
#[derive(Clone)]
pub struct Accounts {
    /// Where accounts, tokens and members are kept.
    pub db: Db,
    bearer_key: Arc<[u8]>,
}

impl Accounts {
    /// Opens the accounts of a registry.
    pub async fn open(db: Db) -> Result<Self, Error> {
        let bearer_key = bearer::key(&Facts(&db)).await?.into();
        Ok(Self { db, bearer_key })
    }
}
