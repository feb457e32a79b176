//! The documents of `docs/`, built into the binary and served at `/docs`: an index, a page for each, and a search; and the schema of
//! `chandlery.toml`, for editors.

mod library;
mod links;
mod pages;
mod schema;
mod search;
mod shelf;
mod visit;

use axum::Router;
use axum::middleware::map_response;
use axum::routing::get;
use chandlery_accounts::Accounts;
use chandlery_edge::Site;

use crate::shell::{self, kept_by_its_visitor};

pub use schema::ADDRESS as MANIFEST_SCHEMA;

/// The routes of this room. Documents are for everybody; who looks at them is said in their frame.
pub fn routes<S>(accounts: Accounts, site: Site) -> Router<S> {
    Router::new()
        .route("/docs", get(pages::index))
        .route("/docs/search", get(pages::search))
        .route("/docs/{*document}", get(pages::document))
        .route("/schemas/chandlery.toml.json", get(schema::file))
        .layer(map_response(kept_by_its_visitor))
        .with_state(visit::Docs { accounts, site })
}

/// The addresses of the index and of all documents, for a map of the site.
pub fn addresses() -> impl Iterator<Item = String> {
    std::iter::once(shell::DOCS.to_owned()).chain(shelf::SHELF.iter().map(shelf::Entry::address))
}
