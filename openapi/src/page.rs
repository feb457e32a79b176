//! A page to read a document by: no scripts, nothing from elsewhere.

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::Operation;

use crate::operations::{DOCUMENT, STYLE, chapter, operations};

pub(super) const RULES: &str = "\
:root { color-scheme: light dark; background: Canvas; color: CanvasText; }
a { color: LinkText; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 56rem; padding: 0 1rem; }
h2 { border-bottom: 1px solid; margin-top: 3rem; }
h1, p, dt, dd, nav, summary { overflow-wrap: anywhere; }
summary { cursor: pointer; padding: .25rem 0; }
details[open] > summary { font-weight: 600; }
details > div { border-left: 2px solid #8886; padding-left: 1rem; }
dt { font-weight: 600; margin-top: .5rem; }
pre { background: #8881; overflow-x: auto; padding: .5rem 1rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem .75rem; }
h1, dt { line-height: 1.3; }
dd { margin-left: 1.5rem; }
";

/// The whole page: chapters with their operations, then the schemas that these name, all of them folded. A link into one unfolds it.
pub(super) fn page(document: &OpenApi) -> Markup {
    let mut chapters: BTreeMap<&str, Vec<(&str, &str, &Operation)>> = BTreeMap::new();
    for (path, item) in &document.paths.paths {
        let of_path = operations(item).map(|(method, operation)| (method, path.as_str(), operation));
        chapters.entry(chapter(path)).or_default().extend(of_path);
    }
    let schemas = document.components.iter().flat_map(|components| &components.schemas);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (document.info.title) }
                link rel="stylesheet" href=(STYLE);
                // None, so that browsers do not ask for one.
                link rel="icon" href="data:,";
            }
            body {
                main {
                    h1 { (document.info.title) }
                    @if let Some(description) = &document.info.description { p { (words(description)) } }
                    p { "For programs: " a href=(DOCUMENT) { "openapi.json" } "." }
                    nav aria-label="Chapters" {
                        @for name in chapters.keys() { a href={ "#" (name) } { (name) } }
                        a href="#schemas" { "schemas" }
                    }
                    @for (name, of_chapter) in &chapters {
                        h2 id=(name) { (name) }
                        @for (method, path, described) in of_chapter { (operation(method, path, described)) }
                    }
                    h2 id="schemas" { "Schemas" }
                    @for (name, schema) in schemas {
                        details {
                            summary { (name) }
                            pre id={ "schema-" (name) } tabindex="0" { (pretty(&serde_json::json!(schema))) }
                        }
                    }
                }
            }
        }
    }
}

fn operation(method: &str, path: &str, operation: &Operation) -> Markup {
    html! {
        details {
            summary {
                code { (method.to_uppercase()) " " (path) }
                @if let Some(summary) = &operation.summary { " " (words(summary)) }
            }
            div id=[operation.operation_id.as_deref()] {
                @if let Some(description) = &operation.description { p { (words(description)) } }
                (taken_and_answered(&serde_json::json!(operation)))
            }
        }
    }
}

/// What an operation takes, and what it answers.
fn taken_and_answered(said: &Value) -> Markup {
    let bodies = said["requestBody"]["content"].as_object();
    let answers = said["responses"].as_object();
    let (fine, problems): (Vec<_>, Vec<_>) =
        answers.into_iter().flatten().partition(|(status, _)| status.starts_with('2'));
    html! {
        dl {
            @for parameter in said["parameters"].as_array().into_iter().flatten() {
                dt { (text(&parameter["name"])) " in the " (text(&parameter["in"])) }
                dd { (words(text(&parameter["description"]))) " " (schema(&parameter["schema"])) }
            }
            @for (media_type, body) in bodies.into_iter().flatten() {
                dt { "Body, " (media_type) }
                dd { (schema(&body["schema"])) }
            }
            @for (status, answer) in fine {
                dt { (status) }
                dd {
                    (words(text(&answer["description"])))
                    @for (media_type, body) in answer["content"].as_object().into_iter().flatten() {
                        " " (media_type) ": " (schema(&body["schema"]))
                    }
                }
            }
            dt { "Problems" }
            dd { @for (status, _) in problems { (status) " " } (link("Problem")) }
        }
    }
}

/// A schema in one line: a link where it has a name.
fn schema(schema: &Value) -> Markup {
    let of = |reference: &str| reference.rsplit('/').next().unwrap_or(reference).to_owned();
    match (schema["$ref"].as_str(), schema["items"]["$ref"].as_str()) {
        (Some(reference), _) => link(&of(reference)),
        (_, Some(reference)) => html! { "array of " (link(&of(reference))) },
        _ if schema.is_null() => html! {},
        _ => html! { code { (schema) } },
    }
}

fn link(name: &str) -> Markup {
    html! { a href={ "#schema-" (name) } { (name) } }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A text, in which what stands between backticks is code.
fn words(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
