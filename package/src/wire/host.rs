//! What a host and its clients say to each other in JSON, below `/api/v1` of the host.

mod account;
mod deployments;
mod models;
mod plans;
mod plugins;
mod replicas;
mod rules;
mod sign_in;
mod targets;
mod users;

pub use account::*;
pub use deployments::*;
pub use models::*;
pub use plans::*;
pub use plugins::*;
pub use replicas::*;
pub use rules::*;
pub use sign_in::*;
pub use targets::*;
pub use users::*;
