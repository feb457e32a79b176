//! What trusted publishing works with.

use std::sync::Arc;

use axum::extract::FromRef;
use chandlery_accounts::Accounts;
use chandlery_edge::Site;
use chandlery_store::Db;

use super::keys::IssuerKeys;

/// What trusted publishing works with, shared by all requests.
#[derive(Clone)]
pub struct Trusted {
    /// Where issuers and publishers are kept.
    pub db: Db,
    /// Whom a request is from.
    pub accounts: Accounts,
    /// Where the registry is: whom tokens must be meant for.
    pub site: Site,
    /// What the tokens of issuers are signed with.
    pub keys: Arc<IssuerKeys>,
}

impl FromRef<Trusted> for Accounts {
    fn from_ref(trusted: &Trusted) -> Self {
        trusted.accounts.clone()
    }
}
