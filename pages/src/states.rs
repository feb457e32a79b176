//! What a page says where there is nothing to show, and where something went wrong.

use maud::{Markup, html};

use crate::Link;

/// That a list is empty, and what to do about it.
pub fn empty(what: &str, next: &Markup) -> Markup {
    html! { div.card.empty { p { strong { (what) } } p.note { (next) } } }
}

/// Why a page cannot be shown.
#[derive(Debug, Clone)]
pub struct Failure<'a> {
    /// The status of HTTP.
    pub status: u16,
    /// What happened, in a few words.
    pub title: &'a str,
    /// What happened, and to what.
    pub detail: &'a str,
    /// What to do next, if that is known.
    pub remedy: Option<&'a str>,
    /// Where to go on.
    pub links: &'a [Link<'a>],
}

impl Failure<'_> {
    /// The content of the page that says so.
    pub fn content(&self) -> Markup {
        html! {
            p.note { "Error " (self.status) }
            h1 { (self.title) }
            p.says[is_sentence(self.detail)] { (self.detail) }
            @if let Some(remedy) = self.remedy { p { (remedy) } }
            ul { @for link in self.links { li { a href=(link.path) { (link.name) } } } }
        }
    }
}

/// Whether a text begins with a word, which a page shows with a capital, rather than with a name, which is shown as it is.
pub(crate) fn is_sentence(text: &str) -> bool {
    let first = text.split(' ').next().unwrap_or_default();
    !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_alphabetic())
}
