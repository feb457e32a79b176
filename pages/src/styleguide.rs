//! A page with every part in every state, for whoever changes one.

use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::json;

use crate::chart::{self, Bar, Fall, Part};
use crate::{
    Column, Failure, Field, Heading, Link, Picture, Sorting, Tone, badge, banner, bytes, checkbox, command,
    crumbs, day, empty, facts, fault, file, log, minute, next_page, number, pictures, schema_fields, select,
    signed, sortable_table, table, tabs, titled,
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
        (drawn())
        (forms())
        (from_a_schema())
        (lists())
        (charts())
        h2 { "Figures" }
        dl.cards {
            div.card { dt { "Available" } dd { "1,234.50 USD" } dd.note { "paid out by the next run" } }
            div.card { dt { "A name" } dd { (LONG) } dd.note { "that is too long" } }
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
        (tabs("Beside this page", &[Link { path: "/styleguide", name: "Parts" }, Link { path: "/", name: LONG }], "/styleguide"))
        p.lead { "A paragraph that leads." }
        p { "A paragraph with " a href="/" { "a link" } ", " code { "code" } " and " strong { "weight" } "." }
        p.note { "A note." }
        (command(&format!("chandlery install acme:{LONG}")))
        (log("What a program wrote", &["short".into(), format!("{LONG} {LONG}")]))
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

/// What is one colour, wide or high.
const WIDE: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='640' height='400'%3E%3Crect width='640' \
                    height='400' fill='%230b5f7a'/%3E%3C/svg%3E";
const HIGH: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='300' height='600'%3E%3Crect width='300' \
                    height='600' fill='%230b5f7a'/%3E%3C/svg%3E";

fn drawn() -> Markup {
    html! {
        h2 { "Pictures" }
        (titled(Some(WIDE), &html! { h3 { (LONG) } }))
        (pictures("What it looks like", &[
            Picture { path: WIDE, caption: "A wide one", width: 640, height: 400 },
            Picture { path: HIGH, caption: LONG, width: 300, height: 600 },
        ]))
    }
}

fn forms() -> Markup {
    html! {
        h2 { "Forms" }
        (fault(Some("What was sent is wrong.")))
        form.card method="get" action="/styleguide" {
            (Field::new("empty", "Empty"))
            (Field::new("filled", "Filled").value("text").hint("What to write there").required())
            (Field::new("wrong", "Wrong").value("texd").hint("A word").fault(Some("'texd' is no word")))
            (file("picture", "File", "image/png", "A PNG", Some("that is no PNG")))
            (select("choice", "One of", "two", &[("one", "The first"), ("two", "The second")]))
            (checkbox("yes", "Yes", true))
            (checkbox("no", "No", false))
            div { button { "Send" } " " button.danger type="button" { "Remove" } " " button.quiet type="button" { "Not now" } }
        }
    }
}

/// Each kind of control: empty, filled, and with what is wrong.
fn from_a_schema() -> Markup {
    let schema = json!({
        "required": ["model", "weights"],
        "properties": {
            "model": { "title": "Model", "type": "string", "description": "Its name, which must be given." },
            "weights": { "type": "string", "enum": ["bf16", "fp8", LONG], "default": "bf16" },
            "gated": { "type": "boolean", "description": "Whether it is." },
            "replicas": { "type": "integer", "minimum": 1, "maximum": 100, "default": 1 },
            "share": { "type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 1 },
            "prompt": { "type": "string", "default": "One line,\nand another." },
            "labels": { "type": "object", "default": {}, "description": "As JSON." },
            "port": { "type": "integer", "default": 8000 },
            "cache": { "type": "string", "enum": ["auto", "fp8"] },
        },
    });
    let wrong = json!({ "weights": "bf8", "replicas": "many", "share": 0.5, "labels": "{", "gated": true });
    let wrong = wrong.as_object().cloned().unwrap_or_default();
    let problems = [
        ("", "This is about all of it."),
        ("model", "this must be given"),
        ("weights", "'bf8' is none of: bf16, fp8"),
        ("replicas", "'many' is no whole number"),
        ("/labels/team", "this is no JSON"),
    ];
    let problems = problems.map(|(of, says)| (of.to_owned(), says.to_owned()));
    html! {
        h2 { "Forms from a schema" }
        form.card.wide method="get" action="/styleguide" {
            (schema_fields(&schema, &wrong, &problems))
            div { button { "Send" } }
        }
    }
}

fn charts() -> Markup {
    let part = |value: i64, what: &str| Part { value, title: format!("{what}: {}", signed(value)) };
    let months = [("2026-09", 400, 100), ("2026-10", 0, 0), ("2026-11", 850, 150), ("2026-12", -200, 0)];
    let months = months.map(|(name, share, rest)| {
        let parts = vec![part(share, "your share"), part(rest, "marketplace's share")];
        Bar { name: name.into(), parts }
    });
    let falls = [("Sold", 1000, true), ("Given back", -200, false), ("Added", 50, false), ("Net", 850, true)];
    let falls = falls.map(|(name, value, is_total)| Fall {
        name: name.into(),
        value,
        is_total,
        title: format!("{name}: {}", signed(value)),
    });
    html! {
        h2 { "Charts" }
        div.card.scroll role="region" aria-label="Bars, one of them below zero, as a chart" tabindex="0" { (chart::bars("Bars, one of them below zero", &months, &signed)) (chart::legend("your share", "marketplace's share")) }
        div.card.scroll role="region" aria-label="Bars where there is nothing, as a chart" tabindex="0" { (chart::bars("Bars where there is nothing", &[], &signed)) }
        div.card.scroll role="region" aria-label="From what was sold to what is left, as a chart" tabindex="0" { (chart::waterfall("From what was sold to what is left", &falls, &signed)) }
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
        h2 { "A table that is sorted" }
        (sortable_table("A table that is sorted by its count", &[
            Heading { path: Some("/styleguide?sort=name".into()), ..Column::Text("Name").into() },
            Heading { column: Column::Number("Count"), path: Some("/styleguide".into()), sorted: Some(Sorting::Descending) },
        ], &rows))
        h2 { "A table without rows" }
        (table("A table without rows", &columns, &[]))
    }
}
