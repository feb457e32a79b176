//! The directory of an organisation: an identity provider that says by SCIM 2.0 (RFC 7643, RFC 7644) who belongs to it, and in which
//! groups. People are members, with the highest role of their groups; whose account the organisation manages can do nothing more once the
//! directory has ended it.

mod directory;
mod error;
mod groups;
mod management;
mod opening;
mod patch;
mod path;
mod person;
mod query;
mod reading;
mod roles;
mod routes;
mod schemas;
mod standing;
mod team;
mod tokens;
mod users;
mod values;
mod version;

pub(crate) use management::routes as management;
pub use reading::{read_body, read_filter};
pub use routes::routes;

/// The media type of whatever a directory sends and is answered.
const MEDIA_TYPE: &str = "application/scim+json";
/// The schema of a person.
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The schema of a group.
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
