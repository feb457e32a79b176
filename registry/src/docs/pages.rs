//! The pages: the index, a document, what a search has found, and that there is no such document.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chandlery_edge::{Path, Query};
use chandlery_pages::{Failure, Link, crumbs, empty};
use form_urlencoded::byte_serialize;
use maud::{Markup, html};
use serde::Deserialize;

use super::library::{self, Document, LIBRARY};
use super::search::{self, Found, QUESTION_MAX};
use super::shelf::{Entry, Group, SHELF};
use super::visit::Visit;
use crate::shell::DOCS;

/// The title of the index, by which the link to it is marked as the page that is shown.
const TITLE: &str = "Docs";
const SEARCH: &str = "/docs/search";
const ABOUT: &str = "How to publish a plugin, deploy one, be paid for it, and run a marketplace: tutorials, guides and reference.";
const API: Link<'static> = Link { path: "/api/v1/docs", name: "API" };
/// Where whoever has lost their way goes on.
const ALL: Link<'static> = Link { path: DOCS, name: "All documents" };

/// The page `/docs`.
pub(super) async fn index(visit: Visit) -> Markup {
    let content = html! {
        h1 { "Documentation" }
        p.lead { (ABOUT) }
        (form(""))
        @for group in Group::ALL {
            h2 { (group.title()) }
            ul.plugins {
                @for entry in SHELF.iter().filter(|entry| entry.group == group) {
                    (card(&entry.address(), entry.title, entry.summary, entry.readers))
                }
                @if group == Group::Reference {
                    (card(API.path, API.name, "Every route of this registry, what it takes and what it answers.", "programs"))
                }
            }
        }
    };
    visit.page(DOCS, TITLE, ABOUT, &content)
}

fn card(address: &str, title: &str, summary: &str, readers: &str) -> Markup {
    html! {
        li.card {
            h3 { a href=(address) { (title) } }
            p { (summary) }
            p.note { "For " (readers) "." }
        }
    }
}

fn form(words: &str) -> Markup {
    html! {
        form.filters role="search" aria-label="Search the documents" method="get" action=(SEARCH) {
            div.field {
                label for="words" { "Search the documentation" }
                input id="words" type="search" name="q" value=(words) maxlength=(QUESTION_MAX);
            }
            button { "Search" }
        }
    }
}

/// The page of a document, `/docs/{*document}`.
pub(super) async fn document(visit: Visit, Path(path): Path<String>) -> Response {
    let Some((document, before, after)) = library::find(&path) else {
        return (StatusCode::NOT_FOUND, unknown(&visit, &path)).into_response();
    };
    let entry = document.entry;
    let content = html! {
        (crumbs(&[Link { path: DOCS, name: TITLE }], entry.title))
        div.document {
            (contents(document))
            article.prose {
                @for section in &document.sections { (section.html) }
                (neighbours(before, after))
            }
        }
    };
    visit.page(&entry.address(), entry.title, entry.summary, &content).into_response()
}

fn contents(document: &Document) -> Markup {
    html! {
        @if document.contents().next().is_some() {
            nav.contents aria-label="On this page" {
                p.note { "On this page" }
                ul {
                    @for section in document.contents() {
                        li { a href=(format!("#{}", section.anchor)) { (section.heading) } }
                    }
                }
            }
        }
    }
}

fn neighbours(before: Option<&Entry>, after: Option<&Entry>) -> Markup {
    html! {
        nav.neighbours aria-label="Other documents" {
            @if let Some(entry) = before { a rel="prev" href=(entry.address()) { "← " (entry.title) } }
            @if let Some(entry) = after { a rel="next" href=(entry.address()) { (entry.title) " →" } }
        }
    }
}

fn unknown(visit: &Visit, path: &str) -> Markup {
    // Its words are what a search may find it by.
    let words = path.replace(['/', '-', '_'], " ");
    let words: String = words.chars().take(QUESTION_MAX).collect();
    let search: String = byte_serialize(words.as_bytes()).collect();
    let search = format!("{SEARCH}?q={search}");
    let failure = Failure {
        status: StatusCode::NOT_FOUND.as_u16(),
        title: "No such document",
        detail: &format!("There is no document at {DOCS}/{path}."),
        remedy: Some(
            "It may have got another name: search for its words, or begin at the list of all documents.",
        ),
        links: &[ALL, Link { path: &search, name: "Search for it" }],
    };
    visit.private_page("No such document", &failure.content())
}

/// What is searched for.
#[derive(Debug, Deserialize)]
pub(super) struct Question {
    #[serde(default)]
    q: String,
}

/// The page `/docs/search`.
pub(super) async fn search(visit: Visit, Query(question): Query<Question>) -> Markup {
    let question: String = question.q.chars().take(QUESTION_MAX).collect();
    let words = search::words(&question);
    let found = search::find(&LIBRARY, &words);
    let content = html! {
        (crumbs(&[Link { path: DOCS, name: TITLE }], "Search"))
        h1 { "Search the documentation" }
        (form(&question))
        @match (words.is_empty(), found.is_empty()) {
            (true, _) => (empty("Nothing is searched for yet.", &html! {
                "Write what you want to do, or a word of an error: " code { "rule-refused" } "."
            })),
            (false, true) => (empty("Nothing was found.", &html! {
                "Each word must be in a section: fewer words, or a part of one, find more. Or see "
                a href=(DOCS) { "all documents" } "."
            })),
            (false, false) => (results(&found, &words)),
        }
    };
    visit.private_page("Search the documentation", &content)
}

fn results(found: &[Found<'_>], words: &[String]) -> Markup {
    html! {
        ol.results {
            @for one in found {
                li {
                    h2 { a href=(one.address()) { (one.section.heading) } }
                    p.note { (one.document.entry.title) }
                    p { (one.snippet(words)) }
                }
            }
        }
    }
}
