//! The catalog: the keys of namespaces, plugins, releases and what became of them, and search.

mod accept;
mod changes;
mod downloads;
mod error;
mod keys;
mod lifecycle;
mod looks;
mod pages;
mod publish;
mod releases;
mod routes;
mod search;
mod staged_routes;
mod staging;
mod state;
mod two_people;
mod versions;
mod visibility;

pub use changes::{changed, offer_changed};
pub use downloads::write_downloads;
pub use error::{Error, KINDS};
pub use keys::{add_key, keys, revoke_all, revoke_key};
pub use lifecycle::{certify, deprecate, must_be_short, withdraw, yank};
pub use looks::fill_in_looks;
pub use pages::pages;
pub use publish::{Published, publish};
pub use releases::{find_release, releases};
pub use routes::routes;
pub use search::{Payment, Query, Search, SearchOrder};
pub use staging::forget_all as forget_staged;
pub use staging::forget_lapsed;
pub use state::Catalog;
pub use two_people::forget as forget_two_people;
pub use versions::fill_in_order;
pub use visibility::{must_see, set_visibility};
