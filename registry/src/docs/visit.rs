//! Who looks at a document, and where they reach the registry.

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use chandlery_accounts::{Account, Accounts};
use chandlery_edge::{Error, Proxied, Site};
use chandlery_pages::Head;
use maud::Markup;

use crate::shell;

/// What this room works with.
#[derive(Clone)]
pub struct Docs {
    /// Whom a request is from.
    pub accounts: Accounts,
    /// Where the registry is reached.
    pub site: Site,
}

impl FromRef<Docs> for Accounts {
    fn from_ref(docs: &Docs) -> Self {
        docs.accounts.clone()
    }
}

/// One visit of these pages.
pub struct Visit {
    account: Option<Account>,
    /// Where the visitor reaches the registry, without a slash at the end.
    base: String,
}

impl FromRequestParts<Docs> for Visit {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, docs: &Docs) -> Result<Self, Error> {
        let base = docs.site.url(&parts.headers, Proxied::is_noted(&parts.extensions));
        let account = <Account as OptionalFromRequestParts<Docs>>::from_request_parts(parts, docs).await?;
        Ok(Self { account, base })
    }
}

impl Visit {
    /// A whole page for whoever visits, at an address of this site.
    pub fn page(&self, address: &str, title: &str, about: &str, content: &Markup) -> Markup {
        let url = format!("{}{address}", self.base);
        let head =
            Head { title: title.into(), description: Some(about.into()), url: Some(url), ..Head::default() };
        shell::page(&head, self.account.as_ref().into(), "", content)
    }

    /// A page that search engines leave out.
    pub fn private_page(&self, title: &str, content: &Markup) -> Markup {
        let head = Head { title: title.into(), private: true, ..Head::default() };
        shell::page(&head, self.account.as_ref().into(), "", content)
    }
}
