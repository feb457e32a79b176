//! Trusted publishing: a workload that an issuer of OpenID Connect tokens vouches for publishes without a stored secret.
//!
//! Operators say whose tokens are believed, owners of a namespace which workloads may publish its plugins. A workload exchanges its
//! issuer's token for one of the registry, and binds a key to it that it has made for this; the log says who that was.

mod claims;
mod error;
mod exchange;
mod issuers;
mod jwks;
mod keys;
mod publishers;
mod routes;
mod state;

pub use error::{Error, KINDS};
pub use exchange::{Exchange, exchanged_for};
pub use keys::IssuerKeys;
pub use publishers::{add as trust, is_trusted, list as publishers, remove as distrust};
pub use routes::routes;
pub use state::Trusted;
