//! Single sign-on: people of an organisation sign in by its OpenID provider. A sign-in begins in a browser, goes to the provider, and
//! comes back to the same browser with a code, for which the provider says who that is.

mod arrival;
mod beginning;
mod holding;
mod identities;
mod provider;
mod unlinking;

pub use arrival::{Arrived, Returned, arrive};
pub use beginning::{Onward, begin, begin_link, organisation_of};
pub use holding::{held, hold, let_go};
pub use identities::{linkable, linked};
pub(crate) use provider::{remove, set, show};
pub use unlinking::unlink;
