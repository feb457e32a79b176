//! What the routes of all the registry's rooms share: extractors that refuse in the registry's own words, forms with a file, errors as
//! answers, where clients reach it, and whom limits count.

mod allowance;
mod answer;
mod client;
mod error;
mod extract;
mod rooms;
mod site;
mod upload;

pub use allowance::Allowance;
pub use answer::answer;
pub use client::{Client, Network, NetworkError, Peer, Proxied, Proxies};
pub use error::{Error, FORBIDDEN, KINDS, SECOND_FACTOR_NEEDED, TOO_LARGE, UNAUTHENTICATED};
pub use extract::{Form, Json, NO_TEXT, Path, Query, has_nul};
pub use site::{Sender, Site};
pub use upload::{FIELDS_BYTES_MAX, File, Part, Upload};

/// The largest body of a request that is not a push, in bytes.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// What the macros name.
#[doc(hidden)]
pub mod sources {
    pub use axum::response::{IntoResponse, Response};
    pub use chandlery_package::problem::Kind;
    pub use chandlery_package::{DigestError as Digest, NameError as Name};
    pub use chandlery_store::Error as Store;
    pub use sqlx::Error as Database;
}
