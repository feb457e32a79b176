//! What travels between a partner, the registry and a host: names, manifests, digests, signatures, log proofs, money.
//!
//! Nothing here does I/O. Every type is parsed once, at the edge, and trusted afterwards.

pub mod advisory;
pub mod artifact;
pub mod balance;
pub mod browser;
pub mod chain;
#[cfg(feature = "column")]
pub mod column;
pub mod component;
pub mod digest;
pub mod key;
pub mod kind;
pub mod licence;
pub mod log;
pub mod manifest;
pub mod meter;
pub mod model;
pub mod money;
pub mod month;
pub mod name;
pub mod oidc;
pub mod parameters;
pub mod permission;
pub mod plan;
pub mod policy;
pub mod price;
pub mod problem;
pub mod provenance;
pub mod publisher;
pub mod random;
pub mod rate;
pub mod reach;
pub mod rules;
pub mod signature;
pub mod size;
pub mod subject;
pub mod tax_number;
pub mod terms;
pub mod tier;
pub mod webhook;
pub mod wire;
pub mod words;

pub use advisory::{Advisory, AdvisoryError, AdvisoryId};
pub use balance::Balance;
pub use component::{Component, ComponentError};
pub use digest::{Digest, DigestError};
pub use key::{KeyError, KeyId, PrivateKey, PublicKey};
pub use kind::Kind;
pub use licence::{DisputedOrder, Entitlements, Licence, LicenceError, NextTier, PluginEntitlement};
pub use manifest::{Manifest, ManifestError};
pub use meter::Meter;
pub use money::{Currency, Money, MoneyError};
pub use month::{Month, MonthError};
pub use name::{
    DeploymentName, NameError, Namespace, OwnerName, PluginId, PluginName, Release, Requirement, SecretName,
    TargetName, TeamName, UserName,
};
pub use permission::Permission;
pub use policy::{PolicyError, RevenueSharePolicy};
pub use price::{Offer, Per, Price, PriceError, Step, Unit, UnitPrice};
pub use publisher::{Authority, Identity, Issuer, PublisherError, TrustedPublisher};
pub use random::random_bytes;
pub use rate::{Rate, RateError};
pub use rules::InstallRules;
pub use subject::Subject;
pub use tax_number::{TaxNumber, TaxNumberError};
pub use tier::{Billed, Tier};
