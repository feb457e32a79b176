//! What every page of an account shares.

use axum::http::{HeaderName, header};
use chandlery_accounts::Account;
use chandlery_package::wire::RailKind;
use chandlery_pages::Head;
use maud::Markup;

use crate::shell;

/// A whole page, which search engines leave out.
pub(super) fn page(title: &str, caller: Option<&Account>, content: Markup) -> Markup {
    let head = Head { title: title.into(), private: true, ..Head::default() };
    shell::page(&head, caller.into(), "", &content)
}

/// A page that everybody may read.
pub(super) fn public(title: &str, about: &str, caller: Option<&Account>, content: Markup) -> Markup {
    let head = Head { title: title.into(), description: Some(about.into()), ..Head::default() };
    shell::page(&head, caller.into(), "", &content)
}

/// A link to the page of a list that follows, where there is one.
pub(super) fn next_page(path: &str, next: Option<&str>) -> Markup {
    chandlery_pages::next_page(next.map(|after| format!("{path}?after={after}")).as_deref())
}

pub(super) async fn style() -> ([(HeaderName, &'static str); 2], &'static str) {
    let headers =
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, chandlery_pages::STYLE)
}

/// The page `/styleguide`.
pub(super) async fn guide() -> Markup {
    page("Parts of pages", None, chandlery_pages::styleguide())
}

/// What a payout leaves by, for people.
pub(super) fn rail(kind: RailKind) -> &'static str {
    match kind {
        RailKind::Manual => "hand",
        RailKind::Sepa => "bank file",
        RailKind::Stripe => "Stripe",
    }
}
