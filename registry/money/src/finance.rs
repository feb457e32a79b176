//! What the rooms of the money share: where the rows are, what time it is, and how money and mail leave.

use std::sync::Arc;

use axum::extract::FromRef;
use chandlery_accounts::Accounts;
use chandlery_log::Log;
use chandlery_package::PluginId;
use chandlery_store::{Clock, Db, Write};
use futures::future::BoxFuture;

use crate::Error;

/// Tells the catalog, in the transaction that sets it, what a plugin costs everybody from now on: the offer as it is stored.
pub type OnOffer =
    for<'a> fn(&'a mut Write, &'a PluginId, &'a str) -> BoxFuture<'a, Result<(), chandlery_store::Error>>;

/// What the rooms of the money share.
#[derive(Clone)]
pub struct Finance {
    /// Where the rows of all rooms are.
    pub db: Db,
    /// What time it is for the money.
    pub clock: Clock,
    /// Who asks, and what that account may do.
    pub accounts: Accounts,
    /// What signs licences and takes statements in.
    pub log: Arc<Log>,
    /// How many days an earning stays on hold.
    pub hold_days: u32,
    /// How many days ago use may have ended that is still taken.
    pub usage_days: u32,
    /// How many hours whoever operates the registry alone waits for what others would approve.
    pub approval_hours: u32,
    /// Where payments come in beside bank transfers.
    pub processor: Option<Arc<Processor>>,
    /// How mail leaves; none: customers are told on their page alone.
    pub mail: Option<Arc<Mail>>,
    /// Who is asked whether tax numbers are valid; none: nobody, and none is.
    pub vies: Option<Arc<Vies>>,
    /// Whether webhooks of partners may lead into private networks and go unencrypted.
    pub private_webhooks: bool,
    /// Who is told of offers.
    pub on_offer: OnOffer,
}

impl Finance {
    /// What payments come in by beside bank transfers, or that there is none here.
    pub(crate) fn processor(&self) -> Result<&Processor, Error> {
        let none = || Error::NotFound("processor of payments here: pay by bank transfer".into());
        self.processor.as_deref().ok_or_else(none)
    }
}

impl FromRef<Finance> for Accounts {
    fn from_ref(finance: &Finance) -> Self {
        finance.accounts.clone()
    }
}

/// How the processor of payments is reached.
#[derive(Clone)]
pub struct Processor {
    /// Where it is, such as `https://api.stripe.com`.
    pub url: String,
    /// The secret key that requests carry, `sk_…`.
    pub key: String,
    /// `whsec_…`: one or, while it is being changed, several, separated by commas.
    pub webhook_secret: String,
}

impl std::fmt::Debug for Processor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Processor at {}", self.url)
    }
}

/// Where the European Union's VIES is asked whether tax numbers are valid.
#[derive(Debug, Clone)]
pub struct Vies {
    /// What `/ms/{state}/vat/{number}` follows, such as `https://ec.europa.eu/taxation_customs/vies/rest-api`.
    pub url: String,
}

/// How mail leaves.
#[derive(Clone)]
pub struct Mail {
    /// `smtp://HOST:PORT`, or `smtps://USER:PASSWORD@HOST`.
    pub url: String,
    /// Who it is from.
    pub from: String,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mail from {}", self.from)
    }
}
