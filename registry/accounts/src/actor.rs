//! Who acts, by what, and from where: what the audit trail keeps of somebody.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chandlery_package::{Identity, Issuer, Namespace};

use crate::credential::{Credential, token_id};

/// Where a request came from. The server adds it to each request that comes by the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address(pub Option<IpAddr>);

impl Address {
    pub(crate) fn of(parts: &Parts) -> Self {
        parts.extensions.get::<Self>().copied().unwrap_or(Self(None))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

/// Whoever acts, as the audit trail names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The account; none: whoever holds the registry's machine.
    pub(crate) account: Option<Namespace>,
    /// What it is known by, in words that give no secret away.
    pub(crate) credential: String,
    pub(crate) address: Address,
}

impl Actor {
    /// An account that was known by this credential.
    pub fn new(account: &Namespace, credential: &Credential, address: Address) -> Self {
        Self { account: Some(account.clone()), credential: credential.to_string(), address }
    }

    /// The same, acting for an organisation; for none, as themselves.
    #[must_use]
    pub(crate) fn acting_for(self, organisation: Option<&Namespace>) -> Self {
        match organisation {
            Some(organisation) => {
                Self { credential: format!("{}, for {organisation}", self.credential), ..self }
            }
            None => self,
        }
    }

    /// Whoever runs commands on the registry's own machine, and so holds its database anyway.
    pub fn machine() -> Self {
        Self { account: None, credential: "machine".into(), address: Address(None) }
    }

    /// Whoever has the token by which an account's password is reset.
    pub(crate) fn of_reset(account: &Namespace, address: Address) -> Self {
        Self { account: Some(account.clone()), credential: "password reset".into(), address }
    }

    /// Whoever has shown a passkey of an account.
    pub(crate) fn of_passkey(account: &Namespace, address: Address) -> Self {
        Self { account: Some(account.clone()), credential: "passkey".into(), address }
    }

    /// The directory of an organisation, by a token that this member has made for it; it is kept under this digest.
    pub(crate) fn of_directory(
        maker: &Namespace,
        organisation: &Namespace,
        hash: &str,
        address: Address,
    ) -> Self {
        let credential = format!("directory of '{organisation}' by token {}", token_id(hash));
        Self { account: Some(maker.clone()), credential, address }
    }

    /// A workload that acts by an account's right, as its issuer vouched for it.
    pub fn of_workload(account: &Namespace, identity: &Identity, address: Address) -> Self {
        Self { account: Some(account.clone()), credential: identity.to_string(), address }
    }

    /// Whoever has the token that was sent to an account's e-mail address.
    pub(crate) fn of_letter(account: &Namespace, address: Address) -> Self {
        Self { account: Some(account.clone()), credential: "token sent by e-mail".into(), address }
    }

    /// Whoever an organisation's provider has vouched for.
    pub(crate) fn of_provider(account: &Namespace, issuer: &Issuer, address: Address) -> Self {
        Self { account: Some(account.clone()), credential: format!("sign-in by {issuer}"), address }
    }

    /// Whoever has signed a program in on a page, of which that asks from this address.
    pub(crate) fn of_device(account: &Namespace, address: Address) -> Self {
        Self { account: Some(account.clone()), credential: "program signed in on a page".into(), address }
    }

    /// Whoever asks from this address, known by nothing.
    pub(crate) fn anybody(address: Address) -> Self {
        Self { account: None, credential: "nothing".into(), address }
    }

    /// What people are told of it.
    pub(crate) fn in_words(&self) -> String {
        let who = match &self.account {
            Some(account) => format!("'{account}'"),
            None => "whoever holds the registry's machine".into(),
        };
        match self.address {
            Address(Some(address)) => format!("{who} (from {address})"),
            Address(None) => who,
        }
    }
}

/// As the books name it: `ann (token 0123456789ab)`, or `machine`.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.account {
            Some(account) => write!(f, "{account} ({})", self.credential),
            None => f.write_str(&self.credential),
        }
    }
}
