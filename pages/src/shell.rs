//! The frame of every page: what its head tells machines, a header with search and navigation, and a footer.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

/// What browsers show beside the title: in the page itself, so that none is asked for.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
                    %3Crect width='16' height='16' rx='4' fill='%230b5f7a'/%3E\
                    %3Cpath d='M11 5.6a4 4 0 1 0 0 4.8' fill='none' stroke='white' stroke-width='2'/%3E%3C/svg%3E";

/// A link to a page of the same site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link<'a> {
    /// The path, which begins with a slash.
    pub path: &'a str,
    /// What it is called.
    pub name: &'a str,
}

/// What a page says of itself to browsers, search engines and whoever shows a link to it.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// What the page is called, without the site's name.
    pub title: String,
    /// What it shows, in a sentence or two.
    pub description: Option<String>,
    /// The whole address that it should be known by.
    pub url: Option<String>,
    /// The path of an Atom feed of what it shows.
    pub feed: Option<String>,
    /// The whole address of a picture of what it shows.
    pub image: Option<String>,
    /// What it shows, as JSON-LD.
    pub data: Option<Value>,
    /// Whether search engines leave it out.
    pub private: bool,
}

/// The search in the header.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// The path that it asks, with the words as `q`.
    pub path: &'a str,
    /// What is searched, for people who do not see the field.
    pub label: &'a str,
    /// What was searched for.
    pub words: &'a str,
}

/// The frame of a site's pages.
#[derive(Debug, Clone)]
pub struct Shell<'a> {
    /// The site's name.
    pub name: &'a str,
    /// The path of the style sheet.
    pub style: &'a str,
    /// Links at the top of each page.
    pub links: &'a [Link<'a>],
    /// The path of the one among them that is shown; none: another page is.
    pub here: Option<&'a str>,
    /// The search in the header, if the site has one.
    pub search: Option<Search<'a>>,
    /// Who looks at it, and what they may do about that.
    pub visitor: Markup,
    /// Links at the end of each page.
    pub footer: &'a [Link<'a>],
}

impl Shell<'_> {
    /// A whole page.
    pub fn page(&self, head: &Head, content: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (head.title) " · " (self.name) }
                    link rel="stylesheet" href=(self.style);
                    link rel="icon" href=(ICON);
                    // Where a browser knows it, nothing is painted that what comes later on the page would move.
                    link rel="expect" href="#end" blocking="render";
                    (self.told(head))
                }
                body {
                    a.skip href="#content" { "To the content" }
                    header {
                        a.brand href="/" { (self.name) }
                        (self.search_form())
                        (self.navigation())
                        div.visitor { (self.visitor) }
                    }
                    main id="content" { (content) }
                    (self.foot())
                    div id="end" hidden { }
                }
            }
        }
    }

    fn navigation(&self) -> Markup {
        html! {
            nav aria-label="Site" {
                @for link in self.links {
                    a href=(link.path) aria-current=[(self.here == Some(link.path)).then_some("page")] { (link.name) }
                }
            }
        }
    }

    fn search_form(&self) -> Markup {
        html! {
            @if let Some(search) = &self.search {
                form.search role="search" aria-label=(search.label) method="get" action=(search.path) {
                    input type="search" name="q" value=(search.words) aria-label=(search.label)
                        placeholder=(search.label) maxlength="200";
                }
            }
        }
    }

    fn foot(&self) -> Markup {
        html! {
            @if !self.footer.is_empty() {
                footer {
                    nav aria-label="More" { @for link in self.footer { a href=(link.path) { (link.name) } } }
                }
            }
        }
    }

    fn told(&self, head: &Head) -> Markup {
        html! {
            @if head.private { meta name="robots" content="noindex"; }
            @if let Some(description) = &head.description {
                meta name="description" content=(description);
                meta property="og:description" content=(description);
            }
            @if let Some(url) = &head.url {
                link rel="canonical" href=(url);
                meta property="og:title" content=(head.title);
                meta property="og:type" content="website";
                meta property="og:site_name" content=(self.name);
                meta property="og:url" content=(url);
            }
            @if let Some(image) = &head.image { meta property="og:image" content=(image); }
            @if let Some(feed) = &head.feed {
                link rel="alternate" type="application/atom+xml" href=(feed);
            }
            @if let Some(data) = &head.data {
                script type="application/ld+json" { (as_script(data)) }
            }
        }
    }
}

/// JSON within an element of a page: nothing in it ends that, or begins a comment.
fn as_script(data: &Value) -> PreEscaped<String> {
    PreEscaped(data.to_string().replace('<', "\\u003c"))
}
