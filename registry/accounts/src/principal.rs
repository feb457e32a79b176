//! Who asks, and what they may do.

use chandlery_package::wire::Role;
use chandlery_package::{Namespace, PluginId, words};
use chandlery_store::Db;

use crate::Error;
use crate::actor::{Actor, Address};
use crate::credential::Credential;
use crate::grant::Grant;
use crate::powers::{Power, has};
use crate::roles::role;
use crate::standing::{role_of, speaks_for};
use crate::suspended;

words! {
    /// What an account is to the registry as a whole.
    pub(crate) enum AccountRole: "role of an account" {
        /// It may do what its memberships allow.
        Member = "member",
        /// It operates the registry.
        Operator = "operator",
    }
}

/// An account that may do everything that it may: known by its password, its session or a token without limits. Or an organisation, for
/// which such an account acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name that it logs in by, or the organisation's.
    pub name: Namespace,
    /// Whether it operates the registry.
    pub operator: bool,
    /// Whether it has not set up the second factor in time that the registry demands of it: it may what any other account may.
    pub owes_factor: bool,
    /// Whoever acts for the organisation; none: this is a person's account.
    pub person: Option<Namespace>,
}

/// Whoever asks: nobody in particular, or an account within the scope of its token.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The account, if any.
    pub account: Option<Account>,
    /// What it may do of all that the account may.
    pub grant: Grant,
    /// What it is known by.
    pub credential: Credential,
    /// The organisation that its token was made for, or its session acts for.
    pub(crate) acts_for: Option<Namespace>,
    /// Where it asks from.
    pub(crate) address: Address,
}

impl Account {
    /// An account of this role.
    pub(crate) fn of(name: Namespace, role: AccountRole) -> Self {
        Self { name, operator: role == AccountRole::Operator, owes_factor: false, person: None }
    }

    /// The person who asks: the account itself or, of an organisation, whoever acts for it.
    pub fn person(&self) -> &Namespace {
        self.person.as_ref().unwrap_or(&self.name)
    }

    /// The organisation that somebody acts for; none: this is a person's account.
    pub fn organisation(&self) -> Option<&Namespace> {
        self.person.as_ref().map(|_| &self.name)
    }

    /// Whoever acts, for the audit trail.
    pub(crate) fn actor(&self, credential: &Credential, address: Address) -> Actor {
        Actor::new(self.person(), credential, address).acting_for(self.organisation())
    }

    /// Refuses whoever has no such power in the organisation. `action` is followed by the organisation's name.
    pub async fn must_have(
        &self,
        db: &Db,
        organisation: &Namespace,
        power: Power,
        action: &str,
    ) -> Result<(), Error> {
        let mut read = db.read().acquire().await?;
        let role = role_of(&mut read, organisation, self.person()).await?;
        if !role.is_some_and(|role| has(role, power)) {
            return Err(Error::forbidden(&self.name, format!("{action} '{organisation}'")));
        }
        suspended::must_not_be(&mut read, organisation).await?;
        match power {
            Power::See => Ok(()),
            _ => self.must_owe_nothing(),
        }
    }

    /// Whether whoever asks has this power: people have each for themselves, and for an organisation those of their role.
    pub async fn may(&self, db: &Db, power: Power) -> Result<bool, Error> {
        let Some(organisation) = self.organisation() else { return Ok(true) };
        let role = role_of(&mut *db.read().acquire().await?, organisation, self.person()).await?;
        Ok(role.is_some_and(|role| has(role, power)))
    }

    /// Refuses whoever does not operate the registry.
    pub fn must_operate(&self, action: &str) -> Result<(), Error> {
        self.must_owe_nothing()?;
        if self.operator { Ok(()) } else { Err(Error::forbidden(&self.name, action)) }
    }

    fn must_owe_nothing(&self) -> Result<(), Error> {
        if self.owes_factor { Err(Error::SecondFactorOwed(self.name.clone())) } else { Ok(()) }
    }

