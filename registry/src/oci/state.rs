//! What the distribution API works with, and who is at which repository.

use std::sync::Arc;

use axum::extract::FromRef;
use axum::http::{Extensions, HeaderMap};
use chandlery_accounts::{Account, Accounts, Principal};
use chandlery_edge::{Proxied, Site};
use chandlery_package::Namespace;
use chandlery_store::{Clock, Db, Storage};

use super::cache::{Cache, Fact};
use super::downloads::Downloads;
use super::error::Error;
use super::repository::Repository;
use crate::settings::Limits;

/// What the distribution API works with, shared by all requests.
#[derive(Clone)]
pub struct Oci {
    /// Where it stands which repository has what.
    pub db: Db,
    /// What time it is for the money.
    pub clock: Clock,
    /// Where the contents are.
    pub storage: Storage,
    /// Whom a request is from, and what signs the tokens for OCI clients.
    pub accounts: Accounts,
    /// What is accepted.
    pub limits: Arc<Limits>,
    /// What was looked up before.
    pub cache: Arc<Cache>,
    /// Pulls not yet written down.
    pub downloads: Arc<Downloads>,
    /// Where clients reach the registry.
    pub site: Site,
}

impl FromRef<Oci> for Accounts {
    fn from_ref(oci: &Oci) -> Self {
        oci.accounts.clone()
    }
}

impl Oci {
    /// Where the client reaches the registry that sent a request with these headers, in which the server noted this.
    pub(super) fn url(&self, headers: &HeaderMap, noted: &Extensions) -> String {
        self.site.url(headers, Proxied::is_noted(noted))
    }

    /// Whether anybody may pull from a namespace.
    pub(super) async fn is_public(&self, namespace: &Namespace) -> Result<bool, Error> {
        let key = self.cache.key(namespace, "", "visibility");
        if let Some(Fact::Visibility { public }) = self.cache.get(&key) {
            return Ok(public);
        }
        let public = chandlery_accounts::is_public(&self.db, namespace).await?;
        self.cache.put(key, Fact::Visibility { public });
        Ok(public)
    }
}

/// A repository, and who is at it.
pub(super) struct At {
    pub(super) oci: Oci,
    pub(super) principal: Principal,
    pub(super) repository: Repository,
}

impl At {
    /// Refuses whoever may not pull from the repository.
    pub(super) async fn must_pull(&self) -> Result<(), Error> {
        let Self { oci, principal, repository } = self;
        if oci.is_public(&repository.namespace).await? {
            return Ok(());
        }
        if principal.may_see(&oci.db, &repository.namespace, repository.name()).await? {
            return Ok(());
        }
        match &principal.account {
            None => Err(Error::unauthenticated()),
            Some(account) => Err(Error::forbidden(&account.name, format!("pull from {repository}"))),
        }
    }

    /// Refuses whoever may not push to the repository.
    pub(super) async fn must_push(&self) -> Result<&Account, Error> {
        let Self { oci, principal, repository } = self;
        Ok(principal.must_push(&oci.db, &repository.namespace, repository.name()).await?)
    }
}
