//! What a page says where there is nothing to show, and where something went wrong.

use maud::{Markup, html};

use crate::Link;

/// That a list is empty, and what to do about it.
pub fn empty(what: &str, next: &Markup) -> Markup {
    html! { div.card.empty { p { strong { (what) } } p.note { (next) } } }
}

/// What a program says of itself, as problems do without a capital letter and a full stop, as a sentence of a page. The capital is the style
/// sheet's, and what begins with a name has none.
pub fn sentence(said: &str) -> Markup {
    let word = said.split(' ').next().unwrap_or_default();
    let is_raised = said.starts_with(char::is_lowercase) && word.chars().all(char::is_alphabetic);
    let end = if said.is_empty() || said.ends_with(['.', '?', '!', ':']) { "" } else { "." };
    html! { span.sentence[is_raised] { (said) (end) } }
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
            p { (sentence(self.detail)) }
            @if let Some(remedy) = self.remedy { p { (sentence(remedy)) } }
            p.actions { @for link in self.links { a href=(link.path) { (link.name) } } }
        }
    }
}