    /// Refuses whoever has no such role in the namespace, or a lesser one.
    pub async fn must_be(
        &self,
        db: &Db,
        least: Role,
        namespace: &Namespace,
        action: &str,
    ) -> Result<(), Error> {
        match role(db, namespace, &self.name).await? {
            Some(role) if role >= least && least > Role::Viewer => self.must_owe_nothing(),
            Some(role) if role >= least => Ok(()),
            _ => Err(Error::forbidden(&self.name, format!("{action} '{namespace}'"))),
        }
    }

    /// Refuses whoever does not own the namespace.
    pub async fn must_own(&self, db: &Db, namespace: &Namespace, action: &str) -> Result<(), Error> {
        self.must_be(db, Role::Owner, namespace, action).await
    }

    /// Refuses whoever neither owns the namespace, nor has this power in an organisation that does.
    pub async fn must_speak_for(
        &self,
        db: &Db,
        namespace: &Namespace,
        power: Power,
        action: &str,
    ) -> Result<(), Error> {
        match speaks_for(&mut *db.read().acquire().await?, namespace, &self.name, power).await? {
            true => self.must_owe_nothing(),
            false => Err(Error::forbidden(&self.name, format!("{action} '{namespace}'"))),
        }
    }

    /// Refuses whoever neither owns the namespace, nor pays for an organisation that does, nor operates the registry.
    pub async fn must_see(&self, db: &Db, namespace: &Namespace) -> Result<(), Error> {
        match self.operator {
            true => Ok(()),
            false => self.must_speak_for(db, namespace, Power::Pay, "see the money of").await,
        }
    }
}

impl Principal {
    pub(super) fn nobody() -> Self {
        let (grant, credential) = (Grant::Oci(Vec::new()), Credential::None);
        Self { account: None, grant, credential, acts_for: None, address: Address(None) }
    }

    /// An account, known by its password or a token.
    pub(super) fn known(account: Account, grant: Grant, credential: Credential) -> Self {
        Self { account: Some(account), grant, credential, acts_for: None, address: Address(None) }
    }

    /// Whoever acts, for the audit trail; refuses nobody in particular.
    pub fn actor(&self) -> Result<Actor, Error> {
        let account = self.account.as_ref().ok_or(Error::Unauthenticated)?;
        Ok(account.actor(&self.credential, self.address))
    }

    /// The organisation for which its token was made, or its session acts.
    pub fn acts_for(&self) -> Option<&Namespace> {
        self.acts_for.as_ref()
    }

    /// Whether there is a token or password at all; the token may be nobody's in particular.
    pub fn has_credential(&self) -> bool {
        self.credential != Credential::None
    }

    /// Refuses whoever may not publish in this namespace, or not with this token.
    pub async fn must_publish(&self, db: &Db, plugin: &PluginId) -> Result<&Account, Error> {
        self.must_push(db, &plugin.namespace, &plugin.repository()).await
    }

    /// Refuses whoever may not push to this OCI repository of a namespace.
    pub async fn must_push(
        &self,
        db: &Db,
        namespace: &Namespace,
        repository: &str,
    ) -> Result<&Account, Error> {
        let account = self.account.as_ref().ok_or(Error::Unauthenticated)?;
        account.must_be(db, Role::Publisher, namespace, "push to").await?;
        match self.grant.allows_push(repository) {
            true => Ok(account),
            false => Err(Error::forbidden(&account.name, format!("push to {repository} with this token"))),
        }
    }

    /// Whether it may see what only members may see of this OCI repository.
    pub async fn may_see(&self, db: &Db, namespace: &Namespace, repository: &str) -> Result<bool, Error> {
        let Some(account) = &self.account else { return Ok(false) };
        if !self.grant.allows_pull(repository) {
            return Ok(false);
        }
        Ok(account.operator || role(db, namespace, &account.name).await?.is_some())
    }
}
