//! What the catalog works with.

use std::sync::Arc;

use axum::extract::FromRef;
use chandlery_accounts::Accounts;
use chandlery_store::Db;

use super::inspecting::Inspector;
use super::planning::Planner;
use super::search::Search;
use crate::oci::Oci;

/// What the catalog works with, shared by all requests.
#[derive(Clone)]
pub struct Catalog {
    /// Where plugins and releases are kept.
    pub db: Db,
    /// Whom a request is from.
    pub accounts: Accounts,
    /// What was pushed, of which releases are made.
    pub oci: Oci,
    /// What can be searched.
    pub search: Arc<Search>,
    /// Who looks at components that strangers made.
    pub inspector: Inspector,
    /// Who asks releases for plans.
    pub planner: Arc<Planner>,
}

impl FromRef<Catalog> for Accounts {
    fn from_ref(catalog: &Catalog) -> Self {
        catalog.accounts.clone()
    }
}
