//! Whoever changes something: an account, and how it asks.

use std::ops::Deref;

use crate::actor::Actor;
use crate::credential::Credential;
use crate::principal::Account;

/// An account that may do everything that it may, and how it asks: for what the audit trail tells of.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(crate) account: Account,
    /// What it is known by.
    pub credential: Credential,
    /// What the audit trail keeps of it.
    pub actor: Actor,
}

impl Deref for Caller {
    type Target = Account;

    fn deref(&self) -> &Account {
        &self.account
    }
}
