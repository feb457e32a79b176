//! A page with every part in every state, for whoever changes one.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::{
    Column, Failure, Field, Link, Tone, badge, banner, bytes, checkbox, command, crumbs, day, empty, facts,
    minute, next_page, number, select, table,
};

/// Longer than any line of a narrow page.
const LONG: &str =
    "a-name-that-is-as-long-as-names-may-be-and-has-no-place-where-it-could-be-broken-into-two-lines";

/// The content of the page.
pub fn styleguide() -> Markup {
    html! {
        h1 { "Parts of pages" }
        (texts())
        (tones())
        (forms())
        (lists())
        h2 { "Figures" }
        dl.cards {
            div.card { dt { "Available" } dd { "1,234.50 USD" } p.note { "paid out by the next run" } }
            div.card { dt { "A name" } dd { (LONG) } p.note { "that is too long" } }
        }
        h2 { "Nothing, and what went wrong" }
        (empty("Nothing was found.", &html! { "Try " a href="/" { "other words" } "." }))
        (Failure {
            status: 404,
            title: "Not found",
            detail: "there is no plugin 'acme:none'",
            remedy: Some("search for it"),
            links: &[Link { path: "/", name: "Home" }],
        }.content())
    }
}

fn texts() -> Markup {
    html! {
        (crumbs(&[Link { path: "/", name: "Home" }], "Parts of pages"))
        p.lead { "A paragraph that leads." }
        p { "A paragraph with " a href="/" { "a link" } ", " code { "code" } " and " strong { "weight" } "." }
        p.note { "A note." }
        (command(&format!("chandlery install acme:{LONG}")))
        (facts(&[
            ("Day", day(Timestamp::UNIX_EPOCH)),
            ("Minute", minute(Timestamp::UNIX_EPOCH)),
            ("Number", html! { (number(1_234_567)) }),
            ("Size", html! { (bytes(1_500_000)) }),
            ("Long", html! { (LONG) }),
        ]))
    }
}

fn tones() -> Markup {
    let all = [(Tone::Plain, "plain"), (Tone::Good, "good"), (Tone::Warning, "warning"), (Tone::Bad, "bad")];
    html! {
        h2 { "Badges and banners" }
        p.badges { @for (tone, name) in all { (badge(tone, name)) } }
        @for (tone, name) in all { (banner(tone, &html! { "A " (name) " banner with " a href="/" { "a link" } "." })) }
    }
}

fn forms() -> Markup {
    html! {
        h2 { "Forms" }
        form.card method="get" action="/styleguide" {
            (Field::new("empty", "Empty"))
            (Field::new("filled", "Filled").value("text").hint("What to write there").required())
            (Field::new("wrong", "Wrong").value("texd").hint("A word").fault(Some("'texd' is no word")))
            (select("choice", "One of", "two", &[("one", "The first"), ("two", "The second")]))
            (checkbox("yes", "Yes", true))
            (checkbox("no", "No", false))
            div { button { "Send" } " " button.quiet type="button" { "Not now" } }
        }
    }
}

fn lists() -> Markup {
    let columns = [Column::Text("Name"), Column::Number("Count")];
    let rows = [(LONG, 1_u64), ("short", 1_000_000)];
    let rows: Vec<Vec<Markup>> =
        rows.map(|(name, count)| vec![html! { (name) }, html! { (number(count)) }]).into();
    html! {
        h2 { "Tables" }
        (table("A table with two rows", &columns, &rows))
        (next_page(Some("/styleguide")))
        h2 { "A table without rows" }
        (table("A table without rows", &columns, &[]))
    }
}
